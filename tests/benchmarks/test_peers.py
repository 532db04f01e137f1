"""Other programs are run, read and judged as they should be: lines as each prints them, a stand-in, failures."""

from __future__ import annotations

import dataclasses
import json
import stat
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from benchmarks import peer_adapters, peer_outputs, peers, peers_report, query_files
from benchmarks.chromaprint_matcher import FRAME_SECONDS, BitMatcher
from benchmarks.data.corpus import SyntheticCorpus
from benchmarks.part import Job, as_text
from benchmarks.peer_run import Answer, PeerError, Runner, folder_bytes
from benchmarks.query_files import Query
from fingerprint.errors import ParameterError

STAND_IN = Path(__file__).with_name("stand_in_matcher.py")
PYTHON = Path(sys.executable)


class TestOutputs:
    """Lines as the programs print them, from their sources, manuals and issue trackers."""

    def test_audfprint_of_today(self) -> None:
        text = (
            "Sun Aug  9 18:13:54 2015 Reading hash table fpdbase.pklz\n"
            "Read fprints for 9 files ( 158827 hashes) from fpdbase.pklz\n"
            "Sun Aug  9 18:13:57 2015 Analyzed #0 q/q0000.wav of 5.619 s to 928 hashes\n"
            "Matched q/q0000.wav 5.6 sec 928 raw hashes as Nine_Lives/05-Full_Circle.mp3 at   50.1 s "
            "with    12 of    39 common hashes at rank  0\n"
            "Matched q/q0000.wav 5.6 sec 928 raw hashes as Nine_Lives/02-x.mp3 at  -3.1 s "
            "with     5 of    30 common hashes at rank  1\n"
            "NOMATCH q/q0001.wav 5.6 sec 17 raw hashes\n"
            "Processed 1 files (5.8 s total dur) in 2.6 s sec = 0.451 x RT\n"
        )
        assert peer_outputs.read_audfprint(text) == (
            [Answer("q0000", "05-Full_Circle", 50.1, 12.0), Answer("q0000", "02-x", -3.1, 5.0)],
            {"q0000", "q0001"},
        )

    def test_audfprint_of_its_manual(self) -> None:
        line = (
            "Matched query.mp3 5.573 sec 204 raw hashes as Nine_Lives/05-Full_Circle.mp3 at 50.085 s with 8 of 9 hashes"
        )
        assert peer_outputs.read_audfprint(line)[0] == [Answer("query", "05-Full_Circle", 50.085, 8.0)]

    def test_olaf(self) -> None:
        text = (
            "query_index, total_queries, query_path, query_offset, match_count, query_start, query_stop, path, "
            "match_identifier, reference_start, reference_stop\n"
            "1 ,2 ,query, 0.000, 12 ,1.936 ,19.304, ref, 3517681762, 70.864, 88.232\n"
            "1 ,1 ,/root/audio/query.mp3, 0.000, 641 ,0.280 ,29.648, /root/audio/8-bit-takeover-367276.mp3, "
            "2697779190, 30.280, 59.648\n"
            '2 ,2 ,other.wav, 0.000, 7 ,1.000 ,2.000,"a, b.mp3", 3517681762, 70.000, 88.232\n'
            "1 ,1 ,none.mp3, 0.000, 0 ,0.088 ,29.024, /root/audio/8-bit-takeover.mp3, 2697779190, 0.088, 29.024\n"
        )
        answers, asked = peer_outputs.read_olaf(text)
        assert [(a.query, a.reference, a.score) for a in answers] == [
            ("query", "ref", 12.0),
            ("query", "8-bit-takeover-367276", 641.0),
            ("other", "a, b", 7.0),
        ]
        assert [a.offset_seconds for a in answers] == pytest.approx([68.928, 30.0, 69.0])
        assert asked == {"query", "other", "none"}
        assert peer_outputs.read_olaf("") == ([], set())  # nothing found, nothing said

    def test_panako(self) -> None:
        text = (
            "Index; Total ; Query path;Query start (s);Query stop (s); Match path;Match id; Match start (s); "
            "Match stop (s); Match score; Time factor (%); Frequency factor(%); Seconds with match (%)\n"
            "1 ; 1 ; /audio/smoke.wav ; 1.376 ; 24.432 ; /audio/ref.wav ; 19515506 ; 3.376 ; 26.432 ; 36 ; "
            "1.000 % ; 1.000 %; 0.75\n"
            "1 ; 1 ; /audio/reference.wav ; 0.000 ; 0.000 ; null ; null ; -1.000 ; -1.000 ; -1 ; "
            "-1.000 % ; -1.000 %; 0.00\n"
        )
        answers, asked = peer_outputs.read_panako(text)
        assert [(a.query, a.reference, a.score) for a in answers] == [("smoke", "ref", 36.0)]
        assert answers[0].offset_seconds == pytest.approx(2.0)
        assert asked == {"smoke", "reference"}

    def test_fpcalc_with_and_without_signs(self) -> None:
        new = peer_outputs.read_fpcalc("DURATION=231\nFINGERPRINT=4294967295,0,2147483648\n")
        old = peer_outputs.read_fpcalc("FILE=a.wav\nDURATION=231\nFINGERPRINT=-1,0,-2147483648\n")
        assert new.tolist() == old.tolist() == [4294967295, 0, 2147483648]
        for text in ("", "ERROR: Empty fingerprint", "FINGERPRINT=\n", "FINGERPRINT=AQADtGG2KJ_ww90C7eiR5js\n"):
            with pytest.raises(PeerError, match="nothing that its adapter knows"):
                peer_outputs.read_fpcalc(text)

    def test_dejavu_of_today_and_before(self) -> None:
        new = (
            "{'total_time': 2.863781690597534, 'fingerprint_time': 2.4306554794311523, 'query_time': "
            "0.4067542552947998, 'align_time': 0.007731199264526367, 'results': [{'song_id': 1, 'song_name': "
            "b'Taylor Swift - Shake It Off', 'input_total_hashes': 76168, 'fingerprinted_hashes_in_db': 4919, "
            "'hashes_matched_in_input': 794, 'input_confidence': 0.01, 'fingerprinted_confidence': 0.16, 'offset': "
            "-924, 'offset_seconds': -30.00018, 'file_sha1': b'3DC269DF7B8DB9B30D2604DA80783155912593E8'}]}\n"
        )
        name = "Taylor Swift - Shake It Off"
        assert peer_outputs.read_dejavu(new, "q") == [Answer("q", name, -30.00018, 794.0)]
        old = (
            "Fingerprinting channel 1/2 for x.wav\n"
            "{'song_id': 1, 'song_name': 'Brad-Sucks--Total-Breakdown', 'file_sha1': "
            "'02A83F248EFDA76A46C8B2AC97798D2CE9BC1FBE', 'confidence': 32, 'offset_seconds': 36.50177, 'offset': 786}"
        )
        assert peer_outputs.read_dejavu(old, "q") == [Answer("q", "Brad-Sucks--Total-Breakdown", 36.50177, 32.0)]
        assert peer_outputs.read_dejavu("None\n", "q") == []
        for text in ("", "Traceback (most recent call last):", "[1, 2]", "{'song_id': 1}"):
            with pytest.raises(PeerError, match="nothing that its adapter knows"):
                peer_outputs.read_dejavu(text, "q")

    def test_sourceprint(self) -> None:
        passages = [
            {"recording_start_ms": 5000, "track_start_ms": 1000, "false_per_1000h": 0.01},
            {"recording_start_ms": 9000, "track_start_ms": 8000, "false_per_1000h": 100.0},
        ]
        scans = [
            {"track": {"name": "a/q0001.wav"}, "matches": [{"recording_id": "r0003", "passages": passages}]},
            {"track": {"name": "a/q0002.wav"}, "matches": []},
        ]
        text = "\n".join(map(json.dumps, scans))
        assert peer_outputs.read_sourceprint(text) == ([Answer("q0001", "r0003", 4.0, 2.0)], {"q0001", "q0002"})
        with pytest.raises(PeerError, match="printed 'Segmentation fault'"):
            peer_outputs.read_sourceprint("Segmentation fault\n")

    def test_query_that_is_passed_over_is_no_miss(self) -> None:
        text = "NOMATCH a.wav 5.6 sec 17 raw hashes\n"
        reading = peer_outputs.read_audfprint(text)
        assert peer_outputs.complete(reading, text, [Path("x/a.wav")]) == []
        with pytest.raises(PeerError, match="says nothing about 1 of 2 queries, b for one"):
            peer_outputs.complete(reading, text, [Path("a.wav"), Path("b.wav")])


class TestBitMatcher:
    def test_excerpt_is_found_where_it_was_cut(self) -> None:
        rng = np.random.default_rng(0)
        songs = {name: rng.integers(0, 2**32, 400, dtype=np.uint32) for name in "abc"}
        matcher = BitMatcher.of(songs)
        query = songs["b"][100:180].copy()
        query[10:] ^= np.uint32(1 << 7)  # one bit of 32 is wrong in 70 of 80 numbers
        (best, *_) = matcher.search("q", query)
        assert (best.query, best.reference) == ("q", "b")
        assert best.offset_seconds == pytest.approx(100 * FRAME_SECONDS)
        assert best.score == pytest.approx(1 - 70 / (80 * 32))
        assert matcher.n_bytes == 8 * 1200

    def test_where_no_number_survived_flipping_a_bit_helps(self) -> None:
        rng = np.random.default_rng(1)
        songs = {name: rng.integers(0, 2**32, 300, dtype=np.uint32) for name in "ab"}
        query = songs["a"][50:120] ^ np.uint32(1 << 3)
        matcher = BitMatcher.of(songs)
        assert matcher.search("q", query) == []
        (best, *_) = matcher.search("q", query, flipped=True)
        assert best.reference == "a"
        assert best.score == pytest.approx(31 / 32)

    def test_too_little_overlap_is_no_answer(self) -> None:
        song = np.arange(100, dtype=np.uint32)
        matcher = BitMatcher.of({"a": song})
        assert matcher.search("q", song[-10:].repeat(1))[0].score == 1.0
        beyond = np.concatenate([song[-10:], np.full(90, 2**31, dtype=np.uint32)])
        assert matcher.search("q", beyond) == []

    def test_nothing_in_nothing(self) -> None:
        assert BitMatcher.of({}).search("q", np.arange(5, dtype=np.uint32)) == []
        assert BitMatcher.of({"a": np.arange(5, dtype=np.uint32)}).search("q", np.empty(0, np.uint32)) == []


class TestRunner:
    def test_output_and_time_are_kept(self, tmp_path: Path) -> None:
        run = Runner(tmp_path, 30.0)
        program = "import os; sum(range(2_000_000)); print(os.getcwd(), os.environ['ONE'])"
        assert run.run([sys.executable, "-c", program], environment={"ONE": "two"}) == f"{tmp_path.resolve()} two\n"
        assert run.processor_seconds > 0.0
        assert run.elapsed_seconds > 0.0

    def test_failure_says_why_and_hides_where(self, tmp_path: Path) -> None:
        run = Runner(tmp_path, 30.0)
        with pytest.raises(PeerError, match=r"^python\S* ended with status 3: x\.txt is gone$"):
            run.run([sys.executable, "-c", f"import sys; sys.stderr.write('{tmp_path}/x.txt is gone'); sys.exit(3)"])
        assert run.run([sys.executable, "-c", "import sys; sys.exit(4)"], accepted=(0, 4)) == ""
        with pytest.raises(PeerError, match="nothing-here cannot be started: No such file"):
            run.run(["/nothing-here"])

    def test_program_that_hangs_is_ended_with_its_children(self, tmp_path: Path) -> None:
        program = (
            "import subprocess, sys, time\n"
            "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
            "open('pid', 'w').write(str(child.pid)); time.sleep(60)\n"
        )
        with pytest.raises(PeerError, match="was ended: no end within 2 s"):
            Runner(tmp_path, 2.0).run([sys.executable, "-c", program])
        child = Path(f"/proc/{(tmp_path / 'pid').read_text()}/stat")
        for _ in range(100):
            if not child.exists() or child.read_text().split()[2] == "Z":
                break
            time.sleep(0.05)
        else:
            pytest.fail("the child of the program that was ended is still running")

    def test_files_count_once_by_content(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"x" * 5000)
        (tmp_path / "b").hardlink_to(tmp_path / "a")
        with (tmp_path / "sparse").open("wb") as file:
            file.truncate(10_000_000)
        assert folder_bytes(tmp_path) == 5000


def wav(path: Path, y: np.ndarray[Any, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, y, 22050, subtype="PCM_16")


def songs(n: int) -> list[np.ndarray[Any, Any]]:
    return [SyntheticCorpus(seconds=13.0).load(f"album{i:02d}/track0", sample_rate=22050) for i in range(n)]


def script(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "audfprint.py"
    path.write_text(text, encoding="utf-8")
    return path


class TestAsk:
    @pytest.fixture
    def queries(self, tmp_path: Path) -> list[Path]:
        rng = np.random.default_rng(0)
        paths = [tmp_path / "q" / f"q{i}.wav" for i in range(4)]
        for path in paths:
            wav(path, 0.1 * rng.standard_normal(4000))
        return paths

    def test_stand_in_finds_planted_passages(self, queries: list[Path], tmp_path: Path) -> None:
        peer = peer_adapters.audfprint(STAND_IN, PYTHON, dense=True)
        run = Runner(tmp_path, 60.0)
        peer.index(run, queries[:2])
        answers, failed = peers.ask(peer, run, queries)
        assert [(answer.query, answer.reference) for answer, _ in answers] == [("q0", "q0"), ("q1", "q1")]
        assert failed == {}
        assert all(seconds > 0 for _, seconds in answers)
        assert peer.index_bytes(run) > 0

    def test_one_query_that_crashes_it_costs_no_other(self, queries: list[Path], tmp_path: Path) -> None:
        text = STAND_IN.read_text(encoding="utf-8").replace(
            "        asked = samples(query)\n", "        asked = samples(query)\n        assert 'q2' not in query\n"
        )
        peer = peer_adapters.audfprint(script(tmp_path, text), PYTHON)
        run = Runner(tmp_path, 60.0)
        peer.index(run, queries)
        answers, failed = peers.ask(peer, run, queries)
        assert [answer.query for answer, _ in answers] == ["q0", "q1", "q3"]
        assert list(failed) == ["q2"]
        assert "AssertionError" in failed["q2"]

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("import sys; sys.exit('out of luck')", "ended with status 1: out of luck"),
            ("print('Hello, world')", "printed 'Hello, world', nothing that its adapter knows"),
            ("", "printed nothing, nothing that its adapter knows"),
            ("import time; time.sleep(60)", "was ended: no end within 0.5 s"),
        ],
    )
    def test_program_that_never_answers_is_given_up(
        self, text: str, why: str, queries: list[Path], tmp_path: Path
    ) -> None:
        peer = peer_adapters.audfprint(script(tmp_path, text), PYTHON)
        run = Runner(tmp_path, 0.5 if "sleep" in text else 60.0)
        with pytest.raises(PeerError, match="gave no answer to 3 queries in a row") as caught:
            peers.ask(peer, run, queries)
        assert why in str(caught.value)

    @pytest.mark.parametrize("status", [0, 3])  # 3: it printed a fingerprint, yet the decoder complained
    def test_fpcalc_is_asked_for_all_of_each_file(self, status: int, queries: list[Path], tmp_path: Path) -> None:
        program = tmp_path / "fpcalc"
        program.write_text(
            f"#!{sys.executable}\n"
            "import sys\n"
            "assert sys.argv[1:4] == ['-raw', '-length', '1000000'], sys.argv\n"
            "data = open(sys.argv[4], 'rb').read()[44:]\n"
            "numbers = [int.from_bytes(data[i:i + 4], 'little') for i in range(0, 400, 4)]\n"
            "print('DURATION=1\\nFINGERPRINT=' + ','.join(map(str, numbers)))\n"
            f"sys.exit({status})\n",
            encoding="utf-8",
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        peer = peer_adapters.chromaprint(program)
        run = Runner(tmp_path, 60.0)
        peer.index(run, queries[:3])
        answers, failed = peers.ask(peer, run, queries)
        assert [(a.query, a.reference, a.score) for a, _ in answers] == [(f"q{i}", f"q{i}", 1.0) for i in range(3)]
        assert (failed, peer.index_bytes(run)) == ({}, 8 * 300)


def peer_of(**changes: Any) -> peer_adapters.Peer:
    return dataclasses.replace(peer_adapters.audfprint(STAND_IN, PYTHON), **changes)


class TestJudge:
    QUERIES = (
        Query("q0", "eq", "album00/track0", "album00", True),
        Query("q1", "eq", "album01/track0", "album01", True),
        Query("q2", "reverb", "album02/track0", "album02", True),
        Query("q3", "eq", "stranger00/track0", "stranger00", False),
        Query("q4", "eq", "stranger01/track0", "stranger01", False),
    )
    REFERENCES = {f"r{i}": f"album{i:02d}/track0" for i in range(3)} | {"r9": "album00/track1"}

    def judged(self, *answers: tuple[str, str, float], peer: peer_adapters.Peer | None = None) -> dict[str, Any]:
        rows = [[query, reference, 0.0, score, 0.1] for query, reference, score in answers]
        got = {"answers": rows, "failed": {}, "query_seconds": 10.0, "index_seconds": 6.0, "index_bytes": 100}
        return peers.judge(peer or peer_of(), got, self.QUERIES, self.REFERENCES, SyntheticCorpus(), 2.0)

    def test_right_false_and_wrong_are_told_apart(self) -> None:
        got = self.judged(
            ("q0", "r0", 9.0), ("q0", "r0", 12.0),  # the better of two places counts
            ("q0", "r9", 8.0),  # of the same source: may share material
            ("q1", "r2", 7.0),  # another source
            ("q2", "r2", 6.0), ("q2", "elsewhere", 5.0),  # not a file of the catalogue at all
            ("q3", "r0", 6.5), ("q3", "r1", 5.5),
        )  # fmt: skip
        assert got["right"] == {"eq": [12.0, None], "reverb": [6.0]}
        assert got["highest_false"] == 6.5
        assert (got["false"], got["wrong"]) == (1, 2)
        assert got["query_seconds"] == 2.0
        assert (got["index_seconds_per_hour"], got["index_bytes_per_hour"]) == (3.0, 50.0)

    def test_own_decision_leaves_out_unreported_matches(self) -> None:
        got = self.judged(("q0", "r1", 4.0), ("q3", "r0", 4.0), ("q4", "r0", 5.0), peer=peer_of(least_score=5.0))
        assert (got["false"], got["wrong"], got["highest_false"], got["least_score"]) == (1, 0, 5.0, 5.0)

    def test_no_stranger_answered_means_no_threshold(self) -> None:
        got = self.judged(("q0", "r0", 1.0))
        assert got["highest_false"] is None
        assert peers_report.found([1.0, None], above=None) == 1

    def test_program_that_failed_has_its_reason_alone(self) -> None:
        peer = peer_of()
        got = peers.judge(peer, {"answers": [], "why": "lost"}, self.QUERIES, self.REFERENCES, SyntheticCorpus(), 2.0)
        assert got["why"] == "lost"
        assert "right" not in got


class TestPresence:
    def test_without_a_name_nothing_but_sourceprint_is_run(self) -> None:
        present, absent = peers.absent_and_present({})
        assert [peer.name for peer in present] == ["Sourceprint", "Sourceprint"]
        assert [one["name"] for one in absent] == ["audfprint", "olaf", "panako", "fpcalc", "dejavu"]
        assert {one["why"] for one in absent} == {"not named"}
        assert absent[3]["how"] == "--fpcalc PATH/fpcalc"

    def test_named_programs_are_run_with_two_settings_and_missing_ones_named(self, tmp_path: Path) -> None:
        (tmp_path / "dejavu.py").touch()
        options = {"audfprint": str(STAND_IN), "panako": str(tmp_path / "panako.jar"), "dejavu": str(tmp_path)}
        present, absent = peers.absent_and_present(options)
        assert [peer.label for peer in present[2:]] == ["audfprint", "audfprint, dense"]
        assert present[3].settings == "--density 70 --fanout 8"
        why = {one["name"]: one["why"] for one in absent}
        assert why["panako"] == "panako.jar: no such file"
        assert why["dejavu"].endswith(": no such file")

    def test_every_program_can_be_made(self, tmp_path: Path) -> None:
        for name in ("olaf", "panako.jar", "fpcalc", "dejavu.py", "config.json"):
            (tmp_path / name).touch()
        options = {
            "olaf": str(tmp_path / "olaf"), "panako": str(tmp_path / "panako.jar"), "fpcalc": str(tmp_path / "fpcalc"),
            "dejavu": str(tmp_path), "dejavu_config": str(tmp_path / "config.json"), "audfprint": str(STAND_IN),
        }  # fmt: skip
        present, absent = peers.absent_and_present(options)
        assert absent == []
        assert len({peer.label for peer in present}) == len(present) == 10


class TestPanakoAndOlafCommands:
    @pytest.mark.parametrize("dense", [False, True])
    def test_olaf_keeps_to_a_home_of_its_own(self, dense: bool, tmp_path: Path) -> None:
        program = tmp_path / "olaf"
        program.write_text(
            f"#!{sys.executable}\n"
            "import os, sys\n"
            "open(os.environ['HOME'] + '/.olaf/log', 'a').write(' '.join(sys.argv[1:]) + '\\n')\n"
            "print('query_index, total_queries, query_path, query_offset, match_count')\n",
            encoding="utf-8",
        )
        program.chmod(0o755)
        home = tmp_path / "run"
        home.mkdir()
        peer = peer_adapters.olaf(program, dense=dense)
        run = Runner(home, 60.0)
        peer.index(run, [Path("a.mp3"), Path("b.mp3")])
        assert peer.query(run, [Path("q.wav")]) == []
        assert (home / ".olaf/log").read_text() == "store a.mp3 b.mp3\nquery q.wav\n"
        settings = json.loads((home / ".olaf/olaf_config.json").read_text())
        assert Path(settings["db_folder"]) == home / ".olaf/db"  # no "~", which some versions take for a name
        assert ("max_event_point_usages" in settings) is dense
        assert peer.index_bytes(run) > 0

    def test_dejavu_gets_a_folder_for_each_ending(self, tmp_path: Path) -> None:
        script(
            tmp_path,
            "import os, sys\n"
            "words = sys.argv[3:]\n"
            "if words[0] == '--recognize':\n"
            "    print(None)\n"
            "else:\n"
            "    assert words[0] == '--fingerprint' and len(words) == 3, words\n"
            "    there = sorted(name for name in os.listdir(words[1]) if name.endswith('.' + words[2]))\n"
            "    open('log', 'a').write(f'{words[2]}: {there}\\n')\n",
        ).rename(tmp_path / "dejavu.py")
        for name in ("r0.mp3", "r1.mp3", "r2.wav", "q0.wav"):
            (tmp_path / name).touch()
        peer = peer_adapters.dejavu(tmp_path, tmp_path / "config.json", PYTHON)
        run = Runner(tmp_path, 60.0)
        peer.index(run, [tmp_path / name for name in ("r0.mp3", "r1.mp3", "r2.wav")])
        assert (tmp_path / "log").read_text() == "mp3: ['r0.mp3', 'r1.mp3']\nwav: ['r2.wav']\n"
        assert peer.query(run, [tmp_path / "q0.wav"]) == []

    def test_panako_gets_its_keys_and_a_database_of_its_own(self, tmp_path: Path) -> None:
        program = tmp_path / "panako"
        program.write_text(
            f"#!{sys.executable}\n"
            "import os, sys\n"
            "open('panako-db/log', 'a').write(' '.join(sys.argv[1:]) + '\\n')\n"
            "assert os.environ['JAVA_TOOL_OPTIONS'] == '-Duser.home=' + os.getcwd()\n"
            "print('1 ; 1 ; q.wav ; 0.000 ; 0.000 ; null ; null ; -1.000 ; -1.000 ; -1 ; -1.000 % ; -1.000 %; 0.00')\n",
            encoding="utf-8",
        )
        program.chmod(0o755)
        peer = peer_adapters.panako(program)
        run = Runner(tmp_path.resolve(), 60.0)
        peer.index(run, [Path("a.mp3")])
        assert peer.query(run, [Path("q.wav")]) == []
        places = "STRATEGY=PANAKO PANAKO_LMDB_FOLDER=panako-db PANAKO_CACHE_TO_FILE=FALSE AVAILABLE_PROCESSORS=1"
        assert (tmp_path / "panako-db/log").read_text() == f"store a.mp3 {places}\nquery q.wav {places}\n"


class TestFiles:
    def test_without_other_music_recordings_run_backwards(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(query_files, "catalogue", lambda *_, **__: tmp_path / "index")
        monkeypatch.setattr(SyntheticCorpus, "generated", ())
        monkeypatch.setattr(query_files, "DRAWN", 1)
        corpus = SyntheticCorpus(seconds=11.0)
        job = Job(corpus, tmp_path / "cache", jobs=1)
        queries, _ = query_files.write_queries(job, {"eq": ("eq", 3.0)}, tmp_path, n=1, strangers=1)
        assert [query.known for query in queries] == [True, False]
        assert queries[1].file.startswith("made:backwards/album")
        everything = {row.source for row in corpus.music}
        with pytest.raises(ParameterError, match="all its sources were trained on"):
            query_files.write_queries(job, {}, tmp_path, n=1, strangers=1, without=everything)

    @pytest.mark.slow
    def test_queries_and_references_have_neutral_names(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        corpus = SyntheticCorpus(seconds=11.0)
        monkeypatch.setattr(query_files, "catalogue", lambda *_, **__: tmp_path / "index")
        monkeypatch.setattr(query_files, "DRAWN", 2)
        job = Job(corpus, tmp_path / "cache", jobs=1)
        queries, missing = query_files.write_queries(
            job, {"mp3_64k": ("mp3_64k", 10.0), "sides, 2 s": ("centre_removed", 2.0)}, tmp_path, n=2, strangers=2
        )
        assert [query.name for query in queries if query.condition == "mp3_64k"] == [f"q{i:04d}" for i in range(4)]
        assert [query.known for query in queries][:4] == [True, True, False, False]
        assert set(missing) <= {"sides, 2 s"}
        written = sorted(path.name for path in (tmp_path / "queries").iterdir())
        assert written == [f"{query.name}.wav" for query in queries]
        info = soundfile.info(tmp_path / "queries" / "q0000.wav")
        assert (info.samplerate, info.duration) == (22050, pytest.approx(10.0, abs=0.01))
        for query in queries:
            if query.condition == "sides, 2 s":
                assert soundfile.info(tmp_path / "queries" / f"{query.name}.wav").duration == pytest.approx(2.0)
        first = corpus.music[:2]
        monkeypatch.setattr(SyntheticCorpus, "music", property(lambda _: first))
        names = query_files.write_references(corpus, tmp_path)
        assert names == {"r0000": "album00/track0", "r0001": "album00/track1"}
        assert sorted(path.name for path in (tmp_path / "references").iterdir()) == ["r0000.wav", "r0001.wav"]


class TestMeasure:
    @pytest.mark.slow
    def test_stand_in_beside_sourceprint_from_end_to_end(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        a, b, c, d = songs(4)  # a, b, c are the catalogue
        references = {"r0000": "album00/track0", "r0001": "album01/track0", "r0002": "album02/track0"}
        queries = [
            Query("q0000", "clean", "album00/track0", "album00", True),
            Query("q0001", "clean", "album01/track0", "album01", True),
            Query("q0002", "noisy", "album02/track0", "album02", True),
            Query("q0003", "clean", "stranger00/track0", "stranger00", False),
        ]

        def write_queries(job: Job, conditions: object, folder: Path, **_: int) -> tuple[list[Query], dict[str, str]]:
            cut = slice(2 * 22050, 12 * 22050)
            noise = 0.02 * np.random.default_rng(0).standard_normal(10 * 22050)
            for name, y in zip(("q0000", "q0001", "q0002", "q0003"), (a[cut], b[cut], c[cut] + noise, d[cut]),
                               strict=True):  # fmt: skip
                wav(folder / "queries" / f"{name}.wav", y)
            return queries, {"echo": "no room"}

        def write_references(corpus: object, folder: Path) -> dict[str, str]:
            for name, y in zip(references, (a, b, c), strict=True):
                wav(folder / "references" / f"{name}.wav", y)
            return references

        monkeypatch.setattr(peers, "write_queries", write_queries)
        monkeypatch.setattr(peers, "write_references", write_references)
        monkeypatch.setattr(peers, "CONDITIONS", ("clean", "noisy"))
        monkeypatch.setattr(peers, "SOURCEPRINT", (peer_adapters.sourceprint(),))  # a second one takes its time
        broken = script(tmp_path, "raise SystemExit('no numpy')")
        fpcalc = tmp_path / "fpcalc"
        fpcalc.write_text("#!/bin/sh\necho nonsense\n")
        fpcalc.chmod(0o755)
        options = {"audfprint": str(STAND_IN), "fpcalc": str(fpcalc), "tsv": str(tmp_path / "tsv")}
        job = Job(SyntheticCorpus(), tmp_path / "cache", quick=True, options=options)
        report = peers.measure(job)
        json.dumps(report, allow_nan=False)
        tools = {tool["label"]: tool for tool in report["tools"]}
        assert list(tools) == ["Sourceprint", "audfprint", "audfprint, dense",
                               "Chromaprint, our matcher", "Chromaprint, our matcher, dense"]  # fmt: skip
        stand_in = tools["audfprint"]
        assert stand_in["right"] == {"clean": [10.0, 10.0], "noisy": [None]}  # noise is beyond it
        assert (stand_in["highest_false"], stand_in["false"], stand_in["wrong"]) == (None, 0, 0)
        ours = tools["Sourceprint"]
        assert all(score is not None for scores in ours["right"].values() for score in scores)
        assert ours["index_bytes_per_hour"] > 0
        assert "printed 'nonsense'" in tools["Chromaprint, our matcher"]["why"]
        tsv = (tmp_path / "tsv" / "audfprint.tsv").read_text().splitlines()
        assert tsv[0].split("\t") == ["query", "reference", "offset", "score", "seconds"]
        assert tsv[1].split("\t")[:4] == ["q0000", "album00/track0", "2.000", "10"]

        text = as_text(peers.PART, report)
        for words in ("audfprint, dense", "could not be measured: printed 'nonsense'", "--olaf PATH/olaf", "no room"):
            assert words in text
        (picture,) = peers_report.pictures(report, tmp_path)
        first = (tmp_path / picture.name).read_bytes()
        peers_report.pictures(report, tmp_path)
        assert (tmp_path / picture.name).read_bytes() == first
        assert [figure.value for figure in peers_report.figures(report)][:1] == [100.0]

        # A second run asks no program again; one that has changed is asked.
        def refuse(*_: object) -> None:
            raise AssertionError("asked again")

        monkeypatch.setattr(peers, "ask", refuse)
        del job.options["fpcalc"]
        assert peers.measure(job)["tools"] == report["tools"][:3]
        job.options["audfprint"] = str(broken)
        changed = peers.measure(job)["tools"]
        assert changed[1]["why"].endswith("ended with status 1: no numpy")
