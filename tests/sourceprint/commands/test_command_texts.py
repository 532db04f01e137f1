"""The whole output of the commands, in one story from a list of recordings to a statement that was audited.

The texts are in `snapshots/`, a file for each command; lines that went to stderr begin with `! `. The help of every
command is in docs/cli.md.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import click
import pytest

import cli
from sourceprint.processes import in_this_process
from sourceprint.signatures import PrivateKey
from sourceprint.transparency import Log
from tests.command_line import RATE_HZ, music, run, write
from tests.text_snapshots import steady

pytestmark = pytest.mark.slow  # all tests read the output of the story

ELSEWHERE = {
    "completion": "click writes it, and another version of click another one",
    "serve": "it runs until it is stopped; tests/sourceprint/service/test_serving.py does that",
    "worker": "likewise",
    "admin keys create": "prints another key each time; tests/sourceprint/service/test_administration.py reads it",
    "admin keys rotate": "likewise",
    "admin keys revoke": "names such a key",
    "admin people add": "prints another link each time; tests/sourceprint/service/test_administration.py opens it",
    "admin people link": "likewise",
    "admin people remove": "names such a person",
    "admin people sign-out": "likewise",
    "backup": "prints another digest each time; tests/sourceprint/service/backup/test_backup.py runs it",
    "restore": "likewise",
    "admin log rotate-key": "prints another key each time; tests/sourceprint/service/test_log_feed.py reads it",
    "demo": "tests/sourceprint/demo/test_demo.py looks at its lines",
}

FILES = {
    "catalogue.csv": """\
path,id,title,artist,isrc
music/s1.wav,s1,One,Ann,QZAAA2600001
music/s2.wav,s2,Two,Bob,QZAAA2600002
music/s3.wav,s3,Three,Bob,QZAAA2600003
""",
    "rights.csv": """\
isrc,recording_title,party,right,share
QZAAA2600001,One,Label,Master,100%
QZAAA2600002,Two,Label,Master,60%
QZAAA2600002,Two,Other,Master,30%
""",
    "tables/parties.tsv": "PartyRecordId\tFullName\nP-TONE\tTone Generator\n",
    "LIC-1.toml": """\
schema = "sourceprint/licence/1"
id = "LIC-1"
licensor = "party:label"
licensee = "P-TONE"
valid_from = "2026-01-01"
purposes = ["generate"]

[scope]
everything = true

[territories]
include = ["Worldwide"]

[rate_card]
currency = "EUR"
per_second = "0.50"
per_usage = true

[rate_card.rights]
Master = "100 %"
""",
    "usage.csv": """\
track,generated_on,purpose,territory,usages
tracks/T1.wav,2026-07-03,generate,DE,10
tracks/T2.wav,2026-07-03,generate,DE,1
""",
}

STORY = """\
bench --list
add catalogue.csv
add music
replace music/s1.wav --id s1
amend s1 --title "One (Live)"
tag s1 s2 --add sync
tag s1
exclude s3 0:00-0:02.5
exclude s3
list
info
duplicates --min-seconds 5
columns
match tracks broken.wav
match tracks/T2.wav --explain --only id:s1
scan tracks broken.wav --out run
scan tracks --out run
results run --format csv
results run --format csv -o passages.csv
diff run run
fingerprint music/s1.wav -o prints
check tracks
keys create
keys secret
keys show
report run --out report
evidence run T1.wav -o case.zip
verify case.zip --key keys/key.pub
verify
log show log --limit 2
log verify log
log verify log --key log.pub --checkpoint kept.txt
log prove log 2 -o proof.json
log check-proof proof.json --key log.pub
log verify altered --key log.pub
log verify rewritten --key log.pub --checkpoint kept.txt
export index.tar
import index.tar --index copy
compact
reveal run/results.jsonl -o revealed.jsonl
rights people add Ann
rights import rights.csv tables
rights import LIC-1.toml
rights check --fail-on never
rights show QZ-AAA-26-00002
rights verify
rights people list
rights head
rights new-licence blank.toml
rights new-policy equal.toml --like equal
rights optin --purpose train --territory DE
rights export exported
attribute run --policy matched-seconds --licensee P-TONE --usage usage.csv
uses list --licensee P-TONE
usage enter usage.csv --licensee P-TONE --period 2026-Q3
usage list --licensee P-TONE
statement --period 2026-Q3 --licensee P-TONE --out Q3 --issued 2026-10-05 --backdate "entered late"
statements
explain Q3 1
audit Q3
uses set disputed {use} --reason "Ann objects"
uses history {use}
rights people remove Ann
remove s3
remove s9
admin organisations add tone --name "Tone Records" --data data
admin organisations two-people tone statement grant --data data
admin organisations close tone --data data
admin organisations list --data data
admin keys list --data data
admin people list --data data
admin people sign-ins --data data
"""


def make_logs(folder: Path) -> None:
    """Write a log, a checkpoint kept of it, a copy with an altered entry, and one rewritten with its key."""
    signer = PrivateKey(bytes(32), "tone")
    (folder / "log.pub").write_text(f"{signer.public.text}\n", encoding="ascii")
    for name, first in (("log", b'{"action":"scan"}'), ("rewritten", b'{"action":"none"}')):
        log = Log.open(folder / name, signer=signer, origin="log.example/tone")
        log.append([first, b"\xff\x00"])
        if name == "log":
            (folder / "kept.txt").write_bytes(log.checkpoint())
        log.append([b"last"])
    shutil.copytree(folder / "log", folder / "altered")
    bundle = folder / "altered/tile/entries/000.p/3"
    bundle.write_bytes(bundle.read_bytes().replace(b"last", b"lost"))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Run the story in a folder of its own; return input and output by command."""
    folder = tmp_path_factory.mktemp("story")
    for seed in (1, 2, 3):
        write(folder / "music" / f"s{seed}.wav", music(seed))
    write(folder / "tracks" / "T1.wav", music(2)[3 * RATE_HZ : 9 * RATE_HZ])
    write(folder / "tracks" / "T2.wav", music(7)[: 6 * RATE_HZ])
    for name, text in {**FILES, "broken.wav": "no audio"}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    make_logs(folder)
    said: dict[str, list[str]] = defaultdict(list)
    with pytest.MonkeyPatch.context() as patch, in_this_process():
        patch.chdir(folder)
        patch.setenv("COLUMNS", "80")
        for name, value in (("INDEX", "index"), ("RIGHTS", "rights.sqlite"), ("KEYS", "keys"), ("ACTOR", "Ann")):
            patch.setenv(f"SOURCEPRINT_{name}", value)
        for module in ("money", "rights.checks"):
            patch.setattr(f"sourceprint.commands.{module}.today", lambda: date(2027, 1, 20))
        use = ""
        for line in STORY.splitlines():
            done = run(*shlex.split(line.format(use=use)))
            if line.startswith("uses list"):
                (use,) = re.findall(r"^U[0-9a-f]+", done.stdout, re.MULTILINE)
            words = said[line.split()[0]]
            words += [f"$ sourceprint {line}", *done.stdout.splitlines()]
            words += [f"! {one}" for one in done.stderr.splitlines()]
            words += [f"exit code {done.exit_code}"] if done.exit_code else []
            words.append("")
    return {name: steady("\n".join(line.rstrip() for line in lines)) for name, lines in said.items()}


COMMANDS = sorted({line.split()[0] for line in STORY.splitlines()})


def commands_of(group: click.Group, *before: str) -> Iterator[str]:
    """Yield the full name of every command, as "rights people add"."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands_of(command, *before, name)
        else:
            yield " ".join((*before, name))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_prints_its_snapshot(
    command: str, told: dict[str, str], snapshot: Callable[[str, str], None]
) -> None:
    snapshot(command, told[command])


def test_every_command_has_its_text_on_file() -> None:
    there = set(commands_of(cli.sourceprint))
    assert {"amend", "rights people add", "uses history"} <= there
    missing = {name for name in there if not any(f"{line} ".startswith(f"{name} ") for line in STORY.splitlines())}
    assert missing == set(ELSEWHERE), "add a line with the command to the story, then: pytest --snapshots=renew"
    assert [path.stem for path in sorted((Path(__file__).parent / "snapshots").iterdir())] == COMMANDS
