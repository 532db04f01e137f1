"""Scan results in the formats of other tools: tables, labels for editors, annotations, the shape of a known service.

`FORMATS.md` describes each of them to whoever reads one; `writing` picks the format and writes it.
"""
