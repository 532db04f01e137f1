"""The walk of docs/service.md from rights over usage to a statement, run as it stands there, with curl and jq."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest

from sourceprint.royalties.statements.audit import audit_statement
from tests.places import ROOT
from tests.service_servers import TestService
from tests.sourceprint.service import test_from_folder_to_statement as samples

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="the walk needs curl and jq"),
]


def test_the_walk_in_curl_leads_to_a_statement(catalogued: TestService, music: Path, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "service.md").read_text(encoding="utf-8")
    (walk,) = re.findall(r"^## From rights to a statement$.*?^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    for name, text in (
        ("rights.csv", samples._RIGHTS),
        ("parties.tsv", samples._PARTIES),
        ("licence.toml", samples._LICENCE),
        ("usage.csv", samples._USAGE),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
    with catalogued.client() as client:
        sent = client.post("/v1/scans?name=reuse.wav", content=(music / "reuse.wav").read_bytes()).json()
    catalogued.work()
    key = catalogued.key("main", "rights", "decide", "statements")
    environment = {**os.environ, "KEY": key, "URL": catalogued.url, "SCAN": sent["id"]}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", walk], cwd=tmp_path, env=environment, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    statement = json.loads((tmp_path / "statement.json").read_text(encoding="utf-8"))
    assert sum(Decimal(one["paid"]) for one in statement["balances"]) == Decimal("20.00")
    assert audit_statement(tmp_path / "statement") == []
