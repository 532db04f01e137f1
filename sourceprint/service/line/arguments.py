"""Arguments of the jobs, as they stand in the table: typed JSON, the same for every interface."""

from typing import TypeVar

import msgspec

from fingerprint.errors import ParameterError
from index.search.match import DEFAULT_FALSE_PER_1000H, SearchOptions, options_of
from index.storage.manifest import RECORDING

__all__ = ["AdditionArguments", "CheckArguments", "ScanArguments", "decode_arguments", "encode_arguments"]


class ScanArguments(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Arguments of a scan.

    Attributes
    ----------
    name : str
        Of the track in its result.
    path : str
        A file that the server may read; "" for the upload of the job.
    evidence : tuple of str
        "page", "case": made with the result.
    thorough, max_false_per_1000h, only, exclude, layer
        As `Catalogue.match`; the words of a filter name no files.
    """

    name: str
    path: str = ""
    evidence: tuple[str, ...] = ()
    thorough: bool = False
    max_false_per_1000h: float = DEFAULT_FALSE_PER_1000H
    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    layer: str = RECORDING

    def options(self) -> SearchOptions:
        """Return the settings of the search.

        Raises
        ------
        ParameterError
            If one is out of range, or a word of the filter names a file.
        """
        for word in (*self.only, *self.exclude):
            if word.startswith("@"):
                raise ParameterError(f"filter {word!r:.60}: names a file, which the service does not read; name ids")
        return options_of(
            layer=self.layer,
            thorough=self.thorough,
            max_false_per_1000h=self.max_false_per_1000h,
            only=self.only,
            exclude=self.exclude,
        )


class CheckArguments(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Arguments of a check.

    Attributes
    ----------
    name : str
        Of the track in the report.
    path : str
        As in `ScanArguments`.
    policy : str
        Name of a release policy of the organisation; "" for the default.
    day : str
        Of the release, ISO 8601; "" for today.
    fail_on : str
        "block" or "review".
    evidence : tuple of str
        As in `ScanArguments`; of a check under a grant only "page".
    """

    name: str
    path: str = ""
    policy: str = ""
    day: str = ""
    fail_on: str = "block"
    evidence: tuple[str, ...] = ()


class AdditionArguments(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Arguments of an addition to the catalogue; as `Catalogue.add` of the Python interface."""

    name: str
    path: str = ""
    id: str = ""
    title: str = ""
    artists: tuple[str, ...] = ()
    isrc: str = ""
    tags: tuple[str, ...] = ()
    replace: bool = False


T = TypeVar("T", ScanArguments, CheckArguments, AdditionArguments)


def encode_arguments(arguments: ScanArguments | CheckArguments | AdditionArguments) -> str:
    """Return arguments as the table keeps them."""
    return msgspec.json.encode(arguments).decode("utf-8")


def decode_arguments(text: str, kind: type[T]) -> T:
    """Return arguments from the table."""
    return msgspec.json.decode(text, type=kind)
