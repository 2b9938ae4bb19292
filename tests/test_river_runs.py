"""Many rivers in one process, held against single solves, plain sums over pairs of hands, and their own judgement."""

import signal
from contextlib import closing
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

import counterplay
from counterplay.api.river_runs import FEW, PILOTS, Rivers, together
from counterplay.engine.errors import UserError
from counterplay.engine.streets import new_tables
from counterplay.engine.writing import clear
from counterplay.games.holdem.cards import format_cards
from counterplay.games.holdem.full_boards import lay_full
from counterplay.games.holdem.layout import hands_on
from counterplay.games.holdem.places import lay_out
from counterplay.games.holdem.spot import parse_spot
from counterplay.games.holdem.strength import strengths
from counterplay.solvers.streets.many import BINS, _parts, _places, _recall, habits_of

SPOT = parse_spot(
    """
board = "Ks 9d 4c 7h 2s"
pot = 20
stack = 60
rake.percent = 5
range.oop = "AA,KQs,98s:0.5,54s,A2o:0.25"
range.ip = "QQ,KJs,97s,T8s:0.75,AJo"
bets.river.bet = ["50%"]
bets.river.raise = ["60%", "all-in"]
"""
)


def drawn(count, seed=3):
    rng = np.random.default_rng(seed)
    return [tuple(int(c) for c in rng.choice(52, 5, replace=False)) for _ in range(count)]


BOARDS = drawn(FEW + 4)
NAMES = [format_cards(board) for board in BOARDS]


def laid(boards):
    return lay_full(SPOT.deck, boards, SPOT.whole, SPOT.trees, 3, SPOT.betting, SPOT.rake)


def test_boards_are_laid_out_as_alone():
    """Lanes, weights and tables are those of each board's own layout; what hands meet and win is a sum over pairs."""
    whole = laid(BOARDS)
    for b, board in enumerate(BOARDS):
        spot, own = SPOT.on(board), lay_out(SPOT.on(board))
        numbers, weights = [], []
        for p, hands in enumerate(hands_on(SPOT.deck, whole.game.boards, b)):
            assert hands.tolist() == hands_on(SPOT.deck, own.game.boards, 0)[p].tolist()
            start = int(whole.starts[b]) + p * int(whole.game.boards.width[b])
            here = slice(start, start + len(hands))
            assert whole.game.reach[0, here].tolist() == spot.weights[p][hands].astype(np.float32).tolist()
            numbers.append(hands)
            weights.append((spot.weights[p][hands], whole.met[here]))
        apart = SPOT.deck.apart(*numbers)
        (one, met), (two, met_too) = weights
        assert met == pytest.approx(apart @ two, abs=1e-5)
        assert met_too == pytest.approx(one @ apart, abs=1e-5)
        assert whole.deals[b] == pytest.approx(one @ apart @ two)
        first, second = (strengths(board, hands, SPOT.deck)[:, None] for hands in numbers)
        won = (first > second.T) + 0.5 * (first == second.T)
        assert whole.equity[b] == pytest.approx(one @ (won * apart) @ two / whole.deals[b])
    base = whole.game.instances.base.astype(int)
    assert np.diff(base).tolist() == [lay_out(SPOT.on(board)).game.entries for board in BOARDS[:-1]]


def test_habits_are_means_by_standing():
    whole = laid(BOARDS[:3])
    tables, rng = new_tables(whole.game, False), np.random.default_rng(1)
    tables.regret[:] = rng.normal(size=len(tables.regret))
    found = habits_of(whole.game, tables, np.array([0, 2]))
    sums = {}
    for b in (0, 2):
        hands = hands_on(SPOT.deck, whole.game.boards, b)
        ranks = [strengths(BOARDS[b], numbers, SPOT.deck) for numbers in hands]
        for p, own, regret in _parts(whole.game, b, tables.regret):
            for k, rank in enumerate(ranks[p]):
                share = ((ranks[1 - p] < rank).mean() + (ranks[1 - p] <= rank).mean()) / 2
                place = int(_places(whole.game.boards, b, p)[k])
                assert place == pytest.approx(share * (BINS - 1), abs=0.501)
                for row in range(own.start, own.stop):
                    sums.setdefault((row, place), []).append(regret[row - own.start, k])
    for (row, place), numbers in sums.items():
        assert found.regret[row, place] == pytest.approx(np.mean(numbers), abs=1e-5)
    _recall(whole.game, found, 1, tables.regret)
    for p, own, regret in _parts(whole.game, 1, tables.regret):
        for k, place in enumerate(_places(whole.game.boards, 1, p)):
            assert regret[:, k].tolist() == found.regret[own, place].tolist()
    empty = habits_of(whole.game, tables, np.zeros(0, np.int64))
    assert empty is None


def test_as_many_iterations_are_those_of_single_solves():
    found = counterplay.solve_rivers(SPOT, NAMES, iterations=30, device="cpu")
    for solution in found[::5]:
        alone = counterplay.solve(solution.spot, iterations=30)
        assert solution.value == pytest.approx(alone.value, abs=1e-9)
        assert solution.best == pytest.approx(alone.best, abs=1e-9)
        assert (solution.iterations, solution.stopped_by) == (30, "iterations")
        assert all(np.array_equal(solution.state[name], alone.state[name]) for name in ("regret", "total"))


def test_each_river_is_solved_to_its_target():
    """Whatever they begin with, they are judged again alone; they go on, and are the same whatever else was to do."""
    told = []
    found = counterplay.solve_rivers(SPOT, NAMES, target="1%", device="cpu", on_progress=told.append)
    assert told[-1] == f"{len(NAMES)} boards of {len(NAMES)}"
    for board, solution in zip(BOARDS, found, strict=True):
        judged = solution.judge()
        assert solution.spot == replace(SPOT, board=board)
        assert solution.stopped_by == "target"
        assert solution.exploitability_percent_pot <= 1
        assert solution.value == pytest.approx(judged.value, abs=1e-9)
        assert solution.trace[-1].exploitability == pytest.approx(judged.exploitability, abs=1e-9)
    more = counterplay.solve(resume=found[-1], iterations=found[-1].iterations + 200)
    assert more.exploitability < found[-1].exploitability
    with closing(Rivers(SPOT, BOARDS, "auto", None, "1%", 1)) as rivers:
        (last,) = next(rivers.solve([SPOT.on(BOARDS[-1])], lambda: False))
    assert np.array_equal(last.solution.state["regret"], found[-1].state["regret"])


def test_what_is_not_at_its_goal_in_time_is_solved_alone(monkeypatch):
    monkeypatch.setattr("counterplay.solvers.streets.many.MOST", 8)
    found = counterplay.solve_rivers(SPOT, NAMES, target="0.2%", device="cpu")
    assert all(solution.exploitability_percent_pot <= 0.2 for solution in found)


def test_which_are_solved_together():
    assert together(SPOT, FEW, 100)
    assert not together(SPOT, FEW - 1, 100)
    assert not together(SPOT, FEW, 10**6)
    assert not together(SPOT, FEW, None, compress=True)
    assert not together(SPOT.locking("check: check 1, bet 10 0"), FEW, None)
    assert PILOTS < FEW


def test_a_batch_of_rivers(tmp_path):
    """Lines say what views of the files say; a board that takes a range fails, and what was left there is cleared."""
    spot = replace(SPOT, ranges=("AsAd", "QQ,KK"))
    names = [format_cards(b).replace(" ", "") for b in drawn(FEW + 8)]
    taken = [name for name in names if "As" in name or "Ad" in name]
    (tmp_path / ".old.cps.01234567.unfinished").write_text("x")
    found = counterplay.batch(spot, tmp_path, boards=[*names, "AsKsQsJs2d"], target="1%")
    assert not (tmp_path / ".old.cps.01234567.unfinished").exists()
    failed = {row["name"]: row["error"] for row in found.rows if row["status"] == "failed"}
    assert set(failed) == {*taken, "AsKsQsJs2d"}
    assert "no hand that is possible" in failed["AsKsQsJs2d"]
    assert len(found.solved) + len(failed) == len(names) + 1
    for row in found.solved[:3]:
        solution = counterplay.load(tmp_path / row["file"])
        view = solution.view()
        assert row["actions"] == pytest.approx(view.frequencies, abs=1e-6)
        assert row["equity_oop"] == pytest.approx(view.mean(view.equity)[0])
        assert (row["ev_oop"], row["ev_ip"]) == solution.value


def test_an_interrupted_batch_of_rivers_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(Rivers, "solve", _interrupted(Rivers.solve))
    with pytest.raises(KeyboardInterrupt) as raised:
        counterplay.batch(SPOT, tmp_path, boards=NAMES, target="1%", workers=1)
    done = {row["name"] for row in raised.value.result.solved}
    assert 0 < len(done) < len(NAMES)
    monkeypatch.undo()
    before = {name: (tmp_path / f"{name}.cps").stat().st_mtime_ns for name in done}
    assert len(counterplay.batch(SPOT, tmp_path, boards=NAMES, target="1%", workers=1).solved) == len(NAMES)
    assert before == {name: (tmp_path / f"{name}.cps").stat().st_mtime_ns for name in done}


def _interrupted(solve):
    """Return the method with a Ctrl-C after the first rivers."""

    def interrupted(self, spots, stop):
        yield from islice(solve(self, spots, stop), 1)
        signal.raise_signal(signal.SIGINT)
        yield from solve(self, spots, stop)

    return interrupted


def test_another_board_is_another_spot():
    for board in BOARDS[:8]:
        there = SPOT.on(board)
        assert there == replace(SPOT, board=board)
        assert np.array_equal(there.weights, replace(SPOT, board=board).weights)
    locked = SPOT.locking("check: check 1, bet 10 0")
    assert locked.on(BOARDS[0]) == replace(locked, board=BOARDS[0])
    for wrong in ((1, 1, 2, 3, 4), (1, 2)):
        with pytest.raises(UserError):
            SPOT.on(wrong)
    with pytest.raises(UserError, match="no hand that is possible"):
        replace(SPOT, ranges=("AsAd", "QQ")).on((51, 1, 2, 3, 4))


def test_what_killed_processes_left_is_cleared(tmp_path):
    for name in (".a.cps.0123abcd.unfinished", ".a.cps", "a.cps.0123abcd.unfinished"):
        (tmp_path / name).write_text("")
    clear(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".a.cps", "a.cps.0123abcd.unfinished"]
