"""Earlier statements affected by changes since their issue, and their amounts now.

In reading order:

- `marks`: the dependences of a statement, noted beside it; statements that a change concerns
- `causes`: changes of records, by whom and why, in words
- `corrections`: adjustments by hand to closed statements
- `audit_windows`: the day on which a statement closes
- `inputs`: uses, rights, policy and usage of a statement as they are on file now
- `recomputation`: earlier statements computed again, and the adjustments that follow
"""
