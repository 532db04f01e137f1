"""Kinds of problems: the stable name of each, its title, its HTTP status and its meaning; and the kind of each error.

A client compares `type`, a URI made of the title that stays what it is; people read `detail`. The page
docs/formats/problems.md lists all kinds, and a test holds it against this module.
"""

from fingerprint.errors import (
    AudioError,
    CatalogueError,
    DuplicateRecordingError,
    EvidenceError,
    GrantError,
    IndexDamagedError,
    IndexLockedError,
    IndexMissingError,
    LogError,
    OutputError,
    ParameterError,
    RightsDatabaseError,
    RightsError,
    SignInError,
    SourceprintError,
    StaleDecisionError,
    StatementError,
    StorageFullError,
    UnknownRecordingError,
    UnknownRightsError,
    VerificationError,
)

__all__ = ["KINDS", "NO_KIND", "kind_of", "type_of"]

NO_KIND = "about:blank"
"""The type of a problem that is told by its status alone."""

KINDS: dict[str, tuple[tuple[int, ...], str]] = {
    "invalid request": ((400, 422), "a parameter, a header or the body is wrong in itself; the detail names it"),
    "unusable document": ((422,), "a table, licence, policy or usage report cannot be used; nothing was changed"),
    "import refused": ((422,), "rows of an import are wrong; nothing was imported; `report` lists them"),
    "unusable audio": ((422,), "the body or file is no audio that can be used"),
    "unusable evidence": ((422,), "a key, a case or a policy of the gate cannot be used"),
    "empty body": ((422,), "the request has no body where it needs one"),
    "two keys": ((400,), "the header Authorization is there more than once"),
    "body cut off": ((400,), "the connection ended before the body did; send it again"),
    "no key": ((401,), "the request has no key"),
    "unknown key": ((401,), "the key is unknown, expired or revoked, or its organisation is closed"),
    "not signed in": ((401,), "a page of the console needs a sign-in"),
    "key in URL": ((403,), "a key stands in the URL, and so in logs: revoke it"),
    "scope missing": ((403,), "the key, or the roles of the person, lack the scope of the operation"),
    "role missing": ((403,), "a page of the console is for another role"),
    "grant missing": ((403,), "a licensee checks under a grant, and names none"),
    "grant ended": ((403,), "the grant was revoked or has expired"),
    "sign-in refused": ((403,), "a passkey, a one-time link or an approval is not accepted"),
    "other origin": ((403,), "a change by cookie comes from a page of another site"),
    "token missing": ((403,), "a change by cookie lacks the token of its sign-in"),
    "path refused": ((403,), "a path is in no folder that the server may read"),
    "target refused": ((403,), "a webhook may not call this address"),
    "endless search": ((403,), "a key with a budget cannot watch a folder"),
    "not found": ((404,), "there is no such thing in this organisation, or no such address"),
    "method not allowed": ((405,), "the address has no such method; the header Allow names those it has"),
    "too slow": ((408,), "the body took too long"),
    "catalogue empty": ((409,), "the catalogue holds no recording"),
    "catalogue unusable": ((409,), "the index is of another version, or in another way not in order"),
    "catalogue in use": ((409,), "another process is writing to the index; ask again"),
    "recording there": ((409,), "a recording of this id is in the catalogue already"),
    "recording not added": ((409,), "of a job alone: the audio of an addition cannot be used; `status` says why"),
    "idempotency key used": ((409,), "the idempotency key was used for another request"),
    "running": ((409,), "the job is being done; ask again once it is done"),
    "no result": ((409,), "the scan has no result, or none any more"),
    "no case": ((409,), "no signed case can be made, or there is none"),
    "no evidence": ((409,), "there is no evidence of this kind"),
    "own catalogue": ((409,), "an organisation needs no grant for its own catalogue"),
    "own key": ((409,), "a key does not revoke itself"),
    "statement impossible": ((409,), "no statement can be made, or no usage entered, from the data on file"),
    "decided meanwhile": ((409,), "somebody else decided on the use, or changed the recording, after it was read"),
    "second person needed": ((409,), "the organisation wants two people; the detail has the id of the proposal"),
    "body too long": ((413,), "the body is larger than the server takes"),
    "other address": ((421,), "the console is at another address"),
    "too many requests": ((429,), "the rate of the key or person is exceeded; `Retry-After` says how long"),
    "too many tries": ((429,), "too many sign-ins were tried from one address"),
    "budget spent": ((429,), "the searches of the key or the grant are made"),
    "unexpected failure": ((500,), "a fault of the server; its log has the rest under the id in the detail"),
    "not ready": ((503,), "the database or the data folder cannot be reached"),
    "database unavailable": ((503,), "the database cannot be reached, is of another version or locked"),
    "catalogue damaged": ((503,), "a file of the index is missing or altered"),
    "log unavailable": ((503,), "the transparency log cannot be read or written"),
    "log damaged": ((503,), "the transparency log, or another signed file, fails its check"),
    "data folder unavailable": ((503,), "the data folder cannot be written to"),
    "disk full": ((507,), "the disk has no room; nothing was changed"),
    "given up": ((409,), "of a job alone: several workers ended at it"),
    "erased": ((409,), "of a job alone: it was erased before it was done"),
    "audio lost": ((409,), "of a job alone: its audio was not in the backup that was put back"),
}
"""The HTTP statuses and the meaning of each kind, by its title."""

_OF_ERRORS: tuple[tuple[type[SourceprintError], int, str], ...] = (  # the first that fits
    (UnknownRecordingError, 404, "not found"),
    (UnknownRightsError, 404, "not found"),
    (DuplicateRecordingError, 409, "recording there"),
    (IndexLockedError, 409, "catalogue in use"),
    (IndexMissingError, 409, "catalogue empty"),
    (GrantError, 403, "grant ended"),
    (SignInError, 403, "sign-in refused"),
    (StorageFullError, 507, "disk full"),
    (RightsDatabaseError, 503, "database unavailable"),
    (IndexDamagedError, 503, "catalogue damaged"),
    (OutputError, 503, "data folder unavailable"),
    (LogError, 503, "log unavailable"),
    (VerificationError, 503, "log damaged"),
    (CatalogueError, 409, "catalogue unusable"),
    (AudioError, 422, "unusable audio"),
    (ParameterError, 422, "invalid request"),
    (StatementError, 409, "statement impossible"),
    (StaleDecisionError, 409, "decided meanwhile"),
    (RightsError, 422, "unusable document"),
    (EvidenceError, 422, "unusable evidence"),
)


def kind_of(error: SourceprintError) -> tuple[int, str]:
    """Return the HTTP status and the title of an error.

    Examples
    --------
    >>> kind_of(IndexMissingError("..."))
    (409, 'catalogue empty')
    """
    found = ((status, title) for kind, status, title in _OF_ERRORS if isinstance(error, kind))
    return next(found, (422, "invalid request"))


def type_of(title: str) -> str:
    """Return the URI of a kind, which clients compare; `about:blank` for a title that is none.

    Examples
    --------
    >>> type_of("budget spent")
    'urn:sourceprint:problem:budget-spent'
    """
    return f"urn:sourceprint:problem:{title.lower().replace(' ', '-')}" if title in KINDS else NO_KIND
