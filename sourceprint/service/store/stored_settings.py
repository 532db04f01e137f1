"""Settings that the service itself keeps in its database, by name: the log's key and origin, the console's address."""

from sqlalchemy import Connection, insert, select, update

from sourceprint.service.store.schema import setting

__all__ = ["find_setting", "set_setting", "stored_setting"]


def find_setting(connection: Connection, name: str) -> str | None:
    """Return a setting; None if it is not there."""
    found = connection.scalar(select(setting.c.value).where(setting.c.name == name))
    return None if found is None else str(found)


def stored_setting(connection: Connection, name: str, default: str) -> str:
    """Return a setting, which is made if it is not there."""
    found = find_setting(connection, name)
    if found is None:
        connection.execute(insert(setting), {"name": name, "value": default})
    return default if found is None else found


def set_setting(connection: Connection, name: str, value: str) -> None:
    """Give a setting a value, whether or not it is there."""
    if stored_setting(connection, name, value) != value:
        connection.execute(update(setting).where(setting.c.name == name).values(value=value))
