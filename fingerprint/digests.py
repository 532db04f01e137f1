"""Digests as text: the form in which the SHA-256 of a file is written down, and expected wherever it is read."""

__all__ = ["is_sha256"]

_DIGITS = frozenset("0123456789abcdef")


def is_sha256(text: str) -> bool:
    """Return whether a text is a SHA-256 in 64 hexadecimal digits, small letters.

    What passes can name a file: it leads nowhere else.

    Examples
    --------
    >>> is_sha256("0f" * 32), is_sha256("0F" * 32), is_sha256("../" + "0" * 61)
    (True, False, False)
    """
    return len(text) == 64 and _DIGITS.issuperset(text)
