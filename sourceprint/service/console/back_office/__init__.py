"""The back office: pages about money and access, around the review queue.

- `statements`: issued ones, and those that wait; `one_statement`: from the top down; `shown_statements`: kept at hand
- `usage`: usage reports entered
- `licensees`: licensees, and one of them
- `licences`: one licence, in words and as TOML, and its change
- `keys`, `grants`: keys of the API, access of other organisations; `fields`: of their forms
- `log`: entries of the transparency log, of all or of one thing
- `sign_ins`: sign-ins that hold
- `records`: recordings, works and parties on file
- `search`: records, uses and statements by name, code or id
- `office`: all of these together
"""
