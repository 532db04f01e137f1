"""Variants: the shipped search with one change at a time, and the reference of each.

Values are multiples of the defaults, so that they stay the neighbours of the default when that changes. Maps
from patches to descriptors are trained here on fewer pairs than the shipped map; these variants are compared with one
of their own kind, trained on the same pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fingerprint.params import Params
from index.search.match import STANDARD, THOROUGH
from index.vectors.ivf import NPROBE

__all__ = ["DEFAULT", "LIMITS", "TRAINED", "Changes", "Variant", "variants"]

Changes = tuple[tuple[str, object], ...]

DEFAULT, TRAINED = "as it ships", "discriminant, few pairs"
QUICK_GROUPS = ("landmarks of references", "false matches allowed")
LIMITS = (1.0, 10.0, 100.0, 1000.0)
"""False matches allowed per 1 000 h; the first is the default."""


@dataclass(frozen=True, slots=True)
class Variant:
    """The default search with one change.

    Attributes
    ----------
    group, name : str
        The parameter, with its default in brackets, and its value here.
    against : str
        Name of the variant that it is compared with; "" for those that others are compared with.
    params : tuple of (name, value)
        Parameters of the fingerprint that differ.
    options : tuple of (name, value)
        Options of the search that differ.
    vectors : {"", "exact"}
        Search of neighbours: "" for signs in inverted lists, as in a catalogue of some size.
    trained : {"", "lda", "pca"}
        How the map is trained; "" for the one that ships.
    limit : float
        False matches allowed per 1 000 h.
    """

    group: str
    name: str
    against: str = DEFAULT
    params: Changes = ()
    options: Changes = ()
    vectors: Literal["", "exact"] = ""
    trained: Literal["", "lda", "pca"] = ""
    limit: float = LIMITS[0]

    @property
    def run(self) -> tuple[object, ...]:
        """Parameters that need a new search; variants that differ in the limit alone share it."""
        return (self.params, self.options, self.vectors, self.trained)

    @property
    def kept(self) -> tuple[object, ...]:
        """Parameters of the index."""
        return (self.params, self.vectors, self.trained)


def variants(*, quick: bool) -> tuple[Variant, ...]:
    """Return all variants in the order of the table; a few that need no training for the short version."""
    params, search = Params(), STANDARD
    half, more = 0.5, 1.5
    near, lists = search.neighbours, search.nprobe or NPROBE
    made = (
        Variant("", DEFAULT, against=""),
        *_densities("landmarks of references", "reference_density", params, (half, more)),
        *_densities("landmarks of queries", "query_density", params, (half, more)),
        *_values(f"time scales ({len(search.scales)})", "scales", (1.0,), THOROUGH.scales),
        Variant(
            f"a descriptor (signs, {params.dimension // 8} bytes)",
            f"{params.dimension} half-precision floats (exact)",
            vectors="exact",
        ),
        *_values(f"neighbours per descriptor ({near})", "neighbours", max(1, near // 2), 2 * near),
        *_values(f"rounds of explaining away ({search.rounds})", "rounds", search.rounds - 1, search.rounds + 1),
        *_values(f"lists visited ({lists})", "nprobe", max(1, lists // 2), 2 * lists),
        *(Variant(f"false matches allowed ({LIMITS[0]:g})", f"{x:g} per 1 000 h", limit=x) for x in LIMITS[1:]),
        *_trained(params),
    )
    return made if not quick else tuple(one for one in made if one.group.startswith(QUICK_GROUPS) or not one.against)


def _densities(name: str, which: str, params: Params, factors: tuple[float, ...]) -> tuple[Variant, ...]:
    usual = float(getattr(params, which))
    group = f"{name} ({usual:g} per second)"
    return tuple(
        Variant(group, f"{factor * usual:g} per second", params=((which, factor * usual),)) for factor in factors
    )


def _values(group: str, option: str, *values: object) -> tuple[Variant, ...]:
    names = [str(len(value) if isinstance(value, tuple) else value) for value in values]
    return tuple(
        Variant(group, name, options=((option, value),)) for name, value in zip(names, values, strict=True) if value
    )


def _trained(params: Params) -> tuple[Variant, ...]:
    group = f"map to descriptors ({params.dimension} numbers, +-{params.patch_seconds:g} s)"
    size = 2 * params.dimension
    smaller, larger = (
        (("patch_seconds", round(time * params.patch_seconds, 3)), ("patch_semitones", tone * params.patch_semitones))
        for time, tone in ((2 / 3, 2 / 3), (1.5, 1.5))
    )
    return (
        Variant(group, TRAINED, trained="lda"),
        Variant(group, "principal components", TRAINED, trained="pca"),
        Variant(group, f"{size} numbers", TRAINED, (("dimension", size),), trained="lda"),
        *(
            Variant(
                group, f"patch of +-{change[0][1]:g} s, +-{change[1][1]:g} semitones", TRAINED, change, trained="lda"
            )
            for change in (smaller, larger)
        ),
    )
