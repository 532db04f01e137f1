"""The Python interface behind `import sourceprint`: open indexes, audio of any kind, typed results.

- `audio`: paths, bytes and arrays, as audio files
- `tracks`, `additions`, `release_check`: tracks against the index, recordings into it, files against a policy
- `changes`: tags, excluded ranges and corrections of recordings
- `catalogue`, `index_folders`: an index that is open; index folders, opened and made
- `results`: results that were kept, read again
"""
