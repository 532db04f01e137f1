"""Cases, altered and signed again: verified with the key of the signer, with another, and without any."""

from __future__ import annotations

import functools
import json
import random
from datetime import date
from pathlib import Path

from benchmarks.fuzz.harness import Format
from benchmarks.fuzz.mutators import damaged, hostile_tree, json_text
from benchmarks.fuzz.results import result_of_one
from benchmarks.fuzz.traces import hostile_trace, trace_of_one
from fingerprint.errors import EvidenceError, VerificationError
from index.recheck.trace_file import trace_to_bytes
from sourceprint.evidence.cases.archive import CASE, PAGE, README, RESULT, SIGNATURE, SUMS, TRACE, open_archive, pack
from sourceprint.evidence.cases.case import make_case
from sourceprint.evidence.cases.contents import Remarks, parse_json, sums_bytes
from sourceprint.evidence.cases.verdict import check_case, read_case
from sourceprint.evidence.cases.verdict_text import verdict_json, verdict_text
from sourceprint.signatures import PrivateKey, signature_bytes

__all__ = ["FORMAT"]

_KEY = PrivateKey(bytes(range(32)), "label")
_OTHER = PrivateKey(bytes(32), "other")


@functools.cache
def _members() -> dict[str, bytes]:
    remarks = Remarks(date(2026, 1, 31), "a note", "1.0")
    case = make_case(result_of_one(), trace_to_bytes(trace_of_one()), _KEY, remarks, page=b"<p>")
    return dict(open_archive(case, name="x.zip").members)


def _make(chance: random.Random, folder: Path) -> Path:
    path = folder / "x.zip"
    members = dict(_members())
    kind = chance.randrange(9)
    if kind == 0:
        path.write_bytes(damaged(chance, pack(members)))
        return path
    if kind <= 3:
        members[TRACE] = hostile_trace(chance)
    elif kind <= 6:
        members[RESULT] = json_text(hostile_tree(chance, parse_json(members[RESULT])))
    elif kind == 7:
        members[CASE] = json_text(hostile_tree(chance, parse_json(members[CASE])))
    else:
        name = chance.choice(list(members))
        members[name] = damaged(chance, members[name])
        if chance.random() < 0.3:
            del members[chance.choice((name, PAGE, README))]
    if chance.random() < 0.9:
        members[SUMS] = sums_bytes({name: data for name, data in members.items() if name not in (SUMS, SIGNATURE)})
        members[SIGNATURE] = signature_bytes(chance.choice((_KEY, _OTHER)), members[SUMS])
    path.write_bytes(pack(members))
    return path


def _read(path: Path) -> None:
    data = read_case(path)
    for keys in ((), (_OTHER.public,), (_KEY.public,)):
        verdict = check_case(data, name="x.zip", keys=keys)
        verdict_text(verdict).encode("utf-8")
        json.dumps(verdict_json(verdict), allow_nan=False)
        if verdict.holds and keys and verdict.trusted is None:
            raise ArithmeticError("holds without the key that was asked for")
    verdict.insist()


FORMAT = Format("case", _make, _read, (EvidenceError, VerificationError))
