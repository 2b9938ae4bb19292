"""Hold'em spots: from a spot to its solution, its file, and a view of any of its decisions.

Values are chips of the starting pot and of what is won beyond it, player 0 out of position (OOP); exploitability is
NashConv divided by two, in chips and in per cent of the starting pot, blinds included.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.api.export import as_csv, card, claims, version
from counterplay.api.keeping import answered, keeper
from counterplay.api.solution import HOLDEM, Solution, not_comparable
from counterplay.api.unchangeable import Unchangeable
from counterplay.api.view import View, decided
from counterplay.engine import arguments, schema
from counterplay.engine.errors import UserError
from counterplay.engine.store import pack, write
from counterplay.engine.streets import Subgame, Tables, part_sizes, work_bytes
from counterplay.engine.system import available, cores, interrupts, resident
from counterplay.engine.text import as_json, count, size, small
from counterplay.games.holdem import old, places
from counterplay.games.holdem.betting import PLAYERS, seat
from counterplay.games.holdem.cards import format_cards
from counterplay.games.holdem.facts import figures as spot_figures
from counterplay.games.holdem.facts import stakes, without_raises
from counterplay.games.holdem.layout import StreetLayout
from counterplay.games.holdem.lines import standing
from counterplay.games.holdem.spot import Spot, parse_spot, to_toml
from counterplay.games.holdem.trees import NEXT
from counterplay.solvers.run import Check, Ending, Limits, Method, Progress, Unit, check_algorithm, run
from counterplay.solvers.streets.cfr import SubgameCFR, check_tables
from counterplay.solvers.value import Judgement, exploitability, nash_conv
from counterplay.solvers.variants import VARIANTS

DEFAULT_TARGET = "0.5%"
_LITTLE = 16 * 2**20  # bytes that are there: nobody asks the system for each of a thousand rivers
_CODE = 6 * 2**20  # bytes that come beside tables and working memory, once the layout is there: the kernels' code
_GROWTH = 1.5  # of the iterations between two judgements, which cost up to two iterations each


def chips(target: float | str, pot: float) -> float:
    """Return a target in chips, given as chips or as per cent of the pot ("0.5%"); raises `ValueError`."""
    text = str(target).strip()
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        raise UserError(f"the target must be chips or per cent of the pot, such as 0.5%, not {target!r}") from None
    return number * pot / 100 if text.endswith("%") else number


def footprint(game: Subgame, compress: bool) -> int:
    """Return the bytes of the tables of a run; saving takes none beyond them."""
    return game.entries * (4 if compress else 8) + (8 * game.decisions if compress else 0)


@dataclass(frozen=True, eq=False, repr=False)
class SpotSolution(Unchangeable):
    """Both players' average strategies in a spot, how they were found, and what they were judged to be worth."""

    spot: Spot
    method: Method
    iterations: int
    seconds: float
    stopped_by: str
    value: tuple[float, ...]  # expected values in chips, OOP first; together the pot less rake
    best: tuple[float, ...]  # what each player's best response would earn
    trace: tuple[Check, ...]  # exploitability in chips
    state: Mapping[str, npt.NDArray[Any]] = field(repr=False)  # the tables that a resumed run goes on from
    threads: int = 1

    kind = HOLDEM

    @property
    def game(self) -> str:
        """Return what the spot is called."""
        return self.spot.name

    @property
    def algorithm(self) -> str:
        """Return the name of the algorithm that ran."""
        return self.method.algorithm

    @property
    def nash_conv(self) -> float:
        """Return what both players could gain by best responses, in chips, summed."""
        return nash_conv(self.value, self.best)

    @property
    def exploitability(self) -> float:
        """Return NashConv divided by two, in chips."""
        return exploitability(self.value, self.best)

    @property
    def exploitability_percent_pot(self) -> float:
        """Return exploitability in per cent of the starting pot."""
        return 100 * self.exploitability / self.spot.middle

    @property
    def figures(self) -> dict[str, Any]:
        """Return further figures and what is locked, by name."""
        locks = {"locked_nodes": [fixed.line.text for fixed in self.spot.locked]} if self.spot.locks else {}
        return {"exploitability_percent_pot": self.exploitability_percent_pot, "spot": spot_figures(self.spot), **locks}

    @property
    def compressed(self) -> bool:
        """Tell whether the tables are in 16 bits."""
        return bool(self.state["total"].dtype == np.int16)

    @cached_property
    def layout(self) -> StreetLayout:
        """Return the spot's subgame, laid out again."""
        return places.lay_out(self.spot)

    @cached_property
    def _tables(self) -> Tables:
        """Return the tables once they fit the spot; raises `ValueError` if they do not."""
        tables = check_tables(self.layout.game, self.held)
        return Tables(*(table if table.flags.writeable else table.copy() for table in tables))

    @cached_property
    def _run(self) -> SubgameCFR:
        return self._run_on(self.layout)

    def _run_on(self, laid: StreetLayout) -> SubgameCFR:
        game, kept = laid.game, self._tables
        return SubgameCFR(game, self.spot.pot, VARIANTS[self.algorithm], threads=self.threads, kept=kept)

    def _seated(self, first: "SpotSolution", second: "SpotSolution") -> SubgameCFR:
        """Return a run to look at in which OOP plays the one solution's strategy and IP the other's."""
        game, other = self.layout.game, second._tables
        total, scales = first._tables.total.copy(), first._tables.total_scale.copy()
        betting, played = game.templates, game.instances
        sizes = part_sizes(game)
        for i, t in enumerate(played.template.tolist()):
            low, middle, high = (int(d) for d in betting.decisions[t])
            start = int(played.base[i])
            end = start + int(sizes[i])
            start += int(betting.actions[t, 0]) * int(game.boards.columns[played.board[i], 0])  # player 1's part
            total[start:end] = other.total[start:end]
            if scales.size:
                at = int(played.scale[i])
                part = slice(at + middle - low, at + high - low)
                scales[part] = other.total_scale[part]
        kept = Tables(total, total, scales, scales)
        return SubgameCFR(game, self.spot.pot, VARIANTS[self.algorithm], threads=self.threads, kept=kept)

    def judge(self) -> Judgement:
        """Measure the strategies again, from the spot: expected values and best responses, in chips."""
        return self._run.judge()

    @cached_property
    def free_best(self) -> tuple[float, float]:
        """Return what each player's best response would earn if its own locks did not bind it: the other's still do."""
        if not self.spot.locks:
            one, two = self.best
            return one, two
        runs = [self._run_on(places.holding(self.spot, self.layout, 1 - p)) for p in range(2)]
        one, two = (run.judge().best[p] for p, run in enumerate(runs))
        return one, two

    def at(self, line: str = "", hand: str | None = None) -> Any:
        """Return the `View` of the decision that a line such as "check bet 30 call [Ah]" leads to.

        With a hand, a combo such as "AsKs" or hands such as "AKs", return what who acts does with it, a dictionary from
        action to probability. Cards in brackets go on to the next street, and their suits need not be those that were
        solved. Raises `ValueError` for what is not possible.
        """
        view = self.view(line)
        return view if hand is None else view.of(hand)

    def view(self, line: str = "") -> View:
        """Return the decision that a line leads to, as `at` does."""
        laid = self.layout
        place = places.find(self.spot, laid, arguments.text("line", line))
        found = decided(self._run, laid, place, places.lanes(laid, place))
        fixed = self.spot.locked_at(place.line.text)[laid.combos[found["player"]]]
        return View(**found, locked=fixed, _solution=self)

    def after(self, line: str = "") -> list[tuple[int, View]]:
        """Return the next decision for each card that may come after a line that ends a street, by card."""
        place = places.find(self.spot, self.layout, arguments.text("line", line))
        tree = places.betting(self.layout, place)
        if tree.kind[place.line.node] != NEXT:
            now = standing(tree, place.line.node)
            raise UserError(f"a report is of a line that ends a street, such as 'check check': there {now}")
        if tree.start.street == 0:
            raise UserError(f"a report goes card by card, and after {line!r} three come at once: name them in brackets")
        rest = [card for card in self.spot.deck.cards[::-1] if card not in place.line.board]
        return [(card, self.view(f"{line} [{format_cards([card])}]")) for card in rest]

    def rows(self, line: str = "", player: int | str | None = None) -> list[dict[str, Any]]:
        """Return the combos of a player, or of who acts, at a decision: a dictionary each, of the same keys.

        `pandas.DataFrame` takes them; strategy and worth of each action have columns of their own.
        """
        view = self.view(line)
        flat = []
        for row in view.rows(player):
            odds, worth = row.pop("strategy", {}), row.pop("action_ev", {})
            flat.append({**row, **odds, **{f"ev {action}": x for action, x in worth.items()}})
        return flat

    def export(self, to: str = "csv", *, line: str | None = None, player: int | str | None = None) -> str:
        """Return a decision's combos as text, "csv" or "json": weight, reach, EV, equity and strategy.

        It is the decision after a line of play, the first one by default; the combos are a player's, or of who acts.
        Where nobody gets, probabilities are empty. Raises `ValueError` for what is not possible.
        """
        view, player = self.view(line or ""), seat(player)
        if to == "csv":
            actions = view.actions if player in (None, view.player) else ()
            figures = ("weight", "reach", "note", "ev", "equity", "realisation")
            columns = ("combo", *figures, *actions, *(f"ev {a}" for a in actions))
            rows = [{name: row[name] for name in columns} for row in self.rows(line or "", player)]
            return as_csv(rows, columns)
        if to == "json":
            told = {**claims(self), **view.summary(), "combos": view.rows(player)}
            return as_json(told, indent=1) + "\n"
        raise UserError(f"solutions are exported to csv or json, not to {to!r}")

    def against(self, other: "SpotSolution") -> tuple[tuple[float, ...], ...]:
        """Return both players' exact expected values with this strategy in one seat and `other` in the other one.

        Entry p is the values, in chips, with this strategy in seat p. Raises `ValueError` if the spots differ.
        """
        if not isinstance(other, Solution):
            raise UserError(f"against takes a solution, as solve and load return it, not {type(other).__name__}")
        if not isinstance(other, SpotSolution) or other.spot != self.spot:
            raise not_comparable(self, other)
        if other.compressed != self.compressed:
            raise UserError("one of the solutions is in 16 bits and the other is not: they cannot share a table")
        one, two = (self._seated(a, b).judge().value for a, b in ((self, other), (other, self)))
        return one, two

    def facts(self) -> list[tuple[str, str]]:
        """Return what there is to say of the solution in a few lines."""
        percent = f"{small(self.exploitability_percent_pot)} % of the pot"
        return [
            ("spot", self.game),
            ("stakes", stakes(self.spot)),
            ("algorithm", f"{self.algorithm}, {count(self.iterations, 'iteration')}"),
            ("EV", ", ".join(f"{p.upper()} {x:z.3f}" for p, x in zip(PLAYERS, self.value, strict=True))),
            ("exploitability", f"{percent} ({small(self.exploitability)} chips)"),
        ]

    def __repr__(self) -> str:
        return card(self.facts())

    def _repr_html_(self) -> str:
        return card(self.facts(), html=True)

    def save(self, path: str | Path, *, sync: bool = True) -> None:
        """Write the solution to one file, whole or not at all; `sync` as `engine.writing.replacing` has it."""
        header = {
            "version": version(),
            "kind": HOLDEM,
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
        write(arguments.path("path", path), {"spot": pack([to_toml(self.spot)]), **state}, header, sync=sync)


def read(path: str | Path, arrays: dict[str, npt.NDArray[Any]], header: dict[str, Any]) -> SpotSolution:
    """Return the solution in a file whose arrays and header were read; raises `ValueError` for one that is damaged."""
    try:
        solution = _solution(arrays, schema.convert(header, schema.SolutionHeader, "the header"))
        if header["format"] > old.FORMAT:
            return solution
        laid = solution.layout
        converted = replace(solution, state=old.by_board(laid, solution.state))
        vars(converted).update(layout=laid)
        return converted
    except UserError as error:
        raise UserError(f"{path} is a solution file with parts missing or damaged: {error}") from None


def _solution(arrays: dict[str, npt.NDArray[Any]], header: schema.SolutionHeader) -> SpotSolution:
    """Return a solution of what a file holds, once it is one in itself; raises `ValueError` if not.

    Whether its tables fit the spot is seen when that is laid out (`check_tables`).
    """
    schema.check_names(arrays, ("spot", *(f"state.{name}" for name in Tables._fields)), "the file")
    texts = schema.strings(arrays.get("spot", pack([])), "the spot")
    if len(texts) != 1 or len(header.value) != 2:
        raise UserError("it is not of one spot and two players")
    state = {name: arrays[f"state.{name}"] for name in Tables._fields if f"state.{name}" in arrays}
    if not {"regret", "total"} <= set(state):
        raise UserError("it has no tables")
    method = header.method
    if method.algorithm not in VARIANTS or VARIANTS[method.algorithm].step:
        raise UserError(f"hold'em spots are not solved by {method.algorithm!r}")
    return SpotSolution(
        spot=parse_spot(texts[0], solved=True),
        method=Method(method.algorithm, method.updates, method.temperature, method.horizon),
        iterations=header.iterations,
        seconds=header.seconds,
        stopped_by=header.stopped_by,
        value=tuple(header.value),
        best=tuple(header.best),
        trace=tuple(Check(*point) for point in header.trace),
        state=state,
        threads=cores(),
    )


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
    on_size: Callable[[str], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> SpotSolution:
    """Solve a spot as `counterplay.solve` does games; raises `ValueError` for what does not fit."""
    if resume is not None:
        if spot not in (None, resume.spot):
            raise UserError(f"the run to resume is of another spot, {resume.game}")
        if algorithm not in ("auto", resume.algorithm):
            raise UserError(f"the run to resume is by {resume.algorithm}, not {algorithm}")
        if compress and not resume.compressed:
            raise UserError("the run to resume is not compressed, and cannot become so")
        spot, compress = resume.spot, resume.compressed
    if spot is None:
        raise UserError("solve needs a spot or a solution to resume")
    if iterations is None and target is None and time is None:
        target = DEFAULT_TARGET
    limits = Limits(iterations, None if target is None else chips(target, spot.middle), time)
    if resume is not None:
        arguments.further(resume.iterations, limits.iterations)
    chosen = resume.method if resume is not None else method_of(algorithm, iterations)
    workers = threads or cores()
    laid = resume.layout if resume is not None else places.lay_out(spot)
    tables = footprint(laid.game, compress)
    need = tables + work_bytes(laid.game, workers) + _CODE
    if on_size is not None:
        missing = without_raises(spot)
        told = f" · no raises on the {' and '.join(missing)}" if missing else ""
        on_size(f"{stakes(spot)}{told}: {size(tables)} of tables, {size(resident() + need)} of memory in all")
    if need > _LITTLE and need > (free := available()):
        advice = "fewer bet sizes" if compress else "--compress (compress=True) halves it, and fewer bet sizes"
        raise UserError(f"the run needs {size(need)} of memory and {size(free)} are free: {advice} would help")
    solver = SubgameCFR(laid.game, spot.pot, VARIANTS[chosen.algorithm], chosen.horizon, compress, workers)
    if resume is not None:
        solver.restore(dict(resume.state), resume.iterations)

    def solution(ending: Ending) -> SpotSolution:
        solved = SpotSolution(
            spot=spot,
            method=chosen,
            iterations=solver.iterations,
            seconds=ending.trace[-1].seconds if ending.trace else 0.0,
            stopped_by=ending.stopped_by,
            value=ending.judgement.value,
            best=ending.judgement.best,
            trace=ending.trace,
            state=solver.state(),
            threads=workers,
        )
        vars(solved).update(layout=laid, _run=solver)  # they need not be built again
        return solved

    before = resume.trace if resume is not None else ()
    unit = Unit(100 / spot.middle, " % of pot")
    with interrupts() as stop:
        keep = keeper(solution, checkpoint)
        solved = solution(run(solver, limits, before, on_progress, keep, _GROWTH, aim=True, unit=unit))
    return answered(solved, checkpoint, stop)


def method_of(algorithm: str, iterations: int | None) -> Method:
    """Return the method that a name stands for on spots."""
    check_algorithm(algorithm)
    name = "dcfr3" if algorithm == "auto" else algorithm
    if name not in VARIANTS or VARIANTS[name].step:
        fitting = ", ".join(v.name for v in VARIANTS.values() if not v.step)
        raise UserError(f"hold'em spots are solved by a regret minimiser without prediction ({fitting}), not {name}")
    if VARIANTS[name].scheduled and iterations is None:
        raise UserError(f"{name} stretches its schedule over the run: give the number of iterations")
    return Method(name, updates="alternating", horizon=(iterations or 0) if VARIANTS[name].scheduled else 0)
