"""Cells of a table of rights, as spreadsheets leave them: one reader per kind of value.

Input: the text of one cell, cleaned by `clean` and not empty. Output: the value as it is stored (see
`sourceprint.royalties.rights.rows`): text, or whole milliseconds and millionths. A text with two readings is refused;
the error says how to write it.

Shares are read with their unit, 25 %, 25, 0.25, 25,5 %, and become whole millionths. With the sign % a share is clear.
A bare number is not: 1 may be a hundredth or the whole, and files of one tool-chain have a quarter as 25 here and as
0.25 there. So a bare number is read only where its unit is stated, `percent` or `fraction`; nothing is guessed from its
size. A decimal comma counts as a point; there is no grouping of thousands, since no share needs one.
"""

import re
import unicodedata
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from fingerprint.errors import ParameterError, printable
from sourceprint.royalties.money import parse_decimal
from sourceprint.royalties.periods import parse_date
from sourceprint.royalties.rights.licences import PURPOSES
from sourceprint.royalties.rights.records import MASTER, WHOLE, WORK_RIGHTS
from sourceprint.royalties.territories import Territories

__all__ = [
    "UNITS",
    "Unit",
    "clean",
    "parse_share",
    "read_choice",
    "read_date",
    "read_duration_ms",
    "read_flag",
    "read_id",
    "read_list",
    "read_milliseconds",
    "read_purposes",
    "read_rights",
    "read_tags",
    "read_territories",
    "read_weight",
    "share_number",
    "warn_of_isrc",
]

Unit = Literal["percent", "fraction"]
UNITS: tuple[Unit, ...] = ("percent", "fraction")

_CACHED = 65_536
_MAX_TEXT = 10_000
_MAX_ID_BYTES = 1_000  # two ids make the id of a link, which has to fit into an index of PostgreSQL
_MAX_DURATION_MS = 2**53
_INVISIBLE = re.compile("[\u200b\u2060\ufeff\u00ad]")  # zero-width spaces, byte order marks, soft hyphens
_MAX_DIGITS = 40
_MAX_WEIGHT = 10**12
_SHARE = re.compile(rf"([+-]?)([0-9]{{1,{_MAX_DIGITS}}}(?:[.,][0-9]{{1,{_MAX_DIGITS}}})?) ?(%?)")
_DOTTED_DATE = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})")
_SLASHED_DATE = re.compile(r"[0-9]{1,4}[/-][0-9]{1,2}[/-][0-9]{1,4}")
_ISO_DURATION = re.compile(
    r"PT(?:([0-9]{1,16})H)?(?:([0-9]{1,16})M)?(?:([0-9]{1,16}(?:\.[0-9]{1,9})?)S)?", re.IGNORECASE
)
_CLOCK = re.compile(r"(?:([0-9]{1,16}):)?([0-9]{1,16}):([0-5]?[0-9](?:[.,][0-9]{1,9})?)")
_RIGHTS = {right.lower(): right for right in (*WORK_RIGHTS, MASTER)} | {
    right.lower().removesuffix("right"): right for right in WORK_RIGHTS
}
_YES = frozenset({"yes", "y", "true", "1", "ja", "oui"})
_NO = frozenset({"no", "n", "false", "0", "nein", "non"})


def clean(text: str) -> str:
    """Return the text of a cell with single spaces, in Unicode form NFC, without invisible characters.

    Raises
    ------
    ParameterError
        If it holds a control character, or is longer than 10 000 characters.

    Examples
    --------
    >>> clean(" Caf\u0065\u0301\u00a0 Noir ")
    'Café Noir'
    """
    joined = " ".join(text.split())
    if len(joined) > _MAX_TEXT:
        raise ParameterError(f"{len(joined)} characters; a cell of this table has at most {_MAX_TEXT}; shorten it")
    if joined.isascii():
        if joined.isprintable():
            return joined
    else:
        joined = " ".join(unicodedata.normalize("NFC", _INVISIBLE.sub("", joined)).split())
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in joined):
        raise ParameterError("holds a control character; type the text again")
    return joined


def read_id(text: str) -> str:
    """Return an id; raises ParameterError if it has more than 1000 bytes in UTF-8."""
    if len(text.encode()) > _MAX_ID_BYTES:
        raise ParameterError(f"id {text[:40]!r}...: {len(text.encode())} bytes in UTF-8; shorten it to {_MAX_ID_BYTES}")
    return text


def read_list(text: str) -> str:
    """Return names joined by `|`, without spaces around them or empty ones.

    Examples
    --------
    >>> read_list("Ann | Bob|")
    'Ann|Bob'
    """
    return "|".join(name.strip() for name in text.split("|") if name.strip())


def read_tags(text: str) -> str:
    """Return tags as `read_list` does, sorted, each once."""
    return "|".join(sorted({tag for tag in read_list(text).split("|") if tag}))


def warn_of_isrc(isrc: str) -> str:
    """Return a warning about an ISRC in which a letter may have replaced a digit, or "".

    Examples
    --------
    >>> warn_of_isrc("USO1O7607839")
    'the registrant O1O mixes the letters O or I with digits: compare it with the source; nothing was corrected'
    >>> warn_of_isrc("USRC17607839")
    ''
    """
    registrant = isrc[2:5]
    if any(letter in registrant for letter in "OI") and any(character.isdigit() for character in registrant):
        return (
            f"the registrant {registrant} mixes the letters O or I with digits: compare it with the source; "
            "nothing was corrected"
        )
    return ""


def read_date(text: str) -> str:
    """Return a day as YYYY-MM-DD; with dots, as in 01.07.2026, the day comes first.

    Raises
    ------
    ParameterError
        If it has another form (7/1/2026 is January in one country and July in another), or there is no such day.

    Examples
    --------
    >>> read_date("01.07.2026"), read_date("2026-07-01")
    ('2026-07-01', '2026-07-01')
    """
    if dotted := _DOTTED_DATE.fullmatch(text):
        try:
            return date(int(dotted[3]), int(dotted[2]), int(dotted[1])).isoformat()
        except ValueError as error:
            raise ParameterError(
                f"date {text!r}: there is no such day (with dots the day comes first); write YYYY-MM-DD"
            ) from error
    if _SLASHED_DATE.fullmatch(text) and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ParameterError(
            f"date {text!r}: the order of day and month is ambiguous; write YYYY-MM-DD, such as 2026-07-01"
        )
    return parse_date(text).isoformat()


def read_duration_ms(text: str) -> int:
    """Return a duration in milliseconds, from PT3M20S, 3:20 or 1:03:20.5.

    Raises
    ------
    ParameterError
        If it is a bare number, whose unit is unknown, has another form or more than three decimals, or is too long.

    Examples
    --------
    >>> read_duration_ms("PT3M20S"), read_duration_ms("3:20"), read_duration_ms("1:00:00.25")
    (200000, 200000, 3600250)
    """
    if ((matched := _ISO_DURATION.fullmatch(text)) and any(matched.groups())) or (matched := _CLOCK.fullmatch(text)):
        parts = matched.groups()
    else:
        bare = "its unit is unknown; " if re.fullmatch(r"[0-9]+([.,][0-9]+)?", text) else ""
        raise ParameterError(
            f"duration {text!r:.60}: {bare}write PT3M20S or 3:20, or milliseconds in a column duration_ms"
        )
    hours, minutes, seconds = (Fraction((part or "0").replace(",", ".")) for part in parts)
    milliseconds = ((hours * 60 + minutes) * 60 + seconds) * 1000
    if milliseconds.denominator != 1:
        raise ParameterError(f"duration {text!r:.60}: finer than a millisecond; write at most three decimals")
    if milliseconds > _MAX_DURATION_MS:
        raise ParameterError(f"duration {text!r:.60}: longer than {_MAX_DURATION_MS} ms; correct it")
    return milliseconds.numerator


def read_milliseconds(text: str) -> int:
    """Return whole milliseconds.

    Raises
    ------
    ParameterError
        If it is no whole number, or too large to be stored.
    """
    if not re.fullmatch(r"[0-9]{1,16}", text) or int(text) > _MAX_DURATION_MS:
        raise ParameterError(f"milliseconds {text!r:.60}: write a whole number from 0 to {_MAX_DURATION_MS}")
    return int(text)


def read_flag(text: str) -> str:
    """Return "yes" or "no"; raises ParameterError if it is neither."""
    word = text.lower()
    if word in _YES:
        return "yes"
    if word in _NO:
        return "no"
    raise ParameterError(f"{text!r:.40}: write yes or no, or leave the cell empty if unknown")


def read_choice(text: str) -> str:
    """Return "in" or "out"; raises ParameterError if it is neither.

    Examples
    --------
    >>> read_choice("Opt-Out"), read_choice("in")
    ('out', 'in')
    """
    word = re.sub(r"[\s_-]", "", text).lower().removeprefix("opted").removeprefix("opt")
    if word not in ("in", "out"):
        raise ParameterError(f"choice {text!r:.40}: write in or out")
    return word


def read_purposes(text: str) -> str:
    """Return purposes joined by `|`, sorted, "" for all; raises ParameterError if one is unknown.

    Examples
    --------
    >>> read_purposes("train, Generate"), read_purposes("all")
    ('generate|train', '')
    """
    if text.lower() in ("all", "any", "every"):
        return ""
    found = {word.strip().lower() for word in re.split(r"[|,;]", text) if word.strip()}
    if unknown := sorted(found - set(PURPOSES)):
        raise ParameterError(f"purpose {unknown[0]!r:.40}: write {', '.join(PURPOSES)}, several with | between them")
    return "|".join(sorted(found))


def read_weight(text: str) -> int:
    """Return a weight in millionths.

    Raises
    ------
    ParameterError
        If it is no number from 0 to 10**12, or has more than six decimals.

    Examples
    --------
    >>> read_weight("2,5")
    2500000
    """
    millionths = Fraction(parse_decimal(text.replace(",", "."), what="weight")) * WHOLE
    if millionths.denominator != 1 or not 0 <= millionths <= _MAX_WEIGHT * WHOLE:
        raise ParameterError(f"weight {text!r:.40}: write a number from 0 to {_MAX_WEIGHT}, with at most six decimals")
    return millionths.numerator


def read_rights(text: str) -> str:
    """Return the names of rights joined by `|`, sorted; case, spaces and the ending -Right do not matter.

    Raises
    ------
    ParameterError
        If a name is no right.

    Examples
    --------
    >>> read_rights("mechanical | Performing Right")
    'MechanicalRight|PerformingRight'
    """
    found = set()
    for written in text.split("|"):
        name = re.sub(r"[\s_-]", "", written).lower()
        if name not in _RIGHTS:
            raise ParameterError(
                f"right {written.strip()!r:.60}: not one of {', '.join((MASTER, *WORK_RIGHTS))}; write one of these"
            )
        found.add(_RIGHTS[name])
    return "|".join(sorted(found))


@lru_cache(_CACHED)
def read_territories(included: str, excluded: str) -> tuple[str, str]:
    """Return included and excluded territories, each sorted and joined by `|`; none included is the world.

    Examples
    --------
    >>> read_territories("at, de", ""), read_territories("", "US")
    (('AT|DE', ''), ('Worldwide', 'US'))
    >>> read_territories("Germany; USA", ""), read_territories("World ex US", "")
    (('DE|US', ''), ('Worldwide', 'US'))
    """
    try:
        territories = Territories.parse(included, excluded)
    except ParameterError as error:
        raise ParameterError(printable(str(error))) from error
    return "|".join(territories.included), "|".join(territories.excluded)


@lru_cache(_CACHED)
def share_number(text: str) -> Decimal:
    """Return the number of a share as written, with its sign and without the %.

    Raises
    ------
    ParameterError
        If it is no number such as 25, 25.5, 25,5 or 0.25.

    Examples
    --------
    >>> share_number("33,3333 %")
    Decimal('33.3333')
    """
    matched = _SHARE.fullmatch(" ".join(text.split()))
    if matched is None:
        raise ParameterError(
            f"share {text.strip()!r:.60}: not a number such as 25 %, 25.5 or 0.25 "
            f"(no exponent, no grouping of thousands, at most {_MAX_DIGITS} decimals)"
        )
    return Decimal(matched[1] + matched[2].replace(",", "."))


@lru_cache(_CACHED)
def parse_share(text: str, unit: Unit | None = None) -> int | None:
    """Return a share in millionths of the whole.

    Parameters
    ----------
    unit : "percent" or "fraction" or None
        Unit of a number without %; None if it is not stated.

    Returns
    -------
    int or None
        From 1 to 1 000 000; None for a bare number without a stated unit.

    Raises
    ------
    ParameterError
        If it is no number, zero, negative, over 100 %, or finer than a millionth of the whole.

    Examples
    --------
    >>> parse_share("25 %"), parse_share("25", "percent"), parse_share("0,25", "fraction"), parse_share("25")
    (250000, 250000, 250000, None)
    """
    number = share_number(text)
    written = f"share {text.strip()!r:.60}"
    if number < 0:
        raise ParameterError(f"{written}: negative; a share is more than 0 and at most 100 %")
    if number == 0:
        raise ParameterError(f"{written}: zero; leave the row out, or write the party's share")
    percent = text.rstrip().endswith("%")
    if not percent and unit is None:
        return None
    whole = 100 if percent or unit == "percent" else 1
    if number > whole:
        hint = "" if whole == 100 else "; shares were stated to be fractions of 1: are they percentages?"
        raise ParameterError(f"{written}: over 100 %; a share is more than 0 and at most 100 %{hint}")
    millionths = Fraction(number) * WHOLE / whole
    if millionths.denominator != 1:
        places = 4 if whole == 100 else 6
        rounded = number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
        sign = " %" if percent else ""
        remedy = f"write {rounded}{sign}" if rounded else f"the smallest share is {Decimal(1).scaleb(-places)}{sign}"
        raise ParameterError(f"{written}: finer than a millionth of the whole, {places} decimals; {remedy}")
    return millionths.numerator
