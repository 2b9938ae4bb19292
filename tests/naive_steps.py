"""Stepped games the slow way: everything that can happen, state by state, beside the rules of the same game."""

import numpy as np

from counterplay.engine import stepped
from counterplay.engine.rules import CHANCE, LEAF, histories


def of_steps(rules):
    """Return each information set with a choice, by player and label: moves, reach and what uniform play earns there.

    The last entry, by None, is what all players earn from the beginning.
    """
    game, found = rules.steps(), {}

    def walk(state, reach):
        turn = stepped.turn(game, state)
        if turn == LEAF:
            return np.array([stepped.payoff(game, state, p) for p in range(game.players)])
        count = stepped.moves(game, state)
        assert turn == CHANCE or 1 <= count <= game.widest
        odds = [stepped.chance(game, state, m) if turn == CHANCE else 1 / count for m in range(count)]
        assert abs(sum(odds) - 1) < 1e-9
        total = np.zeros(game.players)
        for move, p in enumerate(odds):
            if p > 0:
                after = state.copy()
                stepped.play(game, after, move)
                total += p * walk(after, reach * p)
        if turn != CHANCE and count > 1:
            note(found, (turn, int(stepped.key(game, state))), count, reach, total)
        return total

    state = np.full(game.words, 77)
    stepped.setup(game, state)
    value = walk(state, 1.0)
    named = {}
    for (player, key), (_, count, reach, total) in found.items():
        label, moves = rules.infoset(player, key)
        assert len(moves) == count
        assert rules.key_of(player, label) == key
        assert (player, label) not in named
        named[player, label] = moves, reach, total
    return named | {None: ((), 1.0, value)}


def of_rules(game):
    """Return the same from the rules."""
    rules, found = histories(game), {}

    def walk(state, reach):
        turn = rules.turn(state)
        if turn == LEAF:
            return np.array(rules.payoffs(state))
        moves = tuple(rules.moves(state))
        odds = rules.chance(state) if turn == CHANCE else [1 / len(moves)] * len(moves)
        total = sum((p * walk(rules.play(state, m), reach * p) for m, p in enumerate(odds)), np.zeros(rules.players))
        if turn != CHANCE and len(moves) > 1:
            note(found, (turn, rules.sees(state, turn)), moves, reach, total)
        return total

    value = walk(rules.root(), 1.0)
    return {name: entry[1:] for name, entry in found.items()} | {None: ((), 1.0, value)}


def note(found, name, moves, reach, total):
    _, before, so_far, sums = found.get(name, (0, moves, 0.0, 0.0))
    assert before == moves
    found[name] = 0, moves, so_far + reach, sums + reach * total
