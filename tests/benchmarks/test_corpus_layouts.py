"""Folders of any layout are recognised, read whole, and refused in plain words; nothing is left out in silence."""

from __future__ import annotations

import csv
from collections import Counter
from itertools import combinations
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from benchmarks.catalogues import Side, catalogue, left_out
from benchmarks.data.corpus import SyntheticCorpus, folds, open_corpus
from benchmarks.data.files import FolderCorpus, probe
from benchmarks.data.lists import CorpusError, TrackRow
from index.folder.index import Index
from sourceprint.demo.arrangement import compose
from sourceprint.demo.synthesis import synthesize

SR = 8000


def write_tone(path: Path, seconds: float = 1.0, hz: float = 440.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    y = 0.4 * np.sin(2 * np.pi * hz * np.arange(round(seconds * SR)) / SR)
    soundfile.write(path, np.stack([y, 0.5 * y], axis=1), SR)


def write_m4a(path: Path, seconds: float) -> None:
    y = (0.4 * np.sin(2 * np.pi * 440.0 * np.arange(round(seconds * SR)) / SR)).astype(np.float32)
    with av.open(str(path), "w", format="ipod") as output:
        stream = output.add_stream("aac", rate=SR, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.stack([y, 0.5 * y]), format="fltp", layout="stereo")
        frame.sample_rate = SR
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    write_tone(tmp_path / "jazz" / "Ann" / "one.wav", 1.0)
    write_tone(tmp_path / "jazz" / "Ann" / "live" / "two.flac", 2.0)
    write_tone(tmp_path / "jazz" / "Bob" / "three.wav", 3.0)
    write_tone(tmp_path / "jazz" / "alone.mp3", 4.0)
    (tmp_path / "jazz" / "Bob" / "torn.mp3").write_bytes(b"<html>not found</html>" * 50)
    (tmp_path / "jazz" / "Bob" / "cover.jpg").write_bytes(b"\xff\xd8\xff")
    return tmp_path / "jazz"


FMA_HEADER = (
    ["", "album", "artist", "artist", "set", "set", "track", "track", "track"],
    ["", "title", "id", "name", "split", "subset", "duration", "genre_top", "title"],
    ["track_id", "", "", "", "", "", "", "", ""],
)
FMA_ROWS = (
    ["2", "AWOL", "1", "AWOL", "training", "small", "168", "Hip-Hop", "Food, and\nmore"],
    ["5", "AWOL", "1", "AWOL", "training", "small", "206", "Hip-Hop", "This World"],
    ["1003", "Constant", "6", "Kurt Vile", "training", "medium", "161", "Pop", "Freeway"],
    ["1020", "Niris", "", "Nicky Cook", "training", "small", "311", "", "Spiritual Level"],
    ["1099", "Niris", "7", "Nicky Cook", "training", "small", "181", "", "Where is it"],
    ["1100", "Niris", "7", "Nicky Cook", "training", "large", "181", "", "Too large"],
)


@pytest.fixture
def fma(tmp_path: Path) -> Path:
    for track in (2, 5, 1003, 1020, 4004):
        write_tone(tmp_path / "fma_small" / f"{track // 1000:03d}" / f"{track:06d}.mp3", 1.0 + track % 3)
    (tmp_path / "fma_metadata").mkdir()
    write_table(tmp_path / "fma_metadata" / "tracks.csv")
    return tmp_path / "fma_small"


def write_table(path: Path, rows: tuple[list[str], ...] = (*FMA_HEADER, *FMA_ROWS)) -> None:
    with path.open("w", encoding="utf-8", newline="") as lines:
        csv.writer(lines).writerows(rows)


# --- a folder of audio ------------------------------------------------------------------------------------------------


def test_plain_folder_takes_every_readable_file_and_names_the_others(plain: Path) -> None:
    corpus = open_corpus(plain)
    assert isinstance(corpus, FolderCorpus)
    assert corpus.name == "jazz (folder of audio)"
    assert [(row.file, row.source, row.title) for row in corpus.music] == [
        ("Ann/live/two.flac", "Ann", "two"),
        ("Ann/one.wav", "Ann", "one"),
        ("Bob/three.wav", "Bob", "three"),
        ("alone.mp3", "alone.mp3", "alone"),
    ]
    assert [row.seconds for row in corpus.music] == pytest.approx([2.0, 1.0, 3.0, 4.0], abs=0.05)
    (torn,) = corpus.missing()
    assert torn.startswith("Bob/torn.mp3 (")
    assert str(plain) not in torn
    first, second = folds(corpus.music)
    assert first | second == {"Ann", "Bob", "alone.mp3"}
    assert (corpus.noises, corpus.rooms, corpus.generated) == ((), (), ())


def test_length_is_read_from_the_header_and_stereo_decoded_in_any_format(tmp_path: Path) -> None:
    write_m4a(tmp_path / "song.m4a", 2.0)
    seconds, why = probe(tmp_path / "song.m4a")
    assert seconds == pytest.approx(2.0, abs=0.3)
    assert not why
    corpus = open_corpus(tmp_path)
    y = corpus.load_stereo("song.m4a", sample_rate=SR)
    assert y.shape[0] == 2
    assert y.shape[1] == pytest.approx(2 * SR, abs=0.3 * SR)
    assert np.std(y[1]) == pytest.approx(0.5 * np.std(y[0]), rel=0.1)
    assert corpus.load("song.m4a", sample_rate=SR).ndim == 1
    (tmp_path / "song.m4a").write_bytes(b"gone bad" * 99)
    with pytest.raises(CorpusError, match=r"song\.m4a: cannot be decoded"):
        corpus.load_stereo("song.m4a", sample_rate=SR)


# --- FMA --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["fma_metadata/tracks.csv", "tracks.csv", "fma_small/tracks.csv"])
def test_fma_tracks_belong_to_their_artists(fma: Path, place: str) -> None:
    (fma.parent / "fma_metadata" / "tracks.csv").rename(fma.parent / place)
    corpus = open_corpus(fma)
    assert corpus.name == "fma_small (FMA)"
    assert [(row.file, row.source, row.genre) for row in corpus.music] == [
        ("000/000002.mp3", "artist 1", "Hip-Hop"),
        ("000/000005.mp3", "artist 1", "Hip-Hop"),
        ("001/001003.mp3", "artist 6", "Pop"),
    ]
    assert corpus.music[0].title == "AWOL - Food, and\nmore"
    # The length is that of the file, not the 168 s of the whole track.
    assert corpus.music[0].seconds == pytest.approx(3.0, abs=0.1)
    assert corpus.missing() == (
        "001/001020.mp3 (tracks.csv names no artist)",
        "001/001099.mp3 (of the subset small, not there)",
        "004/004004.mp3 (not in tracks.csv)",
    )


def test_fma_without_its_table_is_no_plain_folder(fma: Path) -> None:
    (fma.parent / "fma_metadata" / "tracks.csv").unlink()
    with pytest.raises(CorpusError, match=r"no tracks\.csv to say whose they are; put it there or into .*fma_metadata"):
        open_corpus(fma)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((FMA_HEADER[0], FMA_HEADER[1], *FMA_ROWS), "the third line does not start with track_id"),
        ((["", "track"], ["", "title"], ["track_id", ""]), "no column artist/id; expected the three header lines"),
        ((*FMA_HEADER, ["2", "AWOL"]), r"tracks\.csv:4: 2 fields, the header has 9"),
        ((*FMA_HEADER, ["two", *FMA_ROWS[1][1:]]), r"tracks\.csv:4: track_id is 'two'; expected a number"),
        (FMA_HEADER, r"none of its 5 tracks can be used; the first: 000/000002\.mp3 \(not in tracks\.csv\)"),
    ],
)
def test_bad_fma_tables_are_named(fma: Path, rows: tuple[list[str], ...], message: str) -> None:
    write_table(fma.parent / "fma_metadata" / "tracks.csv", rows)
    with pytest.raises(CorpusError, match=message):
        open_corpus(fma)


# --- choosing ---------------------------------------------------------------------------------------------------------


def test_list_of_music_may_be_given_itself_and_be_called_anything(tmp_path: Path) -> None:
    write_tone(tmp_path / "a.wav")
    (tmp_path / "mine.tsv").write_text("file\ttitle\tduration_s\tsource\na.wav\tA\t1.0\tx\n")
    corpus = open_corpus(tmp_path / "mine.tsv")
    assert corpus.name == f"{tmp_path.name} (mine.tsv)"
    assert corpus.music == (TrackRow("a.wav", "A", 1.0, "x"),)
    assert corpus.load("a.wav", sample_rate=SR).shape == (SR,)


def test_lists_go_before_the_files_beside_them(plain: Path) -> None:
    (plain / "music.tsv").write_text("file\ttitle\tduration_s\tsource\nalone.mp3\tA\t4.0\tx\n")
    corpus = open_corpus(plain)
    assert corpus.name == "jazz (music.tsv)"
    assert len(corpus.music) == 1


def test_a_folder_that_is_no_corpus_is_refused(tmp_path: Path, plain: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match=r"holds no music\.tsv and no audio file; give a folder with one of them"):
        open_corpus(tmp_path / "empty")
    with pytest.raises(CorpusError, match=r"one\.wav: neither a folder nor a list"):
        open_corpus(plain / "Ann" / "one.wav")
    with pytest.raises(CorpusError, match="nowhere: no such folder"):
        open_corpus(tmp_path / "nowhere")
    (tmp_path / "music.tsv").write_text("file\ttitle\tduration_s\tsource\n")
    with pytest.raises(CorpusError, match=r"music\.tsv: lists no recording"):
        open_corpus(tmp_path)
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "a.mp3").write_text("nothing")
    with pytest.raises(CorpusError, match=r"none of its 1 audio files can be read; the first: a\.mp3"):
        open_corpus(tmp_path / "torn")


def test_catalogue_leaves_out_and_names_recordings_without_descriptors(tmp_path: Path) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    soundfile.write(folder / "song.wav", synthesize(0, 3.0, sample_rate=11025), 11025)
    soundfile.write(folder / "silent.wav", np.zeros(3 * SR), SR)
    rows = "song.wav\tA\t3.0\tx\nsilent.wav\tB\t3.0\tx\ngone.wav\tC\t3.0\ty\n"
    (folder / "music.tsv").write_text(f"file\ttitle\tduration_s\tsource\n{rows}")
    corpus = open_corpus(folder)
    index = catalogue(corpus, corpus.music, Side("", frozenset("xy")), tmp_path / "cache", jobs=1)
    assert [recording.id for recording in Index.open(index).snapshot().recordings] == ["song.wav"]
    refused = left_out(index)
    assert sorted(refused) == ["gone.wav", "silent.wav"]
    assert "no such file" in refused["gone.wav"]
    assert "landmarks" in refused["silent.wav"]


# --- synthesised music ------------------------------------------------------------------------------------------------


def test_synthesised_ambiences_and_rooms_are_there_and_repeatable() -> None:
    corpus = SyntheticCorpus()
    assert len(corpus.noises) == len(corpus.rooms) == 6
    for row in (*corpus.noises, *corpus.rooms):
        y = corpus.load(row.file, sample_rate=SR)
        assert y.dtype == np.float32
        assert np.all(np.isfinite(y))
        assert len(y) / SR == pytest.approx(row.seconds, abs=0.01)
        assert np.array_equal(y, SyntheticCorpus().load(row.file, sample_rate=SR))
    heard = [corpus.load(row.file, sample_rate=SR) for row in corpus.noises]
    for one, other in combinations(heard, 2):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.1
    with pytest.raises(CorpusError, match="ambience/silence: not in the synthesised corpus"):
        corpus.load("ambience/silence", sample_rate=SR)


def test_unrelated_pieces_share_kits_tempi_keys_and_instruments() -> None:
    songs = [compose(number, 45.0, album=number // 3 if number < 24 else None) for number in range(30)]

    def key(number: int) -> tuple[int, ...]:
        heard = Counter(note.midi % 12 for part in songs[number].parts for note in part.notes)
        return tuple(sorted(pitch for pitch, _ in heard.most_common(7)))

    strangers = [(a, b) for a, b in combinations(range(30), 2) if a // 3 != b // 3 or a >= 24]
    shared = Counter[str]()
    for a, b in strangers:
        shared["kit"] += songs[a].kit == songs[b].kit
        shared["tempo"] += abs(songs[a].tempo_bpm / songs[b].tempo_bpm - 1.0) < 0.02
        shared["key"] += key(a) == key(b)
        shared["bass"] += songs[a].parts[2].instrument == songs[b].parts[2].instrument
    assert shared["kit"] > 0.25 * len(strangers)
    assert shared["bass"] > 0.25 * len(strangers)
    assert shared["key"] > 0.1 * len(strangers)
    assert shared["tempo"] > 0.03 * len(strangers)
