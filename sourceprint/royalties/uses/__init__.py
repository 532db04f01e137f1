"""Uses: what one track reuses of one recording or work, with the licence that permits it, or the rule that it breaks.

In reading order:

- `policy`, `usage`: what decides, and what the licensee reports
- `scans`, `claims`: the results of a scan, and what each passage claims
- `overlap`: each second given to one claim, split, or left unresolved
- `terms`: what the licences say
- `use`, `attribution`: a use, and all uses of one track
- `ledger`, `entries`, `searches`: uses in the database, how they get there, and what the scans of a track searched
- `states`, `decisions`: the states that people give to uses, and how they outlive another scan
- `uses_text`: reports and lists
"""
