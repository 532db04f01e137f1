"""Whether two versions of the program find the same: scan results compared as typed values.

    sourceprint match --jsonl --index INDEX FILES > before.jsonl      # with one version
    sourceprint match --jsonl --index INDEX FILES > after.jsonl       # with the other
    python -m benchmarks.same_results before.jsonl after.jsonl

Results of version 2 are mapped back to the words of version 1. Names, texts for people, `scan_id` and `timing_ms` are
left out; every other value must be equal, of the same type. Exit code 1 if one differs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["as_version_1", "differences", "main"]

LEFT_OUT = frozenset({"schema", "scan_id", "timing_ms", "name", "notes", "reason"})
OLD_WORDS = {"track": "query", "passages": "segments"}
OLD_RECORDINGS = {"index": "tracks", "explanation": "references"}
OLD_PREFIXES = {"track_": "query_", "recording_": "asset_"}


def as_version_1(value: Any, *, inside: str = "") -> Any:
    """Return a result in the words of version 1, without fields that may differ; `inside` is the field that holds it.

    >>> as_version_1({"schema": "2", "track": {"name": "a"}, "index": {"recordings": 3}})
    {'query': {}, 'index': {'tracks': 3}}
    >>> as_version_1({"matches": [{"recording_id": "r", "passages": [{"track_end_ms": 1}]}]})
    {'matches': [{'asset_id': 'r', 'segments': [{'query_end_ms': 1}]}]}
    """
    if isinstance(value, list):
        return [as_version_1(item, inside=inside) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        _old_word(key, inside): as_version_1(item, inside=key) for key, item in value.items() if key not in LEFT_OUT
    }


def _old_word(key: str, inside: str) -> str:
    if key == "recordings" and inside in OLD_RECORDINGS:
        return OLD_RECORDINGS[inside]
    for prefix, old in OLD_PREFIXES.items():
        if key.startswith(prefix):
            return old + key.removeprefix(prefix)
    return OLD_WORDS.get(key, key)


def differences(before: Any, after: Any, place: str = "") -> Iterator[str]:
    """Yield where two values differ, in value or in type.

    >>> list(differences({"a": [1, 2]}, {"a": [1, 2.0]}))
    ['a[1]: 2 before, 2.0 after']
    """
    if type(before) is not type(after):
        yield f"{place}: {before!r} before, {after!r} after"
    elif isinstance(before, dict):
        for key in sorted(before.keys() | after.keys()):
            where = f"{place}.{key}" if place else key
            if key in before and key in after:
                yield from differences(before[key], after[key], where)
            else:
                yield f"{where}: only {'before' if key in before else 'after'}"
    elif isinstance(before, list):
        if len(before) != len(after):
            yield f"{place}: {len(before)} items before, {len(after)} after"
        for number, (old, new) in enumerate(zip(before, after, strict=False)):
            yield from differences(old, new, f"{place}[{number}]")
    elif before != after:
        yield f"{place}: {before!r} before, {after!r} after"


def main(arguments: list[str] | None = None) -> int:
    """Compare two files of JSON Lines, print the differences, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    options = parser.parse_args(arguments)
    sides = [
        [as_version_1(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
        for path in (options.before, options.after)
    ]
    found = list(differences(sides[0], sides[1], "result"))
    passages = sum(len(match["segments"]) for result in sides[0] for match in result["matches"])
    for line in found:
        print(line)
    print(f"{len(sides[0])} and {len(sides[1])} results, {passages} passages before, {len(found)} values differ")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
