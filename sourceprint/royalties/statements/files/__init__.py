"""The files of a statement, each made from the `Statement` alone: the same statement gives the same bytes.

In reading order:

- `statement_json`: everything, as JSON, and back; `later_fields`: fields left out of it; `statement_v1`: schema 1
- `line_tables`: the lines as CSV and Parquet
- `page_lines`, `page_view`, `page`: the page to read and print, and a page for each payee
- `drill_down`: a level of it at a time
- `dsr`: DSR-shaped TSV
- `folder`: all of them in one folder, with checksums
- `agreement`: whether files say what the statement says; `page_content`: pages of another version, by content
"""
