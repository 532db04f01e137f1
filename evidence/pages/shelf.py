"""Where the pictures, sounds and styles of a page are kept: inside the page itself, or as files beside it."""

import base64
from dataclasses import dataclass, field

__all__ = ["ASSETS", "Shelf"]

ASSETS = "assets"
"""Name of the folder of a report that holds what its pages share."""


@dataclass(slots=True)
class Shelf:
    """Takes what a page refers to, and says how to refer to it.

    Attributes
    ----------
    inside : bool
        Whether everything goes into the page.
    way : str
        From the page to the folder of the report: "" or "../".
    prefix : str
        Begins the name of every file, so that pages do not meet.
    files : dict of str to bytes
        What is to be written into the folder `ASSETS`, by name.
    """

    inside: bool
    way: str
    prefix: str
    files: dict[str, bytes] = field(default_factory=dict)

    def put(self, name: str, data: bytes, media_type: str) -> str:
        """Keep some data and return its address.

        Examples
        --------
        >>> Shelf(True, "", "p-").put("a.png", b"...", "image/png")
        'data:image/png;base64,Li4u'
        >>> Shelf(False, "../", "p-").put("a.png", b"...", "image/png")
        '../assets/p-a.png'
        """
        if self.inside:
            return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"
        self.files[self.prefix + name] = data
        return f"{self.way}{ASSETS}/{self.prefix}{name}"
