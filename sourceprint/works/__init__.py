"""Tracks against the composition layer of an index: the works that they play, whoever performs them.

In reading order:

- `search`: many files described and searched, in parallel, in order
- `report`: the works of a track, as JSON and as text for people
"""
