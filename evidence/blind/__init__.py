"""Blind indexes: a licensee matches against a catalogue without seeing what is in it, and the label reads the tokens.

`tokens` <- `grants` <- `making` (the label exports), `opening` (the licensee imports and searches), `revealing` (the
label turns tokens in results into its own ids). What each side can still learn stands in `WHAT_IS_LEARNED.md`.
"""
