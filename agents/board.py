"""Rows of a run's history as Weights & Biases has them (https://wandb.ai), where a user asks for it.

Its own variables hold: WANDB_MODE=offline writes into the run's folder what `wandb sync` sends later, WANDB_API_KEY
says who it is.
"""

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from counterplay.agents.log import Row
from counterplay.engine.compiling import tell
from counterplay.engine.errors import UserError

INSTALL = 'runs are written for Weights & Biases with its package: pip install "counterplay[wandb]"'


class Board:
    """A run there, in a project of the user's; a run that is resumed in the same folder goes on as the same one."""

    def __init__(self, project: str, about: Mapping[str, Any], folder: Path | None) -> None:
        try:
            import wandb
        except ImportError:
            raise UserError(INSTALL) from None
        same: dict[str, Any] = {}
        if folder is not None:
            where = hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:16]
            same = {"dir": str(folder), "id": where, "resume": "allow"}
        learner, env = about["learner"], about["env"]
        config = {name: part for name, part in about.items() if name in ("learner", "env", "seed", "preset", "plan")}
        try:
            self._run: Any = wandb.init(
                project=project,
                name=f"{learner} {env} seed {about['seed']}",
                group=f"{learner} {env}",
                config={**config, **about["settings"]},
                settings=wandb.Settings(silent=True),
                **same,
            )
        except Exception as error:  # whatever it says of networks, keys and names
            said = " ".join(str(error).split())
            raise UserError(
                f"Weights & Biases did not begin a run: {said}; WANDB_MODE=offline keeps it in the run's folder"
            ) from error

    def add(self, row: Row) -> None:
        """Write a row, the history's last; its step is the environment's."""
        try:
            self._run.log({name: x for name, x in row.items() if math.isfinite(x)}, step=int(row["steps"]))
        except Exception as error:  # a run is worth more than what is told of it
            tell(f"Weights & Biases did not take a row: {error}; the run goes on")

    def close(self) -> None:
        """Send what is left."""
        self._run.finish()
