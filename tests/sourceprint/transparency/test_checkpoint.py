"""Checkpoints: their text, their signatures, and everything malformed."""

from __future__ import annotations

import base64

import pytest

from fingerprint.errors import ParameterError, VerificationError
from sourceprint.signatures import PrivateKey, PublicKey
from sourceprint.transparency import Checkpoint, expect_origin, key_hash, verifier_key

KEY = PrivateKey(bytes(32), "tone")
ROOT = base64.b64encode(bytes(range(32))).decode()
SIGNED = Checkpoint("log.example/tone", 42, bytes(range(32))).signed(KEY)
LINE = SIGNED.signatures[0].line
WITNESS = "— witness.example/w iIqDAgAAAAAAAAAA\n"

# The example of the note package of Go, which any implementation must read and verify.
PETER = PublicKey(base64.b64decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")[1:], "PeterNeumann")
NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_the_text_is_that_of_the_specification() -> None:
    assert SIGNED.text == f"log.example/tone\n42\n{ROOT}\n"
    data = SIGNED.to_bytes()
    assert data.decode() == f"{SIGNED.text}\n— log.example/tone {LINE.split()[2]}\n"
    raw = base64.b64decode(LINE.split()[2])
    assert raw[:4] == key_hash("log.example/tone", KEY.public)
    KEY.public.verify(SIGNED.text.encode(), raw[4:])
    assert Checkpoint.parse(data) == SIGNED


def test_the_hash_of_a_key_and_its_signature_are_those_of_go() -> None:
    assert key_hash("PeterNeumann", PETER).hex() == "c74f20a3"
    text, _, line = NOTE.rpartition("\n\n")
    raw = base64.b64decode(line.split()[2])
    assert raw[:4] == key_hash("PeterNeumann", PETER)
    PETER.verify(f"{text}\n".encode(), raw[4:])
    assert verifier_key("PeterNeumann", PETER) == ("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")


def test_signatures_and_lines_of_others_are_kept() -> None:
    text = f"log.example/tone\n0\n{ROOT}\nextension one\n+ two\n"
    own = Checkpoint.parse(f"{text}\n{LINE}".encode())
    assert own.extensions == ("extension one", "+ two")
    signed = own.signed(KEY)
    assert signed.text == text
    data = f"{text}\n{WITNESS}{signed.signatures[-1].line}{WITNESS}".encode()
    assert Checkpoint.parse(data).to_bytes() == data
    Checkpoint.parse(data).verify(KEY.public)


def test_each_signature_of_the_key_must_hold() -> None:
    other = PrivateKey.generate("other")
    with pytest.raises(VerificationError, match=r"not signed by key [0-9a-f]{16} \(other\)"):
        SIGNED.verify(other.public)
    SIGNED.signed(other).verify(KEY.public)
    for old, new in [("\n42\n", "\n43\n"), ("AAEC", "AQEC"), (f"{ROOT}\n", f"{ROOT}\nmore\n")]:
        edited = SIGNED.to_bytes().decode().replace(old, new)
        with pytest.raises(VerificationError, match="checkpoint: edited: its signature by key"):
            Checkpoint.parse(edited.encode()).verify(KEY.public)
    with pytest.raises(VerificationError, match="not signed by key"):  # another name is another key
        Checkpoint.parse(SIGNED.to_bytes().replace(b"log.example", b"log.examplf")).verify(KEY.public)
    altered = LINE.replace(LINE[-20], "A" if LINE[-20] != "A" else "B")
    with pytest.raises(VerificationError, match="edited"):
        Checkpoint.parse(SIGNED.to_bytes() + altered.encode()).verify(KEY.public)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "lacks the empty line"),
        (f"log\n1\n{ROOT}\n", "lacks the empty line"),
        (f"log\n1\n{ROOT}\n\n", "lacks the empty line, or the line"),
        (f"log\n1\n{ROOT}\n\n{LINE[:-1]}", "lacks the empty line, or the line of a signature"),
        (f"log\n1\n\n{LINE}", "lacks origin, size or root"),
        (f"\n1\n{ROOT}\n\n{LINE}", "lacks origin, size or root, or has an empty line"),
        (f"log\n1\n{ROOT}\n\nmore\n\n{LINE}", "has an empty line"),
        (f"log\n01\n{ROOT}\n\n{LINE}", "line 2: '01' is no number"),
        (f"log\n-1\n{ROOT}\n\n{LINE}", "line 2: '-1' is no number"),
        (f"log\n\N{ARABIC-INDIC DIGIT ONE}\n{ROOT}\n\n{LINE}", "line 2: .* is no number"),
        (f"log\n{1 << 63}\n{ROOT}\n\n{LINE}", "line 2: 9223372036854775808 entries; the limit is"),
        (f"log\n{'9' * 5000}\n{ROOT}\n\n{LINE}", "line 2: .* is no number"),
        (f"log\n1\n{ROOT[:-4]}\n\n{LINE}", "line 3: .* is no root"),
        (f"log\n1\n{ROOT} \n\n{LINE}", "line 3: .* is no root"),
        (f"log\n1\n{ROOT[:-2]}9=\n\n{LINE}", "line 3: .* is no root"),
        (f"log\r\n1\n{ROOT}\n\n{LINE}", "holds a control character"),
        (f"log\n1\n{ROOT}\n\n- log AAAAAAAA\n", "is no signature, which is a dash"),
        (f"log\n1\n{ROOT}\n\n— log  AAAAAAAA\n", "is no signature"),
        (f"log\n1\n{ROOT}\n\n— a+b AAAAAAAA\n", "is no signature"),
        (f"log\n1\n{ROOT}\n\n— a\N{NO-BREAK SPACE}b AAAAAAAA\n", "is no signature"),
        (f"log\n1\n{ROOT}\n\n— log AAAAAA==\n", "the signature of 'log' is no base64, or too short"),
        (f"log\n1\n{ROOT}\n\n— log AAAAA\n", "the signature of 'log' is no base64"),
        (f"log\n1\n{ROOT}\n\n{WITNESS * 101}", "has 101 signatures; the limit is 100"),
        (f"log\n1\n{ROOT}\n{'x' * (1 << 18)}\n\n{LINE}", "bytes; the limit is 262144"),
    ],
)
def test_malformed_input_is_named(text: str, match: str) -> None:
    with pytest.raises(VerificationError, match=f"kept.txt: no checkpoint: .*{match}"):
        Checkpoint.parse(text.encode(), "kept.txt")


def test_bytes_that_are_no_text_are_named() -> None:
    with pytest.raises(VerificationError, match="is not UTF-8"):
        Checkpoint.parse(b"log\xff" + SIGNED.to_bytes()[3:])


@pytest.mark.parametrize(
    "origin", ["", "a b", "a+b", "a\nb", "a\N{NO-BREAK SPACE}b", "a\N{RIGHT-TO-LEFT OVERRIDE}", "x" * 256]
)
def test_an_unsuitable_origin_is_refused(origin: str) -> None:
    with pytest.raises(ParameterError, match="must be 1 to 255 characters without white space"):
        expect_origin(origin)


@pytest.mark.parametrize("origin", ["log.example/tone", "x" * 255, "émission"])
def test_an_origin_may_be_any_name(origin: str) -> None:
    expect_origin(origin)
    signed = Checkpoint(origin, 0, bytes(32)).signed(KEY)
    Checkpoint.parse(signed.to_bytes()).verify(KEY.public)
