"""Metrics of a server (Prometheus): requests by route and status, their time, and the length of the line of jobs."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from sourceprint.service.line.jobs import queue_length
from sourceprint.service.store.database import ServiceDatabase

__all__ = ["Metrics"]


class Metrics:
    """Counters of one process.

    Parameters
    ----------
    database : ServiceDatabase
        Asked for the length of the line whenever the metrics are read.

    Attributes
    ----------
    registry : CollectorRegistry
    """

    def __init__(self, database: ServiceDatabase) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._requests = Counter("sourceprint_requests", "Requests that were answered", labels, registry=self.registry)
        self._seconds = Histogram(
            "sourceprint_request_seconds", "Time to the end of the answer", ("method", "route"), registry=self.registry
        )
        self.registry.register(_Line(database))

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; `route` is its pattern, as paths have no end."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)


class _Line(Collector):
    def __init__(self, database: ServiceDatabase) -> None:
        self._database = database

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return []

    def collect(self) -> Iterable[GaugeMetricFamily]:
        gauge = GaugeMetricFamily("sourceprint_jobs", "Jobs that are not final", labels=["state"])
        with self._database.reading() as connection:
            for state, count in queue_length(connection).items():
                gauge.add_metric([state], count)
        yield gauge
