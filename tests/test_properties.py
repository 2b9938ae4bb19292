"""Properties that must hold for every game, checked on random ones."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from counterplay.api.testing import drawn, plain, textbook
from counterplay.engine import strategy
from counterplay.engine.form import sequence_form
from counterplay.engine.rules import CHANCE, LEAF, Histories
from counterplay.engine.tree import compile_tree
from counterplay.solvers.cfr import CFR
from counterplay.solvers.lp import solve_lp
from counterplay.solvers.run import Method, start
from counterplay.solvers.value import best_response, judge, judge_table
from counterplay.solvers.variants import VARIANTS

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=30, deadline=None)
many = settings(max_examples=120, deadline=None)


def any_game(seed, players):
    """A random game; two-player ones are dealt ones, zero-sum histories or general-sum histories in turn."""
    rng = Random(seed)
    if players == 2 and seed % 3 == 0:
        return drawn.random_dealt_game(rng)
    return drawn.random_game(rng, players, zero_sum=seed % 3 == 1)


@pytest.mark.nojit
@many
@given(seeds, st.sampled_from([1, 2, 3]))
def test_compile_keeps_the_game(seed, players):
    game = any_game(seed, players)
    tree = compile_tree(game)
    profile = plain.to_profile(tree, strategy.uniform(tree))
    assert {key: len(p) for key, p in profile.items()}.items() >= plain.infosets(game).items()
    table = strategy.random(tree, np.random.default_rng(seed))
    wanted = plain.expected(game, plain.to_profile(tree, table))
    for unroll in (None, True):
        assert judge_table(sequence_form(tree, unroll=unroll), table).value == pytest.approx(wanted, abs=1e-12)


@pytest.mark.nojit
@many
@given(seeds, st.sampled_from([1, 2, 3]))
def test_leaf_chances_sum_to_one_for_any_pure_profile(seed, players):
    tree = compile_tree(any_game(seed, players))
    reached = np.ones(len(tree.player), bool)  # when every decision takes its first move
    for node in range(1, len(reached)):
        up = tree.parent[node]
        reached[node] = reached[up] and (tree.player[up] == CHANCE or tree.slot[node] == 0)
    ends = tree.weight[reached & (tree.player == LEAF)]
    assert tree.weights[ends].sum() == pytest.approx(1.0)


@few
@given(seeds, st.sampled_from([1, 2, 3]))
def test_best_response_equals_brute_force(seed, players):
    game = any_game(seed, players)
    assume(all(plain.pure_strategies(game, p) <= 300 for p in range(players)))
    tree = compile_tree(game)
    form = sequence_form(tree)
    table = strategy.random(tree, np.random.default_rng(seed))
    verdict = judge_table(form, table)
    for p in range(players):
        wanted = plain.best_by_enumeration(game, plain.to_profile(tree, table), p)
        assert verdict.best[p] == pytest.approx(wanted, abs=1e-10)
        earns, response = best_response(form, tree, table, p)
        assert earns == pytest.approx(wanted, abs=1e-10)
        assert judge_table(form, response).value[p] == pytest.approx(wanted, abs=1e-10)


@many
@given(seeds, st.sampled_from([1, 2, 3]))
def test_best_response_beats_every_other_response(seed, players):
    tree = compile_tree(any_game(seed, players))
    form = sequence_form(tree)
    rng = np.random.default_rng(seed)
    table = strategy.random(tree, rng)
    best = judge_table(form, table).best
    own = tree.owner.repeat(np.diff(tree.first))
    for p in range(players):
        other = np.where((own == p)[:, None], strategy.random(tree, rng), table)
        assert judge_table(form, other).value[p] <= best[p] + 1e-10


@many
@given(seeds, st.sampled_from([2, 3]))
def test_exploitability_is_never_negative(seed, players):
    tree = compile_tree(any_game(seed, players))
    verdict = judge_table(sequence_form(tree), strategy.random(tree, np.random.default_rng(seed)))
    assert all(b >= v - 1e-12 for b, v in zip(verdict.best, verdict.value, strict=True))


@few
@given(seeds)
def test_exploitability_is_zero_only_at_equilibrium(seed):
    rng = Random(seed)
    game = drawn.random_dealt_game(rng) if seed % 2 else drawn.random_game(rng)
    tree = compile_tree(game)
    form = sequence_form(tree)
    exact = judge_table(form, solve_lp(tree))
    assert exact.exploitability == pytest.approx(0.0, abs=1e-7)
    other = judge_table(form, strategy.random(tree, np.random.default_rng(seed)))
    # Minimax: what the best responses leave brackets the value, and by exactly NashConv.
    assert -other.best[1] - 1e-7 <= exact.value[0] <= other.best[0] + 1e-7
    if other.exploitability < 1e-9:
        assert other.value[0] == pytest.approx(exact.value[0], abs=1e-7)


@few
@given(seeds, st.sampled_from(sorted(VARIANTS)))
def test_average_value_converges_to_that_of_the_linear_programme(seed, name):
    rng = Random(seed)
    game = drawn.random_dealt_game(rng) if seed % 2 else drawn.random_game(rng)
    tree = compile_tree(game)
    form = sequence_form(tree)
    value = judge_table(form, solve_lp(tree)).value[0]
    solver = CFR(form, VARIANTS[name], horizon=1000)
    solver.advance(1000)
    verdict = judge(form, solver.profile())
    assert verdict.nash_conv <= 0.2
    assert abs(verdict.value[0] - value) <= verdict.nash_conv + 1e-9


@few
@given(seeds, st.sampled_from([2, 3]), st.integers(1, 200))
def test_regret_stays_under_its_bound(seed, players, iterations):
    """Zinkevich et al. 2007, theorem 4: average regret <= sum over own infosets of range * sqrt(actions / T)."""
    tree = compile_tree(any_game(seed, players))
    form = sequence_form(tree)
    solver = start(tree, form, Method("cfr", updates="simultaneous"))
    solver.advance(iterations)
    gap = solver.figures().get("coarse_gap")
    if gap is None:  # two-player zero-sum: the sum of both regrets is NashConv of the average
        gap = judge(form, solver.profile()).nash_conv
    width = 2 * np.abs(tree.payoffs).max() * max(1.0, np.abs(tree.stake).max())
    sizes = np.diff(tree.first)
    lanes = np.array([len(tree.hands[p]) for p in tree.owner])
    bound = (width * lanes * np.sqrt(sizes)).sum() / np.sqrt(iterations)
    assert -1e-9 <= gap <= bound + 1e-9


@few
@given(seeds)
def test_two_player_regret_bounds_exploitability(seed):
    """Half of NashConv of the average is at most the larger average regret (the folk theorem behind all of CFR)."""
    tree = compile_tree(drawn.random_game(Random(seed)))
    form = sequence_form(tree)
    solver = CFR(form, replace(VARIANTS["cfr"], alternating=False), 0, joint=True)
    solver.advance(100)
    assert judge(form, solver.profile()).exploitability <= solver.figures()["coarse_gap"] + 1e-9


@few
@given(seeds, st.booleans())
def test_iterations_equal_textbook_cfr(seed, plus):
    """Payoffs are generic, or rounding would decide ties between regrets and the two would part."""
    rng = Random(seed)
    if seed % 2:
        game = drawn.random_dealt_game(rng, depth=3, generic=True)
    else:
        game = drawn.random_game(rng, 2 + seed % 4 // 2, generic=True)
    tree = compile_tree(game)
    form = sequence_form(tree)
    solver = CFR(form, VARIANTS["cfr+" if plus else "cfr"], 0)
    solver.advance(5)
    ours = judge(form, solver.profile())
    theirs = plain.expected(game, textbook.cfr(game, 5, plus))
    assert ours.value == pytest.approx(theirs, abs=1e-9)


@pytest.mark.nojit
@few
@given(seeds)
def test_lanes_equal_histories(seed):
    game = drawn.random_dealt_game(Random(seed))
    lanes, apart = compile_tree(game), compile_tree(Histories(game))
    table = strategy.random(lanes, np.random.default_rng(seed))
    known = plain.to_profile(lanes, table)
    rows = [known[int(apart.owner[i]), label] for i, label in enumerate(apart.labels)]
    other = np.concatenate(rows)[:, None] if rows else np.zeros((0, 1))
    one, two = judge_table(sequence_form(lanes), table), judge_table(sequence_form(apart), other)
    assert one.value == pytest.approx(two.value, abs=1e-12)
    assert one.best == pytest.approx(two.best, abs=1e-12)
