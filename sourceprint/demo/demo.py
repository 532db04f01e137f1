"""The demo: a made-up catalogue, tracks that reuse passages of it, and truth beside the matches.

Nothing is downloaded and no music is needed: `sourceprint.demo.music` makes recordings and tracks as WAV files. Then
the same code as behind ``sourceprint add`` and ``sourceprint match`` gets to work on them, and
`sourceprint.demo.statement` goes on from the matches to a statement.
"""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fingerprint.errors import CatalogueError, printable
from index.search.significance import LEAST_P
from sourceprint.demo.music import (
    CATALOGUE,
    CLEAN_TRACKS,
    GENERATED,
    HOST_SEEDS,
    N_RECORDINGS,
    PASSAGE_SECONDS,
    PASSAGES,
    RECORDING_SECONDS,
    TRACK_SECONDS,
    HiddenPassage,
    recording_name,
    write_music,
)
from sourceprint.demo.statement import state_what_is_owed
from sourceprint.faults import Fault
from sourceprint.workers import in_order

if TYPE_CHECKING:
    from sourceprint.scans.scan import Scan

__all__ = ["N_STEPS", "run_demo"]

N_STEPS = 2 * (N_RECORDINGS + len(HOST_SEEDS))
"""Each recording is made and added, each track made and searched for."""

_WARM_UP = ""  # in place of the name of a recording or track
_SAME_CENTS, _SAME_RATIO, _SAME_SPAN = 50.0, 0.02, 0.5
_SAME_PLACE_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class _FoundPassage:
    """One passage as it was found, in the terms of `HiddenPassage`."""

    track: str
    recording: str
    start_seconds: float
    end_seconds: float
    recording_start_seconds: float
    recording_end_seconds: float
    ratio: float
    cents: float
    p_false: float


def run_demo(
    echo: Callable[[str], None],
    folder: Path,
    jobs: int = 1,
    *,
    step: Callable[[], object] = lambda: None,
) -> bool:
    """Run the demo and print its progress; True if it finds exactly the hidden passages and the statement adds up.

    Parameters
    ----------
    echo : callable
        Takes each line of output.
    folder : Path
        New folder for the music (``music/catalogue``, ``music/generated``), the ``index``, the inputs of the statement
        (``money``) and the ``statement``.
    jobs : int
        Worker processes; a second one compiles the search while the first makes music.
    step : callable
        Called `N_STEPS` times, as each recording and track is made, added or searched for.

    Raises
    ------
    CatalogueError
        If the folder is not new, or cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CatalogueError(f"{printable(folder)}: exists already; give the demo a new folder")
    music = folder / "music"
    try:
        for part in (music / CATALOGUE, music / GENERATED, folder / "money"):
            part.mkdir(parents=True)
    except OSError as error:
        raise CatalogueError(
            f"{printable(folder)}: cannot be written ({error.strerror}); give the demo a folder that can: "
            "sourceprint demo DIR"
        ) from error
    started = time.perf_counter()
    tracks = list(HOST_SEEDS)
    echo(
        f"Making {N_RECORDINGS} recordings of {RECORDING_SECONDS:.0f} s, and {len(tracks)} tracks of about "
        f"{TRACK_SECONDS:.0f} s, of which {len(tracks) - len(CLEAN_TRACKS)} reuse them ..."
    )
    names = [recording_name(number) for number in range(1, N_RECORDINGS + 1)]
    _make_all([*names, *tracks], music, jobs, step)
    made = time.perf_counter()
    echo("Adding the recordings to an index, and searching it for each track ...")
    scans = _search(music, folder / "index", names, tracks, step)
    ended = time.perf_counter()
    all_found = _print_comparison(_found_passages(tracks, scans), tracks, echo)
    echo(f"Making the music took {made - started:.0f} s, adding and searching {ended - made:.0f} s.")
    echo("")
    adds_up = state_what_is_owed(scans, names, folder / "money", folder / "statement", echo)
    echo(_next_commands(folder))
    return all_found and adds_up


def _next_commands(folder: Path) -> str:
    """Return three commands to go on with, on the files of the demo."""

    def kept(name: str) -> str:
        return shlex.quote(str(folder / name))

    return "\n".join(
        (
            f"\nMusic, index and statement are kept in {printable(folder)}. To go on:\n",
            f"  sourceprint match {kept(f'music/{GENERATED}/Track 1.wav')} --index {kept('index')}",
            f"  sourceprint scan {kept(f'music/{GENERATED}')} --index {kept('index')} --out {kept('run')}",
            f"  sourceprint report {kept('run')} --out {kept('report')}",
        )
    )


def _print_comparison(found: list[_FoundPassage], tracks: Sequence[str], echo: Callable[[str], None]) -> bool:
    """Print truth beside the matches; returns whether they agree."""
    echo("")
    echo(f"{'':7}{'in the track':>17}   {'is':<13}{'from':>15}{'pitch':>10}{'tempo':>9}   chance of being wrong")
    n_right = n_wrong = 0
    for track in tracks:
        right, wrong = _compare(track, [passage for passage in found if passage.track == track], echo)
        n_right += right
        n_wrong += wrong
    echo("")
    echo(f"Found {n_right} of {len(PASSAGES)} reused passages, and {n_wrong or 'nothing'} else.")
    if len(found) > n_right + n_wrong:
        echo(
            f"The results have {len(found)} passages: one that breaks off, or that the recording repeats, counts twice."
        )
    return n_right == len(PASSAGES) and n_wrong == 0


# --- helpers ----------------------------------------------------------------------------------------------------------


def _make_all(names: Sequence[str], music: Path, jobs: int, step: Callable[[], object]) -> None:
    """Write all music; meanwhile one worker compiles the search."""
    tasks = [(name, name) for name in (_WARM_UP, *names)]
    for name, error in in_order(partial(_make, music=music), tasks, jobs=jobs, failed=_failed):
        if error:
            raise CatalogueError(error)
        if name != _WARM_UP:
            step()


def _make(name: str, *, music: Path) -> str:
    """Write one WAV file, or compile the search; returns "", for no failure."""
    if name == _WARM_UP:
        from sourceprint.scans.warm_up import warm_up

        warm_up()
    else:
        write_music(name, music)
    return ""


def _failed(name: str, fault: Fault) -> str:
    return f"{name or 'the first search'}: {fault.reason}"


def _search(
    music: Path, index: Path, names: Sequence[str], tracks: Sequence[str], step: Callable[[], object]
) -> list[Scan]:
    """Add all recordings to the index and return the scan of each track, in their order."""
    from sourceprint.catalogue.additions import Addition
    from sourceprint.inputs import Item, NamedInputs
    from sourceprint.scans.scan import scan_files

    items = tuple(Item(music / CATALOGUE / f"{name}.wav", id=name) for name in names)
    # So little audio is done before another process has started.
    for outcome in Addition(index, jobs=1).run(NamedInputs(items, ())):
        if outcome.kind == "failed":
            raise CatalogueError(f"{outcome.name}: {' '.join(outcome.remarks)}")
        step()
    scans = []
    for scan in scan_files(index, [Item(music / GENERATED / f"{track}.wav") for track in tracks], jobs=1):
        scans.append(scan)
        step()
    return scans


def _found_passages(tracks: Sequence[str], scans: Sequence[Scan]) -> list[_FoundPassage]:
    """Return the matched passages, by track and time."""
    found = []
    for track, scan in zip(tracks, scans, strict=True):
        for match in scan.matches:
            for passage in match.passages:
                change = passage.transformation
                found.append(
                    _FoundPassage(
                        track,
                        match.recording.id,
                        passage.track_start_seconds,
                        passage.track_end_seconds,
                        passage.recording_start_seconds,
                        passage.recording_end_seconds,
                        passage.ratio,
                        change.pitch_cents + 1200.0 * math.log2(change.speed_percent / 100.0),
                        passage.p_false,
                    )
                )
    return sorted(found, key=lambda passage: (passage.track, passage.start_seconds, passage.recording))


def _compare(track: str, found: list[_FoundPassage], echo: Callable[[str], None]) -> tuple[int, int]:
    """Print truth beside the matches of one track; returns the numbers of passages found and of wrong ones."""
    hidden = [passage for passage in PASSAGES if passage.track == track]
    left = list(found)
    if not hidden:
        echo(f"{track}: reuses nothing")
        if not left:
            echo("  found   nothing")
    n_right = 0
    for passage in hidden:
        echo(f"{track}: {passage.story}")
        end = passage.from_seconds + PASSAGE_SECONDS
        echo(
            _line("truth", (passage.at_seconds, passage.until_seconds), recording_name(passage.recording),
                  (passage.from_seconds, end), passage.cents, passage.ratio)
        )  # fmt: skip
        this = next((other for other in left if _is(passage, other)), None)
        if this is None:
            echo("  found   NOT FOUND")
        else:
            n_right += 1
            parts = [other for other in left if other is this or _goes_on(passage, other)]
            for part in parts:
                left.remove(part)
                echo(_found_line(part))
    wrong = [other for other in left if not any(_repeats(passage, other) for passage in hidden)]
    for other in left:
        echo(_found_line(other) + ("   WRONG" if other in wrong else "   the recording repeats itself"))
    return n_right, len(wrong)


def _is(passage: HiddenPassage, found: _FoundPassage) -> bool:
    shared = min(passage.until_seconds, found.end_seconds) - max(passage.at_seconds, found.start_seconds)
    return (
        found.recording == recording_name(passage.recording)
        and shared >= _SAME_SPAN * (passage.until_seconds - passage.at_seconds)
        and abs(found.ratio / passage.ratio - 1.0) <= _SAME_RATIO
        and abs(found.cents - passage.cents) <= _SAME_CENTS
    )


def _goes_on(passage: HiddenPassage, found: _FoundPassage) -> bool:
    """Whether this is a further part of a hidden passage, on its line, after a moment that other music covers."""
    place = passage.from_seconds + passage.ratio * (found.start_seconds - passage.at_seconds)
    return _repeats(passage, found) and abs(found.recording_start_seconds - place) <= _SAME_PLACE_SECONDS


def _repeats(passage: HiddenPassage, found: _FoundPassage) -> bool:
    """Whether a hidden passage was also found at a second place of its recording, which plays the same twice."""
    shared = min(passage.until_seconds, found.end_seconds) - max(passage.at_seconds, found.start_seconds)
    inside = shared >= 0.8 * (found.end_seconds - found.start_seconds)
    return found.recording == recording_name(passage.recording) and inside


def _found_line(found: _FoundPassage) -> str:
    span = (found.start_seconds, found.end_seconds)
    source = (found.recording_start_seconds, found.recording_end_seconds)
    line = _line("found", span, found.recording, source, found.cents, found.ratio)
    return f"{line}   {'below ' if found.p_false <= LEAST_P else ''}{found.p_false:.0e}"


def _line(
    word: str, span: tuple[float, float], name: str, source: tuple[float, float], cents: float, ratio: float
) -> str:
    """Return one row of the table: pitch in semitones, tempo in percent."""
    there = f"{span[0]:.1f} - {span[1]:.1f} s"
    from_where = f"{source[0]:.1f} - {source[1]:.1f} s"
    semitones = round(cents / 100.0, 2) + 0.0  # no minus zero
    return f"  {word}{there:>17}   {name:<13}{from_where:>15}{semitones:>+7.2f} st{100.0 * ratio:>7.1f} %"


if __name__ == "__main__":
    import sys

    sys.exit(0 if run_demo(print, Path("sourceprint-demo")) else 1)
