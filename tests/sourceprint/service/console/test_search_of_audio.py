"""The search in the head: recordings of the catalogue, and scans by own id, ISRC, title and owner."""

from __future__ import annotations

import pytest

from sourceprint.service.people.roles import Role
from tests.console_office import Office

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("words", ["tw-4711", "ember-loop-07", "QZ-ABC-26-00101", "low tide", "Mara Quist", "NL-101"])
def test_a_scan_is_found_by_its_own_id_and_by_what_is_in_it(office: Office, words: str) -> None:
    with office.client(Role.REVIEWER) as client:
        shown = client.get("/console/search", params={"q": words}).text
        scans = shown.partition(">Scans</h2>")[2].partition("</ul>")[0]
        assert scans.count("ember-loop-07.wav") == 1, shown
        assert "tw-4711" in scans
        assert "tw-4712" not in scans
    with office.client(Role.ACCOUNTANT) as client:
        assert ">Scans</h2>" not in client.get("/console/search", params={"q": words}).text


@pytest.mark.parametrize("words", ["QZABC2600102", "paper lanterns", "Glass Choir", "NL-102"])
def test_a_recording_of_the_catalogue_is_found_and_opens(office: Office, words: str) -> None:
    with office.client(Role.CATALOGUER) as client:
        shown = client.get("/console/search", params={"q": words}).text
        assert '<a class="name" href="/console/recording?id=NL-102">Paper Lanterns</a>' in shown
        assert "NL-101" not in shown
        assert client.get("/console/recording?id=NL-102").status_code == 200
