"""Solving a game without a tree, and reading what was saved of it."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from counterplay.api.keeping import answered, keeper
from counterplay.api.stepped_solution import DEALS, PLAIN_DEALS, SteppedSolution
from counterplay.api.trees import blamed, name_of
from counterplay.engine import arguments, schema
from counterplay.engine.errors import UserError
from counterplay.engine.rules import histories, is_rules
from counterplay.engine.size import describe, estimate, refusal
from counterplay.engine.stepped import is_steppable
from counterplay.engine.store import Arrays
from counterplay.engine.system import available, interrupts
from counterplay.engine.text import size
from counterplay.games import GAMES
from counterplay.solvers import infosets, stepped_run
from counterplay.solvers.crew import Crew
from counterplay.solvers.plain_games import OfRules, plain_winnings
from counterplay.solvers.plain_walk import PlainWalker
from counterplay.solvers.playouts import winnings
from counterplay.solvers.run import Limits, Method, Progress
from counterplay.solvers.samplings import SAMPLINGS, Sampling
from counterplay.solvers.stepped import Walker, rows, takes
from counterplay.solvers.stepped_run import Point
from counterplay.solvers.winnings import Winnings

SHARE = 0.5  # of free memory that a run may take unless told otherwise
DEFAULT_SECONDS = 60.0


def goes_in_steps(made: Any, algorithm: str, memory: Any, processes: Any) -> bool:
    """Tell whether rules are to be walked in steps: where an algorithm samples and no tree fits, or it is asked for.

    Raises `ValueError` for memory or processes that are set of another algorithm.
    """
    given = [name for name, value in (("memory", memory), ("processes", processes)) if value is not None]
    if algorithm not in SAMPLINGS:
        if given:
            raise UserError(
                f"{given[0]} is an option of the algorithms that sample and walk a game without its tree, such as "
                "--algorithm mccfr-external; this one takes what it needs"
            )
        return False
    with blamed(made, "its size is estimated"):
        return bool(given) or refusal(estimate(made)) is not None


def bytes_of(memory: Any) -> int:
    """Return a number of bytes, given as that or as a text such as "4GB"; raises `ValueError` for anything else."""
    if isinstance(memory, str):
        found = re.fullmatch(r"\s*(\d{1,20}(?:\.\d{1,20})?)\s*([kmgt]?)i?b?\s*", memory.lower())
        if not found:
            raise UserError(f"memory is a number of bytes, such as 4GB or 500MB, not {memory!r}")
        memory = int(float(found[1]) * 1024 ** "_kmgt".index(found[2] or "_"))  # as `engine.text.size` tells it
    most = arguments.whole("memory", memory, 100_000)
    free = available()
    if most > free:
        raise UserError(f"memory of {size(most)} is more than the {size(free)} that are free")
    return most


@dataclass
class _Run:
    """A run under way, and what it was told to be."""

    game: str
    rules: Any  # None where the game has a spec
    made: Any
    method: Method
    seed: int
    sampler: Any

    @property
    def plain(self) -> bool:
        """Tell whether the rules are played in plain Python."""
        return not is_steppable(self.made)

    def measured(self) -> tuple[Winnings, Winnings]:
        """Return what the strategy earns against itself, and against uniform play."""
        if isinstance(self.sampler, PlainWalker):
            game, records = self.sampler.game, self.sampler.records
            return tuple(plain_winnings(game, records, other, PLAIN_DEALS, 1) for other in (records, {}))  # type: ignore[return-value]
        game, table = self.sampler.game, self.sampler.table
        return tuple(winnings(game, table, other, DEALS, 1) for other in (table, infosets.nothing()))  # type: ignore[return-value]

    def solution(self, reason: str, points: tuple[Point, ...]) -> SteppedSolution:
        """Return what the run has found so far."""
        itself, uniform = self.measured()
        named: dict[str, Any] = {}
        if isinstance(self.sampler, PlainWalker):
            records = self.sampler.records
            named = {"names": tuple(records), "moves": tuple(record.moves for record in records.values())}
        return SteppedSolution(
            game=self.game,
            method=self.method,
            players=self.made.players,
            iterations=self.sampler.iterations,
            seconds=points[-1].seconds if points else 0.0,
            seed=self.seed,
            processes=getattr(self.sampler, "count", 1),
            stopped_by=reason,
            itself=itself,
            winnings=uniform,
            points=points,
            state=self.sampler.state(),
            rules=self.rules,
            **named,
        )


def begin(
    made: Any,
    resume: SteppedSolution | None,
    algorithm: str,
    limits: Limits,
    *,
    updates: str | None,
    temperature: float | None,
    **calls: Any,
) -> SteppedSolution:
    """Start a run, or go on with one; raises `ValueError` where what is asked for does not fit it."""
    for option, value in (("updates", updates), ("temperature", temperature)):
        if value is not None:
            raise UserError(f"{option} is no option of the algorithms that sample")
    if resume is None:
        return solve(*name_of(made), made, algorithm, limits, **calls)
    if made is not None:
        resume = with_rules(resume, made)
    if algorithm not in ("auto", resume.algorithm):
        raise UserError(f"the run to resume is by {resume.algorithm}, not {algorithm}")
    name, rules, made = resume.game, resume.rules, resume.made()
    calls["seed"] = resume.seed
    return solve(name, rules, made, resume.algorithm, limits, resume=resume, **calls)


def with_rules(solution: SteppedSolution, made: Any) -> SteppedSolution:
    """Return a solution with its rules; raises `ValueError` where it is of another game."""
    if not is_rules(made):
        raise UserError(f"the solution is of {solution.game}, which is no hold'em spot")
    name, rules = name_of(made)
    if solution.game not in (name, type(made).__name__):
        raise UserError(f"the solution is of {solution.game}, not of {name}")
    if made.players != solution.players or (solution.names is None) != is_steppable(made):
        raise UserError(f"the rules given are not those that the solution of {solution.game} was made for")
    return solution if rules is None else replace(solution, rules=rules)


def load(path: str | Path, arrays: Arrays, header: dict[str, Any], game: Any) -> SteppedSolution:
    """Return the solution in a file, of a game that may be given; raises `ValueError` as `counterplay.load`."""
    found = read(path, arrays, header)
    return found if game is None else with_rules(found, GAMES.make(game))


def solve(
    name: str,
    rules: Any,
    made: Any,
    algorithm: str,
    limits: Limits,
    *,
    seed: int,
    memory: Any = None,
    processes: int | None = None,
    resume: SteppedSolution | None = None,
    checkpoint: str | Path | None = None,
    on_size: Callable[[str], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> SteppedSolution:
    """Walk a game until a number of iterations, a time, or the end of the memory that it may take.

    `name` and `rules` are what a solution keeps of it. Raises `ValueError` for a target, which nobody could measure.
    """
    if limits.target is not None:
        raise UserError(
            "a target is an exploitability, which nobody can measure in a game that is not laid out: "
            "give --time or --iterations"
        )
    if not takes(SAMPLINGS[algorithm]):
        raise UserError(f"{algorithm} needs the whole tree; games in steps are solved by {', '.join(rows())}")
    if is_steppable(made):
        made.steps()  # where keys do not fit, that is said first
    unlimited = limits.iterations is None and limits.seconds is None
    limits = Limits(seconds=DEFAULT_SECONDS) if unlimited else limits
    if resume is not None:
        arguments.further(resume.iterations, limits.iterations)
    most = int(available() * SHARE) if memory is None else bytes_of(memory)
    if on_size is not None:
        on_size(_said(made, most, memory is None) + (f", for {DEFAULT_SECONDS:.0f} s (--time)" if unlimited else ""))
    sampler = _sampler(made, SAMPLINGS[algorithm], seed, most, processes)
    if resume is not None:
        named = (resume.names or (), resume.moves) if isinstance(sampler, PlainWalker) else ()
        sampler.restore(dict(resume.state), *named, was_full=resume.stopped_by == "memory")
    if resume is not None and sampler.iterations != resume.iterations:
        raise UserError(f"the run to resume, of {resume.game}, has other iterations than its solution says")
    run = _Run(name, rules, made, Method(algorithm), seed, sampler)
    keep = keeper(run.solution, checkpoint)
    try:
        with interrupts() as stop, blamed(made, "it is walked"):
            deals = PLAIN_DEALS if run.plain else stepped_run.DEALS
            before = () if resume is None else resume.points
            solution = run.solution(*stepped_run.run(sampler, limits, before, on_progress, keep, deals))
    finally:
        if isinstance(sampler, Crew):
            sampler.close()
    return answered(solution, checkpoint, stop)


def _sampler(made: Any, sampling: Sampling, seed: int, most: int, processes: int | None) -> Any:
    """Return who walks: in one process or several, or in plain Python."""
    count = 1 if processes is None else arguments.whole("processes", processes, 1, min(arguments.THREADS, 250))
    if not is_steppable(made):
        if count > 1:
            raise UserError("several processes walk games that are compiled in steps; rules in plain Python have one")
        return PlainWalker(OfRules(histories(made)), sampling, seed, most)
    game = made.steps()
    return Walker(game, sampling, seed, infosets.empty(most)) if count == 1 else Crew(game, sampling, seed, most, count)


def _said(made: Any, most: int, by_default: bool) -> str:
    found = describe(estimate(made)).split(", ")[0]
    share = f", {SHARE:.0%} of what is free" if by_default else ""
    how = "walked in compiled steps" if is_steppable(made) else "played in plain Python, slowly"
    return f"{found}: {how}, in {size(most)} at most{share} (--memory)"


def read(path: str | Path, arrays: Arrays, header: dict[str, Any], rules: Any = None) -> SteppedSolution:
    """Return the solution in a file whose arrays and header were read; raises `ValueError` for one that is damaged."""
    try:
        return _solution(arrays, schema.convert(header, schema.SteppedHeader, "the header"), rules)
    except UserError as error:
        raise UserError(f"{path} is a solution file with parts missing or damaged: {error}") from None


def _solution(arrays: Arrays, header: schema.SteppedHeader, rules: Any) -> SteppedSolution:
    """Return a solution of what a file holds, once it is one in itself; whether it fits the rules is seen with them."""
    if header.method.algorithm not in SAMPLINGS:
        raise UserError(f"there is no algorithm {header.method.algorithm!r} for games in steps")
    named = ("labels", "owner", "actions") if header.plain else ()
    schema.check_names(arrays, ("state.arena", "state.random", "state.here", *named), "the file")
    for name in named:
        if name not in arrays:
            raise UserError(f"it has no {name}")
    shapes = {"arena": None, "random": 1, "here": 2}
    state = {n: schema.part(arrays, f"state.{n}", np.uint64, (shape,), "the file") for n, shape in shapes.items()}
    names: tuple[tuple[int, str], ...] | None = None
    moves: tuple[tuple[str, ...], ...] = ()
    if header.plain:
        labels = schema.strings(arrays["labels"], "labels")
        moves = tuple(map(tuple, schema.lists(arrays["actions"], "actions")))
        owner = schema.part(arrays, "owner", np.int8, (len(labels),), "the file")
        if len(moves) != len(labels) or (owner.size and not 0 <= owner.min() <= owner.max() < header.players):
            raise UserError("labels, moves and players differ in number")
        names = tuple(zip(owner.tolist(), labels, strict=True))
        if len(set(names)) != len(names):
            raise UserError("an information set is there twice")
    players = header.players
    if any(len(x.seats) != players or len(x.errors) != players for x in (header.itself, header.winnings)):
        raise UserError("winnings are of another number of players")
    return SteppedSolution(
        game=header.game,
        method=Method(header.method.algorithm),
        players=players,
        iterations=header.iterations,
        seconds=header.seconds,
        seed=header.seed,
        processes=header.processes,
        stopped_by=header.stopped_by,
        itself=_winnings(header.itself),
        winnings=_winnings(header.winnings),
        points=tuple(Point(*point) for point in header.points),
        state=state,
        names=names,
        moves=moves,
        rules=rules,
    )


def _winnings(header: schema.WinningsHeader) -> Winnings:
    return Winnings(tuple(header.seats), tuple(header.errors), header.mean, header.error, header.deals, header.known)
