"""Records of rights in the database: history, idempotence, and reading at a revision; on SQLite and on PostgreSQL."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fingerprint.errors import ParameterError, RightsError, UnknownRightsError
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.history import (
    MAX_LOOKUP_BYTES,
    Applied,
    apply_records,
    record_history,
)
from sourceprint.royalties.rights.licence_toml import licence_document
from sourceprint.royalties.rights.licences import Conditions, Licence, RateCard, Scope
from sourceprint.royalties.rights.records import (
    MASTER,
    Party,
    RecordingPart,
    RecordingWork,
    RightsRecording,
    Share,
    Work,
)
from sourceprint.royalties.rights.rights import Rights, all_records, current_revision, load_rights
from sourceprint.royalties.rights.rows import Record, record_of, row_of, table_of
from sourceprint.royalties.rights.schema import VERSIONED, licence, master_share, party, recording, work_share
from sourceprint.royalties.territories import Territories
from tests.royalty_records import withdraw

AWKWARD = [
    "",
    "'); DROP TABLE party; --",
    'she said "no"',
    "%s %(name)s :name ? {} \\ \\n",
    "Ünïcödé \u4e2d\u6587 \U0001f3b5 e\u0301 \u202eright to left",
    "line\nbreak\ttab\r\x01\x1b",
    " spaces at both ends ",
    "NULL",
    "x" * 1_000_000,
]


def a_licence(licence_id: str, licensee: str) -> Licence:
    """Return a licence of everything, with any digest of its document."""
    return Licence(
        id=licence_id,
        licensor="P-LABEL",
        licensee=licensee,
        valid_from=date(2026, 1, 1),
        valid_to=None,
        purposes=("generate",),
        territories=Territories(("Worldwide",), ("US",)),
        scope=Scope(recordings=("R1",), tags=("a",)),
        conditions=Conditions(max_total_ms=30_000, no_vocals=True),
        rate_card=RateCard("EUR", (("Master", 1_000_000),), per_second=Fraction(1, 5)),
        digest="sha256:" + "0" * 64,
    )


def put(database: Database, *records: Record, now: datetime | None = None) -> list[Applied]:
    """Apply records of any kind in one change."""
    with database.changing(source="test", by="ann", now=now) as change:
        return [
            apply_records(change, table, [row_of(record) for record in records if table_of(record) is table])
            for table in VERSIONED
            if any(table_of(record) is table for record in records)
        ]


def read(database: Database, **what: Iterable[str] | str | int) -> Rights:
    with database.reading() as connection:
        return load_rights(connection, **what)  # type: ignore[arg-type]


# History.


def test_importing_the_same_again_changes_nothing_and_makes_no_revision(database: Database) -> None:
    records: list[Record] = [
        Party("P2", "b"),
        Party("P1", "a"),
        RightsRecording("R1", "t", ("x", "y"), duration_ms=None),
    ]
    assert put(database, *records) == [Applied(2, 0, 0), Applied(1, 0, 0)]
    assert put(database, *reversed(records)) == [Applied(0, 0, 2), Applied(0, 0, 1)]
    with database.reading() as connection:
        assert current_revision(connection) == 1


def test_changed_records_are_superseded_and_their_history_says_who_and_when(database: Database) -> None:
    put(database, Party("P1", "old"), Party("P2", "same"), now=datetime(2026, 1, 1, tzinfo=UTC))
    changed = put(
        database, Party("P1", "new"), Party("P2", "same"), Party("P3", "more"), now=datetime(2026, 2, 2, tzinfo=UTC)
    )
    assert changed == [Applied(added=1, changed=1, unchanged=1)]
    with database.reading() as connection:
        old, new = record_history(connection, party, "P1")
        assert len(record_history(connection, party, "P2")) == 1
        assert record_history(connection, party, "P9") == []
    assert (old.row["name"], old.since, old.made_at, old.made_by) == ("old", 1, "2026-01-01T00:00:00Z", "ann")
    assert (old.until, old.ended_at, old.ended_by) == (2, "2026-02-02T00:00:00Z", "ann")
    assert (new.row["name"], new.since, new.source, new.until, new.ended_at) == ("new", 2, "test", None, "")


def test_from_nothing_known_to_a_value_and_back_are_changes(database: Database) -> None:
    for length in (None, 5, None):
        put(database, RightsRecording("R1", "t", duration_ms=length))
    with database.reading() as connection:
        assert [version.row["duration_ms"] for version in record_history(connection, recording, "R1")] == [
            None,
            5,
            None,
        ]


def test_withdrawn_records_stay_in_the_history_and_may_come_back(database: Database) -> None:
    put(database, Party("P1", "a"), Party("P2", "b"))
    with database.changing(source="withdraw", by="ben") as change:
        withdraw(change, party, ["P1"])
    assert put(database, Party("P1", "a")) == [Applied(1, 0, 0)]
    with database.reading() as connection:
        first, second = record_history(connection, party, "P1")
    assert (first.since, first.until, first.ended_by, second.since, second.until) == (1, 2, "ben", 3, None)


def test_a_record_made_and_superseded_in_one_change_never_held(database: Database) -> None:
    with database.changing(source="test") as change:
        apply_records(change, party, [row_of(Party("P1", "draft"))])
        assert apply_records(change, party, [row_of(Party("P1", "final"))]) == Applied(0, 1, 0)
    with database.reading() as connection:
        assert [version.row["name"] for version in record_history(connection, party, "P1")] == ["final"]
        assert list(all_records(connection, party, 1)) == [Party("P1", "final")]


def test_an_id_that_occurs_twice_is_refused_and_nothing_is_imported(database: Database) -> None:
    rows = [row_of(Party(party_id, "name")) for party_id in ("P3", "P2", "P1", "P3", "P2")]
    with pytest.raises(RightsError, match="party P2: occurs twice"), database.changing(source="test") as change:
        apply_records(change, party, rows)
    with database.reading() as connection:
        assert list(all_records(connection, party)) == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "a\0b"}, "party P1: name holds a null character"),
        ({"name": "\udc80"}, "party P1: name is not valid Unicode"),
        ({"id": "\u4e2d" * MAX_LOOKUP_BYTES}, f"id has {3 * MAX_LOOKUP_BYTES} bytes in UTF-8; shorten it"),
        ({"more": ""}, "columns missing or not of this table: more"),
    ],
)
def test_text_that_one_database_cannot_store_is_refused_by_all(
    database: Database, values: dict[str, str], message: str
) -> None:
    row = {**row_of(Party("P1", "name")), **values}
    with pytest.raises(RightsError, match=message), database.changing(source="test") as change:
        apply_records(change, party, [row])


def test_numbers_beyond_the_range_of_a_column_are_refused(database: Database) -> None:
    put(database, RightsRecording("R1", "t", duration_ms=2**63 - 1))
    assert read(database, recording_ids=["R1"]).recordings["R1"].duration_ms == 2**63 - 1
    for record in (RightsRecording("R2", "t", duration_ms=2**63), Share("S1", "R1", "P1", MASTER, 2**31)):
        with pytest.raises(RightsError, match=r"beyond [0-9]+, the largest number stored"):
            put(database, record)


def test_a_text_longer_than_its_column_is_refused(database: Database) -> None:
    row = {**row_of(Share("S1", "R1", "P1", MASTER, 1)), "valid_from": "2026-01-01T00:00"}
    with pytest.raises(RightsError, match="valid_from 2026-01-01T00:00: longer than 10"):  # noqa: SIM117
        with database.changing(source="test") as change:
            apply_records(change, master_share, [row])


def test_the_longest_ids_fit_into_the_indexes(database: Database) -> None:
    # Characters without a pattern: PostgreSQL would compress others before it compares with its limit.
    longest = "".join(chr(0x4E00 + (number * 7919) % 20_000) for number in range(MAX_LOOKUP_BYTES // 3))
    put(database, Party(longest, "name"))
    assert read(database, licensee=longest).parties.keys() == {longest}


@pytest.mark.slow
@pytest.mark.parametrize("value", AWKWARD, ids=range(len(AWKWARD)))
def test_any_text_comes_back_as_it_was(database: Database, value: str) -> None:
    records: list[Record] = [
        RightsRecording("R1", value, label=value),
        Party(f"P{value}"[:80].replace("\t", " "), value),
    ]
    put(database, *records)
    assert put(database, *records) == [Applied(0, 0, 1), Applied(0, 0, 1)]
    with database.reading() as connection:
        assert list(all_records(connection, recording)) + list(all_records(connection, party)) == records


@pytest.mark.slow
def test_many_rows_are_applied_in_pieces_and_read_in_order(database: Database) -> None:
    ids = [f"P{(number * 7919) % 12_007:05d}" for number in range(12_007)]
    with database.changing(source="test") as change:
        assert apply_records(change, party, (row_of(Party(party_id, "")) for party_id in ids)).added == 12_007
        rows = (row_of(Party(party_id, "x" if party_id < "P00010" else "")) for party_id in ids)
        assert apply_records(change, party, rows) == Applied(0, 10, 11_997)
    with database.reading() as connection:
        assert [record.id for record in all_records(connection, party) if isinstance(record, Party)] == sorted(ids)


def test_ids_are_compared_and_sorted_as_they_are_written(database: Database) -> None:
    ids = ["a", "B", "b", "A", "\u00e9", "e\u0301", "Z", "_", "1", "10", "2", "\uffee", "\U0001f3b5", "a b", "a-b"]
    put(database, *(Party(party_id, "") for party_id in ids))
    with database.reading() as connection:
        assert [record.id for record in all_records(connection, party) if isinstance(record, Party)] == sorted(ids)


# Records and rows.

names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="|\0\t"), min_size=1, max_size=5)
days = st.none() | st.dates()


@given(
    share=st.builds(
        Share,
        id=names,
        subject_id=names,
        party_id=names | st.just(""),
        right=st.sampled_from(["Master", "MechanicalRight"]),
        millionths=st.integers(1, 1_000_000),
        territories=st.sampled_from([Territories(), Territories(("Worldwide",), ("US",)), Territories(("AT", "DE"))]),
        valid_from=days,
        valid_to=days,
        role=names,
    ),
    artists=st.lists(names).map(tuple),
)
def test_every_record_comes_back_from_its_row(share: Share, artists: tuple[str, ...]) -> None:
    records: list[Record] = [
        share,
        RightsRecording("R1", "t", artists, "QMAAA2600001", "s", "l", 5, "x", "yes", artists),
        Work("W1", "t", "T0345246801", artists),
        Party("P1", "n", "1", "2", "3"),
        RecordingWork("R1", "W1", 7),
        RecordingPart("R1", "R2", 5, 6),
    ]
    for record in records:
        assert record_of(table_of(record), row_of(record)) == record


def test_a_licence_comes_back_from_its_row() -> None:
    record = a_licence("LIC-1", "P-GEN")
    row = row_of(record)
    assert record_of(licence, row) == record
    assert licence_document(record)["id"] == "LIC-1"


def test_rows_have_exactly_the_columns_of_their_tables(database: Database) -> None:
    share = Share("S1", "R1", "P1", MASTER, 1)
    link, part = RecordingWork("R1", "W1"), RecordingPart("R1", "R2", 0, 1)
    records = (share, replace(share, right="PrintRight"), Work("W1", ""), link, part, a_licence("L", "P"))
    assert sum(applied.added for applied in put(database, *records)) == 6
    assert table_of(share) is master_share
    assert table_of(replace(share, right="PrintRight")) is work_share


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (Party("", "n"), "id '': is empty; give"),
        (RecordingWork("R\t1", "W1"), "holds a tab, which separates ids"),
        (RecordingPart("R1", "", 0, 1), "id '': is empty"),
        (RightsRecording("R1", "t", ("a|b",)), r"artist 'a\|b'"),
        (RightsRecording("R1", "t", tags=("",)), "tag '': is empty"),
        (Work("W1", "t", writers=("a", "")), "writer '': is empty"),
    ],
)
def test_a_record_that_could_not_be_told_from_another_is_refused(record: Record, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        row_of(record)


# Reading.

CATALOGUE: tuple[Record, ...] = (
    RightsRecording("R1", "one", index_id="asset-1", isrc="QMAAA2600001"),
    RightsRecording("R2", "two", index_id="asset-2", isrc="QMAAA2600002"),
    RightsRecording("R3", "three, in R2", index_id="asset-3"),
    RightsRecording("R4", "four, in R3"),
    RightsRecording("R5", "five, of the work of R1", index_id="asset-1"),
    Work("W1", "w1"),
    Work("W2", "w2"),
    Work("W4", "w4"),
    RecordingWork("R1", "W1"),
    RecordingWork("R2", "W2", 400_000),
    RecordingWork("R4", "W4"),
    RecordingWork("R5", "W1"),
    RecordingPart("R2", "R3", 1_000, 2_000),
    RecordingPart("R3", "R4", 0, 500),
    RecordingPart("R4", "R2", 0, 500),
    RecordingPart("R4", "R-gone", 0, 500),
    Share("S1", "R1", "P-LABEL", MASTER, 1_000_000),
    Share("S2", "W1", "P-A", "PerformingRight", 500_000, Territories(("DE",)), date(2026, 1, 1)),
    Share("S3", "W4", "", "PerformingRight", 500_000),
    Party("P-LABEL", "Label"),
    Party("P-A", "A"),
    Party("P-B", "B"),
    Party("P-GEN", "Generator"),
    a_licence("LIC-1", "P-GEN"),
    a_licence("LIC-2", "P-OTHER"),
)


def test_rights_of_a_recording_are_read_by_its_id_in_the_index(database: Database) -> None:
    put(database, *CATALOGUE)
    rights = read(database, index_ids=["asset-1", "asset-unknown"])
    assert rights.recordings.keys() == {"R1", "R5"}
    assert rights.by_index_id == {"asset-1": ("R1", "R5")}
    assert rights.works.keys() == {"W1"}
    assert rights.work_weights == {"R1": {"W1": 1_000_000}, "R5": {"W1": 1_000_000}}
    assert [share.id for share in rights.master_shares["R1"]] == ["S1"]
    assert rights.work_shares == {"W1": (CATALOGUE[17],)}
    assert rights.parties.keys() == {"P-LABEL", "P-A"}
    assert rights.licences == {}
    assert rights.revision == 1


def test_parts_of_a_recording_are_read_too_and_circles_end(database: Database) -> None:
    put(database, *CATALOGUE)
    rights = read(database, isrcs=["QMAAA2600002"])
    assert rights.recordings.keys() == {"R2", "R3", "R4"}
    assert [part.part_id for part in rights.parts["R4"]] == ["R-gone", "R2"]
    assert rights.works.keys() == {"W2", "W4"}
    assert rights.parties == {}


def test_works_and_licences_are_read_by_themselves(database: Database) -> None:
    put(database, *CATALOGUE)
    rights = read(database, work_ids=["W1"], licensee="P-GEN")
    assert rights.recordings == {}
    assert rights.works.keys() == {"W1"}
    assert rights.licences == {"LIC-1": a_licence("LIC-1", "P-GEN")}
    assert rights.parties.keys() == {"P-A", "P-LABEL", "P-GEN"}


def test_without_owners_shares_are_the_same_and_only_the_parties_of_licences_are_read(database: Database) -> None:
    put(
        database,
        *(Party(party_id, party_id) for party_id in ("P1", "P-LABEL", "P-GEN")),
        RightsRecording("R1", "t"),
        Share("S1", "R1", "P1", MASTER, 1),
        a_licence("LIC-1", "P-GEN"),
    )
    whole = read(database, recording_ids=["R1"], licensee="P-GEN")
    without = read(database, recording_ids=["R1"], licensee="P-GEN", owners=False)
    assert replace(without, parties=whole.parties) == whole
    assert whole.parties.keys() - without.parties.keys() == {"P1"}


def test_nothing_asked_is_nothing_read(database: Database) -> None:
    put(database, *CATALOGUE, RightsRecording("R9", "neither ISRC nor index id"))
    assert read(database, index_ids=[""], isrcs=[""]) == Rights(revision=1)


def test_an_earlier_revision_is_read_as_it_was(database: Database) -> None:
    share = Share("S1", "R1", "P1", MASTER, 500_000)
    put(database, RightsRecording("R1", "before", index_id="asset-1"), share)
    put(database, RightsRecording("R1", "after", index_id="asset-9"), replace(share, millionths=1))
    with database.changing(source="withdraw") as change:
        withdraw(change, master_share, ["S1"])
    first, second, third = (read(database, index_ids=["asset-1", "asset-9"], revision=n) for n in (1, 2, 3))
    assert (first.recordings["R1"].title, first.by_index_id, first.revision) == ("before", {"asset-1": ("R1",)}, 1)
    assert first.master_shares["R1"] == (share,)
    assert (second.recordings["R1"].title, second.master_shares["R1"][0].millionths) == ("after", 1)
    assert third.master_shares == {}
    assert third == read(database, index_ids=["asset-1", "asset-9"])
    assert read(database, index_ids=["asset-1"], revision=0) == Rights()


@pytest.mark.parametrize("number", [-1, 2, sys.maxsize])
def test_a_revision_that_there_is_not_is_refused(database: Database, number: int) -> None:
    put(database, Party("P1", "a"))
    with pytest.raises(UnknownRightsError, match=f"revision {number}: the rights have revisions up to 1"):
        read(database, revision=number)
    with database.reading() as connection, pytest.raises(UnknownRightsError, match="revisions up to 1"):
        next(all_records(connection, party, number))


def test_more_ids_than_one_query_takes_are_read_in_pieces(database: Database) -> None:
    records = [RightsRecording(f"R{number:05d}", "t", index_id=f"asset-{number}") for number in range(2_500)]
    put(database, *records)
    rights = read(database, index_ids=(f"asset-{number}" for number in range(2_500)))
    assert list(rights.recordings.values()) == records


def test_shares_are_read_one_subject_after_another_when_asked(database: Database) -> None:
    subjects = {"S1": "W2", "S2": "W1", "S3": "W2", "S4": "W1"}
    put(database, *(Share(share_id, subject, "P", "PrintRight", 1) for share_id, subject in subjects.items()))
    with database.reading() as connection:
        shares = [record for record in all_records(connection, work_share, by="work_id") if isinstance(record, Share)]
    assert [share.id for share in shares] == ["S2", "S4", "S1", "S3"]
