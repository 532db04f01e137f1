"""Reported usage: what a licensee says of generated tracks, by track and territory, for one period."""

from dataclasses import dataclass
from fractions import Fraction

__all__ = ["UsageRow"]


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What is reported of one generated track, or of a territory as a whole.

    Attributes
    ----------
    track : str
        SHA-256 or name of the generated track; "" for the territory as a whole.
    territory : str
        Country code or "Worldwide".
    usages : int
        Streams, downloads, deliveries; at least 0.
    revenue : Fraction or None
        Net revenue in minor units of `currency`, exact; negative where it is taken back; None where not reported.
    currency : str
        ISO 4217; "" without revenue.
    generated_on : str
        YYYY-MM-DD, or "" where not reported.
    purpose : str
        Of `royalties.rights.licences.PURPOSES`, or "" where not reported.
    """

    track: str
    territory: str
    usages: int
    revenue: Fraction | None
    currency: str
    generated_on: str = ""
    purpose: str = ""
