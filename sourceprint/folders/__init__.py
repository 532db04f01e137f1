"""What is in a folder: every file is audio, something else, or refused with a reason; none is left out.

In reading order:

- `names`: how the names of audio files and of unfinished ones end
- `contents`: what the first bytes of a file say that it is
- `second_heads`: whether what is a picture by its first bytes goes on as audio
- `archives`: whether an archive holds audio, by its list of names
- `listing`: all that is in a folder, in order
"""
