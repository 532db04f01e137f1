"""A trace gives the matches of its search again, and alterations are found."""

import dataclasses
import io
import json
import lzma
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fingerprint.errors import EvidenceError, OutputError, SourceprintError, StorageFullError, VerificationError
from index.recheck import trace_file
from index.recheck.recheck import recheck
from index.recheck.trace import Trace, TracedPassage, trace_name
from index.recheck.trace_file import SCHEMA, read_trace, trace_from_bytes, trace_to_bytes, write_trace
from index.search.match import STANDARD, THOROUGH, SearchOptions
from index.search.matches import Match
from sourceprint.demo.transformations import resample_speed
from sourceprint.inputs import Item
from sourceprint.scans.results import plain_json
from sourceprint.scans.scan import Scan, scan_files
from sourceprint.scans.scan_json import result_matches
from tests.command_line import RATE_HZ, music, run, write
from tests.places import ROOT

Samples = NDArray[np.float32]
DATA = Path(__file__).parents[2] / "data"


def cut(seed: int, start: float, seconds: float) -> Samples:
    return music(seed, 30.0)[round(start * RATE_HZ) : round((start + seconds) * RATE_HZ)]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an index of four songs; four seconds of the third are excluded."""
    folder = tmp_path_factory.mktemp("trace")
    for seed in range(1, 5):
        write(folder / "music" / f"s{seed}.wav", music(seed, 30.0))
    assert run("add", folder / "music", "--quiet", index=folder / "index").exit_code == 0
    assert run("exclude", "s3", "0:10-0:14", index=folder / "index").exit_code == 0
    return folder / "index"


def name_of(scan: Scan) -> str:
    return trace_name(scan.sha256, scan.searched.digest, scan.searched.settings_digest)


def scanned(
    index: Path, y: Samples, folder: Path, options: SearchOptions = STANDARD, name: str = "query.wav"
) -> tuple[Scan, Trace]:
    (folder / "traces").mkdir(exist_ok=True)
    query = write(folder / name, y)
    (scan,) = scan_files(index, [Item(query)], jobs=1, options=options, traces=folder / "traces")
    return scan, read_trace(folder / "traces" / name_of(scan))


@pytest.fixture(scope="module")
def found(index: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Scan, Trace]:
    """Return a scan with two sources, and its trace."""
    y = np.concatenate([music(70, 6.0), cut(1, 5.0, 9.0), music(71, 5.0), cut(2, 12.0, 8.0)])
    return scanned(index, y, tmp_path_factory.mktemp("found"))


def stated(matches: Iterable[Match]) -> list[dict[str, Any]]:
    """Return matches as the scan result states them."""
    return [plain_json(match) for match in result_matches(matches, 100.0)]


def same(trace: Trace, scan: Scan) -> bool:
    return recheck(trace).matches == scan.matches


@pytest.mark.slow
def test_two_sources_come_out_as_they_were_found(found: tuple[Scan, Trace]) -> None:
    scan, trace = found
    assert [match.recording.id for match in scan.matches] == ["s1", "s2"]
    assert same(trace, scan)
    assert trace.sha256 == scan.sha256
    assert (trace.index_digest, trace.params_digest) == (scan.searched.digest, scan.searched.params_digest)
    assert trace.settings_digest == scan.searched.settings_digest


def test_a_passage_that_bridges_an_excluded_range_comes_out_in_its_pieces(index: Path, tmp_path: Path) -> None:
    scan, trace = scanned(index, cut(3, 2.0, 22.0), tmp_path)
    assert len(scan.matches[0].passages) > 1
    assert same(trace, scan)


def test_mixed_sources_come_out(index: Path, tmp_path: Path) -> None:
    scan, trace = scanned(index, np.float32(0.5) * (cut(1, 3.0, 14.0) + cut(4, 8.0, 14.0)), tmp_path)
    assert {match.recording.id for match in scan.matches} == {"s1", "s4"}
    assert same(trace, scan)


def test_a_passage_joined_of_two_comes_out(index: Path, tmp_path: Path) -> None:
    gap = np.random.default_rng(0).normal(0, 0.1, 2 * RATE_HZ).astype(np.float32)
    y = np.concatenate([cut(2, 2.0, 10.0), gap, cut(2, 14.1, 12.0)])  # it goes on a tenth of a second too late
    scan, trace = scanned(index, y, tmp_path)
    assert [len(find.pieces) for part in trace.parts for find in part.passages] == [2]
    first, second = scan.matches[0].passages
    assert first.track_end_seconds < 10.2
    assert second.track_start_seconds > 11.8
    assert same(trace, scan)


def test_pieces_of_a_source_switched_on_and_off_come_out(index: Path, tmp_path: Path) -> None:
    y = cut(1, 4.0, 15.0).copy()
    y[np.mod(np.arange(y.size) / RATE_HZ, 3.0) >= 1.5] = 0.0
    scan, trace = scanned(index, y, tmp_path)
    assert len(trace.parts[0].passages) == 1
    assert len(scan.matches[0].passages) == 5
    assert scan.matches[0].track_seconds == pytest.approx(7.5, abs=0.8)
    assert same(trace_from_bytes(trace_to_bytes(trace), name="again"), scan)


def test_a_thorough_search_comes_out(index: Path, tmp_path: Path) -> None:
    scan, trace = scanned(index, np.ascontiguousarray(cut(1, 2.0, 20.0)[::2]), tmp_path, THOROUGH)  # twice as fast
    assert scan.matches[0].recording.id == "s1"
    assert trace.scales == THOROUGH.scales
    assert same(trace, scan)


def test_a_query_in_parts_comes_out_whole(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fingerprint.extract._PART_PIECES", 1)  # parts of 24 s in place of ten minutes
    scan, trace = scanned(index, np.concatenate([music(73, 10.0), cut(4, 0.0, 30.0), music(74, 12.0)]), tmp_path)
    assert len(trace.parts) > 1
    assert len(scan.matches[0].passages) == 1
    assert same(trace, scan)


def test_pairs_lie_on_the_line_of_their_segment(found: tuple[Scan, Trace]) -> None:
    scan, trace = found
    checked = recheck(trace)
    for match in scan.matches:
        (segment,) = match.passages
        pairs = checked.pairs[match.recording.id].of_passage(segment)
        assert pairs.track_seconds.size == segment.aligned_landmarks
        assert np.all(np.diff(pairs.track_seconds) >= 0)
        along = segment.recording_start_seconds + segment.ratio * (pairs.track_seconds - segment.track_start_seconds)
        assert np.abs(pairs.recording_seconds - along).max() < 0.1
        assert abs(np.median(pairs.pitch_cells)) < 0.2
        assert pairs.similarity.min() > 0.2


def test_a_trace_of_the_first_schema_is_computed_by_the_rules_of_its_time() -> None:
    # Made by the last version that wrote it: 1.6 s of a recording, 1.4 s of silence in turn, all of it one passage.
    data = lzma.decompress((DATA / "trace-v1.spt.xz").read_bytes())
    trace = trace_from_bytes(data, name="trace-v1.spt")
    expected = json.loads((DATA / "trace-v1.json").read_text(encoding="utf-8"))
    circumstances = trace.parts[0].circumstances
    again = result_matches(recheck(trace).matches, circumstances.duration_seconds)
    found = [plain_json(match) for match in again]
    assert all(passage.pop("alternatives") == [] for match in found for passage in match["passages"])
    assert found == expected
    assert trace_to_bytes(trace) == data


def test_repeats_that_a_stronger_one_proves_come_out_as_they_were_found(index: Path, tmp_path: Path) -> None:
    y = np.tile(resample_speed(cut(2, 5.2, 1.0), RATE_HZ, 0.94), 12)
    scan, trace = scanned(index, y, tmp_path)
    again = recheck(trace)
    assert again.matches == scan.matches
    (match,) = again.matches
    assert len(match.passages) > 8
    assert min(passage.score for passage in match.passages) < again.score_threshold
    surest = min(passage.p_false for passage in match.passages)
    assert surest == pytest.approx(max(match.passages, key=lambda passage: passage.score).p_false)


def test_nothing_found_leaves_no_trace(index: Path, tmp_path: Path) -> None:
    (tmp_path / "traces").mkdir()
    query = write(tmp_path / "q.wav", music(75, 8.0))
    (scan,) = scan_files(index, [Item(query)], jobs=1, traces=tmp_path / "traces")
    assert scan.status == "no_match"
    assert list((tmp_path / "traces").iterdir()) == []


@pytest.mark.slow
@pytest.mark.same_bytes
def test_the_same_audio_in_two_workers_leaves_one_trace(index: Path, tmp_path: Path) -> None:
    (tmp_path / "traces").mkdir()
    queries = [write(tmp_path / f"{k}.wav", cut(1, 5.0, 9.0)) for k in range(4)]
    scans = list(scan_files(index, [Item(query) for query in queries], jobs=2, traces=tmp_path / "traces"))
    assert {scan.status for scan in scans} == {"matched"}
    assert [path.name for path in (tmp_path / "traces").iterdir()] == [name_of(scans[0])]


@pytest.mark.same_bytes
def test_the_same_trace_gives_the_same_bytes_and_comes_back_whole(found: tuple[Scan, Trace], tmp_path: Path) -> None:
    scan, trace = found
    data = trace_to_bytes(trace)
    again = trace_from_bytes(data, name="again")
    assert trace_to_bytes(again) == data
    assert same(again, scan)
    write_trace(tmp_path / "a.spt", trace)
    write_trace(tmp_path / "a.spt", trace)
    assert [path.name for path in tmp_path.iterdir()] == ["a.spt"]
    assert (tmp_path / "a.spt").read_bytes() == data


def test_a_disk_that_is_full_is_said_to_be(found: tuple[Scan, Trace], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.write", full)
    with pytest.raises(StorageFullError, match="no space left on the disk"):
        write_trace(Path("/tmp/never.spt"), found[1])


def test_a_trace_that_cannot_be_written_is_an_error_of_its_run(found: tuple[Scan, Trace], tmp_path: Path) -> None:
    (tmp_path / "a.spt").mkdir()
    with pytest.raises(OutputError, match=r"a\.spt: is a folder; name a file$"):
        write_trace(tmp_path / "a.spt", found[1])
    assert [path.name for path in tmp_path.iterdir()] == ["a.spt"]


def altered(trace: Trace, change: Callable[[TracedPassage], TracedPassage]) -> Trace:
    """Return a trace with another passage of s1."""
    part = trace.parts[0]
    passages = tuple(change(find) if find.recording.id == "s1" else find for find in part.passages)
    return dataclasses.replace(trace, parts=(dataclasses.replace(part, passages=passages), *trace.parts[1:]))


@pytest.mark.parametrize(
    "change",
    [
        lambda find: dataclasses.replace(find, seconds=find.seconds + np.linspace(0, 0.03, find.seconds.size)),
        lambda find: dataclasses.replace(find, vectors=np.float32(0.9) * find.vectors),
        lambda find: dataclasses.replace(find, recording_codes=np.roll(find.recording_codes, 1, axis=0)),
        lambda find: dataclasses.replace(find, also_fits=("s4",)),
        lambda find: dataclasses.replace(find, recording=dataclasses.replace(find.recording, id="s9")),
    ],
    ids=["times", "descriptors", "reference", "others", "recording"],
)
def test_altered_audio_gives_other_matches(
    found: tuple[Scan, Trace], change: Callable[[TracedPassage], TracedPassage]
) -> None:
    scan, trace = found
    assert stated(recheck(trace).matches) == stated(scan.matches)
    assert stated(recheck(altered(trace, change)).matches) != stated(scan.matches)


def faint(find: TracedPassage) -> TracedPassage:
    """Return a passage of which better ones have taken all but a few landmarks, so that chance comes near."""
    free = np.zeros(find.seconds.size, dtype=np.bool_)
    free[::20] = True
    return dataclasses.replace(find, pieces=tuple(dataclasses.replace(piece, free=free) for piece in find.pieces))


@pytest.mark.parametrize("change", [{"rivals": (19.0, 20.0, 21.0)}, {"hub_factor": 9.0}])
def test_rivals_and_hubs_raise_the_probability_by_chance(found: tuple[Scan, Trace], change: dict[str, Any]) -> None:
    weak = altered(found[1], faint)
    (before,) = recheck(weak).matches[1].passages
    after = recheck(altered(weak, lambda find: dataclasses.replace(find, **change))).matches
    assert before.score < found[0].matches[0].passages[0].score
    assert [match for match in after if match.recording.id == "s1" and match.p_false <= before.p_false] == []


def test_landmarks_that_align_with_nothing_are_refused(found: tuple[Scan, Trace]) -> None:
    away = altered(
        found[1], lambda find: dataclasses.replace(find, recording_times=find.recording_times + np.uint32(600 * 4096))
    )
    with pytest.raises(VerificationError, match="nothing in the landmarks speaks for the passage"):
        recheck(away)


def repacked(data: bytes, change: Callable[[dict[str, Any], dict[str, bytes]], None]) -> bytes:
    """Return a trace file with its header, or its members, changed."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    header = json.loads(members["trace.json"])
    members["trace.json"] = b""
    change(header, members)
    members["trace.json"] = members["trace.json"] or json.dumps(header).encode()
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return sink.getvalue()


def first_find(header: dict[str, Any]) -> dict[str, Any]:
    find: dict[str, Any] = header["parts"][0]["finds"][0]
    return find


def npy(array: NDArray[Any]) -> bytes:
    sink = io.BytesIO()
    np.save(sink, array)
    return sink.getvalue()


def with_values(member: bytes, value: float) -> bytes:
    """Return a .npy file with its first row set to a value."""
    array = np.load(io.BytesIO(member))
    array[:1] = value
    return npy(array)


def claiming(shape: object) -> bytes:
    """Return a .npy file of no values that says to have another shape."""
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n".encode("ascii")
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize(
    "change",
    [
        lambda header, members: header.update(schema="sourceprint/trace/3"),
        lambda header, members: header.pop("parts"),
        lambda header, members: header.update(scales=[]),
        lambda header, members: header.update(sha256=3),
        lambda header, members: first_find(header).update(n=first_find(header)["n"] + 1),
        lambda header, members: first_find(header).update(m=-1),
        lambda header, members: first_find(header).update(n=True),
        lambda header, members: first_find(header)["pieces"][0].__setitem__(4, 10**9),
        lambda header, members: first_find(header)["pieces"][0].__setitem__(0, 1e300),
        lambda header, members: first_find(header)["recording"].pop("id"),
        lambda header, members: first_find(header).update(hub_factor=0.0),
        lambda header, members: header["parts"][0]["circumstances"].update(duration_seconds=1e30),
        lambda header, members: header["parts"][0]["circumstances"].update(duration_seconds=2.0),
        lambda header, members: header["parts"][0]["circumstances"].update(start_seconds=20.0),
        lambda header, members: members.pop("free.npy"),
        lambda header, members: members.update({"more.npy": b""}),
        lambda header, members: members.update({"trace.json": b"[" * 100_000}),
        lambda header, members: members.update({"seconds.npy": b"\x93NUMPY"}),
        lambda header, members: members.update({"seconds.npy": npy(np.zeros(5))}),
        lambda header, members: members.update({"bins.npy": npy(np.array([object()]))}),
        lambda header, members: members.update({"bins.npy": npy(np.full(9, np.nan, np.float32))}),
        lambda header, members: members.update({"bins.npy": claiming((1 << 40,))}),
        lambda header, members: members.update({"bins.npy": claiming((-1,))}),
        lambda header, members: members.update({"vectors.npy": claiming((0, 1 << 62))}),
        lambda header, members: members.update({"bins.npy": claiming("-" * 9000 + "1")}),
        lambda header, members: members.update({"bins.npy": claiming("(" * 5000)}),
        lambda header, members: members.update({"bins.npy": claiming("(9L,)")}),
        lambda header, members: members.update({"bins.npy": claiming('"')}),
        lambda header, members: members.update({"trace.json": json.dumps(header).encode()[:-1] + b',"sha256":""}'}),
        lambda header, members: header.update(more=[[[0]]] * 2, deep=json.loads("[" * 70 + "]" * 70)),
        lambda header, members: header.update(fmin_hz=10**30),
        lambda header, members: members.update({"free.npy": members["free.npy"][:-1] + b"\x02"}),
        lambda header, members: members.update({"vectors.npy": with_values(members["vectors.npy"], 1e30)}),
        lambda header, members: members.update({"vectors.npy": with_values(members["vectors.npy"], 0.9)}),
        lambda header, members: members.update({"bins.npy": with_values(members["bins.npy"], -1.0)}),
        lambda header, members: members.update({"bins.npy": with_values(members["bins.npy"], 1024.0)}),
        lambda header, members: members.update({"seconds.npy": with_values(members["seconds.npy"], -0.5)}),
    ],
)
def test_a_file_that_is_no_sound_trace_is_refused(
    found: tuple[Scan, Trace], change: Callable[[dict[str, Any], dict[str, bytes]], None]
) -> None:
    data = trace_to_bytes(found[1])
    with pytest.raises(EvidenceError, match=r"^here: no sound trace of this version"):
        trace_from_bytes(repacked(data, change), name="here")
    assert SCHEMA.encode() in data


def test_pieces_that_are_not_in_order_are_refused(found: tuple[Scan, Trace]) -> None:
    twice = altered(found[1], lambda find: dataclasses.replace(find, pieces=find.pieces * 2))
    with pytest.raises(VerificationError, match="pieces of a passage are not in order"):
        recheck(twice)


def test_the_page_has_the_limits_of_the_validator() -> None:
    page = " ".join((ROOT / "docs" / "formats" / "trace.md").read_text(encoding="utf-8").split())
    for limit in ("at most 1 GiB", "16 MiB", "64 levels", "8 to 1 024", "1 to 64 time scales", "1/16 to 16", "0.1 s"):
        assert limit in page
    assert trace_file._LARGEST_BYTES == 1 << 30
    assert trace_file._LARGEST_HEADER_BYTES == 16 << 20
    assert (trace_file._MOST_SCALES, trace_file._WIDEST_RATIO, trace_file._TIME_TOLERANCE_SECONDS) == (64, 16.0, 0.1)
    assert (trace_file._MOST_CELLS, trace_file._MOST_ALTERNATIVES) == (1024.0, 512)


def test_a_compressed_file_is_no_trace(found: tuple[Scan, Trace]) -> None:
    with zipfile.ZipFile(io.BytesIO(trace_to_bytes(found[1]))) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(EvidenceError, match="it is compressed"):
        trace_from_bytes(sink.getvalue(), name="here")


def test_a_description_that_is_larger_than_any_is_not_parsed(
    found: tuple[Scan, Trace], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.recheck.trace_file._LARGEST_HEADER_BYTES", 1000)
    monkeypatch.setattr("json.loads", lambda *_: pytest.fail("it was parsed"))
    with pytest.raises(EvidenceError, match="its description is larger than any"):
        trace_from_bytes(trace_to_bytes(found[1]), name="here")


def test_every_cut_and_most_flipped_bytes_are_noticed(found: tuple[Scan, Trace]) -> None:
    scan, trace = found
    data = trace_to_bytes(trace)
    rng = np.random.default_rng(1)
    for length in rng.integers(0, len(data), 30).tolist():
        with pytest.raises(EvidenceError):
            trace_from_bytes(data[:length], name="cut")
    for place in rng.integers(0, len(data), 60).tolist():
        flipped = bytearray(data)
        flipped[place] ^= 0xFF
        try:
            assert same(trace_from_bytes(bytes(flipped), name="flipped"), scan)  # a byte that says nothing
        except SourceprintError:
            continue


def test_a_missing_trace_says_so(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match=r"none\.spt: cannot be read \(No such file or directory\); scan the file"):
        read_trace(tmp_path / "none.spt")
