"""Read and validate a policy of the gate from TOML.

Unknown keys and values are refused: a misspelt condition would be ignored. So are conditions that no match can meet,
and a policy that can hold nothing back: such a gate would be open unnoticed. Messages name file, key, value and remedy.
The digest is that of the file's bytes, as `sha256sum` prints it.
"""

import hashlib
from dataclasses import replace
from importlib import resources
from pathlib import Path

from fingerprint.disk import decoded, read_small
from fingerprint.errors import EvidenceError, printable
from sourceprint.gate.policy import SCHEMA, GatePolicy
from sourceprint.toml_documents import parse_toml, read_document
from sourceprint.toml_faults import lines_of

__all__ = ["default_policy", "load_policy", "parse_policy"]

_LARGEST_FILE = 1 << 20


def load_policy(path: Path) -> GatePolicy:
    """Return the policy in a file.

    Raises
    ------
    EvidenceError
        If the file cannot be read or is no policy; the message names file, key, value and remedy.
    """
    name = printable(path)
    too_large = f"has more than {_LARGEST_FILE} bytes; this is no policy"
    data = read_small(path, EvidenceError, most=_LARGEST_FILE, too_large=too_large, name=f"policy {name}")
    return parse_policy(data, name=name)


def default_policy() -> GatePolicy:
    """Return the policy that holds where none is given.

    Examples
    --------
    >>> default_policy().otherwise, default_policy().rules[0].min_confidence
    ('review', 0.999)
    """
    data = (resources.files("sourceprint.gate") / "default.toml").read_bytes()
    return parse_policy(data, name="default")


def parse_policy(data: bytes, *, name: str) -> GatePolicy:
    """Return the policy that the content of a file states.

    Parameters
    ----------
    data : bytes
        TOML, UTF-8.
    name : str
        Its name in messages.

    Raises
    ------
    EvidenceError
        As `load_policy`.
    """
    name = f"policy {name}"
    text = decoded(data, name, EvidenceError).replace("\r\n", "\n")
    document = parse_toml(text, name=name, failure=EvidenceError)
    policy = read_document(document, GatePolicy, schema=SCHEMA, name=name, failure=EvidenceError, lines=lines_of(text))
    return replace(policy, sha256=hashlib.sha256(data).hexdigest())
