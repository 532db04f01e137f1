"""A verdict on a case in words, for people, and as JSON, for programs.

The text says first whether the case holds, then the checks, every figure as stated and as computed again, the signer,
and the limits of the proof; text from the case is printable, so that it can forge no line. A case whose key nobody
vouches for is never said to hold.
"""

import math
from collections.abc import Iterator
from typing import Any

from fingerprint.errors import printable
from sourceprint.evidence.cases.contents import DOES_NOT_PROVE, PROVES
from sourceprint.evidence.cases.recomputation import Figure
from sourceprint.evidence.cases.verdict import CaseVerdict
from sourceprint.signatures import PublicKey

__all__ = ["SCHEMA", "verdict_json", "verdict_text"]

SCHEMA = "sourceprint/case-verdict/1"

_WIDEST = 40  # characters of a figure


def verdict_text(verdict: CaseVerdict) -> str:
    """Return a verdict as lines for people."""
    return "\n".join(
        line
        for lines in (_headline(verdict), _about(verdict), _checked(verdict), _figures(verdict), _proof(verdict))
        for line in lines
    )


def verdict_json(verdict: CaseVerdict) -> dict[str, Any]:
    """Return a verdict as plain JSON types, every field present."""
    signer, comparison, remarks = verdict.signer, verdict.comparison, verdict.remarks
    return {
        "schema": SCHEMA,
        "case": verdict.name,
        "sha256": verdict.sha256,
        "holds": verdict.holds,
        "consistent": verdict.consistent,
        "trusted": verdict.trusted is not None,
        "problems": list(verdict.problems),
        "checks": [
            {"name": check.name, "holds": not check.problems, "problems": list(check.problems)}
            for check in verdict.checks
        ],
        "signer": None if signer is None else _signer_json(signer),
        "signer_is_given": verdict.trusted is not None,
        "file": None if verdict.result is None else verdict.result.raw["track"],
        "made_on": None if remarks is None or remarks.made_on is None else remarks.made_on.isoformat(),
        "note": None if remarks is None else remarks.note or None,
        "figures": [_figure_json(figure) for figure in comparison.figures] if comparison else [],
        "unchecked": list(comparison.unchecked) if comparison else [],
        "has_page": verdict.has_page,
        "proves": list(PROVES) if verdict.consistent else [],
        "does_not_prove": list(DOES_NOT_PROVE),
    }


def _headline(verdict: CaseVerdict) -> Iterator[str]:
    if verdict.holds:
        yield f"{verdict.name}: holds."
    elif verdict.consistent and verdict.signer is not None:
        key = f"fingerprint {verdict.signer.fingerprint}"
        yield f"{verdict.name}: NOT VERIFIED: consistent, but signed with a key that nobody vouches for: {key}"
    else:
        n = len(verdict.problems)
        yield f"{verdict.name}: DOES NOT HOLD: {n} {'thing is' if n == 1 else 'things are'} wrong."


def _about(verdict: CaseVerdict) -> Iterator[str]:
    yield ""
    result, remarks = verdict.result, verdict.remarks
    if result is not None:
        names = ", ".join(printable(found.recording_id) for found in result.matches)
        yield f"  file    {printable(result.name)}"
        yield f"          SHA-256 {printable(result.sha256)}"
        yield f"  found   {names or 'nothing'}"
        yield f"  index   {printable(result.index_digest)}"
    yield f"  signed  {_signer(verdict)}"
    if remarks is not None:
        day = "" if remarks.made_on is None else f" on {remarks.made_on.isoformat()}, as its maker says"
        yield f"  made    with Sourceprint {printable(remarks.version)}{day}"
    if remarks is not None and remarks.note:
        yield f"  note    {printable(remarks.note)}"


def _signer(verdict: CaseVerdict) -> str:
    if verdict.signer is None:
        return "by nobody"
    if isinstance(verdict.trusted, str):
        return f"by key {verdict.signer.id}, whose fingerprint you gave; it calls itself {verdict.signer.name}"
    if verdict.trusted is not None:
        return f"by key {verdict.signer.id}, which you gave as {verdict.trusted.name}"
    said = f"by key {verdict.signer.id}, which calls itself {verdict.signer.name}"
    if any(check.name == "key" for check in verdict.checks):
        return f"{said}; it is none that you gave"
    return f"{said}; nobody has said whose key that is: give --key"


def _checked(verdict: CaseVerdict) -> Iterator[str]:
    yield from ("", "Checks")
    for check in verdict.checks:
        if not check.problems:
            yield f"  ok     {check.name:<12} {check.what}"
        for problem in check.problems:
            yield f"  WRONG  {check.name:<12} {problem}"
    if verdict.has_page:
        yield "  -      page         is compared with its digest, like every file; its content is not computed again"
    if verdict.comparison is not None and verdict.comparison.unchecked:
        names = ", ".join(printable(name[:80]) for name in verdict.comparison.unchecked)
        yield f"  -      not checked  {names}: as the signer states; landmarks say nothing here"


def _figures(verdict: CaseVerdict) -> Iterator[str]:
    if verdict.comparison is None or not verdict.comparison.figures:
        return
    figures = verdict.comparison.figures
    wide = max(len(_shown(figure.stated)) for figure in figures)
    other = max(len(_shown(figure.recomputed)) for figure in figures)
    wide, other = max(wide, len("stated")), max(other, len("recomputed"))
    yield from ("", f"{'Figures':<28}{'stated':>{wide}}  {'recomputed':>{other}}")
    of = ""
    for figure in figures:
        if figure.of != of:
            of = figure.of
            yield f"  {printable(of)}"
        wrong = "" if figure.agrees else "  WRONG"
        yield f"    {figure.name:<28}{_shown(figure.stated):>{wide}}  {_shown(figure.recomputed):>{other}}{wrong}"


def _proof(verdict: CaseVerdict) -> Iterator[str]:
    yield from ("", "What it proves")
    yield from (
        f"  - {sentence}" for sentence in (PROVES if verdict.consistent else ("Nothing, as it does not hold.",))
    )
    yield from ("", "What it does not prove")
    yield from (f"  - {sentence}" for sentence in DOES_NOT_PROVE)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        value = ", ".join(str(item) for item in value)
    text = "-" if value is None or value == "" else printable(str(value))
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."


def _signer_json(signer: PublicKey) -> dict[str, str]:
    return {"id": signer.id, "fingerprint": signer.fingerprint, "name": signer.name, "public_key": signer.text}


def _figure_json(figure: Figure) -> dict[str, Any]:
    stated, recomputed = (
        None if isinstance(value, float) and not math.isfinite(value) else value
        for value in (figure.stated, figure.recomputed)
    )
    return {
        "of": figure.of, "name": figure.name, "stated": stated, "recomputed": recomputed, "agrees": figure.agrees,
    }  # fmt: skip
