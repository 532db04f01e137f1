"""Names of recordings are corrected without audio; an earlier id of a recording still finds it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fingerprint.digests import hash_file
from fingerprint.errors import DuplicateRecordingError, IndexDamagedError, ParameterError, UnknownRecordingError
from index.folder.index import Index
from index.folder.repair import repair_index
from index.folder.transfer import export_index, import_index
from index.folder.verification import verify_index
from index.search.filters import Filter
from index.storage.layers import LayerLandmarks
from index.storage.manifest import RECORDING, LayerSpec, write_manifest
from index.storage.recordings import Recording
from sourceprint.blind.tokens import Revealer, Tokens
from sourceprint.catalogue.corrections import Correction, correct, read_corrections
from sourceprint.catalogue.recording_ids import IdDesk
from sourceprint.items import Item
from sourceprint.sheets.columns import ColumnMap

SPECS = {RECORDING: LayerSpec({"test": 1}, 64)}


def landmarks(seed: int) -> dict[str, LayerLandmarks]:
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((20, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    times = np.sort(random.uniform(0, 10, 20))
    return {RECORDING: LayerLandmarks(times, np.full(20, 5, np.float32), vectors)}


@pytest.fixture
def index(tmp_path: Path) -> Index:
    index = Index.create(tmp_path / "index", SPECS)
    with index.writer() as writer:
        for n, name in enumerate(("a", "b", "c")):
            writer.add(Recording(name, f"Title {name}", sha256=f"{n:064x}", duration_ms=10_000), landmarks(n))
    return index


def ids(index: Index) -> list[str]:
    return [recording.id for recording in index.snapshot().recordings]


def test_words_change_and_the_digest_stays(index: Index) -> None:
    before = index.snapshot().digest
    wanted = Correction("b", title="Two", artists=("Ann", "Bob"), isrc="QZAAA2600002")
    assert correct(index, [wanted, Correction("c", title="Title c")]) == 1
    found = index.snapshot().by_id("b")
    assert (found.title, found.artists, found.isrc) == ("Two", ("Ann", "Bob"), "QZAAA2600002")
    assert index.snapshot().digest == before
    assert correct(index, [Correction("b", title="", artists=(), isrc="")]) == 1
    found = index.snapshot().by_id("b")
    assert (found.title, found.artists, found.isrc) == ("", (), "")
    assert correct(index, [Correction("b", title="Title b")]) == 1
    assert index.snapshot().manifest.amendments is None


@pytest.mark.parametrize("compacted", [False, True])
def test_a_recording_is_found_by_all_ids_that_it_had(index: Index, compacted: bool) -> None:
    before = index.snapshot().digest
    correct(index, [Correction("b", new_id="QZ1")])
    correct(index, [Correction("b", new_id="QZ2", title="Two")])
    if compacted:
        with index.writer() as writer:
            writer.remove("c")
            writer.compact()
        assert ids(index) == ["a", "QZ2"]
    else:
        assert index.snapshot().digest == before
    snapshot = Index.open(index.snapshot().folder).snapshot()
    assert [snapshot.by_id(name).title for name in ("b", "QZ1", "QZ2")] == ["Two"] * 3
    assert snapshot.manifest.renamed == {"b": "QZ2", "QZ1": "QZ2"}
    searched = Filter.parse(["id:b"], []).allowed(snapshot)
    assert searched is not None
    assert np.flatnonzero(searched).tolist() == [snapshot.ordinal("QZ2")]


def test_an_id_may_be_taken_back_and_goes_to_no_other(index: Index) -> None:
    correct(index, [Correction("b", new_id="B1")])
    for taken in ("a", "b"):
        with pytest.raises(DuplicateRecordingError, match="another recording has or had it"):
            correct(index, [Correction("c", title="x", new_id=taken)])
    assert index.snapshot().by_id("c").title == "Title c", "all or nothing"
    with index.writer() as writer, pytest.raises(DuplicateRecordingError, match="was renamed to 'B1'"):
        writer.add(Recording("b"), landmarks(9), replace=True)
    correct(index, [Correction("B1", new_id="b")])
    assert (ids(index), index.snapshot().manifest.renamed) == (["a", "b", "c"], {"B1": "b"})
    with index.writer() as writer:
        writer.remove("b")
    assert (ids(index), index.snapshot().manifest.renamed) == (["a", "c"], {})
    with index.writer() as writer:
        writer.add(Recording("B1"), landmarks(9))
    assert "B1" in ids(index)


def test_a_replaced_recording_keeps_its_former_ids(index: Index) -> None:
    correct(index, [Correction("b", new_id="B1")])
    with index.writer() as writer:
        writer.replace(Recording("B1", "New"), landmarks(9))
    assert index.snapshot().by_id("b").title == "New"


def test_adding_the_same_file_again_recognises_a_renamed_recording(index: Index, tmp_path: Path) -> None:
    audio = tmp_path / "d.wav"
    audio.write_bytes(b"not decoded here")
    from fingerprint.disk import file_digest

    with index.writer() as writer:
        writer.add(Recording("d", sha256=file_digest(audio)), landmarks(4))
    correct(index, [Correction("d", new_id="D1")])
    desk = IdDesk(index.snapshot())
    assert desk.decide_new(Item(audio)).kind == "unchanged"
    decided = desk.decide_replacement(Item(audio))
    assert (decided.kind, decided.recording_id) == ("unchanged", "D1")


def test_tokens_of_a_former_id_are_revealed_as_the_id_of_now(index: Index) -> None:
    token = Tokens(b"s" * 32, "0123456789abcdef").of("b")
    correct(index, [Correction("b", new_id="B1", title="Two")])
    snapshot = index.snapshot()
    revealed = Revealer(snapshot.recordings, b"s" * 32, snapshot.manifest.renamed).reveal({"recording_id": token})
    assert (revealed["recording_id"], revealed["title"]) == ("B1", "Two")


def test_tags_change_with_and_after_a_rename_in_any_order(index: Index) -> None:
    from sourceprint.catalogue.annotations import change_tags

    change_tags(index, ["b"], added=["sync"])
    correct(index, [Correction("b", new_id="B1")])
    digest = index.snapshot().digest
    change_tags(index, ["b"], removed=["sync"])
    with index.writer() as writer:
        writer.compact()
    change_tags(index, ["B1"], added=["sync"])
    assert index.snapshot().by_id("b").tags == ("sync",)
    assert index.snapshot().digest == digest


@pytest.mark.parametrize(
    ("corrections", "error", "message"),
    [
        ([Correction("x", title="y")], UnknownRecordingError, "recording 'x' is not in the index"),
        ([Correction("a", new_id="")], ParameterError, "must be a text of 1 to 512 characters"),
        ([Correction("a", new_id="N"), Correction("b", new_id="N")], DuplicateRecordingError, "id 'N': another"),
        (
            [Correction("a", title="1"), Correction("a", title="2")],
            ParameterError,
            "'a' is corrected twice; keep",
        ),
    ],
)
def test_a_refused_correction_changes_nothing(
    index: Index, corrections: list[Correction], error: type[Exception], message: str
) -> None:
    before = index.snapshot().manifest
    with pytest.raises(error, match=message):
        correct(index, [Correction("c", title="changed"), *corrections])
    assert index.snapshot().manifest == before


def test_a_manifest_with_a_chain_of_names_is_refused(index: Index) -> None:
    from index.storage.manifest import write_manifest

    write_manifest(index.snapshot().folder, index.snapshot().manifest.successor(renamed={"x": "y", "y": "a"}))
    with pytest.raises(IndexDamagedError, match=r"renamed\['x'\] is 'y', must be the id of a recording"):
        Index.open(index.snapshot().folder)


def test_a_sheet_shows_the_right_answer(index: Index, tmp_path: Path) -> None:
    sheet = tmp_path / "right.csv"
    sheet.write_text(
        "File,Track Title,ISRC,New ID\nm/a.wav,One,QZAAA2600001,A1\nm/b.wav,,QZAAA2600002,\n", encoding="utf-8"
    )
    corrections, _ = read_corrections(sheet, ColumnMap())
    assert correct(index, corrections) == 2
    found = [(one.id, one.title, one.isrc) for one in index.snapshot().recordings]
    assert found == [("A1", "One", "QZAAA2600001"), ("b", "Title b", "QZAAA2600002"), ("c", "Title c", "")]
    sheet.write_text("id,title\na,1\nx,2\n", encoding="utf-8")
    with pytest.raises(UnknownRecordingError, match=r"right\.csv, line 3: recording 'x' is not in the index"):
        correct(index, read_corrections(sheet, ColumnMap())[0])
    for text, message in (("title\nx\n", "no column identifies the recordings"), ("id\na\n", "no column to correct")):
        sheet.write_text(text, encoding="utf-8")
        with pytest.raises(ParameterError, match=message):
            read_corrections(sheet, ColumnMap())


def test_a_corrected_index_is_sound_and_goes_to_another_machine_as_it_is(index: Index, tmp_path: Path) -> None:
    correct(index, [Correction("a", new_id="x", title="Uno"), Correction("b", artists=("Ann",), isrc="QZAAA2600002")])
    correct(index, [Correction("x", new_id="y")])
    assert list(verify_index(index.path)) == []
    export_index(index.path, tmp_path / "index.tar")
    import_index(tmp_path / "index.tar", tmp_path / "there")
    there = Index.open(tmp_path / "there", SPECS).snapshot().recordings
    assert [(one.id, one.title, one.isrc) for one in there] == [
        ("y", "Uno", ""),
        ("b", "Title b", "QZAAA2600002"),
        ("c", "Title c", ""),
    ]
    assert repair_index(index.path) == []
    assert ids(index) == ["y", "b", "c"]


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (b'"x"', b'"c"', "gives recording 'a' the id 'c', which is not its own"),
        (b'"x"', b'"z"', "gives recording 'a' the id 'z', which is not its own"),
        (b"10000", b"10001", "than title, artists, isrc, tags, excluded"),
    ],
)
def test_an_amendment_may_say_no_more_than_a_correction_says(index: Index, old: bytes, new: bytes, what: str) -> None:
    correct(index, [Correction("a", new_id="x"), Correction("b", title="Two")])
    manifest = index.snapshot().manifest
    assert manifest.amendments is not None
    path = index.path / manifest.amendments.name
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))
    forged = replace(manifest.amendments, file=hash_file(path))
    write_manifest(index.path, manifest.successor(amendments=forged))
    assert what in next(iter(verify_index(index.path))).what
