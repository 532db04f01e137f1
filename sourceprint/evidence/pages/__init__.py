"""Pages for a browser: an overview of the results, a page for each matched file and for each recording, one about all.

In reading order:

- `report`: all pages, one after the other
- `folder`, `addresses`: the folder of pages, and the names in it
- `overview`, `cover`, `recording_view`, `file_view`: the content of each kind of page
- `passages`: pictures and excerpts of each passage
- `figures`, `geometry`: landmarks, alignment and pitch as places in a drawing
- `sounds`, `spectra`: excerpts and spectrograms of the audio that is at hand
- `listing`: long tables
- `words`: figures as sentences
- `page`: templates, style and script
"""
