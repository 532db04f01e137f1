"""The pages on files that people write, held against the code: their examples are taken, and they list every key."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from fingerprint.errors import ParameterError, RightsError
from sourceprint.commands.rights.templates import _POLICIES
from sourceprint.gate.policy import GateLicence, GatePolicy, Rule
from sourceprint.gate.policy_toml import parse_policy as parse_gate_policy
from sourceprint.royalties.deal_terms import Advance, DealTerms, Guarantee, Pool
from sourceprint.royalties.rate_tiers import Tier
from sourceprint.royalties.rights.licence_toml import licence_toml, new_licence, parse_licence
from sourceprint.royalties.rights.licences import (
    RIGHTS,
    Conditions,
    Deduction,
    Licence,
    RateCard,
    Scope,
    TerritoriesTable,
)
from sourceprint.royalties.uses import policy
from sourceprint.royalties.uses.policy import METHODS, load_policy, parse_policy, shipped_policies, shipped_policy
from sourceprint.toml_documents import TomlTable, keys_of
from tests.command_line import run
from tests.places import ROOT


def page(name: str) -> str:
    return (ROOT / "docs" / "formats" / name).read_text(encoding="utf-8")


def example(name: str) -> str:
    found = re.findall(r"```toml\n(.*?)```", page(name), re.DOTALL)
    return str(found[0])  # the whole file; others are parts


def keys(name: str, *, header: str = "key", section: str = "") -> set[str]:
    """Return the names in the first column of the only such table of a page, or of a section of it."""
    text = page(name)
    if section:
        text = text.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    (table,) = re.findall(rf"^\| {re.escape(header)} \|.*\n\|[- |]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    return {key for row in table.splitlines() for key in re.findall(r"`(\w[\w-]*)`", row.split("|")[1])}


TOP = {"schema", "amendments", *keys_of(Licence, DealTerms)}
TABLES: dict[str, type[TomlTable]] = {
    "scope": Scope,
    "territories": TerritoriesTable,
    "conditions": Conditions,
    "rate_card": RateCard,
    "guarantee": Guarantee,
    "advance": Advance,
    "training": Pool,
}


def test_the_page_on_licences_lists_every_key_and_its_example_has_them_all() -> None:
    name = "licence.md"
    written = tomllib.loads(example(name))
    assert keys(name, section="Top of the file") == TOP == written.keys()
    for table, kind in TABLES.items():
        assert keys(name, section=f"`[{table}]`") == keys_of(kind).keys(), table
        assert written[table].keys() == keys_of(kind).keys() - {"everything"}, table
    assert keys(name, header="key of `[[rate_card.deductions]]`") == keys_of(Deduction).keys()
    assert keys(name, header="key of `[[rate_card.tiers]]`") == keys_of(Tier).keys()
    assert all(f"`{right}`" in page(name) for right in RIGHTS)
    licence = parse_licence(example(name), name="page")
    assert (licence.id, licence.valid_to, licence.rate_card.per_usage) == ("LIC-2026-07", date(2026, 12, 31), True)
    assert parse_licence(licence_toml(licence), name="again") == licence


def test_messages_that_the_pages_quote_are_those_of_the_readers() -> None:
    text = example("licence.md").replace('Master = "50 %"', 'Master = "25 %"')
    with pytest.raises(RightsError) as caught:
        parse_licence(text, name="licence.toml")
    assert f"`{caught.value}`" in " ".join(page("licence.md").split())
    with pytest.raises(ParameterError) as wrong:
        parse_policy(example("policy.md").replace('"evidence"', '"vote"'), name="policy.toml")
    assert f"`{wrong.value}`" in " ".join(page("policy.md").split())


def test_the_page_on_policies_lists_every_key_and_its_example_has_them_all() -> None:
    name = "policy.md"
    tables: dict[str, type[Any]] = {
        "amount": policy.MethodOrder,
        "thresholds": policy.Thresholds,
        "overlap": policy.OverlapRules,
        "usage": policy.UsageRules,
    }
    for table, kind in tables.items():
        assert keys(name, header=f"key of `[{table}]`") == keys_of(kind).keys(), table
    assert keys(name) | tables.keys() == {"schema", *keys_of(policy.Policy)}
    assert keys(name, header="method") == set(METHODS)
    assert parse_policy(example(name), name="page").amount.methods == ("matched-seconds", "fixed-fee")


def test_the_page_on_policies_of_the_gate_lists_every_key() -> None:
    name = "gate-policy.md"
    assert keys(name) == {"schema", *keys_of(GatePolicy)}
    assert keys(name, header="key of `[[rules]]`") == keys_of(Rule).keys()
    assert keys(name, header="key of `[[licensed]]`") == keys_of(GateLicence).keys()
    written = tomllib.loads(example(name))
    assert written.keys() == {"schema", *keys_of(GatePolicy)}
    assert set().union(*(rule.keys() for rule in written["rules"])) == keys_of(Rule).keys()
    assert written["licensed"][0].keys() == keys_of(GateLicence).keys()
    assert parse_gate_policy(example(name).encode(), name="page").near_limit_per_1000h == 1000.0


# Files to fill in.

FILLED = {
    'valid_from = ""': 'valid_from = "2026-01-01"',
    'id = ""': 'id = "LIC-1"',
    'licensor = ""': 'licensor = "P-L"',
    'licensee = ""': 'licensee = "P-G"',
    "purposes = []": 'purposes = ["train", "generate"]',
    'currency = ""': 'currency = "EUR"',
}


def test_a_licence_template_is_taken_once_complete_and_names_missing_fields_before() -> None:
    text = new_licence()
    for empty, full in FILLED.items():
        with pytest.raises(RightsError, match=rf"(?m)^new\.toml: \S*{empty.split()[0]}\b"):
            parse_licence(text, name="new.toml")
        assert text.count(f"\n{empty}") == 1
        text = text.replace(f"\n{empty}", f"\n{full}")
        if empty.startswith("purposes"):
            with pytest.raises(RightsError, match=r"(?m)^new\.toml: scope: names nothing"):
                parse_licence(text, name="new.toml")
            text = text.replace("#: everything", "everything")
    with pytest.raises(RightsError, match=r"rate_card: says no price"):
        parse_licence(text, name="new.toml")
    text = text.replace("#: per_second", "per_second", 1)
    with pytest.raises(RightsError, match=r"rate_card\.rights: sum to 0 %; they must sum to 100 %"):
        parse_licence(text, name="new.toml")
    least = parse_licence(text.replace('#: Master = "50 %"', 'Master = "100 %"'), name="new.toml")
    assert (least.scope.everything, least.valid_to, least.conditions.max_total_ms) == (True, None, None)


def test_every_line_of_a_new_licence_can_be_used_and_none_is_left_out() -> None:
    text = new_licence().replace("#: everything = true", "")
    for empty, full in FILLED.items():
        text = text.replace(f"\n{empty}", f"\n{full}")
    text = text.replace("\n#: ", "\n")
    written = tomllib.loads(text)
    assert written.keys() == TOP
    for table, kind in TABLES.items():
        assert written[table].keys() == keys_of(kind).keys() - {"everything"}, table
    licence = parse_licence(text, name="new.toml")
    assert licence.conditions.max_consecutive_ms == 15_000
    assert [deduction.name for deduction in licence.rate_card.deductions] == ["administration"]
    assert written["rate_card"]["tiers"][0].keys() == keys_of(Tier).keys()


def test_the_command_writes_a_licence_and_replaces_none_unasked(tmp_path: Path) -> None:
    assert run("rights", "new-licence").stdout == new_licence()
    file = tmp_path / "licence.toml"
    first = run("rights", "new-licence", file)
    assert (first.exit_code, first.output, file.read_text()) == (0, "", new_licence())
    file.write_text("mine")
    second = run("rights", "new-licence", file)
    assert (second.exit_code, file.read_text()) == (2, "mine")
    assert f"{file}: is there already; name another file, or give --force" in second.stderr
    assert run("rights", "new-licence", file, "--force").exit_code == 0
    assert file.read_text() == new_licence()
    assert run("rights", "new-licence", tmp_path).exit_code == 2


def test_the_command_writes_each_policy_that_comes_with_the_program(tmp_path: Path) -> None:
    assert shipped_policies() == _POLICIES
    for name in _POLICIES:
        file = tmp_path / f"{name}-mine.toml"
        assert run("rights", "new-policy", file, "--like", name).exit_code == 0
        assert load_policy(str(file)) == load_policy(name)
    assert run("rights", "new-policy").stdout == shipped_policy("matched-seconds")
