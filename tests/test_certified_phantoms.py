"""Certificates of phantom games without a tree: by orders of stones, against all histories and OpenSpiel."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings

import counterplay
from counterplay.api import certificates, verifier, verifier_effort, verifier_phantom
from counterplay.api.testing.drawn import games
from counterplay.engine.attempts import attempts_of, expand
from counterplay.engine.compiling import telling
from counterplay.engine.phantom import factored_form
from counterplay.engine.sweeps import normalise
from counterplay.engine.tree import compile_tree
from counterplay.games import make
from counterplay.games.dark_hex import DarkHex
from counterplay.games.foreign.to_openspiel import to_game, to_policy
from counterplay.games.in_the_dark import NOTHING, written
from counterplay.games.phantom_tic_tac_toe import PhantomTicTacToe
from counterplay.solvers.value import judge

SMALL = ("dark_hex(size=2)", "dark_hex(size=2, abrupt=true)", "dark_hex(size=(2, 3))")
BOARDS = (*SMALL, "dark_hex(size=(3, 2))", "dark_hex(size=(2, 3), abrupt=true)", "dark_hex(size=(2, 4))")


def any_strategy(rules, seed, share=1.0):
    """Return a form with symmetries and a random strategy of it, some of whose odds are 0."""
    form, rng = factored_form(rules), np.random.default_rng(seed)
    weights = rng.exponential(size=form.sequences) * (rng.random(form.sequences) < share)
    return form, normalise(form, weights)


def measured(rules, sigma):
    return verifier_phantom.measure(verifier_phantom.Board(rules), rules.symmetries(), sigma)


def rows_of(rules, form, sigma):
    """Return what a strategy of a form does at each (player, label) of the game without symmetries."""
    full = factored_form(rules, symmetric=False)
    odds, rows = expand(form, full, sigma), {}
    for p in range(2):
        for d in range(int(full.begin[p]), int(full.begin[p + 1])):
            rows[p, written(rules.names, attempts_of(full, d))] = odds[full.first[d] : full.first[d + 1]].tolist()
    return rows


def by_histories(rules, form, sigma):
    """Measure a strategy of a form state by state, with the verifier of games of histories."""
    rows = rows_of(rules, form, sigma)
    return verifier.measure(rules, lambda p, label: rows[p, label or NOTHING])


def holds_with(found, true):
    off = found.error + true.error
    for ours, theirs in ((found.value, true.value), (found.best, true.best)):
        assert [float(x) for x in ours] == pytest.approx([float(x) for x in theirs], abs=off)
    return True


@pytest.mark.parametrize("name", SMALL)
def test_orders_measure_what_all_histories_do(name):
    rules = make(name)
    for seed, share in ((1, 1.0), (2, 0.4)):
        form, sigma = any_strategy(rules, seed, share)
        found = measured(rules, sigma)
        assert holds_with(found, by_histories(rules, form, sigma))
        assert 0 < found.error < 1e-10


@settings(max_examples=25, deadline=None)
@given(games(kinds=("stones",)))
def test_orders_measure_what_all_histories_do_in_drawn_games(rules):
    form, sigma = any_strategy(rules, 3)
    assert holds_with(measured(rules, sigma), by_histories(rules, form, sigma))


@pytest.mark.parametrize("name", BOARDS)
def test_orders_measure_what_the_factored_form_does(name):
    rules = make(name)
    form, sigma = any_strategy(rules, 4, 0.6)
    judged = judge(form, sigma)
    found = measured(rules, sigma)
    assert found.value == pytest.approx(judged.value, abs=1e-12)
    assert found.best == pytest.approx(judged.best, abs=1e-12)


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if "(2, 4)" in n else ()) for n in BOARDS])
def test_what_is_walked_is_counted_before(name, monkeypatch):
    board = verifier_phantom.Board(make(name))
    monkeypatch.setattr(verifier_phantom, "BATCH", 50)  # however orders are divided
    walked = sum(len(part.order) for _, lists in verifier_phantom.finished(board) for part in lists)
    assert verifier_effort.lists_of(board) == walked


@pytest.mark.slow
def test_orders_are_all_there_are():
    """The finished orders of tic-tac-toe are its 255,168 games."""
    assert (
        sum(len(pays) for pays, _ in verifier_phantom.finished(verifier_phantom.Board(PhantomTicTacToe()))) == 255_168
    )


@pytest.fixture
def certified(tmp_path):
    file, out = tmp_path / "hex.cps", tmp_path / "hex.json"
    counterplay.solve("dark_hex(size=(2, 3))", iterations=20).save(file)
    out.write_text(verifier.dump(certificates.certify(file)))
    return file, out


def test_certificates_of_phantom_games(certified, run):
    file, out = certified
    solution, found = counterplay.load(file), json.loads(out.read_text())
    assert found["kind"] == "factored"
    assert found["exploitability_at_most"] == pytest.approx(solution.exploitability, abs=1e-9)
    assert found["exploitability_at_most"] >= solution.exploitability - 1e-15
    assert 0 < found["rounding_at_most"] < 1e-10
    assert run("certify", "--check", out, file)[0] == 0
    lower = {**found, "exploitability_at_most": found["exploitability_at_most"] / 2}
    out.write_text(verifier.dump(lower))
    assert run("certify", "--check", out, file)[0] == 1


def test_the_numbers_are_openspiels_too():
    """In abrupt games: of classical ones OpenSpiel's strings tell more than a player knows."""
    pyspiel = pytest.importorskip("pyspiel")
    rules = make("dark_hex(size=2, abrupt=true)")
    form, sigma = any_strategy(rules, 5)
    rows, tree = rows_of(rules, form, sigma), compile_tree(rules)
    table = np.concatenate([rows[key] for key in zip(tree.owner.tolist(), tree.labels, strict=True)])[:, None]
    theirs = pyspiel.nash_conv(to_game(rules), to_policy(rules, tree, table), True)
    assert sum(measured(rules, sigma).best) == pytest.approx(theirs, abs=1e-9)


def test_vectors_that_are_no_strategies_are_refused(certified):
    arrays, _, _ = verifier.read_file(certified[0])
    rules, sigma = make("dark_hex(size=(2, 3))"), arrays["strategy"]
    for wrong in (sigma[:-1], np.append(sigma, 1.0), sigma * 1.01, -sigma, np.full_like(sigma, np.nan), sigma[:1]):
        with pytest.raises(ValueError, match=r"not of the size|no probabilities"):
            measured(rules, wrong)


def test_a_file_that_was_changed_is_refused(certified):
    file, out = certified
    raw = file.read_bytes()
    rng = np.random.default_rng(1)
    for _ in range(50):
        changed = bytearray(raw)
        changed[int(rng.integers(len(raw)))] ^= 1 << int(rng.integers(8))
        file.write_bytes(changed)
        try:
            assert certificates.check(out, file)[1]
        except ValueError:
            continue


class Remembering(DarkHex):
    """Dark hex that pays by where the first player began."""

    def payoffs(self, state):
        first, second = super().payoffs(state)
        return (2.0 * first, 2.0 * second) if state.tried[0][0].cell == 0 else (first, second)


class Narrow(DarkHex):
    """Dark hex in which the last cell is closed after the first move."""

    def moves(self, state):
        return super().moves(state)[: -1 if state.tried[0] else None]


@pytest.mark.parametrize("rules", [Remembering(2), Narrow(2)])
def test_rules_of_other_games_are_refused(rules):
    with pytest.raises(ValueError, match="not of stones in the dark"):
        verifier_phantom.Board(rules)


def test_time_and_memory_are_told_first(certified, monkeypatch):
    file, _ = certified
    monkeypatch.setattr(certificates, "_LONG", 0.0)
    told = []
    with telling(told.append):
        certificates.certify(file)
    assert any("lists of attempts, " in line and " s" in line for line in told)
    monkeypatch.setattr(certificates, "available", lambda: 1000)
    with pytest.raises(ValueError, match="certifying takes"):
        certificates.certify(file)


def test_lists_are_numbered_as_they_are_sorted():
    """The order of decisions in a file is that of their lists of attempts, successes before attempts in vain."""
    board = verifier_phantom.Board(make("dark_hex(size=2)"))
    decisions = verifier_phantom._discover(board)
    form = factored_form(make("dark_hex(size=2)"), symmetric=False)
    for p in range(2):
        lists = [attempts_of(form, d) for d in range(int(form.begin[p]), int(form.begin[p + 1]))]
        codes = [
            sum((1 + 2 * cell + vain) * int(board.power[i]) for i, (cell, vain) in enumerate(each)) for each in lists
        ]
        assert codes == decisions[p].code.tolist()
        assert all(a < b for a, b in pairwise(codes))
