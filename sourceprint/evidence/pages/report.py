"""A report, written into a folder: the page of every file in which something was found, then the overview.

    index.html        the overview; written last, so that a report without it is unfinished
    files/*.html      a page per matched file, named by digests
    assets/           style, script, pictures and excerpts; not there where everything is inside the pages
    report.txt        says that the folder is a report, and may be replaced as one

Every file is written in one step (`index.storage.durable`), and pages one after the other, so that memory is bounded
by the largest page and what is there after an interruption is whole. The same results, traces and audio give the same
bytes.
"""

import hashlib
import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from fingerprint.digests import is_sha256
from fingerprint.errors import EvidenceError, printable
from index.recheck.trace import trace_name
from index.storage.durable import make_folder, publish, refusals, sync_folder
from sourceprint.evidence.pages.file_view import file_view
from sourceprint.evidence.pages.overview import overview
from sourceprint.evidence.pages.page import ASSETS, SCRIPT, STYLE, Shelf, asset, file_page, overview_page
from sourceprint.evidence.pages.sounds import Catalogue
from sourceprint.faults import Fault
from sourceprint.inputs import Item
from sourceprint.scans.results import ScanResult
from sourceprint.workers import in_order, jobs_for

__all__ = ["PageMade", "ReportOptions", "expect_room", "page_name", "single_page", "write_report"]

INDEX = "index.html"
FILES = "files"
_MARK = "report.txt"
_MARK_TEXT = """\
This folder is a report that Sourceprint made: open index.html.
sourceprint report --force replaces what is in it.
"""
_OURS = {
    FILES: re.compile(r"[0-9a-f]{24}\.html(\.tmp)?"),
    ASSETS: re.compile(r"([0-9a-f]{24}-\d+-(track|recording)\.(png|ogg)|page\.(css|js))(\.tmp)?"),
}


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """How a report is made.

    Attributes
    ----------
    title : str
        Heading of the overview.
    single_file : bool
        Whether each page holds everything that it needs.
    with_audio : bool
        Whether excerpts of the audio are part of it.
    catalogue : tuple of Item
        Audio of recordings (`sourceprint.inputs.collect`), for pictures and excerpts.
    replace : bool
        Whether a report that is there already is replaced.
    jobs : int or None
        Worker processes; by default as suits the number of pages.
    """

    title: str = "Evidence of reuse"
    single_file: bool = False
    with_audio: bool = False
    catalogue: tuple[Item, ...] = ()
    replace: bool = False
    jobs: int | None = None


@dataclass(frozen=True, slots=True)
class PageMade:
    """What became of one page.

    Attributes
    ----------
    name : str
        The file that it is about, fit for a message.
    kind : str
        "made"; "failed" if the trace could not be used, so that the page has no figures.
    remarks : tuple of str
        Sentences for the user.
    """

    name: str
    kind: str
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Task:
    result: ScanResult
    trace: Path
    candidates: Mapping[str, tuple[Path, ...]]
    out: Path
    options: "_Look"


@dataclass(frozen=True, slots=True)
class _Look:
    title: str
    single_file: bool
    with_audio: bool


def write_report(
    results: Sequence[ScanResult], traces: Path, out: Path, options: ReportOptions
) -> Generator[PageMade, None, None]:
    """Write a report, and yield what became of each page; the overview follows the last of them.

    Parameters
    ----------
    results : sequence of ScanResult
        Of a scan, in the order in which they are listed.
    traces : Path
        Folder of the traces, as `sourceprint.scans.scan.scan_files` keeps them.
    out : Path
        Folder to write into: new, empty, or with `options.replace` a report.
    options : ReportOptions

    Raises
    ------
    EvidenceError
        If the folder holds something else.
    StorageFullError, CatalogueError
        If a file cannot be written; what is there is whole, and has no overview yet.
    ParameterError
        If `options.jobs` is below 1.
    """
    look = _Look(options.title, options.single_file, options.with_audio)
    matched = [result for result in results if result.matches]
    jobs = jobs_for(len(matched), options.jobs)
    _prepare(out, options)
    catalogue = Catalogue(options.catalogue)
    tasks = (
        (
            None,
            _Task(
                result,
                _trace_path(traces, result),
                catalogue.candidates(match.recording_id for match in result.matches),
                out,
                look,
            ),
        )
        for result in matched
    )
    lost = set()
    with closing(in_order(_make_page, tasks, jobs=jobs, failed=_failed)) as made:
        for number, (_, page) in enumerate(made):
            if page is not None:
                if page.kind == "lost":
                    lost.add(number)
                yield PageMade(page.name, "failed" if page.kind == "lost" else page.kind, page.remarks)
    pages = {result.name: f"{FILES}/{page_name(result)}" for number, result in enumerate(matched) if number not in lost}
    publish(out / INDEX, overview_page(overview(results, pages), title=look.title, inside=look.single_file))


def expect_room(out: Path, *, replace: bool) -> None:
    """Make sure that a report could be written into a folder: it is new, empty, or holds a report to be replaced.

    Raises
    ------
    EvidenceError
        If it holds something else.
    CatalogueError
        If it cannot be read.
    """
    with refusals(out):
        content = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
        if out.exists() and not out.is_dir():
            raise EvidenceError(f"{printable(out)}: is a file; name a folder for the report")
        if content and not (out / _MARK).is_file():
            raise EvidenceError(f"{printable(out)}: holds other files; name a new or empty folder for the report")
        if content and not replace:
            raise EvidenceError(
                f"{printable(out)}: holds a report already; give --force to replace it, or another folder"
            )


def single_page(
    result: ScanResult, trace: Path, *, title: str = "Evidence of reuse", catalogue: tuple[Item, ...] = ()
) -> bytes:
    """Return the page of one matched file with everything inside, no audio, and no link to an overview.

    Parameters
    ----------
    result : ScanResult
        A file in which something was found.
    trace : Path
        Its trace.
    title : str
        What the page is part of.
    catalogue : tuple of Item
        Audio of recordings, for pictures.

    Raises
    ------
    EvidenceError
        If the trace cannot be used, or gives other matches than the result states.
    """
    candidates = Catalogue(catalogue).candidates(match.recording_id for match in result.matches)
    view = file_view(result, trace, candidates, Shelf(True, "", ""), with_audio=False)
    if view.remark:
        raise EvidenceError(view.remark)
    return file_page(view.values, title=title, way=None, inside=True)


def page_name(result: ScanResult) -> str:
    """Return the name of the page of a file: made of digests, so that no name of a file can lead elsewhere."""
    digest = hashlib.sha256(f"{result.name}\0{result.sha256}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"{digest[:24]}.html"


def _trace_path(traces: Path, result: ScanResult) -> Path:
    # The digest comes from a file: it must not be able to name another one.
    sha256 = result.sha256 if is_sha256(result.sha256) else "no-digest"
    return traces / trace_name(sha256, result.index_digest, result.settings_digest)


def _make_page(task: _Task) -> PageMade:
    """Write one page and what it refers to; runs in the workers."""
    name = page_name(task.result)
    shelf = Shelf(task.options.single_file, "../", f"{name.removesuffix('.html')}-")
    view = file_view(task.result, task.trace, task.candidates, shelf, with_audio=task.options.with_audio)
    page = file_page(view.values, title=task.options.title, way="../", inside=task.options.single_file)
    for file_name, data in shelf.files.items():
        publish(task.out / ASSETS / file_name, data)
    publish(task.out / FILES / name, page)
    remarks = (f"{view.remark}; its page has no figures",) if view.remark else ()
    return PageMade(printable(task.result.name), "failed" if view.remark else "made", remarks)


def _failed(task: _Task, fault: Fault) -> PageMade:
    return PageMade(printable(task.result.name), "lost", (f"its page could not be made: {fault.reason}",))


def _prepare(out: Path, options: ReportOptions) -> None:
    """Make the folder, or clear the report in it."""
    expect_room(out, replace=options.replace)
    with refusals(out):
        out.mkdir(parents=True, exist_ok=True)
        (out / INDEX).unlink(missing_ok=True)
        sync_folder(out)
        for folder, pattern in _OURS.items():
            if (out / folder).is_dir():
                for path in (out / folder).iterdir():
                    if pattern.fullmatch(path.name):
                        path.unlink()
    publish(out / _MARK, _MARK_TEXT.encode())
    for folder in (FILES,) if options.single_file else (FILES, ASSETS):
        if not (out / folder).is_dir():
            make_folder(out / folder)
    if not options.single_file:
        publish(out / ASSETS / STYLE, asset(STYLE))
        publish(out / ASSETS / SCRIPT, asset(SCRIPT))
