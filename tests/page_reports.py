"""A small run for tests of evidence pages: two recordings in an index, and four files that were searched in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sourceprint.evidence.pages.report import PageMade, ReportOptions, write_report
from sourceprint.inputs import collect
from sourceprint.items import Item
from sourceprint.scans.results import ScanResult
from sourceprint.scans.run_folder import results_of
from sourceprint.scans.scan import scan_files
from sourceprint.scans.scan_json import scan_result
from tests.command_line import RATE_HZ, music, run, write

__all__ = ["HOSTILE_NAME", "HOSTILE_TITLE", "ScannedRun", "a_run", "report_of"]

HOSTILE_NAME = '<img src=x onerror=alert(1)> & "q" \'\u202e\n.wav'
HOSTILE_TITLE = '</script><script>alert(2)</script>\u2028 & "One"'


@dataclass(frozen=True, slots=True)
class ScannedRun:
    """Where everything is.

    Attributes
    ----------
    folder : Path
        The run: results and traces.
    catalogue : Path
        The list of the recordings, s1 and s2.
    queries : Path
        The folder of the files that were searched: `mix.wav` has both, the one of hostile name has s2.
    """

    folder: Path
    catalogue: Path
    queries: Path

    def results(self) -> tuple[ScanResult, ...]:
        """Return the results of the run."""
        return results_of(self.folder)

    def result(self, name: str) -> ScanResult:
        """Return the result of one file."""
        (found,) = [result for result in self.results() if Path(result.name).name == name]
        return found


def a_run(folder: Path) -> ScannedRun:
    """Make music, an index, and a run in a folder."""
    songs = {seed: music(seed, 24.0) for seed in (1, 2)}
    for seed, y in songs.items():
        write(folder / "music" / f"s{seed}.wav", y)
    title = HOSTILE_TITLE.replace('"', '""')
    listed = f'path,id,title,artist\nmusic/s1.wav,s1,"{title}",The Ones\nmusic/s2.wav,s2,,\n'
    (folder / "catalogue.csv").write_text(listed, encoding="utf-8", newline="")
    added = run("add", folder / "catalogue.csv", "--quiet", index=folder / "index")
    assert added.exit_code == 0, added.stderr
    mix = np.concatenate(
        [
            music(70, 4.0),
            songs[1][5 * RATE_HZ : 12 * RATE_HZ],
            music(71, 3.0),
            songs[2][12 * RATE_HZ : 19 * RATE_HZ],
        ]
    )
    write(folder / "queries" / "mix.wav", mix)
    write(folder / "queries" / HOSTILE_NAME, songs[2][3 * RATE_HZ : 10 * RATE_HZ])
    write(folder / "queries" / "nothing.wav", music(75, 6.0))
    (folder / "queries" / "broken.mp3").write_text("no audio", encoding="utf-8")
    (folder / "run" / "traces").mkdir(parents=True)
    items = [Item(path) for path in sorted((folder / "queries").iterdir())]
    with (folder / "run" / "results.jsonl").open("w", encoding="utf-8") as rows:
        for scan in scan_files(folder / "index", items, jobs=1, traces=folder / "run" / "traces"):
            rows.write(json.dumps(scan_result(scan).raw) + "\n")
    return ScannedRun(folder / "run", folder / "catalogue.csv", folder / "queries")


def report_of(
    scanned: ScannedRun,
    out: Path,
    *,
    with_catalogue: bool = True,
    single_file: bool = False,
    with_audio: bool = False,
    replace: bool = False,
    title: str = "A report",
) -> list[PageMade]:
    """Write the report of a run and return its outcome."""
    catalogue = collect([scanned.catalogue]).items if with_catalogue else ()
    options = ReportOptions(title, single_file, with_audio, catalogue, replace, 1)
    return list(write_report(scanned.results(), scanned.folder / "traces", out, options))
