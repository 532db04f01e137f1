"""Running the command in tests, in this process or as one of its own, and music for it to work on."""

from __future__ import annotations

import functools
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from click.testing import CliRunner, Result
from numpy.typing import NDArray

import cli
from sourceprint.demo.synthesis import synthesize
from tests.places import ROOT

__all__ = ["RATE_HZ", "catalogue", "matches", "music", "run", "start", "write"]

RATE_HZ = 11025

# Newer versions of click always keep the streams apart.
_SEPARATE: dict[str, Any] = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}


def run(*args: str | Path, index: Path | None = None, stdin: bytes | None = None) -> Result:
    """Run a command in this process; an exception that it does not handle is raised here."""
    words = [str(arg) for arg in args]
    if index is not None:
        words += ["--index", str(index)]
    return CliRunner(**_SEPARATE).invoke(
        cli.sourceprint, words, input=stdin, catch_exceptions=False, prog_name="sourceprint"
    )


def start(*args: str | Path, before: str = "", **options: Any) -> subprocess.Popen[str]:
    """Start a command as a process of its own, after some lines of Python.

    It minds Ctrl-C even where the tests themselves run in the background of a shell, which has its children ignore it.
    """
    minds = "signal.signal(signal.SIGINT, signal.default_int_handler)"
    program = f"import signal, sys, cli\n{minds}\n{before}\nif __name__ == '__main__': cli.main(sys.argv[1:])"
    environment = {**options.pop("env", os.environ), "PYTHONPATH": str(ROOT)}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen([sys.executable, "-c", program, *map(str, args)], text=True, env=environment, **streams)


@functools.cache
def music(seed: int, seconds: float = 12.0) -> NDArray[np.float32]:
    """Return music [shape=(n,), dtype=float32] at `RATE_HZ`; do not write to it."""
    return synthesize(seed, seconds, sample_rate=RATE_HZ)


def write(path: Path, y: NDArray[np.float32], *, rate_hz: int = RATE_HZ, subtype: str | None = None) -> Path:
    """Write an audio file in the format that its name asks for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, y, rate_hz, subtype=subtype)
    return path


def catalogue(folder: Path, seeds: Iterable[int]) -> Path:
    """Add the music of some seeds, as s1, s2, ..., and return the index folder."""
    for seed in seeds:
        write(folder / "music" / f"s{seed}.wav", music(seed))
    result = run("add", folder / "music", "--quiet", index=folder / "index")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    return folder / "index"


def matches(index: Path, *files: Path) -> list[list[str]]:
    """Return the ids found in each file."""
    result = run("match", *files, "--jsonl", "--quiet", index=index)
    assert result.exit_code == 0, result.stderr
    return [[match["recording_id"] for match in json.loads(line)["matches"]] for line in result.stdout.splitlines()]
