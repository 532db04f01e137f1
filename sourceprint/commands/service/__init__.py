"""Commands of the service: serve, worker, admin.

- `serving`: serve, worker
- `administration`: admin
- `options`: the place of a service
"""

from sourceprint.commands.service.administration import admin
from sourceprint.commands.service.serving import serve, worker

__all__ = ["admin", "serve", "worker"]
