"""The commands: each parses its options, calls one function of the product, and prints.

`terminal` holds what they share (options, messages, exit codes), `named_files` their inputs, `progress` the bar of long
work, `acting` the author of a change. The others hold the commands of one subject each, in the order of
`sourceprint --help`:

- `demo`: demo
- `catalogue`: add, replace, remove, amend, tag, exclude, list, info, duplicates
- `lists`: columns, and the options of all that read lists
- `match`: match, fingerprint
- `scan`: scan, results, diff
- `check`: check
- `evidence`: report, evidence
- `keys`: keys, reveal
- `log`: log
- `rights`: rights
- `uses`: attribute, uses, usage
- `money`: statement, statements, explain, audit
- `service`: serve, worker, admin
- `index_folder`: verify, compact, export, import

`reference` writes docs/cli.md from their help; `cli` puts them together. Imports that take long are inside functions.
"""
