"""Evidence that one can see and hear: a static site made of the results of a scan and of what the scan kept.

Read in this order: `words` (figures as sentences), `sounds` (which audio files may be used), `spectra` and `excerpts`
(pictures and sound of them), `geometry` and `figures` (what is drawn), `passages`, `file_view` and `overview` (what the
pages say), `page` (HTML), `report` (all of it, into a folder). Inside, imports go from the end of this list to its
beginning.
"""
