"""What deals say beyond rates: who opted in or out, and until when a recording is on file.

In reading order:

- `standing`: whether a recording or work is in, out, or past its term, with the reason
- `optin`: the same of the whole catalogue, as a report
"""
