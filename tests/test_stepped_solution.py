"""Solutions of games without a tree: what they learn is right, and they are saved, resumed, shown and played."""

import json
from dataclasses import dataclass

import numpy as np
import pytest

import counterplay
from counterplay.api import stepped
from counterplay.api.stepped_solution import SteppedSolution
from counterplay.engine.errors import UserError
from counterplay.engine.tree import compile_tree
from counterplay.show import stepped_pages
from counterplay.solvers import stepped_run
from counterplay.solvers.stepped import rows


@dataclass(frozen=True)
class Pennies:
    """Two secret coins, then a guess: rules in plain Python."""

    sides: int = 2
    players = 2

    def root(self):
        return ()

    def turn(self, state):
        return -2 if len(state) == 3 else (-1, 0, 1)[len(state)]

    def moves(self, state):
        return tuple(f"{'tfg'[len(state)]}{i}" for i in range(self.sides))

    def chance(self, state):
        return [1 / self.sides] * self.sides

    def play(self, state, move):
        return (*state, move)

    def payoffs(self, state):
        won = float((state[0] + state[1] + state[2]) % 2 == 0) - 0.5
        return won, -won

    def sees(self, state, player):
        return f"coin {state[0]}" if player == 0 else "guess"


@pytest.mark.parametrize("name", rows())
@pytest.mark.parametrize("spec", ["kuhn", "leduc(raises=1)"])
def test_averages_converge(name, spec):
    """The strategy, written into the game's tree, is judged exactly."""
    count = {"kuhn": 100_000, "leduc(raises=1)": 40_000}[spec]
    solution = counterplay.solve(spec, name, iterations=count, memory="10MB")
    assert solution.exact().exploitability < {"kuhn": 0.02, "leduc(raises=1)": 0.35}[spec]


def test_games_of_every_kind_converge():
    for spec, count, near in (
        ("liars_dice(faces=3)", 50_000, 0.05),
        ("goofspiel(cards=4)", 20_000, 0.12),
        ("kuhn(players=3)", 100_000, 0.02),
        ("limit_holdem(ranks=2, suits=2, hole=1, board=(1,), bets=(2, 4), raises=2)", 20_000, 0.15),
    ):
        assert counterplay.solve(spec, "mccfr-external", iterations=count, memory="20MB").exact().exploitability < near


@pytest.mark.parametrize("name", ["mccfr-external", "mccfr-outcome-vr"])
def test_a_resumed_run_is_the_same_bit_for_bit(name, tmp_path):
    whole = counterplay.solve("kuhn", name, iterations=5000, seed=5, memory=10**6)
    half = counterplay.solve("kuhn", name, iterations=2000, seed=5, memory=10**6)
    half.save(tmp_path / "half.cps")
    resumed = counterplay.solve(resume=counterplay.load(tmp_path / "half.cps"), iterations=5000)
    assert np.array_equal(resumed.state["arena"], whole.state["arena"])
    assert np.array_equal(resumed.state["random"], whole.state["random"])
    again = counterplay.solve("kuhn", resume=half, iterations=5000, memory=10**6)
    assert np.array_equal(again.state["arena"], whole.state["arena"])
    other = counterplay.solve("kuhn", name, iterations=5000, seed=6, memory=10**6)
    assert not np.array_equal(other.state["arena"], whole.state["arena"])


def test_rules_in_plain_python(tmp_path):
    whole = counterplay.solve(Pennies(), "mccfr-external", iterations=400, memory=10**6)
    assert whole.exact().exploitability < 0.06
    half = counterplay.solve(Pennies(), "mccfr-external", iterations=200, memory=10**6)
    half.save(tmp_path / "half.cps")
    read = counterplay.load(tmp_path / "half.cps", Pennies())
    assert read.at("coin 0") == half.at("coin 0")
    resumed = counterplay.solve(Pennies(), resume=read, iterations=400)
    assert np.array_equal(resumed.state["arena"], whole.state["arena"])
    with pytest.raises(UserError, match="never met"):
        read.at("coin 7")
    assert len(counterplay.load(tmp_path / "half.cps")) == 3  # labels are in the file


def test_memory_ends_a_run_and_more_of_it_goes_on():
    small = counterplay.solve("goofspiel(cards=6)", "mccfr-outcome", iterations=10**6, memory=200_000)
    assert small.stopped_by == "memory"
    assert small.points[-1].bytes <= 200_000
    assert small.iterations < 10**6
    more = counterplay.solve(resume=small, iterations=small.iterations + 1000, memory=10**7)
    assert more.stopped_by == "iterations"
    assert len(more) > len(small)
    with pytest.raises(UserError, match="allow more"):
        counterplay.solve(resume=more, iterations=10**6, memory=200_000)


class Absent(Pennies):
    """The guesser guesses twice, and has forgotten its first guess when it makes the second."""

    def turn(self, state):
        return -2 if len(state) == 4 else (-1, 0, 1, 1)[len(state)]

    def moves(self, state):
        return tuple(f"{'tfgh'[len(state)]}{i}" for i in range(self.sides))

    def sees(self, state, player):
        return f"coin {state[0]}" if player == 0 else f"guess {len(state)}"


class Forced(Absent):
    """Only a single move in between tells what it was."""

    def turn(self, state):
        return -2 if len(state) == 5 else (-1, 0, 1, 1, 1)[len(state)]

    def moves(self, state):
        return ("on",) if len(state) == 3 else tuple(f"m{i}" for i in range(self.sides))

    def sees(self, state, player):
        return f"guess {len(state)} {state[2] if len(state) == 3 else ''}" if player else f"coin {state[0]}"


@pytest.mark.parametrize("name", rows())
@pytest.mark.parametrize("game", [Absent(), Forced()])
def test_imperfect_recall_is_refused(name, game):
    with pytest.raises(UserError) as by_tree:
        compile_tree(game)
    with pytest.raises(UserError) as walking:
        counterplay.solve(game, name, iterations=200, memory=10**6)
    assert "player 1 forgets at" in str(by_tree.value)
    assert str(by_tree.value) in str(walking.value)


@pytest.mark.parametrize("most", [140_000, 200_000, 300_000])
@pytest.mark.parametrize("processes", [1, 2])
def test_a_full_run_ends_with_its_iteration_and_stays_full(most, processes):
    options = {"memory": most, "processes": processes}
    full = counterplay.solve("goofspiel(cards=6)", "mccfr-outcome", iterations=10**6, **options)
    assert full.stopped_by == "memory"
    if processes == 1:  # one iteration less, and there was room
        before = counterplay.solve("goofspiel(cards=6)", "mccfr-outcome", iterations=full.iterations - 1, **options)
        assert before.stopped_by == "iterations"
        again = counterplay.solve("goofspiel(cards=6)", "mccfr-outcome", iterations=full.iterations, memory="20MB")
        assert len(again) - 12 < len(full) <= len(again)
    still = counterplay.solve(resume=full, iterations=10**6, **options)
    assert (still.stopped_by, still.iterations) == ("memory", full.iterations)
    assert np.array_equal(np.sort(still.state["arena"]), np.sort(full.state["arena"]))
    more = counterplay.solve(resume=full, iterations=full.iterations + 20, memory=10**6, processes=processes)
    assert more.stopped_by == "iterations"


def test_a_run_that_is_short_of_slots_stays_full():
    full = counterplay.solve("limit_holdem", "mccfr-outcome", iterations=10**6, memory=262_000)
    assert len(full) * 20 > 4096 * 17
    still = counterplay.solve(resume=full, iterations=10**6, memory=262_000)
    assert (still.stopped_by, still.iterations) == ("memory", full.iterations)


def test_a_full_run_in_plain_python_stays_full():
    full = counterplay.solve("phantom_tic_tac_toe", "mccfr-outcome", iterations=10**6, memory=200_000)
    assert full.stopped_by == "memory"
    still = counterplay.solve(resume=full, iterations=10**6, memory=200_000)
    assert (still.stopped_by, still.iterations) == ("memory", full.iterations)
    more = counterplay.solve(resume=full, iterations=full.iterations + 1, memory=10**6)
    assert more.stopped_by == "iterations"


def test_the_page_of_a_full_run_says_how_to_go_on(run, tmp_path):
    file = tmp_path / "a.cps"
    options = ["--algorithm", "mccfr-outcome", "--memory", "200kB"]
    _, out, err = run("solve", "goofspiel(cards=6)", *options, "--iterations", 10**6, "--out", file)
    assert f"counterplay solve --resume {file} --memory 1MB --out {file}" in out, err


@pytest.fixture(scope="module")
def goofspiel():
    return counterplay.solve("goofspiel(cards=5)", "mccfr-external", iterations=500, memory="20MB")


def test_information_sets_by_label(goofspiel):
    assert isinstance(goofspiel, SteppedSolution)
    first = goofspiel.at("5", player=0)
    assert list(first) == ["1", "2", "3", "4", "5"]
    assert abs(sum(first.values()) - 1) < 1e-9
    assert goofspiel.visits("5", player=0) == 500
    assert goofspiel[1, "5:1>0 4"] == goofspiel.at("5:1>0 4", player=1)
    with pytest.raises(UserError, match="players 0 and 1 both"):
        goofspiel.at("5")
    with pytest.raises(UserError, match="no information set"):
        goofspiel.at("5:6>0 4", player=0)
    met = list(goofspiel)
    assert len({(m.player, m.label) for m in met}) == len(met) == len(goofspiel)
    assert [m.visits for m in goofspiel.most_visited(5, 0)] == sorted(m.visits for m in met if not m.player)[::-1][:5]


def test_winnings_are_intervals(goofspiel):
    found = goofspiel.judge()
    assert abs(sum(found.itself.seats)) < 1e-9
    assert found.uniform.mean - found.uniform.error > 0
    assert found.exact is not None
    even = goofspiel.against(goofspiel)
    assert abs(even.mean) < 1e-9  # the same luck in every seat, and zero sum


def test_what_is_not_to_be_had(goofspiel):
    for options, said in (
        ({"target": 0.1}, "nobody can measure"),
        ({"algorithm": "cfr+"}, "memory is an option of"),
        ({"memory": "lots"}, "number of bytes"),
        ({"memory": 10}, "100,000"),
        ({"updates": "simultaneous"}, "no option"),
    ):
        with pytest.raises(UserError, match=said):
            counterplay.solve("kuhn", **{"algorithm": "mccfr-external", "memory": "1MB", "iterations": 5} | options)
    with pytest.raises(UserError, match="the run to resume is by"):
        counterplay.solve(resume=goofspiel, algorithm="mccfr-outcome", iterations=10)
    with pytest.raises(UserError, match="not of kuhn"):
        counterplay.solve("kuhn", resume=goofspiel, iterations=10)


def test_too_large_a_game_is_told_what_fits(run):
    code, _, err = run("solve", "goofspiel(cards=10)")
    assert code == 2
    assert "or --algorithm mccfr-outcome walks it as it is" in err  # external sampling would try ten million plays
    code, out, _ = run("games", "limit_holdem")
    assert code == 0
    assert "in compiled steps" in out


def test_the_command_line(run, tmp_path):
    file, other = tmp_path / "a.cps", tmp_path / "b.cps"
    options = ["--algorithm", "mccfr-external", "--memory", "20MB", "--iterations"]
    code, out, err = run("solve", "goofspiel(cards=5)", *options, 300, "--out", file)
    assert code == 0, err
    assert "against uniform play" in out
    assert "judges the strategy exactly" in out
    assert "no exploitability" not in out
    assert run("solve", "goofspiel(cards=5)", *options, 100, "--out", other)[0] == 0
    code, out, _ = run("show", file, "--limit", 3)
    assert "visits" in out
    code, out, _ = run("show", file, "--infoset", "5:1>0 4", "--json")
    assert json.loads(out)["tables"]
    code, out, _ = run("evaluate", file, "--against", other, "--json")
    told = json.loads(out)
    assert code == 0
    assert told["holds"]
    assert len(told["earns"]) == 2
    assert told["exploitability"] == counterplay.load(file).exact().exploitability  # it has a small tree
    assert told["value"] == list(counterplay.load(file).exact().value)
    assert told["value_error"] == [0.0, 0.0]
    code, out, _ = run("export", file, "--to", "csv", "--player", 0)
    assert out.splitlines()[0] == "player,infoset,action,probability,visits,note"
    code, out, _ = run("play", file, "--hands", 1, "--seed", 3, answers="1\n2\n3\n4\n5\n1\n2\n3\n4\n5\n" * 4)
    assert "Hand 1" in out
    code, _, err = run("solve", "--resume", file, "--iterations", 400, "--out", file)
    assert code == 0, err
    assert counterplay.load(file).iterations == 400


def test_pages_tell_what_was_not_learned(run, tmp_path):
    """An average is written by the others' walks: where none came by, uniform play is not what was learned."""
    solution = counterplay.solve("goofspiel(cards=5)", "mccfr-outcome", iterations=200, memory="20MB")
    solution.save(tmp_path / "a.cps")
    notes = {}
    for met in solution:
        count = len(met.actions)
        notes.setdefault(met.note, []).append(met)
        assert met.note == "" or met.odds == (1 / count,) * count
        assert met.note in ("", "nothing averaged")
    assert all(met.visits for met in notes["nothing averaged"])
    assert any(met.visits == 0 for met in notes[""])
    bare, averaged = notes["nothing averaged"][0], notes[""][0]
    for label, seat, visits, note in (
        (bare.label, bare.player, bare.visits, "nothing averaged"),
        (averaged.label, averaged.player, averaged.visits, ""),
        ("5:1>0 4:2>0 3:3>0 2", 0, 0, "never met"),
    ):
        _, out, err = run("show", tmp_path / "a.cps", "--infoset", label, "--player", seat, "--json")
        rows = [row for part in json.loads(out)["tables"] for row in part["rows"] if row["label"] == label]
        assert [(row["visits"], row["note"]) for row in rows] == [(visits, note)], err
    _, out, _ = run("show", tmp_path / "a.cps", "--infoset", bare.label, "--player", bare.player)
    assert f"{bare.visits} visit" in out
    assert "nothing averaged" in out
    assert {row["note"] for row in solution.rows()} == {"", "nothing averaged"}


def test_an_export_may_be_of_the_most_visited(run, goofspiel, tmp_path, monkeypatch):
    goofspiel.save(tmp_path / "a.cps")
    _, out, err = run("export", tmp_path / "a.cps", "--to", "json", "--limit", 5)
    told = [(x["player"], x["infoset"], x["visits"]) for x in json.loads(out)["infosets"]]
    assert told == [(m.player, m.label, m.visits) for m in goofspiel.most_visited(5)], err
    assert goofspiel.export("csv", limit=5) == run("export", tmp_path / "a.cps", "--to", "csv", "--limit", 5)[1]
    assert len(goofspiel.export("csv", limit=5).splitlines()) == 1 + len(goofspiel.rows(5))
    monkeypatch.setattr("counterplay.api.stepped_solution.MOST", 100)
    for form in ("csv", "json"):
        code, _, err = run("export", tmp_path / "a.cps", "--to", form)
        assert (code, "--limit N" in err) == (2, True)
        assert run("export", tmp_path / "a.cps", "--to", form, "--limit", 100)[0] == 0


def test_a_run_without_a_finished_iteration_says_so(run, goofspiel, monkeypatch):
    """Of a walk that was given up nothing was learned: it is said, with the sampling that would finish some."""
    monkeypatch.setattr(stepped_run, "GRACE", 0.1)
    options = ["phantom_tic_tac_toe", "--algorithm", "mccfr-external", "--memory", "1GB", "--time", 0.1]
    code, out, err = run("solve", *options)
    assert code == 0, err
    assert "NO ITERATION WAS FINISHED: the strategy is uniform" in out
    assert "there is no exploitability" in out
    assert "--algorithm mccfr-outcome" in out
    _, out, _ = run("solve", *options, "--json")
    assert "NO ITERATION WAS FINISHED" in json.loads(out)["warning"]
    said = stepped_pages.unfinished(goofspiel)  # its sampling is the one that suits
    assert "more --time" in said
    other = sum(max(met.odds) - min(met.odds) > 1e-9 for met in goofspiel)
    assert f"uniform but for {other:,} that" in said


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("state.arena", lambda a: a[:-1]),
        ("state.arena", lambda a: a * 0),
        ("state.arena", lambda a: np.concatenate([a, a])),
        ("state.here", lambda a: a + 2**60),
        ("state.random", lambda a: a[:0]),
    ],
)
def test_damaged_files_are_refused(goofspiel, tmp_path, name, change):
    from counterplay.engine.store import read, write

    goofspiel.save(tmp_path / "good.cps")
    arrays, header = read(tmp_path / "good.cps")
    arrays[name] = change(arrays[name].copy())
    write(tmp_path / "bad.cps", arrays, {k: v for k, v in header.items() if k != "format"})
    with pytest.raises(UserError):
        counterplay.solve(resume=counterplay.load(tmp_path / "bad.cps"), iterations=501)


def test_memory_in_words():
    assert stepped.bytes_of("1.5 MB") == 1_572_864
    assert stepped.bytes_of("2MiB") == 2 * 2**20
    assert stepped.bytes_of(123_456) == 123_456


def test_the_bound_is_below_exploitability(run, goofspiel, tmp_path):
    exact = goofspiel.exact().exploitability
    found = goofspiel.exploitability_at_least(1.0, memory=2 * 10**7)
    assert 0.5 * exact < found.exploitability_at_least <= exact
    assert found.gain.mean - 2 * found.gain.error <= exact
    plain = counterplay.solve(Pennies(), "mccfr-external", iterations=20, memory=10**6)
    assert plain.exploitability_at_least(0.5).exploitability_at_least <= plain.exact().exploitability
    goofspiel.save(tmp_path / "a.cps")
    code, out, _ = run("evaluate", tmp_path / "a.cps", "--response", 0.5)
    assert code == 0
    assert "Exploitability is at least" in out
