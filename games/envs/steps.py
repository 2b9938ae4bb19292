"""Turn-based games in steps as environments, for games whose tree does not fit; players are agents.

Who is to act observes its seat and what `engine.stepped.observe` writes, with every number 0 or 1; the others observe
their seat alone, and have action 0 alone. Actions are numbered by `engine.stepped.number`. A decision without a choice
is made by itself, chance is drawn, and payoffs are paid at the end. The state is the players' observations, one after
another.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.branches import Branches, Plays
from counterplay.engine.env import Env, EnvSpec, Step, blank, choices, illegal
from counterplay.engine.errors import UserError
from counterplay.engine.jit import inlined, jit
from counterplay.engine.keeping import Part, copies, fitting, put_back
from counterplay.engine.random import U64, seeds
from counterplay.engine.raw import raw, shift
from counterplay.engine.rules import CHANCE, LEAF
from counterplay.engine.stepped import (
    chance,
    draw,
    key,
    moves,
    number,
    numbered,
    observe,
    observed,
    payoff,
    play,
    setup,
    turn,
)
from counterplay.games import GAMES


@dataclass(frozen=True)
class InSteps:
    """A game of the engine that offers its steps, as an environment; every player is paid at the end."""

    rules: Any

    @cached_property
    def game(self) -> Any:
        """Return the game in steps."""
        return self.rules.steps()

    @property
    def spec(self) -> EnvSpec:
        game = self.game
        size = game.players + observed(game)
        return EnvSpec(
            agents=game.players,
            actions=numbered(game),
            observation=size,
            state=game.players * size,
            limit=game.depth,
            team=False,
            turns=True,
            in_turn=True,
        )

    def spec_text(self) -> str | None:
        """Return the spec of the game, None for one's own that has none."""
        return GAMES.spec_of(self.rules)

    def start(self, batch: int) -> Env:
        return StepsEnv(self, batch)

    def branches(self) -> Branches:
        return StepsBranches(self)


class StepsEnv:
    """B games side by side."""

    def __init__(self, task: InSteps, batch: int):
        self.task, self.spec, self.batch, self.plays = task, task.spec, batch, StepsBranches(task)
        shown = blank(self.spec, batch)
        self.shown = shown._replace(state=shown.obs.reshape(batch, -1))
        self.at = Plays(np.zeros((batch, task.game.words), np.int64), np.zeros(batch, np.uint64))
        self.luck = np.zeros(batch, np.uint64)  # that each game began with
        self.done = np.zeros((batch, self.spec.limit), np.int64)  # its actions so far
        self.many = np.zeros(batch, np.int64)  # how many these are
        self._parts = {
            "luck": Part(self.luck),
            "done": Part(self.done, 0, self.spec.actions - 1),
            "many": Part(self.many, 0, self.spec.limit),
            "obs": Part(shown.obs, 0, 1),
            "reward": Part(shown.reward),
        }

    def reset(self, rng: np.random.Generator) -> Step:
        return self.renew(np.ones(self.batch, np.bool_), rng)

    def renew(self, which: npt.NDArray[np.bool_], rng: np.random.Generator) -> Step:
        which, luck = fitting(which, self.batch), seeds(rng, self.batch)
        rows = np.flatnonzero(which)
        self.luck[rows] = luck[rows]
        self.at.state[rows], self.at.luck[rows] = self.plays.begin(luck[rows])
        for array in (self.shown.reward, self.done, self.many):
            array[rows] = 0
        self._show()
        return self.shown

    def keep(self) -> dict[str, npt.NDArray[Any]]:
        return copies(self._parts)

    def resume(self, kept: Mapping[str, npt.NDArray[Any]]) -> Step:
        """Play again what was played; a state of a game is nothing that can be checked by itself."""
        before = self.keep()
        put_back(self._parts, kept)
        at = self.plays.begin(self.luck)
        for t in range(int(self.many.max())):
            rows = np.flatnonzero(self.many > t)
            some, actions = at.take(rows), self.done[rows, t]
            if (self.plays.look(some)[0] < 0).any() or not self.plays.show(some)[1][
                np.arange(len(rows)), actions
            ].all():
                put_back(self._parts, before)
                raise UserError("done of an environment that was kept holds an action that was not legal")
            at.state[rows], at.luck[rows] = self.plays.follow(at, rows, actions)
        self.at = at
        self._show()
        return self.shown

    def step(self, actions: npt.NDArray[Any]) -> Step:
        actions, shown = choices(actions, self.shown), self.shown
        within = (actions >= 0) & (actions < self.spec.actions)
        allowed = within & np.take_along_axis(shown.legal, np.where(within, actions, 0)[..., None], -1)[..., 0]
        if not allowed[~shown.terminated].all():
            raise illegal(actions, shown)
        shown.reward[:] = 0
        on = np.flatnonzero(self.turn >= 0)
        chosen = actions[on, self.turn[on]]
        self.done[on, self.many[on]] = chosen
        self.many[on] += 1
        after = self.plays.follow(self.at, on, chosen)
        self.at.state[on], self.at.luck[on] = after
        shown.reward[on] = self.plays.paid(after)
        self._show()
        return shown

    def history(self, episode: int) -> list[int]:
        """Return a game's moves so far, chance's too, where there was more than one: it is played again from its luck.

        Each is the number of the move among those of its decision, or of chance that are possible.
        """
        game, luck, found = self.task.game, self.luck[episode : episode + 1].copy(), list[int]()
        state = np.zeros(game.words, np.int64)
        setup(game, state)
        actions = iter(self.done[episode, : self.many[episode]].tolist())
        while (who := turn(game, state)) != LEAF:
            able = list(range(moves(game, state)))
            if who == CHANCE:
                move = draw(game, state, luck)
                able = [k for k in able if chance(game, state, k) > 0]
            elif len(able) == 1:
                move = 0
            elif (action := next(actions, None)) is None:
                break
            else:
                move = next(k for k in able if number(game, state, k) == action)
            found += [able.index(move)] if len(able) > 1 else []
            play(game, state, move)
        return found

    def numbers(self, episode: int) -> list[int]:
        """Return the numbers of the actions of who is to act, in the order of its moves."""
        game, state = self.task.game, self.at.state[episode]
        return [number(game, state, k) for k in range(moves(game, state))]

    def words(self, episode: int) -> dict[int, str]:
        """Return what the actions of who is to act are called, by number; nothing once the game is over."""
        if (player := int(self.turn[episode])) < 0:
            return {}
        known = int(key(self.task.game, self.at.state[episode]))
        return dict(zip(self.numbers(episode), self.task.rules.infoset(player, known)[1], strict=True))

    def render(self, episode: int) -> str:
        """Return two lines: who is to act and what it knows, and its moves; or what was paid."""
        at = self.at.take(np.array([episode]))
        turns, known = self.plays.look(at)
        if turns[0] == LEAF:
            paid = ", ".join(f"player {p} {x:+g}" for p, x in enumerate(self.plays.paid(at)[0].tolist()))
            return f"over: {paid}\nmoves: none"
        label, named = self.task.rules.infoset(int(turns[0]), int(known[0]))
        return f"to act: player {turns[0]}, who knows {label}\nmoves: {', '.join(named)}"

    def _show(self) -> None:
        """Show who is to act what it knows; of games that have ended nothing changes but that."""
        shown = self.shown
        self.turn, _ = self.plays.look(self.at)
        shown.terminated[:] = self.turn == LEAF
        on = np.flatnonzero(self.turn >= 0)
        shown.obs[on] = 0
        shown.obs[:, np.arange(self.spec.agents), np.arange(self.spec.agents)] = 1
        shown.legal[:] = np.arange(self.spec.actions) == 0
        obs, legal = self.plays.show(self.at.take(on))
        shown.obs[on, self.turn[on]], shown.legal[on, self.turn[on]] = obs, legal


class StepsBranches:
    """Plays that branch (`engine.branches.Branches`); a play is a state of the game."""

    def __init__(self, task: InSteps):
        self.spec, self.game = task.spec, task.game

    def begin(self, luck: U64) -> Plays:
        plays = Plays(np.zeros((len(luck), self.game.words), np.int64), luck.copy())
        _begin(self.game, *plays, len(luck))
        return plays

    def look(self, plays: Plays) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        turns, known = np.zeros((2, len(plays.luck)), np.int64)
        _look(self.game, plays.state, turns, known, len(turns))
        return turns, known

    def show(self, plays: Plays) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
        many = len(plays.luck)
        obs, legal = (np.zeros((many, width), np.int8) for width in (self.spec.observation, self.spec.actions))
        _show(self.game, plays.state, obs, legal, many, *obs.shape[1:], *legal.shape[1:])
        return obs.view(np.uint8), legal.view(np.bool_)

    def follow(self, plays: Plays, rows: npt.NDArray[np.int64], actions: npt.NDArray[np.int64]) -> Plays:
        to = plays.take(rows)
        _follow(self.game, *to, np.ascontiguousarray(actions), len(rows))
        return to

    def paid(self, plays: Plays) -> npt.NDArray[np.float64]:
        paid = np.zeros((len(plays.luck), self.game.players))
        _paid(self.game, plays.state, paid, len(paid))
        return paid


@inlined
def _rest(game: Any, state: Any, luck: Any) -> None:
    """Play on what is chance's, and what leaves no choice."""
    while True:
        who = turn(game, state)
        if who == CHANCE:
            play(game, state, draw(game, state, luck))
        elif who != LEAF and moves(game, state) == 1:
            play(game, state, 0)
        else:
            return


@jit
def _begin(rules: Any, states: Any, lucks: Any, many: int) -> None:
    game, flat, luck = raw(rules), raw(states), raw(lucks)
    for b in range(many):
        state = shift(flat, b * game.words)
        setup(game, state)
        _rest(game, state, shift(luck, b))


@jit
def _look(rules: Any, states: Any, turns: Any, known: Any, many: int) -> None:
    game, flat = raw(rules), raw(states)
    for b in range(many):
        state = shift(flat, b * game.words)
        turns[b] = turn(game, state)
        if turns[b] >= 0:
            known[b] = np.int64(key(game, state))


@jit
def _show(rules: Any, states: Any, obs: Any, legal: Any, many: int, seen: int, actions: int) -> None:
    game, flat, shown, may = raw(rules), raw(states), raw(obs), raw(legal)
    for b in range(many):
        state = shift(flat, b * game.words)
        shown[b * seen + turn(game, state)] = 1
        observe(game, state, shift(shown, b * seen + game.players))
        for move in range(moves(game, state)):
            may[b * actions + number(game, state, move)] = 1


@jit
def _follow(rules: Any, states: Any, lucks: Any, actions: Any, many: int) -> None:
    game, flat, luck = raw(rules), raw(states), raw(lucks)
    for b in range(many):
        state, move = shift(flat, b * game.words), 0
        while number(game, state, move) != actions[b]:
            move += 1
        play(game, state, move)
        _rest(game, state, shift(luck, b))


@jit
def _paid(rules: Any, states: Any, paid: Any, many: int) -> None:
    game, flat, to = raw(rules), raw(states), raw(paid)
    for b in range(many):
        state = shift(flat, b * game.words)
        if turn(game, state) == LEAF:
            for p in range(game.players):
                to[b * game.players + p] = payoff(game, state, p)
