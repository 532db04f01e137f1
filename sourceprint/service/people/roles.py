"""Roles of people, and the scopes that each brings: the same scopes as keys of the API have.

An auditor reads everything and changes nothing: all scopes, for reading alone. An admin reads scans, checks and the
catalogue, as decisions in the review queue rest on them. A licensee checks tracks against the
catalogue of another organisation, under the grants that its own one holds, and sees the checks that it made itself.
"""

from collections.abc import Iterable
from enum import StrEnum

from fingerprint.errors import ParameterError
from sourceprint.service.access.api_keys import KeyScope

__all__ = ["Role", "roles_in", "scopes_of", "valid_roles"]


class Role(StrEnum):
    """Work that a person does in an organisation."""

    ADMIN = "admin"
    CATALOGUER = "cataloguer"
    REVIEWER = "reviewer"
    ACCOUNTANT = "accountant"
    AUDITOR = "auditor"
    LICENSEE = "licensee"


_SCOPES = {
    Role.ADMIN: (KeyScope.ADMIN, KeyScope.AUDIT),
    Role.CATALOGUER: (KeyScope.CATALOGUE_READ, KeyScope.CATALOGUE_WRITE, KeyScope.RIGHTS),
    Role.REVIEWER: (KeyScope.SCAN, KeyScope.CHECK, KeyScope.CATALOGUE_READ, KeyScope.DECIDE),
    Role.ACCOUNTANT: (KeyScope.STATEMENTS, KeyScope.RIGHTS, KeyScope.CATALOGUE_READ),
    Role.AUDITOR: (),
    Role.LICENSEE: (KeyScope.CHECK,),
}


_READS = {Role.ADMIN: (KeyScope.SCAN, KeyScope.CHECK, KeyScope.CATALOGUE_READ)}  # beside those, for reading alone


def scopes_of(roles: Iterable[Role], *, reading: bool) -> frozenset[KeyScope]:
    """Return the scopes of some roles together, for a request that only reads, or for any.

    Examples
    --------
    >>> sorted(scopes_of([Role.AUDITOR], reading=False))
    []
    >>> scopes_of([Role.AUDITOR], reading=True) == frozenset(KeyScope)
    True
    """
    held = list(roles)
    if reading and Role.AUDITOR in held:
        return frozenset(KeyScope)
    found = [scope for role in held for scope in _SCOPES[role]]
    found += [scope for role in held for scope in _READS.get(role, ())] if reading else []
    return frozenset(found)


def valid_roles(roles: Iterable[str]) -> tuple[Role, ...]:
    """Return roles, each once, in the order of `Role`.

    Raises
    ------
    ParameterError
        If one is unknown, there is none, or a licensee would have another role.
    """
    wanted, known = list(roles), [role.value for role in Role]
    for role in wanted:
        if role not in known:
            raise ParameterError(f"role {role!r:.40}: is unknown; there are {', '.join(known)}")
    if not wanted:
        raise ParameterError(f"roles: none are given; choose from {', '.join(known)}")
    if Role.LICENSEE in wanted and len(set(wanted)) > 1:
        raise ParameterError("role licensee: stands alone, as the others see titles; choose it or the others")
    return tuple(role for role in Role if role in wanted)


def roles_in(text: str) -> tuple[Role, ...]:
    """Return the roles in a text of the database."""
    return tuple(Role(word) for word in text.split())
