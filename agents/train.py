"""The training loop: play, learn, measure, keep; and a run as something to go on with."""

import io
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import torch

from counterplay.agents import find
from counterplay.agents.learner import Learner, Mixed
from counterplay.agents.log import Log, Row
from counterplay.agents.rollout import collect
from counterplay.engine.env import Env, Task, blank
from counterplay.engine.store import write_atomic
from counterplay.engine.system import interrupts

FORMAT = 1
CHECKPOINT = 60.0  # seconds between two checkpoints, or more where they are large
ROWS = 400  # rows of history in a run, about
TESTS = 40  # tests in a run, about
CHECKPOINT_FILE, TOLD_FILE = "checkpoint.pt", "run.json"


class Score(NamedTuple):
    """What play without exploring is worth: the mean return of episodes, with a confidence interval of Student's t."""

    mean: float
    low: float
    high: float
    episodes: int
    returns: npt.NDArray[np.float64]  # [B] the team's, or [B, N]


@dataclass(frozen=True)
class Plan:
    """How long a run trains, and how often it is tested on the way."""

    steps: int = 200_000  # a step is all agents of one episode moving
    test_every: int | None = None  # steps between tests; a fortieth of all if None
    test_episodes: int = 32

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value is not None and value < 1:
                raise ValueError(f"{name.replace('_', ' ')} must be 1 or more, not {value}")


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
    plan: Plan = Plan()
    steps: int = 0
    episodes: int = 0
    seconds: float = 0.0  # of training, tests included
    history: list[Row] = field(default_factory=list, repr=False)
    since: dict[str, list[float]] = field(default_factory=dict, repr=False)  # what was told since the last row
    stopped_by: str = ""  # "steps" or "interrupt"
    folder: Path | None = None  # where it is kept
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

    def evaluate(self, episodes: int = 100, seed: int = 0, confidence: float = 0.95) -> Score:
        """Play that many episodes without exploring; training does not notice."""
        if episodes < 1:
            raise ValueError(f"episodes must be 1 or more, not {episodes}")
        rng = np.random.default_rng([self.seed, seed, 1])
        env = self.playing(min(episodes, max(self.plan.test_episodes, self.learner.envs)))
        rounds = -(-episodes // env.batch)
        played = [collect(env, self.learner, rng, explore=False).returns() for _ in range(rounds)]
        returns = np.concatenate(played)[:episodes]
        low, high = interval(totals(returns), confidence)
        return Score(float(totals(returns).mean()), low, high, episodes, returns)

    def decide(
        self, obs: npt.NDArray[np.float32], legal: npt.NDArray[np.bool_], agent: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        """Return the policy without exploring, [M, A], at single observations [M, O], whose agents are [M].

        Raises `ValueError` for agents that remember, whose policy depends on more than that.
        """
        for name in ("recurrent", "last_action"):
            if getattr(self.settings, name, False):
                raise ValueError(f"agents with {name}=true remember: their policy is no table over observations")
        shown, rows = blank(self.task.spec, len(obs)), np.arange(len(obs))
        shown.legal[:, :, 1:] = False
        shown.obs[rows, agent], shown.legal[rows, agent] = obs, legal
        self.learner.begin(len(obs))
        if isinstance(self.learner, Mixed):
            return self.learner.probabilities(shown)[rows, agent]
        chosen = self.learner.act(shown, self.rng, explore=False)[rows, agent]
        return np.eye(self.task.spec.actions, dtype=np.float32)[chosen]

    def save(self, folder: str | Path | None = None) -> None:
        """Write everything that `load` needs into the folder (by default where the run is kept), each file atomically.

        Raises `ValueError` where another run is kept there, or nothing can be written.
        """
        if folder is None and self.folder is None:
            raise ValueError("name a folder to save the run in")
        place = Path(folder) if folder is not None else cast(Path, self.folder)
        if place != self.folder and holds_run(place):
            raise ValueError(f"{place} holds a run already: resume it, or name another folder")
        told = {
            "format": FORMAT,
            "learner": self.name,
            "env": self.env,
            "seed": self.seed,
            "settings": asdict(self.settings),
            "plan": asdict(self.plan),
            "steps": self.steps,
            "episodes": self.episodes,
            "seconds": self.seconds,
            "stopped_by": self.stopped_by,
        }
        state = {"run": told, "rng": self.rng.bit_generator.state, "history": self.history, "since": self.since}
        data = io.BytesIO()
        torch.save({**state, "learner": _tensors(self.learner.state())}, data)
        try:
            place.mkdir(parents=True, exist_ok=True)
            write_atomic(place / CHECKPOINT_FILE, data.getvalue())
            write_atomic(place / TOLD_FILE, json.dumps(told, indent=2).encode())
        except OSError as error:
            raise ValueError(f"cannot write {place}: {error.strerror or error}") from error
        self.folder = place


def begin(name: str, task: Task, env: str, seed: int = 0, settings: Mapping[str, object] | None = None) -> Run:
    """Return a run that has not begun; raises `ValueError` where learner, settings and environment do not fit."""
    if seed < 0:
        raise ValueError(f"the seed must be 0 or more, not {seed}")
    entry = find(name)
    chosen = entry.with_settings(settings or {})
    learner = entry.make(task.spec, chosen, seed)
    return Run(name, env, chosen, seed, learner, task, np.random.default_rng([seed, 0]))


def holds_run(folder: Path) -> bool:
    """Tell whether a run is kept in a folder."""
    return (folder / CHECKPOINT_FILE).is_file()


def load(folder: str | Path, make_task: Callable[[str], Task]) -> Run:
    """Return the run that was saved in a folder; `make_task` makes its environment out of the spec.

    Raises `ValueError` for a folder that holds no run, or one that is not whole or of a newer version.
    """
    folder = Path(folder)
    if not holds_run(folder):
        what = "is a folder that holds no run" if folder.is_dir() else "holds no run"
        raise ValueError(f"{folder} {what}: there is no {CHECKPOINT_FILE} in it")
    try:
        saved = torch.load(folder / CHECKPOINT_FILE, weights_only=True)
        told = saved["run"]
        newer = told["format"] > FORMAT
    except Exception as error:  # whatever torch and pickle come across in a foreign file
        raise ValueError(f"{folder / CHECKPOINT_FILE} is damaged, or was not written by Counterplay") from error
    if newer:
        raise ValueError(f"{folder} was written by a newer Counterplay; upgrade to read it")
    run = begin(told["learner"], make_task(told["env"]), told["env"], told["seed"], told["settings"])
    try:
        run.learner.restore(saved["learner"])
    except (KeyError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"the run in {folder} does not fit into this {told['env']}: it was made by another version of it, "
            "or of Counterplay"
        ) from error
    run.rng.bit_generator.state = saved["rng"]
    run.plan, run.folder, run.stopped_by = Plan(**told["plan"]), folder, told["stopped_by"]
    run.steps, run.episodes, run.seconds = told["steps"], told["episodes"], told["seconds"]
    run.history, run.since = saved["history"], saved["since"]
    return run


def advance(
    run: Run,
    steps: int | None = None,
    *,
    test_every: int | None = None,
    test_episodes: int | None = None,
    out: str | Path | None = None,
    on_row: Callable[[Run, Row], None] | None = None,
    on_test: Callable[[Run], Row] | None = None,
    stop: Callable[[], bool] | None = None,
    threads: int = 1,
) -> Run:
    """Train until the run has that many environment steps in all (a step is all agents of one episode moving).

    Stops between two updates at Ctrl-C, or once `stop()` is true. A row of history has the means since the row
    before: `return` (of the team, or summed over agents), `length`, whatever the learner tells, `steps_per_second`;
    every `test_every` steps also `test_return` with `test_low` and `test_high`, without exploring, and what `on_test`
    says then. `on_row` is given each row. A run that is kept in a folder (in `out` from now on, if given) is saved
    there at the beginning, at the end, and once a minute, and its rows are written there as they come. Networks are
    small: one thread is the fastest.
    """
    given = {"steps": steps, "test_every": test_every, "test_episodes": test_episodes}
    run.plan = replace(run.plan, **{name: value for name, value in given.items() if value is not None})
    goal = run.plan.steps
    row_every, test_every = max(1, goal // ROWS), run.plan.test_every or max(1, goal // TESTS)
    torch_threads = torch.get_num_threads()
    env = run.playing(run.learner.envs)
    log = None
    if out is not None or run.folder is not None:
        run.save(out)
    if run.folder is not None:
        log = Log(run.folder, run.history, run.steps)
    spent, began = run.seconds, time.perf_counter()
    mark, marked = run.steps, began  # where the last row ended
    saved, saving = began, 0.0  # when it was saved, and how long that took
    torch.set_num_threads(threads)
    run.stopped_by = "steps"
    try:
        with interrupts() as interrupted:
            while run.steps < goal:
                if interrupted() or (stop is not None and stop()):
                    run.stopped_by = "interrupt"
                    break
                before = run.steps
                episodes = collect(env, run.learner, run.rng)
                told = run.learner.learn(episodes, run.rng)
                run.steps += episodes.steps
                run.episodes += env.batch
                told |= {"return": float(totals(episodes.returns()).mean()), "length": episodes.steps / env.batch}
                for name, figure in told.items():
                    run.since.setdefault(name, []).append(figure)
                testing = run.steps // test_every > before // test_every or run.steps >= goal
                if testing or run.steps // row_every > before // row_every:
                    row: Row = {"steps": run.steps, "episodes": run.episodes, "seconds": 0.0}
                    row |= {name: float(np.mean(figures)) for name, figures in run.since.items()}
                    row["steps_per_second"] = (run.steps - mark) / max(time.perf_counter() - marked, 1e-9)
                    if testing:
                        score = run.evaluate(run.plan.test_episodes, run.steps)
                        row |= {"test_return": score.mean, "test_low": score.low, "test_high": score.high}
                        row |= {} if on_test is None else on_test(run)
                    mark, marked = run.steps, time.perf_counter()
                    run.seconds = row["seconds"] = spent + marked - began
                    run.history.append(row)
                    run.since = {}
                    if log is not None:
                        log.add(row)
                    if on_row is not None:
                        on_row(run, row)
                now = time.perf_counter()
                run.seconds = spent + now - began
                if run.folder is not None and now - saved >= max(CHECKPOINT, 20 * saving):
                    run.save()
                    saved = time.perf_counter()
                    saving = saved - now
            if run.folder is not None:
                run.save()
    finally:
        torch.set_num_threads(torch_threads)
        if log is not None:
            log.close()
    return run


def totals(returns: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the team's returns [B], of [B] or of each agent's own [B, N]."""
    return returns if returns.ndim == 1 else returns.sum(axis=1)


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
