"""Synthesised music: the same every time, in tune, in time, and enough like music to test on."""

import time

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from fingerprint.errors import ParameterError
from sourceprint.demo import arrangement
from sourceprint.demo.arrangement import BEATS_PER_BAR, compose
from sourceprint.demo.instruments import INSTRUMENTS, KIT_COUNT, drum_kit
from sourceprint.demo.synthesis import PARTS, synthesize

SR = 22050
Samples = NDArray[np.float32]


def fundamental(y: Samples, sr: int, near_hz: float) -> float:
    """Return the frequency within a semitone of `near_hz` at which a harmonic comb fits the spectrum best."""
    n = 2**18
    spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y)), n))
    candidates = near_hz * 2.0 ** (np.arange(-100, 101) / 1200.0)
    numbers = np.arange(1, 5)
    comb = [np.sum(np.interp(hz * numbers, np.arange(len(spectrum)) * sr / n, spectrum)) for hz in candidates]
    return float(candidates[int(np.argmax(comb))])


def test_same_seed_same_samples_other_seed_other_samples() -> None:
    first = synthesize(7, 6.0)
    assert np.array_equal(first, synthesize(7, 6.0))
    assert not np.array_equal(first, synthesize(8, 6.0))


@pytest.mark.parametrize(("sr", "channels"), [(22050, 1), (22050, 2), (44100, 2), (11025, 1)])
def test_shape_level_and_balance(sr: int, channels: int) -> None:
    y = synthesize(3, 12.0, sample_rate=sr, channels=2 if channels == 2 else 1)
    assert y.dtype == np.float32
    assert y.shape == ((12 * sr,) if channels == 1 else (2, 12 * sr))
    assert np.max(np.abs(y)) == pytest.approx(0.85, abs=1e-3)
    assert abs(float(np.mean(y))) < 3e-3
    assert float(np.sqrt(np.mean(y**2))) > 0.1
    assert np.all(np.isfinite(y))


def test_sides_hold_something_without_the_centre() -> None:
    for seed in range(4):
        left, right = synthesize(seed, 20.0, channels=2)
        side, middle = np.std(left - right), np.std(left + right)
        assert 0.1 < side / middle < 1.0, seed


def test_other_sampling_rate_same_notes() -> None:
    parts = ("lead", "bass", "chords")
    low = synthesize(5, 15.0, sample_rate=22050, parts=parts)
    high = signal.resample_poly(synthesize(5, 15.0, sample_rate=44100, parts=parts), 1, 2)
    assert np.corrcoef(low, high)[0, 1] > 0.8


def test_mono_is_the_mean_of_stereo() -> None:
    left, right = synthesize(2, 5.0, channels=2)
    assert np.corrcoef(left + right, synthesize(2, 5.0))[0, 1] > 0.9999


def test_parts_can_be_played_alone() -> None:
    whole = synthesize(1, 10.0)
    for part in ("drums", "bass", "lead"):
        alone = synthesize(1, 10.0, parts=(part,))
        assert not np.array_equal(alone, whole)
    bass, lead = (signal.welch(synthesize(1, 12.0, parts=(p,)), SR, nperseg=4096) for p in ("bass", "lead"))
    assert bass[0][np.argmax(bass[1])] < 200.0 < lead[0][np.argmax(lead[1])]


@pytest.mark.slow
@pytest.mark.parametrize("sr", [11025, 44100])
@pytest.mark.parametrize("name", INSTRUMENTS)
def test_instruments_are_in_tune(name: str, sr: int) -> None:
    for midi in (45, 52) if name.endswith("bass") else (57, 64, 73):
        hz = 440.0 * 2.0 ** ((midi - 69) / 12.0)
        note = INSTRUMENTS[name](hz, 1.2, sr)
        assert np.max(np.abs(note)) == pytest.approx(1.0, abs=1e-5)
        assert np.array_equal(note, INSTRUMENTS[name](hz, 1.2, sr))
        error = 1200.0 * np.log2(fundamental(note[: int(1.2 * sr)], sr, hz) / hz)
        assert abs(error) <= 8.0, (midi, error)


def test_instruments_sound_different() -> None:
    spectra = {}
    for name, instrument in INSTRUMENTS.items():
        spectrum = np.log(np.abs(np.fft.rfft(instrument(220.0, 0.6, SR)[: SR // 2]))[100:2500] + 1e-3)
        spectra[name] = spectrum - spectrum.mean()
    names = sorted(spectra)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            assert np.corrcoef(spectra[a], spectra[b])[0, 1] < 0.97, (a, b)


def test_kits_have_every_drum_and_takes_that_differ() -> None:
    for number in range(KIT_COUNT):
        takes = drum_kit(number, SR).takes
        assert set(takes) >= {"kick", "snare", "clap", "hat", "open_hat", "ride", "crash", "tom", "shaker"}
        for three in takes.values():
            assert len(three) == 3
            assert not np.array_equal(three[0], three[1])
    kick, hat = (np.abs(np.fft.rfft(drum_kit(0, SR).takes[name][0], SR)) for name in ("kick", "hat"))
    assert np.argmax(kick) < 200 < 4000 < np.argmax(hat)


def test_songs_have_form_melody_and_groove() -> None:
    for seed in range(12):
        song = compose(seed, 60.0)
        assert [s.kind for s in song.sections][:3] == ["intro", "verse", "chorus"]
        last = song.sections[-1]
        assert (last.first_bar + last.n_bars) * BEATS_PER_BAR * 60.0 / song.tempo_bpm >= 60.0
        names = {part.name for part in song.parts}
        assert names | {"drums"} == set(PARTS)
        for part in song.parts:
            assert part.instrument in INSTRUMENTS
            assert all(note.beats > 0 and 24 <= note.midi <= 96 and 0 < note.velocity <= 1 for note in part.notes)
        lead = next(part for part in song.parts if part.name == "lead")
        assert len({note.midi for note in lead.notes}) >= 4
        assert {"kick", "crash"} <= {stroke.sound for stroke in song.strokes}


def test_sections_return_varied() -> None:
    same_notes = []
    for seed in range(8):
        song = compose(seed, 90.0)
        first, second = [s for s in song.sections if s.kind == "verse"][:2]
        lead = next(part for part in song.parts if part.name == "lead")
        played = []
        for section in (first, second):
            start = section.first_bar * BEATS_PER_BAR
            inside = [n for n in lead.notes if start <= n.beat < start + section.n_bars * BEATS_PER_BAR]
            played.append({(n.beat - start, n.midi) for n in inside})
        same_notes.append(len(played[0] & played[1]) / len(played[0]))
    assert min(same_notes) > 0.5
    assert np.mean(same_notes) < 0.95


def test_unrelated_songs_share_tempi_and_kits() -> None:
    songs = [compose(seed, 10.0) for seed in range(40)]
    assert len({song.tempo_bpm for song in songs}) <= len(arrangement.TEMPI)
    assert len({song.kit for song in songs}) == KIT_COUNT


def test_songs_of_an_album_share_band_and_tempo() -> None:
    songs = [compose(seed, 10.0, album=3) for seed in range(5)]
    assert len({song.kit for song in songs}) == 1
    assert len({tuple(part.instrument for part in song.parts) for song in songs}) == 1
    tempi = [song.tempo_bpm for song in songs]
    assert max(tempi) / min(tempi) < 1.09
    assert len({song.parts[0].notes for song in songs}) == 5


def test_unrelated_songs_do_not_correlate() -> None:
    songs = [synthesize(seed, 8.0) for seed in range(5)]
    for i, a in enumerate(songs):
        for b in songs[i + 1 :]:
            correlation = signal.correlate(a, b, method="fft") / (np.linalg.norm(a) * np.linalg.norm(b))
            assert np.max(np.abs(correlation)) < 0.5


def test_synthesis_is_much_faster_than_listening() -> None:
    synthesize(0, 1.0)
    start = time.process_time()
    synthesize(20, 40.0)
    assert time.process_time() - start < 40.0 / 20.0


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"seed": -1}, "seed=-1"),
        ({"duration_seconds": 0.0}, r"duration_seconds=0\.0: must lie above 0"),
        ({"sample_rate": 4000}, "sample_rate=4000: must lie between 8000 and 96000 Hz"),
        ({"channels": 3}, "channels=3"),
        ({"parts": ("flute",)}, "choose some of drums, lead"),
    ],
)
def test_impossible_requests_are_refused(kwargs: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {"seed": 0, "duration_seconds": 1.0, **kwargs}
    with pytest.raises(ParameterError, match=message):
        synthesize(**arguments)  # type: ignore[arg-type]
