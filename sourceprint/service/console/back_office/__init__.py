"""The back office: pages about money and access, around the review queue.

- `statements`: issued ones, and those that wait; `one_statement`: from the top down; `shown_statements`: kept at hand
- `usage`: usage reports entered
- `licensees`: licensees
- `keys`: keys of the API
- `log`: entries of the transparency log
- `search`: records, uses and statements by name, code or id
- `office`: all of these together
"""
