"""Acts that the API and the console share, each by its caller, and by two people where the organisation wants two.

- `statements`: statements made, their files written
- `imports`: rights and usage reports brought in from a file
- `grants`: grants given
"""
