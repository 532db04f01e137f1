"""What deals say beyond rates: who opted in or out, until when a recording is on file, advances, spans of guarantees.

In reading order:

- `standing`: whether a recording or work is in, out, or past its term, with the reason
- `spans`: months, quarters and years in which a guarantee is counted
- `volumes`: usages counted under a licence, and what they cost at rates that change with their number
- `advances`: what is recouped of an advance before anything is paid
- `optin`: the same of the whole catalogue, as a report
"""
