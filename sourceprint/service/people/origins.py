"""The origin of the console: the address under which browsers reach it, to which passkeys are bound."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from fingerprint.errors import ParameterError, printable

__all__ = ["Origin"]


@dataclass(frozen=True, slots=True)
class Origin:
    """An origin.

    Attributes
    ----------
    text : str
        As browsers state it: "https://console.tone.example".
    host : str
        Its host name, which is the RP id of passkeys.
    """

    text: str
    host: str

    @classmethod
    def parse(cls, text: str) -> "Origin":
        """Return the origin that a text names.

        Raises
        ------
        ParameterError
            If it is none with HTTPS, nor http://localhost: browsers make passkeys nowhere else.

        Examples
        --------
        >>> Origin.parse("https://console.tone.example:443").text
        'https://console.tone.example'
        """
        shown = f"origin {printable(text):.80}"
        try:
            parts = urlsplit(text)
            host, port = (parts.hostname or "").lower(), parts.port
        except ValueError as error:
            raise ParameterError(f"{shown}: is no address ({error})") from error
        if parts.scheme not in ("http", "https") or not host or parts.username is not None:
            raise ParameterError(f"{shown}: must be an address such as https://console.tone.example")
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise ParameterError(f"{shown}: must end after the host, as https://console.tone.example")
        if host.replace(".", "").isdigit() or ":" in host:
            raise ParameterError(f"{shown}: browsers bind passkeys to names of hosts; give a name")
        if parts.scheme == "http" and host != "localhost":
            raise ParameterError(f"{shown}: browsers make passkeys over HTTPS, or at http://localhost")
        usual = port in (None, {"http": 80, "https": 443}[parts.scheme])
        return cls(f"{parts.scheme}://{host}" + ("" if usual else f":{port}"), host)

    @property
    def is_secure(self) -> bool:
        """Whether it speaks TLS: then cookies are sent with it alone."""
        return self.text.startswith("https:")
