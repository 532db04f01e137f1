"""Uses that wait for a person, in a database of rights: as many as a test wants, and one whose recording is open."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sourceprint.royalties.review.waiting import QueueFilter, WaitingUse, read_queue
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.history import apply_records
from sourceprint.royalties.rights.rows import row_of
from sourceprint.royalties.rights.schema import recording
from sourceprint.royalties.uses.ledger import attribute_results
from sourceprint.royalties.uses.policy import load_policy
from tests.royalty_records import (
    LICENSEE,
    a_match,
    a_passage,
    a_recording,
    a_scan_result,
    some_rights,
    store_rights,
)

__all__ = ["MADE_AT", "fill_from_scan", "fill_queue", "waiting"]

MADE_AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def fill_queue(database: Database, folder: Path, n: int = 3, *, title: str = "Blue Light") -> list[WaitingUse]:
    """Attribute tracks 1.wav, 2.wav, ... in which R1 and R2 are heard in turn, longer and longer, and return the queue.

    R1 has the title and the ISRC GBUM71029604. One more track has what R3 and R4 share, and waits as unresolved.
    """
    rights = some_rights(
        {"R1": ("W1",), "R2": ("W2",)},
        owner_of={"R1": "P-BLUE"},
        recording_fields={"R1": {"title": title, "isrc": "GBUM71029604"}, "R2": {"title": "Grey Line"}},
    )
    twins = [a_recording(one, index_id="asset-twin") for one in ("R3", "R4")]
    store_rights(database, rights)
    with database.changing(source="test", by="tester") as change:
        apply_records(change, recording, [row_of(one) for one in twins])
    results = [
        a_scan_result(
            f"{number}.wav",
            a_match(f"R{2 - number % 2}", a_passage(1_000, 5_000 + 1_000 * number, 30_000, confidence=0.95)),
        )
        for number in range(1, n + 1)
    ]
    results.append(a_scan_result("open.wav", a_match("twin", a_passage(0, 9_000))))
    path = folder / "queue.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in results), encoding="utf-8")
    attribute_results(
        database, path, load_policy("matched-seconds"), licensee=LICENSEE, generated_on="2026-07-14", by="ann",
        now=MADE_AT,
    )  # fmt: skip
    return waiting(database)


def fill_from_scan(database: Database, folder: Path, result: dict[str, Any], recording_id: str) -> WaitingUse:
    """Attribute a real scan, as if it were less certain, to R1, a recording of the catalogue; return the use."""
    store_rights(database, some_rights({"R1": ("W1",)}, recording_fields={"R1": {"index_id": recording_id}}))
    for match in result["matches"]:
        for one in (match, *match["passages"]):
            one["confidence"] = 0.95
    path = folder / "scanned.jsonl"
    path.write_text(json.dumps(result) + "\n", encoding="utf-8")
    attribute_results(
        database, path, load_policy("matched-seconds"), licensee=LICENSEE, generated_on="2026-07-14", by="ann",
        now=MADE_AT,
    )  # fmt: skip
    (found,) = waiting(database)
    return found


def waiting(database: Database, **wanted: Any) -> list[WaitingUse]:
    """Return the queue."""
    with database.reading() as connection:
        return read_queue(connection).find(QueueFilter(**wanted))
