"""A use whose recording was left open, once a person says which of the contenders it is.

In come the use as it was attributed and the id of one of the recordings that claimed its time; out comes the same use,
under its id, as one of that recording: with its works, and with what the licences say of it today, in the territories
that the use was attributed for. Passages, time and evidence stay as they are; the places in the recording are those of
the match with `asset_id`, which may be another contender.
"""

from dataclasses import replace

from sqlalchemy import Connection

from fingerprint.errors import RightsError, printable
from royalties.rights.reading import load_rights
from royalties.uses.terms import apply_terms
from royalties.uses.use import Use

__all__ = ["contenders_of", "lacks_recording", "name_recording"]

_SHOWN = 10


def lacks_recording(use: Use) -> bool:
    """Return whether it is open whom the use would pay: its recording, or of a composition the work, is not known."""
    return not use.recording_id and (use.layer == "recording" or not use.work_ids)


def contenders_of(use: Use) -> tuple[str, ...]:
    """Return the ids of the recordings on file that a use without a recording may be of, sorted."""
    if use.recording_id or use.layer != "recording":
        return ()
    claimed = {name for span in use.spans for name in span.contenders}
    return tuple(sorted(name for name in claimed if not name.startswith("asset:")))


def name_recording(connection: Connection, use: Use, recording_id: str) -> Use:
    """Return a use as one of the recording that a person says it is.

    Raises
    ------
    RightsError
        If the use is of a recording already, or this one did not claim its time or is not on file.
    """
    contenders = contenders_of(use)
    if recording_id not in contenders:
        whose = f"is of {printable(use.recording_id)} already" if use.recording_id else "may be of none that is on file"
        shown = ", ".join(printable(one) for one in contenders[:_SHOWN])
        may = f"may be of {shown}" if contenders else whose
        raise RightsError(
            f"use {use.id}: {may}, and cannot be named {printable(recording_id)!r:.80}; withdraw it, or correct the "
            "rights and attribute its track again"
        )
    rights = load_rights(connection, recording_ids=[recording_id], licensee=use.licensee)
    if recording_id not in rights.recordings:
        raise RightsError(f"recording {printable(recording_id):.80}: is not on file any more; name another contender")
    named = replace(
        use, recording_id=recording_id, work_ids=rights.works_of(recording_id), rights_revision=rights.revision
    )
    territories = [outcome.territory for outcome in use.outcomes]
    return replace(named, outcomes=apply_terms(named, rights, territories=territories))
