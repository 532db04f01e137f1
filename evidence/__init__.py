"""What becomes of matches before money: runs over many files, exports, the gate, pages, signed cases, blind indexes.

Everything here works on scan results (`evidence.results`) and on what a search keeps for its recheck (`index.trace`).
It imports `fingerprint` and `index`, and knows neither rights nor money.
"""
