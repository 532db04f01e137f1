"""A blind index finds the same as the whole one, figure by figure; only names differ."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray

from benchmarks.data.corpus import read_corpus
from fingerprint.composition import describe
from fingerprint.extract import fingerprint_signal
from fingerprint.landmarks import Fingerprint
from fingerprint.params import Params
from index.folder import writer
from index.folder.index import Index, LayerLandmarks, Recording
from index.folder.windows import COMPOSITION, CompositionLayer, composition_columns, composition_spec
from index.search.match import STANDARD, match_track
from index.search.matches import MatchResult, Passage
from index.search.overlaps import find_overlaps
from index.storage.hubs import Hub
from index.storage.layers import PreparedLayer, recording_landmarks
from index.storage.manifest import RECORDING, layer_specs
from index.storage.snapshot import Snapshot
from sourceprint.blind.blind_export import export_blind
from sourceprint.blind.blind_import import import_blind, read_grant
from sourceprint.blind.grants import Terms
from sourceprint.blind.tokens import Tokens
from sourceprint.signatures import PrivateKey
from tests.landmark_sets import ALWAYS, NEVER, normalised, unit_vectors

LABEL, TONE = (PrivateKey(bytes([n]) * 32, name) for n, name in ((1, "label"), (2, "tone")))
TODAY = date(2026, 7, 1)
TERMS = Terms("Tone Machines", TONE.public, TODAY, TODAY)
SECRET = bytes(range(32))
CODEBOOK = unit_vectors(1500, 1)  # few enough that many landmarks are equally similar to a query
SPEC = layer_specs()[RECORDING]
HUBS = {"a3": Hub(11.5, 10.5, 40, 100), "copy1": Hub(12.5, 11.5, 40, 100)}
REMOVED = ("a1", "a6", "b2", "c4")
Floats = NDArray[np.float32]


def music(seed: int, n: int) -> LayerLandmarks:
    """Return `n` landmarks, 20 a second, whose descriptors are of the codebook."""
    rng = np.random.default_rng(seed)
    cells = rng.integers(0, 230, n).astype(np.float32)
    return LayerLandmarks(np.sort(rng.uniform(0, n / 20, n)), cells, CODEBOOK[rng.integers(0, len(CODEBOOK), n)])


def catalogue() -> Iterator[list[tuple[Recording, LayerLandmarks]]]:
    """Yield the additions of each commit: pieces, and copies of a0 that differ in name, length, ranges or as hubs."""
    yield [(Recording(f"a{i}", duration_ms=20_400), music(i, 400)) for i in range(9)]
    yield [(Recording(f"b{i}", duration_ms=7_400), music(20 + i, 150)) for i in range(5)]
    copies = [
        Recording("same", duration_ms=20_400),
        Recording("longer", duration_ms=33_000),
        Recording("copy1", duration_ms=20_400),
        Recording("cut", duration_ms=20_400, excluded=((2_000, 6_500),)),
        Recording("equal", duration_ms=20_400),
    ]
    others = [(Recording(f"c{i}", duration_ms=20_400), music(40 + i, 400)) for i in range(7)]
    yield [*others, *((copy, music(0, 400)) for copy in copies)]


def track(parts: list[tuple[int, float, float]], noise: float, seed: int) -> Fingerprint:
    """Return a track of 24 s: under foreign landmarks, stretches of 6 s of `music`, by seed, start, place."""
    rng = np.random.default_rng(seed)
    columns = [
        (
            rng.uniform(0, 24, 300),
            rng.uniform(0, 230, 300).astype(np.float32),
            CODEBOOK[rng.integers(0, len(CODEBOOK), 300)],
        )
    ]
    for piece, start, place in parts:
        whole = music(piece, 400)
        inside = (whole.times >= start) & (whole.times < start + 6)
        columns.append((whole.times[inside] - start + place, whole.bins[inside], whole.vectors[inside]))
    times, bins, vectors = (np.concatenate(column) for column in zip(*columns, strict=True))
    order = np.argsort(times)
    n = times.size

    def described() -> Floats:
        near = [normalised(vectors[order] + noise * unit_vectors(n, seed + k)) for k in range(3)]
        return np.stack(near)

    return Fingerprint(
        times[order], bins[order].astype(np.float32), np.ones(n, np.float32), STANDARD.scales,
        described(), described()[:, ::-1].copy(), 0.0, 24.0, SPEC.digest,
    )  # fmt: skip


TRACKS = [
    track([(0, 3.0, 4.0), (42, 5.0, 14.0)], 0.2, 1),
    track([(0, 1.0, 2.0), (0, 9.0, 12.0)], 0.5, 2),
    track([(3, 2.0, 2.0), (5, 8.0, 4.0), (44, 1.0, 15.0), (21, 0.0, 16.0)], 0.3, 3),
    track([(41, 14.2, 10.0), (7, 0.0, 3.0)], 0.6, 4),
    track([], 0.3, 5),
]


@pytest.fixture(scope="module", params=[NEVER, ALWAYS], ids=["exact", "compressed"])
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Snapshot, Snapshot, Callable[[str], str]]]:
    """Yield a whole index, the blind one of it, and a function from token to id."""
    folder = tmp_path_factory.mktemp("both")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "find_hubs", lambda _: HUBS)
        index = Index.create(folder / "full", layer_specs())
        for commit in catalogue():
            with index.writer(exact_limit=request.param) as adding:
                for recording, landmarks in commit:
                    adding.add(recording, {RECORDING: landmarks})
        with index.writer(exact_limit=request.param) as adding:
            for name in REMOVED:
                adding.remove(name)
            adding.amend(dataclasses.replace(adding.recording("a5"), excluded=((9_000, 11_000),)))
        yield (index.snapshot(), *blinded(folder, index.snapshot()))


def blinded(folder: Path, full: Snapshot) -> tuple[Snapshot, Callable[[str], str]]:
    """Export full/ of a folder as a blind index, import that, and return it open."""
    export_blind(folder / "full", folder / "blind.tar", terms=TERMS, issuer=LABEL, secret=SECRET)
    (folder / "keys").mkdir()
    (folder / "keys" / "tone.pem").touch(mode=0o600)
    (folder / "keys" / "tone.pem").write_bytes(TONE.to_pem())
    import_blind(folder / "blind.tar", folder / "blind", issuer=LABEL.public, keys=folder / "keys", today=TODAY)
    grant = read_grant(folder / "blind")
    assert grant is not None
    tokens = Tokens(SECRET, grant.grant_id)
    ids = {tokens.of(recording.id): recording.id for recording in full.recordings}
    blind = Index.open(folder / "blind").snapshot()
    assert {recording.id for recording in blind.recordings} == set(ids)
    return blind, lambda token: ids.get(token, token)


def told(passage: Passage, named: Callable[[str], str]) -> Passage:
    alternatives = tuple(
        dataclasses.replace(one, recording=Recording(named(one.recording.id), duration_ms=one.recording.duration_ms))
        for one in passage.alternatives
    )
    also_fits = tuple(named(name) for name in passage.also_fits)
    return dataclasses.replace(passage, also_fits=also_fits, alternatives=alternatives)


def findings(result: MatchResult, named: Callable[[str], str]) -> list[Any]:
    """Return all that was found, every figure in full, with ids as `named` gives them."""
    matches = [
        [
            named(match.recording.id),
            match.recording.duration_ms,
            match.recording.excluded,
            [told(passage, named) for passage in match.passages],
        ]
        for match in result.matches
    ]
    return [result.n_landmarks, result.n_hypotheses, result.score_threshold, matches]


def without_twins(name: str) -> str:
    """Return an id; one for recordings that only their names tell apart."""
    return "a0" if name in ("same", "equal") else name


@pytest.mark.slow
def test_the_catalogue_of_this_test_has_all_that_could_make_a_difference(
    both: tuple[Snapshot, Snapshot, Callable[[str], str]],
) -> None:
    full, blind, named = both
    assert [len(segment.removed) for segment in full.manifest.segments] == [2, 1, 1]
    assert set(full.hubs) == {named(token) for token in blind.hubs} == set(HUBS)
    ids = [recording.id for recording in full.recordings]
    assert [named(recording.id) for recording in blind.recordings] != ids
    if full.layer(RECORDING).kind == "compressed":
        assert [segment.layers[RECORDING].n_rows for segment in blind.segments] != []
        assert full.manifest.layers[RECORDING].quantiser == blind.manifest.layers[RECORDING].quantiser
        assert len(full.segments) == 3
    else:
        assert len(blind.segments) == 1


@pytest.mark.slow
@pytest.mark.same_bytes
@pytest.mark.parametrize("number", range(len(TRACKS)))
def test_matches_are_the_same_to_the_last_digit(
    both: tuple[Snapshot, Snapshot, Callable[[str], str]], number: int
) -> None:
    full, blind, named = both
    expected, found = (match_track(TRACKS[number], snapshot) for snapshot in (full, blind))
    assert bool(expected.matches) == bool(number < 4)
    assert findings(found, lambda token: without_twins(named(token))) == findings(expected, without_twins)
    most = max((len(passage.also_fits) for match in expected.matches for passage in match.passages), default=0)
    assert most > 0 or number > 1, "no copies were met"


@pytest.mark.same_bytes
def test_neighbours_are_the_same_to_the_last_bit(both: tuple[Snapshot, Snapshot, Callable[[str], str]]) -> None:
    full, blind, named = both
    queries = np.concatenate([one.vectors.reshape(-1, 64) for one in TRACKS])[::7]
    answers = []
    for snapshot, name_of in ((full, without_twins), (blind, lambda token: without_twins(named(token)))):
        view = snapshot.layer(RECORDING)
        rows, similarity = view.search(queries, 4)
        ordinals = view.recording_of(rows)
        names = np.array([name_of(recording.id) for recording in snapshot.recordings])
        answers.append((names[ordinals].tolist(), [array.tolist() for array in view.take(rows)], similarity.tolist()))
    assert answers[0] == answers[1]


def test_recordings_that_share_audio_are_the_same_pairs(
    both: tuple[Snapshot, Snapshot, Callable[[str], str]],
) -> None:
    full, blind, named = both
    pairs = [
        sorted(
            (*sorted((name_of(overlap.first), name_of(overlap.second))), overlap.kind, overlap.seconds, overlap.share)
            for found in find_overlaps(snapshot)
            for overlap in found
        )
        for snapshot, name_of in ((full, without_twins), (blind, lambda token: without_twins(named(token))))
    ]
    assert pairs[0] == pairs[1]
    assert len(pairs[0]) >= 10


@pytest.mark.slow
@pytest.mark.corpus
@pytest.mark.parametrize("exact_limit", [NEVER, ALWAYS], ids=["exact", "compressed"])
def test_real_music_is_found_alike(request: pytest.FixtureRequest, tmp_path: Path, exact_limit: int) -> None:
    corpus = read_corpus(request.getfixturevalue("corpus"))
    rows = sorted(corpus.music, key=lambda row: row.file[-10:])[:24]
    rate = Params().sample_rate
    parts = []
    for row in rows:
        with soundfile.SoundFile(corpus.path(row.file)) as file:
            y = file.read(14 * file.samplerate, dtype="float32", always_2d=True).mean(axis=1)
            parts.append(soxr.resample(y, file.samplerate, rate))
    index = Index.create(tmp_path / "full", layer_specs())
    for first in range(0, 24, 8):
        with index.writer(exact_limit=exact_limit) as adding:
            for number, y in enumerate(parts[first : first + 8], start=first):
                for name in (f"r{number}", f"copy{number}")[: 1 + (number % 4 == 0)]:
                    adding.add(Recording(name, duration_ms=14_000), recording_landmarks(fingerprint_signal(y)))
    with index.writer(exact_limit=exact_limit) as adding:
        for name in ("r3", "r10", "r20"):
            adding.remove(name)
    full = index.snapshot()
    blind, named = blinded(tmp_path, full)
    n_found = 0
    for number in range(0, 24, 4):
        mixed = parts[number][: 8 * rate] + np.float32(0.5) * parts[(number + 7) % 24][: 8 * rate]
        query = fingerprint_signal(mixed, role="track", scales=STANDARD.scales)
        expected, found = (match_track(query, snapshot) for snapshot in (full, blind))
        n_found += len(expected.matches)
        same = findings(found, lambda token: named(token).replace("copy", "r"))
        assert same == findings(expected, lambda name: name.replace("copy", "r"))
    assert n_found >= 4


@pytest.mark.parametrize("exact_limit", [NEVER, ALWAYS])
def test_a_blind_index_has_the_same_windows_of_works(tmp_path: Path, exact_limit: int) -> None:
    windows = describe(np.random.default_rng(5).normal(0, 0.1, 20 * 11025).astype(np.float32))
    assert windows.vectors.any()
    index = Index.create(tmp_path / "full", {RECORDING: SPEC, COMPOSITION: composition_spec()})
    with index.writer(exact_limit=exact_limit) as adding:
        layers: dict[str, LayerLandmarks | PreparedLayer] = {
            RECORDING: music(1, 400),
            COMPOSITION: composition_columns(windows),
        }
        adding.add(Recording("one", duration_ms=20_400, excluded=((2_000, 3_000),)), layers)
    blind, id_of = blinded(tmp_path, index.snapshot())
    (kept,), (expected,) = CompositionLayer(blind), CompositionLayer(index.snapshot())
    assert id_of(kept.recording_id) == expected.recording_id
    for name in ("time", "vectors", "background_mean", "background_sd"):
        assert np.array_equal(getattr(kept.windows, name), getattr(expected.windows, name)), name
    assert np.array_equal(kept.counted, expected.counted)
