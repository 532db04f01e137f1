"""Problems: every kind is listed with its status and on its page; no message of the API speaks of the command line."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fingerprint import errors
from fingerprint.errors import SourceprintError
from sourceprint.service.api_words import in_api_words, in_console_words
from sourceprint.service.problem_kinds import KINDS, NO_KIND, kind_of, type_of
from sourceprint.service.web.caller import BUDGET_SPENT
from sourceprint.service.web.problems import Problem
from tests.places import ROOT
from tests.service_servers import TestService

PAGE = ROOT / "docs" / "formats" / "problems.md"
SERVICE = ROOT / "sourceprint" / "service"
TODAY = "day of issue {}: is in the past"  # by API it is today
BY_COMMAND = re.compile(r"(?<![\w(-])--[a-z]|`sourceprint ")
ROW = re.compile(r"^\| ([a-zA-Z -]+) \| (\d{3}(?:, \d{3})*) \| (.+) \|$", re.MULTILINE)

# Modules whose messages name commands and options, and why no caller of the API is told them.
NOT_BY_API = {
    "sourceprint/royalties/people.py": "who acts is the key or person of the request",
    "sourceprint/royalties/rights/chain": "heads of the chain are compared by the operator",
    "sourceprint/royalties/rights/engine.py": "the place of the database, which the operator gives",
    "sourceprint/royalties/rights/findings.py": "rights check is a command alone",
    "sourceprint/royalties/deals/optin.py": "choices are entered by a command alone",
    "sourceprint/royalties/statements/audit.py": "statements are audited by a command alone",
    "sourceprint/royalties/statements/authorship.py": "statements are audited by a command alone",
    "sourceprint/royalties/statements/earlier/corrections.py": "adjustments are entered by a command alone",
    "sourceprint/royalties/statements/earlier/audit_windows.py": "the day of issue by API is today",
    "sourceprint/royalties/tables/problems.py": "the text of the report, of which the API answers the JSON",
    "sourceprint/royalties/uses/searches.py": "words of the search as it was",
    "sourceprint/sheets/columns.py": "by options alone, which an import by API has not",
    "sourceprint/sheets/workbooks.py": "several sheets: the first is read, the note says how else by command",
    "sourceprint/service/backup": "for the operator",
    "sourceprint/service/data_folder.py": "for the operator",
    "sourceprint/service/log_keys.py": "for the operator",
    "sourceprint/service/serving.py": "for the operator",
    "sourceprint/service/web/own_jobs.py": "the operator makes keys, and cases are verified by a command alone",
    "index/search/wider.py": "a fingerprint file is made by a command, and then sent",
}


def refusals() -> Iterator[tuple[str, int, str]]:
    """Yield file, status and title of every `Refused(...)` of the API."""
    for path in sorted(SERVICE.rglob("*.py")):
        if "console" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Refused":
                status, title = node.args[:2]
                assert isinstance(status, ast.Constant)
                word = title.value if isinstance(title, ast.Constant) else {"BUDGET_SPENT": BUDGET_SPENT}[title.id]  # type: ignore[attr-defined]
                yield path.name, int(str(status.value)), str(word)


def messages(path: Path) -> Iterator[str]:
    """Yield the texts of a module that are no docstrings, with {} where a value is filled in."""
    tree = ast.parse(path.read_text("utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docs = {
        id(one.body[0].value)
        for one in ast.walk(tree)
        if isinstance(one, documented) and isinstance(one.body[0], ast.Expr)
    }
    inner = {id(part) for one in ast.walk(tree) if isinstance(one, ast.JoinedStr) for part in one.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not {id(node)} & (docs | inner):
            yield node.value


def test_the_page_lists_every_kind() -> None:
    page = PAGE.read_text(encoding="utf-8")
    listed = {title: (tuple(map(int, codes.split(", "))), meaning) for title, codes, meaning in ROW.findall(page)}
    assert listed == KINDS
    example = Problem(**json.loads(page.partition("```json")[2].partition("```")[0]))
    assert (example.type, KINDS[example.title][0]) == (type_of(example.title), (example.status,))


def test_every_refusal_is_of_a_kind_with_its_status() -> None:
    found = list(refusals())
    assert len(found) > 40
    assert [one for one in found if one[2] not in KINDS or one[1] not in KINDS[one[2]][0]] == []


def test_every_error_of_the_product_has_a_kind_and_no_title_is_the_name_of_a_class() -> None:
    n_errors = 0
    for name in errors.__all__:
        made: Any = getattr(errors, name)
        if isinstance(made, type):
            n_errors += 1
            status, title = kind_of(SourceprintError.__new__(made))
            assert status in KINDS[title][0], name
    assert n_errors > 25
    assert all(title == title.lower() or title == "key in URL" for title in KINDS)
    assert type_of("something else") == NO_KIND


def test_no_message_speaks_of_the_command_line() -> None:
    spoken = []
    for folder in ("index/search", "sourceprint/royalties", "sourceprint/sheets", "sourceprint/service"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if any(name.startswith(one) for one in NOT_BY_API):
                continue
            for words in (in_api_words, in_console_words):
                found = [said for said in map(words, messages(path)) if BY_COMMAND.search(said)]
                spoken += [(name, said[:100]) for said in found if not said.startswith(TODAY)]
    assert spoken == []


def test_a_message_in_api_words_is_that_of_the_terminal_on_pages_of_the_console() -> None:
    said = "recording 'A' is not in the index; `sourceprint list` shows its ids; give --provisional or --correct REASON"
    shown = in_console_words(said)
    assert in_console_words(in_api_words(said)) == shown == (
        "recording 'A' is not in the index; the page Recordings shows its ids; ask for a provisional one or a reason "
        "why the text was wrong from the start"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/v1/nothing", 404, "not found"),
        ("/v1/scans?limit=x", 422, "invalid request"),
        ("/health", 405, "method not allowed"),
    ],
)
def test_refusals_of_the_framework_have_kinds_too(
    sqlite_service: TestService, path: str, status: int, kind: str
) -> None:
    with sqlite_service.client() as client:
        refused = client.request("POST" if status == 405 else "GET", path).json()
    assert (refused["status"], refused["title"], refused["type"]) == (status, kind, type_of(kind))
    assert set(refused) == {"type", "title", "status", "detail", "request_id"}


def test_a_refused_import_is_a_problem_with_the_faults(sqlite_service: TestService) -> None:
    head = "index_id,recording_title,party,role,right,share\n"
    table = f"{head}A,Title A,Harbour,,Master,150 %\nB,Title B,Quay,,Master,100 %\n"
    with sqlite_service.client() as client:
        for query in ("", "&dry_run=true"):
            refused = client.post(f"/v1/rights/imports?name=r.csv{query}", content=table.encode())
            assert (refused.status_code, refused.json()["type"]) == (422, type_of("import refused")), refused.text
            assert "partial=true" in refused.json()["detail"]
            (fault,) = refused.json()["report"]["problems"]
            assert (fault["severity"], fault["file"], fault["row"], fault["column"]) == ("error", "r.csv", 2, "share")
        assert client.get("/v1/rights/B").status_code == 404
        partly = client.post("/v1/rights/imports?name=r.csv&partial=true", content=table.encode())
        assert (partly.status_code, partly.json()["imported"]) == (200, True)
        assert client.get("/v1/rights/B").status_code == 200
        bare = table.replace(" %", "").encode()
        unclear = client.post("/v1/rights/imports?name=r.csv", content=bare).json()
        assert (unclear["title"], "give shares=percent or shares=fraction" in unclear["detail"]) == (
            "unusable document",
            True,
        )
