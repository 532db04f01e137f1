"""The worked example of royalties as a document: owners, matches, and the amount owed to each party and why.

In comes a `Story`; out comes Markdown. The prose is written here; every amount is taken from a statement, and what is
said of a track from its uses.
"""

from __future__ import annotations

import textwrap
from pathlib import PurePath

from benchmarks import royalties_example_money as shown
from benchmarks.royalties_example_rights import licences, ownership, shares_text
from benchmarks.royalties_example_story import PAID, Story, money, seconds, table, use_name
from sourceprint.royalties.money import Amount
from sourceprint.royalties.rights.records import Share
from sourceprint.royalties.uses.shares import UseShares
from sourceprint.royalties.uses.use import Use

__all__ = ["example_text"]

_MS_PER_SIGN = 1000
_WIDTH = 120
_SIGNS = {"paid": "#", "held": "?", "outside": "x", "lost": "."}


def example_text(story: Story) -> str:
    """Return the document."""
    sections = [
        _opening(story),
        ownership(story),
        licences(story),
        _tracks(story),
        _attribution(story),
        _money(story),
        _payment(story),
        _explained(story),
        _next_quarter(story),
        _commands(story),
    ]
    printed = "\n```"  # every other part of the document, between fences, stays as it is
    parts = "\n\n".join(sections).split(printed)
    parts[::2] = ["\n\n".join(map(_wrapped, part.split("\n\n"))) + "\n" * part.endswith("\n") for part in parts[::2]]
    return printed.join(parts) + "\n"


def _wrapped(block: str) -> str:
    """Return a block of Markdown with its prose at one width; tables, titles and comments stay as they are."""
    if block.startswith(("|", "#", "<")):
        return block
    mark = "- " if block.startswith("- ") else ""
    items = block.removeprefix(mark).split("\n- ") if mark else [block]
    filled = textwrap.TextWrapper(
        _WIDTH, initial_indent=mark, subsequent_indent=" " * len(mark), break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(filled.fill(" ".join(item.split())) for item in items)


def _opening(story: Story) -> str:
    first = story.first
    return f"""\
# Royalties, followed to the cent

<!-- Written by python -m benchmarks.royalties_example from the inputs in docs/money/example; not to be edited. -->

{first.licensee.name} generates music. In the third quarter of 2026 it made six tracks that reuse passages of five
catalogue recordings. This document follows them from the matches to the payment of each party, so that every number
can be checked with a pocket calculator. The next quarter follows, in which three things are put right. Chapters 10 to
16 are six short stories of terms that real deals have, worked on paper with the statement beside it. The parties
and the music are invented. The inputs are in [`example`](example); section 9 and the end of each story have the
commands.

Amounts are in euros. Nothing is rounded on the way: every figure is exact, until the amount due to a party is paid in
whole cents. A *recording* (R1 to R5) is the sound; a *work* (W1 to W4) is the composition that it performs. The
right in a recording is called Master; the rights in a work that matter here are MechanicalRight (copying it)
and PerformingRight (playing it to the public)."""


def _tracks(story: Story) -> str:
    rows = []
    timelines = [" " * 8 + "".join(f"{at:<10}" for at in range(0, 60, 10)) + "60 s"]
    for name in sorted({use.track_name for use in story.first.uses}):
        usage = [row for row in story.first.usage if row.track == name]
        counts = ", ".join(f"{row.territory} {row.usages}" for row in usage)
        rows.append([PurePath(name).stem, usage[0].generated_on, counts])
        uses = [use for use in story.first.uses if use.track_name == name]
        timelines += [_timeline(story, use) for use in sorted(uses, key=use_name)]
    legend = (
        f"`{_SIGNS['paid']}` is paid for, `{_SIGNS['held']}` is held, `{_SIGNS['outside']}` is outside every licence"
    )
    return f"""\
## 3. What the tracks contain

{table(["track", "generated on", "usages reported"], rows)}

One sign is one second of the generated track: {legend}, and `{_SIGNS["lost"]}` is a passage that went to another
recording.

```
{chr(10).join(timelines)}
```"""


def _attribution(story: Story) -> str:
    policy = story.policy
    rows = [
        [
            use_name(use),
            seconds(use.attributed_us),
            f"*{use.state}*",
            use.state_rule.replace("|", "\\|"),
            _licences(story, use),
        ]
        for use in sorted(story.first.uses, key=use_name)
    ]
    first, loser = story.use("T2", "R3"), story.use("T2", "R4")
    outer, sample = story.use("T4", "R5"), story.use("T4", "R1")
    unknown, work = story.use("T5", "?"), story.use("T5", "W1")
    doubtful, live = story.use("T6", "R3"), story.use("T6", "R2")
    limits, overlap = policy.thresholds, policy.overlap
    return f"""\
## 4. From matches to uses

A *use* is one track's use of one recording, or of a work where only the work is certain. The policy
`{policy.name}` turns matches into uses: {limits.min_ms // 1000} s at least; *claimed* from confidence
{limits.claim_confidence}, reviewed by a person (*review*) from {limits.review_confidence}. No second is counted twice.

{table(["use", ">seconds", "state", "rule, as it is recorded", "licence"], rows)}

- **T1** and **T3** are plain: one recording each. In the US, T3 is outside: see section 6.
- **T2**: two recordings claim the same seconds. R3 has {_density(first)} aligned landmarks (points of sound that agree)
  per second, R4 {_density(loser)}. The policy asks for {overlap.evidence_factor} times as many: R3 has the passage, and
  the claim of R4 is *withdrawn*; it stays on file with its reason.
- **T4**: {seconds(outer.attributed_us + sample.attributed_us)} s of R5 were found, {seconds(sample.attributed_us)} s of
  them in the sample that R5 took from R1. These seconds are R1's: {seconds(outer.attributed_us)} s stay with R5.
- **T5**: the passage fits R1 as well as R2, which have different owners: the recording stays *{unknown.state}*, and
  the Master is held. Both perform the same work, so the work is certain: its rights are *{work.state}* and paid.
- **T6**: {seconds(live.attributed_us)} s are of R2. Its licence had expired, so the Master is outside; LIC-NORTH also
  licenses the work W1, so the rights in it are owed. {seconds(doubtful.attributed_us)} s seem to be of R3, with
  confidence {doubtful.confidence} only: *{doubtful.state}*, and held until a person has listened."""


def _money(story: Story) -> str:
    lines = story.first.lines
    return f"""\
## 5. The amount of each use, and its parties

Price x seconds x usages. A use that is held has its amount too: it is set aside, not forgotten.

{shown.amounts(story)}

Each amount divides by right (see section 2), work and share (section 1). The sum for one party, one recording or work,
one territory, one right and one licence is a *line*; the statement has {len(lines)}. "Less" is
the deduction. Nothing is rounded: every figure is the whole of it. Lines in *italics* are owed to nobody yet.

{shown.division(story, story.first)}"""


def _payment(story: Story) -> str:
    carried = [balance for balance in story.first.balances if balance.due < balance.minimum]
    text = " ".join(
        f"{story.party(balance.party_id)} is owed {money(balance.due)}, less than {money(balance.minimum)}: "
        "all of it is carried forward."
        for balance in carried
    )
    return f"""\
## 6. Paid and unpaid amounts

The amount due to a party is paid in whole cents: this is the only rounding, to the nearest cent, half a cent up. The
rest, less than a cent, is carried to the party's next statement, with its sign. So the amounts paid and due to date
never differ by a cent.

{shown.balances(story, story.first)}

{text}

{shown.not_paid(story)}

The proof: in every territory and for every right, the lines sum to the amount shared out.

{shown.proof(story.first)}"""


def _explained(story: Story) -> str:
    number = shown.explained_line(story)
    return f"""\
## 7. One line, explained by the program

`sourceprint explain statement-2026-Q3 {number}` traces any line back to the seconds of audio:

```
{shown.explained(story)}
```"""


def _next_quarter(story: Story) -> str:
    decided = "\n".join(
        f"- {use_name(one.use)} was {one.use.state}; it is now **{one.state}**: {one.reason}."
        for one in story.decisions
    )
    changed = "\n".join(
        f"- {work_id}, {right}: {shares_text(story, before)} became {shares_text(story, after)}."
        for work_id, right, before, after in _corrected(story)
    )
    usage = ", ".join(f"{PurePath(row.track).stem} {row.usages} times in {row.territory}" for row in story.second.usage)
    negative = [balance for balance in story.second.balances if balance.carried < Amount.of_minor(-1, "EUR")]
    owing = " and ".join(f"{story.party(balance.party_id)} ({money(balance.carried)})" for balance in negative)
    opened = " ".join(
        f"{story.party(balance.party_id)} starts with the {money(balance.opening)} carried forward, and is paid "
        f"{money(balance.paid)} now."
        for balance in story.second.balances
        if balance.opening and balance.paid
    )
    return f"""\
## 8. The next quarter

An issued statement is never changed. A later fact becomes an *adjustment* in the next one: every line is computed
again with the present records, and the difference to the stated amount is paid or taken back. Before the
statement for 2026-Q4:

{changed}
{decided}

In that quarter itself, one of the tracks was used again: {usage}.

{shown.division(story, story.second)}

The adjustments to {story.first.period}, by the reason that the statement gives; "stated" and "now" are net of
deductions. An amount that moves from one kind of line to another appears twice, once with each sign. A reason names
every change for the line, its author and its day.

{shown.adjustment_tables(story)}

For each party:

{shown.adjusted_sums(story)}

{shown.balances(story, story.second)}

{opened} {owing} were paid in the first quarter an amount that is disputed now. The balance is negative, and is set
against their next earnings. If the dispute ends in their favour, the next statement gives it back."""


def _commands(story: Story) -> str:
    resolved, disputed = story.decisions
    number = shown.explained_line(story)
    return f"""\
## 9. Do it yourself

From the root of a checkout. `rights check` ends with exit code 1, because there is an overclaim. A period is stated
once it has ended: until {story.second.period.end}, the second statement needs `--provisional`, and is not issued.

```sh
export SOURCEPRINT_RIGHTS=example.sqlite
sourceprint rights people add auditor
sourceprint rights import docs/money/example/rights --by auditor
sourceprint rights check --no-index
sourceprint attribute docs/money/example/results.jsonl --policy {story.policy.name} \\
  --licensee {story.first.licensee.id} --usage docs/money/example/usage.csv
sourceprint uses list --licensee {story.first.licensee.id}
sourceprint statement --period {story.first.period} --licensee {story.first.licensee.id} \\
  --usage docs/money/example/usage.csv --issued {story.first.issued_on} --backdate "a worked example" \\
  --out statement-{story.first.period}
sourceprint audit statement-{story.first.period}
sourceprint explain statement-{story.first.period} {number}

sourceprint rights import docs/money/example/rights-2026-Q4 --by auditor
sourceprint uses set {resolved.state} {resolved.use.id} --by auditor \\
  --reason "{resolved.reason}"
sourceprint uses set {disputed.state} {disputed.use.id} --by auditor \\
  --reason "{disputed.reason}"
sourceprint statement --period {story.second.period} --licensee {story.second.licensee.id} \\
  --usage docs/money/example/usage-2026-Q4.csv --issued {story.second.issued_on} --backdate "a worked example" \\
  --out statement-{story.second.period}
sourceprint audit statement-{story.second.period}
```"""


def _corrected(story: Story) -> list[tuple[str, str, list[Share], list[Share]]]:
    """Return the works and rights whose shares were changed, with the shares before and after."""
    found = []
    for work_id, shares in story.rights.work_shares.items():
        for right in sorted({share.right for share in shares}):
            before = [share for share in shares if share.right == right]
            after = [share for share in story.corrected.work_shares[work_id] if share.right == right]
            if before != after:
                found.append((work_id, right, before, after))
    return found


def _licences(story: Story, use: Use) -> str:
    """Return the licences of a use by territory, and by right where those differ."""
    words: dict[str, dict[str, list[str]]] = {}
    for one in UseShares(story.rights).outcomes(use):
        licence = " or ".join(one.outcome.licence_ids) if one.outcome.outcome in ("licensed", "held") else "outside"
        words.setdefault(one.territory, {}).setdefault(licence, []).append(one.right or "works")
    texts = []
    for territory, by_licence in words.items():
        whole = len(by_licence) == 1
        parts = [licence if whole else f"{', '.join(rights)} {licence}" for licence, rights in by_licence.items()]
        texts.append(f"{territory} {'; '.join(parts)}")
    return ", ".join(texts)


def _timeline(story: Story, use: Use) -> str:
    if use.state == "withdrawn":
        sign = _SIGNS["lost"]
    elif all(one.outcome.outcome != "licensed" for one in UseShares(story.rights).outcomes(use)):
        sign = _SIGNS["outside"]
    else:
        sign = _SIGNS["paid" if use.state in PAID else "held"]
    signs = [" "] * (use.track_ms // _MS_PER_SIGN)
    for passage in use.passages:
        for at in range(passage.start_ms // _MS_PER_SIGN, passage.end_ms // _MS_PER_SIGN):
            signs[at] = sign
    return f"{use_name(use):<7}|{''.join(signs)}|"


def _density(use: Use) -> str:
    """Return aligned landmarks per matched second."""
    tenths = 10_000 * use.aligned_landmarks // use.matched_ms
    return f"{tenths // 10}.{tenths % 10}"
