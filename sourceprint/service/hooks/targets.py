"""Targets of webhooks: which addresses the server calls, and which it refuses.

A webhook makes the server call a URL that somebody else chose. So that nobody reaches the server's own network through
it, the host is resolved here, every address that it has must be a public one, and the call goes to the address that was
checked, not to one that the name gets a moment later. Redirects are not followed.
"""

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from fingerprint.errors import ParameterError, printable

__all__ = ["Target", "checked_url", "resolve"]

_LONGEST_URL = 2_000


@dataclass(frozen=True, slots=True)
class Target:
    """An address that may be called.

    Attributes
    ----------
    url : str
        With the address in place of the host.
    host : str
        The host as it was named, for the header and the certificate; with its port where that is not the usual one.
    name : str
        The host alone.
    """

    url: str
    host: str
    name: str


def checked_url(url: str, *, allow_private: bool) -> str:
    """Return a URL that webhooks may have, by its form alone.

    Raises
    ------
    ParameterError
        If it is no https URL (or http, where private targets are allowed), or holds a user or a fragment.
    """
    schemes = ("https", "http") if allow_private else ("https",)
    fault = ""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ParameterError(f"url {url!r:.200}: cannot be read; give https://host/path") from None
    if len(url) > _LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        fault = f"must have at most {_LONGEST_URL} printable ASCII characters"
    elif parts.scheme not in schemes or not parts.hostname or port == 0:
        fault = f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)} and a host"
    elif parts.username is not None or parts.password is not None or parts.fragment:
        fault = "may hold neither a user nor a fragment"
    if fault:
        raise ParameterError(f"url {url!r:.200}: {fault}")
    return url


def resolve(url: str, *, allow_private: bool) -> Target:
    """Return the address to call for a URL.

    Raises
    ------
    ParameterError
        As `checked_url`; or if the host has no address, or one that is not public.
    """
    parts = urlsplit(checked_url(url, allow_private=allow_private))
    name, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ParameterError(f"url {printable(url):.200}: its host has no address ({error.strerror})") from error
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    for address in addresses:
        if not allow_private and not _is_public(address):
            raise ParameterError(f"url {printable(url):.200}: leads to {address}, which is no public address")
    address = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
    query = f"?{parts.query}" if parts.query else ""
    shown = f"[{name}]" if ":" in name else name
    return Target(
        f"{parts.scheme}://{address}:{port}{parts.path or '/'}{query}",
        shown if parts.port is None else f"{shown}:{parts.port}",
        name,
    )


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    inner = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    if inner is not None and not inner.is_global:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address in ipaddress.ip_network("64:ff9b::/96"):
        return _is_public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
    return address.is_global and not address.is_multicast
