"""Factored payoffs against the tree and sequence form of the same rules."""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import permutations

import numpy as np
import pytest

from counterplay.engine import factored
from counterplay.engine import factored_size as factored_sizes
from counterplay.engine.attempts import attempts_of, children, depths, expand, locate, paths, representatives
from counterplay.engine.errors import UserError
from counterplay.engine.factored_size import admit_factored, describe_factored, factored_size
from counterplay.engine.form import sequence_form
from counterplay.engine.phantom import factored_form
from counterplay.engine.rules import GOES_ON, LEAF
from counterplay.engine.strategy import is_profile, random, to_table
from counterplay.engine.sweeps import normalise, realise, respond
from counterplay.engine.tree import compile_tree
from counterplay.games import make
from counterplay.solvers.cfr import CFR
from counterplay.solvers.mmd import MMD
from counterplay.solvers.run import Limits, Method, kind_of, method, run, start
from counterplay.solvers.value import judge, judge_table, magnitude
from counterplay.solvers.variants import VARIANTS


@dataclass(frozen=True)
class InTheDark:
    """Stones in the dark, with any payoffs: `paid[position]`, and symmetries of the board."""

    cells: int
    paid: tuple[int, ...]
    group: tuple[tuple[int, ...], ...]
    abrupt: bool = False
    players = 2

    @cached_property
    def names(self):
        return tuple(f"c{i}" for i in range(self.cells))

    def ends(self):
        return np.array(self.paid, np.int8)

    def symmetries(self):
        return np.array(self.group)

    def root(self):
        return 0, ((), ())  # who moves; what each has tried, (cell, in vain)

    def _at(self, state):
        return self.paid[sum((1 + p) * 3**c for p in range(2) for c, failed in state[1][p] if not failed)]

    def turn(self, state):
        return state[0] if self._at(state) == GOES_ON else LEAF

    def _left(self, state):
        tried = {cell for cell, _ in state[1][state[0]]}
        return [cell for cell in range(self.cells) if cell not in tried]

    def moves(self, state):
        return [self.names[cell] for cell in self._left(state)]

    def play(self, state, move):
        p, tried = state
        cell = self._left(state)[move]
        in_vain = (cell, False) in tried[1 - p]
        mine = (*tried[p], (cell, in_vain))
        return p if in_vain and not self.abrupt else 1 - p, (mine, tried[1]) if p == 0 else (tried[0], mine)

    def payoffs(self, state):
        return float(self._at(state)), -float(self._at(state))

    def sees(self, state, player):
        return label(state[1][player])


def label(tried):
    return " ".join(f"c{cell}{'x' * failed}" for cell, failed in tried)


def rows_and_columns(rows, columns):
    """Return the symmetries of a rectangle, of a square those of the square."""
    board = np.arange(rows * columns).reshape(rows, columns)
    both = (board, board.T) if rows == columns else (board,)
    return np.unique([np.rot90(b, k).ravel() for b in both for k in range(0, 4, 1 if rows == columns else 2)], axis=0)


@lru_cache
def any_game(seed, cells, group, goes_on=0.7, largest=2):
    """Return a game with random payoffs, which the symmetries do not change."""
    rng = np.random.default_rng(seed)
    positions = np.arange(3**cells)
    digits = positions[:, None] // 3 ** np.arange(cells) % 3
    paid = rng.integers(-largest, largest + 1, 3**cells)
    paid[rng.random(3**cells) < goes_on] = GOES_ON
    images = [(digits * 3 ** np.array(turn)).sum(axis=1) for turn in group]
    paid = paid[np.min(images, axis=0)]
    full = (digits > 0).all(axis=1)
    paid[full & (paid == GOES_ON)] = 1
    paid[0] = GOES_ON
    return InTheDark(cells, tuple(paid.tolist()), tuple(map(tuple, np.array(group).tolist())))


def games():
    square, line = tuple(map(tuple, rows_and_columns(2, 2))), ((0, 1, 2), (2, 1, 0))
    yield from (any_game(seed, 4, square, share) for seed, share in ((1, 0.5), (2, 0.8), (3, 1.0)))
    yield from (any_game(seed, 3, line) for seed in (4, 5, 6))
    yield from (any_game(seed, 3, tuple(permutations(range(3))), 0.9) for seed in (7, 8))
    yield from (
        any_game(seed, 5, ((0, 1, 2, 3, 4), (1, 2, 3, 0, 4), (2, 3, 0, 1, 4), (3, 0, 1, 2, 4))) for seed in (9, 10)
    )
    yield from (any_game(seed, 5, (tuple(range(5)),), 0.85) for seed in (11, 12))
    yield any_game(13, 2, ((0, 1),), 1.0)
    yield any_game(14, 1, ((0,),), 1.0)
    yield any_game(15, 3, line, 0.0)


PATIENT = list(games())  # an attempt in vain does not end the turn
GAMES = PATIENT + [replace(game, abrupt=True) for game in PATIENT if game.cells < 5]


@lru_cache
def compiled(game):
    tree = compile_tree(game)
    return tree, sequence_form(tree)


def columns(tree, form):
    """Return where each sequence of a form stands in the tree's table, -1 for the empty ones, [S]."""
    number = {(int(tree.owner[i]), text): i for i, text in enumerate(tree.labels)}
    rows = np.full(form.sequences, -1)
    for d in range(form.infosets):
        tried = attempts_of(form, d)
        i = number[int(d >= form.begin[1]), label(tried)]
        for s in range(form.first[d], form.first[d + 1]):
            rows[s] = tree.first[i] + tree.actions[i].index(f"c{form.cell[s]}")
    return rows


def from_table(tree, form, table):
    """Return a strategy of the tree over a form without symmetries."""
    sigma = table[:, 0][columns(tree, form)]
    sigma[:2] = 0.0
    return sigma


@pytest.mark.parametrize("game", GAMES)
def test_decisions_are_those_of_the_tree(game):
    tree, _ = compiled(game)
    form = factored_form(game, symmetric=False)
    assert form.infosets == len(tree.owner)
    assert form.sequences == 2 + tree.rows
    assert sorted(columns(tree, form)[2:]) == list(range(tree.rows))
    small = factored_form(game)
    assert small.share[2:].sum() == tree.rows
    assert small.infosets <= form.infosets


@pytest.mark.parametrize("game", GAMES)
def test_judgement_is_that_of_the_tree(game):
    tree, plain = compiled(game)
    form = factored_form(game, symmetric=False)
    for seed in range(2):
        table = random(tree, np.random.default_rng(seed))
        sigma = from_table(tree, form, table)
        assert is_profile(form, sigma)
        ours, theirs = judge(form, sigma), judge_table(plain, table)
        assert ours.value == pytest.approx(theirs.value, abs=1e-12)
        assert ours.best == pytest.approx(theirs.best, abs=1e-12)
        plan = realise(form, sigma)
        assert plan[2:] == pytest.approx(normalise(form, plan)[2:] * plan[form.parent].repeat(np.diff(form.first)))


@pytest.mark.parametrize("game", GAMES)
def test_best_response_earns_what_it_says(game):
    tree, _ = compiled(game)
    form = factored_form(game, symmetric=False)
    sigma = from_table(tree, form, random(tree, np.random.default_rng(0)))
    for p in range(2):
        answer = sigma.copy()
        earns = respond(form, p, realise(form, sigma), np.empty_like(sigma), answer)
        assert judge(form, answer).value[p] == pytest.approx(earns, abs=1e-12)


@pytest.mark.parametrize("game", GAMES)
def test_representatives_stand_for_their_orbits(game):
    form, full = factored_form(game), factored_form(game, symmetric=False)
    assert np.bincount(representatives(form, full)[2:], minlength=form.sequences)[2:] == pytest.approx(form.share[2:])
    rng = np.random.default_rng(0)
    sigma = normalise(form, rng.random(form.sequences))
    whole = expand(form, full, sigma)
    assert is_profile(full, whole)
    ours, theirs = judge(form, sigma), judge(full, whole)
    assert ours.value == pytest.approx(theirs.value, abs=1e-12)
    assert ours.best == pytest.approx(theirs.best, abs=1e-12)
    for p in range(2):  # a best response, spread over the symmetries, is one
        answer = sigma.copy()
        respond(form, p, realise(form, sigma), np.empty_like(sigma), answer)
        assert judge(full, expand(form, full, answer)).value[p] == pytest.approx(theirs.best[p], abs=1e-12)


def test_decisions_are_found_by_their_attempts():
    game = GAMES[8]
    form, full = factored_form(game), factored_form(game, symmetric=False)
    found, after = representatives(form, full), children(form)
    written, depth = paths(full), depths(full)
    for d in range(full.infosets):
        tried = attempts_of(full, d)
        assert len(tried) == depth[d]
        assert [2 * cell + failed for cell, failed in tried] == written[d, : depth[d]].tolist()
        assert (written[d, depth[d] :] == -1).all()
        p = int(d >= full.begin[1])
        assert locate(full, p, tried)[0] == d
        own, turn = locate(form, p, tried, after)
        assert [(turn[cell], failed) for cell, failed in tried] == attempts_of(form, own)
        first = full.first[d]
        assert form.first[own] <= found[first] < form.first[own + 1]
    assert (paths(full, 3, 9) == written[3:9]).all()
    with pytest.raises(UserError, match="no play of the game"):
        locate(full, 0, [(0, True)])
    with pytest.raises(UserError, match="cells 0 to 4"):
        locate(full, 0, [(9, False)])


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("alternating", [True, False])
def test_iterations_are_those_of_the_tree(name, alternating):
    updates = "alternating" if alternating else "simultaneous"
    square = GAMES[0].group
    patient = [any_game(seed, 4, square[:1], share, 99) for seed, share in ((1, 0.3), (2, 0.5), (3, 0.6))]
    for game in (*patient, replace(patient[0], abrupt=True)):
        tree, plain = compiled(game)
        form = factored_form(game, symmetric=False)
        ours = start(None, form, Method(name, updates, horizon=20))
        theirs = start(tree, plain, Method(name, updates, horizon=20))
        for solver in (ours, theirs):
            solver.advance(7)
        wanted = from_table(tree, form, to_table(plain, tree, theirs.profile()))
        reached = normalise(form, np.zeros(form.sequences))
        plans = realise(form, wanted)[form.parent].repeat(np.diff(form.first)) > 0
        reached[2:] = np.where(plans, ours.profile()[2:] - wanted[2:], 0.0)
        assert np.abs(reached[2:]).max() < 1e-9
        assert ours.judge().best == pytest.approx(theirs.judge().best, abs=1e-9)
        assert ours.floor == pytest.approx(theirs.floor)


@pytest.mark.parametrize("game", GAMES[::4])
def test_symmetric_runs_converge_to_the_value(game):
    _, plain = compiled(game)
    exact = CFR(plain, VARIANTS["pdcfr+"], 0)
    exact.advance(2000)
    ending = run(CFR(factored_form(game), VARIANTS["pcfr+"], 0), Limits(target=1e-4))
    assert ending.stopped_by == "target"
    assert ending.judgement.value[0] == pytest.approx(exact.judge().value[0], abs=2e-3)


def test_mirror_descent_steps_as_on_the_tree():
    game = GAMES[1]
    tree, plain = compiled(game)
    form = factored_form(game, symmetric=False)
    ours, theirs = MMD(form, 0.0), MMD(plain, 0.0)
    theirs.eta, theirs.alpha = ours.eta, ours.alpha  # the tree has contracted terms, and so another bound
    for solver in (ours, theirs):
        solver.advance(25)
    wanted = from_table(tree, form, to_table(plain, tree, theirs.profile()))
    assert np.abs(ours.profile() - wanted)[2:].max() < 1e-9
    with pytest.raises(UserError, match="temperature"):
        MMD(form, 0.5)


@pytest.mark.parametrize("game", [GAMES[10], GAMES[-12]])
def test_threads_change_nothing(game, monkeypatch):
    form = factored_form(game)
    found = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(factored, "_SMALL", 0)
        monkeypatch.setattr(factored, "cores", lambda n=threads: n)
        solver = CFR(form, VARIANTS["pdcfr+"], 0)
        solver.advance(10)
        judgement = solver.judge()
        found.append((solver.total.tobytes(), judgement.value, judgement.best))
    assert found[0] == found[1] == found[2]


def test_runs_go_on_where_they_were():
    form = factored_form(GAMES[9])
    whole, first, second = (CFR(form, VARIANTS["dcfr"], 0) for _ in range(3))
    whole.advance(9)
    first.advance(4)
    second.restore(first.state(), 4)
    second.advance(5)
    assert (whole.profile() == second.profile()).all()


def test_methods_say_what_fits():
    kind = kind_of(factored_form(GAMES[0]))
    assert method(kind, "auto").algorithm in VARIANTS
    assert method(kind, "mmd").algorithm == "mmd"
    for name in ("lp", "mccfr-external"):
        with pytest.raises(UserError, match="needs the tree"):
            method(kind, name)


def test_magnitude_is_that_of_the_tree():
    _, plain = compiled(GAMES[0])
    assert magnitude(factored_form(GAMES[0], symmetric=False)) == pytest.approx(magnitude(plain))


def test_sizes_are_told_before(monkeypatch):
    for game in GAMES[:9]:
        size, form = factored_size(game), factored_form(game, symmetric=False)
        assert size.exact
        assert (size.infosets, size.sequences) == (form.infosets, form.sequences)
        assert admit_factored(game) == size
    large = any_game(16, 6, (tuple(range(6)),), 0.9)
    counted = factored_size(large)
    monkeypatch.setitem(factored_sizes.SAMPLE, 6, (5, 5))
    sampled = factored_size(large)
    assert not sampled.exact
    assert sampled.infosets == pytest.approx(counted.infosets, rel=0.2)
    assert describe_factored(sampled).startswith("about ")
    monkeypatch.setattr(factored_sizes, "available", lambda: 1000)
    with pytest.raises(UserError, match="free; take a smaller board"):
        admit_factored(large)
    with pytest.raises(UserError, match="12 cells"):
        factored_size(InTheDark(13, (GOES_ON,), (tuple(range(13)),)))


@pytest.mark.parametrize(("version", "abrupt"), [("cdh", False), ("adh", True)])
def test_judgement_is_that_of_openspiel(version, abrupt):
    pyspiel = pytest.importorskip("pyspiel")
    from open_spiel.python.algorithms.exploitability import exploitability
    from open_spiel.python.policy import UniformRandomPolicy

    theirs = pyspiel.load_game(f"dark_hex(num_rows=2,num_cols=2,gameversion={version})")
    form = factored_form(make(f"dark_hex(size=2, abrupt={str(abrupt).lower()})"))
    uniform = normalise(form, form.share.astype(float))
    assert judge(form, uniform).exploitability == pytest.approx(exploitability(theirs, UniformRandomPolicy(theirs)))


@pytest.mark.slow
def test_phantom_games_are_of_the_size_that_is_known():
    """Information sets as of Rudolph et al. 2025, arXiv 2502.08938, section 4; uniform play by random fillings."""
    known = {
        "phantom_tic_tac_toe": (5_990_669, 0.296825, 0.953125, 0.624339),
        "dark_hex": (6_072_917, 1 / 3, 1.0, 0.832804),
    }
    for name, (infosets, value, first, second) in known.items():
        form = factored_form(make(name), symmetric=False)
        assert form.infosets == infosets
        judged = judge(form, normalise(form, np.zeros(form.sequences)))
        assert judged.value[0] == pytest.approx(value, abs=1e-6)
        assert judged.best == pytest.approx((first, second), abs=1e-6)
        small = factored_form(make(name))
        assert judge(small, normalise(small, small.share.astype(float))).best == pytest.approx(judged.best)


@pytest.mark.slow
def test_phantom_tic_tac_toe_is_solved():
    form = factored_form(make("phantom_tic_tac_toe"))
    ending = run(start(None, form, method(kind_of(form), target=1e-3)), Limits(target=1e-3))
    assert ending.stopped_by == "target"
    assert ending.judgement.value[0] == pytest.approx(0.6667, abs=1e-3)
