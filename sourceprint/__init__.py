"""The product around the two libraries: recordings into the index, tracks against it, and what follows from matches.

In reading order, each part importing from those before it only:

- `sheets`: tables as people keep them, and what their columns say
- `items`, `lists`, `folders`, `inputs`, `outputs`: audio files that a user names, one by one, in lists and in folders,
  and where results are written
- `file_limits`, `faults`, `processes`, `workers`: many files at once, what one of them may take, and what goes wrong
  with one
- `audio_digests`: digests of files that may be known, or too large to be read for that
- `text`, `toml_faults`, `toml_documents`, `identifiers`, `signatures`: tables and names, TOML that people write, the
  codes of the trade, Ed25519 keys
- `catalogue`: recordings into the index
- `scans`: tracks against the index, runs of many files, and what changed between two
- `exports`, `gate`, `evidence`, `blind`: formats of other tools, the check before a release, pages and signed cases,
  catalogues that match without being shown
- `royalties`: rights, uses, statements
- `places`: default places of a user's index, rights and keys
- `demo`: all of it on music that it makes itself
- `commands`: what each command says and asks

docs/architecture.md shows the whole, with the order of imports and a glossary.
"""
