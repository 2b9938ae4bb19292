"""Many rivers at once, held against the tree's own regret minimisation in 64 bits and the walker's judgement."""

import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import counterplay
from counterplay.api import rivers as together
from counterplay.engine.errors import UserError
from counterplay.engine.form import sequence_form
from counterplay.engine.tree import compile_tree
from counterplay.games.holdem.cards import parse_cards
from counterplay.games.holdem.places import lay_out
from counterplay.games.holdem.rules import HoldemRules
from counterplay.games.holdem.spot import parse_spot
from counterplay.games.holdem.strength import strengths
from counterplay.solvers.cfr import CFR, schedule
from counterplay.solvers.variants import VARIANTS

torch = pytest.importorskip("torch")
from counterplay.agents.nn import device as devices  # noqa: E402
from counterplay.agents.rivers import Rivers, betting  # noqa: E402


@pytest.fixture(autouse=True)
def one_thread():
    """These tensors are small: threads would wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


EXAMPLES = Path(__file__).parent.parent / "examples"
SPOT = """
board = "{board}"
pot = 20
stack = 60
rake.percent = {rake}
range.oop = "AA,KQs,98s:0.5,54s,A2o:0.25"
range.ip = "QQ,KJs,97s,T8s:0.75"
bets.river.bet = ["50%"]
bets.river.raise = ["60%", "all-in"]
"""
BOARDS = "Ks 9d 4c 7h 2s", "Ah Qd 5c 5h 3s", "Qs Js 8s 3s 2d"


def spot(board=BOARDS[0], rake=0):
    return parse_spot(SPOT.format(board=board, rake=rake))


def batch(spots, kind=torch.float64):
    """Return a run on spots that differ in their boards."""
    device, deck = torch.device("cpu"), spots[0].deck
    sides = betting(*lay_out(spots[0]).game[2:4], device)
    hands = [np.flatnonzero(np.any([s.weights[p] > 0 for s in spots], axis=0)) for p in range(2)]
    cards = tuple(deck.hands[h].astype(np.uint8) for h in hands)
    ranks = tuple(np.stack([strengths(s.board, h, deck) for s in spots]) for h in hands)
    weights = tuple(np.stack([s.weights[p][h] for s in spots]) for p, h in enumerate(hands))
    return Rivers(sides, cards, ranks, weights, device, kind)


@pytest.mark.parametrize("algorithm", ["cfr", "cfr+", "dcfr3"])
def test_iterations_are_those_of_the_tree(algorithm):
    """Another tree, another sequence form, another order of sums: the same judgement after each of some iterations."""
    spots = [spot(board) for board in BOARDS]
    run, variant = batch(spots), VARIANTS[algorithm]
    solvers = [CFR(sequence_form(compile_tree(HoldemRules(each))), variant, 0) for each in spots]
    for count in (1, 2, 5, 12):
        rules = schedule(variant, run.iterations, count, 0)
        run.advance(rules)
        worth = run.judge()
        for k, solver in enumerate(solvers):
            solver.advance(count)
            found = solver.judge()
            assert worth.value[k] == pytest.approx(found.value, abs=1e-9)
            assert worth.best[k] == pytest.approx(found.best, abs=1e-9)


@pytest.mark.parametrize("rake", [0, 5])
def test_solutions_are_the_walkers(rake):
    """Tables in 32 bits, put where the walker has them: it finds them worth what was found here."""
    spots = [spot(board, rake) for board in BOARDS]
    told = []
    found = together.solve_together(spots, "dcfr3", 60, None, torch.device("cpu"), told.append)
    assert told == ["3 boards of 3"]
    for each, solution in zip(spots, found, strict=True):
        assert solution.spot == each
        judged = solution.judge()
        assert solution.value == pytest.approx(judged.value, abs=1e-4)
        assert solution.exploitability == pytest.approx(judged.exploitability, abs=1e-4)
        assert solution.exploitability < 0.1
        alone = counterplay.solve(each, "dcfr3", iterations=60)
        assert solution.value == pytest.approx(alone.value, abs=0.2)


def test_a_solution_of_many_goes_on_alone(tmp_path):
    (solution,) = together.solve_together([spot()], "auto", None, "1%", torch.device("cpu"), lambda _: None)
    assert solution.stopped_by == "target"
    assert solution.exploitability <= 0.2
    solution.save(tmp_path / "river.cps")
    loaded = counterplay.load(tmp_path / "river.cps")
    more = counterplay.solve(resume=loaded, iterations=solution.iterations + 200)
    assert more.exploitability < solution.exploitability
    assert set(loaded.at("", "AsAd")) == {"check", "bet 10"}


def test_on_the_cpu_boards_are_solved_one_after_another():
    found = counterplay.solve_rivers(spot(), BOARDS, iterations=30, device="cpu")
    assert [each.spot.board for each in found] == [parse_cards(board) for board in BOARDS]
    alone = counterplay.solve(spot(BOARDS[1]), iterations=30)
    assert found[1].value == alone.value


def test_as_many_as_fit_go_together(monkeypatch):
    spots, told = [spot(b) for b in BOARDS], []
    whole = together.solve_together(spots, "cfr+", 10, None, torch.device("cpu"), told.append)
    run = batch(spots)
    each = Rivers.nbytes(run.sides, tuple(reach.shape[1] for reach in run.reach))
    monkeypatch.setattr(devices, "free", lambda _: int(2.6 * each))
    parts = together.solve_together(spots, "cfr+", 10, None, torch.device("cpu"), told.append)
    assert told == ["3 boards of 3", "2 boards of 3", "3 boards of 3"]
    for part, one in zip(parts, whole, strict=True):
        assert part.value == pytest.approx(one.value, abs=1e-4)
    monkeypatch.setattr(devices, "free", lambda _: 100)
    with pytest.raises(UserError, match=r"a board takes .* of the device's memory"):
        together.solve_together([spot()], "cfr+", 10, None, torch.device("cpu"), told.append)


def test_what_is_no_river_is_refused():
    with pytest.raises(UserError, match="on its last street"):
        counterplay.solve_rivers(str(EXAMPLES / "turn_a.toml"), BOARDS)
    with pytest.raises(UserError, match="on its last street"):
        counterplay.solve_rivers("kuhn", BOARDS)
    for wrong in ("Ks 9d 4c 7h", "Ks 9d 4c 7h Ks", "x", 3):
        with pytest.raises(UserError):
            counterplay.solve_rivers(spot(), [wrong])
    with pytest.raises(UserError, match="the device must be"):
        counterplay.solve_rivers(spot(), BOARDS, device="tpu")
    assert counterplay.solve_rivers(spot(), []) == []
    none = replace(spot(), ranges=("AsAd", "QQ"))
    with pytest.raises(UserError):
        counterplay.solve_rivers(none, ["As 9d 4c 7h 2s"])


def test_an_interrupt_gives_what_was_solved(monkeypatch):
    """The board at work as far as it got, those before it whole."""

    def told(text):
        if text == "1 board of 3":
            signal.raise_signal(signal.SIGINT)

    for call in (
        lambda: counterplay.solve_rivers(spot(), BOARDS, iterations=5, device="cpu", on_progress=told),
        lambda: together.solve_together([spot(b) for b in BOARDS], "cfr+", 5, None, torch.device("cpu"), told),
    ):
        run = batch([spot(BOARDS[0])])
        each = Rivers.nbytes(run.sides, tuple(reach.shape[1] for reach in run.reach))
        monkeypatch.setattr(devices, "free", lambda _, each=each: int(1.5 * each))
        with pytest.raises(KeyboardInterrupt) as raised:
            call()
        found = raised.value.result
        assert 1 <= len(found) < 3
        assert found[0].stopped_by == "iterations"
        assert found[0].iterations == 5
