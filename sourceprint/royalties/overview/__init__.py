"""Overview: what an office looks up in the database of rights, read alone.

- `licensees`: those who have licences, uses or statements
- `search`: records, uses and statements by title, name, code or id
"""
