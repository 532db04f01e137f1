"""The codes of the trade, one module each: `compact`, `validate`, `is_valid`, and a function that prints it.

- recordings: `isrc`
- works: `iswc`
- parties: `ipi` (writers and publishers), `isni` (public identities), `dpid` (senders of DDEX messages)
- releases: `grid`, `icpn` (UPC and EAN)

`codes` holds their check digits. Where in doubt a code is refused: one that is refused can be mended, a wrong one that
is taken pays the wrong people.
"""
