"""Pages for a browser: an overview of the results, a page for each matched file and for each recording, one about all.

In reading order:

- `report`: what is made, one page after the other
- `folder`, `addresses`: the folder of pages, and the names in it
- `overview`, `cover`, `recording_view`, `file_view`: what each kind of page says
- `passages`: what is drawn and heard of each passage
- `figures`, `geometry`: landmarks, alignment and pitch as places in a drawing
- `sounds`, `spectra`: excerpts and spectrograms of the audio that is at hand
- `listing`: long tables
- `words`: figures as sentences
- `page`: templates, style and script
"""
