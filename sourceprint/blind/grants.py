"""The grant: the signed statement that comes with a blind index and says for whom it was made, and until when.

`grant.json` is one JSON object, in this order:

===================  ==================================================================================================
`schema`             "sourceprint/blind-grant/1"
`grant_id`           16 hexadecimal digits; also in the manifest, and in every token
`licensee`           `name`, as the label writes it, and `public_key`, a line of text (`sourceprint.signatures`)
`issuer`             `public_key` of the signer
`issued`, `expires`  days (UTC): the index can be searched from the first to the last, both included
`manifest_sha256`    SHA-256 of the bytes of manifest.json, which has the SHA-256 of every other file
`recordings`         how many there are
`signature`          base64 of the Ed25519 signature over the canonical JSON of all other fields
===================  ==================================================================================================

Canonical JSON has sorted keys, no spaces, and ASCII only. Dates are passed in; nothing here asks for the time.
"""

import base64
import hashlib
import json
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Self

from fingerprint.digests import canonical_json, pretty_json
from fingerprint.errors import GrantError, ParameterError, VerificationError, printable
from index.storage.manifest import GRANT_NAME
from sourceprint.signatures import PrivateKey, PublicKey

__all__ = ["SCHEMA", "Grant", "Terms", "parse_grant"]

SCHEMA = "sourceprint/blind-grant/1"

_MOST_NAME = 200  # characters


@dataclass(frozen=True, slots=True)
class Terms:
    """For whom a blind index is made, and for how long.

    Attributes
    ----------
    licensee : str
        1 to 200 printable characters.
    licensee_key : PublicKey
        Theirs; the private key that belongs to it must be at hand where the index is searched.
    issued, expires : date
        First and last day, UTC.

    Raises
    ------
    ParameterError
        If the name is unsuitable, or it would have expired before it begins.
    """

    licensee: str
    licensee_key: PublicKey
    issued: date
    expires: date

    def __post_init__(self) -> None:
        if not 1 <= len(self.licensee) <= _MOST_NAME or not self.licensee.isprintable() or not self.licensee.strip():
            raise ParameterError(
                f"licensee {printable(self.licensee[:80])!r}: must be 1 to {_MOST_NAME} printable characters"
            )
        if self.expires < self.issued:
            raise ParameterError(f"expires {self.expires}: lies before today, {self.issued}; give a later day")

    def grant_id(self, issuer: PublicKey, index_digest: str) -> str:
        """Return the id of the grant of one state of an index under these terms: the same for the same, else another.

        Examples
        --------
        >>> key = PublicKey(bytes(32), "k")
        >>> terms = Terms("Tone", key, date(2026, 1, 1), date(2026, 12, 31))
        >>> len(terms.grant_id(key, "sha256:00")), terms.grant_id(key, "a") == terms.grant_id(key, "b")
        (16, False)
        """
        facts = [
            SCHEMA,
            self.licensee,
            self.licensee_key.raw.hex(),
            issuer.raw.hex(),
            self.issued.isoformat(),
            self.expires.isoformat(),
            index_digest,
        ]
        return hashlib.sha256(canonical_json(facts)).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant as it stands in the file.

    Attributes
    ----------
    grant_id : str
    terms : Terms
    issuer : PublicKey
        Key of the signer.
    manifest_sha256 : str
        64 hexadecimal digits.
    recordings : int
    signature : bytes
        b"" while it is not signed.
    """

    grant_id: str
    terms: Terms
    issuer: PublicKey
    manifest_sha256: str
    recordings: int
    signature: bytes = b""

    def signed(self, key: PrivateKey) -> Self:
        """Return the same with the signature of its issuer."""
        if key.public != self.issuer:
            raise ParameterError(f"key {key.public.id}: must be that of the issuer, {self.issuer.id}")
        return replace(self, signature=key.sign(self._signed_content()))

    def to_json(self) -> dict[str, Any]:
        """Return the object in the file, without the signature, as plain JSON types."""
        return {
            "schema": SCHEMA,
            "grant_id": self.grant_id,
            "licensee": {"name": self.terms.licensee, "public_key": self.terms.licensee_key.text},
            "issuer": {"public_key": self.issuer.text},
            "issued": self.terms.issued.isoformat(),
            "expires": self.terms.expires.isoformat(),
            "manifest_sha256": self.manifest_sha256,
            "recordings": self.recordings,
        }

    def to_bytes(self) -> bytes:
        """Return the content of the file."""
        signature = base64.b64encode(self.signature).decode("ascii")
        return pretty_json({**self.to_json(), "signature": signature})

    def check(self, *, trusted: PublicKey, manifest: bytes, today: date) -> None:
        """Make sure that a trusted issuer made this grant for this manifest, and that it is in force.

        Parameters
        ----------
        trusted : PublicKey
            Whom the licensee trusts to issue it.
        manifest : bytes
            The file as it is.
        today : date
            In UTC.

        Raises
        ------
        GrantError
            If not; the message names the fault and whom to ask.
        """
        ask = f"ask {trusted.name} (key {trusted.id}) for a new one"
        if self.issuer != trusted:
            raise GrantError(
                f"the grant is by key {self.issuer.id} ({self.issuer.name}), the trusted key is {trusted.id} "
                f"({trusted.name}); if {self.issuer.name} sent the file, import it again with their public key, which "
                f"you had from them by another way; otherwise {ask}"
            )
        try:
            trusted.verify(self._signed_content(), self.signature)
        except VerificationError as error:
            raise GrantError(f"the grant was altered: {error}; {ask}") from error
        if hashlib.sha256(manifest).hexdigest() != self.manifest_sha256:
            raise GrantError(f"the blind index was altered, or the grant belongs to another one; {ask}")
        if today < self.terms.issued:
            raise GrantError(
                f"the grant begins on {self.terms.issued}, and today is {today}; check the clock of this machine, "
                f"or {ask}"
            )
        if today > self.terms.expires:
            raise GrantError(f"the grant for {printable(self.terms.licensee)} expired on {self.terms.expires}; {ask}")

    def _signed_content(self) -> bytes:
        return canonical_json(self.to_json())


def parse_grant(data: bytes) -> Grant:
    """Read the content of the file; its signature is left to `Grant.check`.

    Raises
    ------
    GrantError
        If it is no grant of this version, or not as one is written, byte for byte.
    """
    try:
        fields = json.loads(data)
        if fields["schema"] != SCHEMA:
            raise GrantError(
                f"{GRANT_NAME} is of schema {fields['schema']!r:.80}, this program reads {SCHEMA}; use the "
                "program that the issuer of the blind index names"
            )
        licensee = fields["licensee"]
        days = (date.fromisoformat(fields[name]) for name in ("issued", "expires"))
        grant = Grant(
            fields["grant_id"],
            Terms(licensee["name"], PublicKey.parse(licensee["public_key"]), *days),
            PublicKey.parse(fields["issuer"]["public_key"]),
            fields["manifest_sha256"],
            fields["recordings"],
            base64.b64decode(fields["signature"], validate=True),
        )
        if grant.to_bytes() == data:
            return grant
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _unreadable() from error
    raise _unreadable()


def _unreadable() -> GrantError:
    return GrantError(f"{GRANT_NAME} is no grant, or was altered; ask the issuer of the blind index for the file again")
