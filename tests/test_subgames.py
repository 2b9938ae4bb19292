"""Subgames side by side in one form, and CFR on them with an evaluator below their horizon."""

from dataclasses import replace

import naive_resolving as naive
import numpy as np
import pytest

from counterplay.engine.errors import UserError
from counterplay.engine.form import sequence_form
from counterplay.engine.rules import CHANCE, LEAF
from counterplay.engine.strategy import random, to_vector, uniform
from counterplay.engine.subgames import CHANCE_AHEAD, forest, public_states
from counterplay.engine.sweeps import realise
from counterplay.engine.tree import compile_tree
from counterplay.games import make
from counterplay.solvers.cfr import CFR
from counterplay.solvers.depth_limited import DepthLimited, SolvedRest, responses
from counterplay.solvers.lp import solve_lp
from counterplay.solvers.node_values import node_payoffs, node_values, reaches
from counterplay.solvers.value import judge, judge_table
from counterplay.solvers.variants import VARIANTS

GAMES = ("kuhn", "leduc", "liars_dice(faces=3)", "kuhn(ranks=5)")


@pytest.fixture(scope="module")
def trees():
    return {name: compile_tree(make(name)) for name in GAMES}


def test_a_forest_of_the_root_is_the_games_own_form(trees):
    for tree in trees.values():
        own, grown = sequence_form(tree), forest(public_states(tree), np.array([0]))
        for name in own._fields:
            np.testing.assert_array_equal(getattr(own, name), getattr(grown.form, name), name)
        assert not len(grown.leaves.node)


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("horizon", [1, 2, 3, CHANCE_AHEAD])
def test_public_states_are_what_a_walk_of_the_tree_finds(trees, name, horizon):
    tree = trees[name]
    states = public_states(tree)
    inner = np.flatnonzero(tree.player != LEAF)
    roots = np.random.default_rng(3).choice(inner, 6)  # some twice
    grown = forest(states, roots, horizon)
    wanted = [(node, part) for part, root in enumerate(roots) for node in naive.net_leaves(tree, root, horizon)]
    assert list(zip(grown.leaves.node, grown.leaves.part, strict=True)) == wanted
    for node in range(len(tree.player)):
        assert states.children(node).tolist() == naive.children(tree, node)
        assert states.size[node] == naive.size(tree, node)
    # Plans of random strategies at the net leaves are the products of a player's probabilities on the way.
    table = random(tree, np.random.default_rng(5))
    ranges = np.random.default_rng(6).random((len(roots), 2, tree.lanes))
    own = [len(hands) for hands in tree.hands]
    solver = DepthLimited(grown, VARIANTS["cfr+"], Nothing(), ranges)
    solver.sigma = to_vector(grown.form, table)
    solver.set_ranges(ranges)
    plan = solver.plan.reshape(grown.form.sequences, -1)
    for (node, part), last in zip(wanted, grown.leaves.sequence, strict=True):
        for p in range(2):
            reach = ranges[part, p] * naive.reach(tree, table, roots[part], node, p)
            np.testing.assert_allclose(plan[last[p], : own[p]], reach[: own[p]], atol=1e-12)


class Nothing:
    """An evaluator to which all is worth nothing."""

    def values(self, states, ranges):
        return np.zeros_like(ranges)


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("horizon", [1, 2, CHANCE_AHEAD])
def test_subgames_at_equilibrium_ranges_are_worth_what_the_game_says(trees, name, horizon):
    """Each lane's value of every subgame, solved alone, adds up to the value of the game."""
    tree = trees[name]
    states = public_states(tree)
    table = solve_lp(tree)
    trunk = forest(states, np.array([0]), horizon)
    if not len(trunk.leaves.node):
        return
    solver = DepthLimited(trunk, VARIANTS["cfr+"], SolvedRest(tree, trunk.leaves.node, 2000))
    solver.total = realise(trunk.form, to_vector(trunk.form, table))
    outcome = solver.outcome()
    value = judge_table(sequence_form(tree), table).value
    np.testing.assert_allclose(outcome.values[0].sum(axis=1), value, atol=2e-3)
    np.testing.assert_allclose((outcome.ranges * outcome.answers).sum(axis=(1, 2)), 0, atol=1e-12)
    # The equilibrium's own strategy in the subgames is one of each subgame.
    parts = forest(states, trunk.leaves.node)
    rest = parts.form._replace(origin=padded(outcome.ranges, parts.form))
    assert judge(rest, to_vector(rest, table)).exploitability == pytest.approx(0, abs=1e-8)


def padded(ranges, form):
    """Return ranges [B, 2, W] as a form's origin."""
    origin = np.zeros_like(form.origin)
    origin[:, : ranges.shape[2]] = ranges.reshape(-1, ranges.shape[2])
    return origin * (form.origin > 0)


@pytest.mark.parametrize("alternating", [True, False])
@pytest.mark.parametrize("name", ["kuhn", "leduc", "liars_dice(faces=3)"])
def test_with_an_exact_evaluator_the_trunk_is_an_equilibriums(trees, name, alternating):
    tree = trees[name]
    states = public_states(tree)
    horizon = CHANCE_AHEAD if name == "leduc" else 2
    trunk = forest(states, np.array([0]), horizon)
    variant = replace(VARIANTS["dcfr"], alternating=alternating)
    solver = DepthLimited(trunk, variant, SolvedRest(tree, trunk.leaves.node, 300), horizon=300)
    solver.advance(300)
    outcome = solver.outcome()
    exact = judge_table(sequence_form(tree), solve_lp(tree)).value
    np.testing.assert_allclose(outcome.values[0].sum(axis=1), exact, atol=0.01)
    # Either player's trunk, held fixed, guarantees the game's value: with it the rest is solved freely.
    table = np.zeros((tree.rows, tree.lanes))
    rows = trunk.form.row[trunk.form.empties :]
    table[rows] = outcome.sigma.reshape(trunk.form.sequences, -1)[trunk.form.empties :, : tree.lanes]
    for p in range(2):
        assert naive.guarantee(tree, table, rows, p) > exact[p] - 0.01


class Fixed:
    """An evaluator to which all follow one table beyond the horizon."""

    def __init__(self, states, nodes, table):
        self.payoffs = node_payoffs(states, table)[nodes]

    def values(self, states, ranges):
        payoffs = self.payoffs[states]
        found = np.zeros_like(ranges)
        w0, w1 = payoffs.shape[2:]
        found[:, 0, :w0] = np.einsum("lij,lj->li", payoffs[:, 0], ranges[:, 1, :w1])
        found[:, 1, :w1] = np.einsum("lij,li->lj", payoffs[:, 1], ranges[:, 0, :w0])
        return found


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("horizon", [1, 2, CHANCE_AHEAD])
def test_with_leaves_of_one_strategy_values_are_those_of_the_whole_tree(trees, name, horizon):
    tree = trees[name]
    states, table = public_states(tree), random(tree, np.random.default_rng(1))
    reach, values, best = reaches(states, table), node_values(states, table), node_values(states, table, best=True)
    roots = np.flatnonzero((tree.player != LEAF) & (states.decisions <= 2))
    grown = forest(states, roots, horizon)
    nodes = grown.leaves.node
    solver = DepthLimited(grown, VARIANTS["cfr+"], Fixed(states, nodes, table), reach[roots])
    solver.total = realise(grown.form, to_vector(grown.form, table))
    outcome = solver.outcome()
    np.testing.assert_allclose(outcome.values, values[roots], atol=1e-12)
    np.testing.assert_allclose(outcome.ranges, reach[nodes], atol=1e-12)
    for p in range(2):
        worth = responses(grown, outcome.plan, best[nodes], p)[p : grown.form.empties : 2, : tree.lanes]
        np.testing.assert_allclose(worth, best[roots][:, p], atol=1e-12)


@pytest.mark.parametrize("name", GAMES)
def test_the_first_iteration_on_a_trunk_is_that_of_the_whole_game(trees, name):
    """As long as all play uniformly beyond the horizon: regrets at the trunk's decisions are alike."""
    tree = trees[name]
    states = public_states(tree)
    variant = replace(VARIANTS["cfr"], alternating=False)
    trunk, form = forest(states, np.array([0]), 2), sequence_form(tree)
    solver = DepthLimited(trunk, variant, Fixed(states, trunk.leaves.node, uniform(tree)))
    whole = CFR(form, variant, 1)
    solver.advance(1)
    whole.advance(1)
    at = {row: s for s, row in enumerate(form.row) if s >= form.empties}
    regret, all_regret = solver.regret.reshape(len(trunk.form.row), -1), whole.regret.reshape(len(form.row), -1)
    for s in range(trunk.form.empties, trunk.form.sequences):
        np.testing.assert_allclose(regret[s], all_regret[at[trunk.form.row[s]]], atol=1e-12)
    root = node_values(states, uniform(tree))[0]
    np.testing.assert_allclose(solver.roots[0], root, atol=1e-12)
    np.testing.assert_allclose(solver.mean[0], root, atol=1e-12)


def test_values_are_homogeneous_and_sum_to_zero(trees):
    tree = trees["leduc"]
    states = public_states(tree)
    rng = np.random.default_rng(0)
    boards = np.flatnonzero((tree.player == CHANCE) & (np.arange(len(tree.player)) > 0))
    rest = SolvedRest(tree, boards, 200)
    ranges = rng.random((len(boards), 2, 3))
    values = rest.values(np.arange(len(boards)), ranges)
    np.testing.assert_allclose((ranges * values).sum(axis=(1, 2)), 0, atol=1e-12)
    more = rest.values(np.arange(len(boards)), ranges * np.array([4.0, 0.5])[:, None])
    np.testing.assert_allclose(more, values * np.array([0.5, 4.0])[:, None], rtol=1e-6, atol=1e-12)
    # Asked for some of them, in another order and twice, it says the same.
    some = np.array([1, 0, 1])
    np.testing.assert_allclose(rest.values(some, ranges[some]), values[some], rtol=1e-9, atol=1e-12)
    assert public_states(tree).chance(boards).shape == (len(boards), 3, 3)
    assert states.beyond(boards, boards * 0, CHANCE_AHEAD).all()


def test_ranges_of_nothing_and_lanes_out_of_range(trees):
    """Values are zero where the other never comes, and defined in lanes that are out of one's own range."""
    tree = trees["liars_dice(faces=3)"]
    grown = forest(public_states(tree), np.array([1, 1]))
    ranges = np.ones((2, 2, 3))
    ranges[0, 0] = 0  # player 0 does not come at all
    ranges[1, 1, 2] = 0
    solver = DepthLimited(grown, VARIANTS["dcfr"], None, ranges)
    solver.advance(200)
    values = solver.outcome().values
    np.testing.assert_allclose(values[0, 1], 0, atol=1e-60)
    np.testing.assert_allclose(solver.outcome().values, solver.mean, atol=0.05)
    best = DepthLimited(grown, VARIANTS["dcfr"], None, np.ones((2, 2, 3)))
    best.advance(200)
    assert values[1, 1, 2] > best.outcome().values[1, 1].min() - 0.2  # it plays well there too


def test_cfr_on_the_whole_game_is_cfr(trees):
    tree = trees["leduc"]
    solver = DepthLimited(forest(public_states(tree), np.array([0])), VARIANTS["cfr+"])
    plain = CFR(sequence_form(tree), VARIANTS["cfr+"], 1000)
    solver.advance(50)
    plain.advance(50)
    np.testing.assert_allclose(solver.outcome().sigma, plain.profile(), atol=1e-9)


@pytest.mark.parametrize(
    ("game", "words"),
    [("kuhn(players=3)", "two players"), ("goofspiel(cards=3)", "public states")],
)
def test_games_without_public_states_are_refused(game, words):
    with pytest.raises(UserError, match=words):
        public_states(compile_tree(make(game)))


@pytest.mark.parametrize("horizon", [0, -1, True, 1.5, "turn"])
def test_what_is_no_horizon(trees, horizon):
    with pytest.raises(UserError, match="horizon"):
        forest(public_states(trees["kuhn"]), np.array([0]), horizon)
