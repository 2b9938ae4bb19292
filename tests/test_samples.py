"""All samples of an iteration, enumerated: each is what the kernels make of it, and they are right on average."""

from dataclasses import replace
from random import Random

import naive_sampling
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_mccfr import exact, matched

from counterplay.api.testing import drawn
from counterplay.engine.form import sequence_form
from counterplay.engine.tree import compile_tree
from counterplay.games import make
from counterplay.solvers.mccfr import MCCFR
from counterplay.solvers.samplings import SAMPLINGS
from counterplay.solvers.walks import span

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=25, deadline=None)
T = 5  # the iteration that is enumerated
ROWS = {  # with numbers that tell in small games
    **SAMPLINGS,
    "mccfr-average": replace(SAMPLINGS["mccfr-average"], bonus=1.0, threshold=2.0),
    "mccfr-external-pruned": replace(SAMPLINGS["mccfr-external-pruned"], prune=0.02, bottom=1e9),
}


def random_tree(seed, public):
    rng = Random(seed)
    if public or seed % 3 == 0:
        return compile_tree(drawn.random_dealt_game(rng, depth=3))
    return compile_tree(drawn.random_game(rng, 2 + seed % 3 // 2, depth=3, zero_sum=seed % 2 == 0))


def told(solver, before, baseline, numbers):
    """Return what an iteration adds to regrets and totals that draws these numbers first, [2, R, W]."""
    padding = np.full(4 * solver.tree.players * len(solver.tree.player) + 8, 0.5)
    regret, total = before
    solver.tables.regret[:], solver.tables.total[:] = regret.reshape(-1), total.reshape(-1)
    solver.tables.baseline[:] = baseline.reshape(solver.tables.baseline.shape)
    solver.tables.seen[:] = 0
    solver.tables = solver.tables._replace(random=np.concatenate([[0], numbers, padding]))
    solver.iterations = T - 1
    solver.advance(1)
    return np.stack([solver.tables.regret, solver.tables.total]).reshape(2, *regret.shape) - before


def enumerate_walks(solver, before, baseline, most):
    """Return the probability of every walk of player 0, and what it adds, [K, 2, R, W]; hold the kernel against it."""
    tree, row = solver.tree, solver.sampling
    below = naive_sampling.families(tree)
    owner = tree.owner.repeat(np.diff(tree.first))
    limit = -row.prune * span(tree) * T ** (row.weight + 0.5)

    def walk(draw):
        if row.public:
            return naive_sampling.public_walk(tree, below, row, T, 0, before[0], draw)
        return naive_sampling.walk(tree, below, row, T, 0, *before, baseline, limit, draw)

    chances, found = [], []
    for chance, numbers, wanted in naive_sampling.samples(walk, most):
        ours = told(solver, before, baseline, numbers)
        assert ours[0, owner == 0] == pytest.approx(wanted[0, owner == 0], abs=1e-9)
        if not row.lazy and tree.players == 2:
            averaged = owner == (0 if row.public else 1)
            assert ours[1, averaged] == pytest.approx(wanted[1, averaged], abs=1e-9)
        chances.append(chance)
        found.append(wanted)
    return np.array(chances), np.array(found)


def random_state(solver, seed):
    tree, rng = solver.tree, np.random.default_rng(seed)
    shape = (tree.rows, tree.lanes)
    before = np.stack([rng.normal(size=shape) * 2, rng.uniform(0, 10, shape)])
    return before, rng.normal(size=(tree.players, *shape)) * (solver.sampling.rate > 0)


@pytest.mark.nojit
@pytest.mark.parametrize("name", SAMPLINGS)
@few
@given(seeds)
def test_all_samples_together_are_right(name, seed):
    tree = random_tree(seed, ROWS[name].public)
    assume((tree.owner == 0).any())
    form = sequence_form(tree)
    solver = MCCFR(tree, form, ROWS[name])
    before, baseline = random_state(solver, seed)
    baseline = baseline if solver.sampling.rate else np.zeros((0, *before.shape[1:]))
    try:
        chances, found = enumerate_walks(solver, before, baseline, 300)
    except naive_sampling.TooMany:
        assume(False)
    assert chances.sum() == pytest.approx(1.0)
    mean = np.tensordot(chances, found, 1)
    row, owner, table = solver.sampling, tree.owner.repeat(np.diff(tree.first)), matched(tree, before[0])
    wanted = T**row.weight * exact(tree, form, table)
    if row.prune:
        out = naive_sampling.skipped(
            tree, naive_sampling.families(tree), before[0], -row.prune * span(tree) * T ** (row.weight + 0.5)
        )
        for i, above in enumerate(tree.above):  # what is below an action that is skipped is as rarely met
            if above >= 0:
                out[tree.first[i] : tree.first[i + 1]] |= out[above]
        wanted = np.where(out, 1 - row.skip, 1.0) * wanted
    assert mean[0, owner == 0] == pytest.approx(wanted[owner == 0], abs=1e-9)
    if tree.players == 2 and not row.lazy:
        plan = T**row.power * naive_sampling.plans(tree, table)
        if not row.public:
            plan = plan * naive_sampling.likely(tree).repeat(np.diff(tree.first), axis=0)
        averaged = owner == (0 if row.public else 1)
        choice = np.repeat(np.diff(tree.first) > 1, np.diff(tree.first)) & averaged
        real = np.arange(tree.lanes) < np.array([len(h) for h in tree.hands])[owner, None]
        mean, wanted = mean[1] * real, plan * real
        assert mean[choice] == pytest.approx(wanted[choice], abs=1e-9)


@pytest.mark.parametrize("name", ["mccfr-external", "mccfr-outcome"])
@pytest.mark.parametrize("game", ["kuhn", "one_card(cards=4)"])
def test_baselines_lower_the_variance_of_all_samples(name, game):
    tree = compile_tree(make(game))
    form = sequence_form(tree)
    learned = MCCFR(tree, form, replace(SAMPLINGS[f"{name}-vr"], rate=0.05), seed=1)
    regret = np.random.default_rng(3).uniform(0, 1, tree.rows * tree.lanes)
    for _ in range(3000):  # baselines of strategies that stand still
        learned.tables.regret[:] = regret
        learned.advance(1)
    before = np.stack([regret, np.zeros(len(regret))]).reshape(2, tree.rows, tree.lanes)
    spread = []
    for row in (SAMPLINGS[name], SAMPLINGS[f"{name}-vr"]):
        baseline = learned.tables.baseline.reshape(tree.players, tree.rows, tree.lanes)
        solver = MCCFR(tree, form, row)
        chances, found = enumerate_walks(solver, before, baseline if row.rate else baseline[:0], 5000)
        mean = np.tensordot(chances, found[:, 0], 1)
        spread.append(float(np.tensordot(chances, (found[:, 0] - mean) ** 2, 1).sum()))
    assert spread[1] < 0.9 * spread[0]


@pytest.mark.parametrize("name", [name for name, row in SAMPLINGS.items() if row.lazy])
@few
@given(seeds)
def test_lazy_averages_are_those_of_all_strategies(name, seed):
    tree = random_tree(seed, False)
    assume(len(tree.labels) > 0)
    solver = MCCFR(tree, sequence_form(tree), SAMPLINGS[name], seed=seed)
    total = np.zeros((tree.rows, tree.lanes))
    for t in range(1, 31):
        table = matched(tree, solver.tables.regret.reshape(total.shape))
        total += t**solver.sampling.power * naive_sampling.plans(tree, table)
        solver.advance(1)
    assert solver.table() == pytest.approx(normalised(tree, total), abs=1e-12)


def normalised(tree, total):
    table = np.zeros(total.shape)
    for i in range(len(tree.labels)):
        rows = slice(tree.first[i], tree.first[i + 1])
        mass = total[rows].sum(axis=0)
        table[rows] = np.where(mass > 0, total[rows] / np.where(mass > 0, mass, 1), 1 / (rows.stop - rows.start))
    return table


@pytest.mark.parametrize("name", ["mccfr-external-dcfr", "mccfr-public"])
def test_epochs_discount(name):
    tree = compile_tree(make("leduc"))
    form, regrets = sequence_form(tree), []
    for period in (0, 4):
        row = replace(SAMPLINGS[name], period=period, alpha=1.5, beta=0.5)
        solver = MCCFR(tree, form, row, seed=2)
        solver.period = period
        solver.advance(3)
        solver.iterations = 7
        solver.advance(1)  # the eighth ends the second epoch
        regrets.append(solver.tables.regret.copy())
    plain, discounted = regrets
    up, down = (2**x / (2**x + 1) for x in (1.5, 0.5))
    assert discounted == pytest.approx(plain * np.where(plain > 0, up, down), abs=1e-12)


def test_regrets_that_take_part_in_skipping_have_a_bottom():
    tree = compile_tree(make("leduc"))
    row = replace(SAMPLINGS["mccfr-external-pruned"], prune=0.1)
    solver = MCCFR(tree, sequence_form(tree), row, seed=2)
    solver.advance(3000)
    bottom = -0.1 * row.bottom * span(tree) * 3000**1.5
    assert bottom <= solver.tables.regret.min() < bottom * 0.99
