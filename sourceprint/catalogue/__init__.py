"""Add recordings to the index, and change their metadata.

In reading order:

additions       many files fingerprinted and added, or replaced
recording_ids   which id each gets, and whether there is anything to do for it
brevity         recordings too short to be found
corrections     titles, artists, ISRCs and ids changed, without audio
annotations     tags and excluded ranges changed, recordings removed, without audio
column_settings the user's mapping of list columns, kept with the index
lost            recordings that a repair could not keep, as a list to add again
precompute      fingerprint files made of audio, to be added or matched elsewhere
"""
