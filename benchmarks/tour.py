"""Run the commands of the README's tour and put what they print into it.

python benchmarks/tour.py
"""

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import report

SOLVING = (
    ("solve leduc --out leduc.cps", "", 0),
    ("show leduc.cps", "", 22),
    ("evaluate leduc.cps", "", 0),
    ("play leduc.cps --seed 3", "check fold ? q", 0),
)
TRAINING = (
    ("train qmix two_step --out runs/two_step", "", 0, "learner"),
    ("watch runs/two_step", "", 0, ""),
    ("sweep qmix,vdn two_step --seeds 3 --out runs/sweep", "", 0, "    "),
)
ENVIRONMENT = {"COLUMNS": "100", "PYTHONIOENCODING": "utf-8"}


def transcript(command: str, answers: str, lines: int, folder: str, start: str = "", last: int = 0) -> str:
    """Return the command with what it prints, and the answers where they were typed.

    It is cut after so many lines (0: none) but for the `last` ones, and what comes before a line that begins with
    `start` is left out.
    """
    done = subprocess.run(
        ["counterplay", *shlex.split(command)],
        input="\n".join(answers.split()) + "\n",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
        cwd=folder,
        env=os.environ | ENVIRONMENT,
    )
    text = done.stdout.rstrip()
    for answer in answers.split():  # a terminal echoes what is typed; a pipe does not
        text = re.sub(r"(\? |: )\n", rf"\1\v{answer}\n", text, count=1)
    text = "\n".join(line.rstrip() for line in text.replace("\v", "").splitlines())
    if start:
        text = f"...\n{text[text.index(chr(10) + start) + 1 :]}"
    if lines:
        every = text.splitlines()
        text = "\n".join([*every[:lines], "...", *every[len(every) - last :]])
    return f"```console\n$ counterplay {command}\n{text}\n```"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["counterplay", "solve", "leduc"], cwd=folder, check=True, capture_output=True)  # compiles
        report.put("README.md", "tour", "\n\n".join(transcript(*c, folder) for c in SOLVING))
        told = [transcript(*command, folder, start) for *command, start in TRAINING]
        report.put("README.md", "team", "\n\n".join(told))
        shutil.copy(Path(folder) / "runs" / "sweep" / "curves.png", report.FIGURES / "two_step.png")


if __name__ == "__main__":
    main()
