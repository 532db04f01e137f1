"""The check before a release: decide every match, and with that every file, by a policy.

In reading order:

- `policy`, `policy_toml`: rules, licences and thresholds; the file they are read from
- `check`: the files that were named, searched with the settings of the policy
- `verdict`: decisions on matches, the verdict on a file, and all of them as a report
- `unverified`: limits of the check: inputs taken on trust or not searched
- `report`: the formats of a report; `report_text` for people and build servers, `sarif` for code scanning
"""
