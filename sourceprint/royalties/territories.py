"""Territories: countries by ISO 3166-1 alpha-2, or the whole world, less excluded countries.

`Territories.parse` also reads names and three-letter codes of countries (Germany, DEU), several words for the world,
and "World ex US". Names of regions, such as Europe or GSA, are refused: their countries are not agreed on.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import pycountry

from fingerprint.errors import ParameterError

__all__ = ["COUNTRIES", "EVERYWHERE", "WORLDWIDE", "Territories", "validate_territory"]

WORLDWIDE = "Worldwide"
# 2136 is the world in the TIS numbers of CWR
_WORLD_WORDS = frozenset({"worldwide", "world", "world wide", "ww", "global", "all territories", "the world", "2136"})
_BETWEEN = re.compile(r"[|,;/\n]+")
_AND = re.compile(r"\band\b|&")
_LESS = re.compile(
    r"(?P<inside>.*?)\b(?:excluding|excluded|exclusive of|except for|except|excl|exc|ex|without|minus|less|but not)\b"
    r"[.:]?(?P<outside>.*\S.*)",
    re.IGNORECASE | re.DOTALL,
)
COUNTRIES = frozenset(country.alpha_2 for country in pycountry.countries)
"""All codes of ISO 3166-1 alpha-2."""


def validate_territory(code: str) -> str:
    """Return a country's code in capitals, or "Worldwide".

    Raises
    ------
    ParameterError
        If it is neither.

    Examples
    --------
    >>> validate_territory("de"), validate_territory("World")
    ('DE', 'Worldwide')
    """
    stripped = code.strip()
    if stripped.lower() in _WORLD_WORDS:
        return WORLDWIDE
    if stripped.upper() in COUNTRIES:
        return stripped.upper()
    remedy = "; the United Kingdom is GB" if stripped.upper() == "UK" else ""
    raise ParameterError(
        f"territory {stripped!r:.40}: no country code of ISO 3166-1 (two letters, such as DE), nor Worldwide{remedy}"
    )


@dataclass(frozen=True, slots=True)
class Territories:
    """Included territories, less excluded countries.

    Attributes
    ----------
    included : tuple of str
        Sorted country codes, or ("Worldwide",).
    excluded : tuple of str
        Sorted country codes.
    """

    included: tuple[str, ...] = (WORLDWIDE,)
    excluded: tuple[str, ...] = ()

    @classmethod
    def of(cls, included: Iterable[str], excluded: Iterable[str] = ()) -> "Territories":
        """Return territories from country codes and words for the world; none included means the world.

        Raises
        ------
        ParameterError
            If a code is unknown, the world is excluded, or nothing is left.
        """
        inside = {validate_territory(code) for code in included} or {WORLDWIDE}
        outside = {validate_territory(code) for code in excluded}
        if WORLDWIDE in outside:
            raise ParameterError("territory Worldwide is excluded: nothing is left; exclude countries")
        if WORLDWIDE in inside:
            inside = {WORLDWIDE}
        elif inside <= outside:
            raise ParameterError(
                f"territories {', '.join(sorted(inside))}: all are excluded again, so nothing is left; exclude fewer"
            )
        return cls(tuple(sorted(inside)), tuple(sorted(outside)))

    @classmethod
    def parse(cls, included: str, excluded: str = "") -> "Territories":
        """Return territories from texts as people write them; without included ones, the world.

        Raises
        ------
        ParameterError
            As `of`.

        Examples
        --------
        >>> str(Territories.parse("DE; AT, Switzerland")), str(Territories.parse("World (ex. US, CAN)"))
        ('AT, CH, DE', 'Worldwide less CA, US')
        """
        if (less := _LESS.fullmatch(included.replace("(", " ").replace(")", " "))) is not None:
            included, excluded = less["inside"], f"{less['outside']}|{excluded}"
        return cls.of(_codes(included), _codes(excluded))

    def covers(self, territory: str) -> bool:
        """Return whether the whole of a territory is covered.

        Examples
        --------
        >>> world_but_us = Territories(("Worldwide",), ("US",))
        >>> world_but_us.covers("DE"), world_but_us.covers("US"), world_but_us.covers("Worldwide")
        (True, False, False)
        """
        if territory == WORLDWIDE:
            return WORLDWIDE in self.included and not self.excluded
        return territory not in self.excluded and (WORLDWIDE in self.included or territory in self.included)

    def __str__(self) -> str:
        """Return the territories as text, such as "Worldwide less US"."""
        text = ", ".join(self.included)
        return f"{text} less {', '.join(self.excluded)}" if self.excluded else text


def _codes(text: str) -> list[str]:
    """Return the codes that a text names; unknown words stay as they are, to be refused."""
    codes: list[str] = []
    for name in filter(None, map(str.strip, _BETWEEN.split(text))):
        whole = _code(name)
        if whole is not None:
            codes.append(whole)
        elif _AND.search(name):
            codes += _codes(_AND.sub("|", name))
        else:
            codes += [_code(word) or word for word in name.split()]
    return codes


@lru_cache(1_024)
def _code(name: str) -> str | None:
    if name.lower() in _WORLD_WORDS or name.upper() in COUNTRIES:
        return name
    try:
        return str(pycountry.countries.lookup(name).alpha_2)
    except LookupError:
        return None


EVERYWHERE = Territories()
"""The whole world."""
