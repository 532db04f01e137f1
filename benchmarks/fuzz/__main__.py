"""The command: `python -m benchmarks.fuzz`, and one input again with `--replay FORMAT:SEED:NUMBER`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.fuzz.harness import replay
from benchmarks.fuzz.measurement import PART
from benchmarks.fuzz.registry import load_format
from benchmarks.part import run_command


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    if arguments[:1] != ["--replay"]:
        return run_command(PART, arguments)
    name, seed, number = arguments[1].rsplit(":", 2)
    with tempfile.TemporaryDirectory(prefix="sourceprint-fuzz-") as folder:
        path = replay(load_format(name), seed=int(seed), number=int(number), folder=Path(folder))
        print(f"{path.name}: accepted")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
