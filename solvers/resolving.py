"""Continual re-solving: a strategy that is worked out where play gets, a level of public states at a time.

The *trunk*, from the root to a horizon, is solved with an evaluator for what lies behind it, or is that of a
*blueprint*, a strategy for the whole game. The public states at its horizon are the roots of the next level, which are
solved side by side in one forest: the player that re-solves comes with the range that its strategy so far gives it, and
its opponent with the range of the trunk or with what a gadget makes of it (`solvers.gadgets`). And so on, until the
game ends. What the opponent may claim as its alternative at a root is what it faced there over all iterations of the
level above, not what an evaluator says of the average: only the first is what the average strategy conceded.
Moravcik et al., Science 2017 (continual re-solving); Brown, Bakhtin, Lerer and Gong, NeurIPS 2020 (values at ranges).
Shape letters: B roots of a level, L net leaves, S sequences, W lanes.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.codes import Ints
from counterplay.engine.errors import UserError
from counterplay.engine.evaluator import Begin
from counterplay.engine.form import SequenceForm
from counterplay.engine.strategy import Table, Vector, to_table, to_vector, uniform
from counterplay.engine.subgames import Forest, Horizon, PublicStates, check_horizon, forest
from counterplay.engine.sweeps import normalise, realise
from counterplay.solvers.cfr import schedule
from counterplay.solvers.depth_limited import DepthLimited, responses
from counterplay.solvers.gadgets import NONE, REACH, Conceded, Gadget, check_gadget
from counterplay.solvers.node_values import node_values, reaches
from counterplay.solvers.value import seated
from counterplay.solvers.variants import VARIANTS, Variant

Values = npt.NDArray[np.float64]
_NEVER = 1e-60  # weights below it are those of lanes out of range, which solvers carry along


@dataclass(frozen=True)
class Settings:
    """How subgames are solved anew."""

    gadget: str = NONE
    horizon: Horizon = 2  # of the trunk, and of each level where there is an evaluator; without, levels go to the end
    iterations: int = 500  # of each level
    variant: Variant = field(default_factory=lambda: VARIANTS["dcfr"])
    warm: float = 0.0  # iterations that the blueprint counts for, as a level's first strategy; 0: levels start uniform
    samples: int = 0  # without a gadget: so many times a level plays one of its iterations, drawn; 0: their average

    def __post_init__(self) -> None:
        check_gadget(self.gadget)
        check_horizon(self.horizon)
        if self.samples and self.gadget != NONE:
            raise UserError("iterations are drawn without a gadget; with one a level plays the average of all")


class Level(NamedTuple):
    """Public states to be solved next, side by side, and what is known of them."""

    roots: Ints  # [B]
    ranges: Values  # [B, 2, W] with which the players come there
    conceded: Conceded  # [B, W] each, of the opponent

    def only(self, chosen: Ints) -> "Level":
        """Return the level with these of its roots alone."""
        held = self.conceded
        conceded = Conceded(held.alternatives[chosen], held.gifts[chosen], held.possible[chosen])
        return Level(self.roots[chosen], self.ranges[chosen], conceded)


class Resolving:
    """The re-solving player in one seat, and its strategy as far as it is written down.

    Without a gadget nothing depends on the seat: `table` holds both players' strategies. With one, those of the seat.
    `begin` is None where levels are solved to the end of the game; then there has to be a blueprint.
    """

    def __init__(
        self,
        states: PublicStates,
        seat: int,
        begin: Begin | None,
        blueprint: Table | None,
        settings: Settings,
        rng: np.random.Generator | None = None,
    ):
        self.states, self.seat, self.begin, self.blueprint, self.settings = states, seat, begin, blueprint, settings
        self.table, self._rng = uniform(states.tree), rng or np.random.default_rng()
        self._trunk: Level | None = None
        self._solved: dict[int, Level] = {}  # by root, the level below it

    def whole(self) -> Table:
        """Solve every public state that can be reached, level by level; returns the strategy, [R, W]."""
        level = self.first()
        while len(level.roots):
            level = self.next(level)
        return self.table

    def at(self, node: int) -> None:
        """Solve what has to be solved to play at a node: of each level the subgame that it lies in, once."""
        if self._trunk is None:
            self._trunk = self.first()
        level = self._trunk
        while True:
            here = np.flatnonzero((level.roots <= node) & (node < level.roots + self.states.size[level.roots]))
            if not len(here):
                return
            root = int(level.roots[here[0]])
            if root not in self._solved:
                self._solved[root] = self.next(level.only(here))
            level = self._solved[root]

    def first(self) -> Level:
        """Write down the trunk and return the level below it."""
        settings, tree = self.settings, self.states.tree
        if self.blueprint is None:
            whole = np.stack([np.arange(tree.lanes) < len(hands) for hands in tree.hands]).astype(np.float64)
            return self._solve(Level(np.zeros(1, np.int64), whole[None], _nothing(tree.lanes)), NONE)
        trunk = forest(self.states, np.zeros(1, np.int64), settings.horizon)
        sigma = to_vector(trunk.form, self.blueprint)
        self._write(trunk, sigma)
        node = trunk.leaves.node
        reach, values = reaches(self.states, self.blueprint), node_values(self.states, self.blueprint, best=True)
        return self._below(trunk, realise(trunk.form, sigma), reach[node], values[node])

    def next(self, level: Level) -> Level:
        """Solve a level, write down its strategy, and return the level below it."""
        return self._solve(level, self.settings.gadget)

    def _solve(self, level: Level, gadget: str) -> Level:
        settings, seat = self.settings, self.seat
        trees = forest(self.states, level.roots, None if self.begin is None else settings.horizon)
        ranges, adapt = level.ranges.copy(), None
        ranges[ranges.sum(axis=2) <= 0] = 1.0  # the trunk never comes here, and so does not say with what
        if gadget != NONE:
            adapt = Gadget(gadget, 1 - seat, level.conceded)
            ranges[:, 1 - seat] = adapt.ranges()
        evaluator = self.begin(self.states.tree, trees.leaves.node) if self.begin and len(trees.leaves.node) else None
        solver = DepthLimited(trees, settings.variant, evaluator, ranges, horizon=settings.iterations, adapt=adapt)
        if settings.warm and self.blueprint is not None:
            solver.warm(to_vector(trees.form, self.blueprint), settings.warm)
        solver.advance(self._drawn() if settings.samples else settings.iterations)
        outcome = solver.outcome(average=not settings.samples)
        self._write(trees, outcome.sigma)
        return self._below(trees, outcome.plan, outcome.ranges, outcome.faced)

    def _drawn(self) -> int:
        """Return after how many iterations to play what there is, drawn with the weights of the average strategy."""
        factors = schedule(self.settings.variant, 0, self.settings.iterations, self.settings.iterations)[:, 2]
        weights = np.cumprod(np.append(1.0, factors[:0:-1]))[::-1]
        return int(self._rng.choice(len(weights), p=weights / weights.sum()))

    def _below(self, trees: Forest, plan: Vector, ranges: Values, values: Values) -> Level:
        """Return the level at the net leaves of a forest, with ranges and values [L, 2, W] there."""
        node, seat, opponent = trees.leaves.node, self.seat, 1 - self.seat
        ranges = np.where(ranges > _NEVER, ranges, 0.0)
        chance = self.states.chance(node)
        chance = chance if opponent == 0 else chance.transpose(0, 2, 1)  # [L, W of the opponent, W of the seat]
        weight = np.einsum("lij,lj->li", chance, ranges[:, seat, : chance.shape[2]])
        possible = np.zeros((len(node), trees.lanes), bool)
        possible[:, : weight.shape[1]] = weight > 0
        gifts = np.zeros((len(node), trees.lanes))
        if self.settings.gadget == REACH:
            gifts[:] = gifts_on_the_way(trees, plan, values, opponent)
        return Level(node, ranges, Conceded(values[:, opponent].copy(), gifts, possible))

    def _write(self, trees: Forest, sigma: Vector) -> None:
        """Put a forest's strategies into the table: both players', or with a gadget those of the seat."""
        form, tree = trees.form, self.states.tree
        row = form.row[form.empties :]
        self.table[row] = sigma.reshape(form.sequences, -1)[form.empties :, : tree.lanes]


def written(
    states: PublicStates,
    form: SequenceForm,
    begin: Begin | tuple[Begin, Begin] | None,
    blueprint: Table | None,
    settings: Settings,
    seed: int = 0,
) -> Table:
    """Return the strategy of a re-solving player in either seat, [R, W], every public state solved that it can reach.

    `form` is the tree's own; `begin` may be one for each seat. Where iterations are drawn the strategy is the mixture
    of what so many samples play: the average of their plans.
    """
    rng = np.random.default_rng(seed)

    def once() -> Table:
        if settings.gadget == NONE and not isinstance(begin, tuple):
            return Resolving(states, 0, begin, blueprint, settings, rng).whole()
        begins = begin if isinstance(begin, tuple) else (begin, begin)
        seats = (Resolving(states, p, begins[p], blueprint, settings, rng) for p in range(2))
        return seated(states.tree, [seat.whole() for seat in seats])

    if not settings.samples:
        return once()
    total = sum(realise(form, to_vector(form, once())) for _ in range(settings.samples))
    return to_table(form, states.tree, normalise(form, np.asarray(total)))


def _nothing(lanes: int) -> Conceded:
    """Return what is conceded where nothing was solved yet."""
    zeros = np.zeros((1, lanes))
    return Conceded(zeros, zeros, np.ones((1, lanes), bool))


def gifts_on_the_way(trees: Forest, plan: Vector, values: Values, opponent: int) -> Values:
    """Return what the opponent gave up at its decisions on the way to each net leaf, [L, W], against the plans.

    An action gives up what the best one earns more. What is given back below the action must not add up to more than
    that; so where several net leaves or further decisions of the opponent follow it (as chance or the other player will
    have it) each gets an equal share. `values` [L, 2, W] are those of the net leaves.
    """
    form, last = trees.form, trees.leaves.sequence[:, opponent]
    worth = responses(trees, plan, values, opponent)
    begin, end = int(form.begin[opponent]), int(form.begin[opponent + 1])
    following = np.bincount(form.parent[begin:end], minlength=form.sequences)
    share = 1 / np.maximum(following + np.bincount(last, minlength=form.sequences), 1)[:, None]
    gifts = np.zeros_like(worth)
    for d in range(begin, end):
        own, above = slice(int(form.first[d]), int(form.first[d + 1])), int(form.parent[d])
        gifts[own] = share[above] * gifts[above] + worth[own].max(axis=0) - worth[own]
    found: Values = (share * gifts)[last][:, : trees.lanes]
    return found
