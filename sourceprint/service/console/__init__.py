"""The console: pages for people, in their browsers.

- `pages`: pages and their headers, style and script
- `visitors`: who opens a page, and whether they may
- `entrance`: sign in, join by a one-time link, sign out
- `open_work`: what waits for a person
- `own`: the first page, and a person's own passkeys
- `team`: people and roles, for admins
- `decisions`: what waits for a second person
- `queue`: the review queue, of uses that wait for a decision
- `audio`: scans and checks, their evidence, recordings of the catalogue
- `back_office`: statements, licensees, keys, the log, search
"""
