"""The first page of each role: what waits for them, and nothing that is not theirs."""

from __future__ import annotations

import re

import pytest

from sourceprint.service.people.roles import Role
from tests.console_office import Office

pytestmark = pytest.mark.slow

USES = ["7 uses to be decided", "1 use in dispute"]
LINE = ["1 scan in the line or under way"]
REQUESTS = ["2 requests for a second person"]
REPORTS = ["2 reports of usage that no statement has"]
WAITS = {
    Role.ADMIN: [*USES, f"{REQUESTS[0]}, 2 of them for you", *REPORTS, *LINE],
    Role.CATALOGUER: ["2 requests for a second person, 1 of them for you"],
    Role.REVIEWER: ["1 use to be decided, assigned to you", *USES, *LINE],
    Role.ACCOUNTANT: [*USES, *REQUESTS, *REPORTS],
    Role.AUDITOR: [*USES, *REQUESTS, *REPORTS, *LINE],
    Role.LICENSEE: [],
}


@pytest.mark.parametrize("role", list(Role))
def test_the_first_page_says_what_waits(office: Office, role: Role) -> None:
    with office.client(role) as client:
        shown = client.get("/console").text
    listed = shown.partition("What waits</h2>")[2].partition("<h2>")[0]
    found = re.findall(r"<a href=[^>]*>([^<:]*)", listed)
    assert found == WAITS[role]
    assert ("Nothing waits for you." in listed) == (not found)
