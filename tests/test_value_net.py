"""Value networks: what they are told, what they promise whatever they learned, and how they are trained and kept."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from counterplay.agents import value_file
from counterplay.agents.nn.kernels import mlp
from counterplay.agents.nn.normed import normed
from counterplay.agents.public_features import describe
from counterplay.agents.value_net import Layers, ValueNet, own
from counterplay.agents.value_training import Plan, Samples, Trainer
from counterplay.engine import store
from counterplay.engine.errors import UserError
from counterplay.engine.rules import LEAF
from counterplay.engine.tree import compile_tree
from counterplay.games import GAMES


def game(spec):
    rules = GAMES.make(spec)
    tree = compile_tree(rules)
    return rules, tree, describe(rules, tree)


def random_net(described, seed=0, hidden=16):
    torch.manual_seed(seed)
    features, lanes = described.numbers.shape[1], described.chance.shape[1]
    module = Layers(features + 2 * lanes, hidden, 2 * lanes, 2)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return ValueNet(module, features, lanes)


@pytest.mark.parametrize("spec", ["leduc", "leduc(ranks=5)", "liars_dice(faces=4)", "liars_dice(dice=2,faces=3)"])
def test_features_tell_futures_apart(spec):
    rules, tree, described = game(spec)
    states = [rules.root()]
    for node in range(1, len(tree.player)):
        states.append(rules.play(states[tree.parent[node]], int(tree.slot[node])))
    inner = np.flatnonzero(tree.player != LEAF)
    told = {}
    for node in inner:
        told.setdefault(described.numbers[node].tobytes(), set()).add(rules.future(states[node]))
    assert all(len(futures) == 1 for futures in told.values())
    assert len(told) == len({rules.future(states[node]) for node in inner})
    mean = described.chance.mean(axis=(1, 2))
    np.testing.assert_allclose(mean[described.event[inner]], 1.0, rtol=1e-5)


def test_the_unit_is_half_the_pot_of_poker():
    _, tree, described = game("leduc")
    mean = tree.weights.mean(axis=(1, 2))[tree.weight]
    least = described.unit / mean
    raised = int(np.flatnonzero((tree.parent == 0) & (tree.slot == 1))[0])  # a bet of 2, to which a fold loses 1
    assert least[0] == pytest.approx(1.0)
    assert least[raised] == pytest.approx(1.0)
    assert least[tree.player != LEAF].max() == pytest.approx(9.0)


def test_rules_without_futures_have_a_feature_for_each_public_state():
    _, tree, described = game("kuhn")
    inner = np.flatnonzero(tree.player != LEAF)
    np.testing.assert_array_equal(described.numbers[inner], np.eye(len(inner)))


@pytest.mark.parametrize("spec", ["goofspiel", "kuhn(players=3)"])
def test_games_without_a_deal_for_two_are_refused(spec):
    rules = GAMES.make(spec)
    with pytest.raises(UserError, match="between two players"):
        describe(rules, compile_tree(rules))


def plain_values(net, described, node, ranges):
    """Return what `NetEvaluator` says of one state, in loops."""
    lanes = net.lanes
    masses = ranges.sum(axis=1)
    normal = [ranges[p] / masses[p] if masses[p] else np.full(lanes, 1 / lanes) for p in range(2)]
    x = np.concatenate([described.numbers[node], *normal]).astype(np.float32)
    with torch.no_grad():
        parts = net.module
        network = mlp.Network([*parts.weights], [*parts.biases], [*parts.gains], [*parts.shifts], residual=True)
        won = mlp.reference(torch.from_numpy(x)[None], network)[0].numpy().reshape(2, lanes).astype(float)
    chance = described.chance[described.event[node]]
    odds = np.zeros((2, lanes))
    for i in range(lanes):
        for j in range(lanes):
            odds[0, i] += chance[i, j] * normal[1][j]
            odds[1, j] += chance[i, j] * normal[0][i]
    spent = sum(normal[p][w] * odds[p, w] * won[p, w] for p in range(2) for w in range(lanes))
    total = sum(normal[p][w] * odds[p, w] for p in range(2) for w in range(lanes))
    return np.array([described.unit[node] * masses[1 - p] * odds[p] * (won[p] - spent / total) for p in range(2)])


@pytest.mark.parametrize("spec", ["leduc", "liars_dice(faces=4)"])
def test_values_as_in_loops(spec):
    rng = np.random.default_rng(0)
    _, tree, described = game(spec)
    net = random_net(described)
    nodes = rng.choice(np.flatnonzero(tree.player != LEAF), 20)
    ranges = rng.random((30, 2, net.lanes)) * (rng.random((30, 2, net.lanes)) < 0.7)
    states = rng.integers(0, 20, 30)
    found = net.begin(described.at(nodes)).values(states, ranges)
    for b, state in enumerate(states):
        np.testing.assert_allclose(found[b], plain_values(net, described, nodes[state], ranges[b]), atol=2e-5)


@pytest.mark.parametrize("spec", ["leduc", "liars_dice(faces=5)"])
def test_values_sum_to_zero_and_grow_with_the_other_range_alone(spec):
    rng = np.random.default_rng(1)
    _, tree, described = game(spec)
    net = random_net(described)
    nodes = np.flatnonzero(tree.player != LEAF)
    evaluator, asked = net.begin(described.at(nodes)), np.arange(len(nodes))
    ranges = rng.random((len(nodes), 2, net.lanes))
    values = evaluator.values(asked, ranges)
    scale = np.abs(values).max()
    assert np.abs((ranges * values).sum(axis=(1, 2))).max() < 1e-5 * scale
    own_scaled = evaluator.values(asked, ranges * np.array([3.0, 1.0])[:, None])
    np.testing.assert_allclose(own_scaled[:, 0], values[:, 0], atol=1e-5 * scale)
    np.testing.assert_allclose(own_scaled[:, 1], 3 * values[:, 1], atol=1e-5 * scale)
    nobody = ranges.copy()
    nobody[:, 1] = 0
    assert not evaluator.values(asked, nobody)[:, 0].any()
    wider = np.concatenate([ranges, np.ones((len(nodes), 2, 3))], axis=2)  # a form's lanes may pad
    padded = evaluator.values(asked, wider)
    np.testing.assert_array_equal(padded[:, :, : net.lanes], values)
    assert not padded[:, :, net.lanes :].any()


@pytest.mark.parametrize("hidden", [8, 33, 64])
def test_layers_on_the_cpu_are_those_of_the_reference(hidden):
    torch.manual_seed(0)
    layers = Layers(11, hidden, 6, 3)
    x = torch.randn(101, 11)
    parts = [*layers.weights], [*layers.biases], [*layers.gains], [*layers.shifts]
    with torch.no_grad():
        for parameter in layers.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
        wanted = mlp.reference(x.double(), mlp.Network(*([p.double() for p in part] for part in parts), residual=True))
        np.testing.assert_allclose(normed(x, *parts), wanted, atol=2e-5)
    weights = torch.rand(101, 6)
    with torch.no_grad():
        without = layers(x, weights)
    np.testing.assert_allclose(layers(x, weights).detach(), without, atol=2e-5)  # with gradients: PyTorch's
    assert (without * weights).sum(dim=1).abs().max() < 1e-4


def test_any_module_of_the_right_shape_will_do():
    _, tree, described = game("leduc")
    features, lanes = described.numbers.shape[1], described.chance.shape[1]
    net = own(nn.Sequential(nn.Linear(features + 2 * lanes, 8), nn.GELU(), nn.Linear(8, 2 * lanes)), features, lanes)
    ranges = np.random.default_rng(0).random((len(tree.player), 2, lanes))
    values = net.begin(described).values(np.arange(len(ranges)), ranges)
    assert np.abs((values * ranges).sum(axis=(1, 2))).max() < 1e-5
    with pytest.raises(UserError, match=r"makes \[B, 6\] of \[B, "):
        own(nn.Linear(features + 2 * lanes, 5), features, lanes)
    with pytest.raises(UserError, match=r"torch\.nn\.Module, not int"):
        own(3, features, lanes)
    with pytest.raises(UserError, match=r"kept by torch\.save"):
        value_file.write("nowhere", value_file.Kept("leduc", (3, 3), net, Plan()))


def test_states_of_another_game_are_refused():
    net = random_net(game("kuhn")[2])
    with pytest.raises(UserError, match="takes 4 features and 3 lanes"):
        net.begin(game("leduc")[2])


def test_training_learns_and_goes_on_as_if_it_had_not_stopped():
    rng = np.random.default_rng(0)
    _, tree, described = game("leduc")
    nodes = rng.choice(np.flatnonzero(tree.player != LEAF), 640).astype(np.int32)
    ranges = rng.dirichlet(np.ones(3), (640, 2)).astype(np.float32)
    values = random_net(described, 1).begin(described.at(nodes)).values(np.arange(640), ranges)
    samples = Samples(nodes, ranges, (values / described.unit[nodes, None, None]).astype(np.float32))
    plan = Plan(hidden=32, layers=2, batch=64)

    def trained(*steps):
        trainer = Trainer(value_file.layers(described.numbers.shape[1], 3, plan), described, plan)
        trainer.add(samples)
        before = trainer.held_out()
        for count in steps:
            trainer.learn(count, lambda _: 1.0)
        return before, trainer

    before, once = trained(150)
    assert once.held_out().loss < 0.3 * before.loss
    assert trained(100, 50)[1].held_out() != before
    assert [len(part[0]) for part in (once._held[0:1] + once._learned)] == [40, 600]


@pytest.fixture
def kept(tmp_path):
    _, _, described = game("leduc")
    plan = Plan(hidden=8, layers=2, states=5)
    net = value_file.layers(described.numbers.shape[1], 3, plan)
    ranges = np.full((5, 2, 3), 1 / 3, np.float32)
    samples = Samples(np.arange(5, dtype=np.int32), ranges, np.zeros_like(ranges))
    size = sum(parameter.numel() for parameter in net.module.parameters())
    moments = (np.ones(size, np.float32), np.ones(size, np.float32))
    path = tmp_path / "net.cpn"
    value_file.write(path, value_file.Kept("leduc", (3, 3), net, plan, samples=samples, steps=3, moments=moments))
    return path


def test_files_keep_all(kept):
    read = value_file.read(kept)
    assert (read.game, read.steps, read.samples.size, read.plan.hidden) == ("leduc", 3, 5, 8)
    fresh = value_file.layers(read.net.features, 3, read.plan)
    for one, other in zip(read.net.module.parameters(), fresh.module.parameters(), strict=True):
        np.testing.assert_array_equal(one.detach(), other.detach())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a, h: h.update(states=2**50), "promises more than it holds"),
        (lambda a, h: h["plan"].update(hidden=4096), "promises more than it holds"),
        (lambda a, h: h["plan"].update(method="other"), "method"),
        (lambda a, h: h.update(lanes=[3, 4]), "where float32"),
        (lambda a, h: a.update({"weights.0": a["weights.0"] * np.nan}), "not numbers"),
        (lambda a, h: a.update({"adam.square": -a["adam.square"]}), "below zero"),
        (lambda a, h: a.update({"samples.states": -a["samples.states"]}), "that there are none of"),
        (lambda a, h: a.pop("biases.1"), "has no biases.1"),
        (lambda a, h: a.update(more=np.ones(3)), "none of"),
        (lambda a, h: h.update(kind="buckets"), "holds no value network"),
    ],
)
def test_damaged_files_are_refused(kept, change, message):
    arrays, header = store.read(kept)
    arrays = {name: np.array(array) for name, array in arrays.items()}
    change(arrays, header)
    header.pop("format")
    store.write(kept, arrays, header)
    with pytest.raises(UserError, match=message):
        value_file.read(kept)


@pytest.mark.parametrize("setting", [{"method": "other"}, {"rate": 2.0}, {"hidden": 0}, {"batch": 1.5}, {"passes": -1}])
def test_plans_that_do_not_fit(setting):
    with pytest.raises(UserError, match=next(iter(setting))):
        replace(Plan(), **setting)
    with pytest.raises(UserError, match="horizon"):
        Plan(method="rebel")
