"""The further stories of the worked example: paper from `stories/chapters.md`, and beside it the product's statements.

A chapter names its commands. They run here, in a folder of their own, and every table of a chapter that is headed by
"On paper and stated" gets columns with the same line of the statement. The paper stays as it was written.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath
from typing import Final
from unittest.mock import patch

import click

from benchmarks.royalties_example_story import money, subject, table
from fingerprint.errors import StatementError
from sourceprint.commands import money as money_commands
from sourceprint.commands import rights as rights_commands
from sourceprint.commands import uses as uses_commands
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.statements.amounts.lines import Adjustment, Line
from sourceprint.royalties.statements.files.statement_json import parse_statement
from sourceprint.royalties.statements.statement import Statement

__all__ = ["follow", "stories_text"]

_PLACE: Final = "SOURCEPRINT_RIGHTS"

_COMMANDS: Final = (
    rights_commands.rights,
    uses_commands.attribute,
    uses_commands.usage,
    money_commands.statement,
)
_PAPER: Final = re.compile(r"^\*\*On paper and stated: (\S+), ([a-z ]+)\*\*\n\n((?:\|.*\n)+)", re.MULTILINE)
_DAY_OF_ENTRY: Final = re.compile(r"(?<= by auditor), \d{4}-\d\d-\d\d")

Stated = dict[tuple[str, ...], tuple[str, ...]]


def stories_text(example: Path) -> str:
    """Return the chapters, with the product's statements.

    Parameters
    ----------
    example : Path
        Folder of the inputs.

    Raises
    ------
    SourceprintError
        If an input is missing or wrong.
    """
    chapters = (example / "stories" / "chapters.md").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.sqlite"
        Database.open(empty, create=True)  # once: it takes as long as a whole story
        return "## ".join(_with_stated(chapter, example, empty) for chapter in chapters.split("## "))


def follow(
    chapter: str, example: Path, folder: Path, run: Callable[[Sequence[str]], object], *, place: str
) -> dict[str, Statement]:
    """Run the commands of a chapter, and return its statements by period.

    Parameters
    ----------
    chapter : str
        Markdown, with one block of commands.
    example, folder : Path
        The inputs; an empty folder to work in.
    run : callable
        Runs the words of one command after `sourceprint`, and fails unless it exits with 0.
    place : str
        An empty database, in place of the one of the chapter.
    """
    shutil.copytree(example, folder / "docs" / "money" / "example")
    exported, *commands = chapter.partition("```sh\n")[2].partition("```")[0].replace("\\\n", " ").splitlines()
    inputs = exported.partition(" S=")[2]
    with contextlib.chdir(folder), patch.dict(os.environ, {_PLACE: place}):
        for command in commands:
            run(shlex.split(command.replace("$S", inputs))[1:])
    statements = [parse_statement(path.read_bytes()) for path in sorted(folder.glob("*/statement.json"))]
    return {str(statement.period): statement for statement in statements}


def _with_stated(chapter: str, example: Path, empty: Path) -> str:
    """Return a chapter with the columns of the product in its tables."""
    if not _PAPER.search(chapter):
        return chapter
    with tempfile.TemporaryDirectory() as folder:
        place = shutil.copyfile(empty, Path(folder) / "rights.sqlite")
        statements = follow(chapter, example, Path(folder), _run, place=str(place))

    def beside(found: re.Match[str]) -> str:
        period, kind, paper = found.groups()
        titles, key_width, stated_of = _KINDS[kind]
        stated, rows = stated_of(statements[period]), paper.splitlines()
        added = []
        for row in rows[2:]:
            key = tuple(cell.strip() for cell in row.strip("|").split("|"))[:key_width]
            if key not in stated:
                raise StatementError(f"{period}, {kind}: {', '.join(key)}: is on paper, and not stated")
            added.append(stated[key])
        used = [at for at in range(len(titles)) if any(cells[at] for cells in added)]
        columns = table([titles[at] for at in used], [[cells[at] for at in used] for cells in added]).splitlines()
        beside = [row + column.removeprefix("|") for row, column in zip(rows, columns, strict=True)]
        return found[0].removesuffix(paper) + "\n".join(beside) + "\n"

    return _PAPER.sub(beside, chapter)


def _run(words: Sequence[str]) -> None:
    """Run one command in silence; a check or a print changes no statement."""
    if words[0] in ("audit", "explain"):
        return
    group = click.Group(commands={str(command.name): command for command in _COMMANDS})
    with contextlib.redirect_stdout(None), contextlib.redirect_stderr(None):
        code = group.main(list(words), prog_name="sourceprint", standalone_mode=False)
    if code:
        raise StatementError(f"sourceprint {shlex.join(words)}: ended with exit code {code}")


# Amounts of a statement, by the paper's name of a line.


def _name(statement: Statement, party_id: str) -> str:
    return next(party.name for party in statement.parties if party.id == party_id)


def _key(statement: Statement, one: Line | Adjustment) -> tuple[str, ...]:
    to = _name(statement, one.party_id) if one.kind == "payable" else f"*{one.kind}*"
    return one.territory, one.right.removesuffix("Right"), to, subject(one)


def _lines(statement: Statement) -> Stated:
    return {
        _key(statement, line): (str(line.number), money(line.net), _reason(line.reason)) for line in statement.lines
    }


def _reason(reason: str) -> str:
    return _DAY_OF_ENTRY.sub("", reason)


def _days(statement: Statement) -> Stated:
    return {_key(statement, line): (line.shares_on,) for line in statement.lines}


def _adjustments(statement: Statement) -> Stated:
    return {_key(statement, one): (money(one.amount), _reason(one.reason)) for one in statement.adjustments}


def _payments(statement: Statement) -> Stated:
    return {
        (_name(statement, one.party_id),): (money(one.due), money(one.paid), money(one.carried))
        for one in statement.balances
    }


def _outside(statement: Statement) -> Stated:
    tracks = {use.id: PurePath(use.track_name).stem for use in statement.uses}
    return {
        (
            tracks[one.use_id],
            one.territory,
            one.right.removesuffix("Right"),
            _name(statement, one.party_id),
            " ".join(filter(None, (one.recording_id, one.work_id))),
        ): (one.outcome.replace("_", " "), one.rule)
        for one in statement.outside
    }


def _opted_out(statement: Statement) -> Stated:
    return {(one.licence_id, one.recording_id): (one.reason,) for one in statement.opted_out}


def _advances(statement: Statement) -> Stated:
    return {
        (one.licence_id,): (money(one.recouped[0].now), money(one.balance))
        for one in statement.advances
        if one.recouped
    }


_KINDS: Final[dict[str, tuple[list[str], int, Callable[[Statement], Stated]]]] = {
    "lines": ([">line", ">stated net", "reason stated"], 4, _lines),
    "days": (["shares of, as stated"], 4, _days),
    "adjustments": ([">stated", "reason stated"], 4, _adjustments),
    "payments": ([">stated due", ">stated paid", ">stated carried"], 1, _payments),
    "outside": (["stated outcome", "stated rule"], 5, _outside),
    "opted out": (["stated reason"], 2, _opted_out),
    "advances": ([">stated recouped", ">stated left"], 1, _advances),
}
