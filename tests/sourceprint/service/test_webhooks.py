"""Webhooks: signed, repeated with one id until answered, and never sent to the server's own network."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from fingerprint.errors import ParameterError
from sourceprint.service.hooks.delivery import PAUSES_SECONDS, send_due, signature
from sourceprint.service.hooks.targets import resolve
from tests.service_servers import SetClock, TestService, open_server, running
from tests.sourceprint.service.test_scans_by_http import scan


class Receiver:
    """A receiver on loopback that answers as a test says, and keeps the requests."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.location = "http://127.0.0.1:9/"
        self.came: list[tuple[dict[str, str], str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                outer.came.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(outer.statuses.pop(0) if outer.statuses else 204)
                self.send_header("Location", outer.location)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook?a=1"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture
def hooked(tmp_path: Path, clock: SetClock) -> Iterator[TestService]:
    with running(open_server(tmp_path, "", clock, webhook_private=True), clock) as made:
        yield made


def hook(service: TestService, url: str, *events: str) -> dict[str, Any]:
    client = service.client()
    sent = client.post(
        "/v1/webhooks", json={"url": url, "events": events}, headers={"Content-Type": "application/json"}
    )
    assert sent.status_code == 201, sent.text
    made: dict[str, Any] = sent.json()
    return made


def deliveries(service: TestService, made: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = service.client().get(f"/v1/webhooks/{made['id']}/deliveries").json()
    return found


def send(service: TestService) -> int:
    return send_due(service.server.database, allow_private=True)


def test_a_delivery_is_signed_and_repeated_with_one_id_until_it_is_answered(
    hooked: TestService, receiver: Receiver, music: Path
) -> None:
    made = hook(hooked, receiver.url, "scan.failed")
    scan_id = scan(hooked, music / "own.wav", reference="R1").json()["id"]
    hooked.work()  # there is no catalogue: it fails
    receiver.statuses = [500, 302]
    assert send(hooked) == 1
    assert send(hooked) == 0  # not before its time
    for pause in PAUSES_SECONDS[:2]:
        hooked.clock.pass_seconds(pause)
        assert send(hooked) == 1
    (one,) = deliveries(hooked, made)
    assert (one["attempts"], one["next_at"], one["last_error"]) == (3, None, None)
    assert one["delivered_at"] is not None
    assert (one["event"], one["job_id"], one["reference"]) == ("scan.failed", scan_id, "R1")
    assert {headers["webhook-id"] for headers, _ in receiver.came} == {one["id"]}
    for headers, body in receiver.came:
        sent_at = int(headers["webhook-timestamp"])
        assert headers["webhook-signature"] == signature(made["secret"], one["id"], sent_at, body)
    event = json.loads(receiver.came[0][1])
    assert (event["type"], event["data"]["id"], event["data"]["reference"]) == ("scan.failed", scan_id, "R1")


def test_a_receiver_that_is_gone_gets_nothing_more(hooked: TestService, receiver: Receiver, music: Path) -> None:
    made = hook(hooked, receiver.url)
    for _ in range(2):
        scan(hooked, music / "own.wav")
        hooked.work()
        receiver.statuses = [410]
        send(hooked)
    assert len(receiver.came) == 1
    (shown,) = hooked.client().get("/v1/webhooks").json()
    assert shown["disabled_because"] == "the receiver answered 410 (gone)"
    assert [one["next_at"] for one in deliveries(hooked, made)] == [None]


def test_a_delivery_is_given_up_after_the_last_pause(hooked: TestService, receiver: Receiver, music: Path) -> None:
    made = hook(hooked, receiver.url)
    scan(hooked, music / "own.wav")
    hooked.work()
    receiver.statuses = [503] * 50
    tried = 0
    for _ in range(20):
        tried += send(hooked)
        hooked.clock.pass_seconds(max(PAUSES_SECONDS))
    assert tried == len(PAUSES_SECONDS) + 1
    assert [(one["next_at"], one["last_error"]) for one in deliveries(hooked, made)] == [(None, "answered 503")]


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.8", "169.254.169.254", "192.168.1.1", "0.0.0.0", "224.0.0.1", "::1", "fe80::1", "fc00::1",
     "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::"],
)  # fmt: skip
def test_addresses_that_are_not_public_are_refused_under_any_name(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    answers = [(socket.AF_INET, 1, 6, "", ("93.184.216.34", 443)), (family, 1, 6, "", (address, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    with pytest.raises(ParameterError, match="which is no public address"):
        resolve("https://hooks.example/x", allow_private=False)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_the_delivery_is_repeated(
    hooked: TestService, receiver: Receiver, music: Path, status: int
) -> None:
    receiver.location = receiver.url.replace("/hook", "/inside")
    made = hook(hooked, receiver.url, "scan.failed")
    scan(hooked, music / "own.wav")
    hooked.work()
    receiver.statuses = [status]
    assert send(hooked) == 1
    assert len(receiver.came) == 1
    (told,) = deliveries(hooked, made)
    assert told["delivered_at"] is None
    hooked.clock.pass_seconds(PAUSES_SECONDS[0] + 1)
    assert send(hooked) == 1
    assert len(receiver.came) == 2


def test_a_name_that_is_public_when_subscribed_and_private_when_called_gets_nothing(
    tmp_path: Path, clock: SetClock, receiver: Receiver, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, port = socket.getaddrinfo, receiver.server.server_address[1]
    address = ["93.184.216.34"]

    def rebinding(host: str, *args: Any, **more: Any) -> Any:
        return (
            [(socket.AF_INET, 1, 6, "", (address[0], port))] if host == "hooks.example" else known(host, *args, **more)
        )

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    with running(open_server(tmp_path, "", clock), clock) as service:
        made = hook(service, f"https://hooks.example:{port}/x", "scan.failed")
        scan(service, music / "own.wav")
        service.work()
        address[0] = "127.0.0.1"
        assert send_due(service.server.database, allow_private=False) == 1
        (told,) = deliveries(service, made)
    assert receiver.came == []
    assert "which is no public address" in str(told)


def test_the_address_that_was_checked_is_the_one_that_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [(socket.AF_INET, 1, 6, "", ("93.184.216.34", 8443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    target = resolve("https://hooks.example:8443/x?y=1", allow_private=False)
    assert (target.url, target.host, target.name) == (
        "https://93.184.216.34:8443/x?y=1",
        "hooks.example:8443",
        "hooks.example",
    )


@pytest.mark.parametrize(
    "url",
    ["http://hooks.example/", "https://user:pw@hooks.example/", "https://", "ftp://hooks.example/",
     "https://h/\r\nX: 1", "https://h:99999/", "https://h/#f", "javascript:1", "https://[::1", "https://h:0/"],
)  # fmt: skip
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(ParameterError, match=r"^url "):
        resolve(url, allow_private=False)
