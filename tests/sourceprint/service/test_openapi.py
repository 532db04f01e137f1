"""The API against its own description: schemathesis sends requests that fit it and requests that do not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from sourceprint.service.log_feed import LogFeed
from tests.places import ROOT
from tests.service_servers import SetClock, TestService, open_server, running
from tests.sourceprint.service.conftest import with_catalogue

_EXAMPLES = "3"  # of each operation and kind, beside those of its boundaries
_LIMITS = {"per_minute": 10**6, "json_kb": 64_000, "wait_seconds": 0.0}  # no request is refused for its rate or size


@pytest.mark.slow
def test_the_api_keeps_to_its_description(tmp_path: Path, music: Path, index: Path, clock: SetClock) -> None:
    with running(open_server(tmp_path, "", clock, **_LIMITS), clock) as service:
        with_catalogue(service, index)
        with service.client() as client:
            for path in ("/v1/scans", "/v1/checks"):
                assert client.post(path, content=(music / "reuse.wav").read_bytes()).status_code in (200, 202)
        service.work()
        LogFeed(service.server.database, service.server.folder).feed()
        command = [
            sys.executable, "-m", "schemathesis.cli", "run", f"{service.url}/openapi.json", "--no-color",
            "-H", f"Authorization: Bearer {service.key('main')}", "--phases", "examples,coverage,fuzzing",
            "--seed", "1", "--max-examples", _EXAMPLES, "--generation-database", "none", "--continue-on-failure",
            "--suppress-health-check", "all", "--warnings", "off",
        ]  # fmt: skip
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "tests.service_schema_hooks"}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=600
        )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    assert "Tested: " in done.stdout


def test_the_summary_of_each_operation_is_a_plain_sentence(sqlite_service: TestService) -> None:
    paths = httpx.get(f"{sqlite_service.url}/openapi.json").json()["paths"]
    operations = [one for path in paths.values() for one in path.values()]
    assert len(operations) > 30
    for one in operations:
        words = one["summary"]
        assert " ".join(one["description"].split()).startswith(words), words
        assert 2 < len(words.split()) < 25, words
