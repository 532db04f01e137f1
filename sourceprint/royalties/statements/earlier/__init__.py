"""Earlier statements: which of them anything has changed for since, and what they come to now.

In reading order:

- `marks`: what a statement depends on, noted beside it; which statements a change concerns
- `corrections`: adjustments by hand to statements that are closed
- `recomputation`: those computed again, and the adjustments that follow
"""
