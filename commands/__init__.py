"""The commands of `sourceprint`, a file per group: what each says, what it asks, and the one function that it calls.

`cli.py` puts them together. `commands.terminal` and `commands.progress` are what they share; nothing outside this
package talks to a terminal.
"""
