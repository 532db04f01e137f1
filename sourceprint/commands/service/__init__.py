"""Commands of the service: serve, worker, admin, backup, restore.

- `serving`: serve, worker
- `administration`: admin
- `backups`: backup, restore
- `options`: the place of a service
"""

from sourceprint.commands.service.administration import admin
from sourceprint.commands.service.backups import backup, restore
from sourceprint.commands.service.serving import serve, worker

__all__ = ["admin", "backup", "restore", "serve", "worker"]
