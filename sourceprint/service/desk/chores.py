"""What the desk does by itself, every hour: uses that are allowed are rejected, disputes that are too old lapse."""

from sourceprint.service.access.organisations import list_organisations
from sourceprint.service.data_folder import DataFolder
from sourceprint.service.desk.allowances import apply_allowances, list_allowances
from sourceprint.service.desk.deadlines import lapse_disputes
from sourceprint.service.store.database import ServiceDatabase

__all__ = ["do_chores"]


def do_chores(database: ServiceDatabase, folder: DataFolder, *, days: int, state: str) -> int:
    """Do the chores of every organisation that has rights, and return how many uses were changed.

    Parameters
    ----------
    days : int
        Days after which a dispute lapses; 0 is never.
    state : str
        State that it gives then, of `sourceprint.service.desk.deadlines.LAPSES_TO`.
    """
    with database.reading() as connection:
        held = {one.id: list_allowances(connection, one.id) for one in list_organisations(connection)}
    changed = 0
    for organisation, allowances in held.items():
        own = folder.organisation(organisation)
        if own.has_rights():
            changed += len(apply_allowances(own.rights(), allowances))
            changed += len(lapse_disputes(own.rights(), database, organisation, days=days, state=state))
    return changed
