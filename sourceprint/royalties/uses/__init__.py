"""Uses: what one track reuses of one recording or work, with the licence that permits it, or the rule that it breaks.

In reading order:

- `policy`, `usage`: what decides, and what the licensee reports
- `scans`, `claims`: the results of a scan, and what each passage claims
- `overlap`: each second given to one claim, split, or left unresolved
- `terms`: what the licences say
- `use`, `attribution`: a use, and all uses of one track
- `ledger`, `states`: uses in the database, and the states that people give them
- `uses_text`: reports and lists
"""
