"""Value networks of hold'em spots: states to learn from, lanes among the deck's hands, and what strategies lose."""

import numpy as np
import pytest

pytest.importorskip("torch")

from test_nets import CheckedDown, turn

from counterplay.agents.value_training import Plan
from counterplay.api import net_spots, net_streets
from counterplay.games.holdem.nets import lay_out_to
from counterplay.solvers.streets.nets import CutCFR


@pytest.fixture(scope="module")
def collected():
    return net_spots.collect(turn(), 6, 3, 20, 1)


def test_states_are_of_random_boards_and_sum_to_zero(collected):
    (about, *_), samples = collected
    assert about.numbers.shape == (6 * 3, 20 + 1 + 190)
    assert about.chance.shape == (6, 190, 190)
    assert (about.numbers[:, :20].sum(axis=1) == 4).all()
    assert samples.ranges.sum(axis=2) == pytest.approx(1, abs=1e-5)
    assert samples.size > 30
    held = about.chance[about.event[samples.states]].any(axis=2)
    assert (samples.ranges[~np.stack([held, held], axis=1)] == 0).all()
    worth = (samples.ranges * samples.values).sum(axis=2)
    assert np.abs(worth.sum(axis=1)).mean() < 0.1 * np.abs(worth).mean()  # twenty iterations leave as much


def test_hands_of_the_deck_stand_for_lanes():
    """The plain evaluator by lanes, and one that is given ranges over all hands and checks down with those."""
    spot = turn()
    laid, ends = lay_out_to(spot, "turn")
    street = net_streets.described(spot.deck, 3, ends)
    hands = net_streets.hands_of(spot.deck)

    class OfHands:
        def values(self, states, ranges):
            assert ranges.shape == (len(states), 2, 190)
            own = np.zeros((len(states), 2, laid.game.nets.width), np.float32)
            places = [[np.searchsorted(hands, mine) for mine in ends[k].hands] for k in states]
            for row, both in enumerate(places):
                for p, mine in enumerate(both):
                    own[row, p, : len(mine)] = ranges[row, p, mine]
            assert own.sum() == pytest.approx(ranges.sum(), rel=1e-5)
            answers, found = plain.values(states, own), np.zeros_like(ranges)
            for row, both in enumerate(places):
                for p, mine in enumerate(both):
                    found[row, p, mine] = answers[row, p, : len(mine)]
            return found

    plain = CheckedDown(laid, ends)
    ranges = np.random.default_rng(0).random(laid.game.nets.ranges.shape).astype(np.float32)
    for p in range(2):
        ranges[:, p, int(laid.game.boards.lanes[0, p]) :] = 0
    states = np.arange(len(ends))
    found = net_streets.ByHands(OfHands(), ends, spot.deck).values(states, ranges)
    np.testing.assert_allclose(found, plain.values(states, ranges), atol=1e-4)
    checked = net_streets.ByHands(net_streets.Beyond(street, None), ends, spot.deck)
    np.testing.assert_allclose(checked.values(states, ranges), plain.values(states, ranges), atol=1e-3)
    assert street.states.unit[0] == pytest.approx(
        4 * 120 / 190 * 91 / 190, rel=1e-5
    )  # the hands left, and those beside one


def test_random_ranges_are_ranges():
    rng = np.random.default_rng(3)
    for n in (1, 2, 7, 120):
        found = net_spots.random_range(rng.random(n).astype(np.float32), rng)
        assert found.sum() == pytest.approx(1, abs=1e-5)
        assert (found >= 0).all()


def test_a_network_learns_and_plays(collected):
    about, samples = collected
    _, before = net_spots.learned(about, samples, Plan(hidden=32, layers=2, batch=32, passes=1))
    net, after = net_spots.learned(about, samples, Plan(hidden=32, layers=2, batch=32, passes=120))
    assert after.in_range < 0.8 * before.in_range
    spot = turn(oop="random")
    run = net_spots.cut_run(spot, net)
    run.advance(30)
    laid, ends = lay_out_to(spot, "turn")
    inner = net_streets.Beyond(net_streets.described(spot.deck, 3, ends), net)
    expected = net_streets.ByHands(inner, ends, spot.deck).values(run.states, run.ranges())
    found = run.evaluator.values(run.states, run.ranges())
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())
    assert isinstance(run, CutCFR)
    careless = np.random.default_rng(0).random(laid.game.entries).astype(np.float32)
    true, (found, worse) = net_spots.losses(spot, [run.tables.total, careless], 100)
    assert sum(true.value) == pytest.approx(8)
    assert sum(found) < 0.6 * sum(worse)
