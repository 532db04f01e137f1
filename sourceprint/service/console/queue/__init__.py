"""The review queue: uses that wait for a person, one after the other or many at once; every decision names its person.

Reviewers and admins decide; accountants and auditors read. The filters of the queue stand in the query of every page,
so the next use is the next of the filtered list.

- `kept`: all that waits, kept in memory as long as it holds
- `filters`: the filters in the query of a page
- `decision`: a decision as a form of ours sends it, and who may make it
- `all_uses`: the queue, page by page, and decisions on all of it
- `audio_at_hand`: the scan of a use, and the audio of both sides, as far as they are kept
- `match`: both sides as players and spectrograms
- `desk`: comments, assignments, exclusions and allowances
- `one_use`: one use, decided, and a decision undone
"""
