"""Counterplay: solve imperfect-information games with a certified exploitability, and train cooperative teams.

`solve` takes a game (a spec such as "leduc(ranks=3)", or an object that follows `engine.rules`) and returns a
`Solution`, or a hold'em spot (its file, or a `Spot`) and returns a `SpotSolution`; `load` reads either from its file.
Exploitability is NashConv divided by the number of players, in the game's units, wherever it appears.

`train` takes a learner's name and an environment and returns a `Run`; `load_run` reads one from its folder.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as _version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the command line answers --help before any of these is needed
    import numpy as np
    import numpy.typing as npt

    from counterplay.agents.chart import Result
    from counterplay.agents.log import Row
    from counterplay.agents.sweep import Progress as SweepProgress
    from counterplay.agents.train import Run
    from counterplay.engine.env import Task
    from counterplay.engine.form import SequenceForm
    from counterplay.engine.rules import DealtRules, Rules
    from counterplay.engine.strategy import Vector
    from counterplay.engine.tree import Tree
    from counterplay.games.holdem.spot import Spot
    from counterplay.solvers.run import Check, Method, Progress
    from counterplay.solvers.spots import SpotSolution
    from counterplay.solvers.value import Judgement

__all__ = ["Solution", "judge", "load", "load_run", "solve", "sweep", "train"]

try:
    __version__ = _version("counterplay")
except PackageNotFoundError:  # run from a source folder that was never installed
    __version__ = "0+unknown"

DEFAULT_TARGET = 1e-4
DEFAULT_ITERATIONS = 10_000


@dataclass(frozen=True)
class Solution:
    """A strategy for every player, how it was found, and what it was judged to be worth.

    `strategy` is [R, W]: a row for each action of each information set, in the order of `labels`, rows `first[i]` to
    `first[i + 1]`; a column for each of the owner's hands (one column in games without a private deal).
    """

    game: str
    method: "Method"
    iterations: int
    seconds: float
    seed: int
    stopped_by: str
    value: tuple[float, ...]  # what each player earns, player 0 first, in the game's units
    best: tuple[float, ...]  # what each player's best response to the others would earn
    figures: dict[str, float]  # further certificates: "coarse_gap", "qre_gap"
    trace: "tuple[Check, ...]"
    strategy: "npt.NDArray[np.float64]"
    owner: "npt.NDArray[np.int8]"  # [I] whose information set
    first: "npt.NDArray[np.int64]"  # [I + 1]
    labels: tuple[str, ...]  # [I]
    actions: tuple[tuple[str, ...], ...]  # [I]
    hands: tuple[tuple[str, ...], ...]  # [P][W]
    state: "dict[str, npt.NDArray[np.float64]]" = field(repr=False)  # what a resumed run goes on from
    rules: "Rules | DealtRules | None" = field(default=None, repr=False, compare=False)  # a game that has no spec

    @property
    def algorithm(self) -> str:
        """Return the name of the algorithm that ran."""
        return self.method.algorithm

    @property
    def players(self) -> int:
        """Return the number of players."""
        return len(self.hands)

    @property
    def nash_conv(self) -> float:
        """Return the sum over players of what each could gain by its best response."""
        return float(sum(b - v for b, v in zip(self.best, self.value, strict=True)))

    @property
    def exploitability(self) -> float:
        """Return NashConv divided by the number of players."""
        return self.nash_conv / self.players

    @cached_property
    def tree(self) -> "Tree":
        """Return the game's tree, built again from its rules; raises `ValueError` if they no longer fit."""
        from counterplay.engine.tree import compile_tree
        from counterplay.games import make

        tree = compile_tree(make(self.game) if self.rules is None else self.rules)
        if (tree.labels, tree.actions, tree.hands) != (self.labels, self.actions, self.hands):
            raise ValueError(f"the rules of {self.game} are not those that this solution was made for")
        return tree

    @cached_property
    def form(self) -> "SequenceForm":
        """Return the sequence form of the tree."""
        from counterplay.engine.form import sequence_form

        return sequence_form(self.tree)

    def judge(self) -> "Judgement":
        """Measure the strategy again, from the rules: value and best response of every player."""
        from counterplay.engine.strategy import check
        from counterplay.solvers.value import judge_table

        return judge_table(self.form, check(self.tree, self.strategy))

    def against(self, other: "Solution") -> "tuple[tuple[float, ...], ...]":
        """Return the exact expected payoffs of all players with this strategy in one seat and `other` in the rest.

        Entry p is the payoffs with this strategy in seat p. Raises `ValueError` if the games differ.
        """
        from counterplay.solvers.value import judge_table, seated

        if (other.labels, other.actions, other.hands) != (self.labels, self.actions, self.hands):
            raise ValueError(f"the solutions are of different games, {self.game} and {other.game}")
        tables = [
            seated(self.tree, [self.strategy if q == p else other.strategy for q in range(self.players)])
            for p in range(self.players)
        ]
        return tuple(judge_table(self.form, table).value for table in tables)

    def save(self, path: str | Path) -> None:
        """Write the solution to one file, whole or not at all."""
        from counterplay.engine.store import pack, write

        header = {
            "version": __version__,
            "game": self.game,
            "method": asdict(self.method),
            "iterations": self.iterations,
            "seconds": self.seconds,
            "seed": self.seed,
            "stopped_by": self.stopped_by,
            "value": self.value,
            "best": self.best,
            "exploitability": self.exploitability,
            "figures": self.figures,
            "trace": [(c.iterations, c.seconds, c.exploitability) for c in self.trace],
            "players": self.players,
        }
        arrays: dict[str, npt.NDArray[Any]] = {
            "strategy": self.strategy,
            "owner": self.owner,
            "first": self.first,
            "labels": pack(self.labels),
            "actions": pack(["\n".join(a) for a in self.actions]),
            "hands": pack(["\n".join(h) for h in self.hands]),
            **{f"state.{name}": array for name, array in self.state.items()},
        }
        write(path, arrays, header)

    def to_openspiel(self) -> Any:
        """Return the strategy as a `pyspiel.TabularPolicy`; needs the extra `openspiel`.

        It is a policy of the OpenSpiel game of the same rules where there is one (Kuhn, Leduc, liar's dice, goofspiel,
        imports), else of this game registered with OpenSpiel.
        """
        from counterplay.games import make
        from counterplay.games.to_openspiel import to_policy

        return to_policy(make(self.game) if self.rules is None else self.rules, self.tree, self.strategy)


def solve(
    game: "str | Rules | DealtRules | Spot | None" = None,
    algorithm: str = "auto",
    *,
    iterations: int | None = None,
    target: float | str | None = None,
    time: float | None = None,
    seed: int = 0,
    updates: str | None = None,
    temperature: float | None = None,
    compress: bool = False,
    threads: int | None = None,
    resume: "Solution | SpotSolution | None" = None,
    checkpoint: str | Path | None = None,
    on_memory: "Callable[[int], None] | None" = None,
    on_tree: "Callable[[int], None] | None" = None,
    on_progress: "Callable[[Progress], None] | None" = None,
) -> "Solution | SpotSolution":
    """Solve a game until a target exploitability, a number of iterations or a time in seconds, whichever is first.

    With none of the three, two-player zero-sum games run to an exploitability of 0.0001 and others for 10,000
    iterations. `resume` goes on from a solution, to the very result of an unbroken run (`iterations` counts from the
    start, `time` anew). Ctrl-C ends the run and returns what there is. `checkpoint` is a file that a long run is saved
    to once a minute, to be resumed if it is cut off. `seed` is kept with the solution; the full-width solvers draw no
    random numbers. `on_tree` is told how many nodes are built, `on_progress` how the run goes.

    A hold'em spot is a `Spot` or the path of its TOML file. Its target is chips, or per cent of the pot as in "0.5%",
    which is the default; `compress` keeps its tables in 16 bits, `threads` (all cores) share its turns and rivers, and
    `on_memory` is told the bytes that it takes before they are taken.

    Raises `ValueError` for games, algorithms and limits that do not fit, with what would.
    """
    from counterplay.engine.form import sequence_form
    from counterplay.engine.strategy import to_table
    from counterplay.engine.tree import compile_tree
    from counterplay.games import make
    from counterplay.solvers.run import Limits, Result, check_algorithm, exact, method, run, start

    if _is_spot(game) or not isinstance(resume, Solution | None):
        return _solve_spot(
            game,
            algorithm,
            options={"updates": updates, "temperature": temperature},
            iterations=iterations,
            target=target,
            time=time,
            compress=compress,
            threads=threads,
            resume=resume,
            checkpoint=checkpoint,
            on_memory=on_memory,
            on_progress=on_progress,
        )
    if compress or threads is not None:
        raise ValueError(f"{'compress' if compress else 'threads'} goes with hold'em spots, not with other games")
    target = None if target is None else _number(target)
    limits = Limits(iterations, target, time)
    check_algorithm(algorithm)
    assert resume is None or isinstance(resume, Solution)
    if resume is not None:
        name, rules = _resumable(resume, game, algorithm, updates, temperature), resume.rules
        tree, form, chosen = resume.tree, resume.form, resume.method
    else:
        if game is None:
            raise ValueError("solve needs a game, for example 'leduc'")
        made: Any = make(game) if isinstance(game, str) else game
        rules = None if isinstance(game, str) else made
        name = _name(made)
        tree = compile_tree(made, progress=on_tree)
        form = sequence_form(tree)
        chosen = method(tree, algorithm, updates=updates, temperature=temperature, iterations=iterations, target=target)
    if limits == Limits():
        certain = tree.players == 2 and tree.zero_sum
        limits = Limits(target=DEFAULT_TARGET) if certain else Limits(iterations=DEFAULT_ITERATIONS)

    def solution(result: Result, profile: "Vector", done: int, state: "dict[str, npt.NDArray[np.float64]]") -> Solution:
        solved = Solution(
            game=name,
            method=chosen,
            iterations=done,
            seconds=result.trace[-1].seconds if result.trace else 0.0,
            seed=seed,
            stopped_by=result.stopped_by,
            value=result.judgement.value,
            best=result.judgement.best,
            figures=result.figures,
            trace=result.trace,
            strategy=to_table(form, tree, profile),
            owner=tree.owner,
            first=tree.first,
            labels=tree.labels,
            actions=tree.actions,
            hands=tree.hands,
            state=state,
            rules=rules,
        )
        vars(solved).update(tree=tree, form=form)  # they need not be built again
        return solved

    if chosen.algorithm == "lp":
        profile, result = exact(tree, form)
        return solution(result, profile, 0, {})
    solver = start(tree, form, chosen)
    if resume is not None:
        solver.restore(resume.state, resume.iterations)

    def keep(result: Result) -> None:
        assert checkpoint is not None
        solution(result, solver.profile(), solver.iterations, solver.state()).save(checkpoint)

    before = resume.trace if resume else ()
    result = run(solver, limits, before, on_progress, None if checkpoint is None else keep)
    return solution(result, solver.profile(), solver.iterations, solver.state())


def _is_spot(game: Any) -> bool:
    """Tell a spot, or the path of one, from other games."""
    if isinstance(game, str):
        if not game.strip().lower().endswith(".toml"):
            return False
        from counterplay.solvers.spots import is_spot_file

        return is_spot_file(game)
    from counterplay.games.holdem.spot import Spot

    return isinstance(game, Spot)


def _solve_spot(game: Any, algorithm: str, *, options: dict[str, Any], resume: Any, **more: Any) -> "SpotSolution":
    """Solve a spot, or go on with one."""
    from counterplay.games.holdem.spot import load_spot
    from counterplay.solvers import spots

    for name, value in options.items():
        if value is not None:
            raise ValueError(f"{name} is no option of hold'em spots: updates alternate, and payoffs are plain chips")
    if isinstance(resume, Solution) or (resume is not None and game is not None and not _is_spot(game)):
        raise ValueError(f"the run to resume is of {resume.game}, which is another game")
    return spots.solve(load_spot(game.strip()) if isinstance(game, str) else game, algorithm, resume=resume, **more)


def _number(target: float | str) -> float:
    try:
        return float(target)
    except ValueError:
        raise ValueError(
            f"the target must be a number in the game's units, not {target!r} (hold'em spots take per cent)"
        ) from None


def load(path: str | Path) -> "Solution | SpotSolution":
    """Read a solution from its file; raises `ValueError` for a file that is cut short, foreign, or newer."""
    from counterplay.engine.store import read, unpack
    from counterplay.solvers.run import Check, Method

    arrays, header = read(path)
    if header.get("kind") == "holdem":
        from counterplay.solvers import spots

        return spots.read(path, arrays, header)
    try:
        solution = Solution(
            game=header["game"],
            method=Method(**header["method"]),
            iterations=header["iterations"],
            seconds=header["seconds"],
            seed=header["seed"],
            stopped_by=header["stopped_by"],
            value=tuple(header["value"]),
            best=tuple(header["best"]),
            figures=header["figures"],
            trace=tuple(Check(*point) for point in header["trace"]),
            strategy=arrays["strategy"],
            owner=arrays["owner"],
            first=arrays["first"],
            labels=unpack(arrays["labels"]),
            actions=tuple(tuple(line.split("\n")) for line in unpack(arrays["actions"])),
            hands=tuple(tuple(line.split("\n")) for line in unpack(arrays["hands"])),
            state={name.removeprefix("state."): a for name, a in arrays.items() if name.startswith("state.")},
        )
        rows, lanes = sum(map(len, solution.actions)), max(map(len, solution.hands))
        if not len(solution.labels) == len(solution.actions) == len(solution.owner) == len(solution.first) - 1:
            raise ValueError("labels and information sets differ in number")
        if solution.strategy.shape != (rows, lanes) or solution.first[-1] != rows:
            raise ValueError(f"a strategy of shape {(rows, lanes)} has the shape {solution.strategy.shape}")
        return solution
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is a solution file with parts missing or damaged ({error!r})") from error


def _name(rules: "Rules | DealtRules") -> str:
    """Return the spec of a game, or, of one that the catalogue does not have, its type."""
    from counterplay.games import spec_of

    try:
        return spec_of(rules)
    except ValueError:
        return type(rules).__name__


def _resumable(
    solution: Solution,
    game: Any,
    algorithm: str,
    updates: str | None,
    temperature: float | None,
) -> str:
    """Return the spec of the solution's game if a run with these choices can go on from it."""
    from counterplay.games import make, spec_of

    made = solution.method
    if made.algorithm == "lp":
        raise ValueError("the linear programme's answer is exact: there is nothing to resume")
    if isinstance(game, str) and spec_of(make(game)) != solution.game:
        raise ValueError(f"the run to resume is of {solution.game}, not {game}")
    if algorithm not in ("auto", made.algorithm):
        raise ValueError(f"the run to resume is by {made.algorithm}, not {algorithm}")
    if updates not in (None, made.updates):
        raise ValueError(f"the run to resume has {made.updates or 'no choice of'} updates, not {updates}")
    if temperature not in (None, made.temperature):
        raise ValueError(f"the run to resume has a temperature of {made.temperature:g}, not {temperature:g}")
    return solution.game


def train(
    learner: str | None = None,
    env: Any = None,
    *,
    steps: int | None = None,
    seed: int | None = None,
    out: str | Path | None = None,
    resume: "str | Path | Run | None" = None,
    test_every: int | None = None,
    test_episodes: int | None = None,
    on_row: "Callable[[Run, Row], None] | None" = None,
    stop: Callable[[], bool] | None = None,
    **settings: Any,
) -> "Run":
    """Train a team for that many environment steps in all (200,000 if nothing else is said) and return the run.

    `env` is a spec such as "foraging(size=8, players=2, food=2)", a `Task` or an `Env` of `counterplay.engine.env`, or
    a PettingZoo parallel environment (or a function that makes one). `settings` are the learner's, as `counterplay
    train --help LEARNER` lists them; one that names a class, such as `mixer`, takes the class itself.

    `out` is a folder for checkpoints, TensorBoard's events and metrics.jsonl. `resume` goes on with a run, or with the
    one in a folder, bit for bit as if it had not stopped; learner, environment, seed and settings may be left out then,
    and have to be the run's where they are given. Every `test_every` steps (a fortieth of all) the team is tested
    without exploring for `test_episodes` (32), and in turn-based games of players against each other, unless they are
    large or agents remember, its exploitability is measured (`judge`). `on_row` hears of each new row of `history`, and
    `stop` is asked before each update; Ctrl-C ends the run too, and saves it.

    Raises `ValueError` for what does not fit, with what would.
    """
    from counterplay.agents import find, module

    given = {name: _class_path(value) if isinstance(value, type) else value for name, value in settings.items()}
    if resume is None:
        if learner is None or env is None:
            raise ValueError("train needs a learner and an environment, such as 'qmix' and 'climbing'")
        find(learner)  # before torch is imported
        task, text = _task(env)
        run: Run = module("train").begin(learner, task, text, 0 if seed is None else seed, given)
    else:
        if isinstance(resume, str | Path):
            resume = load_run(resume, None if isinstance(env, str) else env)
        run = resume
        _goes_on(run, learner, env, seed, given)
        if run.steps >= (steps or run.plan.steps):
            raise ValueError(f"the run has had {run.steps:,} steps; ask for more of them to go on")
    options = {"test_every": test_every, "test_episodes": test_episodes, "on_row": on_row, "stop": stop}
    module("train").advance(run, steps, out=out, on_test=_exactly if _small(run) else None, **options)
    return run


def load_run(folder: str | Path, env: Any = None) -> "Run":
    """Read a run from its folder; `env` is its environment where that is one's own (as `train` takes it).

    Raises `ValueError` for a folder that holds none, one that is damaged or newer, or another environment.
    """
    from counterplay.agents import module

    def make_task(text: str) -> "Task":
        if env is not None:
            return _task(env)[0]
        try:
            return _task(text)[0]
        except ValueError as error:
            raise ValueError(f"cannot make the environment of the run in {folder}: {error}") from None

    run: Run = module("train").load(folder, make_task)
    return run


def sweep(
    learners: "str | Sequence[str]",
    env: Any,
    *,
    out: str | Path,
    seeds: int = 5,
    steps: int | None = None,
    settings: "Mapping[str, Sequence[object]] | None" = None,
    workers: int | None = None,
    on_progress: "Callable[[SweepProgress], None] | None" = None,
    **options: Any,
) -> "list[Result]":
    """Train every learner with every combination of the settings' values, from each of the seeds 0 to `seeds` - 1.

    Runs are processes of their own, `workers` at a time (one a core if None), and are kept in folders under `out`,
    beside curves.png and results.json. A sweep that is started again leaves finished runs as they are, and goes on with
    the others. `options` go to `train`. Ctrl-C makes the running ones save themselves; what is returned then is what
    there is. As processes import the script that starts them, it has to do so under `if __name__ == "__main__":`.

    Raises `ValueError` for what does not fit, before the first run, and at the end for a run that failed.
    """
    import json

    from counterplay.agents import find, module
    from counterplay.engine.store import write_atomic

    names = [learners] if isinstance(learners, str) else list(learners)
    grid = {name: list(values) for name, values in (settings or {}).items()}
    for name in names:
        find(name)
    sweeping, chart = module("sweep"), module("chart")
    jobs = sweeping.plan(names, grid, seeds, Path(out))
    task, text = _task(env)
    for job in jobs[: len(jobs) // seeds]:  # every variant, once: what does not fit is known before anything runs
        module("train").begin(job.learner, task, text, settings=job.settings)
    try:
        Path(out).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"cannot write {out}: {error.strerror or error}") from error
    goal = module("train").Plan(**({} if steps is None else {"steps": steps})).steps
    try:
        sweeping.sweep(jobs, train, env, goal, workers, on_progress, **options)
    finally:
        found: list[Result] = chart.results(jobs)
        if found:
            write_atomic(Path(out) / "results.json", json.dumps(chart.figures(found)).encode())
            chart.draw(found, text, Path(out) / "curves.png")
    return found


def judge(run: "Run") -> "Judgement":
    """Measure a policy that was learned in a turn-based game exactly: value and best response of every player.

    The policy is the one without exploring; of learners with random policies (actor-critic) it is random. Raises
    `ValueError` for other environments, and for agents that remember.
    """
    from counterplay.engine.form import sequence_form
    from counterplay.games.envs.tree import TurnBased, observations, table
    from counterplay.solvers.value import judge_table

    if not isinstance(run.task, TurnBased):
        raise ValueError(f"exploitability is of turn-based games, and {run.env} is none")
    tree = run.task.tree
    seen = observations(tree)
    return judge_table(sequence_form(tree), table(tree, run.decide(seen.obs, seen.legal, seen.player)))


def _small(run: "Run") -> bool:
    """Tell whether a run is of players against each other, and can be judged in no time beside training it."""
    from counterplay.games.envs.tree import TurnBased

    remembers = getattr(run.settings, "recurrent", False) or getattr(run.settings, "last_action", False)
    if not isinstance(run.task, TurnBased) or run.task.spec.team or remembers:
        return False
    return run.task.tree.count()["infosets"] <= 50_000


def _exactly(run: "Run") -> "Row":
    """Return what a test tells of a run in a turn-based game."""
    return {"test_exploitability": judge(run).exploitability}


def _task(env: Any) -> "tuple[Task, str]":
    """Return an environment as a task, and its spec or, of one's own, its type."""
    from counterplay.engine.env import Own, Task
    from counterplay.games.envs import make_env, spec_of

    if isinstance(env, str):
        return make_env(env), env.strip()
    if isinstance(env, Task):
        return env, spec_of(env) or type(env).__name__
    if all(hasattr(env, name) for name in ("spec", "batch", "reset", "step")):
        return Own(env), type(env).__name__
    if callable(env) or hasattr(env, "possible_agents"):
        from counterplay.games.envs.pettingzoo import from_parallel

        parallel = from_parallel(env)
        return parallel, parallel.name
    raise ValueError(
        f"an environment is a spec such as 'climbing', a Task or an Env of counterplay.engine.env, or a parallel "
        f"environment of PettingZoo, not {type(env).__name__}"
    )


def _goes_on(run: "Run", learner: str | None, env: Any, seed: int | None, settings: dict[str, Any]) -> None:
    """Raise `ValueError` unless what was given is what the run was begun with."""
    from counterplay.games.envs import spec_of

    if learner not in (None, run.name):
        raise ValueError(f"the run to resume is by {run.name}, not {learner}")
    if env is not None and env != run.env:
        task, text = _task(env)
        if (spec_of(task) or text) != (spec_of(run.task) or run.env):
            raise ValueError(f"the run to resume is of {run.env}, not {text}")
    if seed not in (None, run.seed):
        raise ValueError(f"the run to resume has the seed {run.seed}, not {seed}")
    known = asdict(run.settings)
    for name, value in settings.items():
        if name not in known or known[name] != value:
            raise ValueError(f"the run to resume has {name}={known.get(name, '(no such setting)')}, not {value}")


def _class_path(kind: type) -> str:
    """Return the text by which a class can be found again."""
    if "<" in kind.__qualname__:
        raise ValueError(f"{kind.__qualname__} must be defined at the top of a module, to be found again from a file")
    return f"{kind.__module__}:{kind.__qualname__}"
