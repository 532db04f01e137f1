"""Scans and checks by the caller's own id, by the name of the track, or by what was found in them.

The own id (`reference`) and the id of a job are looked up among all jobs. Texts are looked for in the newest of an
organisation: that takes as long however many jobs there are.
"""

import json
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, or_, select

from sourceprint.service.store.schema import job

__all__ = ["LOOKED_THROUGH", "search_jobs"]

LOOKED_THROUGH = 1_000
"""So many of the newest jobs are looked through for a text."""


def search_jobs(
    connection: Connection, organisation_id: str, kinds: Sequence[str], words: str, *, codes: Iterable[str], limit: int
) -> list[tuple[str, str, str]]:
    """Return id, name and reference of the jobs that words name, the newest first.

    Parameters
    ----------
    kinds : sequence of str
        Of these kinds alone.
    words : str
        Own id, id of the job, or a text in the name of the track, or in title, artist, ISRC or id of a recording found.
    codes : iterable of str
        ISRCs of recordings that are meant as well.
    limit : int
    """
    own = (job.c.organisation_id == organisation_id) & job.c.kind.in_(kinds) & job.c.erased_at.is_(None)
    newest = select(job.c.id).where(own).order_by(job.c.id.desc()).limit(LOOKED_THROUGH).scalar_subquery()
    texts = {text for one in (words, *codes) for text in (one, json.dumps(one)[1:-1])}
    has_text = [
        column.icontains(text, autoescape=True) for column in (job.c.arguments, job.c.result) for text in sorted(texts)
    ]
    columns = (job.c.id, job.c.arguments, job.c.reference)
    exact = select(*columns).where(own, or_(job.c.reference == words, job.c.id == words))
    alike = select(*columns).where(own, job.c.id.in_(newest), or_(*has_text))
    found: dict[str, tuple[str, str, str]] = {}
    for query in (exact, alike):
        for row in connection.execute(query.order_by(job.c.id.desc()).limit(limit)):
            found.setdefault(row.id, (row.id, json.loads(row.arguments)["name"], row.reference))
    return list(found.values())[:limit]
