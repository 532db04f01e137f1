"""The shared tools of the benchmarks: intervals, tables, caches, training, and a whole run on synthesised music."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import harness, train_projection
from benchmarks.data.corpus import SyntheticCorpus
from fingerprint.errors import ParameterError
from fingerprint.params import Params, load_projection, shipped_digest
from tests.small_parts import make_folder_slowly


class TestHarness:
    @pytest.mark.parametrize(
        ("successes", "trials_", "low", "high"),
        # Values of R's binom.confint(method = "wilson").
        [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (59, 60, 0.9114, 0.9971)],
    )
    def test_interval_is_that_of_wilson(self, successes: int, trials_: int, low: float, high: float) -> None:
        assert harness.wilson_interval(successes, trials_) == pytest.approx((low, high), abs=5e-4)

    def test_interval_without_trials_knows_nothing(self) -> None:
        assert harness.wilson_interval(0, 0) == (0.0, 1.0)

    def test_interval_of_the_impossible_is_refused(self) -> None:
        with pytest.raises(ParameterError, match="3 successes of 2 trials"):
            harness.wilson_interval(3, 2)

    def test_file_is_written_whole_or_not_at_all(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "new" / "result.json"
        harness.write_atomically(path, b"first")

        def refuse(source: object, target: object) -> None:
            raise OSError("disk on fire")

        monkeypatch.setattr(os, "replace", refuse)
        with pytest.raises(OSError, match="disk on fire"):
            harness.write_atomically(path, b"second")
        assert path.read_bytes() == b"first"
        assert list(path.parent.iterdir()) == [path]

    def test_nan_never_gets_into_a_result(self) -> None:
        with pytest.raises(ValueError, match="not JSON compliant"):
            harness.json_bytes({"share": float("nan")})

    @pytest.mark.slow
    def test_results_come_in_the_order_of_the_tasks_from_any_number_of_processes(self) -> None:
        tasks = [-3, 1, -2]
        for jobs in (1, 2):
            assert list(harness.in_parallel(abs, tasks, jobs=jobs, what="test")) == [3, 1, 2]
        with pytest.raises(ParameterError, match="jobs=0"):
            list(harness.in_parallel(abs, tasks, jobs=0, what="test"))

    @pytest.mark.slow
    def test_work_that_is_given_up_is_not_done(self, tmp_path: Path) -> None:
        """A caller that stops taking results, as by Ctrl-C, does not wait for the rest."""
        tasks = [str(tmp_path / f"{number:03d}") for number in range(200)]
        results = harness.in_parallel(make_folder_slowly, tasks, jobs=2, what="test")
        next(results)
        with pytest.raises(KeyboardInterrupt):
            results.throw(KeyboardInterrupt)  # type: ignore[attr-defined]
        assert len(list(tmp_path.iterdir())) < len(tasks)

    def test_facts_name_machine_versions_and_parameters(self) -> None:
        known = harness.facts()
        assert known["params_digest"] == Params().digest
        assert known["machine"]["cores"] >= 1
        assert known["versions"]["numpy"] == np.__version__
        assert known["params_digest"][:19] in harness.facts_line(known)
        json.loads(harness.json_bytes(known))

    def test_source_digest_follows_the_code(self) -> None:
        assert harness.source_digest("fingerprint") == harness.source_digest("fingerprint")
        assert harness.source_digest("fingerprint") != harness.source_digest("index")
        assert harness.source_digest("benchmarks/harness.py") != harness.source_digest("benchmarks/trials.py")


class TestTraining:
    def test_directions_are_those_that_tell_places_apart(self) -> None:
        # Places differ along the first axis alone; the second differs between two views of one place alone.
        rng = np.random.default_rng(0)
        place = np.zeros((4000, 4), dtype=np.float32)
        place[:, 0] = rng.standard_normal(4000)

        def view() -> np.ndarray[Any, np.dtype[np.float32]]:
            seen = place + 0.05 * rng.standard_normal(place.shape).astype(np.float32)
            seen[:, 1] += rng.standard_normal(4000).astype(np.float32)
            return seen + np.float32(3.0)

        matrix, offset = train_projection.fit_projection(view(), view(), 2)
        assert matrix.shape == (4, 2)
        assert matrix.dtype == offset.dtype == np.float32
        first = matrix[:, 0] / np.linalg.norm(matrix[:, 0])
        assert first[0] == pytest.approx(1.0, abs=0.01)  # positive: the sign is fixed
        assert abs(first[1]) < 0.05
        assert offset == pytest.approx(np.full(4, 3.0) @ matrix, rel=0.01, abs=0.05)

    @pytest.mark.slow
    def test_same_seed_gives_the_same_bytes_and_names_the_training_data(self, tmp_path: Path) -> None:
        corpus = SyntheticCorpus(seconds=8.0)
        made = train_projection.train(corpus, 0, excerpts_per_track=1, jobs=1)
        assert made == train_projection.train(corpus, 0, excerpts_per_track=1, jobs=1)
        assert len(made) < 200_000
        path = tmp_path / "projection.npz"
        path.write_bytes(made)
        projection = load_projection(path)
        params = Params()
        assert projection.matrix.shape == (params.patch_times * params.patch_bins, params.dimension)
        assert train_projection.trained_on(path) == train_projection.fold_sources(corpus, 0)
        with np.load(io.BytesIO(made)) as arrays:
            assert sorted(arrays) == ["matrix", "offset", "sources"]

    def test_shipped_projection_names_its_training_data(self) -> None:
        assert train_projection.trained_on()
        assert load_projection(train_projection.SHIPPED).digest == shipped_digest()
        assert train_projection.SHIPPED.stat().st_size < 200_000

    @pytest.mark.corpus
    def test_projection_that_ships_knows_one_half_of_the_corpus(self, corpus: Path) -> None:
        from benchmarks.data.corpus import read_corpus

        assert train_projection.trained_on() == train_projection.fold_sources(read_corpus(corpus), 0)

    def test_other_half_needs_a_place_to_go(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit, match="2"):
            train_projection.main(["--fold", "1"])
        assert "--out is needed for fold 1" in capsys.readouterr().err
