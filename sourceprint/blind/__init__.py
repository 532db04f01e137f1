"""A catalogue that matches without being shown: the index of a label, without names, for one licensee.

- `tokens`: tokens in place of recording ids, and how the label gets the ids back
- `grants`: for whom, and until when; signed
- `blind_export`, `blind_import`: the label's side, and the licensee's
"""
