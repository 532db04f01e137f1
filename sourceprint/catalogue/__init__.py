"""Recordings into the index, and what is said about them there.

In reading order:

additions       many files fingerprinted and added, or replaced
recording_ids   which id each gets, and whether there is anything to do for it
brevity         what is too short to be found
corrections     titles, artists, ISRCs and ids changed, without audio
annotations     tags and excluded ranges changed, recordings removed, without audio
column_settings what the columns of lists are, kept with the index
lost            what a repair could not keep, as a list to add again
precompute      fingerprint files made of audio, to be added or matched elsewhere
"""
