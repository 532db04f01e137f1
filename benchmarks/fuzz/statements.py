"""Statements: the folder of one, in which anybody may have altered any file and written the checksums anew, audited."""

from __future__ import annotations

import functools
import hashlib
import json
import random
import shutil
import tempfile
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from benchmarks.fuzz.harness import Format
from benchmarks.fuzz.mutators import damaged, hostile_tree, json_text
from fingerprint.digests import canonical_json, digest_of
from fingerprint.errors import StatementError
from sourceprint.royalties.money import ZERO, Amount
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.records import MASTER, Party
from sourceprint.royalties.statements.amounts.lines import Contribution, Line, Total
from sourceprint.royalties.statements.audit import audit_statement, audit_text
from sourceprint.royalties.statements.files.folder import write_statement
from sourceprint.royalties.statements.statement import Balance, Credit, Statement
from sourceprint.royalties.uses.usage import UsageRow
from sourceprint.royalties.uses.use import Use, UsePassage

__all__ = ["FORMAT"]

_PAID: Final = Amount.parse("100")
_DIGEST: Final = "sha256:" + "a" * 64
_USE: Final = Use(
    id="U" + "0" * 24,
    track_sha256="ab" * 32,
    track_name="song.wav",
    track_ms=60_000,
    generated_on="2026-08-02",
    purpose="generate",
    licensee="P-TONE",
    layer="recording",
    index_id="r0",
    recording_id="R1",
    work_ids=("W1",),
    passages=(UsePassage(1_000, 21_000, 5_000, 25_000, ("R2",), 0),),
    matched_ms=20_000,
    attributed_us=20_000_000,
    aligned_landmarks=120,
    confidence=Decimal("0.9995"),
    p_false=Decimal("1E-9"),
    state="claimed",
    state_rule="thresholds.claim_confidence 0.99",
    territories=("DE",),
    candidates=(),
    policy_digest=_DIGEST,
    index_digest=_DIGEST,
    rights_revision=7,
)


def _statement() -> Statement:
    part = Contribution(_USE.id, "matched-seconds", _PAID, 1_000_000, 1_000_000, 1_000_000, "", "0.01 x <3>")
    line = Line(
        number=1,
        kind="payable",
        party_id="P-LABEL",
        recording_id="R1",
        work_id="",
        right=MASTER,
        territory="DE",
        licence_id="LIC-1",
        usages=1_000,
        attributed_us=_USE.attributed_us,
        reason="",
        gross=part.gross,
        deductions=(),
        net=part.gross,
        contributions=(part,),
    )
    tone = Party("P-TONE", "Tone")
    return Statement(
        id="S-P-TONE-2026-Q3-0123456789ab",
        period=Period(date(2026, 7, 1), date(2026, 9, 30), "2026-Q3"),
        issued_on="2026-10-15",
        licensee=tone,
        currency="EUR",
        licences=(("LIC-1", "sha256:" + "c" * 64),),
        policy_name="matched-seconds",
        policy_digest=_DIGEST,
        rights_revision=7,
        usage=(UsageRow("song.wav", "DE", 1_000, Fraction(123_457, 3), "EUR", "2026-08-02", "generate"),),
        usage_sha256="e" * 64,
        fx_sha256="",
        conversions=(),
        lines=(line,),
        totals=(Total("DE", MASTER, part.gross, part.gross),),
        adjustments=(),
        balances=(Balance("P-LABEL", ZERO, _PAID, ZERO, _PAID, ZERO, _PAID, ZERO),),
        outside=(),
        uses=(_USE,),
        parties=(Party("P-LABEL", "Label"), tone),
        titles=(("recording", "R1", "QZAAA2600001", "First Light"),),
        credits=(Credit("R1", ("Anna", "Ben"), 200_000),),
    )


@functools.cache
def _valid() -> Path:
    """Return the folder of a statement that adds up; made once in a process."""
    folder = Path(tempfile.mkdtemp(prefix="statement-")) / "st"
    write_statement(_statement(), folder)
    if problems := audit_statement(folder):
        raise RuntimeError(f"the valid statement does not add up: {problems}")
    return folder


def _make(chance: random.Random, folder: Path) -> Path:
    path = Path(shutil.copytree(_valid(), folder / "st"))
    document = path / "statement.json"
    if chance.random() < 0.6:
        tree = hostile_tree(chance, json.loads(document.read_bytes()))
        document.write_bytes(_signed(tree) if chance.random() < 0.8 else json_text(tree))
    else:
        files = sorted(one for one in path.rglob("*") if one.is_file())
        file = chance.choice([*files, *files, *(path / name for name in ("statement.parquet", "statement.csv"))])
        file.write_bytes(damaged(chance, file.read_bytes()))
        if chance.random() < 0.1:
            file.unlink()
    if chance.random() < 0.9:
        _write_sums(path)
    return document if chance.random() < 0.2 else path


def _signed(tree: Any) -> bytes:
    """Return a statement with its digest made anew, where it can be written as Sourceprint does."""
    try:
        value = {key: item for key, item in tree.items() if key != "digest"}
        value["digest"] = digest_of(canonical_json(value, utf8=True) + b"\n")
        return canonical_json(value, utf8=True) + b"\n"
    except (ValueError, TypeError, AttributeError, RecursionError):
        return json_text(tree)


def _write_sums(path: Path) -> None:
    files = sorted(one for one in path.rglob("*") if one.is_file() and one.name != "SHA256SUMS")
    lines = (f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.relative_to(path).as_posix()}\n" for one in files)
    (path / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def _read(path: Path) -> None:
    problems = audit_statement(path)
    audit_text(path, problems).encode("utf-8")
    if problems:
        raise StatementError(str(problems[0]))


FORMAT = Format("statement", _make, _read, (StatementError,))
