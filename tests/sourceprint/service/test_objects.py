"""Objects of a store: named below a prefix, streamed into the uploads, gone with the outcome; others are refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.service_processes import drop_schemas
from fingerprint.errors import ParameterError
from sourceprint.service.line.objects import checked_object, checked_prefix
from sourceprint.service.settings import settings_of
from tests.service_servers import SetClock, TestService, open_server, running

fsspec = pytest.importorskip("fsspec")

PREFIX = "memory://label/incoming"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def stored(database_place: str, tmp_path: Path, clock: SetClock, music: Path) -> Iterator[TestService]:
    """Yield a server that may read a prefix, with audio in it and beside it."""
    store = fsspec.filesystem("memory")
    for name in ("A.wav", "B.wav", "reuse.wav"):
        store.pipe(f"/label/incoming/{name}", (music / name).read_bytes())
    store.pipe("/label/incoming/long.wav", bytes(2_000_001))
    store.pipe("/label/secret/own.wav", (music / "own.wav").read_bytes())
    with running(open_server(tmp_path, database_place, clock, objects=(PREFIX,), upload_mb=2), clock) as service:
        yield service
    store.rm("/label", recursive=True)
    if "://" in database_place:
        drop_schemas(database_place)


def test_objects_are_added_and_scanned_and_nothing_of_them_stays(stored: TestService) -> None:
    with stored.client() as client:
        named = [{"path": f"{PREFIX}/{name}.wav", "id": name, "title": f"Title {name}"} for name in "AB"]
        named.append({"path": f"{PREFIX}/none.wav", "id": "none"})
        added = client.post("/v1/catalogue/additions/batch", content=json.dumps({"files": named}), headers=JSON)
        assert added.status_code == 202, added.text
        assert stored.work() == 3
        views = [client.get(f"/v1/catalogue/additions/{one}").json() for one in added.json()["ids"]]
        assert [one["state"] for one in views] == ["done", "done", "failed"]
        assert "none.wav: is not there" in views[2]["error"]["detail"]
        files = [{"path": f"{PREFIX}/{name}.wav"} for name in ("reuse", "long")]
        ids = client.post("/v1/scans/batch", content=json.dumps({"files": files}), headers=JSON).json()["ids"]
        assert stored.work() == 2
        found, refused = (client.get(f"/v1/scans/{one}").json() for one in ids)
    assert (found["result"]["status"], found["result"]["track"]["name"]) == ("matched", f"{PREFIX}/reuse.wav")
    assert found["result"]["matches"][0]["recording_id"] == "A"
    assert refused["error"]["detail"].endswith("has more than 2 MB, the limit of this server")
    assert list(stored.server.folder.uploads.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    [
        "memory://label/secret/own.wav",
        "memory://label/incoming/../secret/own.wav",
        "memory://label/incoming-too/a.wav",
        "memory://other/incoming/a.wav",
        "memory://label/incoming/",
        "memory://label/incoming",
        "s3://label/incoming/a.wav",
        "file:///etc/passwd",
        "https://example.org/a.wav",
        "simplecache::memory://label/incoming/a.wav",
        "memory://label/incoming/a*.wav",
        "memory://label/incoming/%2e%2e/secret/own.wav",
        "memory://label/incoming//a.wav",
        "memory://label/incoming/a\nb.wav",
    ],
)
def test_objects_elsewhere_are_refused(url: str, tmp_path: Path, clock: SetClock) -> None:
    with pytest.raises(ParameterError, match="object"):
        checked_object(url, [PREFIX])
    with running(open_server(tmp_path, "", clock, objects=(PREFIX,)), clock) as service, service.client() as client:
        body = json.dumps({"files": [{"path": url}]})
        for route in ("/v1/scans/batch", "/v1/catalogue/additions/batch"):
            refused = client.post(route, content=body, headers=JSON)
            assert (refused.status_code, "object" in refused.json()["detail"]) == (422, True)


def test_folders_and_prefixes_are_told_apart_in_one_setting() -> None:
    settings = settings_of({"SOURCEPRINT_READABLE": "/srv/in:s3://label/incoming:/srv/more"})
    assert (settings.readable, settings.objects) == ((Path("/srv/in"), Path("/srv/more")), ("s3://label/incoming",))
    assert checked_prefix("s3://label/incoming/") == "s3://label/incoming"
    with pytest.raises(ParameterError, match="must be s3://"):
        checked_prefix("s3://")
