"""The scan of many files, kept in a folder: begun, interrupted, continued, followed, and summed up.

`folder` says what a run is on the disk and reads it; `journal` writes it. `planning` tells what is known from what must
be searched, `session` searches it, `watching` follows folders that grow, `moving` carries off what is done. `summary`
and `rates` say what it comes to.
"""
