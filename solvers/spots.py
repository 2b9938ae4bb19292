"""Hold'em spots: from a spot to its solution, its file, and a view of any of its decisions.

Values are chips of the starting pot and of what is won beyond it, player 0 out of position (OOP); exploitability is
NashConv divided by two, in chips and in per cent of the starting pot, blinds included.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine import jit
from counterplay.engine.store import pack, unpack, write
from counterplay.engine.streets import Subgame, Tables
from counterplay.engine.system import available, cores
from counterplay.games.holdem import equity, places
from counterplay.games.holdem.betting import PLAYERS, STREETS
from counterplay.games.holdem.cards import combo_name, format_cards
from counterplay.games.holdem.layout import StreetLayout
from counterplay.games.holdem.lines import standing
from counterplay.games.holdem.spot import Spot, parse_spot, to_toml
from counterplay.games.holdem.trees import NEXT, children
from counterplay.solvers.cfr import VARIANTS
from counterplay.solvers.run import Check, Limits, Method, Progress, Result, check_algorithm, run
from counterplay.solvers.streets.cfr import SubgameCFR
from counterplay.solvers.streets.walk import walk
from counterplay.solvers.value import Judgement

F64 = npt.NDArray[np.float64]
Pair = tuple[F64, F64]

KIND = "holdem"  # of a file with such a solution
DEFAULT_TARGET = "0.5%"
_GROWTH = 1.5  # of the iterations between two judgements, which cost up to two iterations each
_KEYS = {"board", "pot", "stack", "range"}  # a TOML file with one of these is a spot, else a payoff file


def is_spot_file(path: str) -> bool:
    """Tell whether a path names a TOML file that holds a spot; what cannot be read is none."""
    import tomllib

    if not path.strip().lower().endswith(".toml"):
        return False
    try:
        return not _KEYS.isdisjoint(tomllib.loads(Path(path.strip()).read_text(encoding="utf-8-sig")))
    except (OSError, ValueError):
        return False


def chips(target: float | str, pot: int) -> float:
    """Return a target in chips, given as chips or as per cent of the pot ("0.5%"); raises `ValueError`."""
    text = str(target).strip()
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        raise ValueError(f"the target must be chips or per cent of the pot, such as 0.5%, not {target!r}") from None
    return number * pot / 100 if text.endswith("%") else number


def footprint(game: Subgame, compress: bool) -> int:
    """Return the bytes that a run takes: tables, run-outs, orders, equities; saving takes none beyond the tables."""
    return game.entries * (4 if compress else 8) + (8 * game.decisions if compress else 0) + game.nbytes


def size_text(count: int) -> str:
    """Return a number of bytes as one would say it."""
    return f"{count / 2**30:.1f} GB" if count >= 2**30 else f"{max(count / 2**20, 0.1):.3g} MB"


def is_compiled(spot: Spot) -> bool:
    """Tell whether the kernels that a spot takes are compiled; on a cache without them that takes half a minute."""
    return jit.is_compiled(walk)


@dataclass(frozen=True)
class View:
    """A decision of a solved spot: who acts, what both ranges are by then, and what they are worth.

    Combos are numbered as in `games.holdem.cards`; the arrays of player p, in pairs, are by `combos[p]`. Expected
    values are in chips from the decision on: what was put in before is not counted as lost, so a fold is worth 0.
    """

    line: str
    board: tuple[int, ...]
    street: str
    player: int  # who acts
    pot: int  # chips in the middle, a bet to call among them
    actions: tuple[str, ...]
    combos: tuple[places.I64, places.I64]
    reach: Pair  # weight of each combo: that of the range times the player's own probability to get here
    strategy: F64  # [A, n] of the player who acts; what it would do also with combos that do not get here
    locked: npt.NDArray[np.bool_]  # [n] the combos of the player who acts whose strategy here was fixed
    _solution: "SpotSolution" = field(repr=False)
    _run: SubgameCFR = field(repr=False)
    _place: places.Place = field(repr=False)

    @cached_property
    def matchups(self) -> Pair:
        """Return for each combo how much of the other's range it meets."""
        return equity.matchups(self._solution.spot.deck, self.combos, self.reach)

    @cached_property
    def shares(self) -> Pair:
        """Return for each combo how much of its owner's range it is, by how often it is held here; they sum to one."""
        one, two = (reach * met for reach, met in zip(self.reach, self.matchups, strict=True))
        return one / max(one.sum(), 1e-300), two / max(two.sum(), 1e-300)

    @property
    def reached(self) -> bool:
        """Tell whether the average strategies ever get here."""
        return bool(self.shares[0].sum() > 0.5)

    @property
    def frequencies(self) -> dict[str, float]:
        """Return how often each action is taken."""
        return dict(zip(self.actions, (self.strategy @ self.shares[self.player]).tolist(), strict=True))

    @cached_property
    def _values(self) -> tuple[Pair, F64]:
        solution, place = self._solution, self._place
        laid = solution.layout
        tree, lanes = places.betting(laid, place), places.lanes(laid, place)
        last = laid.sequence[place.template][place.entry]
        at = (int(last[place.line.node, 0]), int(last[place.line.node, 1]))
        ev, actions = [], np.zeros(0)
        for p in range(2):
            value = self._run.worth(p, at).astype(np.float64)
            put = (tree.start.pot - solution.spot.pot) / 2 + float(tree.paid[place.line.node, p])
            rows = [at[p], *(int(last[child, p]) for child in children(tree, place.line.node))]
            with np.errstate(divide="ignore", invalid="ignore"):
                worth = value[rows][:, lanes[p]] / self.matchups[p] + (solution.spot.pot / 2 + put)
            worth[:, ~((self.matchups[p] > 0) & self.possible[p])] = np.nan
            ev.append(worth[0])
            if p == self.player:
                actions = worth[1:]
        return (ev[0], ev[1]), actions

    @property
    def possible(self) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Tell which combos hold no card of the board."""
        free = self._solution.spot.deck.free(self.board)
        one, two = (free[combos] for combos in self.combos)
        return one, two

    @property
    def ev(self) -> Pair:
        """Return both players' expected values by combo; NaN where no hand of the other's can be met."""
        return self._values[0]

    @property
    def action_ev(self) -> F64:
        """Return what each action is worth to each combo of the player who acts, [A, n]."""
        return self._values[1]

    @cached_property
    def equity(self) -> Pair:
        """Return by combo the share of the pot that it would win on average if nobody bet any more."""
        spot = self._solution.spot
        return equity.equity(spot.deck, self.board, spot.betting.last, self.combos, self.reach)

    @property
    def realisation(self) -> Pair:
        """Return by combo the expected value over the equity's part of the pot."""
        with np.errstate(divide="ignore", invalid="ignore"):
            one, two = (e / (q * self.pot) for e, q in zip(self.ev, self.equity, strict=True))
        return one, two

    def mean(self, values: Pair) -> tuple[float, float]:
        """Return the mean over each player's range of values by combo; NaN for a decision that is never reached."""
        one, two = (
            float(np.nansum(np.where(share > 0, share * v, 0.0))) if self.reached else float("nan")
            for share, v in zip(self.shares, values, strict=True)
        )
        return one, two

    def rows(self, player: int | None = None) -> list[dict[str, Any]]:
        """Return the combos of a player, most often held first: weight and values; of who acts the strategy too.

        Without a player they are those of who acts.
        """
        p = self.player if player is None else player
        ev, equity, realisation = self.ev[p], self.equity[p], self.realisation[p]

        def number(x: float) -> float | None:
            return float(x) if np.isfinite(x) else None

        def chosen(i: int) -> dict[str, Any]:
            return {
                "locked": bool(self.locked[i]),
                "strategy": dict(zip(self.actions, self.strategy[:, i].tolist(), strict=True)),
                "action_ev": {a: number(x) for a, x in zip(self.actions, self.action_ev[:, i], strict=True)},
            }

        return [
            {
                "combo": combo_name(int(self.combos[p][i])),
                "weight": float(self.reach[p][i]),
                "ev": number(ev[i]),
                "equity": number(equity[i]),
                "realisation": number(realisation[i]),
                **(chosen(i) if p == self.player else {}),
            }
            for i in np.argsort(-self.shares[p], kind="stable")
            if self.possible[p][i]
        ]

    def summary(self) -> dict[str, Any]:
        """Return the figures of both ranges, for JSON."""
        value, equity = self.mean(self.ev), self.mean(self.equity)

        def numbers(pair: tuple[float, float]) -> list[float | None]:
            return [x if np.isfinite(x) else None for x in pair]

        return {
            "node": self.line,
            "board": format_cards(self.board),
            "street": self.street,
            "player": PLAYERS[self.player],
            "pot": self.pot,
            "ev": numbers(value),
            "equity": numbers(equity),
            "realisation": [v / (q * self.pot) if q > 0 else None for v, q in zip(value, equity, strict=True)],
            "locked": float(self.shares[self.player] @ self.locked) if self.reached else None,
            "strategy": self.frequencies,
        }


@dataclass(frozen=True)
class SpotSolution:
    """Both players' average strategies in a spot, how they were found, and what they were judged to be worth."""

    spot: Spot
    method: Method
    iterations: int
    seconds: float
    stopped_by: str
    value: tuple[float, ...]  # expected values in chips, OOP first; together the pot less rake
    best: tuple[float, ...]  # what each player's best response would earn
    trace: tuple[Check, ...]  # exploitability in chips
    state: dict[str, npt.NDArray[Any]] = field(repr=False)  # the tables that a resumed run goes on from
    threads: int = field(default=1, compare=False)

    @property
    def game(self) -> str:
        """Return what the spot is called."""
        last = STREETS[self.spot.betting.last]
        where = format_cards(self.spot.board) or f"to {last}"
        return f"{self.spot.variant} {self.spot.street} {where}"

    @property
    def algorithm(self) -> str:
        """Return the name of the algorithm that ran."""
        return self.method.algorithm

    @property
    def nash_conv(self) -> float:
        """Return what both players could gain by best responses, in chips, summed."""
        return float(sum(b - v for b, v in zip(self.best, self.value, strict=True)))

    @property
    def exploitability(self) -> float:
        """Return NashConv divided by two, in chips."""
        return self.nash_conv / 2

    @property
    def exploitability_percent_pot(self) -> float:
        """Return exploitability in per cent of the starting pot."""
        return 100 * self.exploitability / self.spot.middle

    @property
    def figures(self) -> dict[str, Any]:
        """Return further figures and what is locked, by name."""
        locks = {"locked_nodes": [fixed.line.text for fixed in self.spot.locked]} if self.spot.locks else {}
        return {"exploitability_percent_pot": self.exploitability_percent_pot, **locks}

    @property
    def compressed(self) -> bool:
        """Tell whether the tables are in 16 bits."""
        return bool(self.state["total"].dtype == np.int16)

    @cached_property
    def layout(self) -> StreetLayout:
        """Return the spot's subgame, laid out again."""
        return places.lay_out(self.spot)

    @cached_property
    def _run(self) -> SubgameCFR:
        none = np.zeros(0, np.float32)
        kept = Tables(**{name: self.state.get(name, none) for name in Tables._fields})
        game = self.layout.game
        if not kept.regret.shape == kept.total.shape == (game.entries,):
            raise ValueError(
                f"the tables of {self.game} do not have the {game.entries:,} entries that the spot asks for"
            )
        return SubgameCFR(game, self.spot.pot, VARIANTS[self.algorithm], threads=self.threads, kept=kept)

    def judge(self) -> Judgement:
        """Measure the strategies again, from the spot: expected values and best responses, in chips."""
        return self._run.judge()

    def at(self, line: str = "") -> View:
        """Return the decision that a line such as "check bet 30 call [Ah]" leads to; raises `ValueError`.

        Cards in brackets go on to the next street, and their suits need not be those that were solved.
        """
        laid = self.layout
        place = places.find(self.spot, laid, line)
        tree, player = places.decision(laid, place)
        here = self._run
        for step in place.steps:
            here = here.after(*step)
        plans = here.plans().astype(np.float64)
        last, lanes = laid.sequence[place.template][place.entry], places.lanes(laid, place)
        one, two = (plans[int(last[place.line.node, p]), lanes[p]] for p in range(2))
        after = children(tree, place.line.node)
        strategy = np.ones((1, len(lanes[player])))
        if len(after) > 1:
            rows = [int(last[child, player]) for child in after]
            strategy = here.strategy(player)[rows][:, lanes[player]].astype(np.float64)
        return View(
            line=place.line.text,
            board=place.line.board,
            street=STREETS[tree.start.street],
            player=player,
            pot=tree.start.pot + int(tree.paid[place.line.node].sum()),
            actions=tuple(tree.action[child] for child in after),
            combos=laid.combos,
            reach=(one, two),
            strategy=strategy,
            locked=self.spot.locked_at(place.line.text)[laid.combos[player]],
            _solution=self,
            _run=here,
            _place=place,
        )

    def after(self, line: str = "") -> list[tuple[int, View]]:
        """Return the next decision for each card that may come after a line that ends a street, by card."""
        place = places.find(self.spot, self.layout, line)
        tree = places.betting(self.layout, place)
        if tree.kind[place.line.node] != NEXT:
            now = standing(tree, place.line.node)
            raise ValueError(f"a report is of a line that ends a street, such as 'check check': there {now}")
        if tree.start.street == 0:
            raise ValueError(
                f"a report goes card by card, and after {line!r} three come at once: name them in brackets"
            )
        rest = [card for card in self.spot.deck.cards[::-1] if card not in place.line.board]
        return [(card, self.at(f"{line} [{format_cards([card])}]")) for card in rest]

    def save(self, path: str | Path) -> None:
        """Write the solution to one file, whole or not at all."""
        from counterplay import __version__

        header = {
            "version": __version__,
            "kind": KIND,
            "game": self.game,
            "method": asdict(self.method),
            "iterations": self.iterations,
            "seconds": self.seconds,
            "stopped_by": self.stopped_by,
            "value": self.value,
            "best": self.best,
            "exploitability": self.exploitability,
            "trace": [(c.iterations, c.seconds, c.exploitability) for c in self.trace],
        }
        state = {f"state.{name}": array for name, array in self.state.items()}
        write(path, {"spot": pack([to_toml(self.spot)]), **state}, header)


def read(path: str | Path, arrays: dict[str, npt.NDArray[Any]], header: dict[str, Any]) -> SpotSolution:
    """Return the solution in a file whose arrays and header were read; raises `ValueError` for one that is damaged."""
    try:
        return SpotSolution(
            spot=parse_spot(unpack(arrays["spot"])[0]),
            method=Method(**header["method"]),
            iterations=header["iterations"],
            seconds=header["seconds"],
            stopped_by=header["stopped_by"],
            value=tuple(header["value"]),
            best=tuple(header["best"]),
            trace=tuple(Check(*point) for point in header["trace"]),
            state={name: arrays[f"state.{name}"] for name in Tables._fields if f"state.{name}" in arrays},
            threads=cores(),
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ValueError(f"{path} is a solution file with parts missing or damaged ({error!r})") from error


def solve(
    spot: Spot | None,
    algorithm: str = "auto",
    *,
    iterations: int | None = None,
    target: float | str | None = None,
    time: float | None = None,
    compress: bool = False,
    threads: int | None = None,
    resume: SpotSolution | None = None,
    checkpoint: str | Path | None = None,
    on_memory: Callable[[int], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> SpotSolution:
    """Solve a spot as `counterplay.solve` does games; raises `ValueError` for what does not fit."""
    if resume is not None:
        if spot not in (None, resume.spot):
            raise ValueError(f"the run to resume is of another spot, {resume.game}")
        if algorithm not in ("auto", resume.algorithm):
            raise ValueError(f"the run to resume is by {resume.algorithm}, not {algorithm}")
        if compress and not resume.compressed:
            raise ValueError("the run to resume is not compressed, and cannot become so")
        spot, compress = resume.spot, resume.compressed
    if spot is None:
        raise ValueError("solve needs a spot or a solution to resume")
    if threads is not None and threads < 1:
        raise ValueError(f"threads must be 1 or more, not {threads}")
    if iterations is None and target is None and time is None:
        target = DEFAULT_TARGET
    limits = Limits(iterations, None if target is None else chips(target, spot.middle), time)
    chosen = resume.method if resume is not None else _method(algorithm, iterations)
    workers = threads or cores()
    laid = resume.layout if resume is not None else places.lay_out(spot)
    need, free = footprint(laid.game, compress), available()
    if on_memory is not None:
        on_memory(need)
    if need > free:
        advice = "fewer bet sizes" if compress else "--compress (compress=True) halves it, and fewer bet sizes"
        raise ValueError(
            f"the run needs {size_text(need)} of memory and {size_text(free)} are free: {advice} would help"
        )
    solver = SubgameCFR(laid.game, spot.pot, VARIANTS[chosen.algorithm], chosen.horizon, compress, workers)
    if resume is not None:
        solver.restore(resume.state, resume.iterations)

    def solution(result: Result) -> SpotSolution:
        solved = SpotSolution(
            spot=spot,
            method=chosen,
            iterations=solver.iterations,
            seconds=result.trace[-1].seconds if result.trace else 0.0,
            stopped_by=result.stopped_by,
            value=result.judgement.value,
            best=result.judgement.best,
            trace=result.trace,
            state=solver.state(),
            threads=workers,
        )
        vars(solved).update(layout=laid, _run=solver)  # they need not be built again
        return solved

    def keep(result: Result) -> None:
        assert checkpoint is not None
        solution(result).save(checkpoint)

    before = resume.trace if resume is not None else ()
    return solution(run(solver, limits, before, on_progress, None if checkpoint is None else keep, _GROWTH, aim=True))


def _method(algorithm: str, iterations: int | None) -> Method:
    """Return the method that a name stands for on spots."""
    check_algorithm(algorithm)
    name = "dcfr3" if algorithm == "auto" else algorithm
    if name not in VARIANTS or VARIANTS[name].step:
        fitting = ", ".join(v.name for v in VARIANTS.values() if not v.step)
        raise ValueError(f"hold'em spots are solved by a regret minimiser without prediction ({fitting}), not {name}")
    if VARIANTS[name].scheduled and iterations is None:
        raise ValueError(f"{name} stretches its schedule over the run: give the number of iterations")
    return Method(name, updates="alternating", horizon=(iterations or 0) if VARIANTS[name].scheduled else 0)
