"""How numbers are rounded where results are written down."""

__all__ = ["four_digits", "milliseconds"]


def milliseconds(seconds: float) -> int:
    """Return a time in whole milliseconds.

    Examples
    --------
    >>> milliseconds(1.0006)
    1001
    """
    return round(seconds * 1000)


def four_digits(x: float) -> float:
    """Return a number with four significant digits.

    Examples
    --------
    >>> four_digits(3.21987e-9)
    3.22e-09
    """
    return float(f"{x:.4g}")
