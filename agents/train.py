"""The training loop: play, learn, measure, keep; and a run as something to go on with."""

import io
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from counterplay.agents import find
from counterplay.agents.learner import Learner
from counterplay.agents.rollout import collect
from counterplay.engine.env import Env, Task
from counterplay.engine.interrupt import interrupts
from counterplay.engine.store import write_atomic

FORMAT = 1
CHECKPOINT = 120.0  # seconds between two checkpoints
ROWS = 400  # rows of history in a run, about
TESTS = 40  # evaluations in a run, about
TEST_EPISODES = 32  # episodes of an evaluation

Row = dict[str, float]


class Score(NamedTuple):
    """What greedy play is worth: the mean return of episodes, with a confidence interval of Student's t."""

    mean: float
    low: float
    high: float
    episodes: int
    returns: npt.NDArray[np.float64]  # [B] the team's, or [B, N]


@dataclass
class Run:
    """A team in training: who learns what, from which seed, how far it is, and what happened so far.

    The same seed gives the same run, and a run that is saved and loaded goes on as if it had not stopped.
    """

    name: str  # of the learner
    env: str  # the environment's spec, or what a user's own calls itself
    settings: Any
    seed: int
    learner: Learner = field(repr=False)
    task: Task = field(repr=False)
    rng: np.random.Generator = field(repr=False)
    steps: int = 0
    episodes: int = 0
    seconds: float = 0.0  # of training
    history: list[Row] = field(default_factory=list, repr=False)
    stopped_by: str = ""  # "steps" or "interrupt"
    _envs: dict[int, Env] = field(default_factory=dict, repr=False)

    @property
    def policy(self) -> Learner:
        """The team as it plays: `begin(batch)`, then `act(step, rng, explore=False)`."""
        return self.learner

    def playing(self, batch: int) -> Env:
        """Return the run's environment of that many episodes."""
        if batch not in self._envs:
            self._envs[batch] = self.task.start(batch)
        return self._envs[batch]

    def evaluate(self, episodes: int = TEST_EPISODES, seed: int = 0, confidence: float = 0.95) -> Score:
        """Play that many episodes without exploring; training does not notice."""
        rng = np.random.default_rng([self.seed, seed, 1])
        batch = min(episodes, max(TEST_EPISODES, self.learner.envs))
        parts: list[npt.NDArray[np.float64]] = []
        for begun in range(0, episodes, batch):
            played = collect(self.playing(batch), self.learner, rng, explore=False)
            parts.append(played.returns()[: episodes - begun])
        returns = np.concatenate(parts)
        totals = returns if returns.ndim == 1 else returns.sum(axis=1)
        low, high = interval(totals, confidence)
        return Score(float(totals.mean()), low, high, episodes, returns)

    def save(self, folder: str | Path) -> None:
        """Write everything that `load` needs into the folder, each file whole or not at all."""
        folder = Path(folder)
        told = {
            "format": FORMAT,
            "learner": self.name,
            "env": self.env,
            "seed": self.seed,
            "settings": asdict(self.settings),
            "steps": self.steps,
            "episodes": self.episodes,
            "seconds": self.seconds,
            "stopped_by": self.stopped_by,
        }
        data = io.BytesIO()
        state = {"run": told, "rng": self.rng.bit_generator.state, "history": self.history}
        torch.save({**state, "learner": _tensors(self.learner.state())}, data)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_atomic(folder / "checkpoint.pt", data.getvalue())
            write_atomic(folder / "run.json", json.dumps(told, indent=2).encode())
            lines = "".join(json.dumps(row) + "\n" for row in self.history)
            write_atomic(folder / "metrics.jsonl", lines.encode())
        except OSError as error:
            raise ValueError(f"cannot write {folder}: {error.strerror or error}") from error


def begin(name: str, task: Task, env: str, seed: int = 0, settings: Mapping[str, object] | None = None) -> Run:
    """Return a run that has not begun; raises `ValueError` where learner, settings and environment do not fit."""
    if seed < 0:
        raise ValueError(f"the seed must be 0 or more, not {seed}")
    entry = find(name)
    chosen = entry.with_settings(settings or {})
    learner = entry.make(task.spec, chosen, seed)
    return Run(name, env, chosen, seed, learner, task, np.random.default_rng([seed, 0]))


def load(folder: str | Path, make_task: Callable[[str], Task]) -> Run:
    """Return the run that was saved in a folder; `make_task` makes its environment out of the spec.

    Raises `ValueError` for a folder that holds no run, or one that is not whole or of a newer version.
    """
    folder = Path(folder)
    try:
        saved = torch.load(folder / "checkpoint.pt", weights_only=True)
    except FileNotFoundError:
        raise ValueError(f"{folder} holds no run: there is no checkpoint.pt in it") from None
    except Exception as error:
        raise ValueError(f"cannot read {folder / 'checkpoint.pt'}: {error}") from error
    told = saved["run"]
    if told["format"] > FORMAT:
        raise ValueError(f"{folder} was written by a newer Counterplay; upgrade to read it")
    run = begin(told["learner"], make_task(told["env"]), told["env"], told["seed"], told["settings"])
    run.learner.restore(saved["learner"])
    run.rng.bit_generator.state = saved["rng"]
    run.steps, run.episodes, run.seconds = told["steps"], told["episodes"], told["seconds"]
    run.history, run.stopped_by = saved["history"], told["stopped_by"]
    return run


def advance(
    run: Run,
    steps: int,
    *,
    test_every: int | None = None,
    test_episodes: int = TEST_EPISODES,
    on_row: Callable[[Run, Row], None] | None = None,
    on_checkpoint: Callable[[Run], None] | None = None,
    threads: int = 1,
) -> Run:
    """Train until the run has that many environment steps in all (a step is all agents of one episode moving).

    Stops between two updates at Ctrl-C. A row of history has the means since the row before: `return` (of the team, or
    summed over agents), `length`, whatever the learner tells, `steps_per_second`; every `test_every` steps also
    `test_return` with `test_low` and `test_high`, of greedy play. `on_row` is given each row, `on_checkpoint` the run
    every `CHECKPOINT` seconds. Networks are small: one thread is the fastest.
    """
    torch_threads = torch.get_num_threads()
    row_every = max(1, steps // ROWS)
    test_every = max(1, steps // TESTS) if test_every is None else test_every
    began = kept = time.perf_counter()
    spent = run.seconds
    since: dict[str, list[float]] = {}
    mark, marked = run.steps, began  # where the last row ended
    tested = run.steps // test_every
    env = run.playing(run.learner.envs)
    torch.set_num_threads(threads)
    run.stopped_by = "steps"
    try:
        with interrupts() as interrupted:
            while run.steps < steps:
                episodes = collect(env, run.learner, run.rng)
                told = run.learner.learn(episodes, run.rng)
                run.steps += episodes.steps
                run.episodes += env.batch
                returns = episodes.returns()
                team = returns if returns.ndim == 1 else returns.sum(axis=1)
                told |= {"return": float(team.mean()), "length": episodes.steps / env.batch}
                for name, figure in told.items():
                    since.setdefault(name, []).append(figure)
                now = time.perf_counter()
                run.seconds = spent + now - began
                stop = interrupted()
                testing = not stop and (run.steps // test_every > tested or run.steps >= steps)
                if run.steps - mark >= row_every or testing or stop:
                    row: Row = {"steps": run.steps, "episodes": run.episodes, "seconds": run.seconds}
                    row |= {name: float(np.mean(figures)) for name, figures in since.items()}
                    row["steps_per_second"] = (run.steps - mark) / max(now - marked, 1e-9)
                    if testing:
                        score = run.evaluate(test_episodes, run.steps)
                        row |= {"test_return": score.mean, "test_low": score.low, "test_high": score.high}
                        tested = run.steps // test_every
                    run.history.append(row)
                    since, mark, marked = {}, run.steps, time.perf_counter()
                    if on_row is not None:
                        on_row(run, row)
                if stop:
                    run.stopped_by = "interrupt"
                    break
                if on_checkpoint is not None and not since and now - kept >= CHECKPOINT:
                    on_checkpoint(run)
                    kept = time.perf_counter()
    finally:
        torch.set_num_threads(torch_threads)
    return run


def interval(numbers: npt.NDArray[np.float64], confidence: float) -> tuple[float, float]:
    """Return the confidence interval of the mean, by Student's t; nan of fewer than two numbers."""
    from scipy.stats import t

    mean, count = float(numbers.mean()), len(numbers)
    if count < 2:
        return math.nan, math.nan
    half = float(t.ppf(0.5 + confidence / 2, count - 1) * numbers.std(ddof=1) / math.sqrt(count))
    return mean - half, mean + half


def _tensors(state: Any) -> Any:
    """Return nested dictionaries with tensors in place of arrays, which a file takes and gives back without code."""
    if isinstance(state, dict):
        return {name: _tensors(part) for name, part in state.items()}
    return torch.from_numpy(np.ascontiguousarray(state)) if isinstance(state, np.ndarray) else state
