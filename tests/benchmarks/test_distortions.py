"""Distortions: do the stated time maps and pitches hold, are levels as stated, are impossible ones refused clearly?

Truth comes from the test signals: attacks at known times, tones of known frequency.
"""

import importlib.util
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from benchmarks.distortion import codecs, effects, timepitch
from benchmarks.distortion.conditions import CONDITIONS, Condition, conditions
from benchmarks.distortion.distortions import Distorted, Recipe, random_training_distortion
from benchmarks.distortion.resources import Clip, NotApplicableError, Resources
from fingerprint.errors import ParameterError
from sourceprint.demo import transformations

SR = 22050
ATTACKS = np.array([0.61, 1.03, 1.52, 1.97, 2.31, 2.88, 3.29, 3.71, 4.19, 4.62])
STILL = Recipe(
    part=0, tilt=0, band=0, reverb=0, music=0, ambience=0, white_noise=0, limiter=0, mel=0, mp3=0, gsm=0, opus=0
)

Samples = NDArray[np.float32]


def plucks(sr: int = SR) -> Samples:
    """Return 5.2 s of decaying tones of four pitches, each with a click, starting at ATTACKS."""
    y = np.zeros(round(5.2 * sr))
    rng = np.random.default_rng(0)
    for i, at in enumerate(ATTACKS):
        start, n = round(at * sr), round(0.25 * sr)
        t = np.arange(n) / sr
        y[start : start + n] += 0.3 * np.sin(2 * np.pi * (440, 660, 880, 550)[i % 4] * t) * np.exp(-t / 0.08)
        y[start : start + 60] += 0.4 * rng.standard_normal(60)
    return y.astype(np.float32)


def tone(hz: float, seconds: float = 3.0, sr: int = SR) -> Samples:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * sr)) / sr)).astype(np.float32)


def attack_errors_ms(distorted: Distorted, sr: int = SR) -> NDArray[np.float64]:
    """Return by how much each attack of `plucks` misses its stated place in the output."""
    y = distorted.y if distorted.y.ndim == 1 else distorted.y[0]
    window = max(1, round(0.0015 * sr))
    envelope = np.convolve(np.abs(y), np.ones(window) / window, "same")
    errors = []
    for at in ATTACKS:
        expected = distorted.to_output(at)
        first = round((expected - 0.08) * sr)
        near = envelope[first : round((expected + 0.08) * sr)]
        errors.append((first + np.argmax(near > 0.5 * near.max())) / sr - expected)
    return 1000.0 * np.array(errors)


def frequency(y: Samples, sr: int = SR) -> float:
    """Return the frequency of the strongest partial, by a parabola through the peak of the log spectrum."""
    middle = y[len(y) // 4 : -len(y) // 4]
    n = 2 ** int(np.ceil(np.log2(len(middle)))) * 4
    spectrum = np.log(np.abs(np.fft.rfft(middle * np.hanning(len(middle)), n)) + 1e-12)
    k = int(np.argmax(spectrum))
    a, b, c = spectrum[k - 1 : k + 2]
    return float((k + 0.5 * (a - c) / (a - 2 * b + c)) * sr / n)


def cents(hz: float, reference_hz: float) -> float:
    return 1200.0 * float(np.log2(hz / reference_hz))


@pytest.fixture(scope="module")
def resources() -> Resources:
    other = 0.1 * np.random.default_rng(3).standard_normal(20 * SR).astype(np.float32)
    clip = Clip("other", "elsewhere", other)
    return Resources(SR, music=(clip,), catalogue=(clip,))


@pytest.fixture(scope="module")
def stereo() -> Samples:
    y = plucks()
    return np.stack([y, 0.2 * y])


def run(condition: Condition, y: Samples, resources: Resources, seed: int = 5) -> Distorted:
    if condition.package:
        pytest.importorskip(condition.package)
    return condition.apply(y, SR, np.random.default_rng(seed), resources)


# --- all conditions ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("condition", CONDITIONS.values(), ids=CONDITIONS.keys())
def test_condition_keeps_its_time_map(condition: Condition, stereo: Samples, resources: Resources) -> None:
    out = run(condition, stereo, resources)
    assert out.y.dtype == np.float32
    assert np.all(np.isfinite(out.y))
    assert 0.001 < np.max(np.abs(out.y)) <= 0.99 + 1e-6
    assert abs(out.y.shape[-1] - stereo.shape[1] / condition.ratio) <= 2
    assert out.ratio == pytest.approx(condition.ratio, rel=0.003)
    assert (out.offset_seconds, out.pitch_semitones) == (0.0, condition.pitch_semitones)
    if condition.name == "harmonic_only" or condition.group == "reworked":
        return  # percussive sound, attacks above all, is taken out; tests/benchmarks/test_reworking.py
    errors = attack_errors_ms(out)
    # A phase vocoder spreads attacks ahead of themselves where it stretches much; Rubber Band does not.
    median, outliers = (12.0, 0.4) if condition.group == "vocoder" else (6.0, 0.1)
    assert abs(np.median(errors)) < median, errors
    assert np.mean(np.abs(errors) > 20.0) <= outliers, errors


@pytest.mark.slow
@pytest.mark.parametrize(
    "condition",
    [c for c in CONDITIONS.values() if c.pitch_semitones or c.ratio != 1.0],
    ids=lambda c: c.name,
)
def test_condition_keeps_its_pitch(condition: Condition, resources: Resources) -> None:
    out = run(condition, tone(523.0), resources)
    expected = 523.0 * 2.0 ** (condition.pitch_semitones / 12.0)
    assert abs(cents(frequency(out.y), expected)) < 10.0


@pytest.mark.slow
def test_same_generator_state_same_samples(stereo: Samples, resources: Resources) -> None:
    for name in ("reverb", "ambience_0db", "music_0db", "mel80_griffin_lim", "opus_12k", "tempo_0.9_pv"):
        first, second, other = (run(CONDITIONS[name], stereo, resources, seed).y for seed in (1, 1, 2))
        assert np.array_equal(first, second), name
        if name in ("reverb", "ambience_0db", "music_0db", "mel80_griffin_lim"):
            assert not np.array_equal(first, other), name


def test_table_holds_every_row_that_was_promised() -> None:
    everyday = {c.name for c in conditions("everyday")}
    assert {"mp3_64k", "mp3_v9", "gsm", "phone", "reverb", "eq", "limiter"} <= everyday
    assert {f"speed_{s}{p}%" for s in "+-" for p in (2, 4, 6)} <= everyday
    assert {f"pitch_{s}{k}" for s in "+-" for k in (1, 2, 3, 4)} <= everyday
    assert {"tempo_0.85", "tempo_1.2", "pitch_+2_tempo_1.1", "pitch_-3_tempo_0.9"} <= everyday
    assert [c.name for c in conditions("clean")] == ["mp3_128k"]
    assert {c.target for c in conditions("everyday")} == {0.97}
    assert {c.target for c in conditions("thorough")} == {0.90}
    assert len(conditions()) == len(CONDITIONS)
    assert {c.held_out_target for c in conditions("everyday")} == {0.98}
    assert CONDITIONS["music_-6db"].held_out_target == 0.88
    assert CONDITIONS["music_0db"].held_out_target == CONDITIONS["music_0db"].target == 0.92
    assert CONDITIONS["400hz_to_2khz"].held_out_target is None
    for condition in CONDITIONS.values():
        assert condition.parameters, condition.name
    vocoder = conditions("vocoder")
    assert len(vocoder) > 20
    assert all(c.name.endswith("_pv") and not c.package for c in vocoder)


# --- distortions that cannot be done ----------------------------------------------------------------------------------


def test_centre_needs_sides(resources: Resources) -> None:
    condition, y = CONDITIONS["centre_removed"], plucks()
    with pytest.raises(NotApplicableError, match="mono"):
        run(condition, y, resources)
    with pytest.raises(NotApplicableError, match="the limit is -40 dB"):
        run(condition, np.stack([y, y]), resources)


def test_music_needs_another_source(resources: Resources) -> None:
    with pytest.raises(NotApplicableError, match="no other music"):
        run(CONDITIONS["music_0db"], plucks(), resources.without("elsewhere"))


def test_missing_package_is_named(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NotApplicableError, match=r"tempo_0\.9 needs the package pedalboard"):
        CONDITIONS["tempo_0.9"].apply(plucks(), SR, np.random.default_rng(0), resources)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(SR, np.float32), "silent"),
        (np.ones(100, np.float32), "at least 0.25 s"),
        (np.full(SR, np.nan, np.float32), "NaN"),
        (np.ones((3, SR), np.float32), r"shape \(3, 22050\)"),
    ],
)
def test_bad_excerpts_are_refused(y: Samples, message: str, resources: Resources) -> None:
    with pytest.raises(ParameterError, match=message):
        CONDITIONS["eq"].apply(y, SR, np.random.default_rng(0), resources)
    with pytest.raises(ParameterError, match=message):
        random_training_distortion(y, SR, np.random.default_rng(0), resources)


def test_resources_of_another_rate_are_refused(resources: Resources) -> None:
    with pytest.raises(ParameterError, match="22050 Hz, the excerpt at 11025 Hz"):
        CONDITIONS["eq"].apply(plucks(11025), 11025, np.random.default_rng(0), resources)


# --- random distortions -----------------------------------------------------------------------------------------------


def test_random_distortions_keep_their_time_maps(resources: Resources) -> None:
    y = plucks()
    for seed in range(24):
        out = random_training_distortion(y, SR, np.random.default_rng(seed), resources, recipe=STILL)
        errors = attack_errors_ms(out)
        assert np.mean(np.abs(errors) < 20.0) >= 0.8, (out.description, errors)
        assert abs(len(out.y) - len(y) / out.ratio) <= 0.003 * len(y)


def test_random_distortions_keep_their_pitch(resources: Resources) -> None:
    shifted = 0
    for seed in range(24):
        out = random_training_distortion(tone(700.0), SR, np.random.default_rng(seed), resources, recipe=STILL)
        assert abs(cents(frequency(out.y), 700.0 * 2.0 ** (out.pitch_semitones / 12.0))) < 10.0, out.description
        assert abs(out.pitch_semitones) <= 12.0
        assert 0.85 <= out.ratio <= 1.15
        shifted += out.pitch_semitones != 0.0
    assert shifted > 6


@pytest.mark.slow
def test_random_distortions_are_varied_and_repeatable(resources: Resources) -> None:
    y = plucks()
    descriptions = set()
    for seed in range(30):
        out = random_training_distortion(y, SR, np.random.default_rng(seed), resources)
        assert out.y.ndim == 1
        assert np.all(np.isfinite(out.y))
        assert np.max(np.abs(out.y)) <= 0.99 + 1e-6
        descriptions.add(out.description)
    assert len(descriptions) > 25
    words = " ".join(descriptions)
    for word in ("pitch", "tempo", "speed", "music", "reverb", "mel", "mp3"):
        assert word in words
    again = random_training_distortion(y, SR, np.random.default_rng(29), resources)
    assert np.array_equal(again.y, out.y)


# --- signal processing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sr", "codec"),
    [
        (11025, lambda y, sr: codecs.mp3(y, sr, kbps=16)),  # no room for a LAME tag: priming stays in
        (22050, lambda y, sr: codecs.mp3(y, sr, kbps=24)),
        (44100, lambda y, sr: codecs.mp3(y, sr, kbps=128)),
        (44100, lambda y, sr: codecs.mp3_variable(y, sr, quality=9)),
        (11025, codecs.gsm),
        (22050, lambda y, sr: codecs.aac(y, sr, kbps=32)),
        (44100, lambda y, sr: codecs.opus(y, sr, kbps=24)),
    ],
)
def test_codecs_add_no_delay(sr: int, codec: Callable[[Samples, int], Samples]) -> None:
    band = signal.butter(2, [200, 3000], "bandpass", fs=sr, output="sos")
    y = 0.1 * signal.sosfilt(band, np.random.default_rng(0).standard_normal(3 * sr)).astype(np.float32)
    out = codec(y, sr)
    assert out.shape == y.shape
    assert out.dtype == np.float32
    correlation = signal.correlate(out, y, method="fft")
    assert abs(int(np.argmax(correlation)) - (len(y) - 1)) <= 0.001 * sr


def test_codecs_name_their_limits() -> None:
    with pytest.raises(ParameterError, match="sr=10000: MP3 knows only 8000"):
        codecs.mp3(tone(440, 1.0, 10000), 10000, kbps=64)
    with pytest.raises(ParameterError, match="quality=12"):
        codecs.mp3_variable(tone(440, 1.0), SR, quality=12)
    with pytest.raises(ParameterError, match="kbps=0"):
        codecs.opus(tone(440, 1.0), SR, kbps=0)


@pytest.mark.slow
@pytest.mark.parametrize("sr", [11025, 22050, 44100])
@pytest.mark.parametrize(("tempo", "semitones"), [(0.5, 0.0), (0.95, 0.0), (1.2, 0.0), (1.0, -7.0), (1.1, 5.0)])
def test_rubber_band_does_not_drift_from_its_ratio(sr: int, tempo: float, semitones: float) -> None:
    pytest.importorskip("pedalboard")
    repeated = np.tile(plucks(sr), 4)
    y, ratio = timepitch.shift(repeated, sr, tempo=tempo, pitch_semitones=semitones)
    before = round(3 * 5.2 / ratio * sr)  # listen to the last round only: the drift of the first three adds up there
    errors = attack_errors_ms(Distorted(y[before:], ratio, ratio * before / sr - 3 * 5.2, semitones, ""), sr)
    assert abs(np.median(errors)) < 10.0, errors


def test_harmonic_and_percussive_parts_add_up_and_separate() -> None:
    y = 0.3 * tone(440, 4.0)
    clicks = np.zeros_like(y)
    clicks[SR // 2 :: SR // 2] = 0.9
    harmonic, percussive = effects.harmonic_percussive(y + clicks, SR)
    assert np.allclose(harmonic + percussive, y + clicks, atol=1e-5)
    middle = slice(SR // 4, -SR // 4)
    assert transformations.rms((harmonic - y)[middle]) < 0.15 * transformations.rms(y[middle])
    assert transformations.rms((percussive - clicks)[middle]) < 0.6 * transformations.rms(clicks[middle])


def test_limiter_is_loud_and_never_above_its_ceiling() -> None:
    y = plucks()
    out = effects.limit(y, SR, drive_db=15.0)
    assert np.max(np.abs(out)) <= 0.9 + 1e-6
    assert transformations.rms(out) / np.max(np.abs(out)) > 2.0 * transformations.rms(y) / np.max(np.abs(y))


@pytest.mark.parametrize(
    ("band", "hz", "expected_db"),
    [
        (("peak", 800.0, 9.0, 1.0), 800.0, 9.0),
        (("low_shelf", 300.0, -12.0, 0.7), 40.0, -12.0),
        (("low_shelf", 300.0, -12.0, 0.7), 5000.0, 0.0),
        (("high_shelf", 2000.0, 6.0, 0.7), 9000.0, 6.0),
        (("high_shelf", 20000.0, 6.0, 0.7), 9000.0, 0.0),
    ],
)
def test_equaliser_gains(band: effects.Band, hz: float, expected_db: float) -> None:
    y = tone(hz)
    out = effects.equalise(y, SR, (band,))
    assert 20 * np.log10(transformations.rms(out[SR:]) / transformations.rms(y[SR:])) == pytest.approx(
        expected_db, abs=0.3
    )


def test_band_limits() -> None:
    for hz, kept in ((100.0, False), (1000.0, True), (5000.0, False)):
        out = effects.band_limit(tone(hz), SR, low_hz=300.0, high_hz=3000.0)
        level = 20 * np.log10(transformations.rms(out[SR:-SR]) / transformations.rms(tone(hz)[SR:-SR]))
        assert (level > -0.5) if kept else (level < -30.0)
    with pytest.raises(ParameterError, match="above zero"):
        effects.band_limit(tone(440), SR, low_hz=-1.0)


def test_loops_fill_short_clips_and_avoid_silence() -> None:
    clip = np.zeros(4 * SR, np.float32)
    clip[3 * SR :] = tone(440, 1.0)
    rng = np.random.default_rng(0)
    for _ in range(10):
        assert transformations.rms(effects.loop_excerpt(clip, SR // 2, rng)) > 0.0
    assert len(effects.loop_excerpt(tone(440, 1.0), 5 * SR, rng)) == 5 * SR
    with pytest.raises(ParameterError, match="silent"):
        effects.loop_excerpt(np.zeros(10, np.float32), 5, rng)


def test_coloured_noise_has_its_slope() -> None:
    noise = effects.coloured_noise(2**17, SR, np.random.default_rng(0), slope_db_per_octave=-3.0)
    hz, power = signal.welch(noise, SR, nperseg=4096)
    low, high = power[(hz > 200) & (hz < 300)].mean(), power[(hz > 3200) & (hz < 4800)].mean()
    assert 10 * np.log10(low / high) == pytest.approx(12.0, abs=1.0)
