"""The tables of the service (SQLAlchemy Core), for SQLite and PostgreSQL.

Every row but those of `setting`, `challenge` and `outbox` belongs to one organisation. Rights, uses and statements are
not here: each organisation has a database of its own for them (`sourceprint.service.data_folder`), so that no query can
mix two.

Times are texts in UTC to the millisecond (`sourceprint.service.store.clock`), which sort as they follow each other.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

__all__ = [
    "allowance",
    "api_key",
    "approval",
    "challenge",
    "delivery",
    "evidence",
    "grant",
    "grant_match",
    "invitation",
    "job",
    "metadata",
    "organisation",
    "outbox",
    "passkey",
    "person",
    "setting",
    "sign_in",
    "use_note",
    "watch",
    "watched_file",
    "webhook",
]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

_Big = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only in INTEGER columns
_Time = String(24)  # 2026-12-02T10:00:00.000Z
_Id = String(64)

setting = Table(
    "setting",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("value", Text, nullable=False),
)

organisation = Table(
    "organisation",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at", _Time, nullable=False),
    Column("closed_at", _Time),
    Column("two_people", Text),  # kinds of requests that need two people, separated by spaces
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", _Id, primary_key=True),  # the visible part of the key
    Column("organisation_id", _Id, ForeignKey("organisation.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("digest", String(64), nullable=False),  # SHA-256 of the secret part, which is nowhere kept
    Column("scopes", Text, nullable=False),  # separated by spaces, in the order of `KeyScope`
    Column("created_at", _Time, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", _Time),
    Column("revoked_at", _Time),
    Column("per_minute", Integer),  # requests; null is the default of the server
    Column("budget", Integer),  # searches in all; null is no limit
    Column("searches", Integer, nullable=False, default=0),  # of its whole line, in the first key of that
    Column("line", _Id),  # the first of the keys that it succeeds; null for that one itself
)

person = Table(
    "person",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("organisation_id", _Id, ForeignKey("organisation.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("roles", Text, nullable=False),  # separated by spaces, in the order of `Role`
    Column("created_at", _Time, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("removed_at", _Time),
)

passkey = Table(
    "passkey",
    metadata,
    Column("id", _Id, primary_key=True),  # SHA-256 of the device's id, which may be long
    Column("person_id", _Id, ForeignKey("person.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("credential_id", LargeBinary, nullable=False),
    Column("public_key", LargeBinary, nullable=False),  # COSE
    Column("sign_count", _Big, nullable=False),
    Column("transports", Text, nullable=False),
    Column("created_at", _Time, nullable=False),
    Column("last_used_at", _Time),
    Column("removed_at", _Time),
)

challenge = Table(
    "challenge",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("expires_at", _Time, nullable=False, index=True),
)

invitation = Table(
    "invitation",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),  # SHA-256 of the text in the link
    Column("person_id", _Id, ForeignKey("person.id"), nullable=False, index=True),
    Column("created_at", _Time, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", _Time, nullable=False),
    Column("used_at", _Time),
)

sign_in = Table(
    "sign_in",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),  # SHA-256 of the text in the cookie
    Column("person_id", _Id, ForeignKey("person.id"), nullable=False, index=True),
    Column("passkey_id", _Id, ForeignKey("passkey.id"), nullable=False),
    Column("created_at", _Time, nullable=False),
    Column("last_used_at", _Time, nullable=False),
    Column("expires_at", _Time, nullable=False),
    Column("ended_at", _Time),
)

approval = Table(
    "approval",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("organisation_id", _Id, ForeignKey("organisation.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("request_digest", String(64), nullable=False),  # SHA-256 of the request, which may be sent once
    Column("summary", Text, nullable=False),  # JSON
    Column("proposed_at", _Time, nullable=False),
    Column("proposed_by", Text, nullable=False),
    Column("expires_at", _Time, nullable=False),
    Column("decided_at", _Time),
    Column("decided_by", Text),
    Column("decision", String(16)),  # "approved" or "rejected"
    Column("reason", Text),
    Column("used_at", _Time),
    Index("ix_approval_listed", "organisation_id", "proposed_at"),
)

grant = Table(
    "catalogue_grant",  # "grant" is a word of SQL
    metadata,
    Column("id", _Id, primary_key=True),
    Column("owner_id", _Id, ForeignKey("organisation.id"), nullable=False, index=True),
    Column("holder_id", _Id, ForeignKey("organisation.id"), nullable=False, index=True),
    Column("fields", Text, nullable=False),  # of recordings, that the holder sees; separated by spaces
    Column("owner_sees", String(16), nullable=False),  # "counts" or "matches"
    Column("secret", String(64), nullable=False),  # makes tokens of ids, which the holder could guess
    Column("created_at", _Time, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", _Time),
    Column("revoked_at", _Time),
    Column("budget", Integer),
    Column("searches", Integer, nullable=False, default=0),
    Column("matched", Integer, nullable=False, default=0),  # tracks of the holder in which something was found
)

grant_match = Table(
    "grant_match",
    metadata,
    Column("id", _Big, primary_key=True, autoincrement=True),
    Column("grant_id", _Id, ForeignKey("catalogue_grant.id"), nullable=False, index=True),
    Column("at", _Time, nullable=False),
    Column("recording_id", Text, nullable=False),
    Column("matched_ms", _Big, nullable=False),  # of the recording, in one track of the holder
)

job = Table(
    "job",
    metadata,
    Column("id", _Id, primary_key=True),  # UUID 7: ids sort by time
    Column("organisation_id", _Id, ForeignKey("organisation.id"), nullable=False),
    Column("grant_id", _Id, ForeignKey("catalogue_grant.id")),  # where another's catalogue is searched
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("reference", Text, nullable=False),  # the caller's own id, or ""
    Column("arguments", Text, nullable=False),  # JSON
    Column("upload", Text),  # file in the folder of uploads, while it is there
    Column("idempotency_key", String(255)),
    Column("request_digest", String(64)),  # of a request with such a key
    Column("created_at", _Time, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("owner", Text),  # the worker that has it
    Column("token", Integer, nullable=False, default=0),  # fencing: one more with each claim
    Column("lease_until", _Time),
    Column("losses", Integer, nullable=False, default=0),  # leases that expired or were cut short
    Column("started_at", _Time),
    Column("finished_at", _Time),
    Column("result", Text),  # JSON
    Column("error", Text),  # JSON
    Column("erased_at", _Time),
    UniqueConstraint("organisation_id", "idempotency_key"),
    Index("ix_job_line", "state", "organisation_id", "kind", "priority", "id"),
    Index("ix_job_turn", "organisation_id", "started_at"),
    Index("ix_job_lease", "state", "lease_until"),
    Index("ix_job_listed", "organisation_id", "kind", "id"),
    Index("ix_job_reference", "organisation_id", "reference"),
)

evidence = Table(
    "evidence",
    metadata,
    Column("job_id", _Id, ForeignKey("job.id"), primary_key=True),
    Column("kind", String(16), primary_key=True),  # "page" or "case"
    Column("content", LargeBinary),
    Column("reason", Text),  # why there is none
)

watch = Table(
    "watch",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("organisation_id", _Id, ForeignKey("organisation.id"), nullable=False, index=True),
    Column("folder", Text, nullable=False),
    Column("settle_seconds", Integer, nullable=False),
    Column("arguments", Text, nullable=False),  # of its scans, JSON
    Column("created_at", _Time, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("stopped_at", _Time),
    Column("owner", Text),  # the process that looks after it
    Column("lease_until", _Time),
    Column("looked_at", _Time),
    Column("error", Text),  # of the last look
)

watched_file = Table(
    "watched_file",
    metadata,
    Column("sequence", _Big, primary_key=True, autoincrement=True),
    Column("watch_id", _Id, ForeignKey("watch.id"), nullable=False),
    Column("path_digest", String(64), nullable=False),  # paths may be too long for an index
    Column("sha256", String(64), nullable=False),  # of the content; "" for a file that was not taken
    Column("path", Text, nullable=False),
    Column("signature", Text, nullable=False),  # size and time of change, so that it is not read again
    Column("found_at", _Time, nullable=False),
    Column("job_id", _Id, ForeignKey("job.id")),
    Column("reason", Text),  # why it was not taken
    UniqueConstraint("watch_id", "path_digest", "sha256"),
)

webhook = Table(
    "webhook",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("organisation_id", _Id, ForeignKey("organisation.id"), nullable=False, index=True),
    Column("url", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("events", Text, nullable=False),  # separated by spaces; "" for all
    Column("created_at", _Time, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("disabled_at", _Time),
    Column("disabled_because", Text),
)

delivery = Table(
    "delivery",
    metadata,
    Column("id", _Id, primary_key=True),  # stays the same however often it is sent
    Column("webhook_id", _Id, ForeignKey("webhook.id"), nullable=False, index=True),
    Column("body", Text, nullable=False),
    Column("created_at", _Time, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_at", _Time),  # null: nothing more is done
    Column("delivered_at", _Time),
    Column("last_error", Text),
    Index("ix_delivery_due", "next_at"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("sequence", _Big, primary_key=True, autoincrement=True),
    Column("id", _Id, nullable=False, unique=True),
    Column("organisation_id", _Id, nullable=False),  # "" for the server itself
    Column("entry", LargeBinary, nullable=False),  # the bytes of the log
    Column("log_index", _Big, unique=True),  # where the log has it; null: not yet
    Column("subject", Text),  # of the entry, and its actor, so that they are found
    Column("actor", Text),
    Index("ix_outbox_organisation", "organisation_id", "log_index"),
    Index("ix_outbox_subject", "subject"),
    Index("ix_outbox_actor", "actor"),
)

use_note = Table(
    "use_note",
    metadata,
    Column("id", _Big, primary_key=True, autoincrement=True),
    Column("organisation_id", _Id, ForeignKey("organisation.id"), nullable=False),
    Column("use_id", _Id, nullable=False),  # in the organisation's database of rights
    Column("kind", String(16), nullable=False),  # "comment" or "assignment"
    Column("content", Text, nullable=False),  # the comment, or the actor that the use is assigned to; "" is nobody
    Column("made_at", _Time, nullable=False),
    Column("made_by", Text, nullable=False),
    Index("ix_use_note_use", "organisation_id", "use_id"),
    Index("ix_use_note_kind", "organisation_id", "kind"),
)

allowance = Table(
    "allowance",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("organisation_id", _Id, ForeignKey("organisation.id"), nullable=False, index=True),
    Column("licensee", Text, nullable=False),
    Column("recording_id", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("made_at", _Time, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("ended_at", _Time),
    Column("ended_by", Text),
)
