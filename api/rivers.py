"""The same betting on many rivers: all boards at once on a GPU, or many at a time on the CPU's cores."""

from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.api.river_runs import Rivers, together
from counterplay.api.spots import DEFAULT_TARGET, SpotSolution, chips, method_of
from counterplay.api.spots import solve as solve_spot
from counterplay.engine import arguments
from counterplay.engine.compiling import clock
from counterplay.engine.errors import UserError
from counterplay.engine.streets import root_lanes
from counterplay.engine.system import cores, interrupts
from counterplay.engine.text import count, size
from counterplay.games import GAMES
from counterplay.games.holdem.cards import parse_cards
from counterplay.games.holdem.places import lay_out
from counterplay.games.holdem.spot import Spot
from counterplay.games.holdem.strength import strengths
from counterplay.solvers.cfr import schedule
from counterplay.solvers.run import Check
from counterplay.solvers.value import Judgement
from counterplay.solvers.variants import VARIANTS

_GROWTH = 1.5  # of the iterations between two judgements


def solve_rivers(
    spot: Any,
    boards: Iterable[str],
    algorithm: str = "auto",
    *,
    iterations: int | None = None,
    target: float | str | None = None,
    device: str = "auto",
    on_progress: Callable[[str], None] | None = None,
) -> list[SpotSolution]:
    """Solve a river spot's ranges and betting on each of some boards, such as "Ks 9d 4c 7h 2s"; return their solutions.

    They are as `counterplay.solve` gives them: to show, judge, save, play and resume. It ends on each board by
    `iterations` or once exploitability is below `target`, chips or per cent of the pot ("0.5%", the default). On a GPU
    (`device` "cuda", or "auto" where there is one) as many boards as fit take each iteration together, until the last
    of them is done. Ctrl-C raises `KeyboardInterrupt`, whose `result` is what was solved so far, the last of it as far
    as it got (`stopped_by`). Raises `ValueError` for what is no river, and for a board on which a player has no hand.
    """
    given = GAMES.make(spot)
    if not isinstance(given, Spot) or len(given.board) != given.deck.board[given.betting.last] or given.locks:
        raise UserError("many boards at once are those of a hold'em spot on its last street, without locks")
    cards = [parse_cards(arguments.text("a board", board), given.deck) for board in boards]
    if iterations is not None:
        arguments.whole("iterations", iterations, 1)
    elif target is None:
        target = DEFAULT_TARGET
    tell = (lambda _: None) if on_progress is None else arguments.function("on_progress", on_progress)
    chosen = _gpu(device)
    spots = [given.on(board) for board in cards]
    if chosen is None:
        return _on_threads(given, spots, algorithm, iterations, target, tell)
    return solve_together(spots, algorithm, iterations, target, chosen, tell)


def _on_threads(
    spot: Spot,
    spots: list[Spot],
    algorithm: str,
    iterations: int | None,
    target: float | str | None,
    tell: Callable[[str], None],
) -> list[SpotSolution]:
    """Solve a spot on other boards on all cores: together, or those that cannot be so one after another."""
    solved, fitting = list[SpotSolution](), together(spot, len(spots), iterations)
    rivers = Rivers(spot, [each.board for each in spots], algorithm, iterations, target, cores())
    with closing(rivers), interrupts() as stop:
        for some in rivers.solve(spots, stop) if fitting else [[None]] * len(spots):
            for found in some:
                alone = spots[len(solved)]
                solved.append(
                    found.solution if found else solve_spot(alone, algorithm, iterations=iterations, target=target)
                )
            tell(f"{count(len(solved), 'board')} of {len(spots)}")
            if stop():
                break
    stop.again(solved)
    return solved


def _gpu(device: str) -> Any:
    """Return the GPU that a name stands for; None for the CPU, which needs no PyTorch."""
    try:
        from counterplay.agents.nn.device import choose
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        if device not in ("auto", "cpu"):
            raise UserError('many boards at once need PyTorch: pip install "counterplay[learn]"') from None
        return None
    found = choose(device)
    return None if found.type == "cpu" else found


def solve_together(
    spots: list[Spot],
    algorithm: str,
    iterations: int | None,
    target: float | str | None,
    device: Any,
    tell: Callable[[str], None],
) -> list[SpotSolution]:
    """Solve spots that differ in their boards alone together, as many at a time as fit, on a device of PyTorch's."""
    from counterplay.agents.nn.device import free as free_on
    from counterplay.agents.rivers import Rivers, betting

    if not spots:
        return []
    sides = betting(*lay_out(spots[0]).game[2:4], device)
    hands = [np.flatnonzero(np.any([each.weights[p] > 0 for each in spots], axis=0)) for p in range(2)]
    each = Rivers.nbytes(sides, (len(hands[0]), len(hands[1])))
    free = free_on(device)
    most = int(0.8 * free // each)
    if not most:
        raise UserError(f"a board takes {size(each)} of the device's memory, and {size(free)} are free")
    solved = list[SpotSolution]()
    with interrupts() as stop:
        for begin in range(0, len(spots), most):
            some = spots[begin : begin + most]
            solved += _batch(some, sides, hands, algorithm, iterations, target, device, stop)
            tell(f"{count(len(solved), 'board')} of {len(spots)}")
            if stop():
                break
    stop.again(solved)
    return solved


def _batch(
    spots: list[Spot],
    sides: Any,
    hands: list[npt.NDArray[np.int64]],
    algorithm: str,
    iterations: int | None,
    target: float | str | None,
    device: Any,
    stop: Any,
) -> list[SpotSolution]:
    from counterplay.agents.rivers import Rivers

    spot, method = spots[0], method_of(algorithm, iterations)
    variant, began = VARIANTS[method.algorithm], clock()
    cards = [spot.deck.hands[numbers].astype(np.uint8) for numbers in hands]
    ranks = [np.stack([strengths(each.board, numbers, spot.deck) for each in spots]) for numbers in hands]
    weights = [
        np.stack([each.weights[p][numbers] for each in spots]).astype(np.float32) for p, numbers in enumerate(hands)
    ]
    run = Rivers(sides, (cards[0], cards[1]), (ranks[0], ranks[1]), (weights[0], weights[1]), device)
    aim = None if target is None else chips(target, spot.middle)
    half = spot.pot / 2
    traces, pause = [list[Check]() for _ in spots], 1
    while True:
        left = pause if iterations is None else iterations - run.iterations
        run.advance(schedule(variant, run.iterations, min(pause, left), method.horizon))
        stop.arm()
        worth, seconds = run.judge(), clock() - began
        judged = [
            Judgement(tuple((v + half).tolist()), tuple((b + half).tolist()))
            for v, b in zip(worth.value, worth.best, strict=True)
        ]
        for trace, found in zip(traces, judged, strict=True):
            trace.append(Check(run.iterations, seconds, found.exploitability))
        done = iterations is not None and run.iterations >= iterations
        if stop() or done or (aim is not None and max(found.exploitability for found in judged) <= aim):
            break
        pause = max(1, int(run.iterations * (_GROWTH - 1)))
    reason = "iterations" if done else "interrupt" if stop() else "target"
    tables = run.tables()
    return [
        SpotSolution(
            spot=each,
            method=method,
            iterations=run.iterations,
            seconds=seconds / len(spots),
            stopped_by=reason,
            value=judged[k].value,
            best=judged[k].best,
            trace=tuple(traces[k]),
            state=_state(each, hands, [[part[p][k] for p in range(2)] for part in tables]),
        )
        for k, each in enumerate(spots)
    ]


def _state(
    spot: Spot, hands: list[npt.NDArray[np.int64]], tables: list[list[npt.NDArray[np.float32]]]
) -> dict[str, npt.NDArray[Any]]:
    """Return a board's tables as the walker has them: by its lanes, those of the hands that the board leaves."""
    laid = lay_out(spot)
    lanes = [np.searchsorted(hands[p], laid.combos[p][root_lanes(laid.game, 0, p)]) for p in range(2)]
    regret, total = (np.concatenate([part[p].take(lanes[p], axis=1).ravel() for p in range(2)]) for part in tables)
    none = np.zeros(0, np.float32)
    return {"regret": regret, "total": total, "regret_scale": none, "total_scale": none}
