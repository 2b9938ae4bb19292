"""A sweep as an array of Slurm's jobs: a script that does one run by its number, for each of them."""

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from counterplay.api.sweep_workers import Job

_OURS = ("slurm", "only", "as_json", "workers", "ray", "trials", "over")  # options that are none of a single run
_NOTICE = 120  # seconds before a job's time is over at which it is told to save itself


def script(command: click.Command, given: Mapping[str, Any], jobs: Sequence[Job], out: Path) -> str:
    """Return the script; `given` is what the command was given, by the names of its parameters.

    Each job does a run of the same sweep, saves itself when it is told to end (SIGTERM, before its time is over), and
    goes on from there when the array is submitted again; a run that has its steps ends at once.
    """
    words = [sys.executable, "-m", "counterplay.cli", "sweep", *_words(command, given), "--only"]
    said = " ".join(map(shlex.quote, words))
    place = shlex.quote(str(out.absolute() / "slurm_%a.txt"))
    return f"""\
#!/bin/bash
#SBATCH --job-name=counterplay
#SBATCH --array=0-{len(jobs) - 1}
#SBATCH --cpus-per-task=1
#SBATCH --signal=B:TERM@{_NOTICE}
#SBATCH --output={place}
# {len(jobs)} runs, a job each. What else your cluster wants (--time, --partition, --account) goes here or to sbatch.
cd {shlex.quote(os.getcwd())} || exit 1
export OMP_NUM_THREADS=1
exec {said} "$SLURM_ARRAY_TASK_ID"
"""


def _words(command: click.Command, given: Mapping[str, Any]) -> list[str]:
    """Return what a command was given as words of a command line."""
    words: list[str] = []
    for parameter in command.params:
        name, value = str(parameter.name), given.get(str(parameter.name))
        if name in _OURS or value in (None, ()):
            continue
        for each in value if isinstance(value, tuple) else (value,):
            words += [parameter.opts[0], str(each)] if isinstance(parameter, click.Option) else [str(each)]
    return words
