"""The index folder on disk: files written once, named by a manifest that is replaced in one step.

In reading order:

manifest         the parts of one commit, and the layers of this version; manifest_rules: its limits
snapshot         one commit, open for reading
layer_snapshot   its landmarks in one layer: neighbours, times, frequencies
segment          an immutable folder of recordings and landmarks, opened; segment_rules: limits of its files;
                 segment_writer: written and joined
layers           landmarks checked and rounded for storage
format2          folders of an earlier program, read only
recordings       metadata of each recording, looked up without reading all
tags             tags and excluded ranges, in the form that is stored
amendments       later changes to recordings' metadata
hubs             recordings that are near everything
locks            one writer at a time, and leases of readers
durable          files that survive a power cut
"""
