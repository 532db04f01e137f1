"""The sections of the worked example of royalties on owners and licences.

In comes a `Story`; out come sections of Markdown, of the rights as they were first imported.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from benchmarks.royalties_example_story import Story, table
from sourceprint.royalties.money import amount_text
from sourceprint.royalties.percentages import format_percent
from sourceprint.royalties.rights.findings import findings_text
from sourceprint.royalties.rights.licences import Licence
from sourceprint.royalties.rights.records import MASTER, Share
from sourceprint.royalties.uses.shares import UseShares

__all__ = ["licences", "ownership", "shares_text"]


def ownership(story: Story) -> str:
    """Return the section on recordings, works and their shares."""
    rights = story.rights
    recordings = [
        [
            one.id,
            f"{one.title} ({one.subtitle})" if one.subtitle else one.title,
            ", ".join(one.artists),
            one.label,
            ", ".join(rights.works_of(one.id)),
            shares_text(story, rights.master_shares[one.id]),
        ]
        for one in rights.recordings.values()
    ]
    works = []
    for work in rights.works.values():
        by_right: dict[str, list[Share]] = {}
        for share in rights.work_shares[work.id]:
            by_right.setdefault(share.right, []).append(share)
        for right, shares in sorted(by_right.items()):
            whole = format_percent(sum(share.millionths for share in shares))
            works.append([work.id, work.title, right, shares_text(story, shares), whole])
    parts = [part for of_one in rights.parts.values() for part in of_one]
    contained = "; ".join(
        f"{part.recording_id} holds, from {_clock(part.start_ms)} to {_clock(part.end_ms)}, a sample of {part.part_id}"
        for part in parts
    )
    return f"""\
## 1. Owners

{table(["recording", "title", "artist", "label", "performs", "Master"], recordings)}

On file as well: {contained}.

{table(["work", "title", "right", "shares", ">sum"], works)}

Not all of these sums are 100 %, as `sourceprint rights check` reports. More than 100 % is an *overclaim*: the parties
contradict each other. Less is *unclaimed*: somebody is missing.

```
{chr(10).join(findings_text(story.findings))}
```"""


def licences(story: Story) -> str:
    """Return the section on licences."""
    rows = [
        [
            one.id,
            story.party(one.licensor),
            f"{one.valid_from} to {one.valid_to or 'open'}",
            _scope(one),
            str(one.territories),
            f"at most {one.conditions.max_consecutive_ms // 1000} s in a row"
            if one.conditions.max_consecutive_ms
            else "none",
        ]
        for one in story.rights.licences.values()
    ]
    card = next(iter(story.rights.licences.values())).rate_card
    rights = ", ".join(f"{right} {format_percent(part)}" for right, part in card.rights)
    fees = ", ".join(f"{format_percent(fee.millionths)} for {fee.name}" for fee in card.deductions)
    price = amount_text(card.per_second or Fraction(0), card.currency)
    least = amount_text(Fraction(card.minimum_payout), card.currency)
    return f"""\
## 2. Licences

{table(["licence", "licensor", "in force", "covers", "where", "conditions"], rows)}

All three name the same price: {price} per second that is reused, for every usage of the
generated track. Each amount divides into {rights}. {fees} is deducted from payable amounts. A balance below {least}
is carried until it reaches that sum. The licence in force on the day a track was *generated* applies:
{_expired(story)}."""


def shares_text(story: Story, shares: Iterable[Share]) -> str:
    """Return who has which shares, and where they do not hold in all the world."""
    whole_world = "Worldwide"
    return ", ".join(
        f"{story.party(share.party_id)} {format_percent(share.millionths)}"
        + ("" if str(share.territories) == whole_world else f" ({share.territories})")
        for share in shares
    )


def _scope(licence: Licence) -> str:
    scope = licence.scope
    named = [
        *(f"recordings of {label}" for label in scope.labels),
        *scope.recordings,
        *(f"{work} as a work" for work in scope.works),
    ]
    return ", ".join(named)


def _expired(story: Story) -> str:
    """Say which licence was over when a track was generated."""
    use = story.use("T6", "R2")
    outcome = next(one.outcome for one in UseShares(story.rights).outcomes(use) if one.right == MASTER)
    licence = story.rights.licences[outcome.licence_ids[0]]
    return f"{licence.id} ended on {licence.valid_to}, and T6 was generated on {use.generated_on}"


def _clock(milliseconds: int) -> str:
    return f"{milliseconds // 60_000}:{milliseconds // 1000 % 60:02d}"
