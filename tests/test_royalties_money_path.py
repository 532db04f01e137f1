"""The money path under what goes wrong in practice: attributed again, reported twice, decided late, issued late."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from royalties.rights.database import Database
from royalties.uses.ledger import attribute_results, current_uses
from royalties.uses.policy_text import load_policy
from royalties.uses.report import AttributionReport
from royalties.uses.states import change_state
from royalties.uses.use import Use
from tests.royalty_records import (
    LICENSEE,
    a_licence,
    a_match,
    a_rate_card,
    a_scan_result,
    a_segment,
    some_rights,
    store_rights,
)

FEE = load_policy("fixed-fee")
ONE = a_scan_result("one.wav", a_match("R1", a_segment(0, 9_000)), a_match("R2", a_segment(20_000, 29_000)))
NOW = datetime(2026, 10, 2, 10, 0, 0, tzinfo=UTC)
Attribute = Callable[..., AttributionReport]


@pytest.fixture
def attribute(database: Database, tmp_path: Path) -> Attribute:
    """Return what attributes results in a database where each match costs 4.00 EUR."""
    store_rights(database, some_rights(licences=[a_licence(rate_card=a_rate_card(per_match=Fraction(400)))]))

    def enter(*results: dict[str, Any], generated_on: str = "2026-07-14", **options: Any) -> AttributionReport:
        path = tmp_path / "results.jsonl"
        path.write_text("".join(json.dumps(result) + "\n" for result in results))
        given = {"policy": FEE, "licensee": LICENSEE, "generated_on": generated_on, "by": "ann", "now": NOW}
        return attribute_results(database, path, **{**given, **options})

    return enter


def uses_in(database: Database) -> dict[str, Use]:
    """Return the current uses by recording."""
    with database.reading() as connection:
        return {use.recording_id: use for use in current_uses(connection, LICENSEE)}


def test_a_revision_that_concerns_something_else_leaves_every_use_as_it_is(
    database: Database, attribute: Attribute
) -> None:
    attribute(ONE)
    before = uses_in(database)
    store_rights(database, some_rights({"R9": ["W9"]}, licences=[]))
    report = attribute(ONE)
    assert report.rights_revision == 2
    assert (report.added, report.superseded, report.unchanged) == (0, 0, 2)
    assert uses_in(database) == before


def test_the_latest_decision_stays_when_uses_of_an_earlier_policy_come_back(
    database: Database, attribute: Attribute
) -> None:
    attribute(ONE)
    change_state(database, [uses_in(database)["R1"].id], "disputed", "letter", "ann", now=NOW)
    attribute(ONE, policy=load_policy("equal"))
    change_state(database, [uses_in(database)["R1"].id], "withdrawn", "own material", "ann", now=NOW)
    report = attribute(ONE)
    back = uses_in(database)["R1"]
    assert (back.state, report.carried_over) == ("withdrawn", 1)
    assert "own material" in back.state_rule
