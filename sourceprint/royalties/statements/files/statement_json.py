"""A statement as JSON: the fields of `Statement` by their names, all the way down; every amount exact.

`statement_to_json` and `statement_from_json` are inverses of each other: nothing of a `Statement` is lost, and there
are no floats. Amounts are decimal text in the unit of the statement's currency, exact and without zeros at their end
("12.3", "0.00075"); revenue and rates are rationals "numerator/denominator" in lowest terms, revenue in minor units of
its own currency; shares are whole millionths, times whole milliseconds or microseconds, days YYYY-MM-DD. An empty text
means that there is no value. `sourceprint.royalties.statements.statement` describes each field; further keys are

==================  ====================================================================================================
`schema`            "sourceprint/statement/2"; fields may be added, none changes its meaning
`provisional`       left out where it is false, as are all fields that hold nothing and need not be there: `credits`,
                    `advances`, `tiers`, `unused_revenue`, `inputs`, `chain_head`, `signer`, `backdated`,
                    `log_checkpoint`; and, of lines, balances and all other records, fields that were added later,
                    where they have their default (`later_fields`): a new version writes the statements of an older
                    one byte for byte
`uses`              as in `sourceprint.royalties.uses.use`
`digest`            "sha256:" and the digest of the canonical JSON of everything else; in written documents only
==================  ====================================================================================================

Canonical is UTF-8 with sorted keys, no white space and one newline at the end: the same statement gives the same bytes.
Statements of schema 1 are read too (`statement_v1`), and written again as they were.
"""

from dataclasses import MISSING, dataclass, fields
from fractions import Fraction
from typing import Any, get_type_hints

import msgspec

from fingerprint.digests import canonical_json, digest_of, strict_json
from fingerprint.errors import ParameterError, RightsError, StatementError, VerificationError, printable
from sourceprint.royalties.deals.advances import AdvanceAccount
from sourceprint.royalties.money import Amount, currency_exponent
from sourceprint.royalties.rights.chain import Head
from sourceprint.royalties.rights.records import Party
from sourceprint.royalties.statements.amounts.lines import KINDS
from sourceprint.royalties.statements.files.later_fields import left_out
from sourceprint.royalties.statements.files.statement_v1 import SCHEMA_1, from_schema_1
from sourceprint.royalties.statements.statement import SCHEMA, Balance, Statement
from sourceprint.royalties.uses.use import use_bytes, use_from_json
from sourceprint.signatures import PublicKey
from sourceprint.transparency import Checkpoint

__all__ = [
    "CarriedOn",
    "bytes_and_digest",
    "parse_carried",
    "parse_statement",
    "plain",
    "statement_bytes",
    "statement_digest",
    "statement_from_json",
    "statement_to_json",
]

_DAMAGE = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, ParameterError)
_TYPES = get_type_hints(Statement, include_extras=True)
_FIELDS = [one for one in fields(Statement) if one.name not in ("uses", "document")]
_Document: Any = msgspec.defstruct(
    "Document",
    [
        ("schema", str),
        *((one.name, _TYPES[one.name]) for one in _FIELDS if one.default is MISSING),
        ("uses", list[Any]),
        *((one.name, _TYPES[one.name], one.default) for one in _FIELDS if one.default is not MISSING),
        ("digest", str, ""),
    ],
    omit_defaults=True,
    forbid_unknown_fields=True,
    kw_only=True,
)


@dataclass(frozen=True, slots=True)
class CarriedOn:
    """The part of a statement that later ones take: parties, balances, advances and licences, and its digest."""

    parties: tuple[Party, ...]
    balances: tuple[Balance, ...]
    advances: tuple[AdvanceAccount, ...]
    licences: tuple[tuple[str, str], ...]
    digest: str


def statement_to_json(statement: Statement) -> dict[str, Any]:
    """Return a statement as plain JSON types, without `digest`; `statement_from_json` is the inverse."""
    value: dict[str, Any] = strict_json(bytes(_encoded(statement)[0]))
    return value


def plain(value: Any) -> Any:
    """Return a part of a statement as it is in its JSON."""
    return msgspec.to_builtins(left_out(value), enc_hook=_text)


def statement_from_json(value: dict[str, Any]) -> Statement:
    """Return the statement that `statement_to_json` wrote; a `digest` is not looked at.

    Raises
    ------
    StatementError
        If it is a document of another kind or version.
    VerificationError
        If a field is missing or damaged.

    Examples
    --------
    >>> statement_from_json({"schema": "sourceprint/statement/9"})
    Traceback (most recent call last):
    fingerprint.errors.StatementError: schema 'sourceprint/statement/9': this version reads sourceprint/statement/1...
    """
    schema = value.get("schema") if isinstance(value, dict) else None
    if schema not in (SCHEMA_1, SCHEMA):
        raise StatementError(
            f"schema {printable(str(schema))!r:.60}: this version reads {SCHEMA_1} and {SCHEMA}; name a "
            "statement.json, or use the version of Sourceprint that wrote it"
        )
    try:
        if schema == SCHEMA_1:
            document = msgspec.convert(from_schema_1(value), _Document, dec_hook=_value)
            return _statement(document, _with_digest(value))
        return _statement(msgspec.convert(value, _Document, dec_hook=_value))
    except _DAMAGE as error:
        detail = f"{type(error).__name__}: {printable(str(error))}"
        raise VerificationError(
            f"statement {printable(str(value.get('id')))!r:.120}: a field is missing or damaged ({detail:.200}); "
            "take the file as it was written"
        ) from error


def statement_digest(statement: Statement) -> str:
    """Return "sha256:" and the digest of a statement: of its canonical JSON without the field `digest`."""
    if statement.document:
        return str(strict_json(statement.document)["digest"])
    return digest_of(_encoded(statement)[0])


def statement_bytes(statement: Statement) -> bytes:
    """Return a statement as it is written and kept: canonical JSON with its `digest`, one newline at the end.

    Raises
    ------
    StatementError
        If a text in it is no Unicode, and so cannot be written.
    """
    return bytes(bytes_and_digest(statement)[0])


def bytes_and_digest(statement: Statement) -> tuple[bytes | bytearray, str]:
    """Return `statement_bytes` and `statement_digest` of a statement, which is encoded once, and not copied."""
    if statement.document:
        return statement.document, statement_digest(statement)
    encoded, place = _encoded(statement)
    digest = digest_of(encoded)
    encoded[place:place] = f',"digest":"{digest}"'.encode()
    return encoded, digest


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
        statement = _statement(_DECODER.decode(data))
        if bytes_and_digest(statement)[0] == data:
            return statement
    except (*_DAMAGE, RightsError, RecursionError):
        pass  # the code below names the fault
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
    if bytes_and_digest(statement)[0] != data:
        raise VerificationError(
            f"statement {printable(statement.id)}: the digest holds, the bytes are not those of Sourceprint (fields "
            "unknown to this version, or another layout); take the file as it was written"
        )
    return statement


def parse_carried(data: bytes, digest: str) -> CarriedOn:
    """Return the part of a kept statement that later ones take, with its digest.

    The rest is read only where the statement is damaged or of an earlier schema.


    Raises
    ------
    StatementError, VerificationError
        As `parse_statement`.
    """
    bare = data.replace(f',"digest":"{digest}"'.encode(), b"", 1)
    if digest_of(bare) == digest:
        try:
            found = _CARRIED.decode(data)
            if found.schema == SCHEMA:
                return CarriedOn(found.parties, found.balances, found.advances, found.licences, digest)
        except (*_DAMAGE, RightsError, RecursionError):
            pass  # of an earlier schema, or damaged
    statement = parse_statement(data)
    parts = (statement.parties, statement.balances, statement.advances, statement.licences)
    return CarriedOn(*parts, statement_digest(statement))


def _statement(document: Any, source: bytes = b"") -> Statement:
    """Return the statement of a document, and make sure that words and codes in it are known."""
    statement = Statement(
        **{one.name: getattr(document, one.name) for one in _FIELDS},
        uses=tuple(use_from_json(use) for use in document.uses),
        document=source,
    )
    _expect_known_kinds(statement)
    for currency in {statement.currency, *(row.currency for row in statement.usage if row.revenue is not None)}:
        currency_exponent(currency)
    if statement.signer:
        PublicKey.parse(statement.signer)
    if statement.chain_head:
        Head.parse(statement.chain_head)
    if statement.log_checkpoint:
        Checkpoint.parse(statement.log_checkpoint.encode(), "log_checkpoint")
    return statement


def _encoded(statement: Statement) -> tuple[bytearray, int]:
    """Return the canonical JSON of a statement without `digest`, and where in it that goes.

    It is made record by record: no second copy of all lines is ever in memory.
    """
    if statement.document:
        value = strict_json(statement.document)
        del value["digest"]
        return bytearray(_canonical(value)), 0
    encoded, place = bytearray(), 0
    try:
        for name in _IN_ORDER:
            if name == "digest":
                place = len(encoded)
                continue
            value = SCHEMA if name == "schema" else getattr(statement, name)
            if name in _DEFAULTS and value == _DEFAULTS[name]:
                continue
            encoded += f',"{name}":'.encode()
            if isinstance(value, tuple):
                encode = use_bytes if name == "uses" else _record_bytes
                for number, one in enumerate(value):
                    encoded += b"," if number else b"["
                    encoded += encode(one)
                encoded += b"]" if value else b"[]"
            else:
                encoded += _record_bytes(value)
    except UnicodeEncodeError as error:
        raise _no_unicode(error) from error
    encoded[:1] = b"{"
    encoded += b"}\n"
    return encoded, place


def _record_bytes(value: Any) -> bytes:
    return _ENCODER.encode(left_out(value))


def _with_digest(value: dict[str, Any]) -> bytes:
    """Return a document of an earlier schema as it was written."""
    bare = {key: part for key, part in value.items() if key != "digest"}
    return _canonical({**bare, "digest": digest_of(_canonical(bare))})


def _canonical(value: dict[str, Any]) -> bytes:
    try:
        return canonical_json(value, utf8=True) + b"\n"
    except UnicodeEncodeError as error:
        raise _no_unicode(error) from error


def _no_unicode(error: UnicodeEncodeError) -> StatementError:
    passage = printable(error.object[max(0, error.start - 20) : error.end + 20])
    return StatementError(f"statement: text that is no Unicode near {passage!r}; mend the name it is from")


def _expect_known_kinds(statement: Statement) -> None:
    for kind in (*(one.kind for one in statement.lines), *(one.kind for one in statement.adjustments)):
        if kind not in KINDS:
            raise ValueError(f"kind {kind!r:.40} is none of {', '.join(KINDS)}")


def _text(value: Any) -> str:
    if isinstance(value, Amount):
        return str(value)
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    raise TypeError(f"{type(value).__name__} has no text in a statement")


def _value(kind: type, text: Any) -> Any:
    if kind is Amount:
        return Amount.parse(text)
    numerator, _, denominator = text.partition("/")
    return Fraction(int(numerator), int(denominator))


_IN_ORDER = sorted(("schema", "uses", "digest", *(one.name for one in _FIELDS)))
_DEFAULTS = {one.name: one.default for one in _FIELDS if one.default is not MISSING}
_ENCODER = msgspec.json.Encoder(enc_hook=_text, order="sorted")
_DECODER = msgspec.json.Decoder(_Document, dec_hook=_value)
_Carried: Any = msgspec.defstruct(
    "Carried",
    [
        ("schema", str),
        ("parties", tuple[Party, ...]),
        ("balances", tuple[Balance, ...]),
        ("licences", tuple[tuple[str, str], ...]),
        ("advances", tuple[AdvanceAccount, ...], ()),
    ],
)
_CARRIED = msgspec.json.Decoder(_Carried, dec_hook=_value)
