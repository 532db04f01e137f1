"""List folders: every file is audio, something else, or refused with a reason; none is left out.

In reading order:

- `names`: how the names of audio files and of unfinished ones end
- `contents`: the type of a file, from its first bytes
- `second_heads`: audio behind the head of a picture or a document
- `archives`: whether an archive holds audio, by its list of names
- `listing`: all that is in a folder, in order
- `own_files`: files and folders of our own, and the commands that take them
"""
