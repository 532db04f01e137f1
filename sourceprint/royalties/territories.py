"""Territories: countries by ISO 3166-1 alpha-2, or the whole world; some included, some of those excluded again."""

from collections.abc import Iterable
from dataclasses import dataclass

import pycountry

from fingerprint.errors import ParameterError

__all__ = ["COUNTRIES", "EVERYWHERE", "WORLDWIDE", "Territories", "validate_territory"]

WORLDWIDE = "Worldwide"
_WORLD_WORDS = frozenset({"worldwide", "world", "ww", "2136"})  # 2136 is the world in the TIS numbers of CWR
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
    """Where something holds: the included territories less the excluded ones.

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
        """Return territories from codes as people write them; none included means the world.

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
            raise ParameterError(f"territories {', '.join(sorted(inside))}: all are excluded again; nothing is left")
        return cls(tuple(sorted(inside)), tuple(sorted(outside)))

    def covers(self, territory: str) -> bool:
        """Return whether all of a territory lies inside.

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


EVERYWHERE = Territories()
"""The whole world."""
