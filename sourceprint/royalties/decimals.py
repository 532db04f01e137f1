"""Whole units as decimal numbers in text."""

__all__ = ["decimal_text"]


def decimal_text(units: int, places: int, *, least: int = 0) -> str:
    """Return a number of units of 10**-places exactly, without zeros at its end but for the least decimals.

    Examples
    --------
    >>> decimal_text(1500, 3), decimal_text(-5, 2), decimal_text(2000, 3), decimal_text(1500, 3, least=2)
    ('1.5', '-0.05', '2', '1.50')
    """
    digits = str(abs(units)).rjust(places + 1, "0")
    point = len(digits) - places
    decimals = digits[point:].rstrip("0").ljust(least, "0")
    whole = f"-{digits[:point]}" if units < 0 else digits[:point]
    return f"{whole}.{decimals}" if decimals else whole
