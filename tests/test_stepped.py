"""Stepped games are their rules, state by state; keys and labels are each other's."""

import numpy as np
import pytest
from naive_steps import of_rules, of_steps

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
