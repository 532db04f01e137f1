"""Earlier statements: which of them anything has changed for since, and what they come to now.

In reading order:

- `marks`: what a statement depends on, noted beside it; which statements a change concerns
- `causes`: what was changed on file, by whom and why, in words
- `corrections`: adjustments by hand to statements that are closed
- `recomputation`: those computed again, and the adjustments that follow
"""
