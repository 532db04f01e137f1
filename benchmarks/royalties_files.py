"""A synthesised catalogue of rights as files: a folder of tables shaped like those of BWARM, and one spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from benchmarks.royalties_data import Catalogue, Row, work_id

__all__ = ["write_rights", "write_single_csv"]

_TABLES: Final[dict[str, Row]] = {
    "parties": ("PartyRecordId", "IpiNameNumber", "FullName"),
    "resources": (
        "ResourceRecordId", "ResourceType", "ISRC", "Title", "DisplayArtistName", "Duration", "LabelName", "IndexId",
        "Vocals", "Tags",
    ),
    "musicalworks": ("MusicalWorkRecordId", "ISWC", "MusicalWorkTitle", "Writers"),
    "workresourcelinks": ("LinkRecordId", "MusicalWorkRecordId", "ResourceRecordId", "WorkPercentage"),
    "resourceparts": ("ResourceRecordId", "PartResourceRecordId", "StartMs", "EndMs"),
    "mastershares": (
        "MasterShareRecordId", "ResourceRecordId", "PartyRecordId", "PartyRole", "RightSharePercentage",
        "ValidityStartDate", "ValidityEndDate", "TerritoryCode", "ExcludedTerritoryCode",
    ),
    "musicalworkrightshares": (
        "MusicalWorkRightShareRecordId", "MusicalWorkRecordId", "PartyRecordId", "PartyRole", "RightSharePercentage",
        "RightShareType", "RightsType", "ValidityStartDate", "ValidityEndDate", "TerritoryCode",
        "ExcludedTerritoryCode",
    ),
}  # fmt: skip

_SINGLE: Final[Row] = (
    "recording_id", "index_id", "isrc", "recording_title", "artists", "label", "duration", "vocals", "tags", "work_id",
    "iswc", "work_title", "writers", "party_id", "party", "ipi", "role", "right", "share", "territories",
    "excluded_territories", "valid_from",
)  # fmt: skip

_TERMS: Final = {
    "LIC-2025": """\
valid_from = 2025-01-01
valid_to = 2025-12-31

[scope]
everything = true
""",
    "LIC-2026-A": """\
valid_from = 2026-01-01

[scope]
tags = ["catalogue-a"]
""",
    "LIC-2026-B": """\
valid_from = 2026-01-01

precedence = 1

[scope]
tags = ["catalogue-b"]
works = [WORKS]

[territories]
include = ["Worldwide"]
exclude = ["FR"]

[conditions]
max_total_seconds = "40"
""",
}
_LICENCE_HEAD = """\
schema = "sourceprint/licence/1"
id = "{id}"
licensor = "P-SOCIETY"
licensee = "P-GENERATOR"
purposes = ["generate"]
"""
_RATE_CARD = """
[rate_card]
currency = "EUR"
royalty_rate = "12.5 %"
minimum_payout = "20.00"

[rate_card.rights]
Master = "50 %"
MechanicalRight = "25 %"
PerformingRight = "25 %"

[[rate_card.deductions]]
name = "administration"
rate = "10 %"
"""


def write_rights(catalogue: Catalogue, folder: Path) -> None:
    """Write a catalogue as a folder of tables shaped like those of BWARM, and its licences."""
    folder.mkdir(parents=True)
    for name, header, rows in _tables(catalogue):
        with (folder / f"{name}.tsv").open("w", encoding="utf-8", newline="") as file:
            file.writelines("\t".join(row) + "\n" for row in _with_header(header, rows))
    (folder / "licences").mkdir()
    works = ", ".join(f'"{work_id(j)}"' for j in range(0, catalogue.n_works, 10))
    for licence_id, terms in _TERMS.items():
        path = folder / "licences" / f"{licence_id}.toml"
        text = _LICENCE_HEAD.format(id=licence_id) + terms.replace("WORKS", works) + _RATE_CARD
        path.write_text(text, encoding="utf-8")


def write_single_csv(catalogue: Catalogue, path: Path) -> int:
    """Write the same as one spreadsheet, without samples and parts of medleys; returns its rows.

    Each record is described once, where it comes first; ids are the same as in the tables.
    """
    n_rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(_SINGLE)
        for row in _single_rows(catalogue):
            writer.writerow([row.get(column, "") for column in _SINGLE])
            n_rows += 1
    return n_rows


def _tables(catalogue: Catalogue) -> Iterator[tuple[str, Row, Iterator[Row]]]:
    """Yield name, header and rows of every table."""
    rows = (
        catalogue.parties(),
        catalogue.recordings(),
        catalogue.works(),
        catalogue.links(),
        catalogue.parts(),
        catalogue.master_shares(),
        catalogue.work_shares(),
    )
    for (name, header), of_one in zip(_TABLES.items(), rows, strict=True):
        yield name, header, of_one


def _with_header(header: Row, rows: Iterable[Row]) -> Iterator[Row]:
    yield header
    yield from rows


def _single_rows(catalogue: Catalogue) -> Iterator[dict[str, str]]:
    parties = {row[0]: {"party_id": row[0], "ipi": row[1], "party": row[2]} for row in catalogue.parties()}
    named: set[str] = set()

    def party(party_id: str) -> dict[str, str]:
        known = party_id in named
        named.add(party_id)
        return {"party_id": party_id} if known else parties[party_id]

    shares = catalogue.master_shares()
    share: Row | None = next(shares)
    columns = (
        "recording_id",
        "",
        "isrc",
        "recording_title",
        "artists",
        "duration",
        "label",
        "index_id",
        "vocals",
        "tags",
    )
    for recording in catalogue.recordings():
        described = {column: cell for column, cell in zip(columns, recording, strict=True) if column}
        while share is not None and share[1] == recording[0]:
            right = {"right": "Master", "role": share[3], "share": f"{share[4]} %", "valid_from": share[5]}
            places = {"territories": share[7], "excluded_territories": share[8]}
            yield described | party(share[2]) | right | places
            described = {"recording_id": recording[0]}
            share = next(shares, None)
    shares = catalogue.work_shares()
    share = next(shares)
    for work in catalogue.works():
        described = dict(zip(("work_id", "iswc", "work_title", "writers"), work, strict=True))
        while share is not None and share[1] == work[0]:
            right = {"right": share[6], "role": share[3], "share": f"{share[4]} %"}
            places = {"territories": share[9], "excluded_territories": share[10]}
            yield described | party(share[2]) | right | places
            described = {"work_id": work[0]}
            share = next(shares, None)
    for _, of_work, of_recording, _ in catalogue.links():
        yield {"recording_id": of_recording, "work_id": of_work}
