"""Replay of single moves: what every agent of an episode saw and did, what was paid, and what was seen then.

With `ahead` above 1 a move counts the rewards of so many steps, and what was seen then is what followed the last of
them (n-step returns, Sutton and Barto 2018, eq. 7.1). The last steps of an episode, and of a piece of one that is cut,
look ahead by fewer. A move carries the discount of what follows: gamma to the power of its steps, 0 where the rules
ended the episode; where time ran out, or a piece was cut, it is that of what was seen last.

Agents that come and go by themselves are not told apart: who is not there has one legal action until the episode ends,
and the value of that is what is still paid.

Shape letters: M moves, N agents, A actions, O observation, S state; P leaves of a tree of sums.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.agents.replay import Ring
from counterplay.agents.rollout import Episodes
from counterplay.engine import schema
from counterplay.engine.env import EnvSpec
from counterplay.engine.errors import UserError
from counterplay.engine.jit import Index, inlined, jit


class Moves(NamedTuple):
    """M moves, a row each. States are there where critics see them, what is legal where agents choose; else None."""

    obs: npt.NDArray[Any]  # [M, N, O] as it comes, f32 or u8
    next_obs: npt.NDArray[Any]  # [M, N, O]
    action: npt.NDArray[Any]  # [M, N] i64, or f32 [M, N, A]
    reward: npt.NDArray[np.float32]  # [M] or [M, N], of all its steps
    discount: npt.NDArray[np.float32]  # [M] of what follows
    state: npt.NDArray[Any] | None  # [M, S]
    next_state: npt.NDArray[Any] | None  # [M, S]
    legal: npt.NDArray[np.bool_] | None  # [M, N, A]
    next_legal: npt.NDArray[np.bool_] | None  # [M, N, A]


def no_moves(spec: EnvSpec, many: int, states: bool) -> Moves:
    """Return the arrays of that many moves, zeros. None of it takes memory before it is written."""
    seen, legal = (many, spec.agents, spec.observation), (many, spec.agents, spec.actions)
    return Moves(
        obs=np.zeros(seen, spec.obs_type),
        next_obs=np.zeros(seen, spec.obs_type),
        action=np.zeros((many, spec.agents, *spec.action_shape), spec.action_type),
        reward=np.zeros(many if spec.team else (many, spec.agents), np.float32),
        discount=np.zeros(many, np.float32),
        state=np.zeros((many, spec.state), spec.state_type) if states else None,
        next_state=np.zeros((many, spec.state), spec.state_type) if states else None,
        legal=None if spec.continuous else np.zeros(legal, np.bool_),
        next_legal=None if spec.continuous else np.zeros(legal, np.bool_),
    )


def moves_of(episodes: Episodes, gamma: float, ahead: int, states: bool, legal: bool) -> Moves:
    """Return the moves of episodes, or of pieces of them, in order of episodes and steps."""
    many, steps = episodes.filled.shape
    reward = np.ascontiguousarray(episodes.reward).reshape(many, steps, -1)
    total, discount, last = (
        np.zeros_like(reward),
        np.zeros((many, steps), np.float32),
        np.zeros((many, steps), np.int64),
    )
    _look_ahead(reward, episodes.terminated, episodes.filled, gamma, ahead, total, discount, last)
    b, t = np.nonzero(episodes.filled)
    then = last[b, t] + 1
    return Moves(
        obs=episodes.obs[b, t],
        next_obs=episodes.obs[b, then],
        action=episodes.action[b, t],
        reward=total.reshape(episodes.reward.shape)[b, t],
        discount=discount[b, t],
        state=episodes.state[b, t] if states else None,
        next_state=episodes.state[b, then] if states else None,
        legal=episodes.legal[b, t] if legal else None,
        next_legal=episodes.legal[b, then] if legal else None,
    )


@jit
def _look_ahead(
    reward: Any, terminated: Any, filled: Any, gamma: float, ahead: int, total: Any, discount: Any, last: Any
) -> None:  # pragma: no cover
    batch, steps, width = reward.shape
    for b in range(batch):
        for t in range(steps):
            if not filled[b, t]:
                continue
            factor = 1.0
            for u in range(t, min(t + ahead, steps)):
                if not filled[b, u]:
                    break
                for k in range(width):
                    total[b, t, k] += factor * reward[b, u, k]
                factor *= gamma
                last[b, t] = u
            discount[b, t] = 0.0 if terminated[b, last[b, t]] else factor


class MovesDraw(NamedTuple):
    """Moves out of a replay."""

    moves: Moves
    place: npt.NDArray[np.int64]  # [M] where they lie in the ring
    weight: npt.NDArray[np.float32]  # [M] what each counts for, at most 1


class MovesReplay(Ring):
    """The last `capacity` moves.

    With `alpha` above 0 a move is drawn in proportion to (its priority) ** alpha, one out of each of as many equal
    parts of the whole as are drawn, and weighed as `Replay` says (Schaul et al. 2016, section 3 and appendix B.2.1,
    "Proportional prioritization"). A new move has the highest priority that any had so far. Shares lie in a tree of
    sums, so that to draw and to set one takes a time of log(capacity).
    """

    what = "moves"

    def __init__(
        self, spec: EnvSpec, capacity: int, gamma: float, ahead: int = 1, alpha: float = 0.0, states: bool = False
    ) -> None:
        super().__init__(capacity)
        self.gamma, self.ahead, self.alpha = gamma, ahead, alpha
        self._ring = no_moves(spec, capacity, states)
        self._tree = np.zeros(2 * _leaves(capacity) if alpha > 0 else 0)
        self._highest = 1.0

    def add(self, episodes: Episodes) -> None:
        """Put in the moves of episodes or pieces, over the oldest where the ring is full."""
        ring = self._ring
        new = moves_of(episodes, self.gamma, self.ahead, ring.state is not None, ring.legal is not None)
        many = len(new.discount)
        skipped = max(many - self.capacity, 0)  # which would be written over at once
        place = np.arange(self.added + skipped, self.added + many) % self.capacity
        for held, rows in zip(ring, new, strict=True):
            if held is not None and rows is not None:
                held[place] = rows[skipped:]
        self.added += many
        self.next, self.size = self.added % self.capacity, min(self.size + many, self.capacity)
        self._prioritise(place, np.full(len(place), self._highest))

    def draw(self, count: int, rng: np.random.Generator, beta: float = 1.0) -> MovesDraw:
        """Return that many moves, of which some may be the same."""
        if self.alpha > 0:
            place = np.empty(count, np.int64)
            find(self._tree, rng.random(count), place)
            place = np.minimum(place, self.size - 1)  # where rounding led beyond the last
            share = self._tree[len(self._tree) // 2 + place] / self._tree[1]
            weight = (self.size * share) ** -beta
            weight /= weight.max()
        else:
            place, weight = rng.integers(0, self.size, count), np.ones(count)
        moves = Moves(*(None if held is None else held.take(place, axis=0) for held in self._ring))  # type: ignore[arg-type]
        return MovesDraw(moves, place, weight.astype(np.float32))

    def reprioritise(self, place: npt.NDArray[np.int64], priority: npt.NDArray[Any]) -> None:
        """Set the priorities of moves that were drawn: the sizes of their errors."""
        priority = priority.astype(np.float64) + 1e-6  # so that nothing is lost for ever
        self._highest = max(self._highest, float(priority.max()))
        self._prioritise(place, priority)

    def _prioritise(self, place: npt.NDArray[np.int64], priority: npt.NDArray[np.float64]) -> None:
        if self.alpha > 0:
            self._priority[place] = priority
            put_shares(self._tree, place, priority**self.alpha)

    def _rows(self) -> dict[str, npt.NDArray[Any]]:
        return {name: held for name, held in self._ring._asdict().items() if held is not None}

    def check(self, held: Mapping[str, npt.NDArray[Any]], spec: EnvSpec) -> None:
        check_moves(held, spec)

    def head(self) -> dict[str, Any]:
        return {**super().head(), "highest": self._highest}

    def begin(self, head: dict[str, Any]) -> None:
        highest = float(head["highest"])
        if not 1.0 <= highest < np.inf:
            raise ValueError("the highest priority is none")
        super().begin(head)
        self._highest = highest
        self._prioritise(np.arange(self.size), self._priority[: self.size].copy())

    def state(self) -> dict[str, Any]:
        return {**super().state(), "highest": self._highest}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        size = len(state["discount"])
        if size > self.capacity:
            raise UserError(f"the replay holds {size} moves, and has room for {self.capacity}")
        self.begin({**state, "size": size})
        for name, array in self._rows().items():
            array[:size] = state[name]


def check_moves(held: Mapping[str, npt.NDArray[Any]], spec: EnvSpec) -> None:
    """Raise `ValueError` unless arrays by name, one row a move, are moves that were played in an environment."""
    if len({len(part) for part in held.values()}) > 1:
        raise UserError("the arrays of its replay are of different numbers of moves")
    for name, part in held.items():
        if part.dtype.kind == "f" and not schema.finite(part):
            raise UserError(f"{name} of its replay holds what is no number")
    action, discount = held["action"], held["discount"]
    if action.size and action.dtype.kind == "i" and not 0 <= action.min() <= action.max() < spec.actions:
        raise UserError("its replay holds actions that the environment does not have")
    if discount.size and not 0 <= discount.min() <= discount.max() <= 1:
        raise UserError("its replay holds discounts that are none")


# A tree of sums: the root is node 1, those below node i are 2 i and 2 i + 1, and leaves are the last half. A node is
# always made of the two below it, never moved by a difference, so that what is read back from a file is the same bit
# for bit.


def _leaves(capacity: int) -> int:
    """Return the smallest power of two that holds so many leaves."""
    return int(1 << max(capacity - 1, 0).bit_length())


@jit
def put_shares(tree: Any, place: Any, share: Any) -> None:  # pragma: no cover
    """Set leaves of a tree of sums, [2P], at places [M]."""
    half = len(tree) // 2
    for m in range(len(place)):
        _put_share(tree, half + place[m], share[m])


@inlined
def _put_share(tree: Any, node: Index, share: float) -> None:  # pragma: no cover
    tree[node] = share
    node //= 2
    while node >= 1:
        tree[node] = tree[2 * node] + tree[2 * node + 1]
        node //= 2


@jit
def find(tree: Any, drawn: Any, place: Any) -> None:  # pragma: no cover
    """Write the leaves, [M], at which sums from the first leaf on exceed (m + drawn[m]) / M of the whole."""
    half, many = len(tree) // 2, len(drawn)
    for m in range(many):
        left = (m + drawn[m]) / many * tree[1]
        node = 1
        while node < half:
            node *= 2
            if left >= tree[node] and tree[node + 1] > 0.0:
                left -= tree[node]
                node += 1
        place[m] = node - half
