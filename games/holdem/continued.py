"""The rest of a spot as a spot of its own: what is played from a node on, by the ranges that get there.

A spot starts where a street does, with equal stacks. So the new one starts with the node's street, and what was done on
that street before the node is locked for all hands: nothing else happens there, and the ranges are those at the node.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError
from counterplay.games.holdem.betting import PLAYERS, BettingRules, FixedLimit
from counterplay.games.holdem.lines import LineOfPlay
from counterplay.games.holdem.locks import Lock
from counterplay.games.holdem.ranges import format_range, parse_range
from counterplay.games.holdem.spot import Spot, too_small
from counterplay.games.holdem.trees import Start, children
from counterplay.games.holdem.values import in_chips

DIGITS = 5  # of a weight: what 32-bit sums of it agree on, so that combos that differ in suits alone have one weight
LEAST = 1e-6  # of the largest weight of a range; below it hands are left out

F64 = npt.NDArray[np.float64]


def continued(spot: Spot, line: LineOfPlay, reach: tuple[F64, F64]) -> Spot:
    """Return what is played after a line as a spot of its own; `reach` is both players' weights there, f64[1326] each.

    Weights have five digits. Raises `ValueError` where a player has no hand.
    """
    before = line.passed[-1] if line.passed else None
    start = line.start
    aggressor = spot.aggressor if before is None else _aggressor(spot, before[0], before[1])
    lead = start.lead if before is not None else aggressor == "ip"
    ranges = _written(reach[0], line, 0), _written(reach[1], line, 1)
    new = replace(
        spot,
        board=line.board,
        ranges=ranges,
        pot=in_chips(start.pot, start.unit),
        stack=in_chips(start.stack, start.unit),
        betting=spot.betting if before is None else _from_street(spot, start, lead),
        aggressor=aggressor,
        locks=(),
    )
    return replace(new, locks=tuple(_locks(spot, line, new.weights)))


def _aggressor(spot: Spot, start: Start, node: int) -> str:
    """Return who bet last on a street that ended at a node: whom the other one called."""
    caller = int(spot.trees[start].caller[node])
    return PLAYERS[1 - caller] if caller >= 0 else ""


def _written(weights: F64, line: LineOfPlay, player: int) -> str:
    """Return a range as text, its weights rounded."""
    most = float(weights.max(initial=0.0))
    if most <= 0:
        raise UserError(f"{PLAYERS[player].upper()} has no hand after {line.text!r}, so nothing goes on from there")
    kept = np.where(weights < LEAST * most, 0.0, np.minimum(weights, 1.0))
    return format_range(np.array([float(f"{w:.{DIGITS}g}") for w in kept.tolist()]))


def _from_street(spot: Spot, start: Start, lead: bool) -> BettingRules:
    """Return the rules of betting from a later street on: without blinds, and amounts rounded as they were."""
    betting, first = spot.betting, start.street
    left = range(first, betting.last + 1)
    if isinstance(betting, FixedLimit):
        bets = tuple(bet if street in left else None for street, bet in enumerate(betting.bets))
        return replace(betting, bets=bets, blinds=(0, 0))
    menus = [pair if street in left else None for street, pair in enumerate(betting.menus)]
    if (pair := menus[first]) is not None:
        never = [(player, size) for player, size, _, _ in too_small(spot.trees[start], betting)]
        oop, ip = (
            menu._replace(raises=tuple(size for size in menu.raises if (player, size) not in never))
            for player, menu in enumerate(pair)
        )
        menus[first] = oop if lead else oop._replace(lead=None), ip
    return replace(betting, menus=tuple(menus), blinds=(0, 0), rounding=in_chips(1, start.unit))


def _locks(spot: Spot, line: LineOfPlay, weights: F64) -> Iterator[Lock]:
    """Yield a lock for each decision on the way to the node on its street, and the spot's own from the node on."""
    tree, streets = spot.trees[line.start], len(line.passed)
    way = [line.node]
    while way[-1] > 0:
        way.append(int(tree.parent[way[-1]]))
    way.reverse()
    done = [tree.action[node] for node in way[1:]]
    for k, action in enumerate(done):
        if len(children(tree, way[k])) > 1:
            yield Lock(" ".join(done[:k]), ((action, 1.0),))
    below = range(line.node, line.node + int(tree.size[line.node]))
    for lock, fixed in zip(spot.locks, spot.locked, strict=True):
        passed = fixed.line.passed
        node = passed[streets][1] if len(passed) > streets else fixed.line.node
        if _ways(passed[:streets]) != _ways(line.passed) or node not in below:
            continue
        held = (weights[fixed.player] > 0) & spot.deck.free(fixed.line.board)
        hands = tuple((text, mix) for text, mix in lock.hands if (held & (parse_range(text) > 0)).any())
        if lock.strategy or hands:
            yield lock._replace(node=_rest(fixed.line.text, streets), hands=hands)


def _ways(passed: tuple[tuple[Start, int, tuple[int, ...]], ...]) -> list[tuple[int, list[int]]]:
    """Return what was done and dealt on streets, whatever the order of their cards."""
    return [(node, sorted(cards)) for _, node, cards in passed]


def _rest(text: str, streets: int) -> str:
    """Return what follows in a line after so many streets and the cards that end them."""
    for _ in range(streets):
        text = text.partition("]")[2]
    return text.strip()
