"""Which version of the program speaks: it stands in runs, exports, reports and cases."""

import importlib.metadata

__all__ = ["program_version"]


def program_version() -> str:
    """Return the version of Sourceprint; "unknown" where it runs from the source without having been installed."""
    try:
        return importlib.metadata.version("sourceprint")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
