"""Solutions of games without a tree, in files from strangers: tables, keys and sizes that no run wrote."""

import json
import os
import signal

import numpy as np
import pytest
from safetensors.numpy import save_file

import counterplay
from counterplay.api.factored_solution import check_size
from counterplay.engine import store
from counterplay.engine.errors import UserError
from counterplay.engine.factored_size import factored_size
from counterplay.engine.jit import jit
from counterplay.engine.raw import raw
from counterplay.games import GAMES
from counterplay.solvers import crew, infosets
from counterplay.solvers.samplings import SAMPLINGS

STRIDE = 2  # numbers of an action in records of external sampling
GOLDEN, M1, M2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


class Toy:
    """Two guesses of a coin, in plain Python."""

    players = 2

    def root(self):
        return ()

    def turn(self, state):
        return len(state) if len(state) < 2 else -2

    def moves(self, state):
        return ("heads", "tails", "edge")[: 3 - len(state)]

    def play(self, state, move):
        return (*state, move)

    def payoffs(self, state):
        gain = 1.0 if state[0] == state[1] else -1.0
        return gain, -gain

    def sees(self, state, player):
        return f"player {player}"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Return arrays and header of a small solution of each kind, and its rules where a file does not name them."""
    path, found = tmp_path_factory.mktemp("tables") / "x.cps", {}
    for name, game in (("steps", "kuhn"), ("plain", Toy())):
        counterplay.solve(game, "mccfr-external", iterations=40, memory=10**6).save(path)
        found[name] = (*store.read(path), None if name == "steps" else game)
    return found


def records(arena):
    """Return the records of an arena."""
    found, place = [], 0
    while place < len(arena):
        end = place + infosets.HEAD + STRIDE * (int(arena[place + 1]) >> 8 & 0xFFFF)
        found.append(arena[place:end])
        place = end
    return found


def with_moves(record, moves):
    """Return a record that has another number of moves."""
    head = int(record[1]) & ~(0xFFFF << 8) | moves << 8
    return np.concatenate([record[:1], np.array([head], np.uint64), np.resize(record[2:], moves * STRIDE)])


def used(path, game):
    """Do all that looks at a solution, each though another was refused; return the first sentence."""
    said = []
    for act in (
        repr,
        list,
        lambda s: s.judge(deals=20),
        lambda s: s.against(s, deals=20),
        lambda s: s.export("json"),
        lambda s: s.exploitability_at_least(0.01, memory=200_000, deals=20),
        lambda s: counterplay.solve(resume=s, iterations=s.iterations + 3, memory=10**6).save(path.with_name("y.cps")),
    ):
        try:
            act(counterplay.load(path, game))
        except UserError as error:
            said.append(str(error))
    assert all(10 < len(sentence) < 900 for sentence in said)
    return said[0] if said else ""


def write(path, arrays, header, **changed):
    """Write a file past all checks."""
    whole = {name: np.ascontiguousarray(array) for name, array in {**arrays, **changed}.items()}
    save_file(whole, path, metadata={"counterplay": json.dumps(header)})


@pytest.mark.parametrize("name", ["steps", "plain"])
def test_edited_records(tmp_path, saved, name):
    arrays, header, game = saved[name]
    path, rng = tmp_path / "x.cps", np.random.default_rng(1)
    all_ = records(arrays["state.arena"])
    widest = max(int(r[1]) >> 8 & 0xFFFF for r in all_)
    cases = [
        [*all_, all_[0]],
        [with_moves(all_[0], 5), *all_[1:]],
        [*all_[:-1], with_moves(all_[-1], 60_000)],
        [with_moves(all_[0], widest), *all_[1:-1], with_moves(all_[-1], widest)],
        [np.array([7, 0], np.uint64), *all_],
        [np.array([2**64 - 1, int(all_[0][1])], np.uint64), all_[0][2:], *all_[1:]],
        [np.array([0, 255 | 2 << 8], np.uint64), np.zeros(4, np.uint64), *all_],
        [],
    ]
    for _ in range(15):
        arena = arrays["state.arena"].copy()
        arena[rng.integers(len(arena))] ^= np.uint64(1) << np.uint64(rng.integers(64))
        cases.append([arena])
    refused = 0
    for parts in cases:
        write(path, arrays, header, **{"state.arena": np.concatenate([*parts, np.zeros(0, np.uint64)])})
        refused += bool(used(path, game))
    assert refused > 5


def test_records_of_plain_rules_are_in_their_order(tmp_path, saved):
    arrays, header, game = saved["plain"]
    path = tmp_path / "x.cps"
    write(path, arrays, header, **{"state.arena": np.concatenate(records(arrays["state.arena"])[::-1])})
    assert "not" in used(path, game)
    most = records(arrays["state.arena"].copy())
    for record in most:
        record[1] |= np.uint64(infosets.MOST_VISITS << 24)
    write(path, arrays, header, **{"state.arena": np.concatenate(most)})
    assert used(path, game) == ""
    assert next(iter(counterplay.load(tmp_path / "y.cps", game))).visits == infosets.MOST_VISITS


def test_rules_that_a_file_is_not_of(tmp_path, saved):
    path = tmp_path / "x.cps"
    for name, other in (("steps", "matrix"), ("steps", "kuhn(players=3)"), ("plain", "kuhn")):
        arrays, header, _ = saved[name]
        write(path, arrays, {**header, "game": other})
        assert used(path, None)
    arrays, header, _ = saved["plain"]

    class Wider(Toy):
        def moves(self, state):
            return ("heads", "tails", "edge", "gone")

    write(path, arrays, header)
    for act in (lambda s: s.judge(deals=20), lambda s: s.exact(), lambda s: s.exploitability_at_least(0.01, deals=20)):
        with pytest.raises(UserError):
            act(counterplay.load(path, Wider()))
    for here in ([40, 2**64 - 1], [2**53, 1]):
        write(path, arrays, {**header, "iterations": here[0]}, **{"state.here": np.array(here, np.uint64)})
        assert "more iterations than any run" in used(path, Toy())


def test_a_record_is_of_as_many_moves_as_the_game_has():
    """Else a kernel would read and write past it."""
    arena = np.array([3, 1 | 2 << 8, *np.zeros(4, int)], np.uint64)
    table = infosets.over(arena, STRIDE, 2, 5)
    assert infosets.place_of(table, 3, 1, 2) == 0
    for key, player, count in ((3, 1, 3), (3, 0, 2), (4, 1, 2)):
        assert infosets.place_of(table, key, player, count) == -1


def unshifted(z, by):
    """Return x of which z = x ^ x >> by."""
    x = z
    for _ in range(64 // by):
        x = z ^ x >> by
    return x


def test_keys_cannot_be_made_to_meet():
    """Without a salt, keys of which all hashes are one slot's took a time of their number's square."""
    slots = np.arange(1, 60_000, dtype=object) << 24
    keys = []
    for z in slots:
        z = unshifted(z, 31) * pow(M2, -1, 2**64) % 2**64
        z = unshifted(z, 27) * pow(M1, -1, 2**64) % 2**64
        keys.append(unshifted(z, 30))
    arena = np.zeros((len(keys), 6), np.uint64)
    arena[:, 0], arena[:, 1] = np.array(keys, np.uint64), 2 << 8
    table = infosets.over(arena.ravel(), STRIDE, 2, 2)
    gaps = np.diff(np.flatnonzero(table.slots == 0), prepend=-1, append=len(table.slots))
    assert gaps.max() < 2_000  # slots in a row that are taken


@jit
def added(table, key):
    return infosets.add(raw(table), np.uint64(key), 0, 2, STRIDE)


def test_a_record_that_was_never_finished():
    """A process is killed between taking room for a record and writing it, or before a slot has it."""
    table = infosets.empty(10**6)
    for i in range(4):
        added(table, i)
    assert infosets.repair(table, STRIDE) == table.counts[infosets.USED] == 24
    table.heads[24:26] = 2, 0 | 2 << 8  # the third once more, written but not entered
    table.heads[30:32] = 9, 0 | 2 << 8
    table.counts[infosets.USED] = 60  # and room that was taken, and then more by others
    assert infosets.repair(table, STRIDE) == 36
    again = infosets.over(table.heads[:36].copy(), STRIDE, 2, 2)
    assert again.counts[infosets.COUNT] == 4


def test_games_far_larger_than_a_file(tmp_path):
    counterplay.solve("dark_hex(size=(2, 3))", iterations=2).save(tmp_path / "x.cps")
    arrays, header = store.read(tmp_path / "x.cps")
    for game, claimed in (
        ("dark_hex(size=(2, 5), abrupt=true)", 10**9),
        ("dark_hex(size=30)", 10**9),
        ("dark_hex(size=(3, 4))", 10**9),
    ):
        write(tmp_path / "y.cps", arrays, {**header, "game": game, "infosets": claimed})
        solution = counterplay.load(tmp_path / "y.cps")
        for act in (solution.judge, lambda s=solution: s.against(s), lambda s=solution: s.at("start", player=0)):
            with pytest.raises(UserError):
                act()
    rules = GAMES.make("dark_hex(size=(2, 5))")
    claims = {**header, "game": "dark_hex(size=(2, 5))", "infosets": factored_size(rules).infosets}
    write(tmp_path / "y.cps", arrays, claims)
    with pytest.raises(UserError, match="not those that this solution was made for"):
        check_size(rules, counterplay.load(tmp_path / "y.cps"))


def test_what_the_system_does_not_give(monkeypatch):
    def refuse(*_):
        raise OSError(12, "Cannot allocate memory")

    with monkeypatch.context() as patch:
        patch.setattr(crew.mmap, "mmap", refuse)
        with pytest.raises(UserError, match="less with --memory"):
            counterplay.solve("kuhn", "mccfr-external", iterations=9, memory=10**6, processes=2)
    with monkeypatch.context() as patch:
        patch.setattr("multiprocessing.context.ForkProcess.start", refuse)
        with pytest.raises(UserError, match="fewer with --processes"):
            counterplay.solve("kuhn", "mccfr-external", iterations=9, memory=10**6, processes=2)


def test_a_process_that_was_stopped_is_ended(monkeypatch):
    monkeypatch.setattr(crew, "_PATIENCE", 0.05)
    rules = GAMES.make("goofspiel(cards=6)")
    run = crew.Crew(rules.steps(), SAMPLINGS["mccfr-external"], 0, 10**7, 2)
    try:
        run.advance(10**9)
        os.kill(run.workers[0].pid, signal.SIGSTOP)
        assert not run.settle(lambda: True)
        assert run.lost
        assert run.state()["arena"].size
    finally:
        run.close()
    assert not any(worker.is_alive() for worker in run.workers)


def test_memory_of_a_run_that_takes_none():
    run = counterplay.solve("kuhn", iterations=2)
    for option in ({"memory": "1GB"}, {"processes": 2}):
        with pytest.raises(UserError, match="goes with runs in steps"):
            counterplay.solve(resume=run, iterations=4, **option)


@pytest.mark.parametrize("wrong", [{"deals": 0}, {"deals": "x"}, {"deals": 1.5}, {"seed": -1}, {"seed": "x"}])
def test_numbers_of_games_played_out(wrong):
    run = counterplay.solve("kuhn", "mccfr-external", iterations=9, memory=10**6)
    for act in (run.judge, lambda **k: run.against(run, **k), lambda **k: run.exploitability_at_least(0.01, **k)):
        with pytest.raises(UserError, match="must be a whole number"):
            act(**wrong)
    for memory in ("1GB", -1, 10**20):
        with pytest.raises(UserError, match="memory"):
            run.exploitability_at_least(0.01, memory=memory)


def test_memory_beyond_all_numbers():
    with pytest.raises(UserError, match="memory"):
        counterplay.solve("kuhn", "mccfr-external", iterations=1, memory="9" * 400 + "GB")
