"""Audio files against a release policy."""

from collections.abc import Sequence
from contextlib import closing
from datetime import date, datetime
from pathlib import Path

from fingerprint.errors import ParameterError
from index.storage.snapshot import Snapshot
from sourceprint.api.tracks import list_reading
from sourceprint.blind.blind_import import read_grant
from sourceprint.folders.listing import Folders
from sourceprint.gate.check import check_files, named_files, unknown_ids
from sourceprint.gate.policy_toml import default_policy, load_policy
from sourceprint.gate.verdict import FAIL_ON, Report
from sourceprint.inputs import appeared
from sourceprint.places import today

__all__ = ["check_many"]


def check_many(
    snapshot: Snapshot, paths: Sequence[str], *, policy: str, day: date | None, fail_on: str, jobs: int | None
) -> Report:
    """Check files, folders and lists by the policy in a file ("" for the default); errors as `Catalogue.check`."""
    if fail_on not in FAIL_ON:
        raise ParameterError(f"fail_on={fail_on!r:.40}: must be {' or '.join(map(repr, FAIL_ON))}")
    if day is not None and (not isinstance(day, date) or isinstance(day, datetime)):
        raise ParameterError(f"day={day!r:.40}: must be a datetime.date, such as date(2026, 12, 31)")
    rules = load_policy(Path(policy)) if policy else default_policy()
    folders = Folders()
    inputs = named_files(paths, folders=folders, reading=list_reading(snapshot.folder, only_paths=True))
    unknown, grant, on = unknown_ids(snapshot, rules), read_grant(snapshot.folder), day or today()
    checked = check_files(
        snapshot, inputs, policy=rules, day=on, jobs=jobs, late=lambda: appeared(paths, inputs, folders)
    )
    with closing(checked):
        verdicts = tuple(checked)
    issuer = "" if grant is None else grant.issuer.id
    return Report(rules, policy, on, fail_on, verdicts, unknown, issuer, day is None, inputs.others)
