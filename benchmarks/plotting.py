"""The look of all pictures: one style, one palette, files that are the same bytes for the same report.

matplotlib draws; it comes with the extra ``bench`` and is imported only here, when a picture is wanted.
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fingerprint.errors import SourceprintError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["BLUE", "GREEN", "GREY", "ORANGE", "PURPLE", "RED", "picture", "require_matplotlib"]

# Okabe and Ito's palette, which people with any colour vision can tell apart.
BLUE, ORANGE, GREEN, RED, PURPLE, GREY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#7f7f7f"

_STYLE: dict[Any, Any] = {
    "figure.dpi": 100,
    "font.family": "DejaVu Sans",  # comes with matplotlib, so every machine draws the same
    "font.size": 9.5,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e5e5e5",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "svg.hashsalt": "sourceprint",
    "svg.fonttype": "path",
}


def require_matplotlib() -> None:
    """Check that pictures can be drawn.

    Raises
    ------
    SourceprintError
        If matplotlib is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise SourceprintError("pictures need matplotlib; pip install 'sourceprint[bench]'")


@contextlib.contextmanager
def picture(
    path: Path, *, width: float = 7.2, height: float = 4.0, rows: int = 1, columns: int = 1
) -> Iterator[list[Axes]]:
    """Open axes to draw on, in reading order, and write the picture to `path` (.svg or .png) when they are done.

    Raises
    ------
    SourceprintError
        If matplotlib is not installed.
    """
    require_matplotlib()
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with matplotlib.rc_context(_STYLE):
        figure, axes = pyplot.subplots(rows, columns, figsize=(width, height), squeeze=False, layout="constrained")
        try:
            yield [axis for row in axes for axis in row]
            metadata = {"Date": None} if path.suffix == ".svg" else {}
            figure.savefig(path, metadata=metadata)
        finally:
            pyplot.close(figure)
