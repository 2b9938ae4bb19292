"""Turn-based games as environments: players are agents, and one of them has a choice at a time.

What they observe is said in `encoding`. Who is not to act has action 0 alone. Chance is drawn and needs no step, and
payoffs are paid at the end. The state is the players' observations, one after another.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.branches import Branches
from counterplay.engine.env import Env, EnvSpec, Step, blank, choices, illegal
from counterplay.engine.errors import UserError
from counterplay.engine.jit import inlined, jit
from counterplay.engine.keeping import Part, copies, fitting, put_back
from counterplay.engine.legal import lawful
from counterplay.engine.random import U64, seeds
from counterplay.engine.rules import CHANCE, LEAF, DealtRules, Rules
from counterplay.engine.tabled import Games, Table
from counterplay.engine.tree import Tree, compile_tree
from counterplay.engine.wording import spoken
from counterplay.games import GAMES
from counterplay.games.envs.encoding import Encoding, encode
from counterplay.games.envs.tree_arrays import TreeArrays, after, arrays, draw_deal, draw_move
from counterplay.games.envs.tree_branches import TreeBranches
from counterplay.games.envs.tree_table import PLACES, TreeTable, begin, follow, most_decisions, number


@dataclass(frozen=True)
class TurnBased:
    """A game of the engine as an environment, paid at the end: a team's if all are always paid alike, else to each."""

    rules: Rules | DealtRules

    @cached_property
    def tree(self) -> Tree:
        """Return the game's tree."""
        return compile_tree(self.rules)

    @cached_property
    def encoding(self) -> Encoding:
        """Return where everything stands in observations, and which action is which."""
        return encode(self.tree)

    @cached_property
    def table(self) -> TreeTable:
        """Return all decisions side by side."""
        return TreeTable(self.spec, self.tree)

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """Return what each player's actions are called, [P][A]; empty where a player never has that action."""
        return self.encoding.names

    @property
    def spec(self) -> EnvSpec:
        players, code = self.tree.players, self.encoding
        return EnvSpec(
            agents=players,
            actions=code.actions,
            observation=code.size,
            state=players * code.size,
            limit=code.limit,
            team=bool((self.tree.payoffs == self.tree.payoffs[:, :1]).all()),
            turns=True,
            in_turn=True,
        )

    def spec_text(self) -> str | None:
        """Return the spec of the game, None for one's own that has none."""
        return GAMES.spec_of(self.rules)

    def start(self, batch: int) -> Env:
        return TreeEnv(self, batch)

    def branches(self) -> Branches:
        return TreeBranches(self.spec, self.tree, self.encoding)


class BatchState(NamedTuple):
    """Where the episodes are, and what they show."""

    node: npt.NDArray[np.uint32]  # [B]
    deal: npt.NDArray[np.uint64]  # [B]
    luck: U64  # [B]
    obs: npt.NDArray[np.float32]  # [B, P, O]
    legal: npt.NDArray[np.bool_]  # [B, P, A]
    paid: npt.NDArray[np.float32]  # [B, P]
    terminated: npt.NDArray[np.bool_]  # [B]


class TreeEnv:
    """B games side by side."""

    def __init__(self, task: TurnBased, batch: int):
        self.task, self.spec, self.batch = task, task.spec, batch
        tree = task.tree
        self.game = arrays(tree, task.encoding)
        shown = blank(self.spec, batch)
        self.shown = shown._replace(state=shown.obs.reshape(batch, -1))
        self.played = BatchState(
            node=np.zeros(batch, np.uint32),
            deal=np.zeros(batch, np.uint64),
            luck=np.zeros(batch, np.uint64),
            obs=shown.obs,
            legal=shown.legal,
            paid=np.zeros((batch, tree.players), np.float32) if self.spec.team else shown.reward,
            terminated=shown.terminated,
        )
        played, deals = self.played, self.game.weights.shape[1]
        self._deals = deals
        self._parts = {
            "node": Part(played.node, 0, len(tree.player) - 1),
            "deal": Part(played.deal, 0, deals - 1),
            "luck": Part(played.luck),
            "obs": Part(played.obs, 0, 1),
            "paid": Part(played.paid),
            "terminated": Part(played.terminated),
        }

    def reset(self, rng: np.random.Generator) -> Step:
        return self.renew(np.ones(self.batch, np.bool_), rng)

    def renew(self, which: npt.NDArray[np.bool_], rng: np.random.Generator) -> Step:
        which = fitting(which, self.batch)
        self.played.luck[which] = seeds(rng, self.batch)[which]
        for array in (self.shown.reward, self.played.paid, self.shown.terminated):
            array[which] = 0
        _deal(self.game, self.played, which)
        return self.shown

    def step(self, actions: npt.NDArray[Any]) -> Step:
        actions = choices(actions, self.shown)
        if not _advance(self.game, self.played, actions):
            raise illegal(actions, self.shown)
        if self.spec.team:
            self.shown.reward[:] = self.played.paid[:, 0]
        return self.shown

    def listed(self, most: int) -> Step | None:
        if not 0 < most_decisions(self.task.tree) <= most or len(self.game.nodes) * self._deals > PLACES:
            return None
        return self.task.table.step

    def play(self, table: Table, rng: np.random.Generator, copies: int = 1) -> Games:
        spec, played, many = self.spec, self.played, self.batch
        played.luck[:] = np.tile(seeds(rng, many // copies), copies)
        nodes = [np.empty(many, np.uint32)]
        begin(self.game, played.deal, played.luck, nodes[0])
        actions: list[npt.NDArray[np.int64]] = []
        going = -1
        while going:
            drawn, to = rng.random((many, spec.agents)), np.empty(many, np.uint32)
            actions.append(np.zeros((many, spec.agents), np.int64))
            going = follow(
                self.game, self.task.table.place, table, drawn, played.deal, played.luck, nodes[-1], to, actions[-1]
            )
            nodes.append(to)
        return self._told(np.stack(nodes), np.stack(actions, axis=1))

    def _told(self, nodes: npt.NDArray[np.uint32], action: npt.NDArray[np.int64]) -> Games:
        """Return games as what they showed, which were at these nodes, [T + 1, B]; what `render` looks at is set."""
        spec, played, many, steps = self.spec, self.played, self.batch, len(nodes) - 1
        shown, rows = np.empty((many, steps + 1), np.int64), np.empty((many * (steps + 1), 2), np.int64)
        game, at = rows[: number(nodes, played.deal, self._deals, self._met, shown, rows)].T
        told = BatchState(
            node=nodes[at, game],
            deal=played.deal[game],
            luck=played.luck[:0],
            obs=np.zeros((len(game), spec.agents, spec.observation), np.float32),
            legal=np.zeros((len(game), spec.agents, spec.actions), np.bool_),
            paid=np.zeros((len(game), spec.agents), np.float32),
            terminated=np.zeros(len(game), np.bool_),
        )
        _show(self.game, self.task.tree.parent, told)
        length = np.maximum((self.task.tree.player[nodes] != LEAF).sum(axis=0), 1)
        last = np.arange(steps) == length[:, None] - 1
        played.node[:], played.terminated[:], played.paid[:] = nodes[-1], True, told.paid[shown[:, -1]]
        reward = np.zeros((many, steps, spec.agents), np.float32)
        reward[last] = played.paid
        obs = told.obs[shown]
        return Games(
            obs=obs,
            state=obs.reshape(many, steps + 1, -1),
            legal=told.legal[shown],
            action=action,
            reward=reward[..., 0] if spec.team else reward,
            terminated=last,
            filled=np.arange(steps) < length[:, None],
            number=shown,
        )

    def keep(self) -> dict[str, npt.NDArray[Any]]:
        return copies(self._parts)

    def resume(self, kept: Mapping[str, npt.NDArray[Any]]) -> Step:
        before = self.keep()
        put_back(self._parts, kept)
        if (self.task.tree.player[self.played.node] == CHANCE).any():
            put_back(self._parts, before)
            raise UserError("node of an environment that was kept is a decision or an end, not chance's")
        _tell_all(self.game, self.played)
        if self.spec.team:
            self.shown.reward[:] = self.played.paid[:, 0]
        return self.shown

    @cached_property
    def _met(self) -> npt.NDArray[np.int32]:
        """Return zeros, one for each node and deal."""
        return np.zeros(len(self.game.nodes) * self._deals, np.int32)

    def turn(self, episode: int) -> int:
        """Return who is to act, or `LEAF`."""
        return int(self.task.tree.player[self.played.node[episode]])

    def render(self, episode: int) -> str:
        """Return three lines: who holds what, what was done, and who is to act or what was paid. Nothing is hidden."""
        tree, rules = self.task.tree, self.task.rules
        node = int(self.played.node[episode])
        path, turn = [], int(tree.player[node])
        while node:
            path.append(int(tree.slot[node]))
            node = int(tree.parent[node])
        state, said = rules.root(), ""
        for slot in reversed(path):
            said = spoken(said, rules.moves(state)[slot], rules.turn(state) == CHANCE)
            state = rules.play(state, slot)
        held = np.unravel_index(int(self.played.deal[episode]), tuple(map(len, tree.hands)))
        hands = [f"player {p} {labels[h]}" for p, (labels, h) in enumerate(zip(tree.hands, held, strict=True))]
        if turn >= 0:
            now = f"to act: player {turn}: {', '.join(rules.moves(state))}"
        else:
            now = f"over: {', '.join(f'player {p} {x:+g}' for p, x in enumerate(self.played.paid[episode].tolist()))}"
        return "\n".join([f"hands: {', '.join(hands) if tree.lanes > 1 else 'none'}", f"moves: {said or 'none'}", now])


@inlined
def _arrive(game: TreeArrays, played: BatchState, b: Any, at: Any) -> None:
    """Go on from a node that was just reached through chance to a decision or a leaf, and tell who has a say."""
    obs, events, deal = played.obs, np.uint64(game.events), played.deal[b]
    node: Any = game.nodes[at]
    while node["player"] == CHANCE:
        at = draw_move(game, played.luck, b, node, deal)
        node = game.nodes[at]
        if game.public:
            for p in range(np.uint64(obs.shape[1])):
                obs[b, p, events + np.uint64(node["move_event"])] = 1
    played.node[b] = at
    _tell(game, played, b)


@inlined
def _tell(game: TreeArrays, played: BatchState, b: Any) -> None:
    """Tell who has a say, and which."""
    obs, legal, events = played.obs, played.legal, np.uint64(game.events)
    node: Any = game.nodes[played.node[b]]
    for p in range(np.uint64(legal.shape[1])):
        for a in range(np.uint64(legal.shape[2])):
            legal[b, p, a] = a == 0
    if node["player"] >= 0:
        mover, first = np.uint64(node["player"]), np.uint64(node["first"])
        legal[b, mover, np.uint64(0)] = False
        for row in range(first, first + node["end"] - node["begin"]):
            legal[b, mover, np.uint64(game.number[row])] = True
        if not game.public:
            obs[b, mover, events + np.uint64(node["turn_event"])] = 1


@jit
def _tell_all(game: TreeArrays, played: BatchState) -> None:
    for b in range(np.uint64(len(played.node))):
        _tell(game, played, b)


@jit
def _deal(game: TreeArrays, played: BatchState, which: npt.NDArray[np.bool_]) -> None:
    """Begin the games of `which`, [B]: deal, show everybody its seat and hand, and go on to the first decision."""
    obs = played.obs
    players = np.uint64(obs.shape[1])
    for b in range(np.uint64(len(obs))):
        if not which[b]:
            continue
        played.deal[b] = draw_deal(game, played.luck, np.uint64(b))
        for p in range(players):
            for o in range(np.uint64(obs.shape[2])):
                obs[b, p, o] = 0
        _seat(game, played, b)
        _arrive(game, played, b, np.uint64(0))


@inlined
def _seat(game: TreeArrays, played: BatchState, b: Any) -> None:
    """Show everybody its seat and hand."""
    obs, rest = played.obs, played.deal[b]
    players = np.uint64(obs.shape[1])
    for p in range(players):
        obs[b, p, p] = 1
    if game.hands:
        for back in range(players):
            owner = players - np.uint64(1) - back
            obs[b, owner, players + rest % game.lanes[owner]] = 1
            rest //= game.lanes[owner]


@jit
def _show(game: TreeArrays, parent: npt.NDArray[Any], played: BatchState) -> None:
    """Tell what is seen at nodes, with deals, where nothing has been told, and what is paid there at an end."""
    obs, events = played.obs, np.uint64(game.events)
    players = np.uint64(obs.shape[1])
    for b in range(np.uint64(len(obs))):
        _seat(game, played, b)
        _tell(game, played, b)
        at = np.uint64(played.node[b])
        node: Any = game.nodes[at]
        if node["player"] == LEAF:
            _pay(game, played, b, node)
        while at:
            up = np.uint64(parent[at])
            above: Any = game.nodes[up]
            for p in range(players):
                if game.public or np.int64(p) == above["player"]:
                    obs[b, p, events + np.uint64(game.nodes[at]["move_event"])] = 1
            if not game.public and above["player"] >= 0:
                obs[b, np.uint64(above["player"]), events + np.uint64(above["turn_event"])] = 1
            at = up


@jit
def _advance(game: TreeArrays, played: BatchState, actions: npt.NDArray[np.int64]) -> bool:
    """Play the action of who is to act in each running game, and whatever chance does after it.

    Where any action is not legal, return False and play nothing.
    """
    obs, paid, terminated = played.obs, played.paid, played.terminated
    players, events = np.uint64(obs.shape[1]), np.uint64(game.events)
    if not lawful(actions, played.legal, terminated, terminated):
        return False
    for b in range(np.uint64(len(actions))):
        for p in range(players):
            paid[b, p] = 0
        if terminated[b]:
            continue
        node: Any = game.nodes[played.node[b]]
        if node["player"] >= 0:  # where a game has no decision, its only step changes nothing
            mover = np.uint64(node["player"])
            at = after(game, node, actions[b, mover])
            for p in range(players):
                if game.public or p == mover:
                    obs[b, p, events + np.uint64(game.nodes[at]["move_event"])] = 1
            _arrive(game, played, b, at)
            node = game.nodes[played.node[b]]
        if node["player"] == LEAF:
            _pay(game, played, b, node)
            terminated[b] = True
    return True


@inlined
def _pay(game: TreeArrays, played: BatchState, b: Any, node: Any) -> None:
    """Pay everybody what a leaf pays."""
    leaf, deal = game.leaves[node["first"]], played.deal[b]
    for p in range(np.uint64(played.paid.shape[1])):
        played.paid[b, p] = game.payoffs[leaf["outcome"], p, deal] * leaf["stake"]
