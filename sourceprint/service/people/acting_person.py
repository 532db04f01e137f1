"""People of a service who act by command on the rights of their organisation, in its data folder or on its server."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import inspect
from sqlalchemy.engine import URL

from fingerprint.errors import UnknownRightsError
from sourceprint.royalties.rights.engine import find_place, open_engine, refusals
from sourceprint.service.access.organisations import list_organisations
from sourceprint.service.people.persons import find_person
from sourceprint.service.store.database import LOCK_SECONDS, ServiceDatabase
from sourceprint.service.store.schema import sign_in

__all__ = ["is_person_of"]

_OF_ORGANISATION = re.compile(r"(?:^|(?<=_))org_")


def is_person_of(place: str, person_id: str) -> bool:
    """Return whether a database of rights is that of an organisation of a service, and a person one of its people.

    Parameters
    ----------
    place : str
        Of the database: DATA/organisations/ID/rights.sqlite, beside DATA/service.sqlite, or the URL of a server with
        the schema of the organisation, `?options=-csearch_path=org_ID`, beside the tables of the service.
    person_id : str
        Without "person:".
    """
    if "://" in place:
        return any(_is_person(service, name, person_id) for service, name in _on_server(find_place(place).url))
    own = Path(place).absolute().parent
    service = own.parent.parent / "service.sqlite"
    if own.parent.name != "organisations" or not service.is_file():
        return False
    return _is_person(service, own.name, person_id)


def _on_server(url: URL) -> Iterator[tuple[str, str]]:
    """Yield the places of services whose rights may lie at a URL, each with the organisation's part of the schema."""
    schema = str(url.query.get("options", "")).partition("search_path=")[2]
    for found in _OF_ORGANISATION.finditer(schema):
        own = schema[: found.start()].removesuffix("_")
        service = url.difference_update_query(["options"])
        if own:
            service = service.update_query_dict({"options": f"-csearch_path={own}"})
        written = service.render_as_string(hide_password=False)
        place = find_place(written)
        engine = open_engine(place, create=False, lock_seconds=LOCK_SECONDS)
        with refusals(place.name), engine.connect() as connection:
            there = inspect(connection).has_table(sign_in.name, schema=own or None)
        engine.dispose()
        if there:  # else opening it would make a service there
            yield written, schema[found.end() :]


def _is_person(service: str | Path, name: str, person_id: str) -> bool:
    """Return whether a person is one of an organisation that is called so in places, where a hyphen may be another."""
    with _opened(service) as database, database.reading() as connection:
        for one in list_organisations(connection):
            if name in (one.id, one.id.replace("-", "_")):
                try:
                    find_person(connection, one.id, person_id)
                except UnknownRightsError:
                    continue
                return True
    return False


@contextmanager
def _opened(service: str | Path) -> Iterator[ServiceDatabase]:
    database = ServiceDatabase.open(service)
    try:
        yield database
    finally:
        database.close()
