"""Scan results in the formats of other tools; docs/formats/exports.md describes each.

- `kinds`: the formats by name; `formats`: the maker of each, and how they get to the disk
- `table`, `parquet`, `dataframe`: a row per passage, as CSV, with types, and for pandas
- `audacity`, `jams`, `acrcloud`: label tracks, annotations, identification results
"""
