"""How exploitable the average strategy of a regret minimiser may be after so many iterations, by its theorem.

All follow one way. Regret matching over n actions whose values at an information set differ by at most D keeps its
regret after T iterations under D sqrt(n - 1) sqrt(T): the squares of an iteration's regrets sum to at most (n - 1) D^2
(Hart and Mas-Colell 2000; Cesa-Bianchi and Lugosi 2006, section 2.1). D is here the range of the payoffs that can
follow the information set times the chance of getting there if everybody else wants to. The regret of a whole strategy
is at most the largest sum, over the owner's pure strategies, of the regrets of the information sets that these reach
(Zinkevich et al. 2007, theorem 3, with the sum over all information sets taken over those of one strategy alone, as in
Farina, Kroer and Sandholm 2019). With two players and a zero sum, NashConv of the average strategies is at most both
players' average regrets, alternating updates included (Burch, Moravcik and Schmid 2019), and exploitability half that.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from counterplay.api.testing.plain import Key
from counterplay.engine.errors import UserError
from counterplay.engine.rules import CHANCE, LEAF, histories

Bound = Callable[[Any, int], float]  # (rules, iterations) -> exploitability


class _Set(NamedTuple):
    """An information set as bounds need it."""

    above: tuple[Key, int] | None  # the owner's information set and move before
    moves: int
    reach: float  # the most that chance lets through to its states
    low: float  # the least and the most that its owner can be paid below it
    high: float


def cfr(rules: Any, iterations: int) -> float:
    """Return the bound of CFR with uniform averages (Zinkevich et al. 2007, theorem 4)."""
    return _total(rules, lambda n: math.sqrt(n - 1)) / math.sqrt(iterations)


def cfr_plus(rules: Any, iterations: int) -> float:
    """Return the bound of CFR+ with linear averages (Tammelin et al. 2015, theorem 2).

    Regrets that are cut off at 0 bound those of every later stretch of the run too, so weights that rise to T cost at
    most T times the bound of uniform ones, and they sum to T (T + 1) / 2.
    """
    return _total(rules, lambda n: math.sqrt(n - 1)) * 2 * math.sqrt(iterations) / (iterations + 1)


def linear(rules: Any, iterations: int) -> float:
    """Return the bound of linear CFR, whose regrets and averages weigh iteration t by t (Brown and Sandholm 2019).

    It is regret matching on payoffs that are t times as large: the root of the sum of t^2, over the sum of t.
    """
    t = iterations
    factor = math.sqrt(t * (t + 1) * (2 * t + 1) / 6) / (t * (t + 1) / 2)
    return _total(rules, lambda n: math.sqrt(n - 1)) * factor


def dcfr(rules: Any, iterations: int) -> float:
    """Return the bound of DCFR(3/2, 0, 2): 6 D (sqrt(n) + 1 / sqrt(T)) / sqrt(T) an information set.

    Brown and Sandholm 2019, theorem 3.
    """
    root = math.sqrt(iterations)
    return _total(rules, lambda n: 6 * (math.sqrt(n) + 1 / root)) / root


def mccfr(rules: Any, iterations: int, *, sure: float = 1 - 1e-6, least: float = 1.0) -> float:
    """Return what sampling keeps with probability `sure`; `least` is outcome sampling's least chance of a leaf.

    With 1 for `least` it is external sampling's. Sampled values are ranges of payoffs over `least`, whatever chance
    does; the regret that they leave and the true one differ by at most (M + M') sqrt(2 T ln(1 / p)) with probability
    1 - p, where M and M' are the ranges of a strategy's true and sampled values (Farina, Kroer and Sandholm 2020,
    proposition 1), for both players at once.
    """
    spread = [sum(_ranges(_sets(rules, p))) for p in range(2)]
    paid = _span(rules)
    sampled = sum(_regret(_sets(rules, p), lambda n: math.sqrt(n - 1) / least, chance=False) for p in range(2))
    apart = sum(min(s, paid) * (1 + 1 / least) for s in spread) * math.sqrt(2 * math.log(2 / (1 - sure)))
    return (sampled + apart) / 2 / math.sqrt(iterations)


BOUNDS: dict[str, Bound] = {"cfr": cfr, "cfr+": cfr_plus, "linear": linear, "dcfr": dcfr, "mccfr": mccfr}


def bound_of(bound: "str | float | Bound") -> Bound:
    """Return a bound as a function of rules and iterations; raises `UserError` for an unknown name."""
    if callable(bound):
        return bound
    if isinstance(bound, str):
        if bound not in BOUNDS:
            raise UserError(f"bounds are {', '.join(BOUNDS)}, a number or a function, not {bound!r}")
        return BOUNDS[bound]
    return lambda rules, iterations: float(bound)


def _total(rules: Any, cost: Callable[[int], float]) -> float:
    """Return half of both players' bounds, of a strategy over one iteration."""
    return sum(_regret(_sets(rules, p), cost) for p in range(2)) / 2


def _regret(sets: dict[Key, _Set], cost: Callable[[int], float], chance: bool = True) -> float:
    """Return the largest sum over a pure strategy of range times cost of the information sets that it reaches."""
    below: dict[tuple[Key, int] | None, list[Key]] = {}
    for key, found in sets.items():
        below.setdefault(found.above, []).append(key)

    def most(key: Key) -> float:
        found = sets[key]
        reach = found.reach if chance else 1.0
        here = reach * (found.high - found.low) * cost(found.moves) if found.moves > 1 else 0.0
        return here + max(sum(map(most, below.get((key, a), []))) for a in range(found.moves))

    return sum(map(most, below.get(None, [])))


def _ranges(sets: dict[Key, _Set]) -> list[float]:
    """Return the range of payoffs of the information sets that their owner reaches first."""
    return [found.high - found.low for found in sets.values() if found.above is None]


def _span(rules: Any) -> float:
    """Return the range of all payoffs of player 0."""
    game, paid, stack = histories(rules), list[float](), [histories(rules).root()]
    while stack:
        state = stack.pop()
        if game.turn(state) == LEAF:
            paid.append(float(game.payoffs(state)[0]))
        else:
            stack += [game.play(state, i) for i in range(len(game.moves(state)))]
    return max(paid) - min(paid)


def _sets(rules: Any, player: int) -> dict[Key, _Set]:
    """Return a player's information sets, parents first."""
    game, found = histories(rules), dict[Key, _Set]()

    def walk(state: Any, above: tuple[Key, int] | None, reach: float) -> tuple[float, float]:
        turn = game.turn(state)
        if turn == LEAF:
            paid = float(game.payoffs(state)[player])
            return paid, paid
        odds = game.chance(state) if turn == CHANCE else None
        key = (turn, game.sees(state, turn)) if turn == player else None
        moves = range(len(game.moves(state)))
        if key is not None and key not in found:
            found[key] = _Set(above, len(moves), 0.0, math.inf, -math.inf)
        ends = [
            walk(game.play(state, i), (key, i) if key is not None else above, reach * (odds[i] if odds else 1.0))
            for i in moves
            if not odds or odds[i] > 0
        ]
        low, high = min(e[0] for e in ends), max(e[1] for e in ends)
        if key is not None:
            old = found[key]
            found[key] = old._replace(
                reach=min(1.0, old.reach + reach), low=min(old.low, low), high=max(old.high, high)
            )
        return low, high

    walk(game.root(), None, 1.0)
    return found
