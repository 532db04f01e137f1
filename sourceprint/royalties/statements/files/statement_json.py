"""A statement as JSON: the fields of `Statement` by their names, all the way down; every amount exact.

`statement_to_json` and `statement_from_json` are inverses of each other: nothing of a `Statement` is lost, and there
are no floats. Amounts are decimal text in the unit of the statement's currency, exact and without zeros at their end
("12.3", "0.00075"); revenue and rates are rationals "numerator/denominator" in lowest terms, revenue in minor units of
its own currency; shares are whole millionths, times whole milliseconds or microseconds, days YYYY-MM-DD. An empty text
means that there is no value. `sourceprint.royalties.statements.statement` describes each field; further keys are

==================  ====================================================================================================
`schema`            "sourceprint/statement/2"; fields may be added, none changes its meaning
`provisional`       left out where it is false, as are all fields that hold nothing and need not be there: `credits`,
                    `advances`, `held`, `opted_out`, `tiers`, `unused_revenue`, `inputs`, `chain_head`, `signer`,
                    `backdated`, `log_checkpoint`, `usage_version`, `usage_reason`; and, of lines, balances and all
                    other records, fields that were added later, where they have their default (`later_fields`): a
                    new version writes the statements of an older one byte for byte
`uses`              as in `sourceprint.royalties.uses.use`
`digest`            "sha256:" and the digest of the canonical JSON of everything else; in written documents only
==================  ====================================================================================================

Canonical is UTF-8 with sorted keys, no white space and one newline at the end: the same statement gives the same bytes.
Statements of schema 1 are read too (`statement_v1`), and written again as they were.
"""

import hashlib
from collections.abc import Iterable, Iterator
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
    "DIGEST",
    "CarriedOn",
    "carried_of",
    "digest_piece",
    "parse_statement",
    "pieces_of",
    "plain",
    "statement_bytes",
    "statement_digest",
    "statement_from_json",
    "statement_to_json",
]

DIGEST = "digest"
_PIECE_BYTES = 1 << 18
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
    value: dict[str, Any] = strict_json(statement_bytes(statement))
    del value[DIGEST]
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
    digest = hashlib.sha256()
    for _, piece in pieces_of(statement):
        digest.update(piece)
    return f"sha256:{digest.hexdigest()}"


def statement_bytes(statement: Statement) -> bytes:
    """Return a statement as it is written and kept: canonical JSON with its `digest`, one newline at the end.

    Raises
    ------
    StatementError
        If a text in it is no Unicode, and so cannot be written.
    """
    if statement.document:
        return statement.document
    pieces, digest, place = [], hashlib.sha256(), 0
    for name, piece in pieces_of(statement):
        digest.update(piece)
        pieces.append(piece)
        place += name < DIGEST
    return b"".join([*pieces[:place], digest_piece(digest), *pieces[place:]])


def pieces_of(statement: Statement) -> Iterator[tuple[str, bytes]]:
    """Yield the canonical JSON of a statement of this schema without `digest`, in pieces with the name of their field.

    No second copy of all lines is ever in memory.
    """
    try:
        for name in _IN_ORDER:
            value = SCHEMA if name == "schema" else getattr(statement, name)
            if name in _DEFAULTS and value == _DEFAULTS[name]:
                continue
            piece = bytearray(f'{"{" if name == _IN_ORDER[0] else ","}"{name}":'.encode())
            if isinstance(value, tuple):
                encode = use_bytes if name == "uses" else _record_bytes
                for number, one in enumerate(value):
                    piece += b"," if number else b"["
                    piece += encode(one)
                    if len(piece) > _PIECE_BYTES:
                        yield name, bytes(piece)
                        piece.clear()
                piece += b"]" if value else b"[]"
            else:
                piece += _record_bytes(value)
            yield name, bytes(piece) + (b"}\n" if name == _IN_ORDER[-1] else b"")
    except UnicodeEncodeError as error:
        raise _no_unicode(error) from error


def digest_piece(digest: "hashlib._Hash") -> bytes:
    """Return the piece with the digest of all others, which goes where `DIGEST` comes in order of name."""
    return f',"{DIGEST}":"sha256:{digest.hexdigest()}"'.encode()


def parse_statement(data: bytes | bytearray) -> Statement:
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
        if _is_written_as(statement, data):
            return statement
    except (*_DAMAGE, RightsError, RecursionError):
        pass  # the code below names the fault
    try:
        value = strict_json(bytes(data))
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
    if not _is_written_as(statement, data):
        raise VerificationError(
            f"statement {printable(statement.id)}: the digest holds, the bytes are not those of Sourceprint (fields "
            "unknown to this version, or another layout); take the file as it was written"
        )
    return statement


def carried_of(pieces: Iterable[tuple[str, bytes]], digest: str) -> CarriedOn | None:
    """Return the part of a kept statement that later ones take; None where its digest is another one.

    The pieces are those of `pieces_of`, with or without that of the digest.
    """
    found, carried = hashlib.sha256(), bytearray()
    for name, piece in pieces:
        if name != DIGEST:
            found.update(piece)
        if name in _Carried.__struct_fields__:
            carried += piece
    if f"sha256:{found.hexdigest()}" != digest:
        return None
    one = _CARRIED.decode(b"{" + carried[1:] + b"}")
    return CarriedOn(one.parties, one.balances, one.advances, one.licences, digest)


def _is_written_as(statement: Statement, data: bytes | bytearray) -> bool:
    """Return whether `statement_bytes` would write these very bytes, which are not written for it."""
    if statement.document:
        return statement.document == data
    written, digest, at, stated = memoryview(data), hashlib.sha256(), 0, -1
    for name, piece in pieces_of(statement):
        if name > DIGEST and stated < 0:
            stated, at = at, at + len(digest_piece(digest))
        if written[at : at + len(piece)] != piece:
            return False
        at += len(piece)
        digest.update(piece)
    return at == len(data) and data.startswith(digest_piece(digest), stated)


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


_IN_ORDER = sorted(("schema", "uses", *(one.name for one in _FIELDS)))
_DEFAULTS = {one.name: one.default for one in _FIELDS if one.default is not MISSING}
_ENCODER = msgspec.json.Encoder(enc_hook=_text, order="sorted")
_DECODER = msgspec.json.Decoder(_Document, dec_hook=_value)
_Carried: Any = msgspec.defstruct(
    "Carried",
    [
        ("parties", tuple[Party, ...]),
        ("balances", tuple[Balance, ...]),
        ("licences", tuple[tuple[str, str], ...]),
        ("advances", tuple[AdvanceAccount, ...], ()),
    ],
)
_CARRIED = msgspec.json.Decoder(_Carried, dec_hook=_value)
