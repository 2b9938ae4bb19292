"""Certificates: they hold, they agree with the linear programme and OpenSpiel, and whatever is changed is refused."""

import json
import subprocess
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from naive_poker import SHORT, STANDARD, best

import counterplay
from counterplay.api import certificates, rational, verifier, verifier_spots
from counterplay.api.rational import solve_exactly, solve_whole
from counterplay.api.strategies import as_table
from counterplay.api.testing.drawn import games, spots
from counterplay.engine.form import sequence_form
from counterplay.engine.rules import CHANCE, LEAF
from counterplay.engine.tree import compile_tree
from counterplay.games import make
from counterplay.games.holdem.cards import DECKS
from counterplay.games.holdem.rules import HoldemRules
from counterplay.games.holdem.spot import spot_from_flags
from counterplay.solvers.lp import solve_lp
from counterplay.solvers.value import judge_table

RIVER = spot_from_flags(
    board="Ks 9d 4c 7h 2s", oop="TT+,AKs,98s", ip="QQ+,76s,KQs", pot=60, stack=170, bets="50%", rake="5%,3"
)
TURN = spot_from_flags(board="Ks 9s 4c 7h", oop="AKs,TT,98s", ip="QQ,76s,KJs", pot=60, stack=170, bets="50%")


def certified(tmp_path, game, **limits):
    """Return a solution's file and its certificate's."""
    file, out = tmp_path / "solution.cps", tmp_path / "certificate.json"
    counterplay.solve(game, **limits).save(file)
    out.write_text(verifier.dump(certificates.certify(file)))
    return file, out


@pytest.mark.parametrize(
    ("game", "value"),
    [
        ("kuhn", "-1/18"),
        ("kuhn(ranks=4)", "-1/24"),
        ("leduc", "-1454920850547486749701863871533/16995463438839962469905132501930"),
        ("liars_dice(faces=2)", "1/2"),
        ("liars_dice(faces=4)", "1/16"),
        ("rock_paper_scissors", "0"),
    ],
)
def test_exact_values(game, value):
    found, strategies = solve_exactly(make(game))
    assert found == Fraction(value)
    tree = compile_tree(make(game))
    assert judge_table(sequence_form(tree), solve_lp(tree)).value[0] == pytest.approx(float(found), abs=1e-9)
    profile = {(p, label): [float(x) for x in odds] for p, own in enumerate(strategies) for label, odds in own.items()}
    assert counterplay.judge(game, profile).exploitability == pytest.approx(0, abs=1e-12)


def test_a_search_for_an_exact_value_tells_how_far_it_is():
    told = []
    certificates.certify_value("kuhn", lambda what, part: told.append((what, part)))
    assert [part for _, part in told] == sorted(part for _, part in told)
    assert {what.split()[-1] for what, _ in told} == {"doubles", "fractions"}
    assert all(0 <= part <= 1 for _, part in told)


def eliminated(matrix, right):
    """Return the solution of a regular system in fractions, None of another: Gauss, as one does it by hand."""
    rows = [[*map(Fraction, row), Fraction(b)] for row, b in zip(matrix.tolist(), right.tolist(), strict=True)]
    for c in range(len(rows)):
        pivot = next((r for r in range(c, len(rows)) if rows[r][c]), None)
        if pivot is None:
            return None
        rows[c], rows[pivot] = rows[pivot], rows[c]
        rows[c] = [x / rows[c][c] for x in rows[c]]
        rows = [
            row if r == c else [x - row[c] * y for x, y in zip(row, rows[c], strict=True)] for r, row in enumerate(rows)
        ]
    return [row[-1] for row in rows]


@pytest.mark.parametrize("size", [1, 2, 5, 12, 30])
def test_equations_in_whole_numbers_are_solved_exactly(size):
    rng = np.random.default_rng(size)
    matrix, right = rng.integers(-50, 51, (size, size)), rng.integers(-50, 51, size)
    known = eliminated(matrix, right)
    more, combined = rng.integers(-3, 4, (4, size)), rng.permutation(size + 4)
    tall, long = np.vstack([matrix, more @ matrix])[combined], np.concatenate([right, more @ right])[combined]
    numbers, under = solve_whole(tall, long, np.zeros(size), lambda part: None)
    assert [Fraction(x, under) for x in numbers] == known
    assert solve_whole(tall, long + np.eye(size + 4, dtype=int)[0], np.zeros(size), lambda part: None) is None


def test_equations_that_leave_something_open_are_solved_near_to_what_is_given():
    matrix, right = np.array([[1, 2, 1], [2, 4, 2]]), np.array([1, 2])
    numbers, under = solve_whole(matrix, right, np.array([0.25, 0.25, 0.25]), lambda part: None)
    assert sum(a * Fraction(int(x), under) for a, x in zip((1, 2, 1), numbers, strict=True)) == 1
    assert [float(Fraction(int(x), under)) for x in numbers] == pytest.approx([0.25] * 3)


def test_what_doubles_do_not_tell_is_said(monkeypatch):
    monkeypatch.setattr(rational, "_NEAR", (0.4,))
    with pytest.raises(ValueError, match="no exact value is found"):
        solve_exactly(make("leduc"))


@settings(max_examples=20, deadline=None)
@given(games(depth=3))
def test_exact_values_of_drawn_games_are_those_of_the_linear_programme(game):
    tree = compile_tree(game)
    wanted = judge_table(sequence_form(tree), solve_lp(tree)).value[0]
    assert float(solve_exactly(game)[0]) == pytest.approx(wanted, abs=1e-7)


@pytest.mark.parametrize("game", ["prisoners_dilemma", "kuhn(players=3)", "leduc"])
def test_exact_values_are_of_small_zero_sum_games(game, monkeypatch):
    monkeypatch.setattr(rational, "VALUED", 1000)
    with pytest.raises(ValueError, match="exact values are of"):
        solve_exactly(make(game))


@pytest.mark.parametrize(
    "game", ["kuhn", "leduc", "liars_dice(faces=4)", "kuhn(players=3)", "prisoners_dilemma", "dark_hex(size=2)"]
)
def test_certificates_of_trees(tmp_path, game):
    file, out = certified(tmp_path, game, iterations=100)
    solution, found = counterplay.load(file), json.loads(out.read_text())
    assert solution.exploitability <= found["exploitability_at_most"] + 1e-12
    assert found["exploitability_at_most"] <= solution.exploitability + 1e-9
    for p in range(len(solution.value)):
        assert found["value"][p] == pytest.approx([solution.value[p]] * 2, abs=1e-9)
    assert certificates.check(out, file)[1] == []


def test_the_bound_is_openspiels_too(tmp_path):
    pyspiel = pytest.importorskip("pyspiel")
    file, out = certified(tmp_path, "leduc", iterations=30)
    theirs = pyspiel.nash_conv(pyspiel.load_game("leduc_poker"), counterplay.load(file).to_openspiel()) / 2
    assert json.loads(out.read_text())["exploitability_at_most"] == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("spot", [RIVER, TURN], ids=["river", "turn"])
def test_certificates_of_spots(tmp_path, spot, compress):
    """By the tree of the same rules, too: all hands against each other on every card."""
    file, out = certified(tmp_path, spot, iterations=20, compress=compress)
    solution, found = counterplay.load(file), json.loads(out.read_text())
    assert found["exploitability_at_most"] == pytest.approx(solution.exploitability, abs=1e-4)
    assert found["exploitability_at_most"] > 0.01
    assert certificates.check(out, file)[1] == []
    if spot == RIVER:
        rules = HoldemRules(spot)
        strategy = {}
        for view in (solution.view(line) for line in lines_of(rules)):
            for row in view.rows(view.player):
                strategy[view.player, f"{row['combo']} {view.line}".strip()] = row["strategy"]
        tree = compile_tree(rules)
        judged = judge_table(sequence_form(tree), as_table(strategy, rules, tree)[0])
        assert found["exploitability_at_most"] == pytest.approx(judged.exploitability, abs=1e-6)


def lines_of(rules):
    """Return the lines of play to every decision."""
    found, stack = [], [rules.root()]
    while stack:
        state = stack.pop()
        if rules.turn(state) >= 0:
            found.append(rules.sees(state))
            stack += [rules.play(state, i) for i in range(len(rules.moves(state)))]
    return found


@settings(max_examples=15, deadline=None)
@given(spots(streets=("river", "turn"), hands=4))
def test_drawn_spots_are_measured_as_their_solver_does(spot):
    solution = counterplay.solve(spot, iterations=3)
    found = verifier_spots.measure(spot, solution.state["total"])
    judged = solution.judge()
    assert found.value == pytest.approx(judged.value, abs=1e-3)
    assert found.best == pytest.approx(judged.best, abs=1e-3)


def test_flops_are_measured_as_their_solver_does():
    spot = spot_from_flags(
        board="Ks Td Jc", oop="AKs,TT", ip="QQ,AJs", pot=60, stack=60, bets="100%", rake="5%,3", variant="royal"
    )
    solution = counterplay.solve(spot, iterations=3)
    found, judged = verifier_spots.measure(spot, solution.state["total"]), solution.judge()
    assert found.value == pytest.approx(judged.value, abs=1e-3)
    assert found.best == pytest.approx(judged.best, abs=1e-3)


@pytest.mark.parametrize(("deck", "order"), [("holdem", STANDARD), ("short", SHORT)])
def test_the_verifier_knows_who_wins(deck, order):
    rng, lowest = np.random.default_rng(1), 6 if deck == "short" else 2
    hands = np.array([rng.choice(DECKS[deck].cards, 7, replace=False) for _ in range(400)])
    found = verifier_spots.strengths(hands, DECKS[deck])
    wanted = [best([(c // 4 + 2, c % 4) for c in hand.tolist()], order, lowest) for hand in hands]
    ranks = sorted(range(len(hands)), key=wanted.__getitem__)
    for a, b in pairwise(ranks):
        assert (found[a] < found[b]) == (wanted[a] < wanted[b])
        assert found[a] <= found[b]


def test_locked_spots_and_other_kinds_are_refused(tmp_path):
    file = tmp_path / "s.cps"
    counterplay.solve(RIVER.locking("check: check 1.0, bet 30 0.0"), iterations=2).save(file)
    with pytest.raises(ValueError, match="without locks"):
        certificates.certify(file)
    for kind, words in (("stepped", "games in steps cannot"), ("blueprint", "blueprints cannot"), ("x", "kind 'x'")):
        with pytest.raises(ValueError, match=words):
            certificates.measured({}, {"kind": kind, "game": "leduc"})


class Uneven:
    """Matching pennies whose coin falls with odds that are no fractions: they sum to one but for rounding."""

    players = 2

    def root(self):
        return ()

    def turn(self, state):
        return (CHANCE, 0, 1, LEAF)[len(state)]

    def moves(self, state):
        return ("a", "b", "c") if not state else ("heads", "tails")

    def chance(self, state):
        return [0.1234567890123, 0.3333333333456, 1 - 0.1234567890123 - 0.3333333333456]

    def play(self, state, move):
        return (*state, move)

    def payoffs(self, state):
        won = (state[0] + 1) * (1 if state[1] == state[2] else -1)
        return won, -won

    def sees(self, state, player):
        return "coin"


def test_odds_that_are_no_fractions_are_summed_with_a_bound(tmp_path):
    file = tmp_path / "s.cps"
    solution = counterplay.solve(Uneven(), iterations=3)
    solution.save(file)
    made = certificates.certify(file, Uneven())
    assert 0 < made["rounding_at_most"] < 1e-12
    assert made["exploitability_at_most"] == pytest.approx(solution.exploitability, abs=1e-12)
    out = tmp_path / "c.json"
    out.write_text(verifier.dump(made))
    assert certificates.check(out, file, Uneven())[1] == []
    with pytest.raises(ValueError, match="exact values are of"):
        solve_exactly(Uneven())


@pytest.mark.parametrize("name", ["kuhn.cps", "river.cps"])
def test_files_of_earlier_versions_are_told_of(name):
    with pytest.raises(ValueError, match="load it and save it again"):
        certificates.certify(Path(__file__).parent / "old" / name)


def refused(out, file):
    try:
        return bool(certificates.check(out, file)[1])
    except ValueError:
        return True


def test_a_thousand_tamperings_are_refused(tmp_path):
    file, out = certified(tmp_path, "kuhn", iterations=20)
    whole = {file: file.read_bytes(), out: out.read_bytes()}
    length = int.from_bytes(whole[file][:8], "little")
    rng = np.random.default_rng(0)
    for k in range(1000):
        path = (out, file, file)[k % 3]
        raw = bytearray(whole[path])
        at = int(rng.integers(8, 8 + length)) if k % 3 == 1 else int(rng.integers(len(raw)))  # the header by itself
        kind = rng.integers(3)
        if kind == 0:
            raw[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            del raw[at : at + int(rng.integers(1, 9))]
        else:
            raw[at:at] = bytes(rng.integers(0, 256, 3, np.uint8).tolist())
        path.write_bytes(raw)
        assert refused(out, file), (path.name, at)
        path.write_bytes(whole[path])
    assert not refused(out, file)


def test_a_certificate_signed_anew_has_to_be_true(tmp_path):
    """Whoever computes its SHA-256 again still cannot claim what is false."""
    file, out = certified(tmp_path, "kuhn", iterations=20)
    true = json.loads(out.read_text())
    for key, lie in {
        "exploitability_at_most": true["exploitability_at_most"] / 2,
        "value": [[0.5, 0.5], [-0.5, -0.5]],
        "best": true["value"],
        "game_sha256": "0" * 64,
        "file_sha256": "0" * 64,
        "game": "leduc",
        "kind": "value of Kuhn",
        "algorithm": "cfr",
        "iterations": 10**6,
        "arithmetic": "fractions of fractions",
        "rounding_at_most": 1.0,
        "exact": {"value": ["1/2", "-1/2"]},
    }.items():
        out.write_text(verifier.dump({**true, key: lie}))
        assert refused(out, file), key
    looser = {**true, "exploitability_at_most": 2 * true["exploitability_at_most"]}
    out.write_text(verifier.dump(looser))
    assert not refused(out, file)  # less sharp, and true


def test_a_value_has_to_be_proved(tmp_path):
    out = tmp_path / "kuhn.json"
    true = certificates.certify_value("kuhn")
    out.write_text(verifier.dump(true))
    assert certificates.check(out, None)[1] == []
    for wrong in (
        {**true, "exact_value": "-1/17"},
        {**true, "strategies": true["strategies"][::-1]},
        {**true, "strategies": [{**true["strategies"][0], "K": ["1/2", "2/3"]}, true["strategies"][1]]},
        {**true, "exact_value": "1/0"},
        {**true, "game": "kuhn(ranks=4)"},
    ):
        out.write_text(verifier.dump(wrong))
        assert certificates.check(out, None)[1] != []


def test_fractions_that_would_take_long_are_refused(tmp_path):
    out = tmp_path / "kuhn.json"
    true = certificates.certify_value("kuhn")
    rng = np.random.default_rng(1)

    def odd(digits):
        return int("".join(map(str, rng.integers(1, 10, digits))))

    for digits, words in ((600, "common denominator"), (2600, "does not say")):
        strategies = []
        for part in true["strategies"]:
            first = [Fraction(odd(digits), 10 * odd(digits)) % 1 for _ in part]
            strategies.append({k: [str(x), str(1 - x)] for k, x in zip(part, first, strict=True)})
        out.write_text(verifier.dump({**true, "strategies": strategies}))
        (wrong,) = certificates.check(out, None)[1]
        assert words in wrong


def test_long_names_are_cut(tmp_path, run):
    file, out = certified(tmp_path, "kuhn", iterations=5)
    true, value = json.loads(out.read_text()), certificates.certify_value("kuhn")
    for lie, of in (
        ({**true, "game": "k" * 5000}, (file,)),
        ({**value, "game": "kuhn(" + "k" * 5000 + ")"}, ()),
        ({**value, "exact_value": "9" * 2000}, ()),
        ({**value, "game_sha256": "9" * 5000}, ()),
    ):
        out.write_text(verifier.dump(lie))
        code, said, complaint = run("certify", "--check", out, *of)
        assert code in (1, 2)
        assert len(said + complaint) < 1500


STRANGE = (None, True, -1, 10**400, float("nan"), float("inf"), "x", "1e999999999", "0.5", [], [[]], {}, {"a": 1})


def everywhere(data, at=()):
    """Yield the places of a structure of lists and dictionaries, outermost first."""
    yield at
    for key in data if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ():
        yield from everywhere(data[key], (*at, key))


def with_another(data, at, value):
    if not at:
        return value
    copied = data.copy()
    copied[at[0]] = with_another(data[at[0]], at[1:], value)
    return copied


def test_strange_words_in_a_certificate_are_refused(tmp_path, run):
    """They come signed anew; a number such as 1e999999999 must not be reckoned with, either."""
    file, out = certified(tmp_path, "kuhn", iterations=20)
    for true, of in ((json.loads(out.read_text()), (file,)), (certificates.certify_value("kuhn"), ())):
        for at in everywhere(true):
            for strange in STRANGE:
                wrong = with_another(true, at, strange)
                if at in ((), ("sha256",), ("version",)) or wrong == true:
                    continue
                out.write_text(verifier.dump(wrong))
                code, _, complaint = run("certify", "--check", out, *of)
                looser = isinstance(strange, int | float) and str(at[-1:]) in (
                    "(0,)",
                    "(1,)",
                    "('exploitability_at_most',)",
                )
                assert code in ((0, 1) if looser else (1, 2)), (at, strange, complaint)


def test_files_with_shapes_beyond_all_measure_are_no_solutions(tmp_path):
    file, out = certified(tmp_path, "kuhn", iterations=20)
    raw = file.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    said = json.loads(raw[8 : 8 + length])
    for shape in ([10**30], [2**63], [-1, 10**30], [0.5], "x"):
        said["strategy"]["shape"] = shape
        text = json.dumps(said).encode()
        file.write_bytes(len(text).to_bytes(8, "little") + text + raw[8 + length :])
        with pytest.raises(ValueError, match="is no solution file"):
            certificates.check(out, file)


def test_solutions_that_claim_too_much_get_none(tmp_path):
    file = tmp_path / "kuhn.cps"
    solution = counterplay.solve("kuhn", iterations=5)
    raw = solution.save(file) or file.read_bytes()
    text = repr(solution.best[0])
    file.write_bytes(raw.replace(text.encode(), ("9" + text[1:]).encode()))
    with pytest.raises(ValueError, match=r"the verifier finds|damaged"):
        certificates.certify(file)


def test_the_verifier_shares_no_code_with_the_solvers():
    code = "import sys; from counterplay.api import verifier, verifier_phantom, verifier_spots; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours = {name for name in done.stdout.split() if name.startswith("counterplay.")}
    assert not [name for name in ours if name.startswith(("counterplay.solvers", "counterplay.agents"))]
    assert (
        not {
            f"counterplay.engine.{name}"
            for name in ("tree", "form", "sweeps", "factored", "walk", "phantom_walks", "attempts")
        }
        & ours
    )


def test_command_line(run, tmp_path):
    file, out = tmp_path / "kuhn.cps", tmp_path / "kuhn.json"
    counterplay.solve("kuhn", iterations=50).save(file)
    code, said, _ = run("certify", file, "--out", out)
    assert code == 0
    assert "exploitability  at most" in said
    assert f"certify --check {out} {file}" in said
    assert run("certify", "--check", out, file)[0] == 0
    counterplay.solve("kuhn", iterations=51).save(file)
    code, said, _ = run("certify", "--check", out, file)
    assert code == 1
    assert "SHA-256 differ" in said
    value, spot = tmp_path / "value.json", Path(__file__).parents[1] / "examples" / "river_a.toml"
    code, said, _ = run("certify", "kuhn", "--json", "--out", value)
    assert (code, json.loads(said)["exact_value"]) == (0, "-1/18")
    for arguments, words in (
        ((), "needs the file of a solution"),
        (("--check", out), "name its file too"),
        (("--check", file, file), "no certificate"),
        (("nowhere.cps",), "nowhere"),
        (("phantom_tic_tac_toe",), "up to 30,000 ends"),
        ((spot,), "this is a hold'em spot"),
        (("--check", value, file), "of no file"),
        ((file, "--out", file), "written over"),
    ):
        code, _, complaint = run("certify", *arguments)
        assert code == 2
        assert words in complaint
