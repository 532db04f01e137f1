"""Overview: what an office looks up in the database of rights, read alone.

- `licensees`: those who have licences, uses or statements
- `licence_words`: the terms of a licence in words
- `chain_places`: changes of one thing, with the entries of the chain that cover them
- `search`: records, uses and statements by title, name, code or id
"""
