"""Ablations change one thing, ask the same, and say by how much the answers differ."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from benchmarks import ablation_report, ablation_run, ablations
from benchmarks.ablation_run import Setting
from benchmarks.ablation_variants import DEFAULT, LIMITS, TRAINED, Variant, variants
from benchmarks.data.corpus import SyntheticCorpus
from benchmarks.part import Job, as_text
from benchmarks.query_files import Query
from fingerprint.params import Params
from index.folder.index import Index, LayerSpec
from index.search.match import STANDARD


class TestVariants:
    def test_each_changes_one_thing_and_is_held_against_one_that_exists(self) -> None:
        made = variants(quick=False)
        names = {(one.group, one.name) for one in made}
        assert len(names) == len(made)
        bases = {one.name for one in made if one.name in (DEFAULT, TRAINED)}
        assert bases == {DEFAULT, TRAINED}
        for one in made:
            changed = sum(map(bool, (one.params, one.options, one.vectors, one.trained, one.limit != LIMITS[0])))
            extra = 1 if one.trained and one.params else 0  # a trained map with another size, against a trained one
            assert changed - extra == (0 if one.name == DEFAULT else 1), one
            assert one.against == ("" if one.name == DEFAULT else TRAINED if one.trained and one.name != TRAINED
                                   else DEFAULT), one  # fmt: skip

    def test_values_differ_from_the_shipped_ones(self) -> None:
        for one in variants(quick=False):
            for name, value in one.params:
                assert getattr(Params(), name) != value, one
            for name, value in one.options:
                assert getattr(STANDARD, name) != value, one

    def test_an_index_takes_the_descriptors_of_each(self) -> None:
        sizes = {dict(one.params).get("dimension", Params().dimension) for one in variants(quick=False)}
        assert len(sizes) > 1
        for size in sizes:
            assert isinstance(size, int)
            assert LayerSpec({}, size).dimension == size

    def test_searches_that_differ_in_the_limit_alone_run_once(self) -> None:
        made = variants(quick=False)
        limits = [one for one in made if one.limit != LIMITS[0]]
        assert len(limits) == 3
        assert {one.run for one in limits} == {made[0].run}
        assert len({one.run for one in made}) == len(made) - 3

    def test_short_version_trains_nothing(self) -> None:
        made = variants(quick=True)
        assert made[0].name == DEFAULT
        assert 3 <= len({one.run for one in made}) <= 4
        assert not any(one.trained for one in made)


class TestMaps:
    def test_principal_directions_are_those_of_most_variance(self) -> None:
        rng = np.random.default_rng(0)
        both = rng.standard_normal((500, 6)).astype(np.float32) * np.array([1, 9, 1, 5, 1, 1], dtype=np.float32) + 3
        matrix, offset = ablation_run.fit_principal(both[:250], both[250:], 2)
        assert np.abs(matrix[:, 0]).argmax() == 1
        assert np.abs(matrix[:, 1]).argmax() == 3
        assert np.linalg.norm(matrix, axis=0) == pytest.approx(np.ones(2), abs=1e-5)
        assert (both @ matrix - offset).mean(axis=0) == pytest.approx(np.zeros(2), abs=1e-3)


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    """Return three recordings, a query of each of two, and one of music that is none of them."""
    corpus, folder = SyntheticCorpus(seconds=14.0), tmp_path_factory.mktemp("ablations")
    queries = [
        Query("q0000", "clean", "album00/track0", "album00", True),
        Query("q0001", "cut", "album01/track0", "album01", True),
        Query("q0002", "clean", "stranger00/track0", "stranger00", False),
    ]
    (folder / "queries").mkdir()
    for query, seconds in zip(queries, (6.0, 0.3, 6.0), strict=True):  # 0.3 s are too little to go by
        y = corpus.load(query.file, sample_rate=22050)[4 * 22050 :][: round(seconds * 22050)]
        soundfile.write(folder / "queries" / f"{query.name}.wav", y, 22050, subtype="PCM_16")
    rows = tuple(row for row in corpus.music if row.file.endswith("track0"))[:3]
    return Setting(corpus, rows, tuple(queries), str(folder), str(folder), ("basis",))


class TestRun:
    def test_planted_passages_are_found_and_kept(self, setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
        ablation_run.open_setting(setting)
        default = Variant("", DEFAULT, against="")
        got = ablation_run.run_variant(default)
        (found, too_short), (stranger,) = got["right"], got["strangers"]
        assert found is not None
        assert found < 0.01
        assert too_short is None
        assert stranger is None or stranger > LIMITS[0]
        assert got["wrong"][1] is None
        assert got["query_seconds"] > 0
        assert 5 < got["landmarks_per_second"] <= 25
        json.dumps(got, allow_nan=False)
        folders = sorted((Path(setting.cache) / "ablations").glob("index-*"))
        info = Index.open(folders[0]).info()
        assert (len(folders), info["recordings"], info["layers"]["recording"]["kind"]) == (1, 3, "compressed")

        def refuse(*_: object) -> None:
            raise AssertionError("searched again")

        monkeypatch.setattr(ablation_run, "_asked", refuse)
        assert ablation_run.run_variant(default) == got
        with pytest.raises(AssertionError, match="searched again"):
            ablation_run.run_variant(Variant("x", "y", options=(("neighbours", 5),)))
        assert sorted((Path(setting.cache) / "ablations").glob("index-*")) == folders  # it needs no other index

    def test_fewer_landmarks_make_a_smaller_index(self, setting: Setting) -> None:
        ablation_run.open_setting(setting)
        many = ablation_run.run_variant(Variant("", DEFAULT, against=""))
        few = ablation_run.run_variant(Variant("x", "y", params=(("reference_density", 8.0),)))
        assert few["landmarks_per_second"] <= 8.0
        assert few["bytes_per_hour"] < 0.7 * many["bytes_per_hour"]

    def test_vectors_are_kept_as_asked(self, setting: Setting) -> None:
        ablation_run.open_setting(setting)
        default = ablation_run.run_variant(Variant("", DEFAULT, against=""))
        exact = ablation_run.run_variant(Variant("x", "exact", vectors="exact"))
        assert exact["bytes_per_hour"] > 1.3 * default["bytes_per_hour"]  # lists as small as these are mostly padding
        assert exact["right"][0] is not None


class TestMeasure:
    @pytest.mark.slow
    def test_whole_run_trains_each_projection_once(
        self, setting: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def write_queries(
            job: Job, conditions: object, folder: Path, **_: object
        ) -> tuple[list[Query], dict[str, str]]:
            (folder / "queries").symlink_to(Path(setting.folder) / "queries")
            return list(setting.queries), {"echo": "no room"}

        asked = []

        def training_pairs(corpus: object, fold: int, *, params: Params, **_: int) -> tuple[Any, Any]:
            asked.append((fold, params.patch_seconds))
            rng = np.random.default_rng(3)
            size = params.patch_times * params.patch_bins
            reference, query = rng.standard_normal((2, 600, size)).astype(np.float32)
            return reference, query

        def some(*, quick: bool) -> tuple[Variant, ...]:
            made = {one.name: one for one in variants(quick=False)}
            wanted = [one for one in made.values() if one.trained == "pca" or one.name.startswith("patch of +-0.9")]
            return (made[DEFAULT], Variant("limit", "10", limit=10.0), made[TRAINED], *wanted)

        monkeypatch.setattr(ablations, "write_queries", write_queries)
        monkeypatch.setattr(ablations, "training_pairs", training_pairs)
        monkeypatch.setattr(ablations, "variants", some)
        monkeypatch.setattr(ablations, "RECORDINGS", 3)
        job = Job(SyntheticCorpus(seconds=14.0), tmp_path, jobs=1)
        report = ablations.measure(job)
        json.dumps(report, allow_nan=False)
        assert asked == [(0, 0.6), (0, pytest.approx(0.9))]
        assert report["catalogue"]["recordings"] == 3
        assert report["queries"] == ["clean", "cut"]
        default, limit, trained, *_ = report["variants"]
        assert (limit["right"], limit["limit"]) == (default["right"], 10.0)
        assert len(trained["right"]) == 2
        assert len(list((tmp_path / "ablations").glob("projection-*.npz"))) == 3
        again = ablations.measure(job)
        assert again["variants"] == report["variants"]
        assert len(asked) == 2
        assert "no room" in as_text(ablations.PART, report)

    def test_catalogue_holds_the_requested_recordings_and_others_of_all_sources(self) -> None:
        corpus = SyntheticCorpus(seconds=14.0)
        queries = [Query("q", "clean", "album07/track2", "album07", True)]
        rows = ablations._catalogue(corpus, queries, 9, 0)
        assert len(rows) == 9
        assert "album07/track2" in {row.file for row in rows}
        assert {row.source for row in rows} == {f"album{i:02d}" for i in range(8)}
        assert [row.file for row in rows] == sorted(row.file for row in rows)


def hand_made() -> dict[str, Any]:
    def variant(name: str, right: list[float | None], against: str = DEFAULT, **more: Any) -> dict[str, Any]:
        known = {"group": "g" if against else "", "limit": 1.0, "strangers": [5.0, None], "wrong": [None] * 4}
        return {**known, "name": name, "against": against, "right": right, "bytes_per_hour": 2e6,
                "query_seconds": 10.0, "landmarks_per_second": 20.0, **more}  # fmt: skip

    base: list[float | None] = [0.5, 0.5, 5.0, None]
    return {
        "part": "ablations",
        "facts": {
            "machine": {"cpu": "C", "cores": 2, "memory_gb": 8, "system": "S"},
            "date_utc": "2026-01-01T00:00:00",
            "versions": {"python": "3"},
            "params_digest": "sha256:0",
            "commit": "0",
        },
        "corpus": {"name": "made by hand", "recordings": 3, "hours": 0.5, "missing": []},
        "settings": {"seed": 0, "quick": False, "excerpts": 2, "strangers": 1, "conditions": ["a", "b"]},
        "catalogue": {"recordings": 3, "hours": 0.5},
        "queries": ["a", "a", "b", "b"],
        "not_applicable": {},
        "variants": [
            variant(DEFAULT, base, against=""),
            variant("ten", base, limit=10.0),
            variant("worse", [0.5, None, 5.0, None], bytes_per_hour=1e6, query_seconds=30.0),
            variant(TRAINED, [0.1, 0.1, 0.1, None]),
            variant("trained", [0.1, None, 0.1, 0.1], against=TRAINED),
        ],
    }


class TestReport:
    def test_differences_are_paired(self) -> None:
        (changes, by_condition) = ablation_report.tables(hand_made())
        rows = {row[0]: list(row[1:]) for row in changes.rows}
        assert rows[DEFAULT] == ["50", "", "", "", "0", "1.00", "1.00"]
        assert rows["g: ten"] == ["75", "+25", "1, 0", "b: +50", "1", "1.00", "1.00"]
        assert rows["g: worse"] == ["25", "-25", "0, 1", "a: -50", "0", "0.50", "3.00"]
        assert rows["g: trained"] == ["75", "+0", "1, 1", "a: -50", "0", "1.00", "1.00"]  # against the trained one
        shares = {row[0]: list(row[1:]) for row in by_condition.rows}
        assert by_condition.header == ("", "a", "b")
        assert shares["g: ten"] == ["100", "50"]

    def test_interval_holds_the_difference_and_never_vanishes(self) -> None:
        low, high = ablation_report.change_interval(0, 0, 50)
        assert low == pytest.approx(-high)
        assert 0.01 < high < 0.1
        low, high = ablation_report.change_interval(30, 2, 100)
        assert 0.15 < low < 0.28 < high < 0.4
        assert ablation_report.change_interval(2, 30, 100) == pytest.approx((-high, -low))
        assert ablation_report.change_interval(4, 0, 4)[1] <= 1.0

    def test_figure_is_that_of_the_default(self) -> None:
        (figure,) = ablation_report.figures(hand_made())
        assert figure.value == 50.0
        assert figure.detail == "n=4, 15-85 %"

    @pytest.mark.slow
    def test_picture_is_drawn_and_the_same_every_time(self, tmp_path: Path) -> None:
        (picture,) = ablation_report.pictures(hand_made(), tmp_path)
        first = (tmp_path / picture.name).read_bytes()
        ablation_report.pictures(hand_made(), tmp_path)
        assert (tmp_path / picture.name).read_bytes() == first
        assert b"svg" in first[:300]
