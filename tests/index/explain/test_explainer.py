"""Why there is no match: each cause on synthesised music, and that the proposed remedy works."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fingerprint.extract import fingerprint_signal, track_parts
from fingerprint.spf_files import write_file
from index.explain.explainer import Explainer, explain
from index.explain.explanation import (
    CLEAR_SHARE,
    Account,
    Explanation,
    Question,
    Rival,
    WeighedAlignment,
    explanation_to_json,
    in_one,
)
from index.explain.searches import Searches
from index.folder.index import Index, LayerLandmarks
from index.search.match import DEFAULT_FALSE_PER_1000H, STANDARD, THOROUGH, Examination, SearchOptions, examine
from index.search.matches import Transformation
from index.storage.hubs import Hub
from index.storage.layers import recording_landmarks
from index.storage.manifest import layer_specs
from index.storage.recordings import Recording
from index.storage.snapshot import Snapshot
from sourceprint.demo.synthesis import synthesize
from sourceprint.demo.transformations import phase_vocoder
from sourceprint.scans.scan_text import explanation_block
from tests.command_line import RATE_HZ, music, run, write

Samples = NDArray[np.float32]
Mask = NDArray[np.bool_]


@functools.cache
def other(seed: int, seconds: float = 8.0) -> Samples:
    """Return music without drums, to lie over passages: pieces share drum sounds."""
    return synthesize(seed, seconds, sample_rate=RATE_HZ, parts=("lead", "chords", "bass", "pad"))


def level(y: Samples) -> float:
    return float(np.sqrt(np.mean(y**2)))


def excerpt(seed: int, start: float, seconds: float) -> Samples:
    return music(seed)[round(start * RATE_HZ) : round((start + seconds) * RATE_HZ)]


def store_of(
    path: Path, sounds: Mapping[str, Samples], excluded: Mapping[str, tuple[tuple[int, int], ...]] | None = None
) -> Snapshot:
    index = Index.create(path, layer_specs())
    with index.writer() as writer:
        for name, y in sounds.items():
            fingerprint = fingerprint_signal(y)
            duration_ms = round(1000 * fingerprint.duration_seconds)
            recording = Recording(name, duration_ms=duration_ms, excluded=(excluded or {}).get(name, ()))
            writer.add(recording, recording_landmarks(fingerprint))
    return index.snapshot()


SONGS = {f"s{k}": music(k) for k in range(1, 7)}


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Return s1 to s6."""
    return store_of(tmp_path_factory.mktemp("explaining") / "index", SONGS)


def asked(
    y: Samples,
    snapshot: Snapshot,
    folder: Path,
    *against: str,
    options: SearchOptions = STANDARD,
    limit: float = DEFAULT_FALSE_PER_1000H,
    allowed: Mask | None = None,
) -> Explanation:
    """Explain a query of these samples."""
    path = write(folder / "query.wav", y, subtype="FLOAT")
    question = Question(against)
    return explain(path, snapshot, question, options=replace(options, max_false_per_1000h=limit), allowed=allowed)


def about(explanation: Explanation) -> Account:
    (account,) = explanation.accounts
    return account


def found(
    y: Samples,
    snapshot: Snapshot,
    *,
    options: SearchOptions = STANDARD,
    limit: float = DEFAULT_FALSE_PER_1000H,
    allowed: Mask | None = None,
) -> list[str]:
    """Return the ids that a search reports."""
    query = fingerprint_signal(y, role="track", scales=options.scales)
    searched = examine(query, snapshot, options=replace(options, max_false_per_1000h=limit), allowed=allowed)
    return [match.recording.id for match in searched.result.matches]


def only(snapshot: Snapshot, *names: str) -> Mask:
    return np.array([recording.id in names for recording in snapshot.recordings])


def buried(gain: float, seconds: float = 8.0) -> Samples:
    """Return a passage of s3 under louder music."""
    passage, over = excerpt(3, 2.0, seconds), other(200, seconds)
    return (over * np.float32(level(passage) / level(over)) + np.float32(gain) * passage).astype(np.float32)


# Causes, and their remedies.


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "start"), [(2, 3.0), (2, 6.0), (3, 5.0), (3, 6.0), (4, 5.0), (5, 3.0), (5, 6.0)])
def test_a_clip_that_is_too_short_says_so_and_at_the_length_it_names_it_is_found(
    catalogue: Snapshot, tmp_path: Path, seed: int, start: float
) -> None:
    account = about(asked(excerpt(seed, start, 0.55), catalogue, tmp_path, f"s{seed}"))
    assert (account.reported, account.causes) == (False, ("short",))
    assert account.catalogue is not None
    assert account.catalogue.score < account.catalogue.threshold
    assert account.catalogue.share_met > 0.3
    assert account.longer_by_seconds is not None
    assert account.longer_by_seconds in (0.5, 1.0)
    assert found(excerpt(seed, start, 0.55), catalogue) == []
    assert found(excerpt(seed, start, 0.55 + account.longer_by_seconds), catalogue) == [f"s{seed}"]


@pytest.mark.parametrize("gain", [0.1, 0.15])
def test_the_stated_limit_reports_a_candidate_and_a_lower_one_does_not(
    catalogue: Snapshot, tmp_path: Path, gain: float
) -> None:
    y = buried(gain)
    account = about(asked(y, catalogue, tmp_path, "s3"))
    assert "faint" in account.causes
    limit = account.max_false_per_1000h
    assert limit is not None
    assert limit > DEFAULT_FALSE_PER_1000H
    assert found(y, catalogue, limit=limit) == ["s3"]
    assert found(y, catalogue, limit=0.9 * limit) == []


def test_a_buried_source_is_faint_by_the_share_of_landmarks_met(catalogue: Snapshot, tmp_path: Path) -> None:
    account = about(asked(buried(0.06), catalogue, tmp_path, "s3"))
    assert account.best is not None
    assert 0.0 < account.best.share_met < CLEAR_SHARE / 2
    assert "faint" in account.causes
    assert found(buried(0.5), catalogue) == ["s3"]  # the clearer copy


@pytest.mark.slow
@pytest.mark.parametrize("tempo", [0.55, 1.65])
def test_a_tempo_out_of_range_is_found_by_the_thorough_search_that_it_recommends(
    catalogue: Snapshot, tmp_path: Path, tempo: float
) -> None:
    y = phase_vocoder(excerpt(2, 0.5, 11.0), RATE_HZ, tempo)
    assert found(y, catalogue) == []
    explanation = asked(y, catalogue, tmp_path, "s2")
    account = about(explanation)
    low, high = explanation.tempo_range
    assert not low <= tempo <= high
    assert (explanation.thorough, account.causes) == ("tried", ("tempo",))
    assert account.thorough is not None
    assert account.thorough.reported
    assert account.thorough.ratio == pytest.approx(tempo, rel=0.01)
    assert found(y, catalogue, options=THOROUGH) == ["s2"]
    assert "--thorough: reports 0:" in explanation_block(explanation)


def test_finds_of_a_thorough_search_come_first_where_nothing_is_named(catalogue: Snapshot, tmp_path: Path) -> None:
    first, *_ = asked(phase_vocoder(excerpt(2, 0.5, 11.0), RATE_HZ, 0.55), catalogue, tmp_path).accounts
    assert (first.recording_id, first.named, first.causes) == ("s2", False, ("tempo",))


def test_a_thorough_search_is_not_made_again(catalogue: Snapshot, tmp_path: Path) -> None:
    explanation = asked(excerpt(3, 5.0, 0.55), catalogue, tmp_path, "s3", "s1", options=THOROUGH)
    assert explanation.thorough == "asked"
    assert all(account.thorough is None for account in explanation.accounts)
    assert "--thorough" not in explanation_block(explanation)


@pytest.mark.slow
def test_a_passage_in_an_excluded_range_says_so_and_counts_again_without_it(tmp_path: Path) -> None:
    snapshot = store_of(tmp_path / "index", SONGS, {"s2": ((3_000, 9_000),)})
    y = excerpt(2, 4.0, 4.0)
    account = about(asked(y, snapshot, tmp_path, "s2"))
    assert account.causes == ("excluded",)
    assert account.excluded is not None
    assert account.excluded.recording_start_seconds == pytest.approx(4.0, abs=0.3)
    assert account.excluded.reported
    assert found(y, snapshot) == []
    assert found(y, store_of(tmp_path / "free", SONGS)) == ["s2"]
    text = explanation_block(asked(y, snapshot, tmp_path, "s2"))
    assert "excluded ranges (0:03-0:09): 0:00." in text
    assert "sourceprint exclude s2 --clear" in text


@pytest.mark.slow
def test_excluded_ranges_that_change_nothing_are_not_blamed(tmp_path: Path) -> None:
    snapshot = store_of(tmp_path / "index", SONGS, {"s3": ((10_000, 11_000),)})
    account = about(asked(buried(0.06), snapshot, tmp_path, "s3"))
    assert "excluded" not in account.causes
    assert account.excluded is None


def test_looking_into_excluded_ranges_leaves_the_snapshot_as_it_was(tmp_path: Path) -> None:
    snapshot = store_of(tmp_path / "index", SONGS, {"s2": ((3_000, 9_000),)})
    view, whole = snapshot.layer("recording"), snapshot.without_exclusions().layer("recording")
    ordinal = snapshot.ordinal("s2")
    counted = view.counted_of(ordinal)
    assert counted is not None
    assert 0 < counted.size < view.count_of(ordinal)
    assert whole.counted_of(ordinal) is None
    assert (view.has_exclusions, whole.has_exclusions) == (True, False)
    assert not whole.excluded(np.arange(view.n_rows), whole.recording_of(np.arange(view.n_rows))).any()


def test_a_recording_that_the_filter_leaves_out_is_said_to_match_if_it_is_let_in(
    catalogue: Snapshot, tmp_path: Path
) -> None:
    y = excerpt(2, 4.0, 4.0)
    allowed = ~only(catalogue, "s2")
    explanation = asked(y, catalogue, tmp_path, "s2", allowed=allowed)
    account = about(explanation)
    assert (account.causes, account.reported, account.let_in_reports) == (("filtered",), False, True)
    assert found(y, catalogue, allowed=allowed) == []
    assert found(y, catalogue, allowed=allowed | only(catalogue, "s2")) == ["s2"]
    assert "it is reported if --only id:s2 lets it in" in explanation_block(explanation)


def test_a_recording_left_out_that_does_not_match_either_says_both(catalogue: Snapshot, tmp_path: Path) -> None:
    account = about(asked(excerpt(2, 4.0, 4.0), catalogue, tmp_path, "s5", allowed=~only(catalogue, "s5")))
    assert account.causes[0] == "filtered"
    assert account.causes[1] in ("nothing", "chance")
    assert not account.let_in_reports


def test_a_recording_that_is_not_there_or_has_no_landmarks_is_named_as_such(tmp_path: Path) -> None:
    index = Index.create(tmp_path / "index", layer_specs())
    nothing = LayerLandmarks(np.empty(0), np.empty(0, np.float32), np.empty((0, 64), np.float32))
    with index.writer() as writer:
        writer.add(Recording("s2"), recording_landmarks(fingerprint_signal(music(2))))
        writer.add(Recording("empty"), {"recording": nothing})
    explanation = asked(excerpt(2, 4.0, 2.0), index.snapshot(), tmp_path, "gone", "empty", "gone")
    assert [(account.recording_id, account.causes) for account in explanation.accounts] == [
        ("gone", ("not_in_index",)),
        ("empty", ("no_landmarks",)),
    ]
    assert explanation.thorough == "needless"


@pytest.mark.slow
def test_unrelated_music_aligns_no_better_than_chance(catalogue: Snapshot, tmp_path: Path) -> None:
    y = synthesize(300, 20.0, sample_rate=RATE_HZ, parts=("lead", "chords", "pad"))
    explanation = asked(y, catalogue, tmp_path, *SONGS)
    assert explanation.thorough == "tried"
    for account in explanation.accounts:
        assert not account.reported
        assert account.causes[0] in ("nothing", "chance")
        assert (account.longer_by_seconds, account.max_false_per_1000h) == (None, None)
    text = explanation_block(explanation)
    assert "nothing of it aligns better than chance" in text or "it aligns no better than chance gives" in text
    assert "would help" not in text


def test_a_query_of_which_little_can_be_expected_is_told_so(catalogue: Snapshot, tmp_path: Path) -> None:
    explanation = asked(excerpt(4, 6.0, 0.52), catalogue, tmp_path, "s4")
    assert about(explanation).causes == ("nothing", "brief")
    assert "the track is 0.5 s long; from 3 s on, a clear passage is found" in explanation_block(explanation)
    assert found(excerpt(4, 6.0, 3.0), catalogue) == ["s4"]


def test_a_hub_is_told_by_how_much_it_raised_the_threshold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hubs = {"s3": Hub(1e30, 1e29, 10**9, 10)}
    monkeypatch.setattr("index.folder.writer.find_hubs", lambda snapshot: dict(hubs))
    snapshot = store_of(tmp_path / "index", {f"s{k}": music(k) for k in range(1, 13)})
    explanation = asked(excerpt(3, 3.0, 2.0), snapshot, tmp_path, "s3")
    account = about(explanation)
    assert account.catalogue is not None
    assert account.causes == ("hub",)
    assert account.catalogue.hub_factor == 1e30
    assert account.catalogue.base_threshold < account.catalogue.score < account.catalogue.threshold
    assert "the recording resembles everything (a hub)" in explanation_block(explanation)


def test_rivals_are_named_and_at_the_limit_it_states_it_is_reported_beside_them(
    catalogue: Snapshot, tmp_path: Path
) -> None:
    y = music(128, 20.0)  # of the same groove as some of the catalogue
    explanation = asked(y, catalogue, tmp_path, "s3")
    account = about(explanation)
    assert account.causes == ("rivals",)
    assert account.catalogue is not None
    assert account.catalogue.base_threshold < account.catalogue.score < account.catalogue.threshold
    assert [rival.recording_id for rival in account.catalogue.rivals] == ["s2", "s1"]
    assert "ambiguous: s2, s1 and 1 other place in this recording match as well" in explanation_block(explanation)
    assert account.max_false_per_1000h is not None
    assert found(y, catalogue) == []
    assert found(y, catalogue, limit=account.max_false_per_1000h) == ["s3"]


def test_a_thorough_search_that_aligns_no_better_is_not_said_to_go_further(
    catalogue: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lenient(searches: Searches, admitted: int | None = None) -> Examination:
        searches.thorough = "tried"
        query = fingerprint_signal(y, role="track", scales=STANDARD.scales)
        return examine(query, catalogue, options=replace(STANDARD, max_false_per_1000h=1e5))

    y = music(128, 20.0)
    monkeypatch.setattr(Searches, "widely", lenient)
    account = about(asked(y, catalogue, tmp_path, "s3"))
    assert account.thorough is not None
    assert account.thorough.reported
    assert account.causes == ("rivals",)


def test_a_duplicate_is_told_beside_which_recording_it_is_named(tmp_path: Path) -> None:
    snapshot = store_of(tmp_path / "index", {**SONGS, "twin": np.float32(0.9) * music(2)})
    y = excerpt(2, 4.0, 5.0)
    (name,) = found(y, snapshot)
    twin = ({"s2", "twin"} - {name}).pop()
    account = about(asked(y, snapshot, tmp_path, twin))
    assert (account.causes, account.reported_there, account.is_duplicate) == (("duplicate",), (name,), True)


def test_a_recording_that_another_explains_better_is_told_so(tmp_path: Path) -> None:
    over = other(210, 12.0)
    mix = over * np.float32(level(music(2)) / level(over)) + np.float32(0.6) * music(2)
    snapshot = store_of(tmp_path / "index", {**SONGS, "mix": mix.astype(np.float32)})
    y = excerpt(2, 4.0, 6.0)
    assert found(y, snapshot) == ["s2"]
    explanation = asked(y, snapshot, tmp_path, "mix")
    account = about(explanation)
    assert account.causes in (("explained",), ("duplicate",))
    assert account.reported_there == ("s2",)
    assert found(y, snapshot, allowed=only(snapshot, "mix")) == ["mix"]
    assert account.only_reports


def test_a_recording_that_is_reported_is_told_why_it_passed(catalogue: Snapshot, tmp_path: Path) -> None:
    explanation = asked(excerpt(2, 4.0, 4.0), catalogue, tmp_path, "s2")
    account = about(explanation)
    assert (account.reported, account.causes, explanation.thorough) == (True, (), "needless")
    assert account.catalogue is not None
    assert account.catalogue.reported
    assert account.catalogue.score > account.catalogue.threshold
    text = explanation_block(explanation).splitlines()
    assert text[0] == "  s2: reported"
    assert "times the threshold" in text[-1]


def test_a_passage_that_aligns_only_alone_says_so_and_is_reported_if_searched_alone(
    catalogue: Snapshot, tmp_path: Path
) -> None:
    y = excerpt(2, 5.0, 0.7)
    assert found(y, catalogue) == []
    explanation = asked(y, catalogue, tmp_path, "s2")
    account = about(explanation)
    assert account.alone is not None
    assert account.alone.reported
    assert not (account.catalogue is not None and account.catalogue.reported)
    assert account.causes[0] == "crowded"
    assert account.only_reports
    assert found(y, catalogue, allowed=only(catalogue, "s2")) == ["s2"]
    assert "found only if searched alone" in explanation_block(explanation)


def test_without_names_the_closest_come_first_and_none_that_is_reported(catalogue: Snapshot, tmp_path: Path) -> None:
    y = np.concatenate([excerpt(2, 4.0, 5.0), buried(0.06)])
    assert found(y, catalogue) == ["s2"]
    accounts = asked(y, catalogue, tmp_path).accounts
    assert accounts[0].recording_id == "s3"
    assert len(accounts) <= 3
    assert "s2" not in [account.recording_id for account in accounts]
    ranks = [account.rank for account in accounts]
    assert ranks == sorted(ranks, reverse=True)


@pytest.mark.same_bytes
def test_the_same_query_has_the_same_explanation(catalogue: Snapshot, tmp_path: Path) -> None:
    y = buried(0.06)
    assert asked(y, catalogue, tmp_path) == asked(y, catalogue, tmp_path)


# Fingerprint files, and long queries.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scales", "state"), [(STANDARD.scales, "unavailable"), (THOROUGH.scales, "tried")], ids=["usual", "thorough"]
)
def test_a_fingerprint_file_is_searched_thoroughly_if_it_has_the_time_scales(
    catalogue: Snapshot, tmp_path: Path, scales: tuple[float, ...], state: str
) -> None:
    audio = write(tmp_path / "slow.wav", phase_vocoder(excerpt(2, 0.5, 11.0), RATE_HZ, 0.55), subtype="FLOAT")
    made = write_file(tmp_path / "slow.spf", track_parts(audio, scales=scales))
    assert made.track_scales == scales
    explanation = explain(tmp_path / "slow.spf", catalogue, Question(("s2",)))
    assert explanation.thorough == state
    assert ("tempo" in about(explanation).causes) == (state == "tried")
    says = "the fingerprint file lacks its time scales" in explanation_block(explanation)
    assert says == (state == "unavailable")


def test_of_a_query_in_parts_the_part_counts_where_a_recording_came_closest(
    catalogue: Snapshot, tmp_path: Path
) -> None:
    parts = []
    for start, y in ((0.0, other(201, 4.0)), (600.0, buried(0.06))):
        query = fingerprint_signal(y, role="track", scales=STANDARD.scales)
        parts.append(replace(query, times=query.times + start, start_seconds=start))
    path = write(tmp_path / "short.wav", other(201, 4.0))  # the new description ends before the second part
    explainer = Explainer(path, catalogue, Question(("s3",)), allowed=None)
    for part in parts:
        explainer.add(part, examine(part, catalogue), STANDARD)
    explanation = explainer.explanation()
    account = about(explanation)
    assert explanation.n_landmarks == sum(part.times.size for part in parts)
    assert account.best is not None
    assert account.best.track_start_seconds >= 600.0


def attempt(score: float, **changes: object) -> WeighedAlignment:
    """Return an alignment made by hand."""
    plain = WeighedAlignment(
        alone=False,
        track_start_seconds=1.04,
        track_end_seconds=2.5,
        recording_start_seconds=61.0,
        recording_end_seconds=62.5,
        ratio=1.0,
        transformation=Transformation(-200.0, 100.0, 100.0),
        track_landmarks=40,
        aligned_landmarks=16,
        expected_by_chance=0.25,
        score=score,
        threshold=30.0,
        base_threshold=30.0,
        rivals=(),
        n_elsewhere=0,
        hub_factor=1.0,
        p_false=0.0002,
        false_per_1000h=47.0,
        confidence=0.99,
        reported=False,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def explanation_of(*accounts: Account, thorough: str = "tried") -> Explanation:
    return Explanation(50, 2.0, 1.0, (0.7395, 1.3334), thorough, accounts)  # type: ignore[arg-type]


def test_explanations_of_parts_keep_the_best_and_drop_reported_ones() -> None:
    def close(name: str, score: float) -> Account:
        return Account(name, named=False, catalogue=attempt(score))

    first = explanation_of(close("a", 20.0), close("b", 15.0), close("c", 14.0), thorough="needless")
    second = explanation_of(close("b", 25.0), close("d", 10.0), close("e", 24.0))
    whole = in_one([first, second], Question(best=3), {"a"})
    assert [account.recording_id for account in whole.accounts] == ["b", "e", "c"]
    assert (whole.n_landmarks, whole.thorough) == (100, "tried")
    assert whole.accounts[0].best == attempt(25.0)


def test_an_alignment_alone_counts_only_if_it_is_better_by_more_than_a_hair() -> None:
    assert Account("a", catalogue=attempt(20.0), alone=attempt(20.1, alone=True)).best == attempt(20.0)
    assert Account("a", catalogue=attempt(20.0), alone=attempt(21.0, alone=True)).best == attempt(21.0, alone=True)
    assert Account("a", alone=attempt(9.0, alone=True)).best == attempt(9.0, alone=True)
    assert Account("a").best is None


# The printed text, to the letter.


MADE = explanation_of(
    Account(
        "boom\n1",
        Recording("boom\n1", "Boom", duration_ms=120_000),
        n_landmarks=2400,
        catalogue=attempt(
            21.04, threshold=35.5, rivals=(Rival("x'y", 12.0), Rival("z", 9.5)), n_elsewhere=1, hub_factor=40.0
        ),
        alone=attempt(21.1, alone=True),
        causes=("short", "rivals", "hub"),
        longer_by_seconds=2.5,
        max_false_per_1000h=47.0,
        only_reports=True,
    ),
    Account("gone", causes=("not_in_index",)),
)


def test_the_text_of_an_explanation() -> None:
    assert explanation_block(MADE).splitlines() == [
        '  boom\\n1 "Boom": no match',
        "    landmarks    50 in the track, 2400 in the recording",
        "    aligned      16 of the 40 in the passage (40 %); 0.2 would by chance",
        "    where        0:01.0-0:02.5 of the track on 1:01.0-1:02.5 of the recording; pitch -2.0 st",
        "    score        21.0; threshold 35.5",
        "    by chance    as good in 1 in 5000 of such tracks, and 47 times in 1 000 hours; the limit is 1",
        "    searched     in the whole catalogue; alone it is no better, with a score of 21.1",
        "    in the way   too short, if it is reuse: 1.5 s, though 40 % of its landmarks agree",
        "                 ambiguous: x'y, z and 1 other place in this recording match as well, which raises the",
        "                 threshold from 30.0",
        "                 the recording resembles everything (a hub): chance meets it 40 times as often, which raises",
        "                 the threshold from 30.0",
        "    would help   about 2.5 s more of the passage, as clear as this (an estimate)",
        "                 --max-false-per-1000h 47: reports it, and up to 47 false ones in 1 000 hours of such audio",
        "                 --only 'id:boom\\n1': searched alone it is reported; fair only if it was suspected before",
        "                 anything was searched",
        "    tried        --thorough does not report it either",
        "  gone: no match",
        "    in the way   the index has no recording with this id; list shows its ids",
    ]


def test_a_figure_at_its_bound_is_said_to_be_one() -> None:
    certain = replace(attempt(90.0), p_false=1e-9, false_per_1000h=9.8e-06)
    lines = explanation_block(explanation_of(Account("a", Recording("a"), n_landmarks=200, catalogue=certain)))
    assert "as good in at most 1 in 10^9 of such tracks, and 9.8e-06 times in 1 000 hours" in " ".join(lines.split())


def test_a_faint_passage_is_compared_with_a_plain_copy() -> None:
    account = Account("a", Recording("a"), n_landmarks=200, catalogue=attempt(20.0), causes=("faint",))
    assert "40 % of the landmarks of the passage, where a plain copy has about 50 %" in " ".join(
        explanation_block(explanation_of(account)).split()
    )


def test_an_explanation_without_recordings_says_that_nothing_came_close() -> None:
    assert explanation_block(explanation_of()) == (
        "  nothing came close: no passage of the track aligns with a recording that is not reported"
    )


def test_the_json_of_an_explanation() -> None:
    fields = explanation_to_json(MADE)
    json.dumps(fields, allow_nan=False)
    first, second = fields.pop("recordings")
    assert fields == {
        "track_landmarks": 50,
        "max_false_per_1000h": 1.0,
        "tempo_range": [73.95, 133.34],
        "thorough": "tried",
    }
    alignment = first.pop("catalogue")
    assert first.pop("alone")["alone"] is True
    assert first == {
        "recording_id": "boom\n1",
        "title": "Boom",
        "named": True,
        "reported": False,
        "landmarks": 2400,
        "excluded": None,
        "thorough": None,
        "causes": ["short", "rivals", "hub"],
        "reported_there": [],
        "would_change": {
            "longer_by_ms": 2500,
            "max_false_per_1000h": 47.0,
            "thorough": False,
            "only_this": True,
            "filter": False,
        },
    }
    assert alignment == {
        "alone": False,
        "track_start_ms": 1040,
        "track_end_ms": 2500,
        "recording_start_ms": 61000,
        "recording_end_ms": 62500,
        "pitch_cents": -200.0,
        "speed_percent": 100.0,
        "tempo_percent": 100.0,
        "track_landmarks": 40,
        "aligned_landmarks": 16,
        "expected_by_chance": 0.25,
        "score": 21.04,
        "score_threshold": 35.5,
        "base_threshold": 30.0,
        "rivals": [{"recording_id": "x'y", "score": 12.0}, {"recording_id": "z", "score": 9.5}],
        "rivals_elsewhere": 1,
        "hub_factor": 40.0,
        "p_false": 0.0002,
        "false_per_1000h": 47.0,
        "confidence": 0.99,
        "reported": False,
    }
    assert (second["recording_id"], second["title"], second["catalogue"], second["causes"]) == (
        "gone", None, None, ["not_in_index"],
    )  # fmt: skip


# On the command line.


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an index of s1, s2 and s3 that tests only read."""
    folder = tmp_path_factory.mktemp("shared") / "index"
    store_of(folder, {name: SONGS[name] for name in ("s1", "s2", "s3")})
    return folder


def test_match_explains_beneath_the_block_of_each_file(shared: Path, tmp_path: Path) -> None:
    short = write(tmp_path / "short.wav", excerpt(3, 5.0, 0.55), subtype="FLOAT")
    tiny = write(tmp_path / "tiny.wav", excerpt(3, 5.0, 0.3))
    plain = run("match", short, index=shared)
    result = run("match", short, tiny, "--explain", "--against", "s3", "--against", "gone", "--quiet", index=shared)
    assert result.exit_code == 4
    assert plain.stdout.startswith(f"{short}: no match in 0:00.6\n  note: short: 0.6 s;")
    lines = result.stdout.removeprefix(plain.stdout).splitlines()
    assert lines[0] == "  s3: no match"
    assert lines[1].startswith("    landmarks    ")
    assert "  gone: no match" in lines
    assert lines[-2] == f"{tiny}: too_short"
    assert lines[-1].startswith("  not searched: ")


@pytest.mark.slow
@pytest.mark.same_bytes
def test_match_in_json_has_the_explanation_only_if_asked_and_else_the_same(shared: Path, tmp_path: Path) -> None:
    files = [write(tmp_path / "a.wav", excerpt(2, 4.0, 3.0)), write(tmp_path / "b.wav", buried(0.06), subtype="FLOAT")]
    results = []
    for words in ([], ["--explain"], ["--explain", "--jobs", "2"]):
        printed = run("match", *files, "--jsonl", *words, index=shared)
        assert printed.exit_code == 0
        lines = [json.loads(line) for line in printed.stdout.splitlines()]
        for line in lines:
            del line["scan_id"], line["timing_ms"]
        results.append(lines)
    plain, explained, with_two_jobs = results
    assert explained == with_two_jobs
    assert all("explanation" not in line for line in plain)
    explanations = [line.pop("explanation") for line in explained]
    assert explained == plain
    assert explanations[1]["recordings"][0]["recording_id"] == "s3"
    assert "s2" not in [reference["recording_id"] for reference in explanations[0]["recordings"]]
