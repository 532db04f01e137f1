"""A licensee's pipeline and a label's back office through the API: from an empty folder to a statement that adds up."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import pytest

from sourceprint.royalties.statements.audit import audit_statement
from sourceprint.service.log_feed import LogFeed
from sourceprint.signatures import create_key
from sourceprint.transparency import LogReader
from tests.command_line import run
from tests.service_servers import TestService

_LICENSEE = "../../../P/TONE"  # an id may look like a way out of the folder
_RIGHTS = """\
index_id,recording_title,work_title,writers,party,role,right,share
A,Title A,,,Harbour Records,,Master,100 %
A,Title A,Song A,Ada Ash,Ada Ash,Composer,MechanicalRight,100 %
A,Title A,Song A,Ada Ash,Ada Ash,Composer,PerformingRight,100 %
"""
_PARTIES = "PartyRecordId\tFullName\nP-TONE\tTonewell Generators\n"
_LICENCE = """\
schema = "sourceprint/licence/1"
id = "L-1"
licensor = "party:harbour records"
licensee = "P-TONE"
valid_from = 2026-01-01
valid_to = 2026-12-31
purposes = ["generate"]

[scope]
everything = true

[rate_card]
currency = "EUR"
royalty_rate = "20 %"
minimum_payout = "0.01"

[rate_card.rights]
Master = "50 %"
MechanicalRight = "25 %"
PerformingRight = "25 %"
"""
_USAGE = """\
track,generated_on,purpose,territory,usages,net_revenue,currency
reuse.wav,2026-08-20,generate,DE,1000,100.00,EUR
"""


@pytest.mark.slow
def test_from_an_empty_folder_to_a_statement(service: TestService, music: Path, tmp_path: Path) -> None:
    own = service.server.folder.organisation("main")
    own.keys.mkdir(parents=True)
    create_key(own.keys, "label")
    label = service.client("main", "catalogue:write", "rights", "decide", "statements")
    with service.client("main", "audit") as auditor, service.client("other") as stranger:
        for name in "AB":
            query = {"id": name, "title": f"Title {name}", "name": f"{name}.wav"}
            sent = label.post("/v1/catalogue/additions", params=query, content=(music / f"{name}.wav").read_bytes())
            assert sent.status_code == 202, sent.text
        assert service.work() == 2
        for name, text in (("rights.csv", _RIGHTS), ("parties.tsv", _PARTIES), ("licence.toml", _LICENCE)):
            imported = label.post(
                "/v1/rights/imports", params={"name": name}, content=text.replace("P-TONE", _LICENSEE).encode()
            )
            assert imported.status_code == 200, imported.text
            assert imported.json()["imported"], imported.text
        assert label.get("/v1/rights/L-1").json()["found"]

        # The licensee's pipeline: check before the release, then scan what was released.
        pipeline = service.client("main", "scan", "check")
        body = (music / "reuse.wav").read_bytes()
        checked = pipeline.post("/v1/checks?name=reuse.wav&wait=0", content=body).headers["location"]
        scanned = pipeline.post("/v1/scans?name=reuse.wav&reference=track-1", content=body).json()["id"]
        assert service.work() == 2
        assert pipeline.get(checked).json()["result"]["exit_code"] == 1
        assert pipeline.get(f"/v1/scans/{scanned}/result").json()["matches"][0]["recording_id"] == "A"

        # The label's back office: usage, attribution, decision, statement.
        period = {"licensee": _LICENSEE, "period": "2026-Q3"}
        early = label.post("/v1/usage", params=period, content=_USAGE.encode()).json()
        assert (early["rows"], early["n_unmatched"]) == (1, 1)  # its scan is not attributed yet
        asked = {
            "scans": [scanned],
            "policy": "matched-seconds",
            "licensee": _LICENSEE,
            "generated": "2026-08-20",
        }
        json_body = {"Content-Type": "application/json"}
        attributed = label.post("/v1/attributions", json=asked, headers=json_body)
        assert attributed.status_code == 200, attributed.text
        for text, unmatched in ((_USAGE.replace("reuse", "reuze"), ["reuze.wav"]), (_USAGE, [])):
            entered = label.post("/v1/usage", params=period, content=text.encode()).json()
            assert [one["track"] for one in entered["unmatched"]] == unmatched, entered
        uses = label.get("/v1/uses", params={"licensee": _LICENSEE}).json()
        assert uses
        if held := [use["id"] for use in uses if use["state"] != "claimed"]:
            decision = {"uses": held, "state": "claimed", "reason": "heard it"}
            assert label.post("/v1/uses/decisions", json=decision, headers=json_body).status_code == 200
        LogFeed(service.server.database, service.server.folder).feed()
        newest = LogReader(service.server.folder.log).checkpoint()
        made = label.post("/v1/statements", json=period, headers=json_body)
        assert made.status_code == 200, made.text
        statement = made.json()
        paid = sum(Decimal(one["paid"]) for one in statement["balances"])
        assert paid == Decimal("20.00")  # a fifth of 100 EUR, all of it matched and claimed by two parties

        folder = tmp_path / "statement"
        place = f"/v1/statements/{quote(statement['id'], safe='')}"
        names = label.get(f"{place}/files").json()
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(label.get(f"{place}/files/{name}").content)
        assert audit_statement(folder) == []
        log = service.server.folder.log
        assert statement["log_checkpoint"] == newest.decode("utf-8")
        LogFeed(service.server.database, service.server.folder).feed()  # the log has grown since
        assert LogReader(log).checkpoint() != newest
        agreed = run("audit", folder, "--any-key", "--log", log)
        assert agreed.exit_code == 0, agreed.stdout
        assert "the log that was given begins with exactly these" in agreed.stdout
        assert label.post("/v1/statements", json=period, headers=json_body).json() == statement  # with its checkpoint
        assert "SIGNATURE" in names
        assert "/../P/" in statement["id"]  # as the licensee's
        (kept,) = service.server.folder.organisation("main").statements.iterdir()
        assert "SIGNATURE" in {path.name for path in kept.iterdir()}
        assert label.get(place).json() == statement
        assert stranger.get(place).status_code == 404
        assert [one["id"] for one in label.get("/v1/statements").json()] == [statement["id"]]
        _expect_logged(service, auditor.get("/v1/log/entries").status_code)


def _expect_logged(service: TestService, status: int) -> None:
    from tests.sourceprint.service.test_scans_by_http import events

    assert status == 200
    found = [entry["event"] for entry in events(service)]
    for event in ("addition.submitted", "addition.done", "check.done", "scan.submitted", "scan.done"):
        assert event in found
    assert json.dumps(events(service)).count("Ada Ash") == 0  # no names in the log
