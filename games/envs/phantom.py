"""Games of stones in the dark as environments, whose trees would be too large: two agents that take turns.

Observation of a player, with every number 0 or 1, C cells:

| numbers | what is 1 |
| --- | --- |
| 2 | the player's own seat |
| C | cells that it has |
| C | cells that it tried in vain |
| C x C | what it tried, in order: number k * C + c for cell c in its k-th attempt, from 0 on |

That is all that the player knows, and nothing else (perfect recall). Action c tries cell c; who is not to act has
action 0 alone. Payoffs are paid at the end. The state is both observations, one after the other.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.batches import Batch, batches, row_of
from counterplay.engine.env import Env, EnvSpec, Step, blank, choices, illegal
from counterplay.engine.errors import UserError
from counterplay.engine.factored import FactoredForm
from counterplay.engine.jit import inlined, jit
from counterplay.engine.keeping import Part, copies, fitting, put_back
from counterplay.engine.legal import lawful
from counterplay.engine.rules import GOES_ON, LEAF
from counterplay.engine.scene import Scene
from counterplay.engine.sweeps import normalise, realise
from counterplay.games import GAMES
from counterplay.games.in_the_dark import drawn, written
from counterplay.games.scenes import tables

SEATS = 2

Vector = npt.NDArray[np.float64]
Policies = Callable[
    [int, npt.NDArray[np.float32], npt.NDArray[np.bool_]], Iterable[tuple[float, npt.NDArray[np.float32]]]
]
Decide = Callable[[npt.NDArray[np.float32], npt.NDArray[np.bool_], npt.NDArray[np.int64]], npt.NDArray[Any]]


@dataclass(frozen=True)
class StonesInTheDark:
    """A game that follows `Phantom` as an environment, for boards whose trees are too large (`tree.TurnBased`)."""

    rules: Any

    @cached_property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """Return what each player's actions are called, [P][A]."""
        return (self.rules.names,) * SEATS

    @cached_property
    def ends(self) -> npt.NDArray[np.int8]:
        """Return what the first player receives at each position, [3 ** C]."""
        return np.ascontiguousarray(self.rules.ends(), np.int8)

    @property
    def spec(self) -> EnvSpec:
        cells = len(self.rules.names)
        size = SEATS + 2 * cells + cells * cells
        return EnvSpec(
            agents=SEATS,
            actions=cells,
            observation=size,
            state=SEATS * size,
            limit=2 * cells - 1,
            team=False,
            in_turn=True,
        )

    def spec_text(self) -> str | None:
        """Return the spec of the game, None for one's own that has none."""
        return GAMES.spec_of(self.rules)

    def start(self, batch: int) -> Env:
        return DarkEnv(self, batch)


class BatchState(NamedTuple):
    """Where the episodes are, and what they show."""

    position: npt.NDArray[np.int64]  # [B] its number, as `Phantom.ends` counts them
    mover: npt.NDArray[np.int64]  # [B]
    tried: npt.NDArray[np.int64]  # [B, 2] attempts of each player
    obs: npt.NDArray[np.float32]  # [B, 2, O]
    legal: npt.NDArray[np.bool_]  # [B, 2, A]
    paid: npt.NDArray[np.float32]  # [B, 2]
    terminated: npt.NDArray[np.bool_]  # [B]


class DarkEnv:
    """B games side by side."""

    def __init__(self, task: StonesInTheDark, batch: int):
        self.task, self.spec, self.batch = task, task.spec, batch
        shown = blank(self.spec, batch)
        self.shown = shown._replace(state=shown.obs.reshape(batch, -1))
        self.played = BatchState(
            position=np.zeros(batch, np.int64),
            mover=np.zeros(batch, np.int64),
            tried=np.zeros((batch, SEATS), np.int64),
            obs=shown.obs,
            legal=shown.legal,
            paid=shown.reward,
            terminated=shown.terminated,
        )

        self._parts = {
            "mover": Part(self.played.mover, 0, SEATS - 1),
            "obs": Part(shown.obs, 0, 1),
            "paid": Part(shown.reward),
            "terminated": Part(shown.terminated),
        }

    def reset(self, rng: np.random.Generator) -> Step:
        return self.renew(np.ones(self.batch, np.bool_), rng)

    def renew(self, which: npt.NDArray[np.bool_], rng: np.random.Generator) -> Step:
        which, played = fitting(which, self.batch), self.played
        for array in (played.position, played.mover, played.tried, played.obs, played.paid, played.terminated):
            array[which] = 0
        for seat in range(SEATS):
            played.obs[which, seat, seat] = 1
        played.legal[which] = True
        played.legal[which, 1, 1:] = False
        return self.shown

    def keep(self) -> dict[str, npt.NDArray[Any]]:
        return copies(self._parts)

    def resume(self, kept: Mapping[str, npt.NDArray[Any]]) -> Step:
        before, played = self.keep(), self.played
        put_back(self._parts, kept)
        fits, tried, position = _understood(played.obs, self.spec.actions)
        fits &= played.terminated == (self.task.ends[np.where(fits, position, 0)] != GOES_ON)
        if not fits.all():
            put_back(self._parts, before)
            raise UserError("obs of an environment that was kept tells of no position of the game")
        played.tried[:], played.position[:] = tried, position
        _show_choices(played)
        return self.shown

    def step(self, actions: npt.NDArray[Any]) -> Step:
        actions = choices(actions, self.shown)
        if not _advance(self.task.ends, bool(self.task.rules.abrupt), self.played, actions):
            raise illegal(actions, self.shown)
        return self.shown

    def turn(self, episode: int) -> int:
        """Return who is to act, or `LEAF`."""
        return LEAF if self.played.terminated[episode] else int(self.played.mover[episode])

    def attempts(self, episode: int, player: int) -> list[tuple[int, bool]]:
        """Return the cells that a player has tried in an episode, in order, and whether in vain."""
        cells = self.spec.actions
        seen = self.played.obs[episode, player]
        order = seen[SEATS + 2 * cells :].reshape(cells, cells)[: self.played.tried[episode, player]].argmax(axis=1)
        return [(int(cell), bool(seen[SEATS + cells + cell])) for cell in order]

    def scene(self, episode: int) -> Scene:
        """Return the board with both players' stones, and what each has tried."""
        rules, turn = self.task.rules, self.turn(episode)
        stones = (int(self.played.position[episode]) // 3 ** np.arange(self.spec.actions) % 3).tolist()
        tried = [f"player {p} tried {written(rules.names, self.attempts(episode, p))}" for p in range(SEATS)]
        now = ["over"] if turn == LEAF else [f"to act: player {turn}"]
        rows, slanted = getattr(rules, "rows", 1), bool(getattr(rules, "slanted", False))
        return tables.board(stones, rows, slanted, rules.names, [*tried, *now])

    def render(self, episode: int) -> str:
        """Return the board, what both have tried, and who is to act or what was paid. Nothing is hidden."""
        rules, turn = self.task.rules, self.turn(episode)
        stones = int(self.played.position[episode]) // 3 ** np.arange(self.spec.actions) % 3
        tried = [f"player {p}: {written(rules.names, self.attempts(episode, p))}" for p in range(SEATS)]
        now = f"to act: player {turn}"
        if turn == LEAF:
            paid = int(self.task.ends[self.played.position[episode]])
            now = f"over: player 0 {paid:+}, player 1 {-paid:+}"
        return "\n".join([*drawn(rules, [".●○"[stone] for stone in stones]), *tried, now])


def observations(batch: Batch) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return decisions of a form as the environment shows them to who acts: [n, O], and what is legal, [n, A]."""
    tried, (many, cells) = batch.tried, batch.tried.shape
    obs, legal = np.zeros((many, SEATS + 2 * cells + cells * cells), np.float32), np.ones((many, cells), bool)
    obs[:, batch.player] = 1
    row, k = np.nonzero(tried >= 0)
    code = tried[row, k].astype(np.int64)
    cell, in_vain = code >> 1, code & 1
    obs[row, SEATS + cells * in_vain + cell] = 1
    obs[row, SEATS + 2 * cells + k * cells + cell] = 1
    legal[row, cell] = False
    return obs, legal


def behaviour(form: FactoredForm, decide: Decide, told: Callable[[int], None] | None = None) -> Vector:
    """Return what a policy does at all decisions of a form without symmetries, as probabilities of its sequences, [S].

    `decide(obs, legal, player)` is asked for probabilities, [n, A], a batch at a time; `told` hears how many are done.
    What it gives to actions that are not legal is left out, and the rest scaled to sum to one. Raises `ValueError`
    where nothing is left, or where a probability is negative or not a number.
    """
    sigma = np.ones(form.sequences)
    for batch in batches(form):
        obs, legal = observations(batch)
        _set(form, sigma, batch, decide(obs, legal, np.full(len(obs), batch.player)), legal)
        if told is not None:
            told(batch.first + len(obs))
    return sigma


def _understood(
    obs: npt.NDArray[np.float32], cells: int
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return which observations, [B, 2, O], tell of a position; the attempts that they tell of, [B, 2], and it, [B]."""
    whole = obs.astype(np.int64)
    seat, own, vain, order = np.split(whole, [SEATS, SEATS + cells, SEATS + 2 * cells], axis=2)
    order, known = order.reshape(len(obs), SEATS, cells, cells), own + vain
    tried = known.sum(axis=2)
    rules = (
        whole == obs,
        seat == np.eye(SEATS),
        own.sum(axis=1) <= 1,  # one stone in a cell
        known <= 1,
        vain <= own[:, ::-1],  # in vain where the other has a stone
        order.sum(axis=2) == known,
        order.sum(axis=3) == (np.arange(cells) < tried[..., None]),
    )
    fits = np.all([rule.reshape(len(obs), -1).all(axis=1) for rule in rules], axis=0)
    return fits, tried, ((own[:, 0] + 2 * own[:, 1]) * 3 ** np.arange(cells)).sum(axis=1)


@jit
def _show_choices(played: BatchState) -> None:
    for b in range(len(played.mover)):
        _show_choice(played, b)


def mixture(form: FactoredForm, policies: Policies, told: Callable[[int], None] | None = None) -> Vector:
    """Return the strategy of players who draw a policy for each game, as probabilities of sequences, [S].

    As `mixtures.mixture`, for a form without symmetries; `policies(player, obs, legal)` yields each policy's weight and
    what it does, [n, A]. All of them are held at a time.
    """
    kept, weights = list[Vector](), dict[tuple[int, int], float]()
    for batch in batches(form):
        obs, legal = observations(batch)
        for k, (weight, chosen) in enumerate(policies(batch.player, obs, legal)):
            if k == len(kept):
                kept.append(np.ones(form.sequences))
            weights[batch.player, k] = weight
            _set(form, kept[k], batch, chosen, legal)
        if told is not None:
            told(batch.first + len(obs))
    total = np.zeros(form.sequences)
    for k, sigma in enumerate(kept):
        plan = realise(form, sigma)
        for player in range(SEATS):
            own = slice(*(int(form.first[form.begin[player + after]]) for after in (0, 1)))
            total[own] += weights.get((player, k), 0.0) * plan[own]
    return normalise(form, total)


def _set(form: FactoredForm, sigma: Vector, batch: Batch, chosen: npt.NDArray[Any], legal: npt.NDArray[Any]) -> None:
    """Write what is done at decisions of a batch, [n, A], into the probabilities of sequences."""
    share = np.where(legal, chosen, 0.0).astype(np.float64)
    total = share.sum(axis=1)
    wrong = ~((share >= 0).all(axis=1) & (total > 0) & np.isfinite(total))
    if wrong.any():
        at = int(wrong.argmax())
        raise UserError(
            f"probabilities of legal actions must be at least 0 and not all 0, not {share[at].tolist()}, of player "
            f"{batch.player} after {np.count_nonzero(batch.tried[at] >= 0)} attempts"
        )
    own, row = row_of(form, batch)
    sigma[own] = (share / total[:, None])[row, form.cell[own]]


@inlined
def _show_choice(played: BatchState, b: Any) -> None:
    """Tell who has which choice."""
    legal, obs = played.legal, played.obs
    cells = legal.shape[2]
    for p in range(SEATS):
        acts = p == played.mover[b] and not played.terminated[b]
        for c in range(cells):
            known = obs[b, p, SEATS + c] + obs[b, p, SEATS + cells + c] > 0
            legal[b, p, c] = not known if acts else c == 0


@jit
def _advance(
    ends: npt.NDArray[np.int8],  # [3 ** C]
    abrupt: bool,
    played: BatchState,
    actions: npt.NDArray[np.int64],  # [B, 2]
) -> bool:
    """Try the cell that the mover of each running game names.

    Where any action is not legal, return False and play nothing.
    """
    obs, paid, terminated = played.obs, played.paid, played.terminated
    cells = played.legal.shape[2]
    if not lawful(actions, played.legal, terminated, terminated):
        return False
    for b in range(actions.shape[0]):
        paid[b, 0] = paid[b, 1] = 0.0
        if terminated[b]:
            continue
        me = played.mover[b]
        cell = actions[b, me]
        power = 1
        for _ in range(cell):
            power *= 3
        obs[b, me, SEATS + 2 * cells + played.tried[b, me] * cells + cell] = 1.0
        played.tried[b, me] += 1
        if played.position[b] // power % 3 == 0:
            obs[b, me, SEATS + cell] = 1.0
            played.position[b] += power * (1 + me)
            played.mover[b] = 1 - me
            end = ends[played.position[b]]
            if end != GOES_ON:
                terminated[b] = True
                paid[b, 0], paid[b, 1] = end, -end
        else:
            obs[b, me, SEATS + cells + cell] = 1.0
            if abrupt:
                played.mover[b] = 1 - me
        _show_choice(played, b)
    return True
