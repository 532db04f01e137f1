"""The index folder on disk: files written once, named by a manifest that is replaced in one step.

In reading order:

manifest         what one commit consists of, and the layers of this version; manifest_rules: what it may say
snapshot         one commit, open for reading
layer_snapshot   its landmarks in one layer: neighbours, times, frequencies
segment          an immutable folder of recordings and landmarks, opened; segment_rules: what its files may say;
                 segment_writer: written and joined
layers           landmarks checked and rounded to what is stored
recordings       what is known about each recording, looked up without reading all
tags             tags and excluded ranges, in the form that is stored
amendments       what was changed of recordings later
hubs             recordings that are near everything
locks            one writer at a time, and leases of readers
durable          files that survive a power cut
"""
