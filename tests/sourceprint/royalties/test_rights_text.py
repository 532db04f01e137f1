"""Records on file are shown whole: by any key, with sums, and safe for a terminal."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest

from fingerprint.errors import UnknownRightsError
from sourceprint.royalties.rights.history import Version
from sourceprint.royalties.rights.licences import Conditions, Licence, RateCard, Scope
from sourceprint.royalties.rights.lookup import rights_to_json
from sourceprint.royalties.rights.records import (
    MASTER,
    WHOLE,
    Party,
    RecordingPart,
    RecordingWork,
    RightsRecording,
    Share,
    Work,
)
from sourceprint.royalties.rights.rights import Rights
from sourceprint.royalties.rights.rights_text import show_rights
from sourceprint.royalties.territories import EVERYWHERE, Territories

FIRST = Version(
    row={},
    since=3,
    made_at="2026-11-22T10:00:00Z",
    made_by="anna",
    source="rights.csv",
    until=None,
    ended_at="",
    ended_by="",
)

RIGHTS = Rights.of(
    revision=7,
    parties=[
        Party("P1", "Anna", ipi="00122619891", isni="0000000081266409", dpid="PADPIDA2013020802I"),
        Party("P2", "P2"),
    ],
    recordings=[
        RightsRecording(
            "R1",
            "One",
            ("A", "B"),
            isrc="USRC17607839",
            subtitle="Live",
            label="Blue",
            duration_ms=200_040,
            index_id="asset-1",
            vocals="yes",
            tags=("x",),
        ),
        RightsRecording("R2", "Two"),
    ],
    works=[Work("W1", "Work", iswc="T0345246801", writers=("Anna",)), Work("X", "Both")],
    links=[RecordingWork("R1", "W1"), RecordingWork("R1", "W9")],
    parts=[RecordingPart("R1", "R2", 10_000, 20_500)],
    master_shares=[
        Share("S1", "R1", "P1", MASTER, 600_000, role="Label"),
        Share("S2", "R1", "P2", MASTER, 500_000, Territories(("DE",)), date(2026, 1, 1)),
        Share("S3", "R1", "", MASTER, 100_000, Territories(("Worldwide",), ("DE",))),
    ],
    work_shares=[Share("S4", "W1", "P1", "MechanicalRight", WHOLE)],
    licences=[
        Licence(
            id="L1",
            licensor="P1",
            licensee="P2",
            valid_from=date(2026, 1, 1),
            valid_to=None,
            purposes=("generate",),
            territories=EVERYWHERE,
            scope=Scope(labels=("Blue",)),
            conditions=Conditions(),
            rate_card=RateCard("EUR", ((MASTER, WHOLE),), royalty_millionths=100_000),
        )
    ],
)

RECORDING = """\
recording R1
  title         One (Live)
  artists       A, B
  ISRC          US-RC1-76-07839
  label         Blue
  length        3:20.040
  in the index  asset-1
  vocals        yes
  tags          x
works
  W1  T-034.524.680-1  Work  50 %
  W9  ISWC not known    50 %
contains
  R2  Two  0:10.000 to 0:20.500
shares
  Master  60 %  Worldwide  [S1]  P1 (Anna), Label
  Master  50 %  DE from 2026-01-01 on  [S2]  P2
  Master  10 %  Worldwide less DE  [S3]  owner not known
sums
  Master in DE until 2025-12-31  60 %: 40 % unclaimed
  Master in the rest of the world  70 %: 40 % unclaimed
  Master in DE from 2026-01-01 on  110 %: overclaim of 10 %, held
licences
  L1  P1 to P2  generate from 2026-01-01 on
history
  revision 3, 2026-11-22T10:00:00Z by anna from rights.csv; until revision 5, 2026-11-23T10:00:00Z by bo
  revision 5, 2026-11-23T10:00:00Z by bo from rights.csv
"""


@pytest.mark.parametrize("key", ["R1", "US-RC1-76-07839", "isrc usrc17607839", "asset-1", " R1 "])
def test_a_recording_is_shown_whole_by_each_of_its_keys(key: str) -> None:
    history = [
        replace(FIRST, until=5, ended_at="2026-11-23T10:00:00Z", ended_by="bo"),
        replace(FIRST, since=5, made_at="2026-11-23T10:00:00Z", made_by="bo"),
    ]
    assert show_rights(rights_to_json(RIGHTS, key, history=history)) == RECORDING


def test_a_recording_of_which_little_is_known_says_so() -> None:
    text = show_rights(rights_to_json(RIGHTS, "R2"))
    assert "ISRC          not known" in text
    assert "in the index  no id on file\n" in text
    only_isrc = Rights.of(revision=1, recordings=[RightsRecording("R9", "Nine", isrc="USRC17607840")])
    assert "in the index  no id on file; looked for by its ISRC\n" in show_rights(rights_to_json(only_isrc, "R9"))
    assert "is contained in\n  R1\n" in text
    assert "none on file: all royalties stay unclaimed" in text
    assert "history" not in text


@pytest.mark.parametrize("key", ["W1", "T-034.524.680-1", "t0345246801"])
def test_a_work_is_shown_with_its_recordings_and_shares(key: str) -> None:
    text = show_rights(rights_to_json(RIGHTS, key))
    assert text.startswith("work W1\n  title         Work\n  ISWC          T-034.524.680-1\n  writers       Anna\n")
    assert "recordings\n  R1  One\n" in text
    assert "sums\n  MechanicalRight worldwide  100 %\n" in text


def test_a_party_is_shown_with_its_shares_and_licences() -> None:
    text = show_rights(rights_to_json(RIGHTS, "P1"))
    assert "  IPI           00122619891\n  ISNI          0000 0000 8126 6409\n" in text
    assert "shares\n  recording R1  Master  60 %  Worldwide  [S1]\n  work W1  MechanicalRight  100 %" in text
    assert "licences\n  L1  P1 to P2" in text


def test_a_licence_is_shown_as_it_is_written() -> None:
    assert 'labels = ["Blue"]' in show_rights(rights_to_json(RIGHTS, "L1"))


def test_an_id_of_several_records_shows_all_of_them() -> None:
    both = Rights.of(recordings=[RightsRecording("X", "Sound")], works=[Work("X", "Song")], parties=[Party("X", "Who")])
    assert [found["kind"] for found in rights_to_json(both, "X")["found"]] == ["recording", "work", "party"]


def test_json_holds_whole_numbers_and_the_revision() -> None:
    document = rights_to_json(RIGHTS, "R1", history=[FIRST])
    assert json.loads(json.dumps(document)) == document
    assert document["revision"] == 7
    assert document["found"][0]["sums"][-1] == {
        "right": "Master",
        "territories": ["DE"],
        "valid_from": "2026-01-01",
        "valid_to": "",
        "millionths": 1_100_000,
        "overclaim_millionths": 100_000,
        "unclaimed_millionths": 0,
    }
    assert document["history"][0]["made_by"] == "anna"


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("R9", "'R9': no recording, work, party or licence on file has this id, ISRC or ISWC; import it with"),
        ("T-034.524.680-2", "the check digit must be 1"),
        ("", "'': no recording"),
        ("a\nb", r"'a\\nb': no recording"),
    ],
)
def test_records_not_on_file_are_refused_with_the_remedy(key: str, message: str) -> None:
    with pytest.raises(UnknownRightsError, match=message):
        rights_to_json(RIGHTS, key)


def test_a_title_cannot_forge_a_line() -> None:
    text = show_rights(rights_to_json(Rights.of(works=[Work("W1", "One\nrecording R9")]), "W1"))
    assert r"One\nrecording R9" in text
    assert "\nrecording R9" not in text
