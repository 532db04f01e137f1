"""Statements made by hand, for the tests of their files: every kind of line, and hostile names."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import partial

from sourceprint.royalties.money import ZERO, Amount, sum_of
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.records import MASTER, Party
from sourceprint.royalties.statements.amounts.lines import Adjustment, Contribution, Deducted, Line, Total
from sourceprint.royalties.statements.amounts.payments import payments
from sourceprint.royalties.statements.statement import Conversion, Credit, OutsideShare, Statement
from sourceprint.royalties.uses.usage import UsageRow
from sourceprint.royalties.uses.use import Use, UsePassage

HOSTILE = "=cmd|' /C calc'!A0"
PARTIES = (
    Party("P-ANNA", "Anna <script>alert(1)</script> Ångström", ipi="00000000199", isni="0000000081266409"),
    Party("P-BO/../X", HOSTILE),
    Party("P-GEN", "Generator & Co", dpid="PADPIDA2013020802I"),
    Party("P-LABEL", "Blue\tLabel | Records\nLtd"),
    Party("P-OPEN", "Carried Forward Music"),
)
TITLES = (
    ("recording", "R1", "AA6Q72000047", "First <b>Light</b> | long \\ mix"),
    ("recording", "R2", "", "-2+3 (Second)"),
    ("work", "W1", "T0345246801", "First Light"),
    ("work", "W2", "", "Zweites Stück"),
)
Row = tuple[str, str, str, str, str, str, str, str, tuple[Contribution, ...]]


def use(number: int, *, recording_id: str = "R1", work_ids: tuple[str, ...] = ("W1",), state: str = "claimed") -> Use:
    """Return a use of 20 s plus its number in microseconds."""
    return Use(
        id=f"U{number:024x}",
        track_sha256=f"{number % 3:064x}",
        track_name=f"generated-{number % 3}.wav",
        track_ms=60_000,
        generated_on="2026-08-02",
        purpose="generate",
        licensee="P-GEN",
        layer="recording" if recording_id else "composition",
        index_id=f"a{number}",
        recording_id=recording_id,
        work_ids=work_ids,
        passages=(UsePassage(1_000, 21_000, 5_000, 25_000, ("R1", "R2") if number % 2 else (), 0),),
        matched_ms=20_000,
        attributed_us=20_000_000 + number,
        aligned_landmarks=120,
        confidence=Decimal("0.9995"),
        p_false=Decimal("1E-9"),
        state=state,
        state_rule="thresholds.claim_confidence 0.99",
        territories=("DE",),
        candidates=(),
        policy_digest="sha256:" + "a" * 64,
        index_digest="sha256:" + "b" * 64,
        rights_revision=7,
    )


def part(
    use_id: str, amount: Fraction | int, share: int = 1_000_000, *, right: int = 500_000, currency: str = "EUR"
) -> Contribution:
    """Return the contribution of a use to a line."""
    share_id = "" if share == 1_000_000 else f"S{share}"
    return Contribution(
        use_id,
        "matched-seconds",
        Amount.nearest(amount, currency),
        right,
        1_000_000,
        share,
        share_id,
        "0.01 x <3> usages",
    )


def assemble(
    rows: list[Row],
    *,
    currency: str = "EUR",
    uses: tuple[Use, ...] = (),
    adjustments: tuple[Adjustment, ...] = (),
    outside: tuple[OutsideShare, ...] = (),
    opening: dict[str, Amount] | None = None,
    parties: tuple[Party, ...] = PARTIES,
) -> Statement:
    """Return a statement that adds up, a tenth deducted from payable lines."""
    rows = sorted(rows, key=lambda row: row[:7])
    by_use = {one.id: one for one in uses}
    lines = []
    for index, row in enumerate(rows):
        territory, right, kind, party_id, recording_id, work_id, licence_id, reason, contributions = row
        gross = sum_of(one.gross for one in contributions)
        deductions = (Deducted("administration", gross.times(100_000)),) if kind == "payable" else ()
        of_line = {one.use_id for one in contributions}
        lines.append(
            Line(
                number=index + 1,
                kind=kind,
                party_id=party_id,
                recording_id=recording_id,
                work_id=work_id,
                right=right,
                territory=territory,
                licence_id=licence_id,
                usages=1_000 * len(of_line),
                attributed_us=sum(by_use[key].attributed_us for key in of_line if key in by_use),
                reason=reason,
                gross=gross,
                deductions=deductions,
                net=gross - sum_of(one.amount for one in deductions),
                contributions=contributions,
            )
        )
    totals = []
    for territory, right in sorted({(line.territory, line.right) for line in lines}):
        total = sum_of(line.gross for line in lines if (line.territory, line.right) == (territory, right))
        totals.append(Total(territory, right, total, total))
    owed = {line.party_id for line in lines if line.kind == "payable"} | set(opening or {})
    least = dict.fromkeys(owed | {one.party_id for one in adjustments}, Amount.of_minor(500, currency))
    balances = payments(lines, adjustments, opening or {}, least, currency=currency)
    return Statement(
        id="S-P-GEN-2026-Q3-0123456789ab",
        period=Period(date(2026, 7, 1), date(2026, 9, 30), "2026-Q3"),
        issued_on="2026-10-15",
        licensee=PARTIES[2],
        currency=currency,
        licences=(("LIC-1", "sha256:" + "c" * 64), ("LIC-2", "sha256:" + "d" * 64)),
        policy_name="matched-seconds",
        policy_digest="sha256:" + "a" * 64,
        rights_revision=7,
        usage=(
            UsageRow("generated-0.wav", "DE", 1_000, Fraction(123_457, 3), "USD", "2026-08-02", "generate"),
            UsageRow("", "JP", 5, None, ""),
        ),
        usage_sha256="e" * 64,
        fx_sha256="f" * 64,
        conversions=(Conversion("USD", currency, Fraction(9_213, 10_000), "2026-09-30", "European Central Bank"),),
        lines=tuple(lines),
        totals=tuple(totals),
        adjustments=adjustments,
        balances=balances,
        outside=outside,
        uses=uses,
        parties=parties,
        titles=TITLES,
        credits=(Credit("R1", ("Anna & <Band>", "Guest | Two"), 200_500), Credit("R2", (), None)),
    )


def rich(currency: str = "EUR") -> Statement:
    """Return a statement with every kind of line in three territories, one of them taken back."""
    uses = (
        use(1),
        use(2, recording_id="R2", work_ids=("W2",)),
        use(3, state="review"),
        use(4, recording_id="", work_ids=("W2",)),
        use(5, state="disputed"),
    )
    one, two, three, four, _ = (each.id for each in uses)
    right = "MechanicalRight"
    of = partial(part, currency=currency)
    rows: list[Row] = []
    for territory, scale in (("DE", Fraction(100_000, 7)), ("JP", Fraction(50_001, 11)), ("US", Fraction(-2_000, 3))):
        rows += [
            (territory, MASTER, "payable", "P-LABEL", "R1", "", "LIC-1", "", (of(one, scale),)),
            (territory, MASTER, "payable", "P-ANNA", "R2", "", "LIC-1", "", (of(two, scale / 3, 750_000),)),
            (territory, MASTER, "held", "", "R1", "", "LIC-1", "review: confidence 0.95", (of(three, scale / 9),)),
            (territory, MASTER, "unmatched", "", "", "", "", "no use accounts for it", (of("", scale / 5),)),
            (territory, right, "payable", "P-ANNA", "R1", "W1", "LIC-1", "", (of(one, scale, 600_000),)),
            (territory, right, "payable", "P-BO/../X", "R1", "W1", "LIC-1", "", (of(one, scale, 250_000),)),
            (territory, right, "unclaimed", "", "R1", "W1", "LIC-1", "15 % on nobody", (of(one, scale, 150_000),)),
            (
                territory,
                right,
                "overclaim",
                "",
                "R2",
                "W2",
                "LIC-2",
                "shares of 120 %: P-ANNA 60 %, =P-BO 60 %",
                (of(two, scale / 3), of(four, scale / 13)),
            ),
        ]
    adjustments = (
        Adjustment(
            "2026-Q2",
            "S-P-GEN-2026-Q2-aaaaaaaaaaaa",
            "payable",
            "P-ANNA",
            "R1",
            "W1",
            right,
            "DE",
            "LIC-1",
            Amount.of_minor(900, currency),
            Amount.of_minor(650, currency),
            Amount.of_minor(-250, currency),
            f"use {one} disputed",
        ),
        Adjustment(
            "2026-Q2",
            "S-P-GEN-2026-Q2-aaaaaaaaaaaa",
            "held",
            "",
            "R1",
            "W1",
            right,
            "DE",
            "LIC-1",
            ZERO,
            Amount.of_minor(250, currency),
            Amount.of_minor(250, currency),
            f"use {one} disputed",
        ),
    )
    outside = (
        OutsideShare(four, "FR", "outside_licence", "LIC-1", "LIC-1: expired on 2026-06-30, <generated> 2026-08-02"),
    )
    return assemble(
        rows,
        currency=currency,
        uses=uses,
        adjustments=adjustments,
        outside=outside,
        opening={"P-OPEN": Amount.of_minor(120, currency)},
    )


def nothing() -> Statement:
    """Return a statement of a period in which nothing was used."""
    return assemble([])
