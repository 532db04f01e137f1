"""Review: uses that wait for a person, most seconds first, and all that a decision rests on.

In reading order:

- `waiting`: the queue, filtered and page by page
- `facts`: one use with its recordings, owners, licences and history
- `undo`: the last decision taken back, by a further one
"""
