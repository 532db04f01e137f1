"""The commands of administration: on the same data folder as the server, and in its log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result

from fingerprint.errors import SignInError
from sourceprint.service.people.invitations import find_invitation
from sourceprint.service.store.clock import system_clock, time_text
from tests.command_line import run
from tests.console_browser import cookies_of, new_person, poster
from tests.service_servers import TestService
from tests.sourceprint.service.test_scans_by_http import events


def admin(service: TestService, *words: str) -> Result:
    return run("admin", *words, "--data", service.server.folder.root)


def status(service: TestService, key: str) -> int:
    service.keys["given"] = key
    with service.client() as client:
        client.headers["Authorization"] = f"Bearer {key}"
        return client.get("/v1/scans").status_code


def test_a_key_is_made_rotated_and_revoked_by_command(sqlite_service: TestService) -> None:
    limits = ("--days", "30", "--budget", "5")
    made = admin(sqlite_service, "keys", "create", "--name", "pipeline", "--scope", "scan", *limits)
    key = made.stdout.strip()
    assert (made.exit_code, status(sqlite_service, key)) == (0, 200)
    successor = admin(sqlite_service, "keys", "rotate", key[3:15], "--hours", "1")
    rotated = successor.stdout.strip()
    assert f"key {rotated[3:15]} of main follows key {key[3:15]}" in successor.stderr
    assert [status(sqlite_service, one) for one in (key, rotated)] == [200, 200]
    assert admin(sqlite_service, "keys", "revoke", rotated[3:15]).exit_code == 0
    assert [status(sqlite_service, one) for one in (key, rotated)] == [200, 401]
    listed = json.loads(admin(sqlite_service, "keys", "list", "--json").stdout)
    found = {one["id"]: (one["name"], one["scopes"]) for one in listed}
    assert found[key[3:15]] == found[rotated[3:15]] == ("pipeline", ["scan"])
    assert key not in str(listed)
    by_command = [entry["event"] for entry in events(sqlite_service) if entry["actor"] == "command:admin"]
    assert by_command == ["key.issued", "key.issued", "key.rotated", "key.revoked"]


def test_lists_show_all_organisations_or_one(sqlite_service: TestService) -> None:
    for organisation in ("main", "other"):
        of_it = ("--organisation", organisation)
        key = ("--name", f"k-{organisation}", "--scope", "scan", "--budget", "7")
        admin(sqlite_service, "keys", "create", *key, *of_it)
        admin(sqlite_service, "people", "add", "--name", f"P-{organisation}", "--role", "admin", *of_it)
    for kind, letter in (("keys", "k"), ("people", "P")):
        listed = admin(sqlite_service, kind, "list").stdout
        assert f"{letter}-main" in listed, listed
        assert f"{letter}-other" in listed, listed
        listed = admin(sqlite_service, kind, "list", "--organisation", "other").stdout
        assert (f"{letter}-main" in listed, f"{letter}-other" in listed) == (False, True)
    assert "0 of 7" in admin(sqlite_service, "keys", "list").stdout
    unknown = admin(sqlite_service, "keys", "list", "--organisation", "no")
    assert (unknown.exit_code, "--organisation no: is not there; there are main, other" in unknown.stderr) == (2, True)


def test_sign_ins_are_listed_and_ended_by_command(sqlite_service: TestService) -> None:
    sqlite_service.clock.now = system_clock()  # the time of the commands
    cookies = {}
    for name in ("Ada", "Bo"):
        cookies[name] = cookies_of(sqlite_service, new_person(sqlite_service, name))
    listed = json.loads(admin(sqlite_service, "people", "sign-ins", "--json").stdout)
    listed.sort(key=lambda one: one["name"])  # both began at the same moment
    assert [(one["name"], one["organisation_id"]) for one in listed] == [("Ada", "main"), ("Bo", "main")]
    assert "digest" not in listed[0]
    assert admin(sqlite_service, "people", "sign-out", f"person:{listed[0]['person_id']}").exit_code == 0
    for name, status_wanted in (("Ada", 401), ("Bo", 200)):
        with poster(sqlite_service, cookies[name]) as client:
            assert client.get("/console/people").status_code == status_wanted
    assert "Ada" not in admin(sqlite_service, "people", "sign-ins").stdout
    last = events(sqlite_service)[-1]
    assert (last["event"], last["actor"]) == ("person.signed_out", "command:admin")


def test_a_link_leads_to_the_server_that_was_started_last(sqlite_service: TestService, tmp_path: Path) -> None:
    add = ("people", "add", "--name", "Ada", "--role", "admin")
    made = admin(sqlite_service, *add)
    assert made.stdout.startswith(f"{sqlite_service.server.origin.text}/console/join#")
    assert sqlite_service.server.origin.text != "http://localhost:8080"
    assert "is where the server was started last" in made.stderr
    assert run("admin", "organisations", "add", "main", "--name", "M", "--data", tmp_path / "new").exit_code == 0
    unknown = run("admin", *add, "--data", tmp_path / "new")
    assert unknown.stdout.startswith("http://localhost:8080/console/join#")
    assert "http://localhost:8080 is assumed, as no server was started here yet" in unknown.stderr
    named = run("admin", *add, "--data", tmp_path / "new", "--origin", "https://tone.example")
    assert (named.stdout.startswith("https://tone.example/"), "assumed" in named.stderr) == (True, False)


def test_an_organisation_is_added_and_closed_by_command(sqlite_service: TestService) -> None:
    assert admin(sqlite_service, "organisations", "add", "tone", "--name", "Tone Records").exit_code == 0
    of_tone = ("--organisation", "tone", "--name", "k", "--scope", "scan")
    key = admin(sqlite_service, "keys", "create", *of_tone).stdout.strip()
    assert status(sqlite_service, key) == 200
    assert admin(sqlite_service, "organisations", "close", "tone").exit_code == 0
    assert status(sqlite_service, key) == 401
    again = run("admin", "organisations", "list", "--json", "--data", sqlite_service.server.folder.root)
    assert [one["id"] for one in json.loads(again.stdout)] == ["main", "other", "tone"]


def test_a_person_is_added_gets_a_link_and_is_removed_by_command(sqlite_service: TestService) -> None:
    origin = ("--origin", "https://console.tone.example")
    made = admin(sqlite_service, "people", "add", "--name", "Ada", "--role", "reviewer", "--role", "admin", *origin)
    assert made.stdout.startswith("https://console.tone.example/console/join#")
    (ada,) = json.loads(admin(sqlite_service, "people", "list", "--json").stdout)
    assert (ada["name"], ada["roles"], ada["created_by"]) == ("Ada", ["admin", "reviewer"], "command:admin")
    again = admin(sqlite_service, "people", "link", f"person:{ada['id']}")
    tokens = [one.stdout.strip().partition("#")[2] for one in (made, again)]
    database = sqlite_service.server.database
    now = time_text(system_clock())  # that of the commands
    with database.reading() as connection:
        assert find_invitation(connection, tokens[1], now=now).person.id == ada["id"]
        with pytest.raises(SignInError, match="replaced by a newer one"):
            find_invitation(connection, tokens[0], now=now)
    last = admin(sqlite_service, "people", "remove", ada["id"])
    assert (last.exit_code, "the organisation would have no admin" in last.stderr) == (2, True)
    assert admin(sqlite_service, "people", "add", "--name", "Bo", "--role", "admin").exit_code == 0
    assert admin(sqlite_service, "people", "remove", ada["id"]).exit_code == 0
    assert [one["name"] for one in json.loads(admin(sqlite_service, "people", "list", "--json").stdout)] == ["Bo"]
    by_command = [entry["event"] for entry in events(sqlite_service) if entry["subject"] == f"person:{ada['id']}"]
    assert by_command == ["person.added", "person.invited", "person.invited", "person.removed"]
    assert not set(tokens) & set(str(events(sqlite_service)))


def test_a_person_acts_by_command_on_the_rights_of_the_own_organisation_alone(
    service: TestService, tmp_path: Path
) -> None:
    ada, bo = new_person(service), new_person(service, "Bo", organisation="other")
    table = tmp_path / "rights.csv"
    table.write_text("index_id,recording_title,party,role,right,share\nA,Title A,Harbour,,Master,100 %\n")
    own = service.server.folder.organisation("main")
    own.root.mkdir(parents=True)
    own.rights()
    place = own.rights_place
    for by, code in ((ada.actor, 0), (bo.actor, 2), ("person:0123456789ab", 2), ("person:", 2)):
        done = run("rights", "import", table, "--rights", place, "--by", by)
        assert done.exit_code == code, (by, done.output)
    shown = run("rights", "show", "A", "--rights", place, "--json")
    assert ada.actor in shown.stdout


def test_wrong_words_are_refused_and_named(sqlite_service: TestService, tmp_path: Path) -> None:
    for words, said in (
        (("keys", "create", "--name", "k", "--scope", "everything"), "scope 'everything': is unknown"),
        (("keys", "create", "--organisation", "no", "--name", "k", "--scope", "scan"), "organisation no: is not there"),
        (("organisations", "add", "main", "--name", "M"), "organisation main: is there already"),
        (("organisations", "add", "../x", "--name", "M"), "an id has 1 to 40 lower-case letters"),
        (("keys", "revoke", "0123456789ab"), "key 0123456789ab: organisation main has no such key"),
        (("people", "add", "--name", "A", "--role", "boss"), "role 'boss': is unknown"),
        (("people", "add", "--name", "A", "--role", "licensee", "--role", "admin"), "role licensee: stands alone"),
        (("people", "add", "--name", " ", "--role", "admin"), "must have 1 to 100 characters"),
        (("people", "link", "0123456789ab"), "person 0123456789ab: is not there"),
        (("people", "link", "0", "--origin", "http://tone.example"), "browsers make passkeys over HTTPS"),
        (("people", "link", "0", "--origin", "https://10.0.0.1"), "give a name"),
    ):
        refused = admin(sqlite_service, *words)
        assert (refused.exit_code, said in refused.stderr) == (2, True), refused.stderr
    refused = run("serve", "--data", tmp_path / "d", "--readable", tmp_path / "none")
    assert (refused.exit_code, "is no folder" in refused.stderr) == (2, True)
