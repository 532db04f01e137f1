"""Descriptors as vectors: nearest neighbours, exact and compressed.

In reading order:

exact      exact search; the only door to FAISS
signs      a descriptor as the signs of its numbers
tree       cells of a catalogue of signs, trained
lists      inverted lists by cell, searched
_kernels   inner loops
"""
