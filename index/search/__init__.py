"""The steps of a match, from the landmarks of a track to the recordings that it reuses.

In reading order:

wider          the search of a track part by part, again at wider time scales where it calls for that
match          all steps of one search, and its options
hypotheses     neighbours vote for recording, pitch and line
alignment      a hypothesis followed through the stored landmarks
repeats        a stretch of a recording that the track plays again and again
passages       candidates: alignments explained away and joined, with their rivals
alternatives   the recordings that may be meant as well, named beside each candidate
claims         what of the track an alignment may claim: what is supported, and by one of several alone
significance   what chance does not explain, where it ends, and how sure that is
matches        the result: recordings with their passages
streams        one result from those of the audio streams of a track
filters        which recordings are searched
shared         what a recording has in common with others, by its stored landmarks
overlaps       pairs of recordings of the index that hold the same audio
_kernels       inner loops
"""
