"""The author of a change by command: `--by`, as a name, or as a person of the service whose rights these are."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sourceprint.royalties.rights.database import Database

__all__ = ["acting_by"]


def acting_by(place: str, by: str | None, *, backdate: str, create: bool = False) -> "Database":
    """Open a database of rights for the writes of a person.

    Parameters
    ----------
    place : str
        Of the database.
    by : str or None
        A name, as `royalties.people.acting` takes it; or `person:ID`, where the database is that of an organisation in
        the data folder of a service, and the person is one of the organisation.
    backdate : str
        Reason for another name or a day in the past.
    create : bool
        Whether the database is made where it is missing.

    Raises
    ------
    ParameterError
        If the person or name may not act.
    """
    from sourceprint.royalties.people import acting
    from sourceprint.royalties.rights.database import Database

    known = False
    if by is not None and by.startswith("person:"):
        from sourceprint.service.people.acting_person import is_person_of

        known = is_person_of(place, by.removeprefix("person:"))
    return acting(Database.open(place, create=create), by, backdate=backdate, known=known)
