"""Identifiers of works, parties and releases: a module each, with compact, validate, is_valid, a printed form.

`iswc`: works. `ipi`: writers and publishers, by name number and base number. `isni`: public identities. `dpid`: those
who send DDEX messages. `icpn`: products, by UPC or EAN. `grid`: releases. `index.isrc`: recordings.
"""
