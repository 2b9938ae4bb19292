"""Many rivers at once: regret minimisation on one betting tree over a batch of boards, as tensors on any device.

The algorithm is that of `solvers/cfr.py` with alternating updates, and values are those of `solvers/streets`: chips
against half the pot each. All boards take each step together, in kernels of `nn.kernels` on a GPU: a showdown sweep
over all leaves, then regret matching level by level. One river keeps a processor's core busy; a GPU wants hundreds.

Shape letters: B boards, P players (2), L leaves, S rows of a player (its empty sequence, then its actions, level by
level), D decisions of a level, W lanes of a player: its hands, the same on all boards, and of no weight on those that
take a card of theirs.
"""

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from counterplay.agents.nn.kernels import regrets, showdown
from counterplay.engine.errors import UserError

if TYPE_CHECKING:  # what reads Numba is not needed to run here
    from counterplay.engine.streets import Leaves, Templates

_FOLD, _SHOWDOWN = 0, 1  # kinds of leaves, as `engine.streets` numbers them
TABLES = 6  # of [B, S, W] numbers that a player has: regrets, averages, strategy, plan, values, and one on the way
BEFORE_CAPTURE = 2  # iterations that run before a CUDA graph is made of one


class Level(NamedTuple):
    """Decisions of a player that have equally many of its own before them."""

    first: Tensor  # i32 [D + 1] the rows of decision d are first[d] .. first[d + 1]
    parent: Tensor  # i64 [rows] the row that leads to each row's decision
    up: Tensor  # f32 [S, D] 1 where a row leads to a decision
    bounds: tuple[int, ...]  # `first`, here


class Side(NamedTuple):
    """A player's part of the betting."""

    levels: tuple[Level, ...]
    rows: int  # S
    most: int  # actions of a decision
    place: npt.NDArray[np.int64]  # [actions] the row of each action, in the order of the templates
    last: Tensor  # i64 [L] the player's last row at each leaf
    ends: Tensor  # f32 [S, L] 1 where a row is the last one at a leaf
    pays: Tensor  # f32 [L, 3] of a win and a loss beyond a tie, and of a tie, to the player


class Sides(NamedTuple):
    """The betting of a street, for both players."""

    one: Side
    two: Side


Leaf = tuple[tuple[int, int], tuple[float, float, float], bool]  # both players' last rows, what it pays, if by a fold
Decision = tuple[int, int, int]  # the row that leads there, its first row, its number of actions


def betting(templates: "Templates", leaves: "Leaves", device: torch.device) -> Sides:
    """Return the betting of a game of one street; raises `UserError` for one that goes on."""
    if len(templates.entries) != 1 or int(templates.entries[0]) != 1 or len(templates.ends) > 1:
        raise UserError("many boards at once are solved on the last street alone")
    none, bounds = int(templates.sequences[0]), leaves.bounds.tolist()
    bound = templates.decisions[0].tolist()
    # A player's sequences are numbered as its rows, but for where they begin: after both arrivals, and the other's.
    begins = [int(templates.first[low]) - 1 if low < high else 0 for low, high in pairwise(bound)]

    def row(p: int, sequence: int) -> int:
        return 0 if sequence == p else sequence - begins[p]

    ends = list[Leaf]()
    for kind in (_FOLD, _SHOWDOWN):
        for block in range(bounds[kind], bounds[kind + 1]):
            for j in range(leaves.last.shape[2]):
                one, two = leaves.last[block, :, j].tolist()
                if (one, two) != (none, none):
                    win, lose, tie = leaves.pays[block, :, j].tolist()
                    ends.append(((row(0, one), row(1, two)), (win, lose, tie), kind == _FOLD))
    columns = templates.parent.tolist(), templates.first.tolist(), templates.size.tolist()
    rows = list(zip(*columns, strict=True))
    decisions = [
        [(row(p, parent), row(p, first), size) for parent, first, size in rows[low:high]]
        for p, (low, high) in enumerate(pairwise(bound))
    ]
    return Sides(*(side_of(decisions[p], ends, p, device) for p in range(2)))


def side_of(decisions: list[Decision], leaves: list[Leaf], p: int, device: torch.device) -> Side:
    """Return player p's part of a betting tree: its decisions, parents first, whose rows follow one another from 1 on.

    Rows are put in another order, level by level; `place` says which. A fold pays player 0 and player 1, a showdown
    its winner, its loser and each player of a tie.
    """
    depth, owner = list[int](), dict[int, int]()
    for d, (parent, first, size) in enumerate(decisions):
        depth.append(depth[owner[parent]] + 1 if parent else 0)
        owner.update(dict.fromkeys(range(first, first + size), d))
    order = sorted(range(len(decisions)), key=depth.__getitem__)
    place = np.zeros(1 + len(owner), np.int64)
    rows = 1
    for d in order:
        _, first, size = decisions[d]
        place[first : first + size] = np.arange(rows, rows + size)
        rows += size

    def of(numbers: Any, kind: torch.dtype) -> Tensor:
        return torch.tensor(np.array(numbers), dtype=kind, device=device)

    def matrix(rows_of: Any) -> Tensor:
        made = torch.zeros(rows, len(rows_of))
        made[rows_of, torch.arange(len(rows_of))] = 1.0
        return made.to(device)

    levels, at = list[Level](), 1
    for number in range(max(depth, default=-1) + 1):
        chosen = [decisions[d] for d in order if depth[d] == number]
        sizes = [size for *_, size in chosen]
        bounds = np.cumsum([at, *sizes])
        led = place[[parent for parent, *_ in chosen]]
        led_by = of(np.repeat(led, sizes), torch.int64)
        levels.append(Level(of(bounds, torch.int32), led_by, matrix(led), tuple(bounds.tolist())))
        at = int(bounds[-1])
    last = place[[ends[p] for ends, *_ in leaves]]
    pays = [(0.0, 0.0, x[p]) if fold else (x[0] - x[2], x[1] - x[2], x[2]) for _, x, fold in leaves]
    most = max((size for *_, size in decisions), default=1)
    return Side(tuple(levels), rows, most, place[1:], of(last, torch.int64), matrix(last), of(pays, torch.float32))


class Worth(NamedTuple):
    """What strategies are worth on each board, in chips against half the pot each; f64 [B, P]."""

    value: npt.NDArray[np.float64]
    best: npt.NDArray[np.float64]  # of best responses


class Rivers:
    """A run on a batch of boards.

    `cards` are both players' hands, u8 [W, 2] each; `strength`, i32 [B, W] each, how strong they are on each board, -1
    where the board takes one of their cards; `weights`, f32 [B, W] each, the ranges. All is in 32 bits, as kernels want
    it, unless `kind` says otherwise.
    """

    def __init__(
        self,
        sides: Sides,
        cards: tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]],
        strength: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]],
        weights: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]],
        device: torch.device,
        kind: torch.dtype = torch.float32,
    ):
        self.sides, self.device, self.iterations = sides, device, 0
        hands = [torch.from_numpy(np.ascontiguousarray(x)).long().to(device) for x in cards]
        ranks = [torch.from_numpy(np.ascontiguousarray(x)).int().to(device) for x in strength]
        self.lines = [showdown.line_up(hands[p], hands[1 - p], ranks[p], ranks[1 - p]) for p in range(2)]
        held = [torch.from_numpy(np.ascontiguousarray(x)).to(device, kind) for x in weights]
        self.reach = [torch.where(rank >= 0, weight, 0.0) for rank, weight in zip(ranks, held, strict=True)]
        shape = [(len(r), side.rows, r.shape[1]) for r, side in zip(self.reach, sides, strict=True)]
        self.regret, self.total, self.sigma, self.plan = (
            [torch.zeros(each, device=device, dtype=kind) for each in shape] for _ in range(4)
        )
        self.factors = torch.zeros(4, device=device, dtype=kind)
        self.graph: Any = None
        for p in range(2):
            self._matched(p, self.total[p], self.sigma[p])
            self._spread(p, self.sigma[p], self.plan[p])

    @staticmethod
    def nbytes(sides: Sides, lanes: tuple[int, int]) -> int:
        """Return about how many bytes a board takes."""
        tables = sum(TABLES * side.rows * wide for side, wide in zip(sides, lanes, strict=True))
        leaves = 2 * len(sides.one.last) * max(lanes)
        return 4 * (tables + leaves + 16 * sum(lanes) + 2 * showdown.CARDS * showdown.HANDS)

    def _matched(self, p: int, weight: Tensor, sigma: Tensor) -> None:
        """Set a player's strategy to shares of weights; equal ones where they are 0."""
        for level in self.sides[p].levels:
            for begin, end in pairwise(level.bounds):
                norm = weight[:, begin:end].sum(dim=1, keepdim=True)
                some = torch.where(norm > 0, norm, 1.0)
                sigma[:, begin:end] = torch.where(norm > 0, weight[:, begin:end] / some, 1.0 / (end - begin))

    def _spread(self, p: int, sigma: Tensor, plan: Tensor) -> None:
        """Set a player's plan to what its strategy makes of its range."""
        plan[:, 0] = self.reach[p]
        for level in self.sides[p].levels:
            begin, end = level.bounds[0], level.bounds[-1]
            plan[:, begin:end] = plan.index_select(1, level.parent) * sigma[:, begin:end]

    def _gathered(self, p: int, plan: Tensor) -> Tensor:
        """Return a player's values [B, S, W] of the leaves that its rows end at, against the other's plan."""
        side = self.sides[p]
        paid = showdown.showdown(plan.index_select(1, self.sides[1 - p].last), self.lines[p], side.pays.to(plan.dtype))
        return torch.matmul(side.ends.to(plan.dtype), paid)

    def iterate(self) -> None:
        """Run one iteration by `factors`, which `advance` sets; sums are matrix products, whose order is fixed."""
        for p, side in enumerate(self.sides):
            value = self._gathered(p, self.plan[1 - p])
            tables = self.regret[p], self.sigma[p], self.total[p], self.plan[p]
            for level in reversed(side.levels):
                worth = regrets.match(value, *tables, level.first, self.factors, side.most)
                value += torch.matmul(level.up.to(value.dtype), worth)
            self._spread(p, self.sigma[p], self.plan[p])

    def advance(self, rules: npt.NDArray[np.float64]) -> None:
        """Run an iteration for each rule (pos, neg, avg) of a schedule, [count, 3]."""
        for rule in torch.from_numpy(np.c_[rules, np.zeros(len(rules))]).to(self.device, self.factors.dtype):
            self.factors.copy_(rule)
            if self.device.type != "cuda" or self.iterations < BEFORE_CAPTURE:
                self.iterate()
            else:
                if self.graph is None:
                    self.graph = torch.cuda.CUDAGraph()
                    with torch.cuda.graph(self.graph):
                        self.iterate()
                self.graph.replay()
            self.iterations += 1

    def tables(self) -> list[list[npt.NDArray[np.float32]]]:
        """Return the regrets and the averages of both players, [B, actions, W] each, by the templates' actions.

        The device puts the rows in order, much sooner than a core would board by board.
        """
        placed = [torch.from_numpy(side.place).to(self.device) for side in self.sides]
        return [
            [part[p].index_select(1, placed[p]).float().cpu().numpy() for p in range(2)]
            for part in (self.regret, self.total)
        ]

    def average(self, p: int) -> Tensor:
        """Return a player's average strategy, [B, S, W]."""
        sigma = torch.zeros_like(self.total[p])
        self._matched(p, self.total[p], sigma)
        return sigma

    def values(self, p: int, best: bool = False) -> Tensor:
        """Return what a player's average strategy, or a best response, is worth to each hand, [B, W].

        Values are counterfactual: against the other's range and average strategy, each hand with its weight.
        """
        plan, sigma = torch.empty_like(self.plan[1 - p]), self.average(p)
        self._spread(1 - p, self.average(1 - p), plan)
        value = self._gathered(p, plan)
        for level in reversed(self.sides[p].levels):
            worth = []
            for begin, end in pairwise(level.bounds):
                part = value[:, begin:end]
                worth.append(part.amax(dim=1) if best else (sigma[:, begin:end] * part).sum(dim=1))
            value += torch.matmul(level.up.to(value.dtype), torch.stack(worth, dim=1))
        return value[:, 0]

    def pairs(self) -> npt.NDArray[np.float64]:
        """Return the sum of the weights of all pairs of hands that share no card, [B]."""
        even = self.reach[0].new_tensor([[0.0, 0.0, 1.0]])
        against = showdown.showdown(self.reach[1][:, None].contiguous(), self.lines[0], even)[:, 0]
        return (self.reach[0].double() * against).sum(dim=1).cpu().numpy()

    def judge(self) -> Worth:
        """Return what the average strategies earn, and what best responses to them would."""
        pairs = self.pairs()
        found = [
            np.stack(
                [(self.reach[p].double() * self.values(p, best)).sum(dim=1).cpu().numpy() for p in range(2)], axis=1
            )
            for best in (False, True)
        ]
        return Worth(*(part / np.where(pairs > 0, pairs, 1.0)[:, None] for part in found))
