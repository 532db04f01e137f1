"""Review: uses that wait for a person, most money first, and all that a decision rests on.

In reading order:

- `estimates`: the money that a use would move, before it is decided
- `waiting`: the queue, filtered and page by page
- `facts`: one use with its recordings, owners, licences and history
- `undo`: the last decision taken back, by a further one
"""
