"""Descriptors as vectors: nearest neighbours, exact and compressed.

In reading order:

exact      exact search; the door to FAISS
signs      a descriptor as the signs of its numbers, for alignment
quantiser  the quantiser that ships: list and code of a descriptor
ivf        inverted lists of codes, joined and searched; blocks: where codes stand
format2    the same of earlier index folders: signs in the lists of a tree
"""
