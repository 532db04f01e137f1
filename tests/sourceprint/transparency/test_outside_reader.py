"""Logs read by Go's own packages (golang.org/x/mod, sumdb/note and sumdb/tlog), which share no code with ours."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sourceprint.signatures import PrivateKey
from sourceprint.transparency import EntryProof, Log, verifier_key

PACKAGES = Path("/usr/share/gocode")  # where Debian keeps the sources of Go's packages
SOURCE = Path(__file__).parent / "outside" / "reader.go"
KEY = PrivateKey(bytes(32), "tone")
ORIGIN = "log.example/tone"
MISSING = [name for name, is_there in (
    ("go", shutil.which("go") is not None),
    ("golang.org/x/mod", (PACKAGES / "src/golang.org/x/mod/sumdb/tlog").is_dir()),
) if not is_there]  # fmt: skip

pytestmark = pytest.mark.skipif(
    bool(MISSING),
    reason=f"no Go to read logs with ({', '.join(MISSING)}): apt-get install golang-go golang-golang-x-mod-dev",
)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the program, built."""
    program = tmp_path_factory.mktemp("go") / "reader"
    environment = {
        **os.environ,
        "GO111MODULE": "off",
        "GOPATH": str(PACKAGES),
        "GOFLAGS": "",
        "GOCACHE": str(program.with_name("cache")),
        "GOTOOLCHAIN": "local",
    }
    done = subprocess.run(
        ["go", "build", "-o", program, SOURCE], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return program


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """Return a log of three levels of tiles, appended to twice, with the reader's files beside it."""
    folder = tmp_path_factory.mktemp("log")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        log = Log.open(folder / "log", signer=KEY, origin=ORIGIN)
        log.append([b"entry %d" % number * (number % 3) for number in range(300)])
        (folder / "older").write_bytes(log.checkpoint())
        log.append([b"more %d" % number for number in range(300, 1001)])
    proof = [base64.b64encode(each).decode() for each in log.consistency_proof(300)]
    (folder / "consistency.json").write_text(json.dumps(proof))
    for index in (0, 299, 512, 1000):
        (folder / f"{index}.json").write_bytes(EntryProof.of(log, index).to_bytes())
    return log


def read(reader: Path, folder: Path, key: str = "") -> subprocess.CompletedProcess[str]:
    words: list[str | Path] = [
        folder / "log",
        key or verifier_key(ORIGIN, KEY.public),
        folder / "older",
        folder / "consistency.json",
    ]
    proofs = sorted(folder.glob("[0-9]*.json"))
    assert len(proofs) == 4
    return subprocess.run([reader, *words, *proofs], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_go_verifies_checkpoint_tiles_entries_and_proofs(reader: Path, log: Log) -> None:
    done = read(reader, log.folder.parent)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1001 entries, from 300 on, 4 proofs\n", "")


@pytest.mark.slow
def test_go_verifies_a_log_that_changed_its_key(reader: Path, log: Log, tmp_path: Path) -> None:
    folder, new = shutil.copytree(log.folder.parent, tmp_path / "changed"), PrivateKey(bytes(31) + b"1", "tone-2")
    changed = Log.open(folder / "log", signer=new, origin=ORIGIN, former=[KEY])
    changed.append([b"the change"])
    proof = [base64.b64encode(each).decode() for each in changed.consistency_proof(300)]
    (folder / "consistency.json").write_text(json.dumps(proof))
    told = "1002 entries, from 300 on, 4 proofs\n"
    assert read(reader, folder).stdout == told  # signed by both
    changed.append([b"after it"])
    (folder / "consistency.json").write_text(
        json.dumps([base64.b64encode(each).decode() for each in changed.consistency_proof(300)])
    )
    assert "no verifiable signatures" in read(reader, folder).stderr
    both = f"{verifier_key(ORIGIN, KEY.public)},{verifier_key(ORIGIN, new.public)}"
    assert read(reader, folder, both).stdout == told.replace("1002", "1003")


def altered(folder: Path, name: str, data: bytes) -> Path:
    (folder / name).write_bytes(data)
    return folder


@pytest.mark.slow
def test_go_refuses_an_altered_log(reader: Path, log: Log, tmp_path: Path) -> None:
    whole = log.folder.parent
    other = verifier_key(ORIGIN, PrivateKey.generate("other").public)
    assert "no verifiable signatures" in read(reader, whole, other).stderr
    for name, old, new, fault in [
        ("log/checkpoint", b"\n1001\n", b"\n1000\n", "checkpoint: invalid signature"),
        ("log/tile/entries/001", b"more 300", b"more 301", "entry 300: another hash"),
        ("512.json", b'"index": 512', b'"index": 513', "entry proof: invalid transparency proof"),
        ("consistency.json", b'["', b'["AAAA', "hash: 35 bytes"),
    ]:
        folder = shutil.copytree(whole, tmp_path / name.replace("/", "-"))
        data = (folder / name).read_bytes()
        assert data.count(old) == 1
        done = read(reader, altered(folder, name, data.replace(old, new)))
        assert done.returncode == 1
        assert fault in done.stderr
