"""Value networks of hold'em spots: states to learn from, hands by points, evaluators, what is lost, commands."""

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from test_nets import CheckedDown, turn  # noqa: E402

from counterplay.agents.strength_net import SpotTrainer, spot_net  # noqa: E402
from counterplay.agents.value_training import Plan, join  # noqa: E402
from counterplay.api import net_spots, net_streets  # noqa: E402
from counterplay.api.spot_net import TrainedSpotNet, new_kept, solve_with  # noqa: E402
from counterplay.api.trained_net import load_value_net  # noqa: E402
from counterplay.api.valuenets import train_value_net  # noqa: E402
from counterplay.engine.errors import UserError  # noqa: E402
from counterplay.games.holdem.betting import Rake  # noqa: E402
from counterplay.games.holdem.cards import DECKS  # noqa: E402
from counterplay.games.holdem.nets import lay_out_to  # noqa: E402
from counterplay.games.holdem.spot import spot_from_flags, to_toml  # noqa: E402
from counterplay.games.holdem.strength import strengths  # noqa: E402
from counterplay.solvers.streets.nets import CutCFR  # noqa: E402

SMALL = {"iterations": 20, "hidden": 32, "layers": 2, "batch": 32, "passes": 30, "processes": 1}
POINTS = net_streets.MEANS + net_streets.SPREAD


@pytest.fixture(scope="module")
def spot():
    return turn(oop="random", ip="random")


@pytest.fixture(scope="module")
def collected(spot):
    plan = Plan(iterations=20, seed=1)
    return join([net_spots.job(spot, plan, number) for number in range(8)])


@pytest.fixture(scope="module")
def trained(spot, tmp_path_factory):
    """Return a network of a few states, and its file and that of the spot."""
    folder = tmp_path_factory.mktemp("spots")
    net = train_value_net(spot, states=90, **SMALL)
    net.save(folder / "turn.cpn")
    (folder / "turn.toml").write_text(to_toml(spot))
    return net, folder / "turn.cpn", folder / "turn.toml"


def test_states_are_of_random_boards_and_sum_to_zero(spot, collected):
    assert len({tuple(board) for board in collected.boards.tolist()}) == 8
    assert (np.diff(collected.boards) > 0).all()
    assert collected.ranges.sum(axis=2) == pytest.approx(1, abs=1e-5)
    assert collected.size > 30
    hands = net_streets.hands_of(spot.deck)
    for board, ranges in zip(collected.boards, collected.ranges, strict=True):
        assert (ranges[:, ~spot.deck.free(board.tolist())[hands]] == 0).all()
    worth = (collected.ranges * collected.values).sum(axis=2)
    assert np.abs(worth.sum(axis=1)).mean() < 0.1  # twenty iterations leave as much, of half a pot
    again = net_spots.job(spot, Plan(iterations=20, seed=1), 0)
    np.testing.assert_array_equal(again.values, collected.values[: again.size])


@pytest.mark.parametrize("variant", ["royal", "holdem"])
def test_points_tell_what_hands_may_become(variant):
    """By the words of `points_of`: card by card, hand by hand."""
    deck = DECKS[variant]
    board = [int(deck.cards[k]) for k in (0, 5, 11, 17)]
    hands = net_streets.hands_of(deck)
    found = net_streets.points_of(deck, board)
    assert found.shape == (len(hands), POINTS)
    free = deck.free(board)[hands]
    assert (found[~free] == 0).all()
    for k in np.flatnonzero(free)[:: len(hands) // 7]:
        shares = []
        for card in deck.cards:
            made = strengths([*board, int(card)], hands, deck) if card not in board else np.full(len(hands), -1)
            if made[k] >= 0:
                others = made[made >= 0]
                shares.append(((others < made[k]).sum() - (others > made[k]).sum()) / len(others))
        spots = [np.linspace(-1, 1, points) for points in (net_streets.MEANS, net_streets.SPREAD)]
        assert found[k, : net_streets.MEANS].sum() == pytest.approx(1, abs=1e-5)
        assert found[k, net_streets.MEANS :].sum() == pytest.approx(1, abs=1e-5)
        assert found[k, : net_streets.MEANS] @ spots[0] == pytest.approx(np.mean(shares), abs=1e-5)
        assert found[k, net_streets.MEANS :] @ spots[1] == pytest.approx(np.mean(shares), abs=1e-5)


def test_odds_by_cards_are_those_of_the_table(spot, collected):
    """By a table of all pairs of hands."""
    trainer = SpotTrainer(spot_net(1, POINTS, 190, Plan(hidden=8)), net_streets.dealing(spot.deck, 4), Plan(hidden=8))
    hands = net_streets.hands_of(spot.deck)
    rows = trainer._rows(collected)
    odds = trainer._odds(rows[1]).numpy()
    for k in range(0, collected.size, 9):
        free = spot.deck.free(collected.boards[k].tolist())[hands]
        table = spot.deck.apart(hands, hands) & free[:, None] & free
        expected = collected.ranges[k, ::-1] @ table / table.mean()
        np.testing.assert_allclose(odds[k][:, free], expected[:, free], atol=1e-4)


def plainly(street, module, deck, ends, ranges):
    """Return what hands are worth with a network, of lanes: by tables of all hands, end by end."""
    hands, found = net_streets.hands_of(deck), np.zeros_like(ranges)
    near = torch.from_numpy(net_streets.points_of(deck, street.boards[0]))
    for k, end in enumerate(ends):
        places = [np.searchsorted(hands, mine) for mine in end.hands]
        whole = np.zeros((1, 2, len(hands)), np.float32)
        for p, mine in enumerate(places):
            whole[0, p, mine] = ranges[k, p, : len(mine)]
        mass = whole.sum(axis=2)[0]
        normal = whole / mass[None, :, None]
        odds = np.stack([normal[:, 1] @ street.chance[0].T, normal[:, 0] @ street.chance[0]], axis=1)
        with torch.no_grad():
            said = module(torch.tensor([[street.share[k]]]), torch.from_numpy(normal), near[None]).numpy()
        weights = normal * odds
        said = odds * (said - (said * weights).sum() / weights.sum())
        worth = street.checked_down(np.array([k]), whole) + said * street.unit[k] * mass[::-1][None, :, None]
        for p, mine in enumerate(places):
            found[k, p, : len(mine)] = worth[0, p, mine]
    return found


def test_evaluators_answer_for_lanes_as_for_all_hands():
    spot = turn()
    laid, ends = lay_out_to(spot, "turn")
    street = net_streets.described(spot.deck, 3, ends)
    ranges = np.random.default_rng(0).random(laid.game.nets.ranges.shape).astype(np.float32)
    for p in range(2):
        ranges[:, p, int(laid.game.boards.lanes[0, p]) :] = 0
    states = np.arange(len(ends))
    checked = net_streets.OnBoard(street, None, ends, spot.deck)
    expected = CheckedDown(laid, ends).values(states, ranges)
    np.testing.assert_allclose(checked.values(states, ranges), expected, atol=1e-3)
    net = spot_net(1, POINTS, 190, Plan(hidden=16))
    found = net_streets.OnBoard(street, net, ends, spot.deck).values(states, ranges)
    plain = plainly(street, net.module, spot.deck, ends, ranges)
    np.testing.assert_allclose(found, plain, rtol=1e-3, atol=1e-3 * np.abs(plain).max())
    assert street.unit[0] == pytest.approx(4 * 120 / 190 * 91 / 190, rel=1e-5)  # the hands left, those beside one


def test_random_ranges_are_ranges():
    rng = np.random.default_rng(3)
    for n in (1, 2, 7, 120):
        found = net_spots.random_range(rng.random(n).astype(np.float32), rng)
        assert found.sum() == pytest.approx(1, abs=1e-5)
        assert (found >= 0).all()


def test_a_network_learns_and_plays(spot, collected):
    plan = Plan(hidden=32, layers=2, batch=32, passes=120)
    net = TrainedSpotNet(new_kept(spot, plan), spot)
    trainer = net.trainer()
    trainer.add(collected)
    before = trainer.held_out()
    trainer.learn(plan.steps(collected.size), lambda k: 1.0)
    assert trainer.held_out().in_range < 0.8 * before.in_range
    run = net_spots.cut_run(turn(oop="random"), net.kept.net)
    run.advance(30)
    assert isinstance(run, CutCFR)
    laid, _ = lay_out_to(turn(oop="random"), "turn")
    careless = np.random.default_rng(0).random(laid.game.entries).astype(np.float32)
    true, (found, worse) = net_spots.losses(turn(oop="random"), [run.tables.total, careless], 100)
    assert sum(true.value) == pytest.approx(8)
    assert sum(found) < 0.6 * sum(worse)


def parameters(net):
    return torch.cat([part.detach().reshape(-1) for part in net.kept.net.module.parameters()]).numpy()


def test_a_training_of_spots_is_kept_and_goes_on(trained, spot):
    net, path, _ = trained
    read = load_value_net(path)
    assert (read.states, read.plan, read.points) == (90, net.plan, net.points)
    np.testing.assert_array_equal(parameters(read), parameters(net))
    for mine, theirs in zip(read.kept.samples, net.kept.samples, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    more = train_value_net(spot, resume=path, states=100, processes=1)
    assert (more.states, more.stopped_by) == (100, "states")
    assert more.kept.steps > net.kept.steps
    two = train_value_net(spot, states=90, **{**SMALL, "processes": 2})
    np.testing.assert_array_equal(parameters(two), parameters(net))


def test_networks_are_for_spots_that_are_alike(trained):
    net, path, _ = trained
    net.check(turn(board="As Kd Qh Jc"))
    for other, message in (
        (turn(stack=40), "stack 40, not 24"),
        (turn(bets="50%"), "another betting"),
        (turn(board="Ks Qd Jh"), "start on the turn"),
        (turn(rake="5%,3"), "leave the rake out"),
        (
            spot_from_flags(board="Ks Qd Jh Th", stack=24, pot=8, bets="100%", oop="AA", ip="99"),
            "variant 'holdem'",
        ),
    ):
        with pytest.raises(UserError, match=message):
            solve_with(net, other)
    for given, message in (
        ({"method": "rebel", "horizon": 2}, "leave method and horizon out"),
        ({"network": torch.nn.Linear(2, 2)}, "one's own is for games"),
    ):
        with pytest.raises(UserError, match=message):
            train_value_net(turn(), states=10, **given)
    with pytest.raises(UserError, match="not of leduc"):
        load_value_net(path, "leduc")


def test_damaged_files_of_spots_are_refused(trained, tmp_path):
    net = load_value_net(trained[1])
    net.kept.samples.boards[0, 0] = net.kept.samples.boards[0, 1]
    net.save(tmp_path / "net.cpn")
    with pytest.raises(UserError, match="boards that there are none of"):
        load_value_net(tmp_path / "net.cpn")
    net = load_value_net(trained[1])
    net.kept.game = to_toml(replace(net.rules, rake=Rake(5.0, 3.0)))
    net.save(tmp_path / "net.cpn")
    with pytest.raises(UserError, match=r"is damaged: .* leave the rake out"):
        load_value_net(tmp_path / "net.cpn")


def test_commands_take_a_spot(run, trained, tmp_path):
    _, path, file = trained
    flags = [word for name, value in SMALL.items() for word in (f"--{name}", value)]
    code, page, _ = run("valuenet", "train", file, "--states", 40, "--out", tmp_path / "net.cpn", *flags)
    assert code == 0
    assert "the river after royal turns" in page
    assert f"counterplay evaluate {file} --resolve {tmp_path / 'net.cpn'}" in page
    code, text, _ = run("valuenet", "test", path, "--states", 20, "--iterations", 20, "--json")
    assert json.loads(text)["measured"]["states"] == 20
    code, text, _ = run("valuenet", "bench", path, "--device", "cpu", "--json")
    assert set(json.loads(text)["states_per_second"]) == {"100", "1000", "10000"}
    code, text, _ = run("evaluate", file, "--resolve", path, "--iterations", 30, "--json")
    told = json.loads(text)
    assert sum(told["value"]) == pytest.approx(8)
    assert 0 < told["share_lost"] < 0.5
    code, page, _ = run("evaluate", file, "--resolve", path, "--iterations", 30)
    assert "of the pot, both players' mean" in page
    for words, message in (
        (("evaluate", file, "--resolve", path, "--gadget", "reach"), "--gadget is not for spots"),
        (("evaluate", "leduc", "--resolve", path), "not of leduc"),
        (("evaluate", "examples/river_a.toml", "--resolve", path), "start on the turn"),
        (("valuenet", "train", "examples/river_a.toml"), "start on the turn"),
        (("show", path), "holds a value network"),
    ):
        code, _, error = run(*words)
        assert code == 2
        assert message in error
