"""Verdict on a chain, as text and as JSON."""

from collections.abc import Iterable
from typing import Any

from fingerprint.errors import printable
from sourceprint.royalties.rights.chain.verification import ChainVerdict
from sourceprint.text.tables import counted

__all__ = ["chain_text", "chain_to_json", "witness_lines"]


def chain_to_json(verdict: ChainVerdict, name: str) -> dict[str, Any]:
    """Return a verdict as plain JSON types, with the name of the database."""
    return {
        "database": name,
        "holds": verdict.holds,
        "head": {"sequence": verdict.head.sequence, "hash": verdict.head.hash},
        "rows": verdict.rows,
        "began": verdict.began,
        "witnessed": verdict.witnessed,
        "witness": verdict.witness,
        "unwitnessed": verdict.unwitnessed,
        "notes": [{"sequence": sequence, "note": note} for sequence, note in verdict.notes],
        "problems": [
            {"sequence": one.sequence, "table": one.table, "row": one.row, "id": one.id, "what": one.sentence}
            for one in verdict.problems
        ],
    }


def chain_text(verdict: ChainVerdict, name: str) -> str:
    """Return a verdict as text, without a line break at the end."""
    said = "holds" if verdict.holds else f"does not hold, {counted(len(verdict.problems), 'problem')}"
    return "\n".join(
        [
            f"{name}: the chain {said}",
            *(f"  {problem}" for problem in verdict.problems),
            f"  entries up to {verdict.head.sequence}, over {counted(verdict.rows, 'row')}; {printable(verdict.began)}",
            f"  head: {verdict.head.text}",
            *(f"  entry {sequence} notes: {printable(note)}" for sequence, note in verdict.notes),
            *(f"  {line}" for line in witness_lines(verdict)),
        ]
    )


def witness_lines(verdict: ChainVerdict) -> Iterable[str]:
    """Yield the lines about the newest witness of a chain and the entries after it."""
    after = ", ".join(f"{kind} {n}" for kind, n in verdict.unwitnessed.items())
    if verdict.witnessed:
        yield f"witnessed up to entry {verdict.witnessed} by {printable(verdict.witness)}"
        yield f"unwitnessed, entries by kind: {after or 'none'}"
        if verdict.problems:
            yield "a witness vouches for the hashes of entries, not for rows that no longer agree with them"
    else:
        yield "unwitnessed: all of it; without a head held elsewhere that agrees, a chain made anew would look the same"
