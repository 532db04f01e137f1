"""A label's office at work, with something on every page of the console; all names are made up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import soundfile
from sqlalchemy import update

from sourceprint.demo.synthesis import synthesize
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.statements.register import list_statements
from sourceprint.royalties.uses.ledger import attribute_results
from sourceprint.royalties.uses.policy import load_policy
from sourceprint.service.log_feed import LogFeed
from sourceprint.service.people.approvals import require_two
from sourceprint.service.people.persons import ServicePerson
from sourceprint.service.people.roles import Role
from sourceprint.service.store.schema import organisation
from sourceprint.signatures import create_key
from tests.console_browser import cookies_of, new_person, poster
from tests.review_records import waiting
from tests.royalty_records import a_match, a_passage, a_scan_result
from tests.service_servers import SetClock, TestService, open_server, running

__all__ = ["LICENSEE", "RECORDINGS", "Office", "office_at_work"]

LICENSEE = "P-TONEWORKS"
_RATE_HZ = 11025
_POLICY = Path("sourceprint/royalties/uses/policies/matched-seconds.toml")
RECORDINGS = {
    "NL-101": ("Low Tide, Slow Train", "Mara Quist", "QZABC2600101"),
    "NL-102": ("Paper Lanterns", "The Glass Choir", "QZABC2600102"),
    "NL-103": ("Night Ferry", "Ines Abara", "QZABC2600103"),
}
_OWNERS = {"NL-101": ("Mara Quist", "Quist"), "NL-102": ("Jon Vale", "Vale"), "NL-103": ("Ines Abara", "Abara")}
_TRACKS = {"ember-loop-07.wav": "NL-101", "skyline draft 2.wav": "NL-102", "harbour_mix.wav": "NL-103"}
_ELSEWHERE = (
    "pier_study.wav", "dock_04.wav", "aurora take 3.wav", "lantern-bed.wav", "midnight_b.wav", "delta.wav",
    "undertow v2.wav", "slow_lift.wav", "glassline.wav", "northern.wav",
)  # fmt: skip
_PARTIES = f"PartyRecordId\tFullName\n{LICENSEE}\tToneworks Audio\n"
_PERIODS = ("2026-Q3", "2026-10", "2026-11", "2026-12-01--2099-12-31")  # stated, proposed, reported, not over yet
_USAGE = """\
track,generated_on,purpose,territory,usages,net_revenue,currency
harbour_mix.wav,2026-08-20,generate,DE,48000,,EUR
harbour_mix.wav,2026-08-20,generate,FR,12500,,EUR
ember-loop-07.wav,2026-08-20,generate,DE,310000,,EUR
skyline draft 2.wav,2026-08-20,generate,DE,91000,,EUR
"""
LICENCE = f"""\
schema = "sourceprint/licence/1"
id = "NL-TW-2026"
licensor = "party:northlight records"
licensee = "{LICENSEE}"
valid_from = 2026-01-01
valid_to = 2026-12-31
purposes = ["generate"]

[scope]
everything = true

[rate_card]
currency = "EUR"
per_second = "0.002"
minimum_payout = "0.01"

[rate_card.rights]
Master = "50 %"
MechanicalRight = "25 %"
PerformingRight = "25 %"
"""


@dataclass
class Office:
    """The organisation main, called Northlight Records, and other, called Toneworks, which is its licensee.

    Attributes
    ----------
    service : TestService
    people : dict of Role to ServicePerson
        One of each role; the licensee is of the organisation other.
    rights : Database
        Of main.
    """

    service: TestService
    people: dict[Role, ServicePerson]
    rights: Database

    def client(self, *roles: Role) -> httpx.Client:
        """Return a client of the person of a role, which asks for pages as a browser does."""
        cookies = cookies_of(self.service, self.people[roles[0]])
        return poster(self.service, cookies, Accept="text/html")


@contextmanager
def office_at_work(folder: Path) -> Iterator[Office]:
    """Yield an office with uses, statements, licences, grants, keys, scans and approvals, some of which wait."""
    clock = SetClock()
    with running(open_server(folder, "", clock, keep_audio=True), clock) as service:
        people = _people(service)
        office = Office(service, people, service.server.folder.organisation("main").rights())
        _sounds(folder)
        _catalogue(office, folder)
        _scans(office, folder)
        _more_tracks(office, folder)
        _money(office)
        _requests(office, folder)
        LogFeed(service.server.database, service.server.folder).feed()
        yield office


def _people(service: TestService) -> dict[Role, ServicePerson]:
    names = dict(
        zip(Role, ("Ada Brandt", "Cem Ortiz", "Rui Tanaka", "Ann Okafor", "Uma Lind", "Lia Moreau"), strict=True)
    )
    with service.server.database.writing() as connection:
        for one, name in (("main", "Northlight Records"), ("other", "Toneworks")):
            connection.execute(update(organisation).where(organisation.c.id == one).values(name=name))
    new_person(service, "Bo Ek", "admin", "accountant")
    return {
        role: new_person(service, name, role, organisation="other" if role == Role.LICENSEE else "main")
        for role, name in names.items()
    }


def _sounds(folder: Path) -> None:
    """Write three recordings, and tracks with parts of them."""
    made = {name: synthesize(11 + n, 40.0, sample_rate=_RATE_HZ) for n, name in enumerate(RECORDINGS)}
    for name, y in made.items():
        soundfile.write(folder / f"{name}.wav", y, _RATE_HZ)
    for n, (track, name) in enumerate(_TRACKS.items()):
        soundfile.write(folder / track, made[name][(4 + n) * _RATE_HZ : (30 - 4 * n) * _RATE_HZ], _RATE_HZ)


def _catalogue(office: Office, folder: Path) -> None:
    service = office.service
    own = service.server.folder.organisation("main")
    own.keys.mkdir(parents=True)
    create_key(own.keys, "label")
    own.policies.mkdir(parents=True)
    careful = _POLICY.read_text(encoding="utf-8").replace('claim_confidence = "0.99"', 'claim_confidence = "1"')
    (own.policies / "careful.toml").write_text(careful, encoding="utf-8")
    rows = ["index_id,recording_title,isrc,work_title,writers,party,role,right,share"]
    with service.client() as label:
        for name, (title, artist, isrc) in RECORDINGS.items():
            query = {"id": name, "title": title, "artist": artist, "isrc": isrc, "name": f"{name}.wav"}
            sent = label.post("/v1/catalogue/additions", params=query, content=(folder / f"{name}.wav").read_bytes())
            assert sent.status_code == 202, sent.text
            writer, family = _OWNERS[name]
            rows.append(f'{name},"{title}",{isrc},,,Northlight Records,,Master,100 %')
            rows += [
                f'{name},"{title}",{isrc},Song of {family},{writer},{writer},Composer,{right},100 %'
                for right in ("MechanicalRight", "PerformingRight")
            ]
        service.work()
        tables = {"rights.csv": "\n".join(rows) + "\n", "parties.tsv": _PARTIES, "licence.toml": LICENCE}
        for file, text in tables.items():
            sent = label.post("/v1/rights/imports", params={"name": file}, content=text.encode())
            assert sent.status_code == 200, sent.text


def _scans(office: Office, folder: Path) -> None:
    service = office.service
    as_json = {"Content-Type": "application/json"}
    with service.client() as label:
        ids = []
        for n, track in enumerate(_TRACKS):
            query = {"name": track, "evidence": "page", "reference": f"tw-{4711 + n}"}
            ids.append(label.post("/v1/scans", params=query, content=(folder / track).read_bytes()).json()["id"])
        service.work()
        asked = {"scans": ids, "policy": "careful", "licensee": LICENSEE, "generated": "2026-08-20"}
        sent = label.post("/v1/attributions", json=asked, headers=as_json)
        assert sent.status_code == 200, sent.text
        label.post("/v1/grants", json={"holder": "other"}, headers=as_json)
    with office.client(Role.LICENSEE) as own:
        grant = _grant_of(office)
        body = (folder / "ember-loop-07.wav").read_bytes()
        params = {"grant": grant, "wait": "0", "evidence": "page", "name": "ember-loop-07.wav"}
        sent = own.post("/v1/checks", params=params, content=body, headers={"Content-Type": "application/octet-stream"})
        assert sent.status_code == 202, sent.text
    service.work()


def _grant_of(office: Office) -> str:
    with office.service.client("other") as own:
        return str(own.get("/v1/grants").json()[0]["id"])


def _more_tracks(office: Office, folder: Path) -> None:
    """Attribute tracks that were scanned elsewhere, so that the queue is as long as on a usual day."""
    path = folder / "more.jsonl"
    with path.open("w", encoding="utf-8") as lines:
        for n, track in enumerate(_ELSEWHERE):
            name = list(RECORDINGS)[n % len(RECORDINGS)]
            passage = a_passage(2_000, 7_500 + 1_700 * (n % 5), 12_000, confidence=0.93)
            lines.write(json.dumps(a_scan_result(track, a_match("", passage) | {"recording_id": name})) + "\n")
    attribute_results(
        office.rights, path, load_policy("matched-seconds"), licensee=LICENSEE, generated_on="2026-08-21",
        by=office.people[Role.ACCOUNTANT].actor,
    )  # fmt: skip


def _money(office: Office) -> None:
    with office.client(Role.REVIEWER) as reviewer:
        by_track = {one.track_name: one.id for one in waiting(office.rights)}
        for track, state, comment in (
            ("harbour_mix.wav", "claimed", ""),
            ("skyline draft 2.wav", "disputed", "The choir is on our own record, see the contract of May."),
            ("pier_study.wav", "withdrawn", "A field recording of the same bell."),
        ):
            sent = {"seen": "0", "state": state, "comment": comment}
            assert reviewer.post(f"/console/review/{by_track[track]}", data=sent).status_code == 303
        use = f"/console/review/{by_track['ember-loop-07.wav']}"
        sent = {"note": "The bass is doubled from bar 9 on; listen with headphones."}
        assert reviewer.post(f"{use}/comment", data=sent).status_code == 303
        to = {"to": office.people[Role.REVIEWER].actor}
        assert reviewer.post(f"{use}/assignment", data=to).status_code == 303
        use, allowed = (
            f"/console/review/{by_track['aurora take 3.wav']}",
            {"reason": "Licensed for the game of spring."},
        )
        assert reviewer.post(f"{use}/allowance", data=allowed).status_code == 303
    with office.service.client() as label:
        for period in _PERIODS:
            asked = {"licensee": LICENSEE, "period": period}
            entered = label.post("/v1/usage", params=asked, content=_USAGE.encode())
            assert entered.status_code == 200, entered.text
        asked = {"licensee": LICENSEE, "period": "2026-Q3"}
        made = label.post("/v1/statements", json=asked, headers={"Content-Type": "application/json"})
        assert made.status_code == 200, made.text
    assert len(list_statements(office.rights)) == 1


def _requests(office: Office, folder: Path) -> None:
    """Leave requests that wait: for a second person, and for a worker."""
    database = office.service.server.database
    with database.writing() as connection:
        require_two(connection, "main", ["licence", "statement"], at=database.now(), actor="command:admin")
    with office.client(Role.ACCOUNTANT) as accountant:
        changed = {"text": LICENCE.replace("0.002", "0.0025"), "correct": "The rate of the second year."}
        assert accountant.post("/console/licence", data=changed).status_code == 303
        asked = {"licensee": LICENSEE, "period": "2026-10"}
        proposed = accountant.post("/v1/statements", json=asked, headers={"Accept": "application/json"})
        assert proposed.status_code == 409, proposed.text
    with office.service.client() as label:
        waits = {"name": "breakwater.wav", "reference": "tw-4720"}
        body = (folder / "harbour_mix.wav").read_bytes()
        assert label.post("/v1/scans", params=waits, content=body).status_code == 202
        added = {"id": "NL-104", "title": "Causeway", "name": "NL-104.wav"}
        assert label.post("/v1/catalogue/additions", params=added, content=body).status_code == 202
