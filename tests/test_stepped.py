"""Stepped games are their rules, state by state; keys and labels are each other's."""

import numpy as np
import pytest
from naive_steps import of_rules, of_steps

from counterplay.engine import stepped
from counterplay.engine.errors import UserError
from counterplay.engine.rules import CHANCE, LEAF, histories, is_dealt, join_label
from counterplay.games import make
from counterplay.solvers import infosets
from counterplay.solvers.plain_games import OfSteps
from counterplay.solvers.plain_walk import PlainWalker
from counterplay.solvers.samplings import SAMPLINGS
from counterplay.solvers.stepped import Walker, rows

GAMES = [
    "kuhn",
    "kuhn(players=3)",
    "kuhn(players=4, ranks=6)",
    "liars_dice(faces=3)",
    "liars_dice(dice=2, faces=2, wild=false)",
    "liars_dice(players=3, faces=2)",
    "goofspiel",
    "goofspiel(cards=3, order=random)",
    "goofspiel(cards=3, order=random, hidden=false, returns=point_difference)",
    "goofspiel(cards=3, players=3, order=ascending, returns=total_points)",
    "goofspiel(cards=3, players=3, hidden=false)",
    "goofspiel(cards=2)",
    "leduc(raises=1)",
    "leduc(ranks=2, suits=3, raises=3)",
    "leduc(players=3, ranks=2, raises=1)",
    "leduc(ranks=2, suits=3, hole=2, board=(1,), raises=1)",
    "leduc(ranks=3, board=(2,), bets=(1, 1), raises=1)",
    "leduc(ranks=3, suits=2, board=(1, 1), bets=(1, 2, 2), raises=1)",
    "rhode_island(ranks=3, suits=2, raises=1)",
    "limit_holdem(ranks=2, suits=2, hole=1, board=(1,), bets=(2, 4), raises=4)",
    "limit_holdem(ranks=3, suits=2, board=(1,), bets=(2, 4), raises=2)",
]


@pytest.mark.parametrize("spec", GAMES)
def test_steps_are_the_rules(spec):
    rules = make(spec)
    ours, theirs = of_steps(rules), of_rules(rules)
    assert ours.keys() == theirs.keys()
    for name, (moves, reach, total) in theirs.items():
        assert ours[name][0] == moves
        assert np.allclose([ours[name][1], *ours[name][2]], [reach, *total], rtol=0, atol=1e-9), name


@pytest.mark.parametrize("name", rows())
@pytest.mark.parametrize("spec", ["kuhn(players=3)", "leduc(raises=1)"])
def test_the_kernel_does_what_plain_python_does(name, spec):
    """Number for number, from the same random numbers."""
    game, row, count = make(spec).steps(), SAMPLINGS[name], 30
    walker = Walker(game, row, 5, infosets.empty(1 << 20))
    plain = PlainWalker(OfSteps(game), row, 5)
    walker.advance(count, 7)  # stopped and gone on with in the middle of walks
    while walker.iterations < count:
        walker.advance(count, 7)
    for _ in range(count):
        plain.advance(count)
    assert walker.visited == plain.visited
    found = infosets.listed(walker.table, walker.stride)
    assert list(zip(found.player.tolist(), found.key.tolist(), strict=True)) == list(plain.records)
    for place, visits, record in zip(found.place, found.visits, plain.records.values(), strict=True):
        values = [*record.regret, *record.total, *np.ravel(record.baseline)]
        assert np.allclose(walker.table.values[place + 2 : place + 2 + len(values)], values, rtol=1e-12, atol=1e-12)
        assert visits == record.visits


def test_a_game_that_says_too_little_of_itself_is_refused():
    """Its walks would write where they must not."""
    game = make("kuhn").steps()
    for short in (game._replace(depth=1), game._replace(widest=1)):
        with pytest.raises(UserError, match="widest and depth"):
            Walker(short, SAMPLINGS["mccfr-chance"], 1, infosets.empty(1 << 20)).advance(20)


def test_keys_that_do_not_fit_are_refused():
    for spec, bits in (("goofspiel(cards=13, order=random)", 83), ("liars_dice(dice=5)", 68)):
        with pytest.raises(UserError, match=f"can take {bits} bits"):
            make(spec).steps()
    for spec in ("goofspiel(cards=13)", "goofspiel(cards=10, order=random)", "liars_dice(dice=3)", "limit_holdem"):
        assert make(spec).steps().words > 0


@pytest.mark.parametrize("spec", ["goofspiel(cards=10, order=random)", "liars_dice(dice=2)", "limit_holdem"])
def test_large_games_are_their_rules_on_random_plays(spec):
    rules, draw = make(spec), np.random.default_rng(5)
    game = rules.steps()
    for _ in range(2):
        state = np.zeros(game.words, np.int64)
        stepped.setup(game, state)
        hands, public = (), rules.root()
        dealt = is_dealt(rules)
        while True:
            if dealt and len(hands) < rules.players:
                odds = rules.deal(hands)
                hands = (*hands, int(draw.choice(len(odds), p=odds)))
                happens = rules._hands[hands[-1]] if spec == "limit_holdem" else (hands[-1],)
            elif (turn := rules.turn(public)) == LEAF:
                break
            elif turn == CHANCE:
                odds = rules.chance(public, hands) if dealt else rules.chance(public)
                move = int(draw.choice(len(odds), p=odds))
                board = spec == "limit_holdem" and rules._draws(rules.board[public.street - 1])[move]
                public, happens = rules.play(public, move), board or (move,)
            else:
                moves = tuple(rules.moves(public))
                assert (stepped.turn(game, state), stepped.moves(game, state)) == (turn, len(moves))
                if len(moves) > 1:
                    seen = rules.sees(public) if dealt else rules.sees(public, turn)
                    label = join_label(rules.hands(turn)[hands[turn]], seen) if dealt else seen
                    key = int(stepped.key(game, state))
                    assert rules.infoset(turn, key) == (label, moves)
                    assert rules.key_of(turn, label) == key
                move = int(draw.integers(len(moves)))
                public, happens = rules.play(public, move), (move,)
            for each in happens:
                assert stepped.turn(game, state) != CHANCE or stepped.chance(game, state, each) > 0
                stepped.play(game, state, each)
        assert stepped.turn(game, state) == LEAF
        paid = histories(rules).payoffs((hands, public) if dealt else public)
        assert np.allclose([stepped.payoff(game, state, p) for p in range(game.players)], paid)
