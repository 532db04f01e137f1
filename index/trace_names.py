"""The names of traces, apart, so that whoever looks for one need not load what makes them."""

import hashlib

__all__ = ["SUFFIX", "trace_name"]

SUFFIX = ".spt"


def trace_name(sha256: str, index_digest: str, settings_digest: str) -> str:
    """Return the name of the trace of one audio file, searched in one state of an index with some settings.

    A second search of the same audio, in another index or with other settings, has a trace of its own.

    Examples
    --------
    >>> trace_name("ab" * 32, "sha256:1", "sha256:2")[-24:]
    'bababababab-86095f8f.spt'
    """
    search = hashlib.sha256(f"{index_digest} {settings_digest}".encode()).hexdigest()
    return f"{sha256}-{search[:8]}{SUFFIX}"
