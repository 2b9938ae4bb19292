"""Kuhn poker, Leduc poker and a river in which one thing is wrong, and environments and their parts likewise."""

from dataclasses import dataclass

import numpy as np

from counterplay.agents.returns import n_step, td_lambda
from counterplay.api.testing.tables import END, Table, TableEnv
from counterplay.engine.rules import CHANCE, LEAF
from counterplay.games.holdem.rules import HoldemRules
from counterplay.games.leduc import Leduc


@dataclass(frozen=True)
class PlainKuhn:
    """Kuhn poker as histories: a state is the cards dealt and the bets made."""

    fault: str = ""
    players = 2

    def root(self):
        return ("", "") if self.fault != "states change" else [["", ""]]

    def _split(self, state):
        return state[0] if self.fault == "states change" else state

    def turn(self, state):
        cards, bets = self._split(state)
        if len(cards) < 2:
            return CHANCE
        if bets in ("pp", "bb", "bp", "pbp", "pbb"):
            return LEAF
        turn = len(bets) % 2
        return turn + 2 if self.fault == "a third player" and bets == "pb" else turn

    def moves(self, state):
        cards, bets = self._split(state)
        if len(cards) < 2:
            return [c for c in "JQK" if c not in cards or self.fault == "a card twice"]
        if self.fault == "moves tell the other's card" and bets == "b" and cards[0] == "K":
            return ("p", "b", "c")[:2][::-1]
        if self.fault == "equal labels":
            return ("p", "p")
        return ("p", "b")

    def chance(self, state):
        n = len(self.moves(state))
        if self.fault == "odds over one":
            return [0.5] * n
        if self.fault == "odds uneven" and n == 3:
            return [0.5, 0.25, 0.25]
        if self.fault == "odds too few":
            return [1 / (n - 1)] * (n - 1)
        return [1 / n] * n

    def play(self, state, move):
        label = self.moves(state)[move]
        if self.fault == "states change":
            part = state[0]
            part[len(part[0]) >= 2] += label
            return state
        cards, bets = state
        return (cards + label, bets) if len(cards) < 2 else (cards, bets + label)

    def payoffs(self, state):
        cards, bets = self._split(state)
        rank = "JQK".index
        if bets in ("bp", "pbp"):
            winner = 0 if bets == "bp" else 1
            winner = 1 - winner if self.fault == "who folds wins" else winner
            stake = 2 if self.fault == "a fold pays the bet" else 1
        else:
            winner = 0 if rank(cards[0]) > rank(cards[1]) else 1
            if self.fault == "low card wins" and bets == "pp":
                winner = 1 - winner
            stake = 1 if bets == "pp" or (self.fault == "a call pays one" and bets == "pbb") else 2
        paid = [stake, -stake] if winner == 0 else [-stake, stake]
        if self.fault == "payoffs swapped":
            paid = paid[::-1]
        if self.fault == "the house pays" and bets == "pp":
            paid[0] += 1
        if self.fault == "no number" and bets == "bb":
            paid[1] = float("nan")
        return paid[:1] if self.fault == "a payoff too few" else paid

    def sees(self, state, player):
        cards, bets = self._split(state)
        if self.fault == "own move forgotten" and len(bets) == 2:
            return f"{cards[player]} "
        if self.fault == "both cards seen":
            return f"{cards} {bets}"
        if self.fault == "bets not seen":
            return f"{cards[player]} {'again' if len(bets) == 2 else 'first'}"
        if self.fault == "no text":
            return (cards[player], bets)
        return f"{cards[player]} {bets}"


@dataclass(frozen=True)
class FaultyLeduc(Leduc):
    """Leduc poker whose whole tables, futures or payoffs are wrong."""

    fault: str = ""

    def deals(self):
        found = super().deals()
        return found.T[::-1] if self.fault == "deal's table turned" else found

    def table(self, key):
        found = super().table(key)
        return -found if self.fault == "payoffs' table swapped" else found

    def odds(self, event):
        found = super().odds(event)
        return found[::-1].copy() if self.fault == "board's table turned" else found

    def future(self, state):
        found = super().future(state)
        return found[:1] if self.fault == "futures too alike" and isinstance(found, tuple) else found


@dataclass(frozen=True)
class FaultyHoldem(HoldemRules):
    """A spot with a wrong rake, tie or card removal."""

    fault: str = ""

    def deal(self, hands):
        if self.fault == "cards held twice" and hands:
            row = np.ones(len(self.hands(1)))
            return (row / row.sum()).tolist()
        return super().deal(hands)

    def payoffs(self, key, hands):
        folder, _, pot = key
        one, two = super().payoffs(key, hands)
        if self.fault == "rake on what nobody called" and folder >= 0:
            return [one - 0.5, two] if folder == 1 else [one, two - 0.5]
        if self.fault == "ties to the first" and folder < 0 and one == two:
            return [pot / 2, -pot / 2]
        if self.fault == "ties without rake" and folder < 0 and one == two:
            return [0.0, 0.0]
        return [two, one] if self.fault == "low hand wins" and folder < 0 else [one, two]

    def chance(self, state, hands):
        if self.fault == "board from the hands":
            n = len(self.moves(state))
            return [1 / n] * n
        return super().chance(state, hands)


class FaultyEnv(TableEnv):
    """A batch of episodes of a table that breaks one promise of environments."""

    def __init__(self, task, batch, fault):
        super().__init__(task, batch)
        self.fault, self.calls = fault, 0

    def reset(self, rng):
        self.calls += 1
        step = super().reset(rng)
        if self.fault == "paid at the reset":
            step.reward[0] = 1
        if self.fault == "another game each time":
            step.state[:, 0] += self.calls
        return step

    def step(self, actions):
        before = self._shown.terminated | self._shown.truncated
        step = super().step(actions)
        over = step.terminated | step.truncated
        if self.fault == "paid after the end":
            step.reward[before] = 1
        if self.fault == "both ends":
            step.truncated[:] |= step.terminated
        if self.fault == "goes on after its limit":
            step.truncated[:] = False
        if self.fault == "nothing legal":
            step.legal[0, 0] = False
        if self.fault == "time out is an end":
            step.terminated[:] |= step.truncated
            step.truncated[:] = False
        if self.fault == "an end is a time out":
            step.truncated[:] |= step.terminated
            step.terminated[:] = False
        if self.fault == "others are heard":
            step.obs[-1, 0, 0] = actions[0, 0]
        if self.fault == "changes after the end":
            step.obs[before] += 1
        if self.fault == "starts again by itself":
            step.terminated[before] = False
        if self.fault == "no number":
            step.obs[over] = np.nan
        if self.fault == "rewards a step late":
            late, self.late = step.reward.copy(), getattr(self, "late", 0 * step.reward)
            step.reward[:] = np.where(before, 0, self.late)
            self.late = late
        if self.fault == "doubles":
            return step._replace(reward=step.reward.astype(float))
        return step


@dataclass(frozen=True)
class FaultyTable(Table):
    """The task of a `FaultyEnv`."""

    fault: str = ""

    def start(self, batch):
        return FaultyEnv(self, batch, self.fault)


WORLD = (((1.0, 1), (0.0, 1), (0.0, END), (2.0, 0)), ((0.0, 0), (3.0, END), (0.0, 1), (1.0, 1)))


def faulty_lambda(fault):
    """Return lambda-returns with a fault."""

    def found(reward, after, terminated, filled, gamma, trace, lives=None):
        if fault == "bootstraps over an end":
            terminated = np.zeros_like(terminated)
        if fault == "nothing after a time out":
            last = filled & ~np.append(filled[:, 1:], np.zeros_like(filled[:, :1]), axis=1)
            terminated = terminated | last
        if fault == "no discount":
            gamma = 1.0
        if fault == "lambda turned round":
            trace = 1.0 - trace
        if fault == "value of the step before":
            after = np.concatenate([np.zeros_like(after[:, :1]), after[:, :-1]], axis=1)
        if fault == "stale values":
            after = np.zeros_like(after)
        if fault == "runs past the end":
            filled = np.ones_like(filled)
        if fault == "an agent's end ignored" and lives is not None:
            lives = lives._replace(ended=np.zeros_like(lives.ended))
        if fault == "a time out alone is an end" and lives is not None:
            lives = lives._replace(ended=lives.ended | ~lives.alive)
        if fault == "acts when it is gone" and lives is not None:
            lives = lives._replace(alive=np.ones_like(lives.alive))
        return td_lambda(reward, after, terminated, filled, gamma, trace, lives)

    return found


def faulty_steps(fault):
    """Return n-step returns with a fault."""

    def found(reward, after, terminated, filled, gamma, n, lives=None):
        if fault == "one step more":
            n += 1
        if fault == "one step":
            n = 1
        if fault == "rewards of the next step":
            reward = np.append(reward[:, 1:], np.zeros_like(reward[:, :1]), axis=1)
        return n_step(reward, after, terminated, filled, gamma, n)

    return found


def faulty_advantages(fault=""):
    """Return generalised advantages with a fault."""

    def found(reward, value, after, terminated, filled, gamma, trace):
        returns = td_lambda(reward, after, terminated, filled, gamma, trace)
        base = after if fault == "less what follows" else 0 * value if fault == "nothing taken off" else value
        return np.where(filled, returns - base, 0)

    return found


MIXES = {
    "weights of any sign": lambda values, states: (values * np.cos(np.arange(values.shape[1]) + 1)).sum(axis=1),
    "product": lambda values, states: values.prod(axis=1),
    "one agent left out": lambda values, states: -values[:, 0] + 0 * states[:, 0],
    "state turns the sign": lambda values, states: (values * (1 + states[:, :1])).sum(axis=1),
    "falls when large": lambda values, states: -((values.sum(axis=1) - 2) ** 2),
    "mean over the batch": lambda values, states: values.sum(axis=1) - 3 * values[:, 0],
}
