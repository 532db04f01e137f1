"""Where the project and the samples of its tests are."""

from pathlib import Path

__all__ = ["DATA", "ROOT"]

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "tests" / "data"
