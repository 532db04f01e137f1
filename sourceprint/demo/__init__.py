"""The demo: whether it works here, on music that it makes itself, from audio to a statement.

In reading order: `arrangement` composes, `instruments` sound, `synthesis` plays and mixes; `transformations` alter a
passage, `music` hides altered passages in tracks; `demo` searches for them, and `statement` goes on to the money.
The tests and benchmarks take their music from here too.
"""
