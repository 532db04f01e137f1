"""Builders of rights, licences, policies, scan results and uses for tests: small, complete, and every field may be set.

Recordings are called R1, R2, ..., with the index id "asset-R1", works W1 ..., parties P-..., and the licensee is P-GEN.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import fields as part_fields
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import Table, update

from sourceprint.royalties.money import Amount, sum_of
from sourceprint.royalties.rights.database import Change, Database
from sourceprint.royalties.rights.history import apply_records
from sourceprint.royalties.rights.licences import Conditions, Licence, RateCard, Scope
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
from sourceprint.royalties.rights.rights import Rights, current_revision
from sourceprint.royalties.rights.rows import Record, row_of, table_of
from sourceprint.royalties.rights.schema import VERSIONED
from sourceprint.royalties.territories import EVERYWHERE, Territories
from sourceprint.royalties.uses.policy import MethodOrder, OverlapRules, Policy, Thresholds, UsageRules
from sourceprint.royalties.uses.use import Use, UsePassage

LICENSEE = "P-GEN"


def cents(amounts: Amount | Iterable[Amount]) -> Fraction | int:
    """Return an amount, or the sum of several, in cents."""
    return (amounts if isinstance(amounts, Amount) else sum_of(amounts)).minor("EUR")


def of_cents(minor: Fraction | int) -> Amount:
    """Return an amount of so many cents."""
    return Amount.nearest(minor, "EUR")


INDEX_DIGEST = "sha256:" + "1" * 64
POLICY_DIGEST = "sha256:" + "2" * 64


def a_recording(recording_id: str = "R1", **fields: Any) -> RightsRecording:
    """Return a recording that is in the index as "asset-" and its id."""
    defaults: dict[str, Any] = {
        "title": f"Title of {recording_id}",
        "artists": ("An Artist",),
        "index_id": f"asset-{recording_id}",
        "duration_ms": 200_000,
        "label": "Blue Label",
        "vocals": "no",
    }
    return RightsRecording(id=recording_id, **{**defaults, **fields})


def a_work(work_id: str = "W1", **fields: Any) -> Work:
    """Return a work."""
    return Work(id=work_id, **{"title": f"Title of {work_id}", "writers": ("A Writer",), **fields})


def a_party(party_id: str, **fields: Any) -> Party:
    """Return a party whose name is made from its id."""
    return Party(id=party_id, **{"name": party_id.removeprefix("P-").title(), **fields})


def a_share(
    subject_id: str, party_id: str, right: str = MASTER, millionths: int = WHOLE, *, share_id: str = "", **fields: Any
) -> Share:
    """Return a share, everywhere and for ever unless something else is said."""
    return Share(
        id=share_id or f"S-{subject_id}-{right}-{party_id}",
        subject_id=subject_id,
        party_id=party_id,
        right=right,
        millionths=millionths,
        **fields,
    )


def a_part(recording_id: str, part_id: str, start_ms: int, end_ms: int) -> RecordingPart:
    """Return that a passage of a recording is taken from another."""
    return RecordingPart(recording_id, part_id, start_ms, end_ms)


def a_rate_card(**fields: Any) -> RateCard:
    """Return a rate card in EUR: half to the master, a quarter to each of two rights; 12.5 % of revenue."""
    defaults: dict[str, Any] = {
        "currency": "EUR",
        "rights": (("Master", 500_000), ("MechanicalRight", 250_000), ("PerformingRight", 250_000)),
        "royalty_millionths": 125_000,
        "per_second": Fraction(1, 5),
        "per_match": Fraction(10),
    }
    return RateCard(**{**defaults, **fields})


def a_licence(licence_id: str = "LIC-1", **fields: Any) -> Licence:
    """Return a licence of everything, everywhere, to the licensee, for generation in 2026."""
    defaults: dict[str, Any] = {
        "licensor": "P-LABEL",
        "licensee": LICENSEE,
        "valid_from": date(2026, 1, 1),
        "valid_to": date(2026, 12, 31),
        "purposes": ("generate",),
        "territories": EVERYWHERE,
        "scope": Scope(everything=True),
        "conditions": Conditions(),
        "rate_card": a_rate_card(),
        "digest": "sha256:" + hashlib.sha256(licence_id.encode()).hexdigest(),
    }
    return Licence(id=licence_id, **{**defaults, **fields})


def some_rights(
    works_of: Mapping[str, Iterable[str]] | None = None,
    *,
    owner_of: Mapping[str, str] | None = None,
    parts: Iterable[RecordingPart] = (),
    licences: Iterable[Licence] | None = None,
    revision: int = 1,
    recording_fields: Mapping[str, Mapping[str, Any]] | None = None,
) -> Rights:
    """Return rights in which every recording has one owner of its master, every work one owner of all its rights.

    Parameters
    ----------
    works_of : mapping of str to iterable of str
        The works of each recording; R1 performs W1 and R2 performs W2 unless said otherwise.
    owner_of : mapping of str to str
        Party of a recording or work; "P-" and its id unless said; "" leaves it without shares.
    parts, licences, revision
        As in `Rights.of`; one licence of everything unless said.
    recording_fields : mapping of str to mapping
        Fields of single recordings.
    """
    by_recording = {"R1": ("W1",), "R2": ("W2",)} if works_of is None else works_of
    owners = dict(owner_of or {})
    work_ids = sorted({work_id for of_one in by_recording.values() for work_id in of_one})
    subjects = [*by_recording, *work_ids]
    owner = {subject: owners.get(subject, f"P-{subject}") for subject in subjects}
    return Rights.of(
        recordings=[a_recording(r, **(recording_fields or {}).get(r, {})) for r in by_recording],
        works=[a_work(work_id) for work_id in work_ids],
        parties=[a_party(p) for p in sorted({*owner.values(), "P-LABEL", LICENSEE} - {""})],
        links=[RecordingWork(r, work_id, None) for r, of_one in by_recording.items() for work_id in of_one],
        parts=parts,
        master_shares=[a_share(r, owner[r]) for r in by_recording if owner[r]],
        work_shares=[
            a_share(work_id, owner[work_id], right)
            for work_id in work_ids
            for right in ("MechanicalRight", "PerformingRight")
            if owner[work_id]
        ],
        licences=[a_licence()] if licences is None else licences,
        revision=revision,
    )


def store_rights(database: Database, rights: Rights, *, by: str = "tester") -> int:
    """Enter all records of rights into a database, and return the revision that it has then."""
    links = [RecordingWork(r, w, weight) for r, of_one in rights.work_weights.items() for w, weight in of_one.items()]
    records: list[Record] = [
        *rights.parties.values(),
        *rights.recordings.values(),
        *rights.works.values(),
        *links,
        *(part for of_one in rights.parts.values() for part in of_one),
        *(share for of_one in rights.master_shares.values() for share in of_one),
        *(share for of_one in rights.work_shares.values() for share in of_one),
        *rights.licences.values(),
    ]
    by_table: dict[Table, list[dict[str, object]]] = {table: [] for table in VERSIONED}
    for record in records:
        by_table[table_of(record)].append(row_of(record))
    with database.changing(source="test", by=by) as change:
        for table, rows in by_table.items():
            apply_records(change, table, rows)
    with database.reading() as connection:
        return current_revision(connection)


def withdraw(change: Change, table: Table, ids: Iterable[str]) -> None:
    """End current records, as a database may hold some that were: no command does it."""
    if wanted := sorted(ids):
        current = update(table).where(table.c.id.in_(wanted), table.c.until.is_(None))
        change.connection.execute(current.values(until=change.revision))


def a_policy(**fields: Any) -> Policy:
    """Return the policy that the docstring of `sourceprint.royalties.uses.policy` shows."""
    tables: dict[str, Any] = {
        "amount": MethodOrder(("matched-seconds",)),
        "thresholds": Thresholds(3_000, Decimal("0.99"), Decimal("0.9")),
        "overlap": OverlapRules("evidence", Decimal(4), "unresolved", "fill"),
        "usage": UsageRules(),
    }
    for name, part in tables.items():
        changes = {one.name: fields.pop(one.name) for one in part_fields(part) if one.name in fields}
        tables[name] = replace(part, **changes)
    return Policy(**{"name": "matched-seconds", "digest": POLICY_DIGEST, **tables, **fields})


def sha_of(name: str) -> str:
    """Return the digest that stands for a generated track of this name."""
    return hashlib.sha256(name.encode()).hexdigest()


def a_passage(start_ms: int, end_ms: int, recording_start_ms: int = 0, **fields: Any) -> dict[str, Any]:
    """Return a passage of a scan result, at the original speed, as JSON has it."""
    defaults: dict[str, Any] = {
        "track_start_ms": start_ms,
        "track_end_ms": end_ms,
        "recording_start_ms": recording_start_ms,
        "recording_end_ms": recording_start_ms + end_ms - start_ms,
        "pitch_cents": 0.0,
        "speed_percent": 100.0,
        "tempo_percent": 100.0,
        "aligned_landmarks": (end_ms - start_ms) // 100,
        "expected_by_chance": 0.5,
        "p_false": 1e-12,
        "false_per_1000h": 1e-9,
        "confidence": 0.999,
        "excluded": False,
        "also_fits": [],
    }
    return {**defaults, **fields}


def an_alternative(
    recording_id: str, start_ms: int, end_ms: int, recording_start_ms: int = 60_000, **fields: Any
) -> dict[str, Any]:
    """Return another recording that holds the same audio as a passage of a scan result, or a part of it."""
    defaults: dict[str, Any] = {
        "recording_id": recording_id,
        "isrc": None,
        "title": None,
        "artists": [],
        "same_audio": True,
        "track_start_ms": start_ms,
        "track_end_ms": end_ms,
        "recording_start_ms": recording_start_ms,
        "recording_end_ms": recording_start_ms + end_ms - start_ms,
        "pitch_cents": 0.0,
        "speed_percent": 100.0,
        "tempo_percent": 100.0,
        "aligned_landmarks": (end_ms - start_ms) // 120,
        "expected_by_chance": 0.5,
    }
    return {**defaults, **fields}


def a_match(recording_id: str, *passages: dict[str, Any], layer: str = "recording", **fields: Any) -> dict[str, Any]:
    """Return a match of a scan result with the recording of the rights that has this id."""
    defaults: dict[str, Any] = {
        "recording_id": f"asset-{recording_id}",
        "isrc": None,
        "title": f"Title of {recording_id}",
        "artists": ["An Artist"],
        "layer": layer,
        "track_match_ms": 0,
        "track_match_percentage": 0.0,
        "recording_match_ms": 0,
        "recording_match_percentage": 0.0,
        "passages": list(passages),
        "confidence": max((passage["confidence"] for passage in passages), default=0.0),
    }
    return {**defaults, **fields}


def a_scan_result(name: str, *matches: dict[str, Any], track_ms: int = 60_000, **fields: Any) -> dict[str, Any]:
    """Return the result of one generated track, as `sourceprint match --jsonl` writes it."""
    defaults: dict[str, Any] = {
        "schema": "sourceprint/scan-result/2",
        "scan_id": "01890000-0000-7000-8000-000000000000",
        "track": {"name": name, "sha256": sha_of(name), "duration_ms": track_ms, "decoder": "soundfile", "notes": []},
        "index": {"digest": INDEX_DIGEST, "algorithm": "landmark/1", "params_digest": "sha256:0", "recordings": 9},
        "searched": {"only": [], "exclude": [], "recordings": 9},
        "status": "matched" if matches else "no_match",
        "reason": None,
        "matches": list(matches),
        "timing_ms": {"fingerprint": 1, "search": 1, "verify": 1},
    }
    return {**defaults, **fields}


def a_use_passage(start_ms: int, end_ms: int, *, contenders: tuple[str, ...] = (), number: int = 0) -> UsePassage:
    """Return a passage at the original speed that starts at the same place of the recording."""
    return UsePassage(start_ms, end_ms, start_ms, end_ms, contenders, number)


def a_use(
    track: str = "one.wav",
    recording_id: str = "R1",
    *,
    ms: int = 20_000,
    passages: tuple[UsePassage, ...] = (),
    **fields: Any,
) -> Use:
    """Return a claimed use, used worldwide; its id is made from track, layer, recording, works and passages."""
    passages = passages or (a_use_passage(0, ms),)
    defaults: dict[str, Any] = {
        "track_sha256": sha_of(track),
        "track_name": track,
        "track_ms": 60_000,
        "generated_on": "2026-07-14",
        "purpose": "generate",
        "licensee": LICENSEE,
        "layer": "recording",
        "index_id": f"asset-{recording_id}",
        "recording_id": recording_id,
        "work_ids": (recording_id.replace("R", "W"),) if recording_id else (),
        "passages": passages,
        "matched_ms": sum(passage.end_ms - passage.start_ms for passage in passages),
        "attributed_us": 1000 * sum(passage.end_ms - passage.start_ms for passage in passages),
        "aligned_landmarks": 200,
        "confidence": Decimal("0.999"),
        "p_false": Decimal("1E-12"),
        "state": "claimed",
        "state_rule": "thresholds.claim_confidence 0.99",
        "territories": ("Worldwide",),
        "candidates": _contenders(passages) if not recording_id else (),
        "policy_digest": POLICY_DIGEST,
        "index_digest": INDEX_DIGEST,
        "rights_revision": 1,
    }
    values = {**defaults, **fields}
    told_apart = "|".join(
        str(values[name]) for name in ("track_sha256", "layer", "recording_id", "work_ids", "passages")
    )
    return Use(**{"id": "U" + hashlib.sha256(told_apart.encode()).hexdigest()[:24], **values})


def _contenders(passages: tuple[UsePassage, ...]) -> tuple[str, ...]:
    """Return the recordings on file that claimed the same time."""
    claimed = {name for passage in passages for name in passage.contenders}
    return tuple(sorted(name for name in claimed if not name.startswith("asset:")))


def only_in(*codes: str) -> Territories:
    """Return territories from codes."""
    return Territories.of(codes)
