"""The service: an HTTP API, workers, and a log of every change, on one data folder."""
