"""Training value networks from Python and from the command line: what states are, and that runs are told and kept."""

import json
import os
import signal

import numpy as np
import pytest
import torch

from counterplay.api import rebel
from counterplay.api.resolving import player
from counterplay.api.subgame_play import play_through
from counterplay.api.trained_net import load_value_net
from counterplay.api.training_states import VARIANT, draw, ground, solved
from counterplay.api.valuenet_measures import Judging, measure_value_net
from counterplay.api.valuenets import train_value_net
from counterplay.engine import schema
from counterplay.engine.errors import UserError
from counterplay.engine.form import sequence_form
from counterplay.engine.rules import LEAF
from counterplay.engine.strategy import to_table
from counterplay.engine.subgames import forest
from counterplay.games import GAMES
from counterplay.show import valuenet_pages
from counterplay.show.text import plain
from counterplay.solvers.depth_limited import DepthLimited, SolvedRest
from counterplay.solvers.value import judge_table

SMALL = {"processes": 1, "hidden": 16, "layers": 2, "iterations": 50, "passes": 10, "batch": 64}


def test_states_are_drawn_with_ranges():
    on = ground(GAMES.make("leduc"))
    nodes, ranges = draw(on, 500, np.random.default_rng(0))
    assert ranges.shape == (500, 2, 3)
    np.testing.assert_allclose(ranges.sum(axis=2), 1.0)
    assert (on.tree.player[nodes] != LEAF).all()
    assert len(set(nodes.tolist())) > 60
    assert (np.sort(ranges[..., :], axis=2)[:, :, 0] < 1e-3).mean() > 0.1  # few hands
    assert on.odds.sum() == pytest.approx(1.0)


def plain_play(tree, table, node, reach):
    """Yield each node below one with both ranges and values, by recursion; `table` has the rows of all decisions."""
    below = np.flatnonzero(tree.parent == node)
    if tree.player[node] == LEAF:
        leaf = tree.infoset[node]
        pays = tree.payoffs[tree.outcome[leaf]] * tree.stake[leaf] * tree.weights[tree.leaf_weight[leaf]]
        values = np.stack([pays[0] @ reach[1], pays[1].T @ reach[0]])
        return {node: (reach, values)}
    found, values = {}, np.zeros_like(reach)
    for child in below:
        own, player = np.ones_like(reach), tree.player[node]
        if player >= 0:
            own[player] = table[tree.first[tree.infoset[node]] + tree.slot[child]]
        found |= plain_play(tree, table, child, reach * own)
        values += own * found[child][1]
    return found | {node: (reach, values)}


@pytest.mark.parametrize("spec", ["leduc", "liars_dice(faces=3)"])
def test_playing_through_subgames_as_by_recursion(spec):
    on = ground(GAMES.make(spec))
    rng = np.random.default_rng(0)
    roots = np.array([0, 5, 5, 9])
    ranges = rng.random((4, 2, on.tree.lanes))
    parts = forest(on.public, roots)
    run = DepthLimited(parts, VARIANT, None, ranges, horizon=20)
    run.advance(20)
    sigma = run.outcome().sigma
    reached = play_through(on.public, parts, None, sigma, ranges)
    for b, root in enumerate(roots):
        single = forest(on.public, roots[b : b + 1])
        mine = DepthLimited(single, VARIANT, None, ranges[b : b + 1], horizon=20)
        mine.advance(20)
        plain = plain_play(on.tree, to_table(single.form, on.tree, mine.outcome().sigma), root, ranges[b])
        here = reached.part == b
        assert sorted(plain) == reached.node[here].tolist()
        for node, reach, values in zip(reached.node[here], reached.ranges[here], reached.values[here], strict=True):
            np.testing.assert_allclose(reach, plain[node][0], atol=1e-12)
            np.testing.assert_allclose(values, plain[node][1], atol=1e-12)


def test_samples_are_what_a_solve_says():
    on = ground(GAMES.make("leduc"))
    rng = np.random.default_rng(0)
    nodes, ranges = draw(on, 16, rng)
    samples = solved(on, nodes, ranges, 400, inside=3, rng=rng)
    assert 16 < samples.size <= 64
    np.testing.assert_allclose(samples.ranges.sum(axis=2), 1.0, rtol=1e-5)
    np.testing.assert_allclose((samples.ranges * samples.values).sum(axis=(1, 2)), 0.0, atol=1e-5)
    exact = SolvedRest(on.tree, samples.states.astype(np.int64), 2000)
    values = exact.values(np.arange(samples.size), samples.ranges.astype(np.float64))
    wanted = values / on.described.unit[samples.states, None, None]
    worth = (samples.ranges * samples.values)[:, 0].sum(axis=1)  # what a whole range wins is unique
    np.testing.assert_allclose(worth, (samples.ranges * wanted)[:, 0].sum(axis=1), atol=0.03)


@pytest.mark.parametrize(("spec", "horizon"), [("kuhn", 1), ("leduc", 2), ("liars_dice(faces=3)", 2)])
def test_games_with_oneself(spec, horizon):
    on = ground(GAMES.make(spec))
    begin = lambda tree, nodes: SolvedRest(tree, nodes, 20)  # noqa: E731
    samples = rebel.games(on, 12, horizon, 16, begin, np.random.default_rng(0))
    again = rebel.games(on, 12, horizon, 16, begin, np.random.default_rng(0))
    np.testing.assert_array_equal(samples.values, again.values)
    assert samples.states[0] == 0
    assert (samples.states[1:] > 0).all()  # the first subgame is everybody's
    assert len(samples.states) > 3
    assert (on.tree.player[samples.states] != LEAF).all()
    assert (on.public.decisions[samples.states] % horizon == 0).all() or spec == "leduc"
    np.testing.assert_allclose(samples.ranges.sum(axis=2), 1.0, rtol=1e-5)
    np.testing.assert_allclose((samples.ranges * samples.values).sum(axis=(1, 2)), 0.0, atol=1e-5)


def parameters(net):
    return torch.cat([part.detach().reshape(-1) for part in net.kept.net.module.parameters()]).numpy()


def test_processes_change_nothing():
    one = train_value_net("kuhn", states=300, **SMALL)
    two = train_value_net("kuhn", states=300, **{**SMALL, "processes": 2})
    np.testing.assert_array_equal(parameters(one), parameters(two))
    assert one.points == [
        point._replace(seconds=other.seconds) for point, other in zip(two.points, one.points, strict=True)
    ]
    assert one.stopped_by == "states"
    assert one.states == 300  # of which the last job has more


def test_an_interrupted_training_is_kept_and_goes_on(tmp_path):
    whole = train_value_net("kuhn", states=400, **SMALL)
    for when in (lambda now: now.states > 100, lambda now: now.part > 0.3):
        sent = []

        def interrupt(now, when=when, sent=sent):
            if when(now) and not sent:
                sent.append(1)
                os.kill(os.getpid(), signal.SIGINT)

        net = train_value_net("kuhn", states=400, on_progress=interrupt, **SMALL)
        assert net.stopped_by == "interrupt"
        assert net.kept.steps < whole.kept.steps
        net.save(tmp_path / "net.cpn")
        on = train_value_net(resume=tmp_path / "net.cpn", processes=1)
        np.testing.assert_array_equal(parameters(on), parameters(whole))
        assert on.stopped_by == "states"


def test_networks_that_are_asked_inside_of_solves():
    net = train_value_net("kuhn", states=60, method="rebel", horizon=1, **SMALL)
    assert net.states == 60
    played = train_value_net("kuhn", states=200, method="play", horizon=1, **SMALL)
    assert played.states > 3 * played.kept.jobs  # states inside of the solves too
    drawn = train_value_net("kuhn", states=200, horizon=1, **SMALL)
    assert drawn.kept.jobs == 4  # 64 states each, none inside: these have a horizon
    assert np.isfinite(parameters(net)).all()


def test_evaluator_of_a_trained_network():
    net = train_value_net("leduc", states=300, **SMALL)
    nodes = np.array([0, 3, 7])
    assert net.begin(net.tree, nodes).values(np.arange(3), np.ones((3, 2, 3))).shape == (3, 2, 3)
    other = ground(GAMES.make("leduc(raises=1)"))
    with pytest.raises(UserError, match="is of leduc, and not of the game that is played"):
        net.begin(other.tree, nodes)


def test_exploitability_is_the_curve_of_a_training(tmp_path):
    heard = []
    given = {"states": 200, "test_every": 0.01, "on_progress": lambda now: heard.append(now.exploitability)}
    net = train_value_net("kuhn", **given, **SMALL)
    assert len(net.tests) > 1
    assert [test.exploitability for test in net.tests if test.exploitability not in heard] == []
    assert net.tests[-1].steps == net.kept.steps
    judged = player("kuhn", net, gadget="maxmargin", iterations=100).whole()
    assert net.tests[-1].exploitability == judged.exploitability
    silent = train_value_net("kuhn", states=200, test_every="never", **SMALL)
    assert silent.tests == []
    np.testing.assert_array_equal(parameters(net), parameters(silent))
    net.save(tmp_path / "kuhn.cpn")
    assert load_value_net(tmp_path / "kuhn.cpn").tests == net.tests
    assert any("exploitability" in line for line in valuenet_pages.page(net, plain))
    with pytest.raises(UserError, match="a time is a number of seconds"):
        train_value_net("kuhn", states=200, test_every="often", **SMALL)


def test_tests_take_a_tenth_of_the_time_at_most(monkeypatch):
    judging = Judging(train_value_net("kuhn", states=20, test_every="never", **SMALL), None)
    took = {10: 0.1, 100: 1.0}
    monkeypatch.setattr(judging, "_timed", lambda iterations: (0.5, took[iterations]))
    assert not judging.due(1.0, last=False)
    assert not judging.due(9.0, last=True)
    assert judging.due(11.0, last=False)
    judging.taken = 1.0
    assert not judging.due(19.0, last=False)
    assert judging.due(20.0, last=False)


def test_what_does_not_fit(tmp_path):
    for given, message in (
        ({"game": None}, "name a game"),
        ({"game": "goofspiel"}, "private deal"),
        ({"game": "kuhn", "states": 0}, "states must be"),
        ({"game": "kuhn", "wide": 3}, "wide is no setting"),
        ({"game": "kuhn", "method": "rebel"}, "horizon"),
        ({"game": "kuhn", "time": "soon"}, "a time is"),
        ({"game": "kuhn", "states": 10**12}, "take fewer"),
        ({"game": "kuhn", "iterations": 2**53}, "iterations must be a whole number from 1 to 1,000,000"),
        ({"game": "kuhn", "device": "tpu"}, "device must be"),
    ):
        with pytest.raises(UserError, match=message):
            train_value_net(**given)
    path = tmp_path / "net.cpn"
    train_value_net("kuhn", states=100, **SMALL).save(path)
    for given, message in (
        ({}, "has had its"),
        ({"states": 500, "hidden": 8}, "has hidden=16, not 8"),
        ({"states": 500, "game": "leduc"}, "is of kuhn, not of leduc"),
        ({"states": 500, "network": torch.nn.Linear(1, 1)}, "leave network out"),
    ):
        with pytest.raises(UserError, match=message):
            train_value_net(resume=path, **given)


def test_a_module_of_ones_own_is_trained():
    module = torch.nn.Sequential(torch.nn.Linear(10, 16), torch.nn.Tanh(), torch.nn.Linear(16, 6))
    before = module[0].weight.detach().clone()
    net = train_value_net("kuhn", states=100, network=module, **SMALL)
    assert not torch.equal(before, module[0].weight)
    with pytest.raises(UserError, match=r"torch\.save"):
        net.save("nowhere.cpn")


def test_commands(run, tmp_path):
    path = tmp_path / "kuhn.cpn"
    flags = [word for name, value in SMALL.items() for word in (f"--{name}", value)]
    code, page, _ = run("valuenet", "train", "kuhn", "--states", 200, "--out", path, *flags)
    assert code == 0
    assert f"Saved to {path}. Next:" in page
    assert "drawn at random, seed 0" in page
    code, text, _ = run("valuenet", "test", path, "--states", 32, "--iterations", 100, "--json")
    told = json.loads(text)
    assert told["game"] == "kuhn"
    assert told["measured"]["states"] == 32
    assert told["measured"]["in_range"] == measure_value_net(load_value_net(path), 32, 0, 100).in_range
    code, text, _ = run("valuenet", "bench", path, "--device", "cpu", "--json")
    assert set(json.loads(text)["states_per_second"]) == {"100", "1000", "10000"}
    code, text, _ = run("valuenet", "train", "--resume", path, "--states", 300, "--processes", 1, "--json")
    assert json.loads(text)["states"] == 300
    for words, message in (
        (("valuenet", "train"), "name a game"),
        (("valuenet", "train", "leduc", "--resume", path), "is of kuhn, not of leduc"),
        (("valuenet", "test", tmp_path / "none.cpn"), "there is no file"),
        (("show", path), "holds a value network, and no solution"),
    ):
        code, _, error = run(*words)
        assert code == 2
        assert message in error


@pytest.mark.slow
def test_a_network_stands_for_the_rest_of_the_game():
    """1x4 liar's dice is worth to a solve of two decisions what it is worth to one of the whole game."""
    net = train_value_net("liars_dice(faces=4)", states=8_000, processes=1, hidden=64, passes=40)
    on = ground(net.rules)
    parts = forest(on.public, np.array([0]), 2)
    run = DepthLimited(parts, VARIANT, net.begin(on.tree, parts.leaves.node), horizon=300)
    run.advance(300)
    rest = DepthLimited(forest(on.public, np.array([0])), VARIANT, horizon=1000)
    rest.advance(1000)
    exact = judge_table(sequence_form(on.tree), to_table(rest.forest.form, on.tree, rest.outcome().sigma)).value
    assert (run.outcome().values[0, 0].sum() - exact[0]) == pytest.approx(0.0, abs=0.02)


def test_learning_that_diverges_is_told_of():
    net = train_value_net("kuhn", states=64, iterations=5, hidden=8, layers=1, passes=1, processes=1)
    weights = net.kept.net.module.weights[0]
    with torch.no_grad():
        weights[:] = torch.nan
    with pytest.raises(ValueError, match=r"learning diverged: the loss is nan after .* try a smaller rate"):
        train_value_net(resume=net, states=512, processes=1)
    evaluator = net.begin(net.tree, np.array([0]))
    with pytest.raises(ValueError, match="answers with what is no finite number"):
        evaluator.values(np.array([0]), np.ones((1, 2, net.tree.lanes), np.float32))


def test_ranges_that_are_none_are_refused(tmp_path):
    net = train_value_net("kuhn", states=64, iterations=5, hidden=8, layers=1, passes=1, processes=1)
    net.kept.samples.ranges[3] = 1e30
    net.save(tmp_path / "kuhn.cpn")
    with pytest.raises(ValueError, match="samples have ranges or public states that there are none of"):
        load_value_net(tmp_path / "kuhn.cpn")


def test_tensors_where_dictionaries_belong_are_refused():
    with pytest.raises(UserError, match="the learner does not hold what it should"):
        schema.convert(torch.zeros(3), dict[str, float], "the learner")


def test_iterations_beyond_all_sense_are_refused(tmp_path):
    net = train_value_net("kuhn", states=20, iterations=5, hidden=8, layers=1, passes=1, processes=1)
    assert net.states == 20
    object.__setattr__(net.kept.plan, "iterations", 2**53)
    net.save(tmp_path / "kuhn.cpn")
    with pytest.raises(UserError, match=r"damaged: .*iterations"):
        load_value_net(tmp_path / "kuhn.cpn")
