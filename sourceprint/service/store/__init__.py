"""The service's own database: tables, transactions, time, and the outbox of the log."""
