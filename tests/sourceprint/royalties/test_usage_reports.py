"""Usage reports: kept version by version, and each row matched to a scanned track or refused with the nearest ones."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, update

from fingerprint.errors import ListedError, ParameterError, StatementError
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.chain.verification import verify_chain
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.schema import scan, scanned_track, usage_report
from sourceprint.royalties.statements.usage_match import match_usage, unmatched_tracks
from sourceprint.royalties.statements.usage_reports import enter_report, latest_report, report_to_json, reports_of
from sourceprint.royalties.uses.ledger import attribute_results
from sourceprint.royalties.uses.policy import Policy, load_policy
from sourceprint.royalties.uses.usage import Usage, UsageRow
from tests.royalty_records import (
    LICENSEE,
    a_match,
    a_passage,
    a_policy,
    a_scan_result,
    sha_of,
    some_rights,
    store_rights,
)

Q3 = Period.parse("2026-Q3")
AT: dict[str, Any] = {"made_by": "ann", "made_at": "2026-10-01T10:00:00Z"}


def a_row(track: str = "", usages: int = 100, **fields: Any) -> UsageRow:
    return UsageRow(**{"track": track, "territory": "DE", "usages": usages, "revenue": None, "currency": "", **fields})


def usage_of(*rows: UsageRow) -> Usage:
    return Usage(rows, "a" * 64)


@pytest.fixture
def scanned(database: Database, tmp_path: Path) -> Database:
    """Return a database in which out/T1.wav (matched), T2.wav (not), two x.wav and a broken file were scanned."""
    store_rights(database, some_rights())
    tracks = [
        a_scan_result("out/T1.wav", a_match("R1", a_passage(0, 9_000))),
        a_scan_result("T2.wav"),
        a_scan_result("a/x.wav"),
        a_scan_result("b/x.wav"),
        a_scan_result("broken.wav", status="decode_error", reason="cut"),
    ]
    tracks[1]["track"]["id"] = "N-2"
    enter(database, tmp_path, tracks)
    return database


def enter(database: Database, folder: Path, tracks: Iterable[dict[str, Any]], usage: Usage | None = None) -> None:
    path = folder / "results.jsonl"
    path.write_text("".join(json.dumps(track) + "\n" for track in tracks))
    now = datetime(2026, 10, 1, tzinfo=UTC)
    policy = load_policy("equal")
    attribute_results(
        database, path, policy, licensee=LICENSEE, generated_on="2026-07-14", by="ann", now=now, usage=usage
    )


def matched(database: Database, *rows: UsageRow, policy: Policy | None = None, stop: bool = True) -> list[UsageRow]:
    with database.reading() as connection:
        return list(match_usage(connection, LICENSEE, usage_of(*rows), policy or a_policy(), stop=stop).rows)


def test_rows_are_matched_by_digest_by_id_and_by_name_in_this_order(scanned: Database) -> None:
    one, two = sha_of("out/T1.wav"), sha_of("T2.wav")
    for row, expected in [
        (a_row(one), (one, "digest")),
        (a_row(one, track_id="N-2"), (one, "digest")),
        (a_row("", track_id="N-2"), (two, "id")),
        (a_row("renamed.wav", track_id="N-2"), (two, "id")),
        (a_row("out/T1.wav"), (one, "name")),
        (a_row("T1.wav"), (one, "name")),
        (a_row("T2.wav", track_id="unheard"), (two, "name")),
        (a_row(""), ("", "")),
    ]:
        (found,) = matched(scanned, row)
        assert (found.sha256, found.matched_by) == expected
        assert matched(scanned, found) == [found]


def test_an_id_that_a_report_gave_names_the_track_from_then_on(scanned: Database, tmp_path: Path) -> None:
    enter(scanned, tmp_path, [a_scan_result("T3.wav")], usage_of(a_row("T3.wav", track_id="N-3")))
    assert matched(scanned, a_row(track_id="N-3"))[0].sha256 == sha_of("T3.wav")


def test_usage_of_unscanned_tracks_stops_and_shows_near_names(scanned: Database) -> None:
    rows = [a_row("T1.mp3"), a_row("T1.mp3", territory="FR"), a_row("zzzz.wav"), a_row("broken.wav")]
    with pytest.raises(ListedError) as refused:
        matched(scanned, *rows, a_row("idle.wav", usages=0))
    first, *lines = str(refused.value).splitlines()
    assert first.startswith(
        "usage of 3 tracks that no scan on file is of; scan them and `sourceprint attribute` the results, once"
    )
    assert lines == [
        "  T1.mp3 in DE, FR: nearest: T1.wav",
        "  broken.wav in DE: could not be searched (decode_error)",
        "  zzzz.wav in DE: nothing near",
    ]
    held = matched(scanned, *rows, policy=a_policy(not_scanned="hold"))
    assert {row.matched_by for row in held} == {"not scanned"}
    assert matched(scanned, *rows, stop=False) == held


def test_tracks_that_no_scan_is_of_are_named_when_a_report_is_entered(scanned: Database) -> None:
    rows = [a_row("T1.mp3"), a_row("T1.wav"), a_row("zzzz.wav"), a_row("broken.wav"), a_row("x.wav")]
    with scanned.reading() as connection:
        found = unmatched_tracks(connection, LICENSEE, usage_of(*rows, a_row("idle.wav", usages=0)))
    assert [(one.track, one.reason.partition(",")[0], one.nearest) for one in found] == [
        ("T1.mp3", "no scan on file is of it", ("T1.wav",)),
        ("broken.wav", "could not be searched (decode_error)", ()),
        ("x.wav", "usage of track 'x.wav': two generated tracks have this name", ("x.wav",)),
        ("zzzz.wav", "no scan on file is of it", ()),
    ]


def test_the_suffix_of_a_format_counts_unless_the_policy_says_otherwise(scanned: Database) -> None:
    stem = a_policy(names="stem")
    (found,) = matched(scanned, a_row("T1.mp3"), policy=stem)
    assert (found.sha256, found.matched_by) == (sha_of("out/T1.wav"), "stem")
    with pytest.raises(StatementError, match=r"usage of track 'x\.mp3': two generated tracks have this stem"):
        matched(scanned, a_row("x.mp3"), policy=stem)
    with pytest.raises(ListedError, match=r"T1\.live in DE"):  # no format, but part of the name
        matched(scanned, a_row("T1.live"), policy=stem)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([a_row("x.wav")], "usage of track 'x.wav': two generated tracks have this name"),
        (
            [a_row("out/T1.wav", track_id="N-2")],
            "track_id 'N-2' is that of T2.wav, another track than",
        ),
        ([a_row("T1.wav"), a_row("out/T1.wav", territory="FR")], "is the track that the usage also calls 'T1.wav'"),
        ([a_row("T2.wav"), a_row(track_id="N-2")], "is the track that the usage also calls"),
    ],
)
def test_ambiguous_track_ids_are_refused(scanned: Database, rows: list[UsageRow], message: str) -> None:
    with pytest.raises(StatementError, match=message):
        matched(scanned, *rows)


# Versions.


def test_reports_have_versions_and_the_same_again_is_none(database: Database) -> None:
    first = usage_of(a_row("T1.wav", revenue=Fraction(1, 3), currency="EUR", used_on="2026-07-14", track_id="N-1"))
    second = usage_of(a_row("T1.wav", 250))
    with database.writing() as connection:
        assert enter_report(connection, LICENSEE, Q3, first, **AT).version == 1
        assert enter_report(connection, LICENSEE, Q3, first, **AT).version == 1
        assert enter_report(connection, LICENSEE, Q3, second, **AT).version == 2
        assert enter_report(connection, LICENSEE, Period.parse("2026-Q4"), second, **AT).version == 1
        found = reports_of(connection, LICENSEE, Q3)
        latest = latest_report(connection, LICENSEE, Q3)
    assert [(one.version, one.usage, one.made_by, one.made_at) for one in found] == [
        (1, first, "ann", "2026-10-01T10:00:00Z"),
        (2, second, "ann", "2026-10-01T10:00:00Z"),
    ]
    assert latest == found[1]
    assert report_to_json(found[0])["rows"] == [
        {
            "track": "T1.wav", "territory": "DE", "usages": 100, "revenue": "1/3", "currency": "EUR",
            "track_id": "N-1", "used_on": "2026-07-14",
        }
    ]  # fmt: skip


def test_a_stated_period_is_reported_anew_with_a_reason_only(database: Database) -> None:
    stated, other = usage_of(a_row("T1.wav")), usage_of(a_row("T1.wav", 250))
    with database.writing() as connection:
        assert enter_report(connection, LICENSEE, Q3, stated, stated=stated, **AT).version == 0
        with pytest.raises(StatementError, match="the period was stated from another report; give --restate and"):
            enter_report(connection, LICENSEE, Q3, other, stated=stated, **AT)
        with pytest.raises(ParameterError, match="reason: has 2001 characters, 2000 at most"):
            enter_report(connection, LICENSEE, Q3, other, stated=stated, reason="x" * 2001, **AT)
        entered = enter_report(connection, LICENSEE, Q3, other, stated=stated, reason="late shop", **AT)
        reports = reports_of(connection, LICENSEE, Q3)
    assert (entered.version, entered.reason) == (2, "late shop")
    assert [(one.version, one.usage.rows, one.reason) for one in reports] == [
        (1, stated.rows, "as stated"),
        (2, other.rows, "late shop"),
    ]


def test_days_outside_of_the_period_are_refused(database: Database) -> None:
    late = usage_of(a_row("T1.wav", used_on="2026-10-02"), a_row("T1.wav", used_on="2026-09-30"))
    with database.writing() as connection, pytest.raises(ListedError, match=r"T1\.wav in DE: 2026-10-02$"):
        enter_report(connection, LICENSEE, Q3, late, **AT)


@pytest.mark.slow
@pytest.mark.parametrize("column", [scanned_track.c.status, scan.c.document, usage_report.c.document])
def test_a_changed_scan_or_report_is_found_in_the_chain(scanned: Database, column: Column[str]) -> None:
    with scanned.writing() as connection:
        enter_report(connection, LICENSEE, Q3, usage_of(a_row("T1.wav")), **AT)
    with scanned.reading() as connection:
        assert verify_chain(connection).problems == ()
    with scanned.writing() as connection:
        connection.execute(update(column.table).values({column.name: "?"}))
    with scanned.reading() as connection:
        assert any(column.table.name in str(problem) for problem in verify_chain(connection).problems)
