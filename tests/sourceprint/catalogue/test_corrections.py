"""What recordings are called can be corrected without audio; an id that a recording had before finds it ever after."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fingerprint.digests import hash_file
from fingerprint.errors import DuplicateRecordingError, IndexDamagedError, ParameterError, UnknownRecordingError
from index.folder.repair import repair_index
from index.folder.store import Store
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
def store(tmp_path: Path) -> Store:
    store = Store.create(tmp_path / "index", SPECS)
    with store.writer() as writer:
        for n, name in enumerate(("a", "b", "c")):
            writer.add(Recording(name, f"Title {name}", sha256=f"{n:064x}", duration_ms=10_000), landmarks(n))
    return store


def ids(store: Store) -> list[str]:
    return [recording.id for recording in store.snapshot().recordings]


def test_words_change_and_the_digest_stays(store: Store) -> None:
    before = store.snapshot().digest
    wanted = Correction("b", title="Two", artists=("Ann", "Bob"), isrc="QZAAA2600002")
    assert correct(store, [wanted, Correction("c", title="Title c")]) == 1
    found = store.snapshot().by_id("b")
    assert (found.title, found.artists, found.isrc) == ("Two", ("Ann", "Bob"), "QZAAA2600002")
    assert store.snapshot().digest == before
    assert correct(store, [Correction("b", title="", artists=(), isrc="")]) == 1
    found = store.snapshot().by_id("b")
    assert (found.title, found.artists, found.isrc) == ("", (), "")
    assert correct(store, [Correction("b", title="Title b")]) == 1
    assert store.snapshot().manifest.amendments is None


@pytest.mark.parametrize("compacted", [False, True])
def test_a_recording_is_found_by_all_ids_that_it_had(store: Store, compacted: bool) -> None:
    before = store.snapshot().digest
    correct(store, [Correction("b", new_id="QZ1")])
    correct(store, [Correction("b", new_id="QZ2", title="Two")])
    if compacted:
        with store.writer() as writer:
            writer.remove("c")
            writer.compact()
        assert ids(store) == ["a", "QZ2"]
    else:
        assert store.snapshot().digest == before
    snapshot = Store.open(store.snapshot().folder).snapshot()
    assert [snapshot.by_id(name).title for name in ("b", "QZ1", "QZ2")] == ["Two"] * 3
    assert snapshot.manifest.renamed == {"b": "QZ2", "QZ1": "QZ2"}
    searched = Filter.parse(["id:b"], []).allowed(snapshot)
    assert searched is not None
    assert np.flatnonzero(searched).tolist() == [snapshot.ordinal("QZ2")]


def test_an_id_may_be_taken_back_and_goes_to_no_other(store: Store) -> None:
    correct(store, [Correction("b", new_id="B1")])
    for taken in ("a", "b"):
        with pytest.raises(DuplicateRecordingError, match="another recording has it, or had it before"):
            correct(store, [Correction("c", title="x", new_id=taken)])
    assert store.snapshot().by_id("c").title == "Title c", "all or nothing"
    with store.writer() as writer, pytest.raises(DuplicateRecordingError, match="has the id 'B1' since it was renamed"):
        writer.add(Recording("b"), landmarks(9), replace=True)
    correct(store, [Correction("B1", new_id="b")])
    assert (ids(store), store.snapshot().manifest.renamed) == (["a", "b", "c"], {"B1": "b"})
    with store.writer() as writer:
        writer.remove("b")
    assert (ids(store), store.snapshot().manifest.renamed) == (["a", "c"], {})
    with store.writer() as writer:
        writer.add(Recording("B1"), landmarks(9))
    assert "B1" in ids(store)


def test_a_replaced_recording_keeps_its_former_ids(store: Store) -> None:
    correct(store, [Correction("b", new_id="B1")])
    with store.writer() as writer:
        writer.replace(Recording("B1", "New"), landmarks(9))
    assert store.snapshot().by_id("b").title == "New"


def test_adding_the_same_file_again_recognises_a_renamed_recording(store: Store, tmp_path: Path) -> None:
    audio = tmp_path / "d.wav"
    audio.write_bytes(b"not decoded here")
    from fingerprint.disk import file_digest

    with store.writer() as writer:
        writer.add(Recording("d", sha256=file_digest(audio)), landmarks(4))
    correct(store, [Correction("d", new_id="D1")])
    desk = IdDesk(store.snapshot())
    assert desk.decide_new(Item(audio)).kind == "unchanged"
    decided = desk.decide_replacement(Item(audio))
    assert (decided.kind, decided.recording_id) == ("unchanged", "D1")


def test_tokens_of_a_former_id_are_revealed_as_the_id_of_now(store: Store) -> None:
    token = Tokens(b"s" * 32, "0123456789abcdef").of("b")
    correct(store, [Correction("b", new_id="B1", title="Two")])
    snapshot = store.snapshot()
    revealed = Revealer(snapshot.recordings, b"s" * 32, snapshot.manifest.renamed).reveal({"recording_id": token})
    assert (revealed["recording_id"], revealed["title"]) == ("B1", "Two")


def test_tags_change_with_and_after_a_rename_whatever_the_order(store: Store) -> None:
    from sourceprint.catalogue.annotations import change_tags

    change_tags(store, ["b"], added=["sync"])
    correct(store, [Correction("b", new_id="B1")])
    digest = store.snapshot().digest
    change_tags(store, ["b"], removed=["sync"])
    with store.writer() as writer:
        writer.compact()
    change_tags(store, ["B1"], added=["sync"])
    assert store.snapshot().by_id("b").tags == ("sync",)
    assert store.snapshot().digest == digest


@pytest.mark.parametrize(
    ("corrections", "error", "message"),
    [
        ([Correction("x", title="y")], UnknownRecordingError, "recording 'x' is not in the index"),
        ([Correction("a", new_id="")], ParameterError, "must be a text of 1 to 512 characters"),
        ([Correction("a", new_id="N"), Correction("b", new_id="N")], DuplicateRecordingError, "id 'N': another"),
        (
            [Correction("a", title="1"), Correction("a", title="2")],
            ParameterError,
            "'a' is corrected twice; say",
        ),
    ],
)
def test_what_cannot_be_corrected_changes_nothing(
    store: Store, corrections: list[Correction], error: type[Exception], message: str
) -> None:
    before = store.snapshot().manifest
    with pytest.raises(error, match=message):
        correct(store, [Correction("c", title="changed"), *corrections])
    assert store.snapshot().manifest == before


def test_a_manifest_with_a_chain_of_names_is_refused(store: Store) -> None:
    from index.storage.manifest import write_manifest

    write_manifest(store.snapshot().folder, store.snapshot().manifest.successor(renamed={"x": "y", "y": "a"}))
    with pytest.raises(IndexDamagedError, match=r"renamed\['x'\] is 'y', must be the id of a recording"):
        Store.open(store.snapshot().folder)


def test_a_sheet_says_what_is_right(store: Store, tmp_path: Path) -> None:
    sheet = tmp_path / "right.csv"
    sheet.write_text(
        "File,Track Title,ISRC,New ID\nm/a.wav,One,QZAAA2600001,A1\nm/b.wav,,QZAAA2600002,\n", encoding="utf-8"
    )
    corrections, _ = read_corrections(sheet, ColumnMap())
    assert correct(store, corrections) == 2
    found = [(one.id, one.title, one.isrc) for one in store.snapshot().recordings]
    assert found == [("A1", "One", "QZAAA2600001"), ("b", "Title b", "QZAAA2600002"), ("c", "Title c", "")]
    sheet.write_text("id,title\na,1\nx,2\n", encoding="utf-8")
    with pytest.raises(UnknownRecordingError, match=r"right\.csv, line 3: recording 'x' is not in the index"):
        correct(store, read_corrections(sheet, ColumnMap())[0])
    for text, message in (("title\nx\n", "which recordings are meant"), ("id\na\n", "no column to correct")):
        sheet.write_text(text, encoding="utf-8")
        with pytest.raises(ParameterError, match=message):
            read_corrections(sheet, ColumnMap())


def test_a_corrected_index_is_sound_and_goes_to_another_machine_as_it_is(store: Store, tmp_path: Path) -> None:
    correct(store, [Correction("a", new_id="x", title="Uno"), Correction("b", artists=("Ann",), isrc="QZAAA2600002")])
    correct(store, [Correction("x", new_id="y")])
    assert list(verify_index(store.path)) == []
    export_index(store.path, tmp_path / "index.tar")
    import_index(tmp_path / "index.tar", tmp_path / "there")
    there = Store.open(tmp_path / "there", SPECS).snapshot().recordings
    assert [(one.id, one.title, one.isrc) for one in there] == [
        ("y", "Uno", ""),
        ("b", "Title b", "QZAAA2600002"),
        ("c", "Title c", ""),
    ]
    assert repair_index(store.path) == []
    assert ids(store) == ["y", "b", "c"]


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (b'"x"', b'"c"', "gives recording 'a' the id 'c', which is not its own"),
        (b'"x"', b'"z"', "gives recording 'a' the id 'z', which is not its own"),
        (b"10000", b"10001", "than title, artists, isrc, tags, excluded"),
    ],
)
def test_an_amendment_may_say_no_more_than_a_correction_says(store: Store, old: bytes, new: bytes, what: str) -> None:
    correct(store, [Correction("a", new_id="x"), Correction("b", title="Two")])
    manifest = store.snapshot().manifest
    assert manifest.amendments is not None
    path = store.path / manifest.amendments.name
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))
    forged = replace(manifest.amendments, file=hash_file(path))
    write_manifest(store.path, manifest.successor(amendments=forged))
    assert what in next(iter(verify_index(store.path))).what
