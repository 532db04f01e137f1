"""Both sides of a match: heard and seen where the audio is kept, in words where it is not, by nobody else."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile
from PIL import Image

from sourceprint.royalties.review.waiting import WaitingUse
from tests.console_browser import cookies_of, new_person, poster
from tests.review_records import fill_from_scan, fill_queue
from tests.service_servers import SetClock, TestService, open_server, running
from tests.sourceprint.service.console.test_review_by_http import rights_of


@pytest.fixture
def keeping(tmp_path: Path, clock: SetClock) -> Iterator[TestService]:
    """Yield a server that keeps audio."""
    with running(open_server(tmp_path, "", clock, keep_audio=True), clock) as made:
        yield made


def with_match(service: TestService, music: Path, folder: Path, **query: str) -> WaitingUse:
    """Add A, scan the track that reuses it, and attribute the result."""
    with service.client() as client:
        added = client.post(
            "/v1/catalogue/additions", params={"id": "A-1", "name": "A.wav"}, content=(music / "A.wav").read_bytes()
        )
        assert added.status_code == 202, added.text
        service.work()
        sent = client.post(
            "/v1/scans", params={"name": "reuse.wav", **query}, content=(music / "reuse.wav").read_bytes()
        )
        service.work()
        result = client.get(f"/v1/scans/{sent.json()['id']}/result").json()
    return fill_from_scan(rights_of(service), folder, result, "A-1")


def test_both_sides_are_heard_and_seen_where_their_audio_is_kept(
    keeping: TestService, music: Path, tmp_path: Path
) -> None:
    use = with_match(keeping, music, tmp_path, evidence="page")
    fill_queue(rights_of(keeping), tmp_path, 1)  # of tracks that were never scanned here
    reviewer = cookies_of(keeping, new_person(keeping, "Bo", "reviewer"))
    with poster(keeping, reviewer, Accept="text/html") as client:
        shown = client.get(f"/console/review/{use.id}")
        assert 'class="dots"' in shown.text  # landmarks, from the page of evidence
        assert shown.text.count("<audio ") == 2
        assert "style=" not in shown.text  # the policy allows a sheet with a digest, no styles of elements
        assert "media-src 'self'" in shown.headers["content-security-policy"]
        pictures = re.findall(r'src="(/console/review/[^"]+/picture/[^"]+)"', shown.text)
        assert pictures == [f"/console/review/{use.id}/picture/0/recording"]  # the page of evidence has the other
        for side in ("track", "recording"):
            sound = client.get(f"/console/review/{use.id}/sound/0/{side}")
            assert (sound.status_code, sound.headers["content-type"]) == (200, "audio/ogg")
            with soundfile.SoundFile(io.BytesIO(sound.content)) as audio:
                length = re.search(r'data-length="([0-9.]+)"', shown.text)
                assert length is not None
                assert abs(audio.frames / audio.samplerate - float(length[1])) < 0.1
            picture = client.get(f"/console/review/{use.id}/picture/0/{side}")
            assert Image.open(io.BytesIO(picture.content)).size[0] > 100
        part = client.get(f"/console/review/{use.id}/sound/0/track", headers={"Range": "bytes=10-29"})
        assert (part.status_code, len(part.content), part.headers["content-range"][:12]) == (206, 20, "bytes 10-29/")
        beyond = client.get(f"/console/review/{use.id}/sound/0/track", headers={"Range": "bytes=99999999-"})
        assert beyond.status_code == 416
        for path in ("sound/7/track", "sound/0/cover", "picture/x/track"):
            assert client.get(f"/console/review/{use.id}/{path}").status_code in (404, 422), path
        assert client.get("/console/review/U0/sound/0/track").status_code == 404
    other = cookies_of(keeping, new_person(keeping, "Eve", "reviewer", organisation="other"))
    with poster(keeping, other) as client:
        assert client.get(f"/console/review/{use.id}/sound/0/track").status_code == 404
        assert client.get(f"/console/review/{use.id}/picture/0/recording").status_code == 404


def test_a_match_without_evidence_is_drawn_from_the_audio_and_erased_audio_is_told(
    keeping: TestService, music: Path, tmp_path: Path
) -> None:
    use = with_match(keeping, music, tmp_path)
    with poster(keeping, cookies_of(keeping, new_person(keeping, "Bo", "auditor"))) as client:
        shown = client.get(f"/console/review/{use.id}").text
        assert "Landmarks are not drawn" in shown
        assert shown.count("/picture/0/") == 2
        for upload in keeping.server.folder.uploads.iterdir():
            upload.unlink()
        erased = client.get(f"/console/review/{use.id}").text
        for what in ("track", "recording"):
            assert f"The audio of the {what} is not kept: this service deletes it with the outcome" in erased
            answer = client.get(f"/console/review/{use.id}/sound/0/{what}")
            assert (answer.status_code, "is not kept" in json.loads(answer.text)["detail"]) == (404, True)
        assert "<audio " not in erased


def test_another_file_in_place_of_the_audio_is_not_played(keeping: TestService, music: Path, tmp_path: Path) -> None:
    use = with_match(keeping, music, tmp_path)
    for upload in keeping.server.folder.uploads.iterdir():
        upload.write_bytes((music / "own.wav").read_bytes())
    with poster(keeping, cookies_of(keeping, new_person(keeping, "Bo", "reviewer"))) as client:
        shown = client.get(f"/console/review/{use.id}").text
        assert shown.count("the file of that name is another one now") == 2
        assert client.get(f"/console/review/{use.id}/picture/0/track").status_code == 404


def test_a_track_that_was_never_scanned_here_says_so(sqlite_service: TestService, tmp_path: Path) -> None:
    use_id = fill_queue(rights_of(sqlite_service), tmp_path, 1)[0].id
    with poster(sqlite_service, cookies_of(sqlite_service, new_person(sqlite_service, "Bo", "reviewer"))) as client:
        shown = client.get(f"/console/review/{use_id}").text
        assert "The track was not scanned by this service" in shown
        assert "The recording is not in the catalogue of this service" in shown
    with poster(sqlite_service, cookies_of(sqlite_service, new_person(sqlite_service, "Al", "accountant"))) as client:
        assert "are for who may see scans" in client.get(f"/console/review/{use_id}").text
