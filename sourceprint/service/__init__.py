"""The service: an HTTP API, workers, and a log of what was done, on one data folder."""
