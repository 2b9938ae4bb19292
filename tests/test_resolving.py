"""Re-solving: gadgets, what they promise, and a game in which doing without is worse than the blueprint."""

from dataclasses import dataclass
from random import Random

import naive_resolving
import numpy as np
import pytest

from counterplay.api.testing import drawn
from counterplay.engine.errors import UserError
from counterplay.engine.form import sequence_form
from counterplay.engine.rules import LEAF, Outcome
from counterplay.engine.strategy import random, to_table, to_vector, uniform
from counterplay.engine.subgames import CHANCE_AHEAD, forest, public_states
from counterplay.engine.sweeps import realise
from counterplay.engine.tree import compile_tree
from counterplay.games import make
from counterplay.solvers.cfr import CFR
from counterplay.solvers.continuations import Continuations, tastes
from counterplay.solvers.depth_limited import DepthLimited, SolvedRest
from counterplay.solvers.gadgets import GADGETS, Conceded, Gadget, follow, pick
from counterplay.solvers.lp import solve_lp
from counterplay.solvers.node_values import node_payoffs, node_values, reaches
from counterplay.solvers.resolving import Resolving, Settings, gifts_on_the_way, written
from counterplay.solvers.value import judge_table, seated
from counterplay.solvers.variants import VARIANTS

SAFE = [gadget for gadget in GADGETS if gadget != "none"]


@dataclass(frozen=True)
class CoinToss:
    """A coin's holder sells it for a price by its side, or lets the other guess (Brown and Sandholm 2017)."""

    players = 2

    def hands(self, player):
        return ("heads", "tails") if player == 0 else ("nothing",)

    def deal(self, hands):
        return (1.0,) if hands else (0.5, 0.5)

    def root(self):
        return ""

    def turn(self, state):
        return {"": 0, "play": 1}.get(state, LEAF)

    def moves(self, state):
        return ("sell", "play") if state == "" else ("heads", "tails")

    def play(self, state, move):
        return self.moves(state)[move]

    def outcome(self, state):
        return Outcome(state)

    def payoffs(self, state, hands):
        gain = (0.5, -0.5)[hands[0]] if state == "sell" else -1.0 if state == ("heads", "tails")[hands[0]] else 1.0
        return gain, -gain

    def sees(self, state):
        return state


def random_dealt(seed):
    return compile_tree(drawn.random_dealt_game(Random(seed), depth=5))


@pytest.fixture(scope="module")
def leduc():
    return compile_tree(make("leduc"))


def coarse(tree, iterations):
    """Return a strategy that so many iterations lead to."""
    form = sequence_form(tree)
    solver = CFR(form, VARIANTS["cfr"], iterations)
    solver.advance(iterations)
    return to_table(form, tree, solver.profile())


def resolved(tree, begin=None, blueprint=None, **settings):
    return judge_table(
        sequence_form(tree),
        written(public_states(tree), sequence_form(tree), begin, blueprint, Settings(**settings)),
    )


@pytest.mark.parametrize("seed", range(8))
def test_values_of_nodes_are_those_of_definitions(seed):
    tree = random_dealt(seed)
    states, table = public_states(tree), random(tree, np.random.default_rng(seed))
    worth = naive_resolving.matrices(tree, table)
    payoffs, reach = node_payoffs(states, table), reaches(states, table)
    values, best = node_values(states, table), node_values(states, table, best=True)
    w0, w1 = map(len, tree.hands)
    for node in range(len(tree.player)):
        np.testing.assert_allclose(payoffs[node], worth[node], atol=1e-12)
        for p, own in enumerate((w0, w1)):
            np.testing.assert_allclose(reach[node, p, :own], naive_resolving.reach(tree, table, 0, node, p)[:own])
        np.testing.assert_allclose(values[node, 0, :w0], worth[node][0] @ reach[node, 1, :w1], atol=1e-12)
        np.testing.assert_allclose(values[node, 1, :w1], reach[node, 0, :w0] @ worth[node][1], atol=1e-12)
    judged = judge_table(sequence_form(tree), table)
    np.testing.assert_allclose(best[0].sum(axis=1), judged.best, atol=1e-12)
    np.testing.assert_allclose(values[0].sum(axis=1), judged.value, atol=1e-12)


def test_a_lane_follows_where_that_pays_and_ranges_find_the_largest_gain():
    alternatives, values = np.array([[1.0, -1.0, 0.0]]), np.array([[2.0, -3.0, 0.5]])
    regret = np.zeros((1, 3, 2))
    for _ in range(50):
        found = follow(regret, values, alternatives)
    np.testing.assert_allclose(found, [[1, 0, 1]], atol=0.05)
    regret, possible = np.zeros((1, 3)), np.array([[True, True, True]])
    for _ in range(200):
        found = pick(regret, values, alternatives, possible)
    np.testing.assert_allclose(found, [[1, 0, 0]], atol=0.05)
    found = pick(np.zeros((1, 3)), values, alternatives, np.array([[False, True, True]]))
    assert found[0, 0] == 0
    assert found.sum() == pytest.approx(1)


def test_without_a_gadget_re_solving_may_be_worse_than_its_blueprint():
    """At an equilibrium's range the guesser is indifferent, and what it then plays may be exploited."""
    tree = compile_tree(CoinToss())
    blueprint = solve_lp(tree)
    assert judge_table(sequence_form(tree), blueprint).exploitability == pytest.approx(0, abs=1e-9)
    unsafe = resolved(tree, None, blueprint, horizon=1)
    assert unsafe.exploitability > 0.1
    for gadget in SAFE:
        safe = resolved(tree, None, blueprint, horizon=1, gadget=gadget, iterations=2000)
        assert safe.exploitability == pytest.approx(0, abs=0.005), gadget


class OneCoin(CoinToss):
    """The same with a coin that everybody knows, and so with one hand each."""

    def hands(self, player):
        return ("heads",) if player == 0 else ("nothing",)

    def deal(self, hands):
        return (1.0,)


def test_a_game_of_one_hand_each():
    tree = compile_tree(OneCoin())
    found = resolved(tree, None, uniform(tree), horizon=1, gadget="maxmargin", iterations=200)
    assert judge_table(sequence_form(tree), uniform(tree)).best == (0.5, 0.25)
    assert found.best == pytest.approx((0.5, 0.25), abs=0.01)  # the guesser was as good; the holder's trunk stands
    exact = resolved(tree, lambda t, n: SolvedRest(t, n, 50), None, horizon=1, iterations=300)
    assert exact.exploitability == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("gadget", SAFE)
@pytest.mark.parametrize("seed", range(4))
def test_safe_re_solving_is_no_worse_than_its_blueprint_in_random_games(seed, gadget):
    tree = random_dealt(seed)
    form = sequence_form(tree)
    for blueprint in (random(tree, np.random.default_rng(seed)), uniform(tree), solve_lp(tree)):
        before = judge_table(form, blueprint)
        after = resolved(tree, None, blueprint, horizon=1 + seed % 2, gadget=gadget, iterations=400)
        for p in range(2):  # what a best response to each player's strategy earns
            assert after.best[p] <= before.best[p] + 0.02


@pytest.mark.parametrize("gadget", SAFE)
@pytest.mark.parametrize(("name", "horizon"), [("leduc", CHANCE_AHEAD), ("liars_dice(faces=4)", 2)])
def test_safe_re_solving_improves_a_coarse_blueprint(name, horizon, gadget):
    tree = compile_tree(make(name))
    blueprint = coarse(tree, 100)
    before = judge_table(sequence_form(tree), blueprint)
    after = resolved(tree, None, blueprint, horizon=horizon, gadget=gadget, iterations=500)
    assert after.exploitability < 0.95 * before.exploitability
    for p in range(2):
        assert after.best[p] < before.best[p] + 0.003


def test_gifts_are_what_better_actions_would_have_earned(leduc):
    blueprint = coarse(leduc, 10)
    states = public_states(leduc)
    trunk = forest(states, np.array([0]), CHANCE_AHEAD)
    values = node_values(states, blueprint, best=True)
    plan = realise(trunk.form, to_vector(trunk.form, blueprint))
    for opponent in range(2):
        gifts = gifts_on_the_way(trunk, plan, values[trunk.leaves.node], opponent)
        assert (gifts > -1e-12).all()
        assert gifts.max() > 0.01
        # Alternatives that are raised by the gifts raise nothing at the root.
        raised = np.zeros((len(leduc.player), 3))
        raised[trunk.leaves.node] = gifts
        worth = values[:, opponent].copy()
        inner = np.setdiff1d(np.arange(trunk.leaves.node.max() + 1), np.flatnonzero(states.chances > 0))
        worth[trunk.leaves.node] += gifts
        for node in inner[::-1]:
            below = states.children(node)
            if len(below):
                worth[node] = worth[below].max(axis=0) if leduc.player[node] == opponent else worth[below].sum(axis=0)
        np.testing.assert_allclose(worth[0], values[0, opponent], atol=1e-12)


@pytest.mark.parametrize(("name", "horizon", "most"), [("kuhn", 1, 0.01), ("leduc", CHANCE_AHEAD, 0.03)])
@pytest.mark.parametrize("gadget", SAFE)
def test_with_an_exact_evaluator_a_re_solving_player_is_near_an_equilibrium(name, horizon, most, gadget):
    tree = compile_tree(make(name))
    found = resolved(tree, lambda t, n: SolvedRest(t, n, 100), gadget=gadget, horizon=horizon, iterations=150)
    assert found.exploitability < most


def test_playing_iterations_at_random_is_safer_than_their_average():
    tree = compile_tree(make("kuhn"))
    settings = {"horizon": 1, "iterations": 60}
    average = resolved(tree, lambda t, n: SolvedRest(t, n, 60), **settings)
    drawn = resolved(tree, lambda t, n: SolvedRest(t, n, 60), samples=40, **settings)
    assert drawn.exploitability < 0.7 * average.exploitability


@pytest.mark.parametrize("seed", range(4))
def test_an_opponent_of_several_continuations_picks_what_pays(seed):
    tree = random_dealt(seed)
    states, table = public_states(tree), random(tree, np.random.default_rng(seed))
    nodes = np.flatnonzero(tree.player != LEAF)
    tables = tastes(tree, table)
    assert len(tables) == 4
    ranges = np.random.default_rng(seed).random((len(nodes), 2, tree.lanes))
    for p, hands in enumerate(tree.hands):
        ranges[:, p, len(hands) :] = 0
    asked = np.arange(len(nodes))
    for seat in range(2):
        alone = Continuations(states, nodes, tables[:1], seat).values(asked, ranges)
        several = Continuations(states, nodes, tables, seat)
        for _ in range(200):
            values = several.values(asked, ranges)
            np.testing.assert_allclose((ranges * values).sum(axis=(1, 2)), 0, atol=1e-12)
        opponent = len(tree.hands[1 - seat])
        # Alone it is the blueprint's own payoffs; of several, the opponent ends with the best for each hand.
        each = []
        for other in tables:
            seats = [table, other] if seat == 0 else [other, table]
            payoffs = node_payoffs(states, seated(tree, seats))[nodes]
            sums = "lij,li->lj" if seat == 0 else "lij,lj->li"
            each.append(np.einsum(sums, payoffs[:, 1 - seat], ranges[:, seat, : len(tree.hands[seat])]))
        np.testing.assert_allclose(alone[:, 1 - seat, :opponent], each[0], atol=1e-12)
        np.testing.assert_allclose(values[:, 1 - seat, :opponent], np.max(each, axis=0), atol=0.02)


def test_more_continuations_make_a_trunk_safer(leduc):
    """The trunk is solved before what the blueprint does later; what follows is solved anew, safely."""
    blueprint, states = coarse(leduc, 100), public_states(leduc)
    found = {}
    for few in (1, 4):
        tables = tastes(leduc, blueprint)[:few]

        def begin(seat, tables=tables):
            return lambda tree, nodes: Continuations(states, nodes, tables, seat)

        settings = Settings("maxmargin", CHANCE_AHEAD, 400)
        table = written(states, sequence_form(leduc), (begin(0), begin(1)), None, settings)
        found[few] = judge_table(sequence_form(leduc), table).exploitability
    assert found[4] < 0.85 * found[1]


def test_levels_can_be_solved_root_by_root(leduc):
    settings = Settings("resolve", CHANCE_AHEAD, 50)
    blueprint = coarse(leduc, 20)
    states = public_states(leduc)
    whole = Resolving(states, 1, None, blueprint, settings).whole()
    single = Resolving(states, 1, None, blueprint, settings)
    level = single.first()
    for k in range(len(level.roots)):
        single.next(level.only(np.array([k])))
    mine = leduc.owner.repeat(np.diff(leduc.first)) == 1
    np.testing.assert_allclose(single.table[mine], whole[mine], atol=1e-9)


def test_a_warm_start_is_near_its_strategy(leduc):
    """From the blueprint, few iterations get closer than from a uniform strategy."""
    blueprint = coarse(leduc, 500)
    trees = forest(public_states(leduc), np.array([0]))
    found = {}
    for warm in (0, 100):
        solver = DepthLimited(trees, VARIANTS["dcfr"], horizon=10)
        if warm:
            solver.warm(to_vector(trees.form, blueprint), warm)
        solver.advance(10)
        found[warm] = judge_table(sequence_form(leduc), to_table(trees.form, leduc, solver.outcome().sigma))
    assert found[100].exploitability < 0.6 * found[0].exploitability


def test_gadgets_leave_the_players_seat_alone():
    conceded = Conceded(np.zeros((1, 2)), np.zeros((1, 2)), np.ones((1, 2), bool))
    assert Gadget("maxmargin", 1, conceded)(0, np.ones((1, 2))) is None


@pytest.mark.parametrize("settings", [{"gadget": "safe"}, {"horizon": 0}, {"gadget": "reach", "samples": 3}])
def test_settings_that_are_none(settings):
    with pytest.raises(UserError):
        Settings(**settings)
