"""Pages for a browser: an overview of the results, and a page for each matched file.

In reading order:

- `report`: the folder of pages
- `overview`, `file_view`: what each kind of page says
- `passages`: what is drawn and heard of each passage
- `figures`, `geometry`: landmarks, alignment and pitch as places in a drawing
- `sounds`, `spectra`: excerpts and spectrograms of the audio that is at hand
- `words`: figures as sentences
- `page`: templates, style and script
"""
