"""Local best responses: hand by hand in plain Python, and never more than the exact best response."""

import numpy as np
import pytest
from test_blueprint_walk import DECK, LIMIT, Plain, a_chain, each, of, one, some, trained, weights, whole

import counterplay
from counterplay.engine.runouts import deal
from counterplay.games.holdem.betting import FixedLimit, Menu, NoLimit
from counterplay.games.holdem.chain import judged_on, lay_chain
from counterplay.games.holdem.chain_nodes import ahead_of, nodes_of
from counterplay.games.holdem.layout import layout
from counterplay.games.holdem.sizes import parse_sizes
from counterplay.games.holdem.strength import strengths
from counterplay.games.holdem.trees import FOLD, NEXT, children, dealt_out, street_trees
from counterplay.solvers.streets.cfr import SubgameCFR
from counterplay.solvers.streets.local_response import bound_of, responded
from counterplay.solvers.streets.sampled import Training
from counterplay.solvers.variants import VARIANTS

FLOP = (43, 46, 51)


class Responder:
    """A local best response hand by hand, to what `Plain` has learned, on the boards that a chain and `ahead` have."""

    def __init__(self, plain, ahead, p):
        self.plain, self.p = plain, p
        boards = ahead.boards
        self.ahead = []
        for first, last in zip(ahead.first[:-1], ahead.first[1:], strict=True):
            full = []
            for k in range(first, last):
                lanes = boards.cards[int(boards.at[k]) :][: int(boards.lanes[k, 0])]
                full.append(tuple(sorted({*DECK.cards} - {*lanes.ravel().tolist()})))
            self.ahead.append(full)
        self.known = {}

    def value(self):
        """Return what all hands earn, each by its weight."""
        mine, theirs = self.plain.range[self.p], self.plain.range[1 - self.p]
        start = next(iter(self.plain.trees))
        return sum(weight * self.visit(h, 0, start, 0, (), dict(theirs)) for h, weight in mine.items())

    def strength(self, board, hand):
        if (board, hand) not in self.known:
            self.known[board, hand] = int(strengths(board, DECK.numbers(np.array([hand])), DECK)[0])
        return self.known[board, hand]

    def meets(self, hand, theirs):
        return {o: r for o, r in theirs.items() if not {*hand} & {*o}}

    def against(self, hand, theirs, board, win, lose):
        sign = {o: self.strength(board, hand) - self.strength(board, o) for o in theirs}
        return sum(r * (win if sign[o] > 0 else lose if sign[o] < 0 else 0.0) for o, r in theirs.items())

    def odds(self, level, start, node, path, hand, n):
        kind = int(self.plain.trees[start].kind[node])
        cell = self.plain.levels[level][kind][hand]
        total = self.plain.total.get((start, *path, node, kind, cell), np.zeros(n))
        return total / total.sum() if total.sum() > 0 else np.full(n, 1 / n)

    def called_down(self, hand, level, theirs, pot):
        """Return what is earned on average over the boards ahead."""
        earned = seen = 0.0
        for board in self.ahead[level]:
            live = {o: r for o, r in self.meets(hand, theirs).items() if not {*o} & {*board}}
            if not {*hand} & {*board}:
                earned += self.against(hand, live, board, pot / 2, -pot / 2)
                seen += sum(live.values())
        return earned / seen * sum(self.meets(hand, theirs).values()) if seen else 0.0

    def gain(self, hand, level, start, child, path, theirs):
        tree, p = self.plain.trees[start], self.p
        if tree.kind[child] == FOLD:
            return -tree.pot(child) / 2 * sum(self.meets(hand, theirs).values())
        won, after = 0.0, children(tree, child)
        if tree.kind[child] == 1 - p and tree.kind[after[0]] == FOLD:
            quits = {o: self.odds(level, start, child, path, o, len(after))[0] for o in theirs}
            won = tree.pot(after[0]) / 2 * sum(r * quits[o] for o, r in self.meets(hand, theirs).items())
            theirs = {o: r * (1 - quits[o]) for o, r in theirs.items()}
        pot = tree.start.pot + 2 * int(tree.paid[child].max())
        return won + self.called_down(hand, level, theirs, pot)

    def visit(self, hand, level, start, node, path, theirs):
        plain, p = self.plain, self.p
        tree, sizes = plain.trees[start], plain.chain.dealer.size
        kind = int(tree.kind[node])
        if kind == NEXT:
            now = plain.levels[level + 1]
            if hand not in now[p]:
                return 0.0
            n, k = len(DECK.cards) - int(sizes[level]), int(sizes[level + 1] - sizes[level])
            share = np.prod([(n - i) / (n - 4 - i) for i in range(k)])
            live = {o: r for o, r in theirs.items() if o in now[1 - p]}
            return share * self.visit(hand, level + 1, tree.following(node, plain.betting), 0, (*path, node), live)
        if kind >= FOLD:
            pot, live = tree.pot(node), self.meets(hand, theirs)
            if kind == FOLD:
                return (-1 if tree.folder[node] == p else 1) * pot / 2 * sum(live.values())
            return self.against(hand, live, tuple(sorted(plain.board.tolist())), pot / 2, -pot / 2)
        after = children(tree, node)
        if kind == p:
            gains = [self.gain(hand, level, start, child, path, theirs) for child in after]
            return self.visit(hand, level, start, after[int(np.argmax(gains))], path, theirs)
        odds = {o: self.odds(level, start, node, path, o, len(after)) for o in theirs}
        return sum(
            self.visit(hand, level, start, child, path, {o: r * odds[o][a] for o, r in theirs.items()})
            for a, child in enumerate(after)
        )


@pytest.mark.parametrize(
    "betting",
    [
        FixedLimit((None, 2, 2, None), cap=2, last=2),
        NoLimit((((Menu(parse_sizes("50%,all-in", "bet"), ()),) * 2),) * 4, last=2, raise_cap=0),
    ],
    ids=["limit", "no-limit"],
)
def test_it_is_that_of_plain_python(betting):
    trees = dealt_out(street_trees(betting, "flop", 4, 10), betting)
    chain, other = (a_chain(FLOP, betting, stack=10, pot=4) for _ in range(2))
    run, plain = Training([of(chain)], 5), Plain(other, trees, betting)
    random = run.random.copy()
    run.advance(2)
    for t in (1, 2):
        for p in range(2):
            deal(other.dealer, other.laid.game.boards, random)
            plain.learn(p, t**2)
    nodes, ahead = nodes_of(chain, betting), ahead_of(chain, [3, 3])
    random = np.array([9], np.uint64)
    for _ in range(2):
        found = responded(of(chain), nodes, ahead, run.tables.total, random, 1)[0]
        plain.chain, plain.later = chain, []
        plain.iterate(0, 0)  # looks at the board
        for p in range(2):
            assert found[p] == pytest.approx(Responder(plain, ahead, p).value(), rel=1e-4)


@pytest.mark.parametrize("tables", [each, some, one])
@pytest.mark.parametrize("iterations", [0, 100])
def test_it_bounds_the_exact_best_response_from_below(tables, iterations):
    chain = a_chain(tables=(tables(), tables()))
    run = trained(chain, iterations)
    game, none = judged_on(chain, whole()), VARIANTS["dcfr3"]
    solver = SubgameCFR(game, 0, none, kept=run.tables)
    exact = solver.judge()
    nodes, ahead = nodes_of(chain, LIMIT), ahead_of(chain, [20, 20, 8])
    values = responded(of(chain), nodes, ahead, run.tables.total, np.array([5], np.uint64), 400)
    found = bound_of(values, solver.deals, 0)
    assert found.run_outs == 400
    assert found.exploitability <= exact.nash_conv / 2 + found.error
    assert found.exploitability > 0.6 * exact.nash_conv / 2 - found.error
    errors = 1.96 * (values / solver.deals).std(axis=0) / 20
    for p in range(2):
        assert found.seats[p] <= exact.best[p] + errors[p]
    assert found.error < 0.12


def test_a_seed_tells_all():
    chain, total = a_chain(), trained(a_chain(), 10).tables.total
    nodes, ahead = nodes_of(chain, LIMIT), ahead_of(chain, [5, 5, 5])
    one, again, other = (
        responded(of(chain), nodes, ahead, total, np.array([seed], np.uint64), 5) for seed in (1, 1, 2)
    )
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_nodes_are_those_of_the_betting():
    chain = a_chain()
    nodes = nodes_of(chain, LIMIT)
    assert nodes.size[0] == len(nodes.kind)
    assert np.array_equal(nodes.depth[1:], nodes.depth[nodes.parent[1:]] + 1)
    assert np.all(nodes.size[nodes.parent[1:]] > nodes.size[1:])
    # Each entry of a decision of cell 0 is of one action alone, and all entries of a part follow each other.
    starts = [
        nodes.part[n] + a for n in range(len(nodes.kind)) if nodes.actions[n] > 1 for a in range(nodes.actions[n])
    ]
    assert len(set(starts)) == len(starts)
    assert sum(weights()[0]) == pytest.approx(chain.laid.game.reach[0].sum())


@pytest.mark.nojit
def test_the_kernels_as_they_are_called():
    betting = FixedLimit((None, None, 2, 2), cap=1)
    board = (43, 46, 51, 40)
    trees = dealt_out(street_trees(betting, "turn", 4, 100), betting)
    chain = lay_chain(DECK, board, weights(), trees, betting, (one(), one()))
    total = np.ones(chain.laid.game.entries, np.float32)
    values = responded(of(chain), nodes_of(chain, betting), ahead_of(chain, [2]), total, np.array([1], np.uint64), 1)
    assert np.all(values > 0)  # one who plays at random is easily beaten


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "iterations"), [("none", 0), ("none", 500), ("strength:10", 500), ("matchup:50", 500)]
)
def test_it_bounds_the_exact_best_response_in_royal_holdem(spec, iterations):
    spot = counterplay.make("examples/royal_preflop.toml")
    both = spot.weights[0], spot.weights[1]
    tables = counterplay.buckets(spot, spec).tables
    chain = lay_chain(spot.deck, (), both, spot.trees, spot.betting, (tables, tables))
    laid = layout(spot.deck, (), both, dealt_out(spot.trees, spot.betting), spot.betting)
    run = trained(chain, iterations)
    solver = SubgameCFR(judged_on(chain, laid), 0, VARIANTS["dcfr3"], kept=run.tables)
    nodes, ahead = nodes_of(chain, spot.betting), ahead_of(chain, [60])
    values = responded(of(chain), nodes, ahead, run.tables.total, np.array([2], np.uint64), 200)
    found, exact = bound_of(values, solver.deals, 0), solver.judge().nash_conv / 2
    assert 0.4 * exact < found.exploitability < exact + found.error
