"""The demo: a synthesised catalogue, tracks that reuse passages of it, and truth beside findings.

Nothing is downloaded and no music is needed: `sourceprint.demo.synthesis` makes twelve recordings and, from other
seeds, the tracks that borrow from them. What happens to a passage on the way is what generators and remixers do:
another pitch, another tempo, other music on top, a resynthesis from a coarse mel spectrogram. Then the same code as
behind ``sourceprint add`` and ``sourceprint match`` gets to work on WAV files, and `sourceprint.demo.statement` goes on
from what it found to a statement.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmarks.distortion.effects import mix, rms
from benchmarks.distortion.spectral import griffin_lim_mel
from benchmarks.distortion.timepitch import resample_speed, shift
from benchmarks.harness import in_parallel
from fingerprint.errors import CatalogueError
from index.search.significance import LEAST_P
from sourceprint.demo.statement import state_what_is_owed
from sourceprint.demo.synthesis import synthesize

if TYPE_CHECKING:
    from sourceprint.scans.scan import Scan

__all__ = ["PASSAGES", "HiddenPassage", "run_demo"]

Samples = NDArray[np.float32]
SAMPLE_RATE = 22050
N_RECORDINGS, RECORDING_SECONDS = 12, 40.0
TRACK_SECONDS, PASSAGE_SECONDS = 30.0, 11.0
CLEAN_TRACKS = ("Track 7", "Track 8")
HOST_SEEDS = {
    "Track 1": 911,
    "Track 2": 904,
    "Track 3": 918,
    "Track 4": 920,
    "Track 5": 921,
    "Track 6": 923,
    "Track 7": 905,
    "Track 8": 924,
}
"""Seeds of the tracks' own music. Some seeds have the same drum sounds in the same groove as a recording: that would be
reuse too, and is found, so they are left out here."""

_CATALOGUE, _GENERATED = "catalogue", "generated"
_FADE_SECONDS = 0.05
_SAME_CENTS, _SAME_RATIO, _SAME_SPAN = 50.0, 0.02, 0.5


@dataclass(frozen=True, slots=True)
class HiddenPassage:
    """One passage of a recording in a track: what was done to it, and where it went.

    Attributes
    ----------
    track, story : str
        The track, and in words what happens to the passage.
    recording : int
        Number of the recording, from 1.
    from_seconds, at_seconds : float
        Where it begins in the recording and in the track.
    semitones, tempo, speed : float
        Pitch up, tempo alone, and pitch and time together; 0, 1 and 1 for none.
    under_db : float or None
        Level of the track's own music that goes on over it, relative to it; None where it stops.
    resynthesised : bool
        Whether it is rebuilt from a mel spectrogram.
    """

    track: str
    story: str
    recording: int
    from_seconds: float
    at_seconds: float
    semitones: float = 0.0
    tempo: float = 1.0
    speed: float = 1.0
    under_db: float | None = None
    resynthesised: bool = False

    @property
    def ratio(self) -> float:
        """Seconds of the recording per second of the track."""
        return self.tempo * self.speed

    @property
    def cents(self) -> float:
        """Pitch in the track above that in the recording."""
        return 100.0 * self.semitones + 1200.0 * math.log2(self.speed)

    @property
    def until_seconds(self) -> float:
        """Where it ends in the track."""
        return self.at_seconds + PASSAGE_SECONDS / self.ratio


PASSAGES = (
    HiddenPassage("Track 1", "three semitones higher", 7, 14.0, 8.0, semitones=3.0),
    HiddenPassage("Track 2", "a tenth slower, same pitch", 5, 20.0, 10.0, tempo=0.9),
    HiddenPassage("Track 3", "as loud as other music on top of it", 8, 6.0, 12.0, under_db=0.0),
    HiddenPassage(
        "Track 4", "rebuilt from a mel spectrogram, as a neural vocoder would", 11, 15.0, 9.0, resynthesised=True
    ),
    HiddenPassage("Track 5", "first of two sources: higher and faster", 3, 9.0, 2.0, semitones=2.0, tempo=1.08),
    HiddenPassage("Track 5", "second of two sources: lower", 9, 22.0, 17.0, semitones=-2.0),
    HiddenPassage(
        "Track 6", "played 6 % faster, pitch and all, under other music", 6, 18.0, 14.0, speed=1.06, under_db=-3.0
    ),
)
"""What is hidden where."""


@dataclass(frozen=True, slots=True)
class _Finding:
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
    index_path: Path | None = None,
    jobs: int = 1,
    statement_path: Path | None = None,
    music_path: Path | None = None,
) -> bool:
    """Run the demo and print what happens; True if what was hidden is found, nothing else, and the statement adds up.

    Parameters
    ----------
    echo : callable
        Takes each line of output.
    index_path : Path, optional
        Where to make the index and leave it; by default it goes away with the audio.
    jobs : int
        Worker processes; a second one compiles the search while the first makes music.
    statement_path : Path, optional
        Where to write the statement and leave it; by default it goes away too.
    music_path : Path, optional
        Where to leave the audio: the recordings in `catalogue`, the tracks in `generated`; by default it goes away too.

    Raises
    ------
    CatalogueError
        If one of the places is not new, or cannot be written.
    """
    for path, what in ((index_path, "index"), (statement_path, "statement"), (music_path, "folder of music")):
        if path is not None and path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise CatalogueError(f"{path}: is there already; the demo makes a new {what}, give it a new folder")
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="sourceprint-demo-") as folder:
        tracks = list(HOST_SEEDS)
        music = music_path or Path(folder)
        for kind in (_CATALOGUE, _GENERATED):
            (music / kind).mkdir(parents=True, exist_ok=True)
        echo(
            f"Making {N_RECORDINGS} recordings of {RECORDING_SECONDS:.0f} s, and {len(tracks)} tracks of about "
            f"{TRACK_SECONDS:.0f} s, of which {len(tracks) - len(CLEAN_TRACKS)} reuse them ..."
        )
        tasks = ["", *(_recording_name(n) for n in range(1, N_RECORDINGS + 1)), *tracks]
        list(in_parallel(partial(_make, music=str(music)), tasks, jobs=jobs, what="making music"))
        made = time.perf_counter()
        echo("Adding the recordings to an index, and searching it for each track ...")
        scans = _search(music, index_path or Path(folder) / "index", tracks)
        ended = time.perf_counter()
        all_found = _print_findings(_findings(tracks, scans), tracks, echo)
        echo(f"Making the music took {made - started:.0f} s, adding and searching {ended - made:.0f} s.")
        echo("")
        names = [_recording_name(number) for number in range(1, N_RECORDINGS + 1)]
        adds_up = state_what_is_owed(scans, names, Path(folder), echo, statement_path)
    for path, what in ((index_path, "index"), (music_path, "music")):
        if path is not None:
            echo(f"The {what} is in {path}.")
    return all_found and adds_up


def _print_findings(findings: list[_Finding], tracks: Sequence[str], echo: Callable[[str], None]) -> bool:
    """Print truth beside findings; whether they are the same."""
    echo("")
    echo(f"{'':7}{'in the track':>17}   {'is':<13}{'from':>15}{'pitch':>10}{'tempo':>9}   chance of being wrong")
    n_right = n_wrong = 0
    for track in tracks:
        right, wrong = _compare(track, [f for f in findings if f.track == track], echo)
        n_right += right
        n_wrong += wrong
    echo("")
    echo(f"Found {n_right} of {len(PASSAGES)} reused passages, and {n_wrong or 'nothing'} else.")
    return n_right == len(PASSAGES) and n_wrong == 0


def hide(passage: HiddenPassage, recording: Samples, host: Samples, rng: np.random.Generator) -> Samples:
    """Return `host` with the passage in its place, at the level of the music that was there, joined by short fades."""
    begin = round(passage.from_seconds * SAMPLE_RATE)
    y = recording[begin : begin + round(PASSAGE_SECONDS * SAMPLE_RATE)]
    y, _ = shift(y, SAMPLE_RATE, tempo=passage.tempo, pitch_semitones=passage.semitones, engine="phase_vocoder")
    y = resample_speed(y, SAMPLE_RATE, passage.speed)
    if passage.resynthesised:
        y = griffin_lim_mel(y, SAMPLE_RATE, rng)
    at = round(passage.at_seconds * SAMPLE_RATE)
    there = slice(at, at + len(y))
    y = y[: len(host[there])]
    if passage.under_db is not None:
        y = mix(y, host[there], snr_db=-passage.under_db)
    y = y * np.float32(rms(host[there]) / max(rms(y), 1e-9))
    fade = np.ones(len(y), dtype=np.float32)
    n = round(_FADE_SECONDS * SAMPLE_RATE)
    fade[:n] = np.linspace(0.0, 1.0, n)
    fade[-n:] = fade[:n][::-1]
    out = host.copy()
    out[there] = fade * y + (1.0 - fade) * host[there]
    return out


# --- helpers ----------------------------------------------------------------------------------------------------------


def _recording_name(number: int) -> str:
    return f"Recording {number}"


def _recording(number: int) -> Samples:
    return synthesize(number, RECORDING_SECONDS, sample_rate=SAMPLE_RATE, album=number // 4)


def _make(name: str, *, music: str) -> None:
    """Make one WAV file; with no name, run the whole chain once instead, so that it is compiled when it is needed."""
    if not name:
        _warm_up()
        return
    kind, _, number = name.partition(" ")
    if kind == "Recording":
        y = _recording(int(number))
    else:
        y = synthesize(HOST_SEEDS[name], TRACK_SECONDS, sample_rate=SAMPLE_RATE)
        for place, passage in enumerate(PASSAGES):
            if passage.track == name:
                y = hide(passage, _recording(passage.recording), y, np.random.default_rng([3, place]))
    y = y * np.float32(0.9 / max(0.9, float(np.max(np.abs(y)))))
    folder = Path(music) / (_CATALOGUE if kind == "Recording" else _GENERATED)
    soundfile.write(folder / f"{name}.wav", y, SAMPLE_RATE, subtype="PCM_16")


def _warm_up() -> None:
    from fingerprint.extract import fingerprint_signal
    from index.catalogue.store import Store
    from index.search.match import STANDARD, match_track
    from index.storage.layers import layer_specs, recording_landmarks
    from index.storage.recordings import Recording

    y = synthesize(HOST_SEEDS["Track 1"], 6.0, sample_rate=11025)
    with tempfile.TemporaryDirectory() as folder:
        store = Store.create(Path(folder) / "index", layer_specs())
        with store.writer() as writer:
            writer.add(Recording("warm-up"), recording_landmarks(fingerprint_signal(y)))
        match_track(fingerprint_signal(y, role="query", scales=STANDARD.scales), store.snapshot())


def _search(music: Path, index: Path, tracks: Sequence[str]) -> list[Scan]:
    """Add all recordings to the index and return what a search for each track says, in their order."""
    from sourceprint.catalogue.additions import Addition
    from sourceprint.inputs import Intake, Item
    from sourceprint.scans.scan import scan_files

    names = [_recording_name(number) for number in range(1, N_RECORDINGS + 1)]
    items = tuple(Item(music / _CATALOGUE / f"{name}.wav", id=name) for name in names)
    # So little audio is done before another process has started.
    for outcome in Addition(index, jobs=1).run(Intake(items, ())):
        if outcome.kind == "failed":
            raise CatalogueError(f"{outcome.name}: {' '.join(outcome.remarks)}")
    return list(scan_files(index, [Item(music / _GENERATED / f"{track}.wav") for track in tracks], jobs=1))


def _findings(tracks: Sequence[str], scans: Sequence[Scan]) -> list[_Finding]:
    """Return what was found, by track and time."""
    findings = []
    for track, scan in zip(tracks, scans, strict=True):
        for match in scan.matches:
            for segment in match.passages:
                change = segment.transformation
                findings.append(
                    _Finding(
                        track,
                        match.recording.id,
                        segment.track_start_seconds,
                        segment.track_end_seconds,
                        segment.recording_start_seconds,
                        segment.recording_end_seconds,
                        segment.ratio,
                        change.pitch_cents + 1200.0 * math.log2(change.speed_percent / 100.0),
                        segment.p_false,
                    )
                )
    return sorted(findings, key=lambda f: (f.track, f.start_seconds, f.recording))


def _compare(track: str, findings: list[_Finding], echo: Callable[[str], None]) -> tuple[int, int]:
    """Print truth and findings of one track; returns how many passages were found, and how many findings are wrong."""
    hidden = [passage for passage in PASSAGES if passage.track == track]
    left = list(findings)
    if not hidden:
        echo(f"{track}: reuses nothing")
        if not left:
            echo("  found   nothing")
    n_right = 0
    for passage in hidden:
        echo(f"{track}: {passage.story}")
        end = passage.from_seconds + PASSAGE_SECONDS
        echo(
            _line("truth", (passage.at_seconds, passage.until_seconds), _recording_name(passage.recording),
                  (passage.from_seconds, end), passage.cents, passage.ratio)
        )  # fmt: skip
        found = next((finding for finding in left if _is(passage, finding)), None)
        if found is None:
            echo("  found   NOT FOUND")
        else:
            n_right += 1
            left.remove(found)
            echo(_found_line(found))
    wrong = [finding for finding in left if not any(_repeats(passage, finding) for passage in hidden)]
    for finding in left:
        echo(_found_line(finding) + ("   WRONG" if finding in wrong else "   the recording repeats itself"))
    return n_right, len(wrong)


def _is(passage: HiddenPassage, finding: _Finding) -> bool:
    shared = min(passage.until_seconds, finding.end_seconds) - max(passage.at_seconds, finding.start_seconds)
    return (
        finding.recording == _recording_name(passage.recording)
        and shared >= _SAME_SPAN * (passage.until_seconds - passage.at_seconds)
        and abs(finding.ratio / passage.ratio - 1.0) <= _SAME_RATIO
        and abs(finding.cents - passage.cents) <= _SAME_CENTS
    )


def _repeats(passage: HiddenPassage, finding: _Finding) -> bool:
    """Whether a hidden passage was also found at a second place of its recording, which plays the same twice."""
    shared = min(passage.until_seconds, finding.end_seconds) - max(passage.at_seconds, finding.start_seconds)
    inside = shared >= 0.8 * (finding.end_seconds - finding.start_seconds)
    return finding.recording == _recording_name(passage.recording) and inside


def _found_line(finding: _Finding) -> str:
    span = (finding.start_seconds, finding.end_seconds)
    source = (finding.recording_start_seconds, finding.recording_end_seconds)
    line = _line("found", span, finding.recording, source, finding.cents, finding.ratio)
    return f"{line}   {'below ' if finding.p_false <= LEAST_P else ''}{finding.p_false:.0e}"


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

    sys.exit(0 if run_demo(print) else 1)
