"""Faults that other libraries had, each told in its public tracker, in a few lines of our own: the kit catches them."""

from dataclasses import dataclass

import faulty_solvers
import numpy as np
import pytest

from counterplay.engine.rules import CHANCE, LEAF, histories
from counterplay.games import make
from counterplay.testing import Stones, check_learner, check_same_game, check_solver, check_strategy

LINES = (((0, 1),), ((1, 2),))


@dataclass(frozen=True)
class Counted(Stones):
    """Stones in the dark whose players also see how many attempts were made, as if nothing gave it away."""

    def sees(self, state, player):
        return f"{super().sees(state, player)} after {sum(map(len, state.tried))}"


def test_information_that_tells_how_many_attempts_were_made():
    """Phantom tic-tac-toe with reveal-nothing, google-deepmind/open_spiel issue 676 (2021)."""
    with pytest.raises(AssertionError, match="two things in the other game"):
        check_same_game(Stones(3, LINES), Counted(3, LINES))


def best_response_by_texts(rules, profile, player):
    """Return what a best response earns that keeps values by what a state is called, and not by its history."""
    game, known = histories(rules), {}

    def value(state):
        turn = game.turn(state)
        if turn == LEAF:
            return game.payoffs(state)[player]
        name = repr(state[1])  # bets alone: the same for all hands
        if name not in known or turn == CHANCE:
            values = [value(game.play(state, i)) for i in range(len(game.moves(state)))]
            odds = game.chance(state) if turn == CHANCE else profile(turn, "", values)
            known[name] = max(values) if turn == player else sum(p * v for p, v in zip(odds, values, strict=True))
        return known[name]

    return value(game.root())


def test_best_responses_kept_by_a_state_s_text():
    """The exploitability was wrong, google-deepmind/open_spiel issue 565 (2021)."""

    def uniform(player, label, actions):
        return [1 / len(actions)] * len(actions)

    claimed = sum(best_response_by_texts(make("kuhn"), uniform, p) for p in range(2)) / 2
    with pytest.raises(AssertionError, match="the exploitability is"):
        check_strategy("kuhn", uniform, exploitability=claimed)


def test_values_passed_up_are_of_the_strategy_and_not_the_best():
    """The traversal of Deep CFR, google-deepmind/open_spiel pull request 420 (2020)."""
    solve = faulty_solvers.cfr("best value passed up")
    with pytest.raises(AssertionError, match="by the other solver"):
        check_solver(solve, None, like="cfr", iterations=(1, 2, 5, 10), examples=20)


def test_time_limits_that_end_an_episode_like_its_rules():
    """Generalised advantages, Toni-SM/skrl issue 449; likewise openai/baselines 436 and PettingZoo 1126."""

    def advantages(reward, value, after, terminated, filled, gamma, trace):
        found, ahead = np.zeros_like(reward), 0.0
        for b in range(len(reward)):
            ahead = 0.0
            for t in reversed(range(filled[b].sum())):
                done = t == filled[b].sum() - 1  # for whatever reason
                following = 0.0 if done else after[b, t]
                ahead = reward[b, t] + gamma * following - value[b, t] + gamma * trace * (0.0 if done else ahead)
                found[b, t] = ahead
        return found

    with pytest.raises(AssertionError, match="over=False"):
        check_learner(advantages=advantages)
