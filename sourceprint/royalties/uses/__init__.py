"""Uses: the reuse of one recording or work in one track, and the licence outcome of each share of it.

In reading order:

- `policy`, `usage`: the rules of attribution, and the licensee's usage report
- `scans`, `claims`: the results of a scan, and the claims of each passage
- `overlap`: each second given to one claim, split, or left unresolved
- `use`, `attribution`: a use, and all uses of one track
- `terms`, `shares`: licence outcomes, and the shares that they are about
- `ledger`, `entries`, `searches`: uses in the database, their entry, and the recordings that each scan searched
- `states`, `decisions`: the states that people give to uses, and their transfer after another scan
- `uses_text`: reports and lists
"""
