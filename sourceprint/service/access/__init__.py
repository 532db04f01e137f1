"""Who may do what: organisations, keys of the API, grants between organisations, rate limits."""
