"""The scan of many files, kept in a folder: begun, interrupted, continued, followed, and summed up.

`folder` says what a run is on the disk and reads it; `journal` writes it; `history` reads what its log says of earlier
sessions. `planning` tells what is known from what must be searched, `searching` and `session` search it, `watching`
follows folders that grow, `carrying` and `moving` carry off what is done. `summary` and `rates` say what it comes to.
"""
