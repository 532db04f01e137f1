"""Counts, times and sizes as text, each written one way everywhere."""

__all__ = ["clock", "counted", "exact_clock", "grouped", "size_text"]


def counted(n: int, noun: str, *, groups: bool = False) -> str:
    """Return a number and what is counted; with `groups`, the number as `grouped` writes it.

    Examples
    --------
    >>> counted(1, "recording"), counted(0, "recording"), counted(2, "match")
    ('1 recording', '0 recordings', '2 matches')
    >>> counted(12000, "file", groups=True)
    '12 000 files'
    """
    return f"{grouped(n) if groups else n} {noun}{'' if n == 1 else 'es' if noun.endswith('ch') else 's'}"


def grouped(n: int) -> str:
    """Return a whole number in groups of three digits.

    Examples
    --------
    >>> grouped(1234567)
    '1 234 567'
    """
    return f"{n:,}".replace(",", " ")


def clock(seconds: float) -> str:
    """Return a time as minutes and seconds, or hours.

    Examples
    --------
    >>> clock(61.25), clock(59.96), clock(3600)
    ('1:01.2', '1:00.0', '1:00:00.0')
    """
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    start = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{start}:{rest // 10:02d}.{rest % 10}"


def exact_clock(milliseconds: int) -> str:
    """Return a time as minutes, seconds and milliseconds, as money is stated by.

    Examples
    --------
    >>> exact_clock(200_000), exact_clock(3_600_007)
    ('3:20.000', '60:00.007')
    """
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes}:{rest // 1000:02d}.{rest % 1000:03d}"


def size_text(n_bytes: float) -> str:
    """Return a size in decimal units.

    Examples
    --------
    >>> size_text(512), size_text(2_345_678)
    ('512 B', '2.3 MB')
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= factor:
            return f"{n_bytes / factor:.1f} {unit}"
    return f"{n_bytes:.0f} B"
