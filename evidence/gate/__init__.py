"""The gate of a release: outputs are searched, each match is decided by a policy, and the verdict reported.

`policy` <- `policy_text`, `deciding` <- `report` <- `lines`, `json_report`, `sarif`, `junit`, `github` <- `formats`,
and `checking`, which does all of it for the command. POLICY.md describes the policy, RECIPES.md pipelines.
"""
