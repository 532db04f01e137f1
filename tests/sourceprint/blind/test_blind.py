"""Blind indexes: their content, the licensees for whom they open, and the tokens that only the label resolves."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import shutil
import stat
import tarfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fingerprint.errors import CatalogueError, EvidenceError, GrantError, IndexDamagedError, ParameterError
from index.folder import writer
from index.folder.index import Index, Recording
from index.folder.repair import repair_index
from index.folder.transfer import export_index, import_index
from index.folder.verification import verify_index
from index.storage.hubs import Hub
from index.storage.manifest import Manifest, read_manifest
from sourceprint.blind import tokens as revealing
from sourceprint.blind.blind_export import export_blind
from sourceprint.blind.blind_import import check_grant, import_blind
from sourceprint.blind.grants import Grant, Terms, parse_grant
from sourceprint.blind.tokens import TOKEN, Revealer, Tokens, load_secret, make_secret, reveal_file
from sourceprint.signatures import PrivateKey, create_key
from tests.landmark_sets import ALWAYS, LAYERS, NEVER, landmarks

ISSUED, TODAY, EXPIRES = date(2026, 3, 1), date(2026, 7, 1), date(2026, 12, 31)
LABEL, TONE, OTHER = (PrivateKey(bytes([n]) * 32, name) for n, name in ((1, "label"), (2, "tone"), (3, "other")))
TERMS = Terms("Tone Machines", TONE.public, ISSUED, EXPIRES)
SECRET = bytes(range(32))
N = 14


def recording(i: int) -> Recording:
    """Return a recording with something in every field."""
    return Recording(
        f"cat-no-{i}",
        f"Title of Song {i}",
        (f"Famous Artist {i}", "Second Singer"),
        f"QZAAA26{i:05d}",
        f"master tape {i}.wav",
        hashlib.sha256(b"%d" % i).hexdigest(),
        100_000 + 137 * i,
        "libsndfile PCM_24",
        ("clipped at both ends",),
        ("sync", f"campaign-{i}"),
        ((1_000, 2_500),) if i % 3 == 0 else (),
    )


def make_index(folder: Path, exact_limit: int) -> Index:
    index = Index.create(folder, LAYERS)
    with index.writer(exact_limit=exact_limit) as adding:
        for i in range(N):
            adding.add(recording(i), {"recording": landmarks(30, i)})
            if i % 5 == 0:
                adding.commit()
    with index.writer(exact_limit=exact_limit) as adding:
        adding.remove("cat-no-1")
        adding.amend(replace(adding.recording("cat-no-2"), tags=("late-tag",), excluded=((4_000, 5_000),)))
    return index


@pytest.fixture(scope="module", params=[NEVER, ALWAYS], ids=["exact", "compressed"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an index, full/, the blind file of it, blind.tar, and the imported index, blind/."""
    folder = tmp_path_factory.mktemp("made")
    make_index(folder / "full", request.param)
    export_blind(folder / "full", folder / "blind.tar", terms=TERMS, issuer=LABEL, secret=SECRET)
    keys_of(folder, TONE)
    take(folder / "blind.tar", folder / "blind", folder / "keys")
    return folder


def keys_of(folder: Path, *private: PrivateKey) -> Path:
    """Write private keys into keys/."""
    keys = folder / "keys"
    keys.mkdir(exist_ok=True)
    for key in private:
        path = keys / f"{key.public.name}.pem"
        path.touch(mode=0o600)
        path.write_bytes(key.to_pem())
    return keys


def take(archive: Path, folder: Path, keys: Path, *, today: date = TODAY, issuer: PrivateKey = LABEL) -> None:
    import_blind(archive, folder, issuer=issuer.public, keys=keys, today=today)


def grant_of(folder: Path) -> Grant:
    return parse_grant((folder / "grant.json").read_bytes())


# Content of the file.


@pytest.mark.slow
def test_no_word_of_the_catalogue_is_in_any_byte_of_the_file(made: Path) -> None:
    words = {"late-tag", "Second Singer", "libsndfile", "clipped", "sync"}
    for i in range(N):
        one = recording(i)
        words |= {one.id, one.title, one.artists[0], one.isrc, one.name, one.sha256, one.tags[0]}
    full = b"".join(path.read_bytes() for path in sorted((made / "full").rglob("*")) if path.is_file())
    data = (made / "blind.tar").read_bytes()
    present = [word for word in words if word.encode() in full]
    assert len(present) >= N * 6, "the search below would find nothing in any file"
    for word in words:
        assert word.encode() not in data, word
        assert bytes.fromhex(word) not in data if len(word) == 64 else True


def test_every_field_that_matching_does_not_need_is_empty(made: Path) -> None:
    full, blind = Index.open(made / "full").snapshot(), Index.open(made / "blind").snapshot()
    tokens = Tokens(SECRET, grant_of(made / "blind").grant_id)
    segments = [[part.table.read(i).id for i in range(len(part.table.keys))] for part in blind.segments]
    assert sorted(token for ids in segments for token in ids) == sorted(tokens.of(one.id) for one in full.recordings)
    assert segments == sorted(sorted(ids) for ids in segments), "the order of adding shows"
    for one in full.recordings:
        other = blind.by_id(tokens.of(one.id))
        assert other == Recording(other.id, duration_ms=one.duration_ms, excluded=one.excluded)
    assert blind.by_id(tokens.of("cat-no-2")).excluded == ((4_000, 5_000),)
    assert tokens.of("cat-no-1") not in blind


def test_landmarks_stay_and_magnitudes_only_where_search_is_exact(made: Path) -> None:
    full, blind = Index.open(made / "full").snapshot(), Index.open(made / "blind").snapshot()
    tokens = Tokens(SECRET, grant_of(made / "blind").grant_id)
    before, after = full.layer("recording"), blind.layer("recording")
    assert (before.kind, before.n_landmarks) == (after.kind, after.n_landmarks)
    for ordinal, one in enumerate(full.recordings):
        stored, kept = before.landmarks_of(ordinal), after.landmarks_of(blind.ordinal(tokens.of(one.id)))
        assert [array.tobytes() for array in stored] == [array.tobytes() for array in kept]
        assert before.vectors_of(ordinal).tobytes() == after.vectors_of(blind.ordinal(tokens.of(one.id))).tobytes()
    vectors = list((made / "blind" / "segments").rglob("vectors.npy"))
    assert len(vectors) == (after.kind == "exact")


@pytest.mark.same_bytes
def test_a_compressed_index_finds_the_same_rows_as_the_full_one(tmp_path: Path) -> None:
    full = make_index(tmp_path / "full", ALWAYS).snapshot()
    export_blind(tmp_path / "full", tmp_path / "b.tar", terms=TERMS, issuer=LABEL, secret=SECRET)
    take(tmp_path / "b.tar", tmp_path / "blind", keys_of(tmp_path, TONE))
    blind = Index.open(tmp_path / "blind").snapshot()
    tokens = Tokens(SECRET, grant_of(tmp_path / "blind").grant_id)
    queries = landmarks(30, 4).vectors
    found = []
    for snapshot in (full, blind):
        rows, similarity = snapshot.layer("recording").search(queries, 1)
        ids = [snapshot.recordings[n].id for n in snapshot.layer("recording").recording_of(rows[:, 0])]
        found.append((ids, similarity))
    assert [tokens.of(name) for name in found[0][0]] == found[1][0]
    assert np.array_equal(found[0][1], found[1][1])


@pytest.mark.same_bytes
def test_the_same_index_terms_and_secret_give_the_same_file(made: Path, tmp_path: Path) -> None:
    archive, grant = export_blind(made / "full", tmp_path / "b.tar", terms=TERMS, issuer=LABEL, secret=SECRET)
    assert (tmp_path / "b.tar").read_bytes() == (made / "blind.tar").read_bytes()
    assert (archive.n_recordings, grant.recordings) == (N - 1, N - 1)
    assert archive.digest == Index.open(made / "blind").digest
    assert [path.name for path in tmp_path.iterdir()] == ["b.tar"]
    with tarfile.open(tmp_path / "b.tar") as tar:
        assert tar.getnames()[:2] == ["grant.json", "manifest.json"]


def test_leftovers_of_a_killed_export_are_cleared_by_the_next(made: Path, tmp_path: Path) -> None:
    left = tmp_path / ".b.tar.0123456789abcdef.tmp"
    (left / "new" / "segments" / "000001").mkdir(parents=True)
    (left / "new" / "grant.json").write_text("half of")
    (left / "lock").write_text(left.name)
    export_blind(made / "full", tmp_path / "b.tar", terms=TERMS, issuer=LABEL, secret=SECRET)
    assert (tmp_path / "b.tar").read_bytes() == (made / "blind.tar").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["b.tar"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "terms",
    [
        replace(TERMS, licensee="Tone Machine"),
        replace(TERMS, licensee_key=OTHER.public),
        replace(TERMS, expires=date(2027, 1, 1)),
        replace(TERMS, issued=date(2026, 3, 2)),
    ],
)
def test_tokens_of_two_grants_have_nothing_in_common(made: Path, tmp_path: Path, terms: Terms) -> None:
    _, grant = export_blind(made / "full", tmp_path / "b.tar", terms=terms, issuer=LABEL, secret=SECRET)
    take(tmp_path / "b.tar", tmp_path / "b", keys_of(tmp_path, TONE, OTHER))
    mine, theirs = (
        {one.id.rpartition("-")[2] for one in Index.open(folder).snapshot().recordings}
        for folder in (made / "blind", tmp_path / "b")
    )
    assert len(mine) == len(theirs) == N - 1
    assert not mine & theirs
    assert grant.grant_id != grant_of(made / "blind").grant_id


def test_hubs_keep_their_figures_under_their_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub(20.0, 15.0, 40, 100)
    monkeypatch.setattr(writer, "find_hubs", lambda _: {"cat-no-4": hub})
    make_index(tmp_path / "full", NEVER)
    export_blind(tmp_path / "full", tmp_path / "b.tar", terms=TERMS, issuer=LABEL, secret=SECRET)
    take(tmp_path / "b.tar", tmp_path / "b", keys_of(tmp_path, TONE))
    token = Tokens(SECRET, grant_of(tmp_path / "b").grant_id).of("cat-no-4")
    snapshot = Index.open(tmp_path / "b").snapshot()
    assert snapshot.hubs == {token: hub}
    assert snapshot.hub_factor(snapshot.ordinal(token)) == 20.0
    assert b"cat-no-4" not in (tmp_path / "b.tar").read_bytes()


def test_an_index_without_recordings_is_not_exported(tmp_path: Path) -> None:
    Index.create(tmp_path / "full", LAYERS)
    with pytest.raises(ParameterError, match="holds no recordings"):
        export_blind(tmp_path / "full", tmp_path / "b.tar", terms=TERMS, issuer=LABEL, secret=SECRET)
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


# For whom it opens.


def test_a_grant_holds_from_its_first_day_to_its_last(made: Path) -> None:
    for today in (ISSUED, TODAY, EXPIRES):
        grant = check_grant(made / "blind", keys=made / "keys", today=today)
        assert grant is not None
        assert grant.terms == TERMS
    with pytest.raises(GrantError, match=r"for Tone Machines expired on 2026-12-31; ask label \(key "):
        check_grant(made / "blind", keys=made / "keys", today=date(2027, 1, 1))
    with pytest.raises(GrantError, match="begins on 2026-03-01, and today is 2026-02-28; check the clock"):
        check_grant(made / "blind", keys=made / "keys", today=date(2026, 2, 28))
    assert check_grant(made / "full", keys=made / "keys", today=TODAY) is None
    assert check_grant(made / "nothing", keys=made / "keys", today=TODAY) is None


def test_nothing_appears_when_the_grant_does_not_hold(made: Path, tmp_path: Path) -> None:
    archive, keys = made / "blind.tar", made / "keys"
    no_keys = tmp_path / "no-keys"
    keys_of(tmp_path, OTHER)
    with pytest.raises(GrantError, match="expired on 2026-12-31"):
        take(archive, tmp_path / "b", keys, today=date(2027, 6, 1))
    with pytest.raises(GrantError, match=rf"is by key {LABEL.public.id} \(label\), the trusted key is .*other"):
        take(archive, tmp_path / "b", keys, issuer=OTHER)
    for place in (no_keys, tmp_path / "keys"):
        with pytest.raises(GrantError, match=f"for Tone Machines, whose private key {TONE.public.id} is not in"):
            take(archive, tmp_path / "b", place)
    with pytest.raises(ParameterError, match="a blind index; name its issuer with --from"):
        import_index(archive, tmp_path / "b")
    export_index(made / "full", tmp_path / "full.tar")
    with pytest.raises(ParameterError, match="not a blind index, so it has no signature"):
        take(tmp_path / "full.tar", tmp_path / "b", keys)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full.tar", "keys"]


def test_a_key_that_cannot_be_used_is_named(made: Path, tmp_path: Path) -> None:
    keys = keys_of(tmp_path, TONE)
    (keys / "tone.pem").chmod(0o644)
    with pytest.raises(GrantError, match=r"is not in .*keys \(.*tone\.pem: mode 0644"):
        check_grant(made / "blind", keys=keys, today=TODAY)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.slow
def test_no_file_of_the_folder_can_change_unnoticed(made: Path, tmp_path: Path) -> None:
    files = sorted(path.relative_to(made / "blind") for path in (made / "blind").rglob("*") if path.is_file())
    files = [path for path in files if path.name != "lock"]
    assert len(files) > 8
    for path in files:
        for change in (flip, Path.unlink):
            shutil.copytree(made / "blind", tmp_path / "b")
            change(tmp_path / "b" / path)
            with pytest.raises((GrantError, IndexDamagedError)):
                open_as_commands_do(tmp_path / "b", made / "keys")
            shutil.rmtree(tmp_path / "b")
    open_as_commands_do(made / "blind", made / "keys")


def open_as_commands_do(folder: Path, keys: Path) -> None:
    check_grant(folder, keys=keys, today=TODAY)
    Index.open(folder)


def change_terms(**changes: Any) -> Callable[[Grant], Grant]:
    return lambda grant: replace(grant, terms=replace(grant.terms, **changes))


@pytest.mark.parametrize(
    "change",
    [
        change_terms(licensee="Somebody Else"),
        change_terms(licensee_key=OTHER.public),
        change_terms(expires=date(2036, 12, 31)),
        change_terms(issued=date(2025, 1, 1)),
        lambda grant: replace(grant, grant_id="0" * 16),
        lambda grant: replace(grant, issuer=OTHER.public),
        lambda grant: replace(grant, issuer=OTHER.public).signed(OTHER),
        lambda grant: replace(grant, manifest_sha256="0" * 64),
        lambda grant: replace(grant, manifest_sha256="0" * 64).signed(LABEL),
        lambda grant: replace(grant, grant_id="0" * 16).signed(LABEL),
        lambda grant: replace(grant, recordings=1),
        lambda grant: replace(grant, signature=b""),
    ],
)
def test_no_field_of_the_grant_can_change_unnoticed(
    made: Path, tmp_path: Path, change: Callable[[Grant], Grant]
) -> None:
    shutil.copytree(made / "blind", tmp_path / "b")
    keys_of(tmp_path, TONE, OTHER)
    (tmp_path / "b" / "grant.json").write_bytes(change(grant_of(made / "blind")).to_bytes())
    with pytest.raises(GrantError, match=r"b: the (grant|blind index) .*(; |otherwise )ask (label|other)"):
        check_grant(tmp_path / "b", keys=tmp_path / "keys", today=TODAY)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b"{" * 10_000, b'{"schema": "sourceprint/blind-grant/2"}', b"\xff"]
)
def test_a_file_that_is_no_grant_is_refused(made: Path, data: bytes) -> None:
    with pytest.raises(GrantError, match=r"grant\.json is (no grant|of schema)"):
        parse_grant(data)
    with pytest.raises(GrantError, match="is no grant, or was altered"):
        parse_grant((made / "blind" / "grant.json").read_bytes() + b" ")


def test_a_grant_of_another_index_is_refused(made: Path, tmp_path: Path) -> None:
    terms = replace(TERMS, expires=date(2027, 12, 31))
    export_blind(made / "full", tmp_path / "b.tar", terms=terms, issuer=LABEL, secret=SECRET)
    take(tmp_path / "b.tar", tmp_path / "b", made / "keys")
    shutil.copy(made / "blind" / "grant.json", tmp_path / "b" / "grant.json")
    with pytest.raises(GrantError, match="the blind index was altered, or the grant belongs to another"):
        check_grant(tmp_path / "b", keys=made / "keys", today=TODAY)


@pytest.mark.slow
def test_no_byte_of_the_file_can_change_unnoticed(made: Path, tmp_path: Path) -> None:
    data = (made / "blind.tar").read_bytes()
    for position in np.random.default_rng(0).integers(0, len(data), 40).tolist():
        altered = bytearray(data)
        altered[position] ^= 1
        (tmp_path / "b.tar").write_bytes(altered)
        with pytest.raises(CatalogueError):
            take(tmp_path / "b.tar", tmp_path / "b", made / "keys")
    for length in (0, 100, 512, 2000, len(data) // 2, len(data) - 1):
        (tmp_path / "b.tar").write_bytes(data[:length])
        with pytest.raises(CatalogueError):
            take(tmp_path / "b.tar", tmp_path / "b", made / "keys")
    assert [path.name for path in tmp_path.iterdir()] == ["b.tar"]


def test_a_blind_index_cannot_lose_its_grant(made: Path, tmp_path: Path) -> None:
    manifest = read_manifest(made / "blind")
    start = len((made / "blind" / "grant.json").read_bytes())
    data = (made / "blind.tar").read_bytes()[512 + start + -start % 512 :]
    (tmp_path / "b.tar").write_bytes(data[: len(data) - len(data) % 10_240])
    with pytest.raises(IndexDamagedError, match=r"should have|without its grant"):
        import_index(tmp_path / "b.tar", tmp_path / "b")
    shutil.copytree(made / "blind", tmp_path / "c")
    (tmp_path / "c" / "grant.json").unlink()
    for use in (Index.open, verify_index, read_manifest):
        with pytest.raises(GrantError, match=r"a blind index whose grant\.json is missing"):
            use(tmp_path / "c")
    assert isinstance(manifest.blind, str)


# It is searched, and nothing else.


def test_a_blind_index_cannot_be_changed_or_passed_on(made: Path, tmp_path: Path) -> None:
    index = Index.open(made / "blind")
    with pytest.raises(GrantError, match=r"a blind index .* cannot be changed, only searched"), index.writer():
        pass
    for use in (
        lambda: export_index(made / "blind", tmp_path / "a.tar"),
        lambda: export_blind(made / "blind", tmp_path / "a.tar", terms=TERMS, issuer=LABEL, secret=SECRET),
    ):
        with pytest.raises(GrantError, match="cannot be exported"):
            use()
    with pytest.raises(GrantError, match="cannot be repaired"):
        repair_index(made / "blind")
    assert verify_index(made / "blind") == []
    assert list(tmp_path.iterdir()) == []


def test_manifests_of_other_indexes_are_as_they_were(made: Path) -> None:
    assert b"blind" not in (made / "full" / "manifest.json").read_bytes()
    for folder in ("full", "blind"):
        manifest = read_manifest(made / folder)
        assert Manifest.from_body(json.loads(manifest.to_bytes())) == manifest
        assert manifest.to_bytes() == (made / folder / "manifest.json").read_bytes()


# Terms and secrets.


def test_terms_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ParameterError, match="expires 2026-02-28: lies before today, 2026-03-01"):
        replace(TERMS, expires=date(2026, 2, 28))
    for name in ("", " ", "a\nb", "x" * 201, "a\u202eb"):
        with pytest.raises(ParameterError, match="must be 1 to 200 printable characters"):
            replace(TERMS, licensee=name)


def test_the_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    with pytest.raises(EvidenceError, match="tokens can be resolved only with the one they were made with"):
        load_secret(keys)
    secret = make_secret(keys)
    assert len(secret) == 32
    assert load_secret(keys) == secret
    with pytest.raises(EvidenceError, match="exists already, and secrets are never overwritten"):
        make_secret(keys)
    assert stat.S_IMODE((keys / "blind.secret").stat().st_mode) == 0o600
    (keys / "blind.secret").chmod(0o644)
    with pytest.raises(EvidenceError, match="mode 0644"):
        load_secret(keys)
    (keys / "blind.secret").chmod(0o600)
    (keys / "blind.secret").write_bytes(b"short")
    with pytest.raises(EvidenceError, match="5 bytes, a secret has 32"):
        load_secret(keys)


def test_a_token_is_a_known_one() -> None:
    token = Tokens(bytes(32), "0123456789abcdef").of("a-1")
    key = hmac.new(bytes(32), b"sourceprint blind tokens 1\0" + b"0123456789abcdef", "sha256").digest()
    digest = hmac.new(key, b"a-1", "sha256").digest()[:16]
    assert token == "blind-0123456789abcdef-" + base64.b32encode(digest).decode().lower().rstrip("=")
    assert TOKEN.fullmatch(token)
    assert token != Tokens(bytes(32), "0123456789abcdef").of("a-2")
    assert token.split("-")[2] != Tokens(bytes(32), "0123456789abcdee").of("a-1").split("-")[2]
    assert token.split("-")[2] != Tokens(bytes(31) + b"\1", "0123456789abcdef").of("a-1").split("-")[2]


# Revealing.


def results(*tokens: str) -> list[dict[str, Any]]:
    return [
        {
            "track": {"name": f"é-{i}.wav"},
            "matches": [{"recording_id": token, "title": None, "passages": [{"also_fits": [*tokens, "x"]}]}],
        }
        for i, token in enumerate(tokens)
    ]


def revealer() -> Revealer:
    return Revealer([recording(i) for i in range(N)], SECRET)


def test_tokens_become_recordings_again_and_the_rest_stays(tmp_path: Path) -> None:
    grant_id = "0123456789abcdef"
    mine, gone = (Tokens(SECRET, grant_id).of(name) for name in ("cat-no-3", "no longer there"))
    foreign = Tokens(bytes(32), "fedcba9876543210").of("cat-no-3")
    lines = [json.dumps(line) for line in results(mine, gone, foreign)]
    (tmp_path / "r.jsonl").write_text("\n".join(lines) + "\n\n")
    reveal = revealer()
    out = b"".join(reveal_file(tmp_path / "r.jsonl", reveal)).decode().split("\n")
    expected = results("cat-no-3", gone, foreign)
    expected[0]["matches"][0] |= {
        "isrc": "QZAAA2600003",
        "title": "Title of Song 3",
        "artists": ["Famous Artist 3", "Second Singer"],
    }
    assert [json.loads(line) for line in out[:3]] == expected
    assert out[3:] == ["", ""]
    assert (reveal.n_revealed, reveal.n_unknown) == (1, 2)


@pytest.mark.parametrize(
    "style",
    [{}, {"separators": (",", ":")}, {"separators": (",", ":"), "sort_keys": True}],
    ids=["usual", "dense", "canonical"],
)
def test_lines_keep_their_layout(tmp_path: Path, style: dict[str, Any]) -> None:
    token = Tokens(SECRET, "0123456789abcdef").of("cat-no-3")
    line = json.dumps({"b": [1.50, token], "a": "é"}, **style)
    untouched = '{ "a":   1 }'
    (tmp_path / "r.jsonl").write_text(f"{line}\n{untouched}\r\n{line}")
    out = b"".join(reveal_file(tmp_path / "r.jsonl", revealer())).decode()
    assert out == f"{line}\n{untouched}\r\n{line}".replace(token, "cat-no-3")


def test_a_document_is_revealed_as_a_whole(tmp_path: Path) -> None:
    token = Tokens(SECRET, "0123456789abcdef").of("cat-no-3")
    document = {"findings": [{"recording_id": token, "text": f"reuses {token} for 3 s"}], "works": {token: 1}}
    (tmp_path / "r.json").write_text(json.dumps(document, indent=2) + "\n")
    out = json.loads(b"".join(reveal_file(tmp_path / "r.json", revealer())))
    assert out["findings"][0]["text"] == "reuses cat-no-3 for 3 s"
    assert out["findings"][0]["title"] == "Title of Song 3"
    assert out["works"] == {"cat-no-3": 1}


def test_an_empty_file_has_nothing_to_reveal(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_bytes(b"")
    assert b"".join(reveal_file(tmp_path / "r.jsonl", revealer())) == b""


def test_invalid_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text('{"a": 1}\nblind- no json\n')
    with pytest.raises(EvidenceError, match=r"r\.jsonl, line 2: is no JSON"):
        list(reveal_file(path, revealer()))
    path.write_text("blind- no json at all")
    with pytest.raises(EvidenceError, match="neither JSON Lines nor one JSON document"):
        list(reveal_file(path, revealer()))
    with pytest.raises(EvidenceError, match="cannot be read"):
        list(reveal_file(tmp_path / "missing", revealer()))


def test_results_that_name_grants_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revealing, "_MOST_GRANTS", 3)
    reveal = revealer()
    tokens = [Tokens(SECRET, f"{i:016x}").of("cat-no-3") for i in range(4)]
    assert reveal.reveal(tokens[:3]) == ["cat-no-3"] * 3
    with pytest.raises(EvidenceError, match="tokens of more than 3 grants"):
        reveal.reveal(tokens)


def test_keys_made_for_the_purpose_work_together(tmp_path: Path) -> None:
    make_index(tmp_path / "full", NEVER)
    (label, _), (tone, _) = (create_key(tmp_path / name, name) for name in ("label", "tone"))
    terms = Terms("Tone", tone.public, ISSUED, EXPIRES)
    secret = make_secret(tmp_path / "label")
    export_blind(tmp_path / "full", tmp_path / "b.tar", terms=terms, issuer=label, secret=secret)
    take(tmp_path / "b.tar", tmp_path / "b", tmp_path / "tone", issuer=label)
    reveal = Revealer(Index.open(tmp_path / "full").snapshot().recordings, secret)
    ids = [one.id for one in Index.open(tmp_path / "b").snapshot().recordings]
    assert sorted(reveal.reveal(ids)) == sorted(one.id for one in Index.open(tmp_path / "full").snapshot().recordings)
