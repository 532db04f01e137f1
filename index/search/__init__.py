"""The steps of a match, from the landmarks of a track to the recordings that it reuses.

In reading order:

wider          the search of a track part by part, again at wider time scales where a passage lies at the edge
match          all steps of one search, and its options
hypotheses     neighbours vote for recording, pitch and line
alignment      a hypothesis followed through the stored landmarks
repeats        a stretch of a recording that the track plays again and again
passages       candidates: alignments explained away and joined, with their rivals
alternatives   the recordings that may be meant as well, named beside each candidate
claims         stretches of the track that an alignment may claim: supported, no second twice by one recording
significance   significant passages, their ends, and their probability of chance
matches        the result: recordings with their passages
streams        one result from those of the audio streams of a track
filters        which recordings are searched
shared         audio that a recording shares with others, by their stored landmarks
overlaps       pairs of recordings of the index that hold the same audio
_kernels       inner loops
"""
