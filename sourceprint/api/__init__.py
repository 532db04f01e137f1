"""The Python interface: an index that is open, audio of any kind, and what is found. `import sourceprint` leads here.

- `audio`: what a caller gives as audio, as a file
- `tracks`, `additions`: tracks against the index, recordings into it
- `catalogue`, `index_folders`: an index that is open; index folders, opened and made
- `results`: results that were kept, read again
"""
