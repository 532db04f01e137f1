"""The check before a release: what a policy says of every match, and with that of every file.

In reading order:

- `policy`, `policy_toml`: rules, licences and thresholds; the file they are read from
- `check`: the files that were named, searched with the settings of the policy
- `verdict`: decisions on matches, the verdict on a file, and all of them as a report
- `unverified`: what all that does not say
- `report`: the formats of a report; `report_text` for people and build servers, `sarif` for code scanning
"""
