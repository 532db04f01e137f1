"""The Python interface: an index that is open, audio of any kind, and what is found. `import sourceprint` leads here.

- `audio`: what a caller gives as audio, as a file
- `tracks`, `additions`, `release_check`: tracks against the index, recordings into it, files against a policy
- `catalogue`, `index_folders`: an index that is open; index folders, opened and made
- `results`: results that were kept, read again
"""
