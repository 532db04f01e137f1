"""Whether it works here: `demo` finds and bills what music made for it reuses."""

import os
from pathlib import Path

import click

from sourceprint.commands.progress import progress
from sourceprint.commands.terminal import EXIT_INCOMPLETE, PATH, complain, jobs_option, use_one_thread

__all__ = ["demo"]


@click.command()
@click.option("--index", metavar="DIR", type=PATH, help="Keep the demo's index in this new folder.")
@click.option("--statement", metavar="DIR", type=PATH, help="Keep the demo's statement in this new folder.")
@click.option("--music", metavar="DIR", type=PATH, help="Keep the demo's music in this new folder.")
@jobs_option
def demo(index: Path | None, statement: Path | None, music: Path | None, jobs: int | None) -> None:
    """Show what is found and owed, on music made for it.

    Makes a small catalogue and tracks that reuse passages of it, altered; matches them; prints truth beside findings;
    then makes up rights and a licence, and states what is owed to whom.

    Example: sourceprint demo
    """
    use_one_thread()
    from sourceprint.demo.demo import N_STEPS, run_demo

    jobs = jobs or min(2, os.cpu_count() or 1)
    with progress(N_STEPS, False, unit="step") as tell:
        as_stated = run_demo(tell.data, index, jobs, statement, music, step=tell.step)
    if not as_stated:
        complain("the findings differ from the truth, or the statement does not add up; please report this")
        click.get_current_context().exit(EXIT_INCOMPLETE)
