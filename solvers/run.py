"""The loop around every iterative solver: when to judge, when to stop, what to tell, and how to be interrupted."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from counterplay.engine.arguments import number, whole
from counterplay.engine.compiling import clock
from counterplay.engine.errors import UserError
from counterplay.engine.factored import FactoredForm
from counterplay.engine.form import SequenceForm
from counterplay.engine.rules import CHANCE
from counterplay.engine.strategy import Vector, to_vector
from counterplay.engine.sweeps import AnyForm
from counterplay.engine.system import interrupts
from counterplay.engine.tree import Tree
from counterplay.solvers import SOLVERS
from counterplay.solvers.cfr import CFR
from counterplay.solvers.samplings import SAMPLINGS
from counterplay.solvers.value import Judgement, judge
from counterplay.solvers.variants import VARIANTS

if TYPE_CHECKING:
    from counterplay.solvers.mccfr import MCCFR
    from counterplay.solvers.mmd import MMD

GROWTH = 1.1  # iterations between two judgements grow by this factor: a judgement costs about one iteration
SLICE = 0.1  # seconds that a kernel runs before the loop looks around
CHECKPOINT = 60.0  # seconds between two checkpoints


class Solver(Protocol):
    """What the loop asks of an iterative solver."""

    iterations: int

    @property
    def floor(self) -> float:
        """Return the exploitability, in the game's units, below which rounding errors may be most of it."""

    def advance(self, count: int) -> None:
        """Run that many iterations."""

    def judge(self) -> Judgement:
        """Return what the strategy that converges is worth."""

    def figures(self) -> dict[str, float]:
        """Return further certificates, by name."""

    def state(self) -> dict[str, Any]:
        """Return what a resumed run needs: arrays, by name."""

    def restore(self, state: dict[str, Any], iterations: int) -> None:
        """Go on from a state."""


@dataclass(frozen=True)
class Check:
    """One point of a trace: how good the strategy was after so many iterations and seconds of solving.

    Seconds leave out those in which kernels were compiled, here and wherever a run tells them.
    """

    iterations: int
    seconds: float
    exploitability: float


@dataclass(frozen=True)
class Limits:
    """When to stop: whichever comes first. All None is forever."""

    iterations: int | None = None  # in all, those before a resumption included
    target: float | None = None  # exploitability in game units (of a quantal-response run: its gap)
    seconds: float | None = None  # of this run

    def __post_init__(self) -> None:
        if self.iterations is not None:
            object.__setattr__(self, "iterations", whole("iterations", self.iterations, 1))
        if self.target is not None:
            number("the target", self.target, above=0)
        if self.seconds is not None:
            number("the time in seconds", self.seconds, above=0, infinite=True)


class Unit(NamedTuple):
    """How exploitabilities of a run are told: times `scale`, with `name` behind."""

    scale: float = 1.0
    name: str = ""


PLAIN = Unit()


@dataclass(frozen=True)
class Progress:
    """What is known while a run goes on."""

    iterations: int
    seconds: float
    limits: Limits
    trace: tuple[Check, ...]
    unit: Unit = PLAIN


@dataclass(frozen=True)
class Ending:
    """What a run ended with."""

    judgement: Judgement
    figures: dict[str, float]
    trace: tuple[Check, ...]
    stopped_by: str  # "iterations", "target", "time", "interrupt", "floor" or "exact"


@dataclass(frozen=True)
class Method:
    """An algorithm with its parameters, as a solution file records it."""

    algorithm: str
    updates: str = ""  # "alternating" or "simultaneous"; the regret minimisers take either
    temperature: float = 0.0  # of magnetic mirror descent
    horizon: int = 0  # iterations that schedules stretch over


def check_algorithm(algorithm: str) -> None:
    """Raise `ValueError` for an algorithm that does not exist."""
    SOLVERS.find(algorithm)


COARSE = 1e-5  # exploitability from which on `auto` counts a target as a coarse one
FACTORED_COARSE = 5e-4  # the same, of games in factored form


class Kind(NamedTuple):
    """What algorithms ask of a game."""

    players: int
    zero_sum: bool
    board_cards: bool = False  # a private deal, and chance events in public after it
    factored: bool = False  # solved without a tree


def kind_of(game: Tree | FactoredForm) -> Kind:
    """Return the kind of a game."""
    if isinstance(game, FactoredForm):
        return Kind(game.players, True, factored=True)
    return Kind(game.players, game.zero_sum, game.lanes > 1 and bool((game.player == CHANCE).any()))


def choose(kind: Kind, algorithm: str, target: float | None = None, iterations: int | None = None) -> str:
    """Return the algorithm that "auto" stands for: the one that needed the fewest iterations on games of its kind.

    docs/algorithms.md has the measurements. With more players or general sums only the joint play has a guarantee, and
    that is what was measured there.
    """
    if algorithm != "auto":
        return algorithm
    if kind.players != 2 or not kind.zero_sum:
        return "pdcfr+"
    if kind.factored:
        return "dcfr+" if target is not None and target >= FACTORED_COARSE else "dcfr3"
    coarse = iterations is None if target is None else target >= COARSE
    if kind.board_cards:
        return "dcfr+" if coarse else "pdcfr+third"
    return "pdcfr+quarter"


def method(
    kind: Kind,
    algorithm: str = "auto",
    *,
    updates: str | None = None,
    temperature: float | None = None,
    iterations: int | None = None,
    target: float | None = None,
) -> Method:
    """Return the method that the options name for this game; raises `ValueError` where they do not fit."""
    check_algorithm(algorithm)
    if updates not in (None, "alternating", "simultaneous"):
        raise UserError(f"updates are alternating or simultaneous, not {updates!r}")
    certain = kind.players == 2 and kind.zero_sum
    name = choose(kind, algorithm, target, iterations)
    if temperature is not None and name != "mmd":
        raise UserError(f"a temperature goes with the algorithm mmd, not with {name}")
    if name in SAMPLINGS or name in ("mmd", "lp"):
        if updates is not None:
            raise UserError(f"updates are a choice of the full-width regret minimisers; {name} has none")
        if kind.factored and name != "mmd":
            raise UserError(
                f"{name} needs the tree of a game, and this one is solved without; take a variant of CFR, such as cfr+"
            )
        if not certain and name not in SAMPLINGS:
            raise UserError(
                f"{name} is for two-player zero-sum games, and this game has {kind.players} players"
                f"{'' if kind.zero_sum else ' and payoffs that do not sum to zero'}; take a regret minimiser"
            )
        return Method(name, temperature=temperature or 0.0)
    variant = VARIANTS[name]
    if variant.scheduled and iterations is None:
        raise UserError(f"{name} stretches its schedule over the run: give the number of iterations")
    updates = updates or ("alternating" if certain else "simultaneous")
    return Method(name, updates=updates, horizon=(iterations or 0) if variant.scheduled else 0)


def start(tree: Tree | None, form: AnyForm, chosen: Method, seed: int = 0) -> "CFR | MCCFR | MMD":
    """Return a fresh solver of an iterative method; `seed` is that of what is drawn, where anything is.

    A game in factored form has no tree; then the method is not one that needs it.
    """
    if chosen.algorithm in SAMPLINGS:
        assert tree is not None
        assert isinstance(form, SequenceForm)
        from counterplay.solvers.mccfr import MCCFR

        return MCCFR(tree, form, SAMPLINGS[chosen.algorithm], seed)
    if chosen.algorithm == "mmd":
        from counterplay.solvers.mmd import MMD

        return MMD(form, chosen.temperature)
    alternating = chosen.updates == "alternating"
    joint = not alternating and tree is not None and not (tree.players == 2 and tree.zero_sum)
    variant = replace(VARIANTS[chosen.algorithm], alternating=alternating)
    return CFR(form, variant, chosen.horizon, joint)


def exact(tree: Tree, form: SequenceForm) -> tuple[Vector, Ending]:
    """Solve by linear programming, and judge the answer as any other; return the profile too, [S * W]."""
    from counterplay.solvers.lp import solve_lp  # SciPy takes a third of a second to import

    began = clock()
    profile = to_vector(form, solve_lp(tree))
    verdict = judge(form, profile)
    check = Check(0, clock() - began, verdict.exploitability)
    return profile, Ending(verdict, {}, (check,), "exact")


def _next(done: int, growth: float, aim: float | None, trace: tuple[Check, ...]) -> int:
    """Return at which iteration to judge next: `growth` times those done, or sooner where the curve meets the aim.

    It meets it where its last stretch, straight in logarithms, crosses it; a tenth of the growth is the least step.
    """
    most = math.ceil(done * growth)
    last = [(c.iterations, c.exploitability) for c in trace[-2:] if c.iterations and c.exploitability > 0]
    if aim is not None and len(last) == 2 and last[1][1] < last[0][1] and last[0][0] < last[1][0]:
        slope = math.log(last[1][1] / last[0][1]) / math.log(last[1][0] / last[0][0])
        meets = math.log(aim / last[1][1]) / slope  # in logarithms of iterations
        if meets < math.log(growth):
            most = math.ceil(done * max(math.exp(meets), 1 + (growth - 1) / 10))
    return max(done + 1, most)


def _stalled(goals: Sequence[tuple[int, float]]) -> float:
    """Return the best that a run had, if it is far worse now, or not a tenth better than halfway; else infinity.

    `goals` are iterations and what is to become small; where they double the iterations, regret minimisers halve it, or
    nearly.
    """
    halfway = [goal for iterations, goal in goals if 2 * iterations <= goals[-1][0]]
    best = min(goal for _, goal in goals)
    stuck = goals[-1][1] > 2 * best or (bool(halfway) and best > 0.9 * min(halfway))
    return best if stuck else math.inf


def run(
    solver: Solver,
    limits: Limits,
    trace: tuple[Check, ...] = (),
    on_progress: Callable[[Progress], None] | None = None,
    on_checkpoint: Callable[[Ending], None] | None = None,
    growth: float = GROWTH,
    aim: bool = False,
    unit: Unit = PLAIN,
) -> Ending:
    """Iterate until a limit is reached or a signal to stop, judging at intervals that grow by a factor.

    Signals before the first iteration is done, while kernels are compiled too, end everything at once.

    Where a judgement costs much, `aim` foresees from the curve when the target will be reached, and judges then.
    A run to a target also stops where rounding keeps it from getting better ("floor").
    `trace` is what came before, if the solver was restored. `on_checkpoint` is given the run so far every
    `CHECKPOINT` seconds. Neither judging nor a checkpoint changes what a run computes. Seconds leave out compiling.
    """
    before = trace[-1].seconds if trace else 0.0
    began = kept = clock()
    rate = 0.0  # seconds an iteration
    verdict, figures = solver.judge(), solver.figures()

    def goal() -> float:
        return figures.get("qre_gap", verdict.exploitability)

    def spent() -> float:
        return clock() - began

    reason, goals = "", [(solver.iterations, goal())]
    if limits.target is not None and goal() <= limits.target:
        reason = "target"
    elif limits.iterations is not None and solver.iterations >= limits.iterations:
        reason = "iterations"
    with interrupts() as stop:
        while not reason:
            done = solver.iterations
            end = _next(done, growth, limits.target if aim else None, trace)
            if limits.iterations is not None:
                end = min(end, limits.iterations)
            while solver.iterations < end and not reason:
                count = end - solver.iterations
                if rate:
                    left = math.inf if limits.seconds is None else max(limits.seconds - spent(), 0.0)
                    count = max(1, min(count, int(min(SLICE, left) / rate)))
                elif count > 1:
                    count = 1
                mark = clock()
                solver.advance(count)
                rate = (clock() - mark) / count
                stop.arm()  # only now is there something to keep, and what had to be compiled is
                if stop():
                    reason = "interrupt"
                elif limits.seconds is not None and spent() >= limits.seconds:
                    reason = "time"
                if on_progress is not None:
                    on_progress(Progress(solver.iterations, before + spent(), limits, trace, unit))
                if on_checkpoint is not None and not reason and clock() - kept >= CHECKPOINT:
                    verdict, figures = solver.judge(), solver.figures()
                    point = Check(solver.iterations, before + spent(), verdict.exploitability)
                    on_checkpoint(Ending(verdict, figures, (*trace, point), "checkpoint"))
                    kept = clock()
            verdict, figures = solver.judge(), solver.figures()
            trace = (*trace, Check(solver.iterations, before + spent(), verdict.exploitability))
            if limits.target is not None and goal() <= limits.target:
                reason = "target"
            elif not reason and limits.iterations is not None and solver.iterations >= limits.iterations:
                reason = "iterations"
            goals.append((solver.iterations, goal()))
            if not reason and limits.target is not None:
                best = _stalled(goals)
                reason = "floor" if best < math.inf and best <= solver.floor else ""
            if on_progress is not None:
                on_progress(Progress(solver.iterations, before + spent(), limits, trace, unit))
    return Ending(verdict, figures, trace, reason)
