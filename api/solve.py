"""Solving: from what somebody has in hand to a solution."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.api import stepped
from counterplay.api.factored_solution import FactoredSolution
from counterplay.api.factored_task import FactoredTask
from counterplay.api.keeping import answered, keeper
from counterplay.api.solution import BLUEPRINT, FACTORED, HOLDEM, STEPPED, TREE, Solution
from counterplay.api.tree_solution import TreeSolution, earns_alike, rebuilt
from counterplay.api.trees import build, build_form, name_of, size_of
from counterplay.engine import arguments
from counterplay.engine.compiling import clock
from counterplay.engine.errors import UserError
from counterplay.engine.form import SequenceForm, sequence_form
from counterplay.engine.rules import is_factored, is_rules
from counterplay.engine.store import NETWORKS, read
from counterplay.engine.strategy import Vector, to_table
from counterplay.engine.system import interrupts
from counterplay.engine.tree import Tree, same_game
from counterplay.engine.writing import check_writable
from counterplay.games import GAMES
from counterplay.solvers.run import (
    Ending,
    Limits,
    Method,
    Progress,
    check_algorithm,
    exact,
    kind_of,
    method,
    run,
    start,
)
from counterplay.solvers.samplings import SAMPLINGS

DEFAULT_TARGET = 1e-4
DEFAULT_ITERATIONS = 10_000


def solve(
    game: Any = None,
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
    memory: int | str | None = None,
    processes: int | None = None,
    resume: Solution | None = None,
    checkpoint: str | Path | None = None,
    on_size: Callable[[str], None] | None = None,
    on_tree: Callable[[int], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Any:
    """Solve a game until a target exploitability, a number of iterations or a time in seconds, whichever is first.

    `game` is a spec such as "leduc(ranks=3)", the path of a file (Gambit, payoffs, a hold'em spot), a `Spot`, an object
    that follows `Rules` or `DealtRules` of `counterplay.engine.rules`, a `pyspiel.Game`, a `pygambit.Game`, a payoff
    matrix of a zero-sum game for two, or a tuple of one matrix a player. The result is a `TreeSolution`, of
    a phantom game on a larger board a `FactoredSolution`, of a spot a `SpotSolution`.

    With none of the three limits, two-player zero-sum games run to an exploitability of 0.0001 (less by as many powers
    of ten as all payoffs are below 1) and others for 10,000 iterations. A run to a target also stops where rounding
    keeps it from getting better. `resume` goes on from a solution, to the very result of an unbroken run (`iterations`
    counts from the start, `time` anew). `checkpoint` is a file that a long run is saved to once a minute, to be resumed
    if it is cut off. `seed` is that of sampling; the full-width solvers draw no random numbers. `on_size` is told in
    words what the run takes before it is taken (what does not fit is refused, with what would), `on_tree` how many
    nodes are built, `on_progress` how the run goes.

    Ctrl-C ends the run and returns what there is; `stopped_by` is "interrupt" then, by which a loop over games knows
    that it is to end. SIGTERM and SIGHUP save it to the checkpoint and raise `SystemExit`, whose `result` it
    is. A script's own handler of these is called instead.

    The target of a spot is chips, or per cent of the pot as in "0.5%", which is the default; `compress` keeps its
    tables in 16 bits, and `threads` (all cores) share its turns and rivers.

    A game whose tree is too large is walked in steps by the algorithms that sample (mccfr-external, ...), and so is any
    with `memory`, the most bytes that it takes ("4GB"; half of what is free), or `processes` that share them. The
    result is a `SteppedSolution`. It runs for a minute unless told otherwise; there is no target, as nobody can judge.

    Raises `ValueError` for games, algorithms and limits that do not fit, with what would.
    """
    _check(algorithm, seed, temperature, compress, threads, checkpoint, on_size, on_tree, on_progress)
    made, kind = _given(game, resume)
    before: Any = resume
    limits: dict[str, Any] = {"iterations": iterations, "target": target, "time": time}
    calls: dict[str, Any] = {"checkpoint": checkpoint, "on_progress": on_progress}
    if kind == HOLDEM if made is None else not is_rules(made):  # what is not rules is a spot
        _no_options(updates=updates, temperature=temperature, memory=memory, processes=processes)
        if kind not in (None, HOLDEM):
            raise UserError(f"the run to resume is of {before.game}, which is another game")
        from counterplay.api import spots  # hold'em is much to import for those who play something else

        return spots.solve(
            made, algorithm, compress=compress, threads=threads, resume=before, on_size=on_size, **limits, **calls
        )
    if compress or threads is not None:
        raise UserError(f"{'compress' if compress else 'threads'} goes with hold'em spots, not with other games")
    if kind == HOLDEM:
        raise UserError(f"the run to resume is of {before.game}, which is another game")
    check_algorithm(algorithm)
    wanted = Limits(iterations, None if target is None else _number(target), time)
    options: dict[str, Any] = {"updates": updates, "temperature": temperature}
    if kind == STEPPED or (kind is None and stepped.goes_in_steps(made, algorithm, memory, processes)):
        calls |= {"memory": memory, "processes": processes, "seed": seed, "on_size": on_size}
        return stepped.begin(made, before, algorithm, wanted, **options, **calls)
    if resume is None:
        task = _begin(made, algorithm, wanted, seed, on_size, on_tree, **options)
    else:
        for name, value in (("memory", memory), ("processes", processes)):
            if value is not None:
                raise UserError(f"{name} goes with runs in steps, which the run to resume, of {before.game}, is not")
        task = _go_on(before, made, algorithm, **options)
    return _run(task, wanted, before, **calls)


def _given(game: Any, resume: Any) -> tuple[Any, str | None]:
    """Return the game that is meant, if one is given, and the kind of the solution to go on with."""
    kind = None if resume is None else getattr(resume, "kind", "")
    if kind == BLUEPRINT:
        raise UserError("a blueprint goes on with 'counterplay blueprint --resume', in Python blueprint(resume=...)")
    if kind not in (None, TREE, HOLDEM, FACTORED, STEPPED):
        raise UserError(f"resume takes a solution, as solve and load return it, not {type(resume).__name__}")
    if isinstance(game, str) and game.strip().lower().endswith(".cps"):
        raise UserError(
            f"{game} is a solution, not a game: --resume {game} goes on with it (in Python resume=load(...)), "
            "'counterplay show' shows it"
        )
    if game is None and resume is None:
        raise UserError("solve needs a game, for example 'leduc'")
    return None if game is None else GAMES.make(game), kind


def _no_options(**options: Any) -> None:
    """Raise `ValueError` for options that hold'em spots do not have."""
    for name, value in options.items():
        if value is not None:
            why = (
                "updates alternate, and payoffs are plain chips"
                if name in ("updates", "temperature")
                else ("it goes with games that are walked and not laid out")
            )
            raise UserError(f"{name} is no option of hold'em spots: {why}")


@dataclass(frozen=True)
class _Task:
    """A game that is ready to be solved, and how."""

    game: str
    rules: Any  # None where the game has a spec
    tree: Tree
    form: SequenceForm
    method: Method
    seed: int

    @property
    def certain(self) -> bool:
        """Tell whether a run without limits ends at an exploitability: with two players and a zero sum."""
        return self.tree.players == 2 and self.tree.zero_sum

    @property
    def largest(self) -> float:
        """Return the largest payoff, up to its sign."""
        payoffs = self.tree.payoffs
        return float(max(payoffs.max(), -payoffs.min()) * np.abs(self.tree.stake).max())

    def start(self) -> Any:
        """Return a fresh solver."""
        return start(self.tree, self.form, self.method, self.seed)

    def shows(self, profile: Vector) -> npt.NDArray[np.float64]:
        """Return a solver's profile as a solution's strategy has it."""
        return to_table(self.form, self.tree, profile)

    def solution(self, ending: Ending, profile: Vector, iterations: int, state: dict[str, Any]) -> TreeSolution:
        """Return what a run found as a solution."""
        tree = self.tree
        solved = TreeSolution(
            game=self.game,
            method=self.method,
            iterations=iterations,
            seconds=ending.trace[-1].seconds if ending.trace else 0.0,
            seed=self.seed,
            stopped_by=ending.stopped_by,
            value=ending.judgement.value,
            best=ending.judgement.best,
            figures=ending.figures,
            trace=ending.trace,
            strategy=self.shows(profile),
            owner=tree.owner,
            first=tree.first,
            labels=tree.labels,
            actions=tree.actions,
            hands=tree.hands,
            state=state,
            rules=self.rules,
        )
        vars(solved).update(tree=tree, form=self.form)  # they need not be built again
        return solved


def _begin(
    made: Any,
    algorithm: str,
    limits: Limits,
    seed: int,
    on_size: Callable[[str], None] | None,
    on_tree: Callable[[int], None] | None,
    **options: Any,
) -> _Task | FactoredTask:
    if is_factored(made) and algorithm not in SAMPLINGS:
        form = build_form(made, on_size)
        chosen = method(kind_of(form), algorithm, iterations=limits.iterations, target=limits.target, **options)
        return FactoredTask(*name_of(made), form, chosen, seed)
    said, began = list[str](), clock()

    def say(text: str) -> None:
        said.append(text)
        if on_size is not None:
            on_size(text)

    tree = build(made, say, on_tree)
    chosen = method(kind_of(tree), algorithm, iterations=limits.iterations, target=limits.target, **options)
    if not said:  # a small one, which was built at once
        say(size_of(tree, clock() - began))
    return _Task(*name_of(made), tree, sequence_form(tree), chosen, seed)


def _go_on(
    resume: TreeSolution | FactoredSolution, made: Any, algorithm: str, updates: str | None, temperature: float | None
) -> _Task | FactoredTask:
    """Return the task of a run that goes on; raises `ValueError` where it is of another game, or by other means."""
    chosen = resume.method
    if chosen.algorithm == "lp":
        raise UserError("the linear programme's answer is exact: there is nothing to resume")
    if made is not None:
        name, rules = name_of(made)
        if name != resume.game:
            raise UserError(f"the run to resume is of {resume.game}, not {name}")
        if rules is not None:
            resume = with_rules(resume, rules)
    if algorithm not in ("auto", chosen.algorithm):
        raise UserError(f"the run to resume is by {chosen.algorithm}, not {algorithm}")
    if updates not in (None, chosen.updates):
        raise UserError(f"the run to resume has {chosen.updates or 'no choice of'} updates, not {updates}")
    if temperature not in (None, chosen.temperature):
        raise UserError(f"the run to resume has a temperature of {chosen.temperature:g}, not {temperature:g}")
    if isinstance(resume, FactoredSolution):
        return FactoredTask(resume.game, resume.rules, resume.form, chosen, resume.seed)
    return _Task(resume.game, resume.rules, resume.tree, resume.form, chosen, resume.seed)


def _run(
    task: _Task | FactoredTask,
    limits: Limits,
    resume: TreeSolution | FactoredSolution | None,
    checkpoint: str | Path | None,
    on_progress: Callable[[Progress], None] | None,
) -> TreeSolution | FactoredSolution:
    if limits == Limits():
        limits = Limits(target=_default_target(task.largest)) if task.certain else Limits(iterations=DEFAULT_ITERATIONS)
    if isinstance(task, _Task) and task.method.algorithm == "lp":
        profile, ending = exact(task.tree, task.form)
        return task.solution(ending, profile, 0, {})
    solver = task.start()
    if resume is not None:
        arguments.further(resume.iterations, limits.iterations)
        solver.restore(dict(resume.state), resume.iterations)
        if np.abs(task.shows(solver.profile()) - resume.strategy).max(initial=0.0) > 1e-6:
            raise UserError(f"the run to resume, of {resume.game}, does not have the strategy that its solution shows")

    def found(ending: Ending) -> TreeSolution | FactoredSolution:
        return task.solution(ending, solver.profile(), solver.iterations, solver.state())

    before = () if resume is None else resume.trace
    with interrupts() as stop:
        solution = found(run(solver, limits, before, on_progress, keeper(found, checkpoint)))
    return answered(solution, checkpoint, stop)


def _default_target(largest: float) -> float:
    """Return 0.0001, or, where no payoff gets near 1, less by so many powers of ten."""
    return DEFAULT_TARGET * 10.0 ** min(0, math.floor(math.log10(largest or 1.0)) + 1)


def _check(
    algorithm: Any, seed: Any, temperature: Any, compress: Any, threads: Any, checkpoint: Any, *calls: Any
) -> None:
    """Raise `ValueError` for arguments of the wrong kind, whatever is solved; `Limits` checks its own."""
    arguments.text("algorithm", algorithm)
    arguments.whole("seed", seed)
    arguments.flag("compress", compress)
    if temperature is not None:
        arguments.number("temperature", temperature, least=0)
    if threads is not None:
        arguments.whole("threads", threads, 1, arguments.THREADS)
    if checkpoint is not None:
        check_writable(arguments.path("checkpoint", checkpoint))
    for name, call in zip(("on_size", "on_tree", "on_progress"), calls, strict=True):
        if call is not None:
            arguments.function(name, call)


def _number(target: float | str) -> float:
    if not isinstance(target, str):
        return arguments.number("the target", target, above=0)
    try:
        return float(target)
    except ValueError:
        raise UserError(
            f"the target must be a number in the game's units, not {target!r} (hold'em spots take per cent)"
        ) from None


def with_rules(solution: Any, rules: Any) -> Any:
    """Return a solution of one's own game with its rules; raises `ValueError` where it is of another game.

    A file knows labels, but not what the game pays: that the strategy earns what the solution says stands for it. A
    solution that has its rules is compared by these.
    """
    given = replace(solution, rules=rules)
    if isinstance(solution, FactoredSolution):
        known = solution.rules is None or solution.is_of(given.phantom)
    else:
        tree = rebuilt(rules, solution)
        vars(given).update(tree=tree)
        known = solution.rules is None or same_game(solution.tree, tree)
    if not known or not earns_alike(given, given.judge()):
        raise UserError(
            f"the rules given are not those that the solution of {solution.game} was made for: its strategy earns "
            "otherwise with them"
        )
    return given


def load(path: str | Path, game: Any = None) -> Any:
    """Read a solution from its file: a `TreeSolution`, a `FactoredSolution`, or of a hold'em spot a `SpotSolution`.

    `game` is the game itself, as `solve` takes it, where it is one's own: a file holds no more than its name, and never
    causes an import. Raises `ValueError` for a file that is cut short, foreign, newer, or of another game.
    """
    from counterplay.api import reading

    place = arguments.path("path", path)
    if str(path).partition("(")[0] in GAMES.names and not place.exists():
        raise UserError(f"there is no file {path}; of the game, 'counterplay solve \"{path}\" --out FILE' makes one")
    arrays, header = read(place)
    if header.get("kind") == HOLDEM:
        from counterplay.api import spots

        found: Any = spots.read(path, arrays, header)
        if game is not None and GAMES.make(game) != found.spot:
            raise UserError(f"{path} is of another spot than the one given, {found.game}")
        return found
    if header.get("kind") == BLUEPRINT:
        from counterplay.api import blueprint

        plan = blueprint.read(path, arrays, header)
        if game is not None and GAMES.make(game) != plan.spot:
            raise UserError(f"{path} is of another spot than the one given, {plan.game}")
        return plan
    if header.get("kind") == "buckets":
        raise UserError(f"{path} holds buckets of hands, and no solution: 'counterplay buckets {path}' shows them")
    if header.get("kind") in NETWORKS:
        raise UserError(
            f"{path} holds a value network, and no solution: 'counterplay valuenet test {path}' tells of it"
        )
    if header.get("kind") == STEPPED:
        return stepped.load(path, arrays, header, game)
    tabular: Any = (reading.read_factored if header.get("kind") == FACTORED else reading.read)(path, arrays, header)
    if game is None:
        return tabular
    made = GAMES.make(game)
    if not is_rules(made):
        raise UserError(f"{path} is of {tabular.game}, which is no hold'em spot")
    name, _ = name_of(made)
    if name != tabular.game and type(made).__name__ != tabular.game:
        raise UserError(f"{path} is of {tabular.game}, not of {name}")
    return with_rules(tabular, made)
