"""Buckets of hands: strength by enumeration, distances by SciPy, clusters by what k-means must do, files by damage."""

from itertools import combinations

import naive_poker
import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from counterplay.engine import store
from counterplay.engine.byte_rows import WIDTH, distance
from counterplay.engine.errors import UserError
from counterplay.engine.jit import jit
from counterplay.engine.portions import Pool
from counterplay.games.holdem import bucketing
from counterplay.games.holdem import buckets as files
from counterplay.games.holdem.bucketing import make_buckets, memory, quantiles
from counterplay.games.holdem.buckets import buckets_of, cells_of, load, parse_spec
from counterplay.games.holdem.canonical import example_of, hand_index, index_of
from counterplay.games.holdem.cards import HOLDEM, ROYAL, Deck
from counterplay.games.holdem.clusters import assign, cluster
from counterplay.games.holdem.matchups import board_rows, groups_of, new_sweep
from counterplay.games.holdem.rollouts import CLASSES, board_points, last_street, most_points, street_before
from counterplay.games.holdem.strength import ranking

TINY = Deck("tiny", tuple(range(20, 32)))  # three ranks: seven, eight, nine


def naive_points(deck, hole, board):
    """Return twice the hands that a hand beats on a full board, and once those that it ties with."""
    plain = [(c // 4 + 2, c % 4) for c in board]
    strength = lambda hand: naive_poker.best(plain + [(c // 4 + 2, c % 4) for c in hand])  # noqa: E731
    left = [c for c in deck.cards if c not in (*hole, *board)]
    mine = strength(hole)
    theirs = [strength(other) for other in combinations(left, 2)]
    return sum(2 * (mine > other) + (mine == other) for other in theirs)


def naive_run_outs(deck, hole, board, size):
    """Return the points on all boards of that size that may follow, as they are dealt card by card."""
    if len(board) == size:
        return [naive_points(deck, hole, board)]
    left = [c for c in deck.cards if c not in (*hole, *board)]
    return [points for c in left for points in naive_run_outs(deck, hole, (*board, c), size)]


@pytest.fixture(scope="module")
def streets():
    """Return flop, turn and river of the tiny deck, and how many deals have how many points."""
    with Pool(2) as pool:
        river, end = last_street(TINY, 3, pool, "")
        turn = street_before(TINY, 2, 3, river, True, pool, "")
        flop = street_before(TINY, 1, 3, turn, True, pool, "")
    return (None, flop, turn, river), end


def test_strength_is_that_of_all_hands_and_run_outs(streets):
    found, end = streets
    counted = end.deals
    index, rng = hand_index(TINY), np.random.default_rng(3)
    most = most_points(TINY, 3)
    assert most == 2 * len(list(combinations(range(12 - 7), 2)))
    for street, many in ((3, 60), (2, 20), (1, 10)):
        for number in rng.choice(index.size[street], many, replace=False):
            hole, board = example_of(index, street, int(number))
            points = naive_run_outs(TINY, hole, board, 5)
            assert found[street].values[number] == sum(points)
            assert found[street].follow == len(points)
            if street < 3:
                bounds = np.cumsum(np.bincount(np.array(points) * CLASSES // (most + 1), minlength=CLASSES))[:WIDTH]
                assert found[street].rows[number].tolist() == bounds.tolist()
    assert counted.sum() == 12 * 11 // 2 * 252  # hands and boards
    assert (counted * np.arange(most + 1)).sum() * 2 == counted.sum() * most  # what one wins another loses


def test_matchups_are_those_of_every_pair(streets):
    groups = groups_of(TINY, streets[1].total)
    index, room = hand_index(TINY), new_sweep(12)
    assert len(np.unique(groups[np.ix_(TINY.cards, TINY.cards)])) == index.size[0]  # few enough for one each
    for board in ([20, 21, 24, 29, 31], [20, 24, 28, 30, 31]):
        n = board_rows(index, np.array(board, np.uint8), groups, *ranking(TINY), room)
        assert n == 21
        hands = [tuple(hand) for hand in room.hole[:n].tolist()]
        strength = {h: naive_poker.best([(c // 4 + 2, c % 4) for c in (*board, *h)]) for h in hands}
        for i, mine in enumerate(hands):
            points, many = np.zeros(WIDTH), np.zeros(WIDTH)
            for other in hands:
                if not {*mine} & {*other}:
                    g = groups[other]
                    points[g] += (strength[mine] > strength[other]) + (strength[mine] == strength[other]) / 2
                    many[g] += 1
            known = many > 0
            assert room.points[i] == 2 * points.sum()
            lost = 255 * (1 - points[known] / many[known])
            assert np.abs(room.rows[i][known] - lost).max() <= 1
            assert len(np.unique(room.rows[i][~known])) <= 1


def test_groups_of_many_hands_are_by_strength():
    index = hand_index(HOLDEM)
    total = np.arange(index.size[0]) * np.bincount(preflop_combos(index))
    groups = groups_of(HOLDEM, total)
    assert groups.max() == WIDTH - 1
    sizes = np.bincount(groups[np.triu_indices(52, 1)])
    assert sizes.sum() == 1326
    assert sizes.min() > 20


def preflop_combos(index):
    """Return the index of each two cards."""
    return index_of(index, 0, (), [(a, b) for b in range(52) for a in range(b)])


def test_matchup_buckets():
    found = make_buckets(ROYAL, "matchup:20,30,150", seed=2)
    assert found == make_buckets(ROYAL, "matchup:20,30,150", seed=2, threads=1)
    like = make_buckets(ROYAL, "distribution:20,30,150", seed=2)
    first = found.tables.first
    assert np.array_equal(found.of[: first[3]], like.of[: first[3]])  # until the last street
    assert not np.array_equal(found.of[first[3] :], like.of[first[3] :])
    assert found.sizes[3] == 150
    river = slice(-150, None)
    assert found.deals[river].sum() == like.deals[50:].sum()
    assert (found.deals[river] * found.strength[river]).sum() / found.deals[river].sum() == pytest.approx(0.5)


@pytest.mark.nojit
def test_points_on_a_board():
    board = np.array([20, 21, 24, 29, 31], np.uint8)
    hole = np.array(list(combinations([c for c in TINY.cards if c not in board], 2)), np.uint8)
    room = np.empty(len(hole), np.int64), np.empty(52, np.int64)
    points = np.empty(len(hole), np.uint16)
    board_points(hole, len(hole), board, *ranking(TINY), *room, points)
    assert points.tolist() == [naive_points(TINY, hand, board.tolist()) for hand in hole.tolist()]


def test_weights_are_numbers_of_deals(streets):
    (_, flop, turn, _), _ = streets
    for street, cards in ((flop, 3), (turn, 4)):
        deals = len(list(combinations(range(12), cards))) * len(list(combinations(range(12 - cards), 2)))
        assert street.weights.sum(dtype=int) == deals
        assert street.weights.min() >= 1
        assert street.weights.max() <= 24


@jit
def _distance(rows, i, k):
    return distance(rows, np.int64(i), rows, np.int64(k))


def test_distance_is_the_earth_movers(streets):
    rows, rng = streets[0][2].rows, np.random.default_rng(0)
    follow = streets[0][2].follow
    for i, k in rng.integers(len(rows), size=(50, 2)):
        masses = [np.diff([0, *rows[j].astype(int), follow]) for j in (i, k)]
        classes = np.arange(CLASSES)
        plain = wasserstein_distance(classes, classes, *masses) * follow
        assert _distance(rows, i, k) == distance(rows, i, rows, k) == pytest.approx(plain)
    far = np.array([[0] * WIDTH, [255] * WIDTH], np.uint8)
    assert _distance(far, 0, 1) == 255 * WIDTH


@pytest.fixture(scope="module")
def hands():
    rng = np.random.default_rng(11)
    rows = np.sort(rng.integers(0, 256, (3000, WIDTH)), axis=1).astype(np.uint8)
    rows[rng.integers(3000, size=500)] = rows[0]  # many alike
    return rows, rng.integers(1, 25, 3000).astype(np.uint8)


def test_k_means_never_gets_worse_and_is_the_same_for_any_threads(hands):
    found = []
    for threads in (1, 3):
        with Pool(threads) as pool:
            found.append(cluster(*hands, 40, np.random.default_rng(5), pool))
    one, two = found
    assert one.costs == two.costs
    assert np.array_equal(one.of, two.of)
    assert all(a >= b for a, b in zip(one.costs[:-1], one.costs[1:], strict=True))
    assert one.costs[-1] < one.costs[0]
    assert set(one.of) == set(range(40))
    # Each hand is in the cluster with the nearest centre, and stronger clusters come later.
    rows = hands[0].astype(int)
    apart = np.abs(rows[:, None, :] - one.centres.astype(int)).sum(axis=2)
    assert np.array_equal(apart[np.arange(len(rows)), one.of], apart.min(axis=1))
    assert np.all(np.diff(one.centres.sum(axis=1, dtype=int)) <= 0)
    with Pool(1) as pool:
        other = cluster(*hands, 40, np.random.default_rng(6), pool)
    assert not np.array_equal(other.of, one.of)


def test_a_centre_that_nobody_is_near_gets_the_farthest_hand(hands):
    from counterplay.games.holdem.clusters import _mend

    of, apart = np.array([0, 0, 2, 2], np.uint16), np.array([3, 9, 0, 1], np.uint16)
    _mend(of, apart, 4)
    assert of.tolist() == [3, 1, 2, 2]


@pytest.mark.nojit
def test_few_different_hands_make_few_clusters():
    rows = np.repeat(np.arange(0, 250, 50, dtype=np.uint8)[:, None], WIDTH, axis=1)
    rows = np.concatenate([rows, rows])
    with Pool(1) as pool:
        found = cluster(rows, np.ones(10, np.uint8), 8, np.random.default_rng(0), pool)
    assert found.of.tolist() == [4, 3, 2, 1, 0] * 2
    assert found.costs[-1] == 0


def test_medians_are_the_best_centres(hands):
    """A cluster's centre is no worse than any other byte in its place, for each bound by itself."""
    rows, weights = hands
    with Pool(1) as pool:
        found = cluster(rows, weights, 5, np.random.default_rng(1), pool)
        again = cluster(rows, weights, 1, np.random.default_rng(1), pool)
    assert len(found.centres) == 5
    cost = lambda centre: (np.abs(rows.astype(int) - centre) * weights[:, None]).sum(axis=0)  # noqa: E731
    best = np.min([cost(np.full(WIDTH, value)) for value in range(256)], axis=0)
    of, apart = np.empty(len(rows), np.uint16), np.empty(len(rows), np.uint16)
    assert assign(rows, weights, 0, len(rows), again.centres, of, apart) == best.sum()


@pytest.mark.nojit
@pytest.mark.parametrize(
    ("weights", "count", "buckets"),
    [
        ([5, 0, 5, 30, 5, 5], 5, [0, 0, 0, 1, 2, 3]),  # thirty of fifty are one value
        ([7] * 100, 10, np.repeat(np.arange(10), 10)),
        ([0, 3, 0], 4, [0, 0, 0]),
        ([1, 1], 4, [0, 1]),
    ],
)
def test_quantiles_split_no_ties(weights, count, buckets):
    table = np.empty(len(weights), np.uint16)
    assert quantiles(np.array(weights), count, table) == max(buckets) + 1
    assert table.tolist() == list(buckets)


SPECS = {
    "none": "none",
    "Strength:50": "strength:50",
    "strength: 9, 9,9": "strength:9",
    "distribution:200,200,50 memory": "distribution:200,200,50 memory",
    "strength:all,50,50": "strength:all,50,50",
}
WRONG = {
    "": "are no buckets",
    "strenght:50": "are no buckets",
    "strength": "does not say how many",
    "strength:50,50": "2 numbers of buckets",
    "strength:0": "1 to 65,535, or all",
    "strength:70000": "1 to 65,535, or all",
    "strength:5.5": "1 to 65,535, or all",
    "none:5": "neither numbers nor memory",
    "none memory": "neither numbers nor memory",
}


def test_specs():
    for text, normal in SPECS.items():
        spec = parse_spec(text, 3)
        assert str(spec) == normal
        assert parse_spec(normal, 3) == spec
    for text, message in WRONG.items():
        with pytest.raises(UserError, match=message):
            parse_spec(text, 3)


@pytest.fixture(scope="module")
def royal():
    return make_buckets(ROYAL, "distribution:20,300,30 memory", seed=4)


def test_buckets_of_hands_on_boards(royal):
    assert royal.sizes == (25, 20, 300, len(royal.deals) - 320)
    assert royal.cells == tuple(np.cumprod(royal.sizes))
    index, rng = hand_index(ROYAL), np.random.default_rng(9)
    for _ in range(50):
        cards = rng.choice(ROYAL.cards, 7, replace=False).astype(np.uint8)
        hole, cell = cards[None, :2], 0
        for street, size in enumerate(ROYAL.board):
            number = index_of(index, street, cards[2 : 2 + size], hole)[0]
            first = royal.tables.first[street]
            bucket = number if street == 0 else royal.of[first + number]
            cell = cell * royal.sizes[street] + bucket
            out = np.empty(1, np.uint32)
            buckets_of(royal.tables, street, cards[2:], hole, 1, out)
            assert out[0] == bucket
            cells_of(royal.tables, street, cards[2:], hole, 1, out)
            assert out[0] == cell == royal.cells_on(cards[2 : 2 + size], hole)[0]
            like = royal.alike(hole[0], cards[2 : 2 + size])
            assert bool(like) == (street > 0)
            for text in like:
                other, board = royal.read_hand(text)
                buckets_of(royal.tables, street, np.array(board, np.uint8), np.array([other], np.uint8), 1, out)
                assert out[0] == bucket


def test_strength_of_buckets(royal):
    """On the river buckets go by strength; all deals are in one, and together they win half."""
    of_street = np.split(np.arange(len(royal.deals)), np.cumsum(royal.sizes[1:])[:-1])
    for at, cards in zip(of_street, (3, 4, 5), strict=True):
        assert royal.deals[at].sum() == len(list(combinations(range(20), cards))) * (20 - cards) * (19 - cards) // 2
        assert royal.deals[at].min() > 0
        assert (royal.deals[at] * royal.strength[at]).sum() / royal.deals[at].sum() == pytest.approx(0.5)
    assert np.all(np.diff(royal.strength[of_street[2]]) > 0)


def test_the_same_for_any_threads_and_not_for_another_seed(royal):
    again = make_buckets(ROYAL, royal.spec, seed=4, threads=1)
    assert again == royal
    assert make_buckets(ROYAL, royal.spec, seed=5) != royal
    assert royal != make_buckets(ROYAL, "none")


def test_no_buckets_are_no_tables():
    none = make_buckets(ROYAL, "none")
    assert none.sizes == none.hands == none.cells == (25, 7_760, 104_750, 1_398_100)
    assert not none.of.size
    hole, board = none.read_hand("AsKs on Qs Jh Td Ts")
    assert 0 <= none.cells_on(board, [hole])[0] < none.cells[2]
    assert make_buckets(HOLDEM, "none").sizes[3] == 2_428_287_420


def test_a_game_that_ends_on_the_flop():
    found = make_buckets(ROYAL, "strength:10", last=1)
    assert len(found.sizes) == 2
    index = hand_index(ROYAL)
    rng = np.random.default_rng(2)
    bucket = []
    for number in rng.choice(index.size[1], 30, replace=False):
        hole, board = example_of(index, 1, int(number))
        bucket.append((naive_points(ROYAL, hole, board), int(found.cells_on(board, [hole])[0])))
    bucket.sort()
    assert [b for _, b in bucket] == sorted(b for _, b in bucket)


def test_files(royal, tmp_path):
    path = tmp_path / "royal.cpb"
    royal.save(path)
    assert load(path) == royal
    assert load(path).sizes == royal.sizes
    arrays, header = store.read(path)
    del header["format"]

    def broken(message, changed=None, **more):
        store.write(path, {**arrays, **(changed or {})}, {**header, **more})
        with pytest.raises(UserError, match=message):
            load(path)

    broken("holds no buckets", kind="holdem")
    broken("no deck", deck="tarot")
    broken("another number of streets", last=2, spec="strength:50")
    broken("not written as it should be", spec="distribution: 20,300,30 memory")
    broken("does not hold what it should", digest="x")
    broken("digest is of other", digest="0" * 32)
    broken("digest is of other", seed=5)
    broken("more buckets than its spec", sizes=[25, 21, 300, 27])
    broken("shape", {"of": arrays["of"][:-1]})
    broken("uint16", {"of": arrays["of"].astype(np.uint32)})
    over = arrays["of"].copy()
    over[3] = 20
    broken("buckets of the flop that there are none of", {"of": over})
    changed = arrays["of"].copy()
    changed[3] = (changed[3] + 1) % 20
    broken("digest is of other", {"of": changed})
    broken("win more often than always", {"strength": arrays["strength"] + 1})
    broken("none of", {"more": arrays["of"]})
    path.write_bytes(b"short")
    with pytest.raises(UserError):
        load(path)


def test_mistakes(royal, monkeypatch):
    with pytest.raises(UserError, match="two hole cards"):
        royal.read_hand("As on Ks Qs Js")
    with pytest.raises(UserError, match="0, 3, 4 or 5 cards"):
        royal.read_hand("AsKs on Qs Js")
    with pytest.raises(UserError, match="in the hand and on the board"):
        royal.read_hand("AsKs on As Qs Js")
    with pytest.raises(UserError, match="does not have"):
        royal.cells_on((), [(0, 51)])
    with pytest.raises(UserError, match="a card twice"):
        royal.cells_on((), [(51, 51)])
    with pytest.raises(UserError, match="seed"):
        make_buckets(ROYAL, "none", seed=-1)
    monkeypatch.setattr(bucketing, "available", lambda: 10**6)
    with pytest.raises(UserError, match="of memory to compute"):
        make_buckets(HOLDEM, "distribution:200")
    assert make_buckets(HOLDEM, "none").sizes[0] == 169  # takes none
    assert memory(HOLDEM, parse_spec("distribution:200", 3), 3) < 3e9
    assert files.MOST == 65_535
