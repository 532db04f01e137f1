"""Results as a DataFrame: the rows of the CSV export, with types."""

from __future__ import annotations

import csv
import io
import sys

import pandas
import pytest

import sourceprint
from sourceprint.exports.table import COLUMNS, passage_csv
from sourceprint.scans.results import read_result
from sourceprint.scans.summary import q_values
from tests.scan_records import a_failure, a_match, a_passage, a_result

RESULTS = [
    read_result(a_result("a.wav", [a_match("s1", [a_passage(), a_passage(50_000, 90_000)]), a_match("s2")])),
    read_result(a_result("b.wav", [])),
    read_result(a_failure("c.wav")),
]


def test_rows_and_columns_are_those_of_the_csv_export() -> None:
    frame = sourceprint.to_dataframe(RESULTS)
    text = b"".join(passage_csv(RESULTS, q_values(RESULTS))).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert list(frame.columns) == list(COLUMNS) == list(rows[0])
    assert len(frame) == len(rows) == 5
    for name in ("name", "recording_id", "status", "track_start_ms", "passage"):
        assert [("" if value is pandas.NA else str(value)) for value in frame[name]] == [row[name] for row in rows]
    assert [str(frame[name].dtype) for name in ("passage", "p_false", "recording_id")] == ["Int64", "Float64", "string"]
    assert frame["track_end_ms"].sub(frame["track_start_ms"]).sum() == 30_000
    assert list(frame["artists"][0]) == ["An Artist"]


def test_one_result_or_none_will_do() -> None:
    assert list(sourceprint.to_dataframe(RESULTS[0])["recording_id"]) == ["s1", "s1", "s2"]
    assert sourceprint.to_dataframe(iter(())).empty


def test_only_results_make_rows() -> None:
    with pytest.raises(sourceprint.ParameterError, match=r"dict is no ScanResult; .* read_results\(\)"):
        sourceprint.to_dataframe([RESULTS[0].to_dict()])  # type: ignore[list-item]


def test_without_pandas_it_names_the_package_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install 'sourceprint\[dataframe\]'"):
        sourceprint.to_dataframe(RESULTS)
