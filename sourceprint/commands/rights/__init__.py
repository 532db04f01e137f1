"""The commands on the database of rights.

- `records`: import, export, show
- `checks`: check, verify, head, optin
- `people`: the names that --by accepts
- `templates`: new-licence, new-policy
"""

from sourceprint.commands.rights import checks, people, templates
from sourceprint.commands.rights.records import rights

__all__ = ["checks", "people", "rights", "templates"]
