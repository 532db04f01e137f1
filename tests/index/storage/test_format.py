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

from benchmarks.fuzz.fingerprints import landmarks as described
from benchmarks.fuzz.index_folders import sound
from fingerprint.digests import canonical_json, digest_of, pretty_json
from fingerprint.errors import IndexDamagedError, IndexFormatError
from index.folder.index import Index, LayerSpec, Recording
from index.folder.repair import repair_index
from index.folder.transfer import export_index, import_index
from index.search.match import match_track
from index.storage.manifest import parse_manifest
from tests.command_line import run
from tests.landmark_sets import landmarks
from tests.places import DATA, ROOT

SAMPLE, SAMPLE_2 = DATA / "index-v3", DATA / "index-v2"


def queries(version: int = 3) -> NDArray[np.float32]:
    stored: NDArray[np.float32] = np.load(DATA / f"index-v{version}-queries.npy")
    return stored


@pytest.mark.parametrize("version", [2, 3])
def test_the_frozen_samples_open_and_answer(version: int) -> None:
    assert (DATA / f"index-v{version}").is_dir(), "the frozen sample index is missing: it must never be deleted"
    expected = json.loads((DATA / f"index-v{version}.json").read_text())
    index = Index.open(DATA / f"index-v{version}")
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
        rows, similarity = view.search(queries(version), 2, nprobe=1000)
        assert view.kind == answer["kind"]
        assert rows.tolist() == answer["rows"]
        np.testing.assert_allclose(similarity, answer["similarity"], atol=1e-4)
        times, bins, codes = view.landmarks_of(0 if view.count_of(0) else 1)
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


def test_an_index_of_version_2_is_searched_and_never_changed(tmp_path: Path) -> None:
    """What is exact, `compact` converts; what is signs alone, stays as it is."""
    folder = Path(shutil.copytree(SAMPLE_2, tmp_path / "index"))
    index = Index.open(folder)
    for converting in (False, True):
        message = (
            r"an index of format version 2 cannot be changed, only searched; its descriptors are gone, so add the "
            r"recordings again to a new index, from their fingerprint files \(\.spf\) or their audio$"
        )
        with pytest.raises(IndexFormatError, match=message), index.writer(converting=converting) as writer:
            writer.remove("r1")
    path = max(folder.rglob("list_codes.npy"))
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    assert [problem.path for problem in index.verify()] == [path]
    with pytest.raises(IndexFormatError, match="cannot be repaired, only searched; its descriptors are gone"):
        repair_index(folder)


def exact_of_version_2(folder: Path) -> Index:
    """Return an exact index of version 2: the files of version 3 under a manifest of that time."""
    index = Index.create(folder, {"recording": LayerSpec({"algorithm": "random/1"}, 64)})
    with index.writer() as writer:
        for number in range(6):
            writer.add(Recording(f"r{number}", duration_ms=100_000), {"recording": landmarks(40, number)})
            writer.commit()
        writer.remove("r3")
    return as_version_2(folder)


def as_version_2(folder: Path) -> Index:
    """Give an exact index the manifest that it would have in version 2."""
    body = json.loads((folder / "manifest.json").read_bytes())
    body["format_version"] = 2
    for layer in body["layers"].values():
        del layer["columns"], layer["quantiser"]
        layer["tree"] = None
    del body["checksum"]
    body["checksum"] = digest_of(canonical_json(body))
    (folder / "manifest.json").write_bytes(pretty_json(body))
    return Index.open(folder)


def answers(index: Index) -> tuple[Any, ...]:
    view = index.snapshot().layer("recording")
    rows, similarity = view.search(np.concatenate([landmarks(40, 1).vectors, queries(2)]), 3)
    times = view.take(rows)[0]
    return index.digest, view.recording_of(rows).tolist(), times.tolist(), similarity.tolist()


def test_compacting_converts_an_exact_index_of_version_2_and_changes_no_answer(tmp_path: Path) -> None:
    index = exact_of_version_2(tmp_path / "index")
    assert index.verify() == []
    before = answers(index)
    assert index.info()["format_version"] == 2
    message = "version 2 cannot be changed, only searched; `sourceprint compact` makes it one of the present version$"
    with pytest.raises(IndexFormatError, match=message), index.writer() as writer:
        writer.remove("r1")
    result = run("compact", index=tmp_path / "index")
    assert result.exit_code == 0, result.stderr
    assert index.info()["format_version"] == 3
    assert (index.info()["removed"], index.info()["segments"]) == (0, 1)
    assert index.verify() == []
    assert answers(index) == before
    with index.writer() as writer:
        writer.remove("r1")


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["exact", "removed", "excluded", "segments", "hubs"])
def test_converting_changes_no_match(tmp_path: Path, shape: str) -> None:
    index = as_version_2(Path(shutil.copytree(sound(shape), tmp_path / "index")))
    queries_of = [described(seed, seconds=6.0, scales=3) for seed in (0, 1, 9)]
    before = [match_track(query, index.snapshot()) for query in queries_of]
    assert any(result.matches for result in before)
    digest = index.digest
    with index.writer(converting=True) as writer:
        writer.convert()
    after = [match_track(query, Index.open(tmp_path / "index").snapshot()) for query in queries_of]
    assert [repr(result.matches) for result in after] == [repr(result.matches) for result in before]
    assert index.digest == digest


def test_repair_converts_an_exact_index_of_version_2(tmp_path: Path) -> None:
    index = exact_of_version_2(tmp_path / "index")
    min((tmp_path / "index").rglob("keys.npy")).unlink()
    (problem,) = repair_index(tmp_path / "index")
    assert problem.n_recordings == 0
    assert index.info()["format_version"] == 3
    assert index.verify() == []


def test_an_index_of_version_2_is_exported_and_imported_as_it_is(tmp_path: Path) -> None:
    before = Index.open(SAMPLE_2).digest
    assert export_index(SAMPLE_2, tmp_path / "index.tar").digest == before
    assert import_index(tmp_path / "index.tar", tmp_path / "index").digest == before
    assert (tmp_path / "index" / "manifest.json").read_bytes() == (SAMPLE_2 / "manifest.json").read_bytes()


def test_the_frozen_sample_of_version_1_is_refused_with_the_remedy() -> None:
    assert (DATA / "index-v1").is_dir(), "the frozen sample index is missing: it must never be deleted"
    message = (
        r"index-v1: index of format version 1, this program reads versions 2 and 3; use the program that wrote it, "
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
    """A reader written from docs/formats/index.md alone, with numpy, hashlib and xxhash; it checks all there is."""

    version = 3

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        data = (folder / "manifest.json").read_bytes()
        manifest = json.loads(data)
        claimed = manifest.pop("checksum")
        text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
        assert manifest["magic"] == "sourceprint-index"
        assert claimed == "sha256:" + hashlib.sha256(text.encode()).hexdigest()
        assert manifest["format_version"] == self.version
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

    def landmarks(self, layer: str) -> list[tuple[NDArray[Any], ...]]:
        """Times, bins, codes (and vectors) of every live recording."""
        out: list[tuple[NDArray[Any], ...]] = []
        for segment, live in zip(self.segments, self.live, strict=True):
            if layer not in segment["landmarks"]:
                out += [(np.empty(0), np.empty(0), np.empty((0, 8), np.uint8))] * int(live.sum())
                continue
            columns = [self.array(segment, f"{layer}/{name}") for name in self.columns(layer)]
            bounds, checks = self.array(segment, f"{layer}/bounds"), self.array(segment, f"{layer}/checks")
            assert {len(column) for column in columns} == {segment["landmarks"][layer]}
            for position, (a, b) in enumerate(itertools.pairwise(bounds)):
                rows = tuple(column[a:b] for column in columns)
                assert xxhash.xxh3_64_intdigest(b"".join(part.tobytes() for part in rows)) == checks[position]
                if live[position]:
                    out.append(rows)
        return out

    def columns(self, layer: str) -> list[str]:
        """Names of the columns that are stored."""
        names = [column["name"] for column in self.layers[layer]["columns"]]
        return [name for name in names if name != "vectors" or self.layers[layer]["quantiser"] is None]

    def facts(self, layer: str) -> Any:
        """What decides the lists of a layer, as the digest of the index has it."""
        return self.layers[layer]["quantiser"]

    def lists(self, layer: str, segment: dict[str, Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """List and code of every row of a segment."""
        numbers, sizes = self.array(segment, f"{layer}/list_numbers"), self.array(segment, f"{layer}/list_sizes")
        rows, blocks = self.array(segment, f"{layer}/list_rows"), self.array(segment, f"{layer}/list_codes")
        width = self.layers[layer]["dimension"] // 8
        blocks = blocks.reshape(-1, width, 2, 16)
        order = [0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15]
        cells, codes = np.full(rows.size, -1), np.zeros((rows.size, width), np.uint8)
        at, place, node = 0, 0, -1
        for number, size in zip(numbers.tolist(), sizes.tolist(), strict=True):
            of = number // 16 ** (2 - self.layers[layer]["quantiser"]["level"])
            place, node = place if of == node else -(-place // 32) * 32, of
            assert (np.diff(rows[at : at + size]) > 0).all()
            for row in rows[at : at + size].tolist():
                block, code = divmod(place, 32)
                half, shift = order.index(code % 16), code // 16 * 4
                low, high = (blocks[block, :, part, half] >> shift & 15 for part in range(2))
                cells[row], codes[row] = number, low | high << 4
                place += 1
            at += size
        assert sorted(rows.tolist()) == list(range(segment["landmarks"][layer]))
        assert -(-place // 32) == len(blocks)
        return cells, codes


class Stranger2(Stranger):
    """The same of version 2."""

    version = 2

    def columns(self, layer: str) -> list[str]:
        return ["times", "bins", "codes", *(["vectors"] if self.layers[layer]["tree"] is None else [])]

    def facts(self, layer: str) -> Any:
        tree = self.layers[layer]["tree"]
        return tree and [file["sha256"] for file in tree["files"].values()]

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

    def lists_of_signs(
        self, layer: str, segment: dict[str, Any]
    ) -> list[tuple[NDArray[np.uint64], NDArray[np.uint32]]]:
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
            lists = self.lists_of_signs(layer, segment)
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


def centroids() -> tuple[list[NDArray[np.float32]], NDArray[np.float32], float]:
    """Nodes of each level, choices of the code, and scale of the quantiser that ships."""
    with np.load(ROOT / "index" / "vectors" / "quantiser.npz") as arrays:
        nodes = arrays["centroids"].astype(np.float32) / 256
        return [nodes[:256], nodes[256:4352], nodes[4352:]], arrays["codebooks"], float(arrays["scale"])


@pytest.fixture(scope="module")
def stranger() -> Stranger:
    return Stranger(SAMPLE)


@pytest.fixture(scope="module")
def stranger_2() -> Stranger2:
    return Stranger2(SAMPLE_2)


IDS = ["r1", "r3", "r4", "r5", "r6", "r7", "r8", "r9"]


@pytest.mark.parametrize("version", [2, 3])
def test_a_stranger_reads_the_recordings_as_they_are_now(
    version: int, stranger: Stranger, stranger_2: Stranger2
) -> None:
    reader = stranger if version == 3 else stranger_2
    snapshot = Index.open(reader.folder).snapshot()
    assert [line["id"].removesuffix("-new") for line in reader.lines] == IDS
    for line, recording in zip(reader.lines, snapshot.recordings, strict=True):
        for name in ("id", "title", "isrc", "name", "sha256", "duration_ms", "decoder"):
            assert line[name] == getattr(recording, name)
        for name in ("artists", "notes", "tags"):
            assert tuple(line[name]) == getattr(recording, name)
        assert tuple(map(tuple, line["excluded"])) == recording.excluded
    assert reader.lines[2]["tags"] == ["amended"]
    assert reader.lines[0]["excluded"] == [[10_000, 20_500], [90_000, 100_000]]


@pytest.mark.parametrize("layer", ["recording", "composition"])
@pytest.mark.parametrize("version", [2, 3])
def test_a_stranger_reads_the_landmarks(version: int, layer: str, stranger: Stranger, stranger_2: Stranger2) -> None:
    reader = stranger if version == 3 else stranger_2
    view = Index.open(reader.folder).snapshot().layer(layer)
    read = reader.landmarks(layer)
    assert [len(part[0]) for part in read] == view.counts().tolist()
    assert [line["landmarks"].get(layer, 0) for line in reader.lines] == view.counts().tolist()
    for ordinal, part in enumerate(read):
        stored = view.columns_of(ordinal)
        for name, column in zip(reader.columns(layer) if stored else [], part, strict=False):
            np.testing.assert_array_equal(column, stored[name])
        seed = int(reader.lines[ordinal]["id"].removesuffix("-new")[1:])
        true = landmarks(len(part[0]), seed + 50 * (layer == "composition"))
        np.testing.assert_array_equal(part[0], np.rint(true.times * 4096))
        if layer == "composition" and len(part[0]):
            columns = dict(zip(reader.columns(layer), part, strict=True))
            kept = true.vectors.astype(np.float16) if version == 2 else np.rint(true.vectors * 127)
            np.testing.assert_array_equal(columns["vectors"], kept)
            np.testing.assert_array_equal(np.unpackbits(columns["codes"], axis=1), columns["vectors"] > 0)


def test_a_stranger_finds_every_descriptor_in_the_list_and_with_the_code_that_the_quantiser_says(
    stranger: Stranger,
) -> None:
    levels, codebooks, _ = centroids()
    digest = hashlib.sha256((ROOT / "index" / "vectors" / "quantiser.npz").read_bytes()).hexdigest()
    assert stranger.layers["recording"]["quantiser"] == {"digest": f"sha256:{digest}", "level": 0}
    seeds = iter([1, 2, 3, 4, 5, 6, 7, 8, 9])
    for segment in stranger.segments:
        cells, codes = stranger.lists("recording", segment)
        for first, last in itertools.pairwise(stranger.array(segment, "recording/bounds").tolist()):
            vectors = landmarks(last - first, next(seeds)).vectors.astype(np.float16).astype(np.float32)
            for row, vector in zip(range(first, last), vectors, strict=True):
                kept = [0]
                for depth, nodes in enumerate(levels):
                    below = [16 * node + child for node in kept for child in range(16)] if depth else list(range(256))
                    kept = sorted(below, key=lambda node: float(((nodes[node] - vector) ** 2).sum()))[:8]
                assert cells[row] == kept[0]
                apart = ((vector.reshape(-1, 1, 4) - codebooks) ** 2).sum(axis=2)
                halves = apart.argmin(axis=1)
                assert codes[row].tolist() == (halves[0::2] | halves[1::2] << 4).tolist()


def test_a_stranger_finds_the_matches_of_the_index(stranger: Stranger) -> None:
    view = Index.open(SAMPLE).snapshot().layer("recording")
    _, codebooks, scale = centroids()
    rows, similarity = view.search(queries(), 3, nprobe=256)
    vectors, live = [], []
    for segment, alive in zip(stranger.segments, stranger.live, strict=True):
        _, codes = stranger.lists("recording", segment)
        halves = np.stack([codes & 15, codes >> 4], axis=2).reshape(len(codes), -1)
        vectors.append(codebooks[np.arange(16), halves].reshape(len(codes), -1))
        live.append(np.repeat(alive, np.diff(stranger.array(segment, "recording/bounds"))))
    products = np.where(np.concatenate(live), queries() @ np.concatenate(vectors).T, -np.inf) / scale
    best = np.sort(products, axis=1)[:, ::-1][:, :3]
    np.testing.assert_allclose(similarity, np.minimum(best, 1), atol=0.02)  # FAISS rounds sums to a byte
    ours = np.take_along_axis(products, rows, axis=1)
    np.testing.assert_allclose(ours, best, atol=0.02)


def test_a_stranger_finds_every_sign_in_the_list_that_the_tree_says(stranger_2: Stranger2) -> None:
    levels = stranger_2.tree("recording")
    assert [len(level) for level in levels] == [64, 512]
    used = set()
    for segment in stranger_2.segments:
        lists = stranger_2.lists_of_signs("recording", segment)
        level = [len(centroids) for centroids in levels].index(len(lists))
        used.add(level)
        codes = stranger_2.array(segment, "recording/codes")
        vectors = np.where(np.unpackbits(codes, axis=1), 0.1, -0.1)
        for number, (words, rows) in enumerate(lists):
            np.testing.assert_array_equal(np.ascontiguousarray(words.T).view(np.uint8), codes[rows])
            for row in rows:
                (expected,) = walk(vectors[row], levels, beam=1)[level]
                values = nearness(vectors[row], levels[level])
                assert values[number] == pytest.approx(values[expected], abs=1e-6)  # the same, but for ties
    assert used == {0, 1}


@pytest.mark.parametrize("nprobe", [1, 4, 64])
def test_a_stranger_finds_the_matches_of_an_index_of_version_2(stranger_2: Stranger2, nprobe: int) -> None:
    view = Index.open(SAMPLE_2).snapshot().layer("recording")
    rows, similarity = view.search(queries(2), 3, nprobe=nprobe)
    for query, ours, estimates in zip(queries(2), rows.tolist(), similarity.tolist(), strict=True):
        found = stranger_2.search("recording", query, 3, nprobe=nprobe)
        assert [row for row, _ in found] == [row for row in ours if row >= 0]
        assert [value for _, value in found] == pytest.approx(estimates[: len(found)], abs=1e-5)


def test_a_stranger_finds_the_matches_of_the_index_in_an_exact_layer(stranger_2: Stranger2) -> None:
    view = Index.open(SAMPLE_2).snapshot().layer("composition")
    vectors = np.concatenate(
        [part[3].astype(np.float32) for part in stranger_2.landmarks("composition") if len(part[0])]
    )
    rows, similarity = view.search(queries(2), 1)
    products = queries(2) @ vectors.T
    np.testing.assert_array_equal(rows[:, 0], products.argmax(axis=1))  # no recording of this layer was removed
    np.testing.assert_allclose(similarity[:, 0], np.minimum(products.max(axis=1), 1), atol=1e-5)


@pytest.mark.parametrize("version", [2, 3])
def test_a_stranger_computes_the_digest_of_the_index(version: int, stranger: Stranger, stranger_2: Stranger2) -> None:
    reader = stranger if version == 3 else stranger_2

    def text(value: Any) -> bytes:
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()

    def facts(line: dict[str, Any]) -> int:
        told = {name: line[name] for name in ("id", "tags", "excluded")}
        return int.from_bytes(hashlib.sha256(text(told)).digest(), "big") if line["tags"] or line["excluded"] else 0

    layers = {name: [layer["digest"], reader.facts(name)] for name, layer in reader.layers.items()}
    contents = []
    for segment, live in zip(reader.segments, reader.live, strict=True):
        path = reader.folder / "segments" / segment["name"] / "recordings.jsonl"
        lines = [json.loads(line) for line in path.read_bytes().splitlines()]
        for line, content, is_live in zip(lines, reader.array(segment, "contents"), live, strict=True):
            if is_live:
                (now,) = (other for other in reader.lines if other["sha256"] == line["sha256"])
                changed = int.from_bytes(content.tobytes(), "big") ^ facts(line) ^ facts(now)
                contents.append(changed.to_bytes(32, "big"))
    expected = hashlib.sha256(text(layers) + b"".join(sorted(contents))).hexdigest()
    assert Index.open(reader.folder).digest == f"sha256:{expected}"
