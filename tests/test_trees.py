"""What games offer so that their trees are built and measured fast must say what their plain rules say."""

from dataclasses import fields
from itertools import product
from pathlib import Path
from random import Random

import numpy as np
import pytest

from counterplay.api.testing import drawn
from counterplay.engine import size
from counterplay.engine.codes import by_first_visit, code
from counterplay.engine.rules import CHANCE, LEAF, Outcome, has_arrays, histories, is_dealt, is_factored
from counterplay.engine.size import admit, describe, estimate, refusal
from counterplay.engine.tree import compile_tree
from counterplay.games import GAMES, make
from counterplay.games.goofspiel import Goofspiel
from counterplay.games.kuhn import Kuhn
from counterplay.games.leduc import Leduc
from counterplay.games.liars_dice import LiarsDice
from counterplay.games.rhode_island import RhodeIsland

# Spots have trees of their own, and phantom games on larger boards have none.
SPECS = [
    spec
    for entry in GAMES
    if entry.name != "holdem"
    for spec in entry.examples
    if "file=" in spec or not is_factored(make(spec))
]
MORE = [
    Leduc(ranks=3, suits=3, hole=2, board=(2, 1), bets=(1, 2, 3), raises=1),
    Leduc(ranks=2, suits=2, players=2, board=(1, 1), bets=(1, 1, 1)),
    Leduc(players=3, ranks=3, raises=1),
    RhodeIsland(ranks=3, suits=2, hole=2, board=(1,), bets=(1, 2)),
    Kuhn(players=3, ranks=5),
    LiarsDice(players=3, dice=2, faces=2),
    *(
        Goofspiel(3, players, order, hidden, returns)
        for players, order, hidden, returns in product(
            (2, 3), ("descending", "ascending", "random"), (True, False), ("win_loss", "point_difference")
        )
    ),
    Goofspiel(2, 2),
    Goofspiel(2, 4, "random", returns="total_points"),
    Goofspiel(5),
]
CASES = [*SPECS, *MORE]
OPTIONAL = ("deals", "event", "odds", "table", "frontier", "shape", "expander", "future")


class Plain:
    """A game without anything that it need not offer."""

    def __init__(self, game):
        self._game = game

    def __getattr__(self, name):
        if name in OPTIONAL:
            raise AttributeError(name)
        return getattr(self._game, name)


@pytest.fixture(autouse=True)
def _at_root(monkeypatch):
    monkeypatch.chdir(Path(__file__).parent.parent)


def built(case):
    return make(case) if isinstance(case, str) else case


def same(one, two):
    for field in fields(one):
        a, b = getattr(one, field.name), getattr(two, field.name)
        if isinstance(a, np.ndarray):
            assert a.dtype == b.dtype, field.name
            assert a.shape == b.shape, field.name
            assert a.tobytes() == b.tobytes(), field.name
        else:
            assert a == b, field.name


@pytest.mark.parametrize("case", CASES, ids=str)
def test_trees_are_those_of_the_plain_rules(case):
    same(compile_tree(built(case)), compile_tree(Plain(built(case))))


@pytest.mark.parametrize(
    "text", ["kuhn_poker", "tiny_hanabi", "goofspiel(imp_info=True,num_cards=3,points_order=random)"]
)
def test_imported_trees_are_those_of_the_plain_rules(text):
    pytest.importorskip("pyspiel")
    same(compile_tree(make(f"openspiel:{text}")), compile_tree(Plain(make(f"openspiel:{text}"))))


@pytest.mark.parametrize("case", [c for c in CASES if is_dealt(built(c)) and has_arrays(built(c))], ids=str)
def test_arrays_are_those_of_the_scalar_rules(case):
    """Entry by entry, for all hands that can be: the deal, the odds of one board, and the table of one outcome."""
    game, draw = built(case), Random(1)
    lanes = [range(len(game.hands(p))) for p in range(game.players)]
    joint = game.deals()
    wanted = {(): 1.0}
    for p in range(game.players):
        odds = {hands: game.deal(hands) for hands in wanted}
        wanted = {(*h, i): w * odds[h][i] for h, w in wanted.items() for i in lanes[p] if odds[h][i] > 0}
    assert {hands: joint[hands] for hands in product(*lanes) if joint[hands] > 0} == wanted
    dealt = draw.sample(sorted(wanted), min(len(wanted), 60))
    state = game.root()
    while (turn := game.turn(state)) != LEAF:
        if turn == CHANCE:
            odds = game.odds(game.event(state))
            for hands in dealt:
                assert odds[:, *hands].tolist() == list(game.chance(state, hands))
            move = draw.choice([i for i, p in enumerate(game.chance(state, dealt[0])) if p > 0])
            dealt = [hands for hands in dealt if game.chance(state, hands)[move] > 0]
            state = game.play(state, move)
            continue
        # Folds end most plays at once, and are no showdown.
        calls = [i for i, move in enumerate(game.moves(state)) if move != "fold"]
        state = game.play(state, draw.choice(calls))
    key = game.outcome(state).key
    for hands in dealt:
        assert game.table(key)[:, *hands].tolist() == list(game.payoffs(key, hands))


def test_a_frontier_stops_at_the_limit_and_tells_how_far_it_is():
    told = []
    with pytest.raises(ValueError, match="more than 500 nodes"):
        compile_tree(Goofspiel(4), max_nodes=500, progress=told.append)
    assert told
    assert max(told) <= 500
    with pytest.raises(ValueError, match="more than 1,076 nodes"):
        compile_tree(Plain(Goofspiel(4)), max_nodes=1076)
    assert len(compile_tree(Plain(Goofspiel(4)), max_nodes=1077).player) == 1077


def test_wrong_offers_are_found():
    class Off(Kuhn):
        def deals(self):
            return super().deals() * 2

    class Infinite(Kuhn):
        def table(self, key):
            return super().table(key) * np.inf

    class Odd(Leduc):
        def odds(self, event):
            return super().odds(event) / 2

    for game, said in ((Off(), "sum to 1"), (Infinite(), "finite"), (Odd(), "sum to 1")):
        with pytest.raises(ValueError, match=said), np.errstate(invalid="ignore"):
            compile_tree(game)


def test_wrong_futures_are_found():
    class Endless(LiarsDice):
        def future(self, state):
            return state.called

    class Rewriting(LiarsDice):
        def sees(self, state):
            return state.label[::-1]

    class Alike(LiarsDice):
        def sees(self, state):
            return ""

    for game, said in (
        (Endless(), "more than 20,000,000 nodes"),
        (Rewriting(), "must add to what is seen"),
        (Alike(), "two public states of player 0 share the label ''"),
    ):
        with pytest.raises(ValueError, match=said):
            compile_tree(game)


def test_games_of_merged_futures_stop_at_the_limit_before_they_are_laid_out():
    told = []
    with pytest.raises(ValueError, match="more than 8,190 nodes"):
        compile_tree(LiarsDice(), max_nodes=8190, progress=told.append)
    assert not told
    assert len(compile_tree(LiarsDice(), max_nodes=8191, progress=told.append).player) == told[-1] == 8191
    with pytest.raises(ValueError, match="more than 20,000,000 nodes"):
        compile_tree(LiarsDice(dice=5))


def test_codes_tell_rows_apart_and_keep_their_order():
    rng = np.random.default_rng(3)
    for top, columns in ((3, 4), (2**31, 5)):  # the second would overflow, were it not numbered anew on the way
        rows = rng.integers(0, top, (200, columns))
        rows = np.concatenate([rows, rows[::2]])
        codes = code(*rows.T)
        order = np.argsort(codes, kind="stable")
        assert order.tolist() == np.lexsort(rows.T[::-1]).tolist()
        index, first = by_first_visit(codes)
        assert (rows[first][index] == rows).all()
        assert (np.diff(first) > 0).all()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_sizes_are_exact_where_a_tree_is_small(case):
    game = built(case)
    counted, tree = estimate(game), compile_tree(game)
    known = tree.count()
    assert counted.nodes == known["nodes"]
    assert counted.leaves == known["leaves"]
    if counted.infosets is not None:
        assert counted.infosets == known["infosets"]
    assert counted.exact
    assert refusal(counted) is None


@pytest.mark.parametrize("case", [c for c in CASES if hasattr(built(c), "shape")], ids=str)
def test_games_count_themselves(case):
    tree, counts = compile_tree(built(case)), size._count(built(case))
    assert counts.nodes == len(tree.player)
    assert counts.leaves == len(tree.stake)
    assert counts.decisions == (tree.player >= 0).sum()
    assert counts.rows == np.diff(tree.first)[tree.infoset[tree.player >= 0]].sum()


@pytest.mark.parametrize(
    "game", [Goofspiel(5), Goofspiel(4, order="random"), Leduc(ranks=8), LiarsDice(dice=2, faces=3), Leduc(players=3)]
)
def test_samples_are_near(game, monkeypatch):
    monkeypatch.setattr(size, "_walk", lambda rules, lanes, most: 1e-5)  # as if every tree were too large
    sampled, known = estimate(Plain(game), patience=2.0), compile_tree(game).count()
    assert not sampled.exact
    near = 0.1 + 3 * sampled.error
    assert sampled.nodes == pytest.approx(known["nodes"], rel=near)
    assert sampled.leaves == pytest.approx(known["leaves"], rel=near)
    assert describe(sampled).startswith("about ")


@pytest.mark.parametrize("spec", ["leduc(ranks=30)", "kuhn(players=5)", "goofspiel(cards=5)", "leduc(players=3)"])
def test_memory_is_told_about_right(spec):
    from counterplay.engine.form import sequence_form

    game = make(spec)
    tree = compile_tree(game)
    kept = [getattr(tree, f.name) for f in fields(tree)] + list(sequence_form(tree))
    taken = sum(a.nbytes for a in kept if isinstance(a, np.ndarray))
    assert taken / 2 < estimate(game).solve < 4 * taken


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("goofspiel(cards=9)", r"at most 20,000,000 nodes can be solved as a whole; cards=6 would fit"),
        ("kuhn(ranks=100000)", r"9 nodes, .* TB, .* are free; ranks=\d+ would fit"),
        ("liars_dice(dice=5)", r"more than 10\^18 nodes: .*; dice=1 or faces=2 would fit"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(spec, said):
    with pytest.raises(ValueError, match=said):
        admit(make(spec))


@pytest.mark.parametrize("text", ["chess", pytest.param("go", marks=pytest.mark.slow), "oshi_zumo", "phantom_ttt"])
def test_large_imports_are_refused(text):
    pytest.importorskip("pyspiel")
    with pytest.raises(ValueError, match=r"more than 10\^\d+ nodes: at most 20,000,000 nodes"):
        admit(make(f"openspiel:{text}"))


def test_what_fits_is_admitted_and_described():
    assert describe(admit(make("leduc"))) == "240 nodes, less than 1 MB, less than 1 s to build"
    assert describe(admit(make("goofspiel(cards=6)"))).startswith("969,523 nodes, ")


def test_memory_is_refused_before_it_is_taken(monkeypatch):
    monkeypatch.setattr(size, "available", lambda: 10**8)
    with pytest.raises(ValueError, match=r"100 MB are free; ranks=\d+ would fit"):
        admit(Kuhn(ranks=1000))
    monkeypatch.setattr("counterplay.engine.deals.available", lambda: 10**6)
    with pytest.raises(ValueError, match="1000 x 1000 combinations of hands"):
        compile_tree(Kuhn(ranks=1000))


def test_long_lists_of_draws_are_refused():
    with pytest.raises(ValueError, match="at most 200,000 are listed"):
        Leduc(ranks=100, hole=4)


def test_sizes_of_random_games():
    for seed in range(20):
        game = drawn.random_game(Random(seed)) if seed % 2 else drawn.random_dealt_game(Random(seed))
        counted, tree = estimate(game, 0.01), compile_tree(game)
        assert (counted.nodes, counted.leaves) == (len(tree.player), len(tree.stake))
        assert counted.infosets == tree.count()["infosets"]


@pytest.mark.parametrize("spec", ["kuhn", "leduc(ranks=3, suits=1)"])
def test_histories_of_dealt_games_are_measured_too(spec):
    game = histories(make(spec))
    assert estimate(game, 60.0).nodes == len(compile_tree(game).player)


class Coin:
    """A dealt game of one hand each: chance shows heads or tails, and player 0 says which."""

    players = 2

    def __init__(self, odds=(0.5, 0.5), stake=1.0):
        self.given, self.stake = odds, stake

    def hands(self, player):
        return ["a", "b"]

    def deal(self, hands):
        return [0.5, 0.5]

    def root(self):
        return ""

    def turn(self, state):
        return CHANCE if state == "" else 0 if len(state) == 1 else LEAF

    def moves(self, state):
        return ("h", "t")

    def chance(self, state, hands):
        return self.given

    def play(self, state, move):
        return state + "ht"[move]

    def outcome(self, state):
        return Outcome(state[0] == state[1], self.stake)

    def payoffs(self, key, hands):
        return [1.0, -1.0] if key else [-1.0, 1.0]

    def sees(self, state):
        return state


class CoinArrays(Coin):
    def deals(self):
        return np.full((2, 2), 0.25)

    def event(self, state):
        return "coin"

    def odds(self, event):
        return np.full((2, 2, 2), 0.5)

    def table(self, key):
        return np.ones((2, 2, 2)) * np.array([1.0, -1.0])[:, None, None] * (1 if key else -1)


def test_the_same_game_by_hand_and_in_arrays():
    one, two = compile_tree(Coin()), compile_tree(CoinArrays())
    assert np.array_equal(one.payoffs, two.payoffs)
    assert np.array_equal(one.weights, two.weights)


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("deals", np.full((2, 3), 1 / 6), r"deals\(\) must be an array of shape \(2, 2\)"),
        ("deals", np.full((2, 2), np.nan), "must be probabilities"),
        ("odds", np.full((1, 2, 2), 1.0), r"odds\('coin'\) must be an array of shape \(2, 2, 2\)"),
        ("odds", np.full((2, 2, 2), np.nan), "must be non-negative and sum to 1"),
        ("table", np.ones((2, 2)), "must be an array of shape"),
        ("table", [[1, 2], [3, 4]], "not list"),
    ],
)
def test_wrong_arrays_are_refused(name, given, says):
    game = CoinArrays()
    setattr(game, name, lambda *_: given)
    with pytest.raises(ValueError, match=says):
        compile_tree(game)


def test_what_is_not_a_number_is_refused():
    with pytest.raises(ValueError, match="sum to 1"):
        compile_tree(Coin(odds=(float("nan"), 0.5)))
    with pytest.raises(ValueError, match="stake of an outcome must be a number of at most"):
        compile_tree(Coin(stake=float("inf")))


def test_a_game_that_never_ends_is_refused():
    class Endless:
        def __init__(self):
            self.players = 2

        def root(self):
            return 0

        def turn(self, state):
            return 0

        def moves(self, state):
            return ("on",)

        def play(self, state, move):
            return state + 1

        def sees(self, state, player):
            return str(state)

    with pytest.raises(ValueError, match="it may never end"):
        admit(Endless())
