"""Containerfile and compose.yaml: their commands are commands, and nothing runs with more rights than it needs.

No engine builds or starts them here: what they state is read.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pytest
import yaml

import cli
from sourceprint.service.settings import Settings
from tests.places import ROOT

DEPLOY = ROOT / "docs" / "deploy"


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the Containerfile, each as one line."""
    lines = [line for line in (DEPLOY / "Containerfile").read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in joined.splitlines() if line]


def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return read


def parse(words: list[str]) -> None:
    command: Any = cli.sourceprint
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    with command.make_context("sourceprint", words):
        pass


def test_the_image_runs_a_command_of_ours_as_nobody_in_particular() -> None:
    found = instructions()
    last = dict(found)
    assert last["USER"] == "10001:10001"
    assert found.index(("USER", last["USER"])) > max(at for at, (word, _) in enumerate(found) if word == "RUN")
    assert (last["VOLUME"], last["STOPSIGNAL"], json.loads(last["ENTRYPOINT"])) == ("/data", "SIGTERM", ["sourceprint"])
    parse(json.loads(last["CMD"]))
    health = json.loads(last["HEALTHCHECK"].partition("CMD ")[2])
    compile(health[2], "health", "exec")
    assert "127.0.0.1:8080/health" in health[2]
    assert all(word.partition("=")[2].startswith("/data") for word in shlex.split(last["ENV"]) if "DATA" in word)


def test_the_image_is_built_of_files_that_are_there() -> None:
    for word, rest in instructions():
        if word == "COPY" and "--from" not in rest:
            for name in rest.split()[:-1]:
                assert (ROOT / name).exists(), name
    assert ("RUN", "/opt/sourceprint/bin/pip install --no-cache-dir -c constraints.txt '.[postgres]'") in instructions()


@pytest.mark.parametrize("name", ["server", "worker", "database", "proxy"])
def test_no_container_can_write_or_rise(name: str) -> None:
    assert set(compose()["services"]) == {"server", "worker", "database", "proxy"}
    service = compose()["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"].partition(":")[0] not in ("", "0", "root")
    assert not {"privileged", "cap_add", "network_mode", "pid", "devices"} & set(service)
    assert ("ports" in service) == (name == "proxy")
    assert "docker.sock" not in str(service)
    assert service["restart"] == "unless-stopped"


def test_the_database_is_reached_from_inside_alone_and_no_secret_is_written_down() -> None:
    read = compose()
    assert read["networks"]["front"] == read["networks"]["back"] == {"internal": True}
    on = {name: set(service["networks"]) for name, service in read["services"].items()}
    assert on == {
        "server": {"front", "back", "outside"}, "worker": {"back"}, "database": {"back"}, "proxy": {"front", "outside"},
    }  # fmt: skip
    for service in read["services"].values():
        for key, value in service.get("environment", {}).items():
            assert "PASSWORD" not in key or value.startswith("${SOURCEPRINT_DATABASE_PASSWORD:?"), key
    for name in ("server", "worker"):
        parse(list(read["services"][name]["command"]))
        settings = read["services"][name]["environment"]
        known = {f"SOURCEPRINT_{field.upper()}" for field in Settings.__slots__}
        assert {key for key in settings if key.startswith("SOURCEPRINT_")} <= known
        assert read["services"][name]["stop_grace_period"] == "120s"
    proxy = read["services"]["proxy"]
    assert all(volume.endswith(":ro") for volume in proxy["volumes"])
    assert (DEPLOY / "nginx.conf").exists()
