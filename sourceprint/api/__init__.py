"""The Python interface behind `import sourceprint`: open indexes, audio of any kind, typed results.

- `audio`: paths, bytes and arrays, as audio files
- `tracks`, `additions`, `release_check`: tracks against the index, recordings into it, files against a policy
- `changes`: tags, excluded ranges and corrections of recordings
- `open_index`, `writable_index`, `catalogue`: an open index, read; changed; searched
- `index_folders`: index folders, opened and made
- `results`: kept results, read again
"""
