"""A statement as JSON: every amount as text in major units, every exact amount as a rational in minor units.

`statement_to_json` and `statement_from_json` are inverses of each other: nothing of a `Statement` is lost, and no float
stands anywhere. Amounts are decimal text with all the decimals of the statement's currency ("12.30", in JPY "12");
fields whose names end in `exact`, and revenue and rates, are rationals "numerator/denominator" in lowest terms; shares
are whole millionths, times whole milliseconds or microseconds, dates YYYY-MM-DD. An empty text is something that there
is not.

==================  ====================================================================================================
`schema`            "sourceprint/statement/1"; fields may be added, none changes its meaning
`id`, `issued_on`   of the statement
`period`            `label` as it was written, first day `start`, last day `end`
`licensee`          who pays: `id`, `name`, `ipi`, `isni`, `dpid`
`currency`          ISO 4217; of all amounts but reported revenue, which has its own
`licences`          `id` and `digest` of each, by id
`policy`            `name`, `digest`
`rights_revision`   of the catalogue of rights
`usage`             `sha256` of the file, and its `rows`: `track`, `territory`, `usages`, `revenue` (minor units of
                    `currency`, rational; null where not reported), `currency`, `generated_on`, `purpose`
`exchange`          `sha256` of the file, and the `conversions` that were used: 1 `source` = `rate` `target`, in major
                    units, for `day`, by `publisher`
`lines`             `number`, `kind`, `party_id`, `recording_id`, `work_id`, `right`, `territory`, `licence_id`,
                    `usages`, `attributed_us`, `reason`, `exact`, `gross`, `deductions` (`name`, `amount`), `net`,
                    `contributions`
`contributions`     what one use adds: `use_id`, `method`, `amount_exact`, and the parts taken of it in turn,
                    `right_millionths`, `work_millionths`, `share_millionths`, by `share_id`; `basis` says
                    how the amount came about
`totals`            by territory and right: `territory`, `right`, `exact`, `total`, `lines_sum`
`adjustments`       `period`, `statement_id`, `kind`, `party_id`, `recording_id`, `work_id`, `right`, `territory`,
                    `licence_id`, `stated`, `now`, `amount`, `reason`
`balances`          by party: `party_id`, `opening`, `lines`, `adjustments`, `minimum`, `paid`, `closing`
`outside`           uses that no licence permits: `use_id`, `territory`, `outcome`, `licence_id`, `rule`
`uses`              all that were considered, as in `sourceprint.royalties.uses.use`
`parties`           all that are named, as `licensee`
`titles`            `kind` (recording or work), `id`, `code` (ISRC or ISWC), `title`
`provisional`       true where the period may not have ended: never issued, and nothing is owed; else left out
`credits`           of recordings: `recording_id`, `artists`, `duration_ms` (null where unknown)
`digest`            "sha256:" and the digest of the canonical JSON of everything else; in what is written only
==================  ====================================================================================================

Canonical is UTF-8 with sorted keys, no white space and one newline at the end: the same statement gives the same bytes.
"""

from datetime import date
from typing import Any

from fingerprint.digests import canonical_json, digest_of, strict_json
from fingerprint.errors import ParameterError, StatementError, VerificationError, printable
from sourceprint.royalties.periods import Period
from sourceprint.royalties.statements.files.parts_json import (
    adjustment_from_json,
    adjustment_to_json,
    balance_from_json,
    balance_to_json,
    conversion_from_json,
    conversion_to_json,
    line_from_json,
    line_to_json,
    party_from_json,
    party_to_json,
    total_from_json,
    total_to_json,
    usage_from_json,
    usage_to_json,
)
from sourceprint.royalties.statements.files.record_types import expect_typed
from sourceprint.royalties.statements.statement import KINDS, SCHEMA, Credit, OutsideUse, Statement
from sourceprint.royalties.uses.use import use_from_json, use_to_json

__all__ = [
    "parse_statement",
    "statement_bytes",
    "statement_digest",
    "statement_from_json",
    "statement_to_json",
]


def statement_to_json(statement: Statement) -> dict[str, Any]:
    """Return a statement as plain JSON types, without `digest`; `statement_from_json` is the inverse."""
    currency = statement.currency
    return {
        "schema": SCHEMA,
        "id": statement.id,
        **({"provisional": True} if statement.provisional else {}),
        "period": {
            "label": statement.period.label,
            "start": statement.period.start.isoformat(),
            "end": statement.period.end.isoformat(),
        },
        "issued_on": statement.issued_on,
        "licensee": party_to_json(statement.licensee),
        "currency": currency,
        "licences": [{"id": licence_id, "digest": digest} for licence_id, digest in statement.licences],
        "policy": {"name": statement.policy_name, "digest": statement.policy_digest},
        "rights_revision": statement.rights_revision,
        "usage": {"sha256": statement.usage_sha256, "rows": [usage_to_json(row) for row in statement.usage]},
        "exchange": {
            "sha256": statement.fx_sha256,
            "conversions": [conversion_to_json(conversion) for conversion in statement.conversions],
        },
        "lines": [line_to_json(line, currency) for line in statement.lines],
        "totals": [total_to_json(total, currency) for total in statement.totals],
        "adjustments": [adjustment_to_json(adjustment, currency) for adjustment in statement.adjustments],
        "balances": [balance_to_json(balance, currency) for balance in statement.balances],
        "outside": [
            {
                "use_id": use.use_id,
                "territory": use.territory,
                "outcome": use.outcome,
                "licence_id": use.licence_id,
                "rule": use.rule,
            }
            for use in statement.outside
        ],
        "uses": [use_to_json(use) for use in statement.uses],
        "parties": [party_to_json(party) for party in statement.parties],
        "titles": [
            {"kind": kind, "id": subject_id, "code": code, "title": title}
            for kind, subject_id, code, title in statement.titles
        ],
        "credits": [
            {"recording_id": credit.recording_id, "artists": list(credit.artists), "duration_ms": credit.duration_ms}
            for credit in statement.credits
        ],
    }


def statement_from_json(value: dict[str, Any]) -> Statement:
    """Return the statement that `statement_to_json` wrote; a `digest` is not looked at.

    Raises
    ------
    StatementError
        If it is a document of another kind or version.
    VerificationError
        If a field is missing, or is not what was written.

    Examples
    --------
    >>> statement_from_json({"schema": "sourceprint/statement/9"})
    Traceback (most recent call last):
    fingerprint.errors.StatementError: schema 'sourceprint/statement/9': this version reads sourceprint/statement/1...
    """
    schema = value.get("schema") if isinstance(value, dict) else None
    if schema != SCHEMA:
        raise StatementError(
            f"schema {printable(str(schema))!r:.60}: this version reads {SCHEMA}; name a statement.json, "
            "or use the version of Sourceprint that wrote it"
        )
    try:
        statement = _statement_of(value)
        expect_typed(statement)
        _expect_known_kinds(statement)
        return statement
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        detail = f"{type(error).__name__}: {printable(str(error))}"
        raise VerificationError(
            f"statement {printable(str(value.get('id')))!r:.120}: a field is missing or damaged ({detail:.200}); "
            "take the file as it was written"
        ) from error


def statement_digest(statement: Statement) -> str:
    """Return "sha256:" and the digest of a statement: of its canonical JSON without the field `digest`."""
    return digest_of(_canonical(statement_to_json(statement)))


def statement_bytes(statement: Statement) -> bytes:
    """Return a statement as it is written and kept: canonical JSON with its `digest`, one newline at the end.

    Raises
    ------
    StatementError
        If a text in it is no Unicode, and so cannot be written.
    """
    document = statement_to_json(statement)
    document["digest"] = digest_of(_canonical(document))
    return _canonical(document)


def parse_statement(data: bytes) -> Statement:
    """Return the statement that `statement_bytes` wrote, every byte of it checked.

    Raises
    ------
    StatementError
        If it is no JSON, or a document of another kind or version.
    VerificationError
        If its digest is another one, a field is damaged, or it is not written in the canonical way.
    """
    try:
        value = strict_json(data)
    except ParameterError as error:
        raise StatementError(f"statement: not JSON in UTF-8 ({error}); name a statement.json") from error
    statement = statement_from_json(value)
    stated = str(value.pop("digest", ""))
    found = digest_of(_canonical(value))
    if stated != found:
        raise VerificationError(
            f"statement {printable(statement.id)}: its digest is {printable(stated)!r:.80}, its content has {found}; "
            "it was altered after it was written: take the file as it was written"
        )
    if statement_bytes(statement) != data:
        raise VerificationError(
            f"statement {printable(statement.id)}: the digest holds, the bytes are not those of Sourceprint (fields "
            "unknown to this version, or another layout); take the file as it was written"
        )
    return statement


def _canonical(value: dict[str, Any]) -> bytes:
    try:
        return canonical_json(value, utf8=True) + b"\n"
    except UnicodeEncodeError as error:
        passage = printable(error.object[max(0, error.start - 20) : error.end + 20])
        raise StatementError(
            f"statement: text that is no Unicode near {passage!r}; mend the name it is from"
        ) from error


def _expect_known_kinds(statement: Statement) -> None:
    for kind in (*(one.kind for one in statement.lines), *(one.kind for one in statement.adjustments)):
        if kind not in KINDS:
            raise ValueError(f"kind {kind!r:.40} is none of {', '.join(KINDS)}")


def _statement_of(value: dict[str, Any]) -> Statement:
    currency = value["currency"]
    period = value["period"]
    return Statement(
        id=value["id"],
        period=Period(date.fromisoformat(period["start"]), date.fromisoformat(period["end"]), period["label"]),
        issued_on=value["issued_on"],
        licensee=party_from_json(value["licensee"]),
        currency=currency,
        licences=tuple((licence["id"], licence["digest"]) for licence in value["licences"]),
        policy_name=value["policy"]["name"],
        policy_digest=value["policy"]["digest"],
        rights_revision=value["rights_revision"],
        usage=tuple(usage_from_json(row) for row in value["usage"]["rows"]),
        usage_sha256=value["usage"]["sha256"],
        fx_sha256=value["exchange"]["sha256"],
        conversions=tuple(conversion_from_json(conversion) for conversion in value["exchange"]["conversions"]),
        lines=tuple(line_from_json(line, currency) for line in value["lines"]),
        totals=tuple(total_from_json(total, currency) for total in value["totals"]),
        adjustments=tuple(adjustment_from_json(one, currency) for one in value["adjustments"]),
        balances=tuple(balance_from_json(balance, currency) for balance in value["balances"]),
        outside=tuple(
            OutsideUse(row["use_id"], row["territory"], row["outcome"], row["licence_id"], row["rule"])
            for row in value["outside"]
        ),
        uses=tuple(use_from_json(use) for use in value["uses"]),
        parties=tuple(party_from_json(party) for party in value["parties"]),
        titles=tuple((row["kind"], row["id"], row["code"], row["title"]) for row in value["titles"]),
        credits=tuple(
            Credit(row["recording_id"], tuple(row["artists"]), row["duration_ms"]) for row in value["credits"]
        ),
        provisional=value.get("provisional", False) is True,
    )
