"""The pages that people read: complete, self-contained, escaped, and each party's its own."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from fingerprint.errors import UnknownRightsError
from sourceprint.royalties.money import Amount, sum_of
from sourceprint.royalties.rights.records import MASTER, Party
from sourceprint.royalties.statements.files.page import (
    Bar,
    bar_chart,
    party_file_name,
    party_page,
    party_pages,
    statement_page,
)
from sourceprint.royalties.statements.files.page_lines import MAX_DRILLED
from sourceprint.royalties.statements.files.page_view import View
from sourceprint.royalties.statements.files.statement_json import statement_digest
from tests import statement_samples as samples
from tests.royalty_records import cents, of_cents

VOID = frozenset({"meta", "br", "link", "img"})


class Page(HTMLParser):
    """Collects the tags and text of a page, and complains about elements that are not closed."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._pieces: list[str] = []
        self.feed(data.decode())
        self.close()
        assert self.open == []
        self.text = "".join(self._pieces)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self._pieces.append(data)


@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD"])
def test_every_line_total_and_balance_stands_on_the_page(currency: str) -> None:
    statement = samples.rich(currency)
    page = Page(statement_page(statement))
    for line in statement.lines:
        assert f"Line {line.number}, use by use" in page.text
        assert line.gross.shown(currency) in page.text
    for total in statement.totals:
        assert total.total.text(currency) in page.text
    for balance in statement.balances:
        assert balance.carried.shown(currency) in page.text
        assert balance.paid.text(currency) in page.text
    assert statement_digest(statement) in page.text
    for words in (
        "evidence of reuse",
        "1 USD = 0.9213",
        "European Central Bank",
        "revision 7",
        "expired on 2026-06-30",
    ):
        assert words in page.text


def test_the_page_needs_nothing_else_and_runs_nothing() -> None:
    page = Page(statement_page(samples.rich()))
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "form"}
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in ("href", "src", "xlink:href"):
                assert (value or "").startswith("#"), (tag, value)
    assert "url(http" not in statement_page(samples.rich()).decode()


def test_text_from_outside_is_escaped_and_its_controls_are_seen() -> None:
    data = statement_page(samples.rich()).decode()
    assert "<script" not in data
    assert "Anna &lt;script&gt;alert(1)&lt;/script&gt; Ångström" in data
    assert "Blue\\tLabel | Records\\nLtd" in data


def test_tables_have_scopes_and_the_page_a_language_and_ids_are_unique() -> None:
    page = Page(statement_page(samples.rich()))
    assert ("html", {"lang": "en"}) in page.tags
    headers = [attributes for tag, attributes in page.tags if tag == "th"]
    assert headers
    assert all(attributes.get("scope") in ("col", "row") for attributes in headers)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {(attributes.get("href") or "")[1:] for tag, attributes in page.tags if tag == "a"}
    assert targets <= set(ids)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_colours_have_the_contrast_that_wcag_aa_asks_in_light_and_in_dark() -> None:
    schemes = re.findall(r":root \{ (--ink.*?) \}", statement_page(samples.rich()).decode())
    assert len(schemes) == 3
    for scheme in schemes:
        colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", scheme))
        for ground in ("paper", "panel"):
            for text in ("ink", "soft", "link", "alert"):
                assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
            assert contrast(colours["bar"], colours[ground]) >= 3


def test_a_chart_is_named_and_leaves_its_colours_to_the_page() -> None:
    bars = [Bar("A <b> $x$ \x1b 日本", of_cents(5), "0.05"), Bar("B", of_cents(-3), "-0.03")]
    svg = bar_chart(bars, title='T "&"', description="D <d>")
    assert svg.startswith("<svg viewBox=")
    assert 'role="img"' in svg
    assert "<title>T &#34;&amp;&#34;</title><desc>D &lt;d&gt;</desc>" in svg
    assert "A &lt;b&gt; $x$ \\x1b 日本" in svg
    assert "var(--bar)" in svg
    assert "currentColor" in svg
    assert svg == bar_chart(bars, title='T "&"', description="D <d>")


def test_many_bars_end_in_one_for_the_others() -> None:
    bars = View(samples.rich()).bars({f"P{number:02d}": of_cents(100 - number) for number in range(20)})
    assert len(bars) == 13
    assert bars[-1][0] == "8 others"
    assert cents(amount for _, amount, _ in bars) == sum(100 - number for number in range(20))


def test_amounts_by_track_sum_to_the_lines() -> None:
    statement = samples.rich()
    view = View(statement).whole()
    matched = sum_of(line.gross for line in statement.lines if line.kind != "unmatched")
    assert sum_of(amount for _, amount, _ in view["bars_by_track"]) == matched
    assert sum_of(amount for _, amount, _ in view["bars_by_kind"]) == sum_of(line.gross for line in statement.lines)


def test_namesakes_are_two_bars() -> None:
    parties = (Party("P-1", "Smith"), Party("P-2", "Smith"))
    rows: list[samples.Row] = [
        ("DE", MASTER, "payable", party.id, "R1", "", "LIC-1", "", (samples.part("", 1_000),)) for party in parties
    ]
    view = View(samples.assemble(rows, parties=parties)).whole()
    assert [label for label, _, _ in view["bars_by_party"]] == ["P-1 Smith", "P-2 Smith"]


def test_a_party_sees_its_own_money_and_nobody_elses() -> None:
    statement = samples.rich()
    pages = dict(party_pages(statement))
    assert len(pages) == 4
    own = {line.number for line in statement.lines if line.party_id == "P-ANNA"}
    page = Page(pages["P-ANNA.html"])
    assert {int(number) for number in re.findall(r"Line (\d+), use by use", page.text)} == own
    assert "-2.500000" in page.text
    for other in ("P-LABEL", "P-BO", "Blue", "calc", "Overclaim", "Amount of the use"):
        assert other not in page.text
    others = {
        line.gross.shown("EUR")
        for line in statement.lines
        if line.number not in own and abs(line.gross) > Amount.parse("5")
    }
    mine = {line.gross.shown("EUR") for line in statement.lines if line.number in own}
    assert others - mine
    for gross in others - mine:
        assert f">{gross}<" not in pages["P-ANNA.html"].decode()
    assert "1.200000" in Page(party_page(statement, "P-OPEN")).text
    with pytest.raises(UnknownRightsError, match="'P-NONE' has no lines, held shares, balance or adjustments"):
        party_page(statement, "P-NONE")


def test_pages_of_parties_have_names_that_no_file_system_confuses() -> None:
    names = [
        party_file_name(party_id) for party_id in ("P-1", "p-1", "../P-1", "a/b", "a\\b", "", "日本", "CON\n", "..")
    ]
    assert len({name.lower() for name in names}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*\.html", name) for name in names)


def test_an_empty_statement_says_so() -> None:
    text = Page(statement_page(samples.nothing())).text
    for words in ("There is nothing to pay", "No party has a balance", "Nothing was shared out"):
        assert words in text


def test_beyond_a_number_of_uses_lines_are_shown_without_them_and_the_page_says_so() -> None:
    rows: list[samples.Row] = [
        ("DE", MASTER, "payable", "P-ANNA", f"R{number}", "", "LIC-1", "", (samples.part(samples.use(1).id, 1_000),))
        for number in range(MAX_DRILLED + 500)
    ]
    data = statement_page(samples.assemble(rows, uses=(samples.use(1),)))
    text = data.decode()
    assert f"A page lists at most {MAX_DRILLED} uses: 500 lines are shown without their uses" in text
    assert text.count("use by use (1)") == MAX_DRILLED
    assert data.count(b'<tr class="line">') == len(rows)


def test_long_labels_keep_their_distinct_parts() -> None:
    bars = [
        Bar("A Publisher With A Long Name", of_cents(2), "2"),
        Bar("/batches/2026-08/0001/track 17.wav", of_cents(1), "1"),
    ]
    svg = bar_chart(bars, title="Labels", description="Two bars.")
    assert "A Publisher With A …" in svg
    assert "…08/0001/track 17.wav" not in svg
    assert "…8/0001/track 17.wav" in svg
