"""Terms of deals beyond rates: opt-in and opt-out, terms of recordings, advances, spans of guarantees, volumes.

In reading order:

- `standing`: whether a recording or work is in, out, or past its term, with the reason
- `spans`: months, quarters and years in which a guarantee is counted
- `volumes`: usages counted under a licence, and their rates where these change with the number of usages
- `advances`: recoupment of an advance before anything is paid
- `optin`: the standing of all recordings with choices, as a report
"""
