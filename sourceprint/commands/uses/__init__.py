"""The commands before a statement: attribute, uses, usage.

- `attribution`: attribute
- `decisions`: uses
- `reports`: usage
"""

from sourceprint.commands.uses.attribution import attribute
from sourceprint.commands.uses.decisions import uses
from sourceprint.commands.uses.reports import usage

__all__ = ["attribute", "usage", "uses"]
