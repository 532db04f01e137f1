"""A stand-in for audfprint: the same commands and lines, and a matcher whose right answers anyone can see.

A query matches where its samples, as wav, occur in a reference, exactly. `new` stores files, `match` looks it
up; options for density are read and ignored.
"""

from __future__ import annotations

import json
import sys
import wave
from pathlib import Path


def samples(path: str) -> bytes:
    with wave.open(path) as file:
        return bytes(file.readframes(file.getnframes()))


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


def main(words: list[str]) -> None:
    verb = words[0]
    database = Path(words[words.index("--dbase") + 1])
    files = Path(words[words.index("--list") + 1]).read_text(encoding="utf-8").split()
    if verb == "new":
        database.write_text(json.dumps(files), encoding="utf-8")
        say(f"Added 1 hashes for {len(files)} files")
        return
    say("Reading hash table")
    for query in files:
        asked = samples(query)
        rate = 2 * 22050
        at = {reference: samples(reference).find(asked) for reference in json.loads(database.read_text())}
        found = [(reference, place) for reference, place in at.items() if place >= 0]
        for reference, place in found:
            say(f"Matched {query} 10.0 sec 99 raw hashes as {reference} at {place / rate:6.1f} s "
                  f"with {len(asked) // rate:5d} of {99:5d} common hashes at rank  0")  # fmt: skip
        if not found:
            say(f"NOMATCH {query} 10.0 sec 99 raw hashes")


if __name__ == "__main__":
    main(sys.argv[1:])
