"""A scan result as text and as HTML: every figure in its place, and nothing from outside that could forge any."""

from __future__ import annotations

import json
from html.parser import HTMLParser

from sourceprint.scans.results import ScanResult, read_result
from tests.scan_records import a_failure, a_match, a_passage, a_result


def found(*matches: dict[str, object], name: str = "mix.wav") -> ScanResult:
    return read_result(a_result(name, list(matches)))


class Cells(HTMLParser):
    """Collects the text of every cell, and the tags."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: set[str] = set()
        self.said = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert attrs == []
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        self.said += data
        if self.rows:
            self.rows[-1][-1] += data


def shown(result: ScanResult) -> Cells:
    cells = Cells()
    cells.feed(result._repr_html_())
    return cells


def test_text_has_a_line_per_passage_under_its_recording() -> None:
    passage = a_passage(speed_percent=125.0, p_false=2.5e-9)
    assert str(found(a_match("s1", [passage], title="Boom"), name="mix.wav")) == (
        "mix.wav: 1 recording found in 3:00.0\n"
        "    in the track   in the recording  changed                 landmarks  odds by chance\n"
        '  s1 "Boom"\n'
        "    0:10.0-0:20.0  1:00.0-1:10.0     speed +25.0 %, +3.9 st  120        1 in 10^8"
    )
    assert repr(found(a_match("s1"))) == "<ScanResult mix.wav: 1 recording found in 3:00.0>"


def test_text_says_why_there_is_nothing() -> None:
    assert str(read_result(a_result("a.wav", []))) == "a.wav: no match in 3:00.0"
    failure = read_result(a_failure("b.wav"))
    assert str(failure) == f"b.wav: {failure.status}, {failure.reason}"
    assert shown(failure).said == str(failure)


def test_html_has_a_row_per_passage_with_its_times() -> None:
    two = [a_passage(pitch_cents=-200.0, tempo_percent=110.0), a_passage(50_000, 90_000, speed_percent=50.0)]
    cells = shown(found(a_match("s1", two, title="")))
    assert cells.tags == {"table", "caption", "tr", "th", "td"}
    assert cells.rows == [
        ["recording", "seconds", "in the track", "in the recording", "pitch", "tempo", "odds by chance"],
        ["s1", "10.0", "0:10.0-0:20.0", "1:00.0-1:10.0", "-2.0 st", "+10.0 %", "1 in 10^9"],
        ["s1", "10.0", "0:50.0-1:00.0", "1:30.0-1:40.0", "-12.0 st", "-50.0 %", "1 in 10^9"],
    ]


def test_names_from_outside_are_text_and_nothing_else() -> None:
    evil = "<script>alert(1)</script>\n\x1b[31m&amp;"
    result = found(a_match(evil, title=evil), name=f"{evil}.wav")
    cells = shown(result)
    assert cells.tags == {"table", "caption", "tr", "th", "td"}
    assert cells.rows[1][0].startswith(r"<script>alert(1)</script>\n\x1b[31m&amp;")
    assert "\x1b" not in str(result)
    assert str(result).count("\n") == 3
    assert "\n" not in repr(result)


def test_a_dictionary_is_the_json_and_a_copy() -> None:
    record = a_result("mix.wav", [a_match("s1")])
    result = read_result(record | {"from_a_newer_version": 1})
    assert result.to_dict() == record | {"from_a_newer_version": 1}
    assert json.loads(json.dumps(result.to_dict())) == result.to_dict()
    result.to_dict()["matches"].clear()
    assert result.raw["matches"]
