"""What the walker spares itself: vectors of 16-bit entries, plans that are not averaged, strategies that still hold."""

from functools import cache

import numpy as np
import pytest

from counterplay.engine.jit import jit
from counterplay.engine.raw import raw
from counterplay.engine.simd import LANES, WIDE, fill, highest, load, store
from counterplay.engine.streets import new_work
from counterplay.games.holdem.places import lay_out
from counterplay.games.holdem.spot import parse_spot
from counterplay.solvers.cfr import schedule
from counterplay.solvers.streets.cfr import SubgameCFR
from counterplay.solvers.streets.decisions import BEST
from counterplay.solvers.variants import VARIANTS


@cache
def laid(board):
    text = (
        f'board = "{board}"\npot = 10\nstack = 30\n[range]\noop = "QQ-TT,AJs,KQs:0.5,98s"\nip = "JJ-99,AQs-ATs,T9s"\n'
    )
    return lay_out(parse_spot(text + '[bets]\nbet = "50%, all-in"\nraise = "60%"\n'))


RIVER, TURN = "Ks 9d 4c 7h 2s", "Ks 9d 4c 7h"


def fresh(board, **options):
    return SubgameCFR(laid(board).game, 10, VARIANTS["dcfr3"], **options)


@jit
def times(whole, out, factor, most):
    """Multiply an array's vectors by a factor, and tell the largest of each."""
    a, b, c = raw(whole), raw(out), raw(most)
    for k in range(np.uint64(len(whole)) // WIDE):
        x = load(a, k * WIDE) * fill(factor)
        store(b, k * WIDE, x)
        c[k] = highest(x)


@pytest.mark.nojit
@pytest.mark.parametrize("kind", [np.int16, np.float32])
def test_sixteen_entries_of_either_type(kind):
    """16-bit entries become floats and back to the nearest, from the middle away from zero."""
    given = np.array([-32767, 32767, 0, 1, -1, 3, -3, 5, -5, 2, -2, 7, 99, -99, 1001, -1001] * 2, kind)
    given[LANES:] //= 7
    out, most = np.zeros_like(given), np.zeros(2, np.float32)
    times(given, out, np.float32(0.5), most)
    exact = given.astype(np.float64) / 2
    rounded = np.sign(exact) * np.floor(np.abs(exact) + 0.5)
    assert np.array_equal(out, rounded if kind is np.int16 else exact)
    assert np.array_equal(most, exact.reshape(2, LANES).max(axis=1))


@pytest.mark.parametrize("compress", [False, True], ids=["32 bits", "16 bits"])
@pytest.mark.parametrize("board", [RIVER, TURN])
def test_iterations_in_one_call_have_the_bytes_of_many(board, compress):
    """A call keeps what a visit left of the other's strategy, where nothing follows; a new call works it out anew."""
    one, many = fresh(board, compress=compress), fresh(board, compress=compress)
    one.advance(7)
    for _ in range(7):
        many.advance(1)
    for table, other in zip(one.tables, many.tables, strict=True):
        assert np.array_equal(table, other)
    both = one._visit(0, 2, BEST)
    assert np.array_equal(both, [one._visit(p, p + 1, BEST)[p] for p in range(2)])


@pytest.mark.parametrize("board", [RIVER, TURN])
def test_every_second_plan_is_averaged(board):
    """Regrets are those of a run that averages all plans; averages are sums of the plans of 1, 2, 4, 6 and 8."""
    run, every = fresh(board), fresh(board, every=1)
    run.advance(9)
    before, plans = np.zeros_like(every.tables.total), list[np.ndarray]()
    for factors in schedule(VARIANTS["dcfr3"], 0, 9, 0):
        every.advance(1)
        plans.append(every.tables.total - before * factors[2])
        before = every.tables.total.copy()
    assert np.array_equal(run.tables.regret, every.tables.regret)
    wanted = sum((t / 8) ** 3 * plans[t - 1] for t in (1, 2, 4, 6, 8))
    assert run.tables.total == pytest.approx(wanted, abs=1e-5)
    assert abs(run.tables.total - every.tables.total).max() > 0.01


def test_vectors_of_working_memory_take_one_line_of_the_cache():
    game = laid(TURN).game
    assert (game.boards.width % LANES == 0).all()
    for work in new_work(game, 2):
        for array in (work.plan, work.sigma, work.value, work.gained, work.norm, work.packed, work.removal):
            assert array.ctypes.data % (4 * LANES) == 0
