"""Jobs as lines of a list: name, outcome in words, the person or key that submitted each."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sourceprint.service.access.api_keys import KeyScope
from sourceprint.service.api_words import in_console_words
from sourceprint.service.console.visitors import Visitor
from sourceprint.service.line.jobs import ADDITION, CHECK, SCAN, Job
from sourceprint.service.people.persons import list_persons

__all__ = ["SCOPES", "JobLine", "document_of", "job_lines"]

SCOPES = {SCAN: KeyScope.SCAN, CHECK: KeyScope.CHECK, ADDITION: KeyScope.CATALOGUE_WRITE}
"""The scope that submits, shows and erases jobs of a kind."""


@dataclass(frozen=True, slots=True)
class JobLine:
    """A job in a list.

    Attributes
    ----------
    job : Job
    name, outcome : str
    by : str
        Name of the person, or "key:ID".
    """

    job: Job
    name: str
    outcome: str
    by: str


def job_lines(visitor: Visitor, jobs: Sequence[Job], outcome: Callable[[Job], str]) -> list[JobLine]:
    """Return jobs of the visitor's organisation as lines."""
    people = {}
    if any(one.created_by.startswith("person:") for one in jobs):
        with visitor.server.database.reading() as connection:
            found = list_persons(connection, visitor.organisation, removed=True)
        people = {one.actor: one.name for one in found}
    return [
        JobLine(one, document_of(one.arguments)["name"], outcome(one), people.get(one.created_by, one.created_by))
        for one in jobs
    ]


def document_of(text: str | None) -> dict[str, Any]:
    """Return the JSON of a job; empty where there is none. Its detail speaks of pages of the console."""
    found: dict[str, Any] = json.loads(text) if text else {}
    return found | {"detail": in_console_words(found["detail"])} if "detail" in found else found
