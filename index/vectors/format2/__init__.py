"""Search in the compressed layers of index folders of format 2, which are read and never written.

lists      inverted lists of signs, searched
tree       the tree of centroids that leads to them
_kernels   inner loops
"""
