"""The frozen samples, and a reader written from `docs/formats/index.md` alone."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xxhash
from numpy.typing import NDArray

from fingerprint.digests import canonical_json, digest_of, pretty_json
from fingerprint.errors import IndexDamagedError, IndexFormatError
from index.folder.index import Index
from index.storage.manifest import parse_manifest
from tests.landmark_sets import landmarks
from tests.places import DATA

SAMPLE = DATA / "index-v2"


def queries() -> NDArray[np.float32]:
    stored: NDArray[np.float32] = np.load(DATA / "index-v2-queries.npy")
    return stored


def test_the_frozen_sample_of_version_2_opens_and_answers() -> None:
    assert SAMPLE.is_dir(), "the frozen sample index is missing: it must never be deleted"
    expected = json.loads((DATA / "index-v2.json").read_text())
    index = Index.open(SAMPLE)
    assert index.verify() == []
    snapshot = index.snapshot()
    assert snapshot.digest == expected["digest"]
    assert [recording.id for recording in snapshot.recordings] == expected["ids"]
    assert [list(recording.tags) for recording in snapshot.recordings] == expected["tags"]
    assert [[list(pair) for pair in recording.excluded] for recording in snapshot.recordings] == expected["excluded"]
    assert snapshot.by_id("r1").title == "Title 1"
    assert list(expected["layers"]) == list(snapshot.layers)
    for name, answer in expected["layers"].items():
        view = snapshot.layer(name)
        rows, similarity = view.search(queries(), 2, nprobe=1000)
        assert view.kind == answer["kind"]
        assert rows.tolist() == answer["rows"]
        np.testing.assert_allclose(similarity, answer["similarity"], atol=1e-4)
        times, bins, codes = view.landmarks_of(0)
        assert times.tolist() == answer["times"]
        assert bins.tolist() == answer["bins"]
        assert [code.tobytes().hex() for code in codes] == answer["codes"]


def test_the_frozen_sample_can_be_written_to(tmp_path: Path) -> None:
    index = Index.open(shutil.copytree(SAMPLE, tmp_path / "index"))
    before = index.digest
    with index.writer() as writer:
        writer.compact()
    assert index.verify() == []
    assert (index.info()["segments"], index.info()["removed"]) == (1, 0)
    assert index.digest == before
    assert json.loads((tmp_path / "index" / "manifest.json").read_bytes())["amendments"] is None


def test_the_frozen_sample_of_version_1_is_refused_with_the_remedy() -> None:
    assert (DATA / "index-v1").is_dir(), "the frozen sample index is missing: it must never be deleted"
    message = (
        r"index-v1: index of format version 1, this program reads and writes version 2; use the program that wrote it, "
        r"or add the recordings again to a new index, from their fingerprint files \(\.spf\) or their audio$"
    )
    with pytest.raises(IndexFormatError, match=message):
        Index.open(DATA / "index-v1")


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("segments",), None, "missing required field `segments`"),
        (("segments", 0, "removed"), None, r"missing required field `removed` - at `\$\.segments\[0\]`"),
        (("segments", 0, "removed"), [True], r"Expected `int`, got `bool` - at `\$\.segments\[0\]\.removed\[0\]`"),
        (("segments", 0, "n_recordings"), 1.5, r"Expected `int`, got `float` - at `\$\.segments\[0\]\.n_recordings`"),
        (("generation",), "1", r"Expected `int`, got `str` - at `\$\.generation`"),
        (("blind",), 3, r"got `int` - at `\$\.blind`"),
        (("hubs",), {"name": "hubs-1.json"}, r"missing required field `computed_at` - at `\$\.hubs`"),
        (("layers",), [], r"Expected `object`, got `array` - at `\$\.layers`"),
    ],
)
def test_a_manifest_with_a_wrong_field_is_damaged_and_the_field_is_named(
    place: tuple[Any, ...], value: Any, message: str
) -> None:
    path = SAMPLE / "manifest.json"
    body = json.loads(path.read_bytes())
    holder = functools.reduce(lambda inner, key: inner[key], place[:-1], body)
    holder[place[-1]] = value
    if value is None:
        del holder[place[-1]]
    del body["checksum"]
    body["checksum"] = digest_of(canonical_json(body))
    with pytest.raises(IndexDamagedError, match=rf"json: has a field that is not as it must be \(.*{message}"):
        parse_manifest(pretty_json(body), path)


@pytest.mark.parametrize("data", [b"[" * 100_000, b"{", b"\xff", b'{"magic":"sourceprint-index","x":NaN}'])
def test_a_manifest_that_is_no_json_is_damaged(data: bytes) -> None:
    with pytest.raises(IndexDamagedError, match=r"manifest\.json: is not readable as JSON"):
        parse_manifest(data, SAMPLE / "manifest.json")


def test_the_frozen_manifest_is_written_again_byte_for_byte() -> None:
    data = (SAMPLE / "manifest.json").read_bytes()
    assert parse_manifest(data, SAMPLE / "manifest.json").to_bytes() == data


class Stranger:
    """A reader written from FORMAT.md alone, with numpy, hashlib and xxhash; it checks all there is to check."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        data = (folder / "manifest.json").read_bytes()
        manifest = json.loads(data)
        claimed = manifest.pop("checksum")
        text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
        assert manifest["magic"] == "sourceprint-index"
        assert claimed == "sha256:" + hashlib.sha256(text.encode()).hexdigest()
        assert manifest["format_version"] == 2
        assert data == (json.dumps({**manifest, "checksum": claimed}, indent=1) + "\n").encode()
        for layer in manifest["layers"].values():
            params = json.dumps(layer["params"], sort_keys=True, separators=(",", ":"))
            assert layer["digest"] == "sha256:" + hashlib.sha256(params.encode()).hexdigest()
        self.layers, self.segments = manifest["layers"], manifest["segments"]
        self.lines: list[dict[str, Any]] = []  # of live recordings, as they are now
        self.live: list[NDArray[np.bool_]] = []  # by segment
        amended = self.read_amendments(manifest["amendments"])
        for segment in self.segments:
            for name, entry in segment["files"].items():
                self.compare(f"segments/{segment['name']}/{name}", entry)
            self.live.append(~np.isin(np.arange(segment["n_recordings"]), segment["removed"]))
            self.read_recordings(segment, amended)

    def compare(self, name: str, entry: dict[str, Any]) -> None:
        data = (self.folder / name).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (entry["size"], entry["sha256"])

    def array(self, segment: dict[str, Any], name: str) -> NDArray[Any]:
        stored: NDArray[Any] = np.load(self.folder / "segments" / segment["name"] / f"{name}.npy")
        return stored

    def read_amendments(self, entry: dict[str, Any] | None) -> dict[tuple[str, int], bytes]:
        if entry is None:
            return {}
        self.compare(entry["name"], entry["file"])
        places = [(name, position) for name, positions in entry["recordings"].items() for position in positions]
        lines = (self.folder / entry["name"]).read_bytes().splitlines(keepends=True)
        return dict(zip(places, lines, strict=True))

    def read_recordings(self, segment: dict[str, Any], amended: dict[tuple[str, int], bytes]) -> None:
        data = (self.folder / "segments" / segment["name"] / "recordings.jsonl").read_bytes()
        offsets, keys = self.array(segment, "offsets"), self.array(segment, "keys")
        has_ranges = "exclusions.npy" in segment["files"]
        ranges = self.array(segment, "exclusions").tolist() if has_ranges else []
        assert offsets[-1] == len(data)
        for position in range(segment["n_recordings"]):
            stored = data[offsets[position] : offsets[position + 1]]
            assert xxhash.xxh3_64_intdigest(stored) == keys[position, 2]
            fields = json.loads(stored)
            short = [fields["id"], fields["sha256"]]
            digests = [hashlib.sha256(text.encode()).digest()[:8] if text else bytes(8) for text in short]
            assert [int.from_bytes(digest, "little") for digest in digests] == keys[position, :2].tolist()
            assert [row[1:] for row in ranges if row[0] == position] == fields["excluded"]
            if position not in segment["removed"]:
                self.lines.append(json.loads(amended.get((segment["name"], position), stored)))

    def tree(self, layer: str) -> list[NDArray[np.float32]]:
        """The centroids of each level."""
        entry = self.layers[layer]["tree"]
        for name, file in entry["files"].items():
            self.compare(f"trees/{entry['name']}/{name}", file)
        rest = np.load(self.folder / "trees" / entry["name"] / "tree.npy")
        levels: list[NDArray[np.float32]] = []
        while len(rest):
            size = 64 * 8 ** len(levels)
            levels.append(rest[:size])
            rest = rest[size:]
        return levels

    def landmarks(self, layer: str) -> list[tuple[NDArray[Any], ...]]:
        """Times, bins, codes (and vectors) of every live recording."""
        out: list[tuple[NDArray[Any], ...]] = []
        for segment, live in zip(self.segments, self.live, strict=True):
            if layer not in segment["landmarks"]:
                out += [(np.empty(0), np.empty(0), np.empty((0, 8), np.uint8))] * int(live.sum())
                continue
            names = ["times", "bins", "codes", *(["vectors"] if self.layers[layer]["tree"] is None else [])]
            columns = [self.array(segment, f"{layer}/{name}") for name in names]
            bounds, checks = self.array(segment, f"{layer}/bounds"), self.array(segment, f"{layer}/checks")
            assert {len(column) for column in columns} == {segment["landmarks"][layer]}
            for position, (a, b) in enumerate(itertools.pairwise(bounds)):
                rows = tuple(column[a:b] for column in columns)
                assert xxhash.xxh3_64_intdigest(b"".join(part.tobytes() for part in rows)) == checks[position]
                if live[position]:
                    out.append(rows)
        return out

    def lists(self, layer: str, segment: dict[str, Any]) -> list[tuple[NDArray[np.uint64], NDArray[np.uint32]]]:
        """Codes [words, m] and rows of each list of a segment."""
        sizes = self.array(segment, f"{layer}/list_sizes")
        codes, rows = self.array(segment, f"{layer}/list_codes"), self.array(segment, f"{layer}/list_rows")
        checks = self.array(segment, f"{layer}/list_checks")
        starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        parts = [(codes[:, a:b], rows[a:b]) for a, b in itertools.pairwise(starts)]
        for (code, row), check in zip(parts, checks, strict=True):
            assert xxhash.xxh3_64_intdigest(code.tobytes() + row.tobytes()) == check
            assert (np.diff(row.astype(np.int64)) > 0).all()
        assert sorted(rows.tolist()) == list(range(segment["landmarks"][layer]))
        return parts

    def search(self, layer: str, query: NDArray[np.float32], k: int, *, nprobe: int) -> list[tuple[int, float]]:
        """Rows and similarities of the best `k`, from the lists that the walk down the tree leads to."""
        found: list[tuple[int, int, int]] = []
        first_row, d = 0, query.size
        probes = walk(query, self.tree(layer), beam=max(16, nprobe))
        step = np.float32(np.abs(query).max() / np.float32(7.5))
        rounded = np.clip(np.rint(query / step), -8, 7).astype(np.int64)
        for segment, live in zip(self.segments, self.live, strict=True):
            bounds, checks = self.array(segment, f"{layer}/bounds"), self.array(segment, f"{layer}/checks")
            lives, order = np.repeat(live, np.diff(bounds)), np.repeat(checks, np.diff(bounds)).tolist()
            lists = self.lists(layer, segment)
            level = [64 * 8**level for level in range(9)].index(len(lists))
            for number in probes[level][:nprobe]:
                codes, rows = lists[number]
                signs = np.where(np.unpackbits(np.ascontiguousarray(codes.T).view(np.uint8), axis=1), 1, -1)
                for row, product in zip(rows.tolist(), (signs @ rounded).tolist(), strict=True):
                    if lives[row]:
                        found.append((-product, order[row], first_row + row))
            first_row += segment["landmarks"][layer]
        best = sorted(found)[:k]
        return [(row, min(1.0, -product * float(step) / (0.8 * d**0.5))) for product, _, row in best]


def nearness(vector: NDArray[np.floating[Any]], centroids: NDArray[np.float32]) -> NDArray[np.float64]:
    c = centroids.astype(np.float64)
    return np.where(c.any(axis=1), c @ vector - (c**2).sum(axis=1) / 2, -np.inf)


def walk(vector: NDArray[np.floating[Any]], levels: list[NDArray[np.float32]], *, beam: int) -> list[list[int]]:
    """At each level, the `beam` nearest nodes below those of the level above."""
    kept: list[list[int]] = []
    for centroids in levels:
        below = [8 * node + child for node in kept[-1] for child in range(8)] if kept else list(range(64))
        values = nearness(vector, centroids)
        kept.append(sorted((node for node in below if values[node] > -np.inf), key=lambda n: -values[n])[:beam])
    return kept


@pytest.fixture(scope="module")
def stranger() -> Stranger:
    return Stranger(SAMPLE)


def test_a_stranger_reads_the_recordings_as_they_are_now(stranger: Stranger) -> None:
    snapshot = Index.open(SAMPLE).snapshot()
    assert [line["id"] for line in stranger.lines] == ["r1", "r3", "r4", "r5", "r6", "r7", "r8", "r9"]
    for line, recording in zip(stranger.lines, snapshot.recordings, strict=True):
        for name in ("id", "title", "isrc", "name", "sha256", "duration_ms", "decoder"):
            assert line[name] == getattr(recording, name)
        for name in ("artists", "notes", "tags"):
            assert tuple(line[name]) == getattr(recording, name)
        assert tuple(map(tuple, line["excluded"])) == recording.excluded
    assert stranger.lines[2]["tags"] == ["amended"]
    assert stranger.lines[0]["excluded"] == [[10_000, 20_500], [90_000, 100_000]]


@pytest.mark.parametrize("layer", ["recording", "composition"])
def test_a_stranger_reads_the_landmarks(stranger: Stranger, layer: str) -> None:
    view = Index.open(SAMPLE).snapshot().layer(layer)
    read = stranger.landmarks(layer)
    assert [len(part[0]) for part in read] == view.counts().tolist()
    assert [line["landmarks"].get(layer, 0) for line in stranger.lines] == view.counts().tolist()
    for ordinal, part in enumerate(read):
        for stored, ours in zip(part[:3], view.landmarks_of(ordinal), strict=True):
            np.testing.assert_array_equal(stored, ours)
        true = landmarks(len(part[0]), int(stranger.lines[ordinal]["id"][1:]) + 50 * (layer == "composition"))
        np.testing.assert_array_equal(part[0], np.rint(true.times * 4096))
        if layer == "composition" and len(part[0]):
            np.testing.assert_array_equal(part[3], true.vectors.astype(np.float16))
            np.testing.assert_array_equal(np.unpackbits(part[2], axis=1), part[3] > 0)


def test_a_stranger_finds_every_descriptor_in_the_list_that_the_tree_says(stranger: Stranger) -> None:
    levels = stranger.tree("recording")
    assert [len(level) for level in levels] == [64, 512]
    used = set()
    for segment in stranger.segments:
        lists = stranger.lists("recording", segment)
        level = [len(centroids) for centroids in levels].index(len(lists))
        used.add(level)
        codes = stranger.array(segment, "recording/codes")
        vectors = np.where(np.unpackbits(codes, axis=1), 0.1, -0.1)
        for number, (words, rows) in enumerate(lists):
            np.testing.assert_array_equal(np.ascontiguousarray(words.T).view(np.uint8), codes[rows])
            for row in rows:
                (expected,) = walk(vectors[row], levels, beam=1)[level]
                values = nearness(vectors[row], levels[level])
                assert values[number] == pytest.approx(values[expected], abs=1e-6)  # the same, but for ties
    assert used == {0, 1}


@pytest.mark.parametrize("nprobe", [1, 4, 64])
def test_a_stranger_finds_the_matches_of_the_index(stranger: Stranger, nprobe: int) -> None:
    view = Index.open(SAMPLE).snapshot().layer("recording")
    rows, similarity = view.search(queries(), 3, nprobe=nprobe)
    for query, ours, estimates in zip(queries(), rows.tolist(), similarity.tolist(), strict=True):
        found = stranger.search("recording", query, 3, nprobe=nprobe)
        assert [row for row, _ in found] == [row for row in ours if row >= 0]
        assert [value for _, value in found] == pytest.approx(estimates[: len(found)], abs=1e-5)


def test_a_stranger_finds_the_matches_of_the_index_in_an_exact_layer(stranger: Stranger) -> None:
    view = Index.open(SAMPLE).snapshot().layer("composition")
    vectors = np.concatenate([part[3].astype(np.float32) for part in stranger.landmarks("composition") if len(part[0])])
    rows, similarity = view.search(queries(), 1)
    products = queries() @ vectors.T
    np.testing.assert_array_equal(rows[:, 0], products.argmax(axis=1))  # no recording of this layer was removed
    np.testing.assert_allclose(similarity[:, 0], np.minimum(products.max(axis=1), 1), atol=1e-5)


def test_a_stranger_computes_the_digest_of_the_index(stranger: Stranger) -> None:
    def text(value: Any) -> bytes:
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()

    def facts(line: dict[str, Any]) -> int:
        told = {name: line[name] for name in ("id", "tags", "excluded")}
        return int.from_bytes(hashlib.sha256(text(told)).digest(), "big") if line["tags"] or line["excluded"] else 0

    layers = {
        name: [layer["digest"], layer["tree"] and [file["sha256"] for file in layer["tree"]["files"].values()]]
        for name, layer in stranger.layers.items()
    }
    contents = []
    for segment, live in zip(stranger.segments, stranger.live, strict=True):
        path = stranger.folder / "segments" / segment["name"] / "recordings.jsonl"
        lines = [json.loads(line) for line in path.read_bytes().splitlines()]
        for line, content, is_live in zip(lines, stranger.array(segment, "contents"), live, strict=True):
            if is_live:
                (now,) = (other for other in stranger.lines if other["id"] == line["id"])
                changed = int.from_bytes(content.tobytes(), "big") ^ facts(line) ^ facts(now)
                contents.append(changed.to_bytes(32, "big"))
    expected = hashlib.sha256(text(layers) + b"".join(sorted(contents))).hexdigest()
    assert Index.open(SAMPLE).digest == f"sha256:{expected}"
