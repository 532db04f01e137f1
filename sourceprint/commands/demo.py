"""The `demo` command: find and bill reuse in music that it makes itself."""

import itertools
import os
from pathlib import Path

import click

from sourceprint.commands.progress import progress
from sourceprint.commands.terminal import EXIT_INCOMPLETE, PATH, complain, jobs_option, use_one_thread

__all__ = ["demo"]


@click.command()
@click.argument("folder", metavar="[DIR]", type=PATH, required=False)
@jobs_option
def demo(folder: Path | None, jobs: int | None) -> None:
    """Run everything on synthetic music, from audio to money.

    Makes a small catalogue and tracks that reuse altered passages of it, matches them, and prints truth beside
    findings; then makes up rights and a licence, and states the royalties. Music, index and statement are kept in DIR,
    a new folder (sourceprint-demo).

    Example: sourceprint demo
    """
    use_one_thread()
    from sourceprint.demo.demo import N_STEPS, run_demo

    folder = folder or _unused("sourceprint-demo")
    jobs = jobs or min(2, os.cpu_count() or 1)
    with progress(N_STEPS, False, unit="step") as tell:
        as_stated = run_demo(tell.data, folder, jobs, step=tell.step)
    if not as_stated:
        complain("the findings differ from the truth, or the statement does not add up; please report this")
        click.get_current_context().exit(EXIT_INCOMPLETE)


def _unused(name: str) -> Path:
    """Return the first of `name`, `name`-2, `name`-3, ... that does not exist."""
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(path for path in map(Path, names) if not path.exists())
