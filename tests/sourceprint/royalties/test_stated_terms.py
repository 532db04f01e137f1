"""Terms that statements were issued under: amendments come in, everything else needs a reason."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path

import pytest
from sqlalchemy import select

from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.licence_toml import licence_toml
from sourceprint.royalties.rights.licences import Amendment, Licence
from sourceprint.royalties.rights.schema import revision
from sourceprint.royalties.statements.issue import issue_statement
from sourceprint.royalties.tables.imports import import_rights
from sourceprint.royalties.tables.problems import ImportReport
from sourceprint.royalties.uses.ledger import attribute_results
from sourceprint.royalties.uses.policy import load_policy
from tests.royalty_records import (
    LICENSEE,
    a_licence,
    a_match,
    a_passage,
    a_rate_card,
    a_scan_result,
    some_rights,
    store_rights,
)

BASE = a_licence(valid_to=None)
DEARER = a_rate_card(per_second=Fraction(2))
NOW = datetime(2026, 10, 2, 10, tzinfo=UTC)


def again(database: Database, licence: Licence, folder: Path, *, correct: str = "") -> ImportReport:
    """Import a licence as the file that says it."""
    path = folder / "licence.toml"
    path.write_text(licence_toml(licence))
    return import_rights(database, [path], by="ann", correct=correct)


def amended(day: date, licence: Licence = BASE, **fields: object) -> Licence:
    terms = replace(licence.on(day), **fields)  # type: ignore[arg-type]
    return replace(licence, amendments=(*licence.amendments, Amendment(day, terms)))


@pytest.fixture
def issued(database: Database, tmp_path: Path) -> Database:
    """Return a database with the statement of 2026-Q3 under LIC-1."""
    store_rights(database, some_rights(licences=[BASE]))
    path = tmp_path / "results.jsonl"
    path.write_text(json.dumps(a_scan_result("one.wav", a_match("R1", a_passage(0, 9_000)))) + "\n")
    policy = load_policy("matched-seconds")
    attribute_results(database, path, policy, licensee=LICENSEE, generated_on="2026-07-14", by="ann", now=NOW)
    period = Period.parse("2026-Q3")
    issue_statement(database, licensee=LICENSEE, period=period, issued_on="2026-10-02", by="ann", now=NOW)
    return database


def test_before_anything_is_stated_terms_change_as_they_are_written(database: Database, tmp_path: Path) -> None:
    store_rights(database, some_rights(licences=[BASE]))
    assert again(database, replace(BASE, rate_card=DEARER), tmp_path).imported


def test_terms_that_were_stated_change_by_amendment_or_for_a_reason(issued: Database, tmp_path: Path) -> None:
    dearer = replace(BASE, rate_card=DEARER)
    refused = again(issued, dearer, tmp_path)
    assert (refused.imported, refused.exit_code) == (False, 2)
    (problem,) = refused.problems
    assert problem.rule == "stated-terms"
    assert "licence 'LIC-1': rate_card would change, but statement S-P-GEN-2026-Q3-" in problem.remedy
    assert "[[amendments]]" in problem.remedy
    assert "--correct REASON" in problem.remedy
    assert again(issued, BASE, tmp_path).imported
    with_amendment = amended(date(2026, 10, 1), rate_card=DEARER)
    assert again(issued, with_amendment, tmp_path).imported
    assert again(issued, replace(dearer, amendments=()), tmp_path, correct="the rate was misread").imported
    with issued.reading() as connection:
        sources = connection.scalars(select(revision.c.source).order_by(revision.c.id)).all()
    assert sources[-1].endswith("licence.toml (correction: the rate was misread)")


def test_an_amendment_leaves_stated_amounts_and_a_correction_adjusts_them(issued: Database, tmp_path: Path) -> None:
    def adjustments() -> dict[str, str]:
        statement = issue_statement(
            issued, licensee=LICENSEE, period=Period.parse("2026-Q4"), issued_on="2027-01-02", by="ann", draft=True,
            now=datetime(2027, 1, 2, 10, tzinfo=UTC),
        )  # fmt: skip
        return {f"{one.party_id} {one.right}": str(one.amount) for one in statement.adjustments}

    assert again(issued, amended(date(2026, 10, 1), rate_card=DEARER), tmp_path).imported
    assert adjustments() == {}
    assert again(issued, replace(BASE, rate_card=DEARER), tmp_path, correct="the rate was misread").imported
    # 9 s at 0.02 EUR instead of 0.002: 0.162 more, half of it to the master.
    assert adjustments() == {
        "P-R1 Master": "0.081",
        "P-W1 MechanicalRight": "0.0405",
        "P-W1 PerformingRight": "0.0405",
    }


def test_an_amendment_that_was_stated_stays_and_a_later_one_may_change(issued: Database, tmp_path: Path) -> None:
    august = amended(date(2026, 8, 1), rate_card=DEARER)
    both = amended(date(2027, 1, 1), august, valid_to=date(2027, 12, 31))
    assert again(issued, both, tmp_path).imported
    assert again(issued, august, tmp_path).imported
    refused = again(issued, BASE, tmp_path)
    assert "the amendment from 2026-08-01 would change" in refused.problems[0].remedy
