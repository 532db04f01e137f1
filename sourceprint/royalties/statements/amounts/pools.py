"""Divide pools of licences for training among opted-in recordings; no match is needed.

The inputs are licences with a pool and the rights. The results are priced uses that `division` divides by right, work
and share, like those of tracks. A pool falls due with the last day of its period; the choices, the scope and the owners
are those of that day. The parts are whole 10**-12 minor units that sum to the pool.

===================  ===================================================================================================
`equal`              each recording alike
`seconds`            by the length on file
`weights`            by the weight that is declared with the opt-in
===================  ===================================================================================================

Where nobody is in, or all that are in weigh nothing, the pool is unmatched; so is the part of a share that the licence
does not cover.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from fingerprint.errors import StatementError, printable
from sourceprint.royalties.deal_terms import Pool
from sourceprint.royalties.deals.spans import DealSpan, spans_due
from sourceprint.royalties.deals.standing import Standing, standing_of
from sourceprint.royalties.money import Amount, format_amount, shares_of
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.licences import Licence
from sourceprint.royalties.rights.records import MASTER, RightsRecording
from sourceprint.royalties.rights.rights import Rights
from sourceprint.royalties.statements.amounts.allocation import Allotment, PricedUse
from sourceprint.royalties.statements.amounts.exchange import Converter, amounts_of
from sourceprint.royalties.statements.amounts.weights import ALL
from sourceprint.royalties.statements.statement import OptedOut
from sourceprint.royalties.uses.shares import JudgedShare, UseShares
from sourceprint.royalties.uses.use import Use
from sourceprint.text.tables import counted

__all__ = ["TRAINING_POOL", "has_pool_due", "opted_out_of_pools", "pool_parts"]

TRAINING_POOL = "training-pool"
"""`Contribution.method` of amounts from a pool."""


def has_pool_due(licences: Iterable[Licence], period: Period) -> bool:
    """Return whether any pool falls due in a period."""
    return any(_spans(licence, period) for licence in licences)


def pool_parts(
    licences: Iterable[Licence], rights: Rights, period: Period, converter: Converter
) -> Iterator[PricedUse]:
    """Yield the part of each recording in the pools that fall due in a period; by licence, day and recording.

    Parameters
    ----------
    licences : iterable of Licence
        Of one licensee.
    rights : Rights
        With all recordings that a choice is about, their works, shares and choices.
    period : Period
    converter : Converter
        To the currency of the statement.

    Raises
    ------
    StatementError
        If a recording that is in has no length or weight on file, and the pool is divided by it.
    """
    shares = UseShares(rights)
    for licence in sorted(licences, key=lambda one: one.id):
        for span in _spans(licence, period):
            pool = licence.deal.training
            if pool is not None:
                yield from _of_pool(licence.on(span.end), pool, span, rights, shares, converter)


def opted_out_of_pools(licences: Iterable[Licence], rights: Rights, period: Period) -> tuple[OptedOut, ...]:
    """Return the recordings opted out of the pools that fall due in a period; by licence and recording.

    Parameters
    ----------
    licences : iterable of Licence
        Of one licensee.
    rights : Rights
        With all recordings that are opted out, their works, shares and choices.
    period : Period
    """
    found: dict[OptedOut, None] = {}
    for licence in sorted(licences, key=lambda one: one.id):
        for span in _spans(licence, period):
            pool, terms = licence.deal.training, licence.on(span.end)
            if pool is None:
                continue
            for recording_id, standing in _standings(terms, pool, span, rights):
                if standing.choice == "out":
                    shares = rights.master_shares.get(recording_id, ())
                    owners = {one.party_id for one in shares if one.holds(pool.territory, span.end)} - {""}
                    found[OptedOut(licence.id, recording_id, tuple(sorted(owners)), standing.reason)] = None
    return tuple(sorted(found, key=lambda one: (one.licence_id, one.recording_id, one.reason)))


def _spans(licence: Licence, period: Period) -> tuple[DealSpan, ...]:
    pool = licence.deal.training
    return () if pool is None else spans_due(pool.period, licence.valid_from, licence.valid_to, period)


def _of_pool(
    terms: Licence, pool: Pool, span: DealSpan, rights: Rights, shares: UseShares, converter: Converter
) -> Iterator[PricedUse]:
    currency = terms.rate_card.currency
    weights = _weights(terms, pool, span, rights)
    whole = converter.convert(pool.amount * span.part, currency)
    stated = f"{format_amount(pool.amount, currency)} {currency} a {pool.period}{converter.basis(currency)}"
    stated += f", {span.start} to {span.end}"
    with amounts_of(f"pool for training of licence {printable(terms.id)}, {stated}"):
        parts = shares_of(whole, converter.currency, weights or {"": 1})
    if not weights:
        basis = f"pool for training of {stated} ({terms.id})"
        n_in = sum(standing.choice == "in" for _, standing in _standings(terms, pool, span, rights))
        none = "no recording is opted in"
        if n_in:
            none = f"{counted(n_in, 'recording')} opted in, each of no {_MEASURES[pool.division]}"
        yield _priced(pool, span, None, terms, parts[""], basis, (), none)
        return
    total = sum(weights.values())
    for recording_id, amount in parts.items():
        use = _training(terms, pool, span, recording_id, rights.works_of(recording_id))
        part = f"{weights[recording_id]} of {total} {_UNITS[pool.division]}"
        basis = f"pool for training of {stated} x {part} ({terms.id})"
        yield _priced(pool, span, use, terms, amount, basis, (shares.of(use, pool.territory, span.end),), "")


_UNITS = {"equal": "recordings", "seconds": "ms", "weights": "millionths of weight"}
_MEASURES = {"seconds": "length", "weights": "weight"}


def _weights(terms: Licence, pool: Pool, span: DealSpan, rights: Rights) -> Mapping[str, int]:
    """Return the weights of the recordings that are in, by id; those without any weight are left out."""
    weights: dict[str, int] = {}
    for recording_id, standing in _standings(terms, pool, span, rights):
        if standing.choice == "in" and (weight := _weight(terms, pool, rights.recordings[recording_id], standing)):
            weights[recording_id] = weight
    return weights


def _standings(terms: Licence, pool: Pool, span: DealSpan, rights: Rights) -> Iterator[tuple[str, Standing]]:
    """Yield the recordings in the scope of a licence, by id, each with its standing on the last day."""
    works_alone = all(right != MASTER for right, _ in terms.rate_card.rights)
    for recording_id, recording in sorted(rights.recordings.items()):
        works = rights.works_of(recording_id)
        if terms.scope.covers_recording(recording_id, recording) or any(map(terms.scope.covers_work, works)):
            yield (
                recording_id,
                standing_of(rights, recording_id, "train", pool.territory, span.end, works_alone=works_alone),
            )


def _weight(terms: Licence, pool: Pool, recording: RightsRecording, standing: Standing) -> int:
    if pool.division == "equal":
        return 1
    found = recording.duration_ms if pool.division == "seconds" else standing.weight_millionths
    if found is None:
        what, remedy = {
            "seconds": ("length", "import its duration"),
            "weights": ("weight", f"give choice {standing.choice_id} a weight"),
        }[pool.division]
        raise StatementError(
            f"recording {printable(recording.id)!r:.80}: is opted in to training, and has no {what} on file, by which "
            f"licence {printable(terms.id)} divides its pool; {remedy}"
        )
    return found


def _training(terms: Licence, pool: Pool, span: DealSpan, recording_id: str, work_ids: tuple[str, ...]) -> Use:
    """Return training on a recording as the licences judge it: a use of it on the last day, in no track."""
    return Use(
        id="",
        track_sha256="",
        track_name="",
        track_ms=0,
        generated_on=span.end.isoformat(),
        purpose="train",
        licensee=terms.licensee,
        layer="recording",
        index_id="",
        recording_id=recording_id,
        work_ids=work_ids,
        passages=(),
        matched_ms=0,
        attributed_us=0,
        aligned_landmarks=0,
        confidence=Decimal(1),
        p_false=Decimal(0),
        state="claimed",
        state_rule="",
        territories=(pool.territory,),
        candidates=(),
        policy_digest="",
        index_digest="",
        rights_revision=0,
    )


def _priced(
    pool: Pool,
    span: DealSpan,
    use: Use | None,
    terms: Licence,
    amount: Amount,
    basis: str,
    readings: tuple[tuple[JudgedShare, ...], ...],
    reason: str,
) -> PricedUse:
    return PricedUse(
        territory=pool.territory,
        use=use,
        owed=ALL,
        is_alone=True,
        usages=0,
        shares_on=span.end,
        is_day_of_usage=False,
        readings=readings,
        allotments={terms.id: Allotment(terms, TRAINING_POOL, amount, by_rate=False, basis=basis)},
        reason=reason,
    )
