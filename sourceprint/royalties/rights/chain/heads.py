"""Heads of a chain that are held outside of the database: in a line of text, or in an issued statement."""

from pathlib import Path

from fingerprint import disk
from fingerprint.digests import strict_json
from fingerprint.errors import ParameterError, VerificationError, printable
from sourceprint.royalties.rights.chain.entries import Head
from sourceprint.royalties.rights.chain.verification import HeldHead

__all__ = ["held_head"]

_STATEMENT = "statement.json"
_FIELD = "chain_head"
_LONGEST_LINE = 200


def held_head(given: str) -> HeldHead:
    """Return the head in a text, a file or a statement.

    Parameters
    ----------
    given : str
        Line of text as `Head.text` writes it; or path of a file with that line, of a `statement.json`, or of the folder
        of a statement.

    Raises
    ------
    ParameterError
        If it is none of these, or the file cannot be read.
    VerificationError
        If it is a statement without a head.

    Examples
    --------
    >>> held_head("sourceprint/chain/1 7 " + "0f" * 32).source
    'the head given'
    """
    try:
        return HeldHead(Head.parse(given), "the head given")
    except ParameterError:
        path = Path(given)
        if not path.exists():
            raise
    if path.is_dir():
        path /= _STATEMENT
    with disk.refusals(path, ParameterError, remedy="give the file of a statement, or one with a head in it"):
        data = path.read_bytes()
    if not data.lstrip().startswith(b"{"):
        return HeldHead(Head.parse(data[:_LONGEST_LINE].decode("utf-8", "replace")), str(path))
    try:
        document = strict_json(data)
        head = document.get(_FIELD) or ""
    except ParameterError as error:
        raise ParameterError(f"{printable(path)}: {error}; give the file of a statement as it was written") from error
    if not head:
        raise VerificationError(
            f"{printable(path)}: holds no head of a chain, as statements do from version 2 on; give a later one, or a "
            "head that `sourceprint rights head` printed"
        )
    return HeldHead(Head.parse(str(head)), str(path))
