"""Scan results in the formats of other tools; docs/formats/exports.md describes each.

`formats` names them and writes their files; `table` is CSV and Parquet, `audacity`, `jams` and `acrcloud` the rest.
"""
