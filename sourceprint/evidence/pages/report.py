"""Write a report into a folder: a page for every matched file, for every recording, and for the whole scan.

Pages of files are made one after the other, or by several workers, so that memory is bounded by the largest page and
the results; pages made before an interruption are whole, and the same command continues (`folder`). The same
results, traces and audio give the same bytes.
"""

import functools
import hashlib
import json
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, astuple, dataclass, field
from pathlib import Path
from typing import Any

from fingerprint.digests import is_sha256
from fingerprint.errors import EvidenceError, SourceprintError, printable
from index.recheck.trace import trace_name
from index.storage.durable import publish
from sourceprint.evidence.cases.case import make_case, read_trace_bytes
from sourceprint.evidence.cases.contents import Remarks
from sourceprint.evidence.corrections import CurrentWords, words_of
from sourceprint.evidence.pages.addresses import (
    CASES,
    COVER,
    FILES,
    RECORDINGS,
    case_address,
    page_address,
    recording_address,
)
from sourceprint.evidence.pages.cover import cover
from sourceprint.evidence.pages.file_view import FileView, file_view, recording_digests
from sourceprint.evidence.pages.folder import ReportFolder
from sourceprint.evidence.pages.overview import common_folder, overview
from sourceprint.evidence.pages.page import ASSETS, Shelf, cover_page, file_page, overview_page, recording_page
from sourceprint.evidence.pages.recording_view import recording_view, reuses_of
from sourceprint.evidence.pages.sounds import CatalogueAudio
from sourceprint.faults import Fault
from sourceprint.file_limits import most_seconds
from sourceprint.items import Item
from sourceprint.outputs import program_version
from sourceprint.scans.results import ScanResult
from sourceprint.scans.run_folder import SessionTimes
from sourceprint.scans.summary import q_values
from sourceprint.signatures import PrivateKey, load_private
from sourceprint.text.tables import counted
from sourceprint.workers import in_order, jobs_for, within_limits

__all__ = ["CaseOptions", "PageMade", "ReportOptions", "audio_found", "single_page", "write_report"]

TITLE = "Evidence of reuse"


_MOST_LOST = 10  # recordings without audio, by name

_MOST_WORDS = 100  # sentences on corrected titles, artists and ISRCs, on a page about all


@dataclass(frozen=True, slots=True)
class CaseOptions:
    """How the signed cases of a report are made.

    Attributes
    ----------
    key : Path
        The file of the private key.
    remarks : Remarks
        Remarks of the signer.
    with_page : bool
        Whether each case holds its page too.
    checkpoint : bytes or None
        Of a transparency log, for every case.
    """

    key: Path
    remarks: Remarks
    with_page: bool = True
    checkpoint: bytes | None = None


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
    sessions : tuple of SessionTimes
        When the files were scanned, as far as that is on record.
    cases : CaseOptions or None
        Whether there is a signed case for every matched file too.
    index : Path or None
        Folder of the index with the current titles, artists and ISRCs; by default those of the catalogue, or the scan.
    """

    title: str = TITLE
    single_file: bool = False
    with_audio: bool = False
    catalogue: tuple[Item, ...] = ()
    replace: bool = False
    jobs: int | None = None
    sessions: tuple[SessionTimes, ...] = ()
    cases: CaseOptions | None = None
    index: Path | None = None

    @property
    def needs_audio(self) -> bool:
        """Whether a track whose audio is not at hand leaves the report incomplete."""
        return self.with_audio or self.cases is not None


@dataclass(frozen=True, slots=True)
class PageMade:
    """Outcome of one page.

    Attributes
    ----------
    name : str
        The file that it is about, fit for a message.
    kind : str
        "made"; "failed" if it, or the case, is not as requested.
    remarks : tuple of str
        Sentences for the user.
    address, case : str
        Of the page and of the signed case, from the folder of the report; "" if there is none.
    no_audio : str
        Why nothing is drawn of the track's audio, or "".
    digests : dict of str to str
        SHA-256 of every file that was written, by its address.
    recordings : dict of str to str
        By id of each recording on it: why nothing is drawn of its audio, or "".
    """

    name: str
    kind: str
    remarks: tuple[str, ...]
    address: str = ""
    case: str = ""
    no_audio: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)
    recordings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Task:
    result: ScanResult
    trace: Path
    candidates: Mapping[str, tuple[Path, ...]]
    out: Path
    look: "_Look"
    words: CurrentWords


@dataclass(frozen=True, slots=True)
class _Look:
    title: str
    single_file: bool
    with_audio: bool
    needs_audio: bool
    cases: CaseOptions | None


def write_report(
    results: Sequence[ScanResult], traces: Path, out: Path, options: ReportOptions
) -> Generator[PageMade, None, None]:
    """Write a report, and yield the outcome of each file's page; the other pages follow, the overview last.

    Parameters
    ----------
    results : sequence of ScanResult
        Of a scan.
    traces : Path
        Folder of the traces, as `sourceprint.scans.scan.scan_files` keeps them.
    out : Path
        Folder to write into: new, empty, an unfinished report of the same, or with `options.replace` a report.
    options : ReportOptions

    Raises
    ------
    EvidenceError
        If the folder holds something else, or another process is writing a report into it.
    StorageFullError, CatalogueError
        If a file cannot be written; pages made so far are whole, and have no overview yet.
    ParameterError
        If `options.jobs` is below 1.
    """
    words = words_of(results, index=options.index, catalogue=options.catalogue)
    look = _Look(options.title, options.single_file, options.with_audio, options.needs_audio, options.cases)
    matched = [result for result in results if result.matches]
    folders = (FILES, RECORDINGS, *([] if options.single_file else [ASSETS]), *([CASES] if options.cases else []))
    recipe = _recipe(results, options, words)
    with ReportFolder.begin(out, recipe, folders=folders, replace=options.replace) as folder:
        to_do = [result for result in matched if page_address(result) not in folder.done]
        catalogue = CatalogueAudio(options.catalogue)
        tasks = (
            (
                result,
                None
                if page_address(result) in folder.done
                else _Task(
                    result,
                    _trace_path(traces, result),
                    _candidates(catalogue, result, _trace_path(traces, result)),
                    out,
                    look,
                    words.of(result),
                ),
            )
            for result in matched
        )
        pages: dict[str, PageMade] = {}
        jobs = jobs_for(len(to_do), options.jobs)
        with closing(in_order(_make_page, tasks, jobs=jobs, failed=_failed, limit=_limit)) as made:
            for result, done in made:
                page = _as_kept(folder.done[page_address(result)]) if done is None else done
                if done is not None and done.kind == "made":
                    folder.keep({**asdict(done), "digests": dict(done.digests)})
                folder.digests.update(page.digests)
                pages[result.name] = page
                yield page
        _write_the_rest(folder, results, pages, options, words)


def audio_found(pages: Iterable[PageMade]) -> str:
    """Return how many of the recordings on pages have their audio, and which have not, as words; "" without any."""
    why: dict[str, str] = {}
    for page in pages:
        for name, sentence in page.recordings.items():
            why[name] = why.get(name, sentence) and sentence
    lost = [printable(name) for name, sentence in sorted(why.items()) if sentence]
    if not why:
        return ""
    found = f"the audio of {len(why) - len(lost)} of {counted(len(why), 'recording', groups=True)} was found"
    more = f" and {len(lost) - _MOST_LOST} more" if len(lost) > _MOST_LOST else ""
    return f"{found}; not of {', '.join(lost[:_MOST_LOST])}{more}" if lost else found


def single_page(
    result: ScanResult,
    trace: Path,
    *,
    title: str = TITLE,
    catalogue: tuple[Item, ...] = (),
    index: Path | None = None,
    audio: Path | None = None,
) -> bytes:
    """Return the page of one matched file with everything inside, no audio, and no link to an overview.

    Parameters
    ----------
    result : ScanResult
        A file in which something was found.
    trace : Path
        Its trace.
    title : str
        Title of the report.
    catalogue : tuple of Item
        Audio of recordings, for pictures.
    index : Path, optional
        Folder of the index with the current titles, artists and ISRCs; by default those of the catalogue, or the scan.
    audio : Path, optional
        The audio file of the track; by default the one that the result names.

    Raises
    ------
    EvidenceError
        If the trace cannot be used, or gives other matches than the result states; if it takes longer, or more memory,
        than its files may.
    """
    candidates = _candidates(CatalogueAudio(catalogue), result, trace)
    now = words_of([result], index=index, catalogue=catalogue)

    def made() -> bytes:
        shelf = Shelf(False, "", "")
        view = file_view(now.applied(result), trace, candidates, shelf, with_audio=False, audio=audio)
        return _alone(view, shelf, title, now.notes([result]))

    own = [] if audio is None else [audio]
    return within_limits(made, [*own, *_audio_of(result, candidates)])


def _alone(view: FileView, shelf: Shelf, title: str, words: Sequence[str]) -> bytes:
    """Return a page with its pictures inside and no sound."""
    if view.remark:
        raise EvidenceError(view.remark)
    passages = [
        {
            **passage,
            "images": {kind: shelf.inlined(address) for kind, address in passage["images"].items()},
            "audio": dict.fromkeys(passage["audio"], ""),
        }
        for passage in view.values["passages"]
    ]
    values = {**view.values, "passages": passages, "with_audio": False, "words": words}
    return file_page(values, title=title, way=None, inside=True)


def _recipe(results: Sequence[ScanResult], options: ReportOptions, words: CurrentWords) -> str:
    """Return a digest of all that the pages are made of, but for audio files, which may move meanwhile."""
    digest = hashlib.sha256()
    cases = options.cases
    catalogue = [(str(item.path), item.id) for item in options.catalogue]
    signed = cases and [str(cases.key), str(cases.remarks), cases.with_page]
    look = [program_version(), options.title, options.single_file, options.with_audio, catalogue, signed]
    called = [words.source, [[key, *astuple(one)] for key, one in words.recordings.items()]]
    for record in (look, called, *(result.raw for result in results)):
        digest.update(json.dumps(record, sort_keys=True).encode("ascii"))
    return digest.hexdigest()


def _candidates(catalogue: CatalogueAudio, result: ScanResult, trace: Path) -> dict[str, tuple[Path, ...]]:
    return catalogue.candidates(result.matches, functools.partial(recording_digests, trace))


def _trace_path(traces: Path, result: ScanResult) -> Path:
    # The digest comes from a file: it must not be able to name another one.
    sha256 = result.sha256 if is_sha256(result.sha256) else "no-digest"
    return traces / trace_name(sha256, result.index_digest, result.settings_digest)


def _make_page(task: _Task) -> PageMade:
    """Write one page with its pictures and excerpts; runs in the workers."""
    look, address = task.look, page_address(task.result)
    prefix = address.removeprefix(f"{FILES}/").removesuffix(".html")
    shelf = Shelf(look.single_file, "../", f"{prefix}-")
    words = task.words.notes([task.result])
    view = file_view(task.words.applied(task.result), task.trace, task.candidates, shelf, with_audio=look.with_audio)
    written = {f"{ASSETS}/{name}": data for name, data in shelf.files.items()} if not look.single_file else {}
    remarks = [f"{view.remark}; its page has no figures"] if view.remark else []
    case = ""
    if look.cases is not None:
        try:
            page = _alone(view, shelf, TITLE, words) if look.cases.with_page else None
            trace = read_trace_bytes(task.trace, task.result)
            key, said = _key(look.cases.key), look.cases.remarks
            made = make_case(task.result, trace, key, said, page=page, checkpoint=look.cases.checkpoint)
        except SourceprintError as error:
            remarks.append(f"there is no case of it: {error}")
        else:
            case = case_address(task.result)
            written[case] = made
    if view.no_audio and look.needs_audio:
        remarks.append(view.no_audio.removesuffix("."))
    values = {**view.values, "case": case, "words": words}
    written[address] = file_page(values, title=look.title, way="../", inside=look.single_file)
    for place, data in written.items():
        publish(task.out / place, data)
    digests = {place: hashlib.sha256(data).hexdigest() for place, data in written.items()}
    kind = "failed" if remarks else "made"
    name = printable(task.result.name)
    return PageMade(name, kind, tuple(remarks), address, case, view.no_audio, digests, view.recordings)


@functools.lru_cache(maxsize=1)
def _key(path: Path) -> PrivateKey:
    return load_private(path)


def _limit(task: _Task) -> float:
    """Return how many seconds a page may take: pictures and excerpts are made of the track and of recordings."""
    return sum(map(most_seconds, _audio_of(task.result, task.candidates)))


def _audio_of(result: ScanResult, candidates: Mapping[str, tuple[Path, ...]]) -> list[Path]:
    """Return the files that a page may need: that of the track, and those of recordings."""
    return [Path(result.name), *(path for paths in candidates.values() for path in paths)]


def _failed(task: _Task, fault: Fault) -> PageMade:
    return PageMade(printable(task.result.name), "failed", (f"its page could not be made: {fault.reason}",))


def _as_kept(page: Mapping[str, Any]) -> PageMade:
    return PageMade(**{**page, "remarks": tuple(page["remarks"])})


def _write_the_rest(
    folder: ReportFolder,
    results: Sequence[ScanResult],
    pages: Mapping[str, PageMade],
    options: ReportOptions,
    words: CurrentWords,
) -> None:
    """Write the pages of the recordings, the one about the report, and the overview."""
    look: Mapping[str, Any] = {"title": options.title, "inside": options.single_file}
    addresses = {name: page.address for name, page in pages.items() if page.address}
    stated = {result.name: result for result in results}
    current = [words.applied(result) for result in results]
    reuses = reuses_of(current)
    rates = q_values(results)
    names = common_folder([result.name for result in results])
    for reuse in reuses:
        view = recording_view(reuse, addresses, rates, names)
        heard_in = [stated[heard.result.name] for heard in reuse.heard]
        view["words"] = words.notes(heard_in, reuse.recording_id)
        folder.write(recording_address(reuse.recording_id), recording_page(view, **look))
    missing = [(name, remark) for name, page in pages.items() for remark in page.remarks]
    missing += [(name, page.no_audio) for name, page in pages.items() if page.no_audio and not options.needs_audio]
    heard = audio_found(pages.values()) if options.catalogue else ""
    signer = None if options.cases is None else _key(options.cases.key).public
    values = cover(results, missing, options.sessions, signer=signer, names=names, heard=heard)
    values["words"] = words.notes(results)[-_MOST_WORDS:]
    folder.write(COVER, cover_page(values, **look))
    whole = overview_page(overview(current, addresses, reuses), **look)
    folder.finish(whole, with_sums=options.cases is not None)
