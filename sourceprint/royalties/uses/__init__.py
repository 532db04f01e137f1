"""Uses: what one track reuses of one recording or work, and what the licences on file say of each share of it.

In reading order:

- `policy`, `usage`: what decides, and what the licensee reports
- `scans`, `claims`: the results of a scan, and what each passage claims
- `overlap`: each second given to one claim, split, or left unresolved
- `use`, `attribution`: a use, and all uses of one track
- `terms`, `shares`: what the licences say, and of whose shares
- `ledger`, `entries`, `searches`: uses in the database, how they get there, and what the scans of a track searched
- `states`, `decisions`: the states that people give to uses, and how they outlive another scan
- `uses_text`: reports and lists
"""
