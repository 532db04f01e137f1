"""People of a service who act by command on the database of rights in its data folder."""

from pathlib import Path

from fingerprint.errors import UnknownRightsError
from sourceprint.service.people.persons import find_person
from sourceprint.service.store.database import ServiceDatabase

__all__ = ["is_person_of"]


def is_person_of(place: str, person_id: str) -> bool:
    """Return whether a database of rights is that of an organisation in a data folder, and a person one of its people.

    Parameters
    ----------
    place : str
        Of the database: DATA/organisations/ID/rights.sqlite, beside DATA/service.sqlite.
    person_id : str
        Without "person:".
    """
    own = Path(place).absolute().parent
    service = own.parent.parent / "service.sqlite"
    if "://" in place or own.parent.name != "organisations" or not service.is_file():
        return False
    database = ServiceDatabase.open(service)
    try:
        with database.reading() as connection:
            find_person(connection, own.name, person_id)
    except UnknownRightsError:
        return False
    finally:
        database.close()
    return True
