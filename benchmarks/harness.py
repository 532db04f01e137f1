"""Shared tools of the benchmarks: facts of machine and versions, tables, intervals, workers, atomic files.

A benchmark seeds everything, runs its tasks in spawned processes of one thread each (`in_parallel`), keeps its results
under a key that names everything the result depends on (`content_key`), and returns a report of plain JSON types with
the same facts about machine, versions and parameters (`facts`). `benchmarks.part` describes the interface.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import importlib.metadata
import json
import multiprocessing
import os
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import platformdirs
from scipy.stats import binomtest
from tqdm import tqdm

from fingerprint.digests import pretty_json
from fingerprint.errors import ParameterError
from fingerprint.params import Params

__all__ = [
    "DISTORTION_CODE",
    "SYNTHESIS_CODE",
    "content_key",
    "default_cache",
    "facts",
    "facts_line",
    "in_parallel",
    "json_bytes",
    "markdown_table",
    "one_thread",
    "source_digest",
    "text_table",
    "wilson_interval",
    "write_atomically",
]

T = TypeVar("T")
R = TypeVar("R")

PACKAGES = ("numpy", "scipy", "numba", "faiss-cpu", "soundfile", "soxr", "av", "pedalboard")
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
SYNTHESIS_CODE = tuple(f"sourceprint/demo/{name}.py" for name in ("arrangement", "instruments", "synthesis"))
"""Code that synthesised music depends on, for `source_digest`."""
DISTORTION_CODE = ("benchmarks/distortion", "sourceprint/demo/transformations.py")
"""Code that distorted audio depends on."""
_ROOT = Path(__file__).resolve().parent.parent


def facts() -> dict[str, Any]:
    """Return machine, date, versions, parameters and state of the source tree, as plain JSON types."""
    return {
        "date_utc": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": {
            "cpu": _cpu_model(),
            "cores": os.cpu_count(),
            "memory_gb": _memory_gb(),
            "system": platform.platform(),
        },
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES},
        "params_digest": Params().digest,
        "source_digest": source_digest(),
        "commit": _commit(),
    }


def facts_line(known: dict[str, Any]) -> str:
    """Return `facts` as one line to stand under a table."""
    machine = known["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in known["versions"].items() if version)
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}; "
        f"{known['date_utc'][:10]}; {versions}; parameters {known['params_digest'][:19]}; commit {known['commit']}"
    )


def source_digest(*places: str) -> str:
    """Return the SHA-256 of the code in folders and files of the project, by default `fingerprint` and `index`."""
    digest = hashlib.sha256()
    for place in places or ("fingerprint", "index"):
        for path in sorted((_ROOT / place).rglob("*.py")) if (_ROOT / place).is_dir() else [_ROOT / place]:
            digest.update(f"{path.relative_to(_ROOT).as_posix()}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def content_key(*parts: object) -> str:
    """Return a short key for everything that a cached result depends on, given as plain JSON types.

    Examples
    --------
    >>> content_key("gsm", 60, 0) == content_key("gsm", 60, 0) != content_key("gsm", 60, 1)
    True
    """
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:20]


def default_cache() -> Path:
    """Return the cache folder of the benchmarks, in the user's cache folder; it may not exist yet."""
    return Path(platformdirs.user_cache_dir("sourceprint", appauthor=False)) / "benchmarks"


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to `path`, which then holds either all of it or its old content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise


def json_bytes(value: object) -> bytes:
    """Return `value` as readable JSON; numbers that JSON does not know (NaN, infinity) are an error."""
    return pretty_json(value, utf8=True)


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson, JASA 1927); (0, 1) without trials.

    Raises
    ------
    ParameterError
        If there are more successes than trials, or fewer than none.

    Examples
    --------
    >>> [round(end, 3) for end in wilson_interval(60, 60)]
    [0.94, 1.0]
    """
    if not 0 <= successes <= trials:
        raise ParameterError(f"{successes} successes of {trials} trials: must lie between 0 and the number of trials")
    if trials == 0:
        return 0.0, 1.0
    interval = binomtest(successes, trials).proportion_ci(confidence_level=0.95, method="wilson")
    low, high = max(0.0, float(interval.low)), min(1.0, float(interval.high))
    return (0.0 if successes == 0 else low), (1.0 if successes == trials else high)


def text_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a plain table: first column left, the others right.

    Examples
    --------
    >>> print(text_table(["what", "n"], [["gsm", "60"], ["phone", "7"]]))
    what    n
    gsm    60
    phone   7
    """
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    made = []
    for line in lines:
        cells = [
            line[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)),
        ]
        made.append("  ".join(cells).rstrip() if len(widths) > 2 else " ".join(cells).rstrip())
    return "\n".join(made)


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return the same as a Markdown table.

    Examples
    --------
    >>> print(markdown_table(["what", "n"], [["gsm", "60"]]))
    | what | n |
    | --- | ---: |
    | gsm | 60 |
    """
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def one_thread() -> None:
    """Hold this process and its children to one thread each; call before NumPy is at work."""
    for variable in _THREAD_VARIABLES:
        os.environ.setdefault(variable, "1")


def in_parallel(
    work: Callable[[T], R],
    tasks: Sequence[T],
    *,
    jobs: int,
    what: str,
    prepare: Callable[..., None] | None = None,
    given: tuple[Any, ...] = (),
) -> Iterator[R]:
    """Yield `work(task)` for each task, in the order of the tasks, from `jobs` spawned processes of one thread.

    Parameters
    ----------
    work, prepare : callable
        Functions at the top of a module. `prepare(*given)` runs once in each process, before any work.
    tasks : sequence
        Arguments of `work`; sent through a pipe, so names rather than samples.
    jobs : int
        Processes; with 1, everything happens in this one.
    what : str
        Words for the progress bar, on stderr.

    Raises
    ------
    ParameterError
        If `jobs` is below 1.
    """
    if jobs < 1:
        raise ParameterError(f"jobs={jobs}: must be at least 1")
    one_thread()
    bar = tqdm(total=len(tasks), desc=what, file=sys.stderr, dynamic_ncols=True, leave=False, disable=None)
    with bar:
        if jobs == 1:
            if prepare is not None:
                prepare(*given)
            for task in tasks:
                yield work(task)
                bar.update()
            return
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(jobs, mp_context=context, initializer=_start, initargs=(prepare, given)) as pool:
            try:
                for result in pool.map(work, tasks):
                    yield result
                    bar.update()
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise


# --- helpers ----------------------------------------------------------------------------------------------------------


def _start(prepare: Callable[..., None] | None, given: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    if prepare is not None:
        prepare(*given)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _cpu_model() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gb() -> int:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9)
    except (ValueError, OSError, AttributeError):
        return 0


def _commit() -> str:
    """Return the commit of the source tree, with "+" where files have changed since; "unknown" outside git.

    A copy that is installed inside somebody else's repository is outside.
    """
    try:
        asked = [
            ["git", "rev-parse", "--show-toplevel"],
            ["git", "rev-parse", "--short=12", "HEAD"],
            ["git", "status", "--porcelain"],
        ]
        root, commit, changes = (
            subprocess.run(line, cwd=_ROOT, capture_output=True, text=True, timeout=10, check=True).stdout
            for line in asked
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    if Path(root.strip()).resolve() != _ROOT:
        return "unknown"
    return commit.strip() + ("+" if changes.strip() else "")
