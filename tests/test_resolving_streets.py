"""Re-solving streets: gadgets against plain Python and the linear programme, safety, and the judgement of it all."""

import numpy as np
import pytest
from scipy.optimize import linprog
from test_streets import leduc, pots

from counterplay.engine.streets import KINDS, Tables
from counterplay.games.holdem.layout import facing
from counterplay.solvers import gadgets
from counterplay.solvers.gadgets import GADGETS, MAXMARGIN, NONE, REACH, RESOLVE
from counterplay.solvers.streets.cfr import SubgameCFR
from counterplay.solvers.streets.decisions import BEST
from counterplay.solvers.streets.resolving import Resolving, resolve
from counterplay.solvers.streets.roots import View, at_depth, met_by, roots, spans_of
from counterplay.solvers.variants import VARIANTS

DCFR = VARIANTS["dcfr3"]
NONE_LEFT = np.zeros(0, np.float32)


def judged(game, total, pot):
    return SubgameCFR(game, pot, DCFR, kept=Tables(total, total, NONE_LEFT, NONE_LEFT))


def careless(game, seed=0):
    """Return strategies that nobody should play."""
    return np.random.default_rng(seed).random(game.entries).astype(np.float32) ** 3 + np.float32(1e-3)


def solved(game, pot, iterations):
    run = SubgameCFR(game, pot, DCFR)
    run.advance(iterations)
    return run.tables.total


def resolved(laid, total, gadget, depth=1, iterations=60, threads=1):
    found = total.copy()
    told = resolve(laid.game, found, Resolving(depth, gadget, DCFR, iterations), facing(laid), threads)
    return found, told


@pytest.mark.nojit
def test_hands_learn_to_follow_or_to_stay_out():
    """Regret matching plus, hand by hand."""
    rng = np.random.default_rng(1)
    value, alternative = rng.normal(size=(2, 3, 4)).astype(np.float32)
    regret, now, plain = np.zeros((3, 4, 2), np.float32), np.zeros((3, 4), np.float32), np.zeros((2, 3, 4))
    gadgets.follow_into(regret, alternative, alternative, 1.0, now)
    assert (now == 1).all()
    for step in range(4):
        mean = now * value + (1 - now) * alternative
        plain = np.maximum(plain + np.array([value - mean, alternative - mean]), 0) * (0.5 + step / 8)
        gadgets.follow_into(regret, value, alternative, 0.5 + step / 8, now)
        np.testing.assert_allclose(regret.transpose(2, 0, 1), plain, atol=1e-5)
        total = plain.sum(axis=0)
        np.testing.assert_allclose(now, np.where(total > 0, plain[0] / np.where(total > 0, total, 1), 1), atol=1e-5)
        value = value[::-1].copy()


@pytest.mark.nojit
def test_the_opponent_learns_which_hand_to_come_with():
    rng = np.random.default_rng(2)
    value, alternative = rng.normal(size=(2, 3, 5)).astype(np.float32)
    possible = np.ones((3, 5), bool)
    possible[:2, 3] = False
    possible[2] = False
    regret, now, plain = np.zeros((3, 5), np.float32), np.zeros((3, 5), np.float32), np.zeros((3, 5))
    gadgets.pick_into(regret, alternative, alternative, possible, 1.0, now)
    np.testing.assert_allclose(now, possible / np.maximum(possible.sum(axis=1, keepdims=True), 1))
    for step in range(4):
        gain = np.where(possible, value - alternative, 0)
        gain = np.where(possible, gain - (now * gain).sum(axis=1, keepdims=True), 0)
        plain = np.maximum(plain + gain, 0) * (0.5 + step / 8)
        gadgets.pick_into(regret, value, alternative, possible, 0.5 + step / 8, now)
        np.testing.assert_allclose(regret, plain, atol=1e-5)
        assert now.sum(axis=1) == pytest.approx([1, 1, 0])
        np.testing.assert_allclose(now * plain.sum(axis=1, keepdims=True), plain, atol=1e-5)
        value = value[[1, 0, 2]].copy()


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_roots_are_what_follows_the_kept_streets(depth):
    """Ranges as `after` has them, alternatives as best responses there; tables that lie together are all of them."""
    spot, laid = pots()
    game, total = laid.game, careless(laid.game)
    run, spans, found = judged(game, total, spot.pot), spans_of(game), {}
    view = View(game, spans)
    kept = list(roots(View(game, spans), total, depth))
    assert sorted(root.instance for root in kept) == at_depth(game, depth)
    for root in kept:
        at = view.rooted(root, alone=True)
        begin = int(game.instances.base[root.instance])
        part = total[begin : begin + int(spans.size[root.instance])]
        found[root.instance] = [at.best(part, p)[p : len(root.reach) : 2] for p in range(2)]
        for p in range(2):
            mine = view.rooted(root).best(total, p)[p : len(root.reach) : 2]
            np.testing.assert_array_equal(found[root.instance][p], mine)
    group, deal, instance = 0, 1, 0
    for _ in range(depth):
        t, b = int(run.game.instances.template[0]), int(run.game.instances.board[0])
        group = int(game.templates.groups[t + 1] - game.templates.groups[t]) - 1
        many = int(game.deals.bounds[b + 1] - game.deals.bounds[b])
        deal = min(1, many - 1)
        instance = int(run.game.instances.child[0]) + group * many + deal
        run = run.after(group, deal)
    root = next(root for root in kept if root.instance == instance)
    np.testing.assert_allclose(root.reach, run.game.reach, rtol=1e-5, atol=1e-7)
    for p in range(2):
        run._visit(p, p + 1, BEST)
        rows = run.work[0].value[0][: root.reach.size].reshape(root.reach.shape)
        np.testing.assert_allclose(found[instance][p], rows[p::2], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("gadget", [RESOLVE, MAXMARGIN, REACH])
@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("good", [False, True], ids=["careless", "equilibrium"])
def test_safe_re_solving_is_never_worse_than_what_was_there(gadget, depth, good):
    spot, laid = pots()
    total = solved(laid.game, spot.pot, 60) if good else careless(laid.game)
    before = judged(laid.game, total, spot.pot).judge()
    found, told = resolved(laid, total, gadget, depth)
    run = judged(laid.game, found, spot.pot)
    after = run.judge()
    for p in range(2):
        assert after.best[p] <= before.best[p] + told.excess[p] / run.deals + 1e-4
    assert after.exploitability < before.exploitability + (0.02 if good else 0.0)  # 60 iterations leave as much
    if not good:
        assert max(told.excess) / run.deals < 0.01
        assert after.exploitability < 0.8 * before.exploitability


def test_unsafe_re_solving_may_be_far_worse():
    """After an equilibrium's first streets: what it expects there are ranges that nobody has to keep to."""
    spot, laid = pots()
    total = solved(laid.game, spot.pot, 200)
    before = judged(laid.game, total, spot.pot).judge().exploitability
    worth = {gadget: judged(laid.game, resolved(laid, total, gadget, 2)[0], spot.pot).judge() for gadget in GADGETS}
    assert worth[NONE].exploitability > 8 * before
    assert all(worth[gadget].exploitability < 1.5 * before for gadget in (RESOLVE, MAXMARGIN, REACH))
    for value, other in zip(worth[NONE].value, worth[RESOLVE].value, strict=True):
        assert value == pytest.approx(other, abs=0.02)  # against itself it is worth what the equilibrium is


def test_unsafe_re_solving_mends_what_a_careless_strategy_left():
    spot, laid = pots()
    total = careless(laid.game)
    before, after = (judged(laid.game, x, spot.pot).judge() for x in (total, resolved(laid, total, NONE)[0]))
    assert after.exploitability < before.exploitability / 4


@pytest.mark.parametrize("gadget", GADGETS)
@pytest.mark.parametrize("depth", [1, 3])
def test_any_number_of_threads_finds_the_same(gadget, depth):
    _, laid = pots()
    total = careless(laid.game)
    (one, told), (two, told_two) = (resolved(laid, total, gadget, depth, 5, threads) for threads in (1, 2))
    assert np.array_equal(one, two)
    assert told == told_two


def test_streets_before_are_kept():
    _, laid = pots()
    game, total = laid.game, careless(laid.game)
    found, _ = resolved(laid, total, MAXMARGIN, 2, 3)
    changed, spans = np.zeros(game.entries, bool), spans_of(game)
    for k in at_depth(game, 2):
        begin = int(game.instances.base[k])
        changed[begin : begin + int(spans.size[k])] = True
    assert np.array_equal(found[~changed], total[~changed])
    assert (found[changed] != total[changed]).mean() > 0.9


def margins(at, entry, p, alternative):
    """Return the largest margin by which player 1 - p can hold all hands of player p below their alternatives.

    By the linear programme over player 1 - p's plans of one street, hands as they are on its board: maximise m, where
    no response of player p gives a hand more than its alternative less m.
    """
    game, templates = at.game, at.game.templates
    t, board, q = int(game.instances.template[0]), int(game.instances.board[0]), 1 - p
    w = int(game.boards.width[board])
    n, m = (int(game.boards.lanes[board, x]) for x in (p, q))
    places = {s: k for k, s in enumerate(below(game, t, q, entry))}
    mine = below(game, t, p, entry)
    decisions = [d for d in range(*map(int, templates.decisions[t, p : p + 2])) if int(templates.parent[d]) in mine]
    values = {name: k for k, name in enumerate([*mine, *((d,) for d in decisions)])}
    # Variables: plans [sequence, hand] of q, values [sequence or decision, hand] of p's best responses, m.
    plans, many = len(places) * m, len(places) * m + len(values) * n
    rows, equal, right = [], [], []
    for d in range(int(templates.decisions[t, q]), int(templates.decisions[t, q + 1])):
        if int(templates.parent[d]) in places:
            for j in range(m):
                row = np.zeros(many + 1)
                row[places[int(templates.parent[d])] * m + j] = -1
                for s in range(int(templates.first[d]), int(templates.first[d]) + int(templates.size[d])):
                    row[places[s] * m + j] = 1
                equal.append(row)
                right.append(0)
    for j in range(m):
        row = np.zeros(many + 1)
        row[places[2 * entry + q] * m + j] = 1
        equal.append(row)
        right.append(float(game.reach[2 * entry + q, j]))
    gains = payoffs(game, t, board, p, w)
    for i in range(n):
        for s in mine:
            row = np.zeros(many + 1)
            row[plans + values[s] * n + i] = -1
            for (own, other), table in gains.items():
                if own == s and other in places:
                    row[places[other] * m : places[other] * m + m] += table[i, :m]
            for d in decisions:
                row[plans + values[(d,)] * n + i] += int(templates.parent[d]) == s
            rows.append(row)
        for d in decisions:
            for action in range(int(templates.first[d]), int(templates.first[d]) + int(templates.size[d])):
                row = np.zeros(many + 1)
                row[plans + values[(d,)] * n + i] = -1
                row[plans + values[action] * n + i] = 1
                rows.append(row)
    limits = [0.0] * len(rows)
    for i in range(n):
        row = np.zeros(many + 1)
        row[plans + values[2 * entry + p] * n + i] = 1
        row[-1] = 1
        rows.append(row)
        limits.append(float(alternative[i]))
    goal = np.zeros(many + 1)
    goal[-1] = -1
    bounds = [(0, None)] * plans + [(None, None)] * (many - plans + 1)
    return linprog(goal, np.array(rows), limits, np.array(equal), right, bounds, method="highs").x[-1]


def below(game, t, p, entry):
    """Return player p's sequences of a template that follow an entry."""
    found, templates = [2 * entry + p], game.templates
    for d in range(int(templates.decisions[t, p]), int(templates.decisions[t, p + 1])):
        if int(templates.parent[d]) in found:
            found += range(int(templates.first[d]), int(templates.first[d]) + int(templates.size[d]))
    return found


def payoffs(game, t, board, p, w):
    """Return by both sequences what the leaves there pay player p, [own lane, other's lane]."""
    found, boards = {}, game.boards
    at, none = int(boards.at[board]), int(game.templates.sequences[t])
    cards = [boards.cards[at + x * w : at + x * w + int(boards.lanes[board, x])] for x in range(2)]
    apart = ~(cards[p][:, None, :, None] == cards[1 - p][None, :, None, :]).any(axis=(2, 3))
    ranked = int(boards.ranked[board]) + p * w
    lanes, others = np.arange(len(cards[p])), np.arange(len(cards[1 - p]))
    wins = others[None] < boards.below[ranked + lanes][:, None]
    loses = others[None] >= boards.beyond[ranked + lanes][:, None]
    for kind in range(2):
        for block in range(int(game.leaves.bounds[KINDS * t + kind]), int(game.leaves.bounds[KINDS * t + kind + 1])):
            for j in range(16):
                own, other = (int(game.leaves.last[block, x, j]) for x in (p, 1 - p))
                pays = game.leaves.pays[block, :, j]
                if own != none:
                    table = apart * (pays[p] if kind == 0 else wins * pays[0] + loses * pays[1])
                    found[own, other] = found.get((own, other), 0) + table
    return found


@pytest.mark.parametrize("gadget", [MAXMARGIN, REACH])
def test_the_least_margin_is_the_linear_programmes(gadget):
    """Leduc poker's second round: every board, every way the first has ended, both players."""
    laid = leduc()
    game, total = laid.game, careless(laid.game, 3)
    found, _ = resolved(laid, total, gadget, 1, 3000)
    spans = spans_of(game)
    view, checked = View(game, spans), 0
    for root in roots(View(game, spans), total, 1, facing(laid) if gadget == REACH else None):
        at, board = view.rooted(root), int(game.instances.board[root.instance])
        for p in range(2):
            n = int(game.boards.lanes[board, p])
            met = np.array([met_by(game, board, p, row) for row in root.reach[1 - p :: 2]])
            alternatives = at.best(total, p)[p : len(root.reach) : 2, :n]
            if gadget == REACH:
                assert root.gift[p::2, :n].max() > 0.01
                alternatives = alternatives + root.gift[p::2, :n] * met
            values = at.best(found, p)[p : len(root.reach) : 2, :n]
            for entry in range(0, len(root.reach) // 2, 2):  # of five
                least = (alternatives - values)[entry].min()
                most = margins(at, entry, p, alternatives[entry])
                assert least <= most + 1e-4
                assert least == pytest.approx(most, abs=0.01 * float(np.abs(alternatives[entry]).max()) + 1e-4)
                checked += 1
    assert checked == 18
