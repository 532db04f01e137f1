"""Keys and signatures: files written, accepted, and refused with a message."""

from __future__ import annotations

import hashlib
import stat
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from fingerprint.errors import EvidenceError, ParameterError, StorageFullError, VerificationError
from sourceprint.signatures import PrivateKey, PublicKey, create_key, load_private, load_public, private_keys

# The first three test vectors of RFC 8032, section 7.1: secret key, public key, message, signature.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
        "655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee"
        "b00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28d"
        "c027beceea1ec40a",
    ),
]


@pytest.fixture
def key(tmp_path: Path) -> PrivateKey:
    return create_key(tmp_path / "keys", "tone")[0]


@pytest.mark.parametrize(("seed", "public", "message", "signature"), RFC_8032)
def test_signatures_are_those_of_the_standard(seed: str, public: str, message: str, signature: str) -> None:
    key = PrivateKey(bytes.fromhex(seed), "vector")
    assert key.public.raw.hex() == public
    assert key.sign(bytes.fromhex(message)).hex() == signature
    key.public.verify(bytes.fromhex(message), bytes.fromhex(signature))


def test_a_signature_holds_for_its_data_and_its_key_alone(key: PrivateKey) -> None:
    signature = key.sign(b"data")
    key.public.verify(b"data", signature)
    other = PrivateKey.generate("other").public
    altered = bytes([signature[0] ^ 1]) + signature[1:]
    for public, data, given in [
        (key.public, b"Data", signature),
        (key.public, b"data", altered),
        (key.public, b"data", b""),
        (other, b"data", signature),
    ]:
        with pytest.raises(VerificationError, match=f"not one of key {public.id} \\({public.name}\\)"):
            public.verify(data, given)


def test_a_key_comes_back_from_its_files(tmp_path: Path, key: PrivateKey) -> None:
    path = tmp_path / "keys" / "tone.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert load_private(path).public == key.public == load_public(path.with_suffix(".pub"))
    assert load_private(path).public.name == "tone"
    assert load_private(path).sign(b"x") == key.sign(b"x")
    assert list(private_keys(path.parent)) == [path]
    assert list(private_keys(tmp_path / "missing")) == []
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["tone.pem", "tone.pub"]


def test_other_programs_read_the_files(tmp_path: Path, key: PrivateKey) -> None:
    assert load_pem_private_key((tmp_path / "keys" / "tone.pem").read_bytes(), None) is not None
    kind, _, name = (tmp_path / "keys" / "tone.pub").read_text().removesuffix("\n").split(" ")
    assert (kind, name) == ("sourceprint-ed25519", "tone")
    assert key.public.id == hashlib.sha256(key.public.raw).hexdigest()[:16]


def test_keys_are_never_overwritten(tmp_path: Path, key: PrivateKey) -> None:
    before = (tmp_path / "keys" / "tone.pem").read_bytes()
    with pytest.raises(EvidenceError, match=r"tone\.pem: exists already, and keys are never overwritten"):
        create_key(tmp_path / "keys", "tone")
    (tmp_path / "keys" / "tone.pem").unlink()
    with pytest.raises(EvidenceError, match=r"tone\.pub: exists already"):
        create_key(tmp_path / "keys", "tone")
    assert (tmp_path / "keys" / "tone.pub").read_text() == key.public.text + "\n"
    assert before


def test_a_key_that_appears_meanwhile_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def generate_while_another_does(name: str) -> PrivateKey:
        (tmp_path / f"{name}.pem").write_bytes(b"theirs")
        return PrivateKey(bytes(32), name)

    monkeypatch.setattr(PrivateKey, "generate", generate_while_another_does)
    with pytest.raises(EvidenceError, match="exists already"):
        create_key(tmp_path, "tone")
    assert (tmp_path / "tone.pem").read_bytes() == b"theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["tone.pem"]


@pytest.mark.parametrize("name", ["", "a b", "../up", ".hidden", "ä", "x" * 65, "a\nb"])
def test_names_that_no_file_or_line_should_have_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ParameterError, match="must be 1 to 64 letters"):
        create_key(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sourceprint-ed25519",
        "ssh-ed25519 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo= example",
        "sourceprint-ed25519 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHUQ== example",
        "sourceprint-ed25519 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURp= example",
        "sourceprint-ed25519 !!qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo= example",
        "sourceprint-ed25519 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo= two words",
        "sourceprint-ed25519 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo= <b>",
    ],
)
def test_a_line_that_is_no_public_key_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ParameterError, match=r"no public key|must be 1 to 64 letters"):
        PublicKey.parse(text)
    (tmp_path / "x.pub").write_text(text)
    with pytest.raises(EvidenceError, match=r"x\.pub: no public key"):
        load_public(tmp_path / "x.pub")


def test_the_wrong_half_of_a_key_is_named(tmp_path: Path, key: PrivateKey) -> None:
    folder = tmp_path / "keys"
    with pytest.raises(EvidenceError, match="a private key, which must never leave its owner"):
        load_public(folder / "tone.pem")
    with pytest.raises(EvidenceError, match=r"a private key is a file NAME\.pem"):
        load_private(folder / "tone.pub")
    (folder / "tone.pub").rename(folder / "public.pem")
    (folder / "public.pem").chmod(0o600)
    with pytest.raises(EvidenceError, match="a public key, where the private one is needed"):
        load_private(folder / "public.pem")


def test_a_private_key_that_others_may_read_is_refused(tmp_path: Path, key: PrivateKey) -> None:
    path = tmp_path / "keys" / "tone.pem"
    path.chmod(0o640)
    with pytest.raises(EvidenceError, match=r"tone\.pem: mode 0640, .*chmod 600"):
        load_private(path)


def test_encrypted_foreign_and_missing_keys_are_refused(tmp_path: Path, key: PrivateKey) -> None:
    path = tmp_path / "k.pem"
    path.touch(mode=0o600)
    private = load_pem_private_key(key.to_pem(), None)
    path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    with pytest.raises(EvidenceError, match="an encrypted key"):
        load_private(path)
    curve = generate_private_key(SECP256R1())
    path.write_bytes(curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(EvidenceError, match="not of Ed25519"):
        load_private(path)
    path.write_bytes(b"\x00 nothing of the kind")
    with pytest.raises(EvidenceError, match="no private key in PEM"):
        load_private(path)
    for load in (load_private, load_public):
        with pytest.raises(EvidenceError, match="cannot be read"):
            load(tmp_path / "missing.pem")


def test_no_key_is_left_where_the_system_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("index.storage.durable.os.fsync", refuse)
    with pytest.raises(StorageFullError, match="no space left"):
        create_key(tmp_path, "tone")
    assert list(tmp_path.iterdir()) == []


def test_a_private_key_without_its_public_file_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StorageFullError("no space left")

    with monkeypatch.context() as refusing:
        refusing.setattr("sourceprint.signatures.publish", refuse)
        with pytest.raises(StorageFullError, match="no space left"):
            create_key(tmp_path, "tone")
    assert list(tmp_path.iterdir()) == []
    create_key(tmp_path, "tone")


def test_of_many_who_make_a_key_at_once_one_does_and_both_its_files_go_together(tmp_path: Path) -> None:
    """Threads have the number of their process in common, as processes of two containers may."""
    barrier = threading.Barrier(8)

    def make(_: int) -> bool:
        barrier.wait()
        try:
            create_key(tmp_path, "tone")
        except EvidenceError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(make, range(8))) == 1
    assert load_public(tmp_path / "tone.pub") == load_private(tmp_path / "tone.pem").public
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tone.pem", "tone.pub"]


def test_openssl_reads_the_private_key(tmp_path: Path, key: PrivateKey) -> None:
    path = tmp_path / "keys" / "tone.pem"
    try:
        done = subprocess.run(
            ["openssl", "pkey", "-in", str(path), "-pubout", "-outform", "DER"],
            capture_output=True, check=False, timeout=30,
        )  # fmt: skip
    except FileNotFoundError:
        pytest.skip("no openssl here")
    assert done.stdout[-32:] == key.public.raw
