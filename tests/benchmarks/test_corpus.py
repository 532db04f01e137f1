"""Corpus lists: read as written, refused with file and row, split by source; the synthesised stand-in behaves alike."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.data.corpus import (
    Corpus,
    FolderCorpus,
    SyntheticCorpus,
    folds,
    load_resources,
    open_corpus,
    read_corpus,
)
from benchmarks.data.lists import CorpusError, TrackRow
from fingerprint.errors import ParameterError

MUSIC_HEADER = "file\ttitle\tduration_s\tsource\tlicence"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "music").mkdir()
    (tmp_path / "rooms").mkdir()
    t = np.arange(3 * 8000) / 8000
    for name, hz in (("a", 440), ("b", 660), ("c", 880)):
        y = 0.4 * np.sin(2 * np.pi * hz * t)
        soundfile.write(tmp_path / "music" / f"{name}.wav", np.stack([y, 0.5 * y], axis=1), 8000)
    soundfile.write(tmp_path / "rooms" / "hall.wav", 0.9 ** np.arange(800), 8000)
    rows = [f"music/{n}.wav\tSong {n}\t3.0\t{s}\tCC0" for n, s in (("a", "x"), ("b", "x"), ("c", "y"))]
    (tmp_path / "music.tsv").write_text("\n".join([MUSIC_HEADER, *rows]) + "\n", encoding="utf-8")
    (tmp_path / "rooms.tsv").write_text("file\twhat\tduration_s\tsource\nrooms/hall.wav\thall\t0.1\tz\n")
    (tmp_path / "ai_pairs.tsv").write_text(
        "source_file\toutput_file\tkind\tsystem\tsame_recording\tsame_work\tsource_s\toutput_s\torigin\n"
        "music/a.wav\tmusic/gone.wav\tcodec\tDAC\tyes\tpartial\t3.0\t3.0\there\n"
    )
    return tmp_path


def test_lists_are_read(folder: Path) -> None:
    corpus = read_corpus(folder)
    assert [row.title for row in corpus.music] == ["Song a", "Song b", "Song c"]
    assert corpus.music[2] == TrackRow("music/c.wav", "Song c", 3.0, "y")
    assert (corpus.generated, corpus.noises) == ((), ())
    assert [room.title for room in corpus.rooms] == ["hall"]
    assert (corpus.pairs[0].system, corpus.pairs[0].same_work) == ("DAC", "partial")
    assert corpus.missing() == ("music/gone.wav",)


def test_files_are_loaded_mono_and_stereo(folder: Path) -> None:
    corpus = read_corpus(folder)
    mono = corpus.load("music/a.wav", sample_rate=11025)
    stereo = corpus.load_stereo("music/a.wav", sample_rate=11025)
    assert mono.dtype == stereo.dtype == np.float32
    assert mono.shape == (33075,)
    assert stereo.shape == (2, 33075)
    assert np.allclose(0.5 * (stereo[0] + stereo[1]), mono, atol=1e-3)
    assert corpus.load_stereo("rooms/hall.wav", sample_rate=8000).ndim == 1
    with pytest.raises(CorpusError, match=r"gone\.wav: named by a list of the corpus but not there"):
        corpus.load("music/gone.wav", sample_rate=8000)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "file\ttitle\tsource\nm.wav\tM\tx\n",
            r"music\.tsv:1: no column 'duration_s'; the header has file, title, source",
        ),
        (
            f"{MUSIC_HEADER}\nm.wav\tM\tlong\tx\tCC0\n",
            r"music\.tsv:2: column duration_s is 'long'; expected a duration",
        ),
        (f"{MUSIC_HEADER}\nm.wav\tM\t-1\tx\tCC0\n", r"music\.tsv:2: column duration_s is '-1'"),
        (f"{MUSIC_HEADER}\nm.wav\tM\tinf\tx\tCC0\n", r"music\.tsv:2: column duration_s is 'inf'"),
        (f"{MUSIC_HEADER}\nm.wav\tM\t3.0\n", r"music\.tsv:2: the header has 5 columns"),
        (f"{MUSIC_HEADER}\nm.wav\tM\t3.0\tx\tCC0\textra\n", r"music\.tsv:2: the header has 5 columns"),
        (f"{MUSIC_HEADER}\nm.wav\tM\t3.0\t\tCC0\n", r"music\.tsv:2: column source is empty"),
        (
            f"{MUSIC_HEADER}\nm.wav\tM\t3\tx\tCC0\nm.wav\tN\t3\tx\tCC0\n",
            r"music\.tsv:3: m\.wav stands in line 2 already",
        ),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "music.tsv").write_text(text)
    with pytest.raises(CorpusError, match=message):
        read_corpus(tmp_path)


def test_bad_agreement_is_named(folder: Path) -> None:
    path = folder / "ai_pairs.tsv"
    path.write_text(path.read_text().replace("\tyes\t", "\tmaybe\t"))
    with pytest.raises(
        CorpusError, match=r"ai_pairs\.tsv:2: column same_recording is 'maybe'; expected yes, no or partial"
    ):
        read_corpus(folder)


def test_folders_that_are_no_corpus_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such folder; set SOURCEPRINT_CORPUS"):
        read_corpus(tmp_path / "nowhere")
    with pytest.raises(CorpusError, match=r"music\.tsv: missing"):
        read_corpus(tmp_path)


def test_corpus_is_chosen_by_argument_then_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCEPRINT_CORPUS", raising=False)
    assert isinstance(open_corpus(), SyntheticCorpus)
    monkeypatch.setenv("SOURCEPRINT_CORPUS", str(folder))
    assert isinstance(open_corpus(), FolderCorpus)
    with pytest.raises(CorpusError, match="nowhere"):
        open_corpus(folder / "nowhere")


def test_folds_keep_sources_whole_and_halves_equal() -> None:
    rng = np.random.default_rng(0)
    rows = [TrackRow(str(i), "", float(rng.uniform(30, 300)), f"s{rng.integers(14)}") for i in range(150)]
    first, second = folds(rows)
    assert not first & second
    assert first | second == {row.source for row in rows}
    lengths = [sum(row.seconds for row in rows if row.source in half) for half in (first, second)]
    assert abs(lengths[0] - lengths[1]) < 0.1 * sum(lengths)
    assert folds(reversed(rows)) == (first, second)
    with pytest.raises(ParameterError, match="1 source"):
        folds(rows[:1])


def test_resources_come_from_the_rows_given(folder: Path) -> None:
    corpus = read_corpus(folder)
    resources = load_resources(corpus, sample_rate=8000, music_seconds=1.0)
    assert [clip.source for clip in resources.music].count("y") == 1
    assert {len(clip.y) for clip in resources.music} == {8000}
    assert [clip.name for clip in resources.rooms] == ["rooms/hall.wav"]
    assert {clip.source for clip in resources.without("x").music} == {"y"}
    only = load_resources(corpus, sample_rate=8000, music=[row for row in corpus.music if row.source == "y"])
    assert [clip.name for clip in only.music] == ["music/c.wav"]


def test_synthesised_corpus_behaves_like_a_folder() -> None:
    corpus: Corpus = SyntheticCorpus(seconds=4.0)
    assert len(corpus.music) == 24
    assert len({row.source for row in corpus.music}) == 8
    assert not {row.source for row in corpus.generated} & {row.source for row in corpus.music}
    assert corpus.missing() == ()
    assert corpus.path(corpus.music[0].file) is None
    first, second = folds(corpus.music)
    assert len(first) == len(second) == 4
    y = corpus.load(corpus.music[5].file, sample_rate=11025)
    assert y.shape == (44100,)
    assert np.array_equal(y, SyntheticCorpus(seconds=4.0).load(corpus.music[5].file, sample_rate=11025))
    assert not np.array_equal(y, corpus.load(corpus.music[6].file, sample_rate=11025))
    resources = load_resources(corpus, sample_rate=11025, music=corpus.generated, music_clips=2, music_seconds=2.0)
    assert [len(clip.y) for clip in resources.music] == [22050, 22050]
    with pytest.raises(CorpusError, match=r"album99: not in the synthesised corpus"):
        corpus.load("album99", sample_rate=11025)
