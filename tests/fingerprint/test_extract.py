"""Whole fingerprints: neither gain, nor the way a stream is cut, nor its place in time changes the landmarks."""

from __future__ import annotations

import functools
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray

from fingerprint import extract
from fingerprint.audio.stream import open_audio
from fingerprint.errors import DecodeError, NotEnoughMusicError, ParameterError, TooShortError
from fingerprint.extract import fingerprint_file, fingerprint_parts, fingerprint_signal
from fingerprint.landmarks import MIN_LANDMARKS, MIN_SECONDS, Fingerprint, quota_frames
from fingerprint.params import Params, load_projection
from sourceprint.demo.synthesis import synthesize
from sourceprint.demo.transformations import phase_vocoder
from tests.audio_files import write_timed

PARAMS = Params()
SR, HOP = PARAMS.sample_rate, PARAMS.hop_length
BLOCK = quota_frames(PARAMS) * HOP  # samples over which landmarks are rationed

Samples = NDArray[np.float32]


@functools.cache
def music(seconds: float, seed: int = 2) -> Samples:
    y = synthesize(seed, seconds, sample_rate=SR)
    y.setflags(write=False)
    return y


def places(fingerprint: Fingerprint) -> NDArray[np.float64]:
    """Return frames and cells [shape=(n, 2)]."""
    return np.column_stack([fingerprint.times * PARAMS.frames_per_second, fingerprint.bins])


def nearest(of: NDArray[np.float64], among: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return for each place the nearest of others, and how far it is."""
    apart = np.abs(of[:, None, :] - among[None, :, :]).max(axis=2)
    best = apart.argmin(axis=1)
    return best, apart[np.arange(len(of)), best]


def likeness(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    cosines: NDArray[np.float32] = np.einsum("...i,...i->...", a, b)
    return cosines


def same_bytes(a: Fingerprint, b: Fingerprint) -> bool:
    names = ("times", "bins", "prominence", "vectors", "mirrored")
    return all(getattr(a, name).tobytes() == getattr(b, name).tobytes() for name in names)


# --- form -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["recording", "track", "reference", "query"])
def test_a_fingerprint_has_the_form_it_promises(role: str) -> None:
    scales = (0.85, 1.0, 1.18)
    found = fingerprint_signal(music(20.0), role=role, scales=scales, name="it")
    n = found.times.size
    density = PARAMS.query_density if role in ("track", "query") else PARAMS.reference_density
    assert 0.5 * density * 20 < n <= density * 20.5
    assert found.vectors.shape == (3, n, PARAMS.dimension)
    assert found.mirrored.shape == (
        (3, n, PARAMS.dimension) if role in ("track", "query") else (0, 0, PARAMS.dimension)
    )
    arrays = (found.times, found.bins, found.prominence, found.vectors)
    assert [array.dtype.name for array in arrays] == ["float64", "float32", "float32", "float32"]
    assert (found.scales, found.name, found.duration_seconds) == (scales, "it", 20.0)
    assert found.params_digest == PARAMS.digest
    assert (np.diff(found.times) >= 0).all()
    assert (found.times[0], found.times[-1]) == (pytest.approx(0, abs=0.5), pytest.approx(20, abs=0.7))
    assert (found.times >= 0).all()
    assert (found.bins >= 0).all()
    assert (found.bins < PARAMS.n_bins).all()
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=2), 1, rtol=1e-4)


def test_references_are_among_the_landmarks_of_queries() -> None:
    reference = fingerprint_signal(music(20.0))
    query = fingerprint_signal(music(20.0), role="track")
    best, apart = nearest(places(reference), places(query))
    assert apart.max() == 0
    np.testing.assert_allclose(query.vectors[0, best], reference.vectors[0], atol=1e-5)
    one, three = query, fingerprint_signal(music(20.0), role="track", scales=(0.85, 1.0, 1.18))
    np.testing.assert_allclose(three.vectors[1], one.vectors[0], atol=1e-5)
    assert likeness(three.vectors[0], three.vectors[2]).mean() < 0.98


@pytest.mark.same_bytes
def test_same_samples_same_bytes() -> None:
    first, second = (fingerprint_signal(music(30.0), role="track") for _ in range(2))
    assert same_bytes(first, second)
    assert not same_bytes(first, fingerprint_signal(music(30.0, seed=3), role="track"))


# --- gain and place in time -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gain", [0.5, 0.01])
def test_gain_changes_nothing(gain: float) -> None:
    y = music(20.0)[: 19 * SR]  # without the fade, of which the end sinks into silence
    loud = fingerprint_signal(y, role="track")
    quiet = fingerprint_signal(np.float32(gain) * y, role="track")
    best, apart = nearest(places(loud), places(quiet))
    same = apart < 1e-3
    if gain == 0.5:  # a power of two: nothing is rounded otherwise
        assert same.all()
        assert loud.times.size == quiet.times.size
    assert same.mean() > 0.995
    np.testing.assert_allclose(quiet.vectors[0, best[same]], loud.vectors[0, same], atol=0.01)
    np.testing.assert_allclose(quiet.mirrored[0, best[same]], loud.mirrored[0, same], atol=0.01)


def test_a_shift_by_whole_rations_moves_times_and_nothing_else() -> None:
    y = np.concatenate([np.zeros(4 * BLOCK, np.float32), music(20.0), np.zeros(4 * BLOCK, np.float32)])
    here = fingerprint_signal(y)
    there = fingerprint_signal(np.concatenate([np.zeros(3 * BLOCK, np.float32), y]))
    assert there.times.size == here.times.size
    np.testing.assert_allclose(there.times - here.times, 3 * BLOCK / SR, atol=1e-6)
    np.testing.assert_allclose(there.bins, here.bins, atol=1e-4)
    np.testing.assert_allclose(there.vectors, here.vectors, atol=1e-3)


def test_a_shift_by_any_hops_moves_all_landmarks_that_could_be_chosen() -> None:
    plenty = replace(PARAMS, reference_density=1e4)  # rations depend on where half seconds begin; so none
    y = np.concatenate([np.zeros(2 * SR, np.float32), music(10.0), np.zeros(SR, np.float32)])
    here = fingerprint_signal(y, params=plenty)
    there = fingerprint_signal(np.concatenate([np.zeros(17 * HOP, np.float32), y]), params=plenty)
    assert there.times.size == here.times.size > 1.5 * PARAMS.reference_density * 10
    np.testing.assert_allclose(there.times - here.times, 17 * HOP / SR, atol=1e-6)
    np.testing.assert_allclose(there.vectors, here.vectors, atol=1e-3)


def test_a_shift_by_part_of_a_hop_moves_landmarks_by_as_much() -> None:
    here = fingerprint_signal(music(20.0), role="track")
    there = fingerprint_signal(np.concatenate([np.zeros(HOP // 2, np.float32), music(20.0)]), role="track")
    best, apart = nearest(places(here) + np.array([0.5, 0.0]), places(there))
    same = apart < 1.0
    assert same.mean() > 0.75
    moved = there.times[best[same]] - here.times[same]
    assert np.median(moved) == pytest.approx(HOP / 2 / SR, rel=0.1)
    assert np.median(likeness(here.vectors[0, same], there.vectors[0, best[same]])) > 0.98


def test_a_time_scale_describes_slower_music_as_it_was() -> None:
    y = music(20.0)
    reference = fingerprint_signal(y, role="track")
    query = fingerprint_signal(phase_vocoder(y, SR, 0.7), role="track", scales=(0.7, 1.0))
    best, apart = nearest(places(reference) / np.array([0.7, 1.0]), places(query))
    same = apart < 2.0
    assert same.sum() > 100
    scaled, unscaled = (np.median(likeness(reference.vectors[0, same], v[best[same]])) for v in query.vectors)
    assert scaled > 0.8
    assert scaled > unscaled + 0.1


# --- mirrored ---------------------------------------------------------------------------------------------------------


def test_mirrored_vectors_are_those_of_the_music_running_backwards() -> None:
    y = music(20.0)
    y = y[: (y.size - 1) // HOP * HOP + 1]  # so that the frames of both directions fall on the same samples
    forwards = fingerprint_signal(y, role="track", scales=(0.85, 1.0))
    backwards = fingerprint_signal(np.ascontiguousarray(y[::-1]), role="track", scales=(0.85, 1.0))
    turned = places(forwards)
    turned[:, 0] = (y.size - 1) / HOP - turned[:, 0]
    best, apart = nearest(turned, places(backwards))
    same = apart < 0.1
    assert same.mean() > 0.7  # the others fell to rations that begin elsewhere
    for scale in (0, 1):
        alike = likeness(forwards.mirrored[scale, same], backwards.vectors[scale, best[same]])
        assert np.mean(alike > 0.99) > 0.95
        # And that is no matter of course: backwards does not sound like forwards.
        assert np.median(likeness(forwards.vectors[scale, same], backwards.vectors[scale, best[same]])) < 0.9


# --- pieces and files -------------------------------------------------------------------------------------------------


def test_where_the_pieces_end_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    y, scales = music(60.0), (0.6, 1.0)
    normal = fingerprint_signal(y, role="track", scales=scales)
    for n_blocks in (1, 7, 1000):
        monkeypatch.setattr(extract, "_PIECE_BLOCKS", n_blocks)
        other = fingerprint_signal(y, role="track", scales=scales)
        for name in ("times", "bins", "prominence"):
            np.testing.assert_allclose(getattr(other, name), getattr(normal, name), atol=1e-6, err_msg=name)
        for name in ("vectors", "mirrored"):
            np.testing.assert_allclose(getattr(other, name), getattr(normal, name), atol=2e-5, err_msg=name)


@pytest.mark.slow
def test_landmarks_stay_in_order_across_the_ends_of_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "_PIECE_BLOCKS", 1)
    for seed in range(3):
        found = fingerprint_signal(music(60.0, seed), params=replace(PARAMS, reference_density=1e4))
        assert (np.diff(found.times) >= 0).all()


def test_how_the_file_is_read_changes_no_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "music.wav"
    soundfile.write(file, music(60.0), SR, subtype="FLOAT")
    whole = fingerprint_signal(music(60.0), role="track")
    for block_seconds in (0.37, 1.0, 30.0, 100.0):
        opened = functools.partial(open_audio, block_seconds=block_seconds)
        monkeypatch.setattr(extract, "open_audio", opened)
        assert same_bytes(fingerprint_file(file, role="track"), whole), f"blocks of {block_seconds} s"


def test_the_parts_of_a_long_query_are_the_whole_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "music.wav"
    soundfile.write(file, music(60.0), SR, subtype="FLOAT")
    whole = fingerprint_file(file, role="track", scales=(0.85, 1.0))
    assert [part.duration_seconds for part in fingerprint_parts(file)] == [60.0]
    monkeypatch.setattr(extract, "_PART_PIECES", 1)
    parts = list(fingerprint_parts(file, scales=(0.85, 1.0)))
    assert len(parts) == 3
    end = 0.0
    for part in parts:
        assert part.start_seconds == end
        end += part.duration_seconds
        assert part.start_seconds - 0.01 <= part.times[0] <= part.times[-1] <= end + 0.01
        assert (part.sha256, part.params_digest, part.scales) == (whole.sha256, whole.params_digest, whole.scales)
    assert end == pytest.approx(60.0)
    assert np.array_equal(np.concatenate([part.times for part in parts]), whole.times)
    assert np.array_equal(np.concatenate([part.vectors for part in parts], axis=1), whole.vectors)
    assert np.array_equal(np.concatenate([part.mirrored for part in parts], axis=1), whole.mirrored)


def test_landmarks_stand_at_the_times_that_a_player_shows(tmp_path: Path) -> None:
    y = soxr.resample(music(20.0), SR, 44100)
    plain = write_timed(tmp_path / "plain", [(0.0, y)], rate_hz=44100, container="matroska", codec="flac")
    late = write_timed(
        tmp_path / "late",
        [(5.0, y[: 10 * 44100]), (18.0, y[10 * 44100 :])],
        rate_hz=44100,
        container="matroska",
        codec="flac",
    )
    expected, found = fingerprint_file(plain), fingerprint_file(late)
    assert found.duration_seconds == pytest.approx(expected.duration_seconds + 8.0, abs=0.2)
    assert [note.split(":")[0] for note in found.notes] == ["starts at 5.00 s", "gap"]
    for start, end, shift in ((0.7, 9.0, 5.0), (10.7, 18.5, 8.0)):
        mine = expected.times[(expected.times > start) & (expected.times < end)] + shift
        its = found.times[(found.times > start + shift) & (found.times < end + shift)]
        assert mine.size > 100
        assert (np.abs(its[:, None] - mine[None, :]).min(axis=1) < 0.01).mean() > 0.95
    assert not ((found.times < 4.9) | ((found.times > 15.1) & (found.times < 17.9))).any()


def test_files_are_named_and_resampled(tmp_path: Path) -> None:
    file = tmp_path / "music.flac"
    y = soxr.resample(music(20.0), SR, 44100)
    soundfile.write(file, np.stack([y, 0.8 * y], axis=1), 44100)
    found = fingerprint_file(file)
    assert (found.name, found.sha256) == ("music.flac", sha256(file.read_bytes()).hexdigest())
    assert found.decoder.startswith("FFmpeg")
    assert found.duration_seconds == pytest.approx(20.0, abs=0.001)
    reference = fingerprint_signal(music(20.0))
    best, apart = nearest(places(found), places(reference))
    same = apart < 1.0
    assert same.mean() > 0.6
    assert np.median(likeness(found.vectors[0, same], reference.vectors[0, best[same]])) > 0.95


def test_oddities_of_a_file_are_noted(tmp_path: Path) -> None:
    file = tmp_path / "spoilt.wav"
    y = music(20.0).copy()
    y[5000:5003] = np.nan
    soundfile.write(file, y, SR, subtype="FLOAT")
    assert any("3 samples were no numbers" in note for note in fingerprint_file(file).notes)


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_short_audio_is_refused() -> None:
    with pytest.raises(TooShortError, match=rf"^clip holds 0\.40 s of audio; at least {MIN_SECONDS} s are needed$"):
        fingerprint_signal(music(20.0)[: round(0.4 * SR)], name="clip")
    with pytest.raises(TooShortError, match=r"the signal holds 0\.00 s"):
        fingerprint_signal(np.empty(0, np.float32))


@pytest.mark.parametrize("level", [0.0, 0.25])
def test_silence_and_direct_current_are_refused(level: float) -> None:
    y = np.full(5 * SR, level, np.float32)
    with pytest.raises(
        NotEnoughMusicError, match=rf"the signal holds \d landmarks in 5\.0 s; at least {MIN_LANDMARKS}"
    ):
        fingerprint_signal(y, role="track")


def test_a_name_is_safe_to_print() -> None:
    with pytest.raises(TooShortError) as raised:
        fingerprint_signal(np.empty(0, np.float32), name="two\nlines\x1b[31m")
    assert "\n" not in str(raised.value)
    assert "\x1b" not in str(raised.value)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros((2, SR), np.float32), r"y has shape \(2, 11025\)"),
        (np.full(SR, np.nan, np.float32), "non-finite samples; must be a finite mono signal"),
        (np.r_[np.zeros(SR), np.inf].astype(np.float32), "non-finite samples; must be a finite mono signal"),
    ],
)
def test_signals_that_are_none_are_refused(y: Samples, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        fingerprint_signal(y)


@pytest.mark.parametrize("scales", [(), (0.0,), (1.0, -1.0)])
def test_scales_that_are_none_are_refused(scales: tuple[float, ...]) -> None:
    with pytest.raises(ParameterError, match=r"scales=.*: must be (one or more positive numbers|a number above 0)"):
        fingerprint_signal(music(20.0), scales=scales)


def test_another_projection_or_other_parameters_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "music.wav"
    soundfile.write(file, music(20.0), SR)
    other = replace(load_projection(), digest="sha256:" + 64 * "1")
    calls: list[Any] = [functools.partial(fingerprint_signal, music(20.0)), functools.partial(fingerprint_file, file)]
    for call in calls:
        with pytest.raises(ParameterError, match=r"the parameters name sha256:.*; pass the projection"):
            call(projection=other)
        with pytest.raises(ParameterError, match="train one for these parameters"):
            call(params=replace(PARAMS, patch_bins=PARAMS.patch_bins + 2))
        named = call(projection=other, params=replace(PARAMS, projection_digest=other.digest))
        assert named.params_digest != PARAMS.digest


def test_files_that_are_no_audio_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match=r"nowhere\.mp3"):
        fingerprint_file(tmp_path / "nowhere.mp3")
    short = tmp_path / "short.wav"
    soundfile.write(short, music(20.0)[: SR // 5], SR)
    with pytest.raises(TooShortError, match=r"short\.wav holds 0\.20 s"):
        list(fingerprint_parts(short))
    text = tmp_path / "text.mp3"
    text.write_text("no music here\n" * 100)
    with pytest.raises(DecodeError, match=r"text\.mp3"):
        fingerprint_file(text)
