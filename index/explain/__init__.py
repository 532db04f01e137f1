"""Why a recording was found in a track, or not.

In reading order:

explainer     the question answered, recording by recording
searches      the further searches that the answer takes
explanation   the answer, as a record and as JSON
"""
