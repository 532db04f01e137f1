"""The catalogue of rights: recordings, works, parties, shares and licences, with their history."""
