"""Blueprints' walker: hands in cells, boards dealt in place, against plain Python and the exact judgement."""

from itertools import combinations

import numpy as np
import pytest

from counterplay.engine.runouts import deal
from counterplay.engine.streets import Tables, new_work
from counterplay.games.holdem.betting import FixedLimit, Menu, NoLimit
from counterplay.games.holdem.buckets import BucketTables
from counterplay.games.holdem.canonical import ORDERED, SETS, hand_index
from counterplay.games.holdem.cards import Deck
from counterplay.games.holdem.chain import judged_on, lay, lay_chain
from counterplay.games.holdem.layout import layout
from counterplay.games.holdem.sizes import parse_sizes
from counterplay.games.holdem.strength import strengths
from counterplay.games.holdem.trees import FOLD, NEXT, children, dealt_out, street_trees
from counterplay.solvers.streets.cfr import SubgameCFR
from counterplay.solvers.streets.decisions import VALUE
from counterplay.solvers.streets.sampled import Training, children_of, sampled
from counterplay.solvers.streets.walk import Errand, walk
from counterplay.solvers.variants import VARIANTS

DECK = Deck("twelve", tuple(range(40, 52)))  # queens, kings and aces
LIMIT = FixedLimit((2, 2, 4, 4), cap=1, blinds=(1, 2))
ALL_IN = NoLimit(
    tuple((Menu(parse_sizes("all-in", "bet"), ()),) * 2 for _ in range(4)), last=1, raise_cap=0
)  # on the flop, or before it


def each():
    """Return buckets of one hand each, up to suits."""
    index = hand_index(DECK, ORDERED)
    return BucketTables(index, np.zeros(5, np.int64), np.zeros(0, np.uint16), index.size.copy(), 0)


def some(memory=0):
    """Return a few buckets without any meaning."""
    index, rng = hand_index(DECK, SETS), np.random.default_rng(1)
    sizes, many = np.array([index.size[0], 5, 4, 7]), index.size.copy()
    many[0] = 0
    of = np.concatenate([rng.integers(0, n, k).astype(np.uint16) for n, k in zip(sizes, many, strict=True)])
    return BucketTables(index, np.cumsum([0, *many]), of, sizes, memory)


def one():
    """Return one bucket for all hands."""
    return some()._replace(sizes=np.ones(4, np.int64))


def weights(weighted=True):
    full = DECK.free().astype(np.float64)
    return full, full * (1 + np.arange(len(full)) % 3) / 4 if weighted else full


def a_chain(board=(), betting=LIMIT, tables=None, stack=100, pot=0):
    trees = street_trees(betting, ("preflop", "", "", "flop", "turn")[len(board)], pot, stack)
    return lay_chain(DECK, board, weights(), trees, betting, tables or (some(), some(1)))


def of(chain):
    return chain.laid.game, chain.dealer


def whole(board=(), betting=LIMIT, stack=100, pot=0, symmetry=True):
    trees = street_trees(betting, ("preflop", "", "", "flop", "turn")[len(board)], pot, stack)
    return layout(DECK, board, weights(), dealt_out(trees, betting), betting, symmetry=symmetry)


def trained(chain, count=20, seed=3):
    run = Training([of(chain)], seed)
    run.advance(count)
    return run


class Plain:
    """Regret minimisation by cells on run-outs, hand by hand, with dictionaries."""

    def __init__(self, chain, trees, betting):
        self.chain, self.trees, self.betting = chain, trees, betting
        self.regret, self.total = {}, {}

    def iterate(self, p, weight):
        """Learn for player p from the board that the chain has."""
        dealer, game = self.chain.dealer, self.chain.laid.game
        self.p, self.weight, self.levels = p, weight, []
        for b, size in enumerate(dealer.size):
            w, at, lanes = int(game.boards.width[b]), int(game.boards.at[b]), game.boards.lanes[b]
            cards = [game.boards.cards[at + q * w :][: lanes[q]] for q in range(2)]
            cell = [game.boards.cell[at + q * w :][: lanes[q]] for q in range(2)]
            self.levels.append(
                [{tuple(c): int(x) for c, x in zip(cards[q].tolist(), cell[q], strict=True)} for q in range(2)]
            )
            self.board = dealer.board[:size]
        self.range = [
            dict(zip(self.levels[0][q], weights()[q][DECK.numbers(np.array(list(self.levels[0][q])))], strict=True))
            for q in range(2)
        ]
        first = next(iter(self.trees))
        return self.visit(0, first, 0, (), [dict(r) for r in self.range])

    def visit(self, level, start, node, path, reach):
        """Return player p's counterfactual value by hand."""
        tree, p = self.trees[start], self.p
        mine, theirs = reach[p], reach[1 - p]
        kind = int(tree.kind[node])
        if kind == NEXT:
            dealer = self.chain.dealer
            n, k = (
                len(dealer.deck) + int(dealer.size[0]) - int(dealer.size[level]),
                int(dealer.size[level + 1] - dealer.size[level]),
            )
            share = np.prod([(n - i) / (n - 4 - i) for i in range(k)])
            live = [{h: r[h] for h in self.levels[level + 1][q]} for q, r in enumerate(reach)]
            after = self.visit(level + 1, tree.following(node, self.betting), 0, (*path, node), live)
            return {h: share * after.get(h, 0.0) for h in mine}
        if kind >= FOLD:
            pot = tree.pot(node)
            found = {}
            strength = (
                dict(zip(mine, strengths(self.board, DECK.numbers(np.array(list(mine))), DECK).tolist(), strict=True))
                if kind != FOLD
                else {}
            )
            for h in mine:
                found[h] = 0.0
                for o, r in theirs.items():
                    if not set(h) & set(o):
                        if kind == FOLD:
                            sign = -1 if tree.folder[node] == p else 1
                        else:
                            sign = np.sign(strength[h] - self.strength_of(o))
                        found[h] += r * sign * pot / 2
            return found
        key = (start, *path)
        cells, after = self.levels[level][kind], children(tree, node)
        odds = {h: self.odds((*key, node, kind, cells[h]), len(after)) for h in reach[kind]}
        values = []
        for a, child in enumerate(after):
            moved = list(reach)
            moved[kind] = {h: r * odds[h][a] for h, r in reach[kind].items()}
            values.append((self.visit(level, start, child, path, moved), moved))
        if kind != p:
            return {h: sum(v[h] for v, _ in values) for h in mine}
        found = {h: sum(odds[h][a] * v[h] for a, (v, _) in enumerate(values)) for h in mine}
        changes = {}
        for h in mine:
            name = (*key, node, kind, cells[h])
            one = changes.setdefault(name, [np.zeros(len(after)), np.zeros(len(after))])
            one[0] += [self.range[p][h] * (v[h] - found[h]) for v, _ in values]
            one[1] += [self.weight * moved[p][h] for _, moved in values]
        self.later.append(changes)
        return found

    def strength_of(self, hand):
        return int(strengths(self.board, DECK.numbers(np.array([hand])), DECK)[0])

    def odds(self, name, n):
        positive = np.maximum(self.regret.get(name, np.zeros(n)), 0)
        return positive / positive.sum() if positive.sum() > 0 else np.full(n, 1 / n)

    def learn(self, p, weight):
        self.later = []
        found = self.iterate(p, weight)
        for changes in self.later:
            for name, (regret, total) in changes.items():
                self.regret[name] = self.regret.get(name, 0) + regret
                self.total[name] = self.total.get(name, 0) + total
        return found


@pytest.mark.nojit
@pytest.mark.filterwarnings("ignore:overflow encountered")  # of the generator, as plain Python
def test_training_is_that_of_plain_python():
    """Both learn from the same boards: what plain Python learns is in the tables, entry by entry."""
    board = (43, 46, 51)
    betting = FixedLimit((None, 2, 2, None), cap=1, last=2)
    chain, other = (a_chain(board, betting, pot=4) for _ in range(2))
    trees = street_trees(betting, "flop", 4, 100)
    run, plain = Training([of(chain)], 5), Plain(other, trees, betting)
    random = run.random.copy()
    run.advance(2)
    for t in range(1, 3):
        for p in range(2):
            deal(other.dealer, other.laid.game.boards, random)
            plain.learn(p, t**2)
    assert np.array_equal(run.random, random)
    for table, kept in ((run.tables.regret, plain.regret), (run.tables.total, plain.total)):
        ours = np.sort(table[table != 0])
        theirs = np.sort(np.concatenate(list(kept.values())))
        theirs = theirs[np.abs(theirs) > 1e-7]
        ours = ours[np.abs(ours) > 1e-7]
        assert len(ours) == len(theirs) > 100
        assert ours == pytest.approx(theirs, rel=2e-4, abs=2e-5)


def in_lanes(chain, game, total):
    """Return a table by lanes that plays what a blueprint's plays by cells."""
    boards, templates = game.boards, game.templates
    lanes = whole(symmetry=True).game
    table = np.zeros(lanes.entries, np.float32)
    for i, (t, b) in enumerate(zip(lanes.instances.template.tolist(), lanes.instances.board.tolist(), strict=True)):
        to, begin = int(lanes.instances.base[i]), int(game.instances.base[i])
        for p in range(2):
            n, rows = int(boards.lanes[b, p]), int(templates.actions[t, p])
            cell = boards.cell[int(boards.at[b]) + p * int(boards.width[b]) :][:n].astype(np.int64)
            part = (
                total[begin : begin + rows * int(boards.columns[b, p])].reshape(-1, rows) if rows else np.zeros((1, 0))
            )
            for d in range(int(templates.decisions[t, p]), int(templates.decisions[t, p + 1])):
                size, offset = int(templates.size[d]), int(templates.offset[d])
                at = to + offset * n
                table[at : at + size * n] = part[cell, offset : offset + size].T.ravel() if n else []
            to, begin = to + rows * n, begin + part.size
    return lanes, table


@pytest.mark.parametrize("tables", [pytest.param(each, marks=pytest.mark.slow), some, one])
def test_the_whole_game_judges_cells_as_it_judges_lanes(tables):
    chain = a_chain(tables=(tables(), tables()))
    run = trained(chain)
    game = judged_on(chain, whole())
    assert game.entries == chain.laid.game.entries
    found = SubgameCFR(game, 0, VARIANTS["dcfr3"], kept=run.tables).judge()
    lanes, table = in_lanes(chain, game, run.tables.total)
    none = np.zeros(0, np.float32)
    exact = SubgameCFR(lanes, 0, VARIANTS["dcfr3"], kept=Tables(table, table, none, none)).judge()
    assert found.value == pytest.approx(exact.value, abs=1e-5)
    assert found.best == pytest.approx(exact.best, abs=1e-5)
    assert found.nash_conv > 0.5


@pytest.mark.parametrize(("board", "betting", "stack"), [((43, 46, 51), LIMIT, 100), ((), ALL_IN, 20)])
def test_the_mean_over_all_run_outs_is_the_exact_value(board, betting, stack):
    pot = 4
    chain = a_chain(board, betting, stack=stack, pot=pot)
    run = trained(chain)
    total, none = run.tables.total, np.zeros(0, np.float32)
    game, dealer = of(chain)
    exact = SubgameCFR(judged_on(chain, whole(board, betting, stack, pot)), pot, VARIANTS["dcfr3"], kept=run.tables)
    verdict, work = exact.judge(), new_work(game, 1)[0]
    left = [c for c in DECK.cards if c not in board]
    run_outs = list(combinations(left, 3)) if not board else [(a, b) for a in left for b in left if a != b]
    sums = np.zeros((2, 2))
    for cards in run_outs:
        dealer.board[len(board) : len(board) + len(cards)] = cards
        lay(dealer, game.boards)
        out = np.zeros((2, 2))
        errand = Errand(0, 2, VALUE, True, 0, children_of(game), True)
        walk(game, Tables(total, total, none, none), work, errand, np.ones((1, 3)), np.zeros(0, np.uint32), out)
        sums += out
    found = sums[:, 0] / len(run_outs) / exact.deals + pot / 2
    assert found == pytest.approx(verdict.value, abs=1e-5)


def test_sampled_values_are_near_the_exact_one():
    chain = a_chain()
    run = trained(chain, 100)
    game, _ = of(chain)
    exact = SubgameCFR(judged_on(chain, whole()), 0, VARIANTS["dcfr3"], kept=run.tables)
    random = np.array([7], np.uint64)
    values = sampled(of(chain), run.tables.total, 0, 4000, random, new_work(game, 1)[0]) / exact.deals
    error = values.std() / len(values) ** 0.5
    assert values.mean() == pytest.approx(exact.judge().value[0], abs=4 * error)
    assert error < 0.05


def test_a_seed_tells_all_and_threads_share_the_tables():
    one, again, other = (trained(a_chain(), 30, seed) for seed in (3, 3, 4))
    for name in ("regret", "total"):
        assert np.array_equal(getattr(one.tables, name), getattr(again.tables, name))
        assert not np.array_equal(getattr(one.tables, name), getattr(other.tables, name))
    assert np.array_equal(one.visits, again.visits)
    two = Training([of(a_chain()), of(a_chain())], 3)
    two.advance(31)
    assert two.visits.sum() == pytest.approx(one.visits.sum() / 30 * 31, rel=1e-12)
    assert two.tables.total.sum() > 0


def test_visits_count_hands():
    chain = a_chain()
    run = trained(chain, 10)
    game = chain.laid.game
    by_board = np.add.reduceat(run.visits, run.first.ravel())
    hands = [66, 36, 28, 21]  # two of 12, 9, 8 and 7 cards
    assert by_board.tolist() == [10 * n for n in hands for _ in range(2)]
    assert int(game.boards.lanes[3, 0]) == 21
