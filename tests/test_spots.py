"""Solutions of hold'em spots: files, resumption, limits, and the view of a decision against the explicit game."""

import itertools
from functools import cache

import numpy as np
import pytest

import counterplay
from counterplay.api import spots
from counterplay.engine.form import sequence_form
from counterplay.engine.tree import compile_tree
from counterplay.games.holdem.cards import DECKS, combo_name
from counterplay.games.holdem.equity import equity
from counterplay.games.holdem.places import lay_out
from counterplay.games.holdem.rules import HoldemRules
from counterplay.games.holdem.spot import parse_spot, to_toml
from counterplay.games.holdem.strength import strengths
from counterplay.solvers.value import judge_table


def small(board: str, oop: str, ip: str, stack: int = 12, more: str = "", sizes: str = '["60%", "all-in"]'):
    streets = ("flop", "turn", "river")[len(board.split()) - 3 :]
    bets = "\n".join(f"[bets.{s}]\nbet = {sizes}\nraise = {sizes}" for s in streets)
    return parse_spot(
        f'board = "{board}"\npot = 10\nstack = {stack}\n{more}\n[range]\noop = "{oop}"\nip = "{ip}"\n{bets}'
    )


SPOTS = {
    "river": small("Ks 9d 4c 7h 2s", "AA,KQs,76s,T8s:0.5", "KK,A9s,87s:0.25,QJs", stack=30),
    "turn with rake": small("Ks 9d 4c 7h", "AsAh,8s7s", "KdKh,QcJc", more="[rake]\npercent = 5\ncap = 1"),
    "one suit": small("Ks 9s 4s 7s", "AA:0.5,8c7c,8d7d,8h7h", "KK,QcJc,QdJd,QhJh"),
    "short turn": small("Ks 9d 7c 7h", "AsAh,8s6s", "KdKh,QcJc", more='variant = "short"'),
}


@cache
def solved(name: str, compress: bool = False):
    return counterplay.solve(SPOTS[name], iterations=60, compress=compress, threads=2)


@cache
def explicit(name: str):
    tree = compile_tree(HoldemRules(SPOTS[name]))
    return tree, sequence_form(tree)


@pytest.mark.parametrize("name", SPOTS)
def test_decisions_put_together_are_the_solution(name):
    """The strategies seen at all decisions, card by card, are worth in the explicit game what the solution says."""
    solution = solved(name)
    tree, form = explicit(name)
    table = np.zeros((int(tree.first[-1]), tree.lanes))
    for i, label in enumerate(tree.labels):
        view = solution.at(label)
        assert view.player == tree.owner[i]
        assert view.actions == tree.actions[i]
        assert tuple(combo_name(int(c)) for c in view.combos[view.player]) == tree.hands[view.player]
        table[tree.first[i] : tree.first[i + 1], : view.strategy.shape[1]] = view.strategy
    verdict = judge_table(form, table)
    pot = solution.spot.pot
    assert np.array(solution.value) - pot / 2 == pytest.approx(verdict.value, abs=1e-4)
    assert np.array(solution.best) - pot / 2 == pytest.approx(verdict.best, abs=1e-4)


@pytest.mark.parametrize("name", SPOTS)
def test_values_of_decisions_fit_together(name):
    solution = solved(name)
    assert solution.at().mean(solution.at().ev) == pytest.approx(solution.value, abs=1e-4)
    tree, _ = explicit(name)
    for label in tree.labels[:: max(len(tree.labels) // 40, 1)]:
        view = solution.at(label)
        if not view.reached:
            continue
        p = view.player
        met = np.isfinite(view.ev[p]) & (view.reach[p] > 1e-6)
        mixed = (view.strategy * view.action_ev).sum(axis=0)
        assert mixed[met] == pytest.approx(view.ev[p][met], abs=1e-3)
        assert np.nansum(view.strategy, axis=0) == pytest.approx(1.0, abs=1e-5)
        for a, action in enumerate(view.actions):
            if action == "fold":
                assert view.action_ev[a][met] == pytest.approx(0.0, abs=1e-3)
        if not solution.spot.rake.percent:
            assert sum(view.mean(view.ev)) == pytest.approx(view.pot, abs=1e-3)
        assert sum(view.mean(view.equity)) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("name", ["one suit", "short turn"])
def test_what_an_action_is_worth_before_a_card_is_the_mean_over_cards(name):
    solution = solved(name)
    before = solution.at("check")
    p = before.player
    total, weight = np.zeros(len(before.combos[p])), np.zeros(len(before.combos[p]))
    for card in solution.spot.deck.cards:
        if card in before.board:
            continue
        after = solution.at(f"check check [{spots.format_cards([card])}]")
        met = after.matchups[p] * after.possible[p]
        total += np.where(met > 0, met * after.ev[p], 0.0)
        weight += met
    assert total / weight == pytest.approx(before.action_ev[before.actions.index("check")], abs=1e-3)


@pytest.mark.parametrize("variant", ["holdem", "royal"])
def test_equity_on_a_river_is_that_of_every_pair(variant):
    """Hands of both ranges, with ties and shared cards, against each other one by one."""
    deck, rng = DECKS[variant], np.random.default_rng(3)
    board = tuple(int(c) for c in rng.choice(deck.cards, 5, replace=False))
    free = np.flatnonzero(deck.free(board))
    hands = tuple(np.sort(rng.choice(free, min(60, len(free)), replace=False)) for _ in range(2))
    reach = rng.random(len(hands[0])), rng.random(len(hands[1]))
    ranks = [strengths(board, numbers, deck) for numbers in hands]
    for p, found in enumerate(equity(deck, board, 3, hands, reach)):
        mine, theirs = hands[p], hands[1 - p]
        for i, hand in enumerate(mine):
            meets = [j for j, other in enumerate(theirs) if not set(deck.hands[hand]) & set(deck.hands[other])]
            won = sum(reach[1 - p][j] * (1 + np.sign(int(ranks[p][i]) - int(ranks[1 - p][j]))) / 2 for j in meets)
            assert found[i] == pytest.approx(won / sum(reach[1 - p][j] for j in meets))


def test_equity_is_the_value_of_checking_down():
    solution = counterplay.solve(small("Ks 9d 4c 7h", "AA,KQs,76s", "KK,A9s,QJs", sizes="[]"), iterations=1)
    view = solution.at()
    for value, share in zip(view.ev, view.equity, strict=True):
        assert value == pytest.approx(share * view.pot, abs=1e-3)
    assert view.realisation[0] == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("compress", [False, True])
def test_a_file_holds_the_solution_and_resumes_exactly(tmp_path, compress):
    unbroken = solved("turn with rake", compress)
    file = tmp_path / "spot.cps"
    counterplay.solve(SPOTS["turn with rake"], iterations=20, compress=compress).save(file)
    half = counterplay.load(file)
    assert half.spot == parse_spot(to_toml(SPOTS["turn with rake"])) == SPOTS["turn with rake"]
    assert half.judge().value == half.value
    assert half.compressed == compress
    resumed = counterplay.solve(resume=half, iterations=60)
    assert half.iterations == 20
    assert half.judge().value == half.value
    assert resumed.value == unbroken.value
    assert resumed.best == unbroken.best
    for name, table in unbroken.state.items():
        assert np.array_equal(resumed.state[name], table)


def test_narrow_rows_hold_nothing_of_what_was_visited_before():
    """Which board a thread visited before is chance: what it left beyond few hands must not widen the next scale."""
    run = solved("turn with rake", True)
    game, total = lay_out(run.spot).game, np.abs(run.state["total"].astype(int))
    largest, k = [], 0
    for instance in range(len(game.instances.template)):
        t, board = int(game.instances.template[instance]), int(game.instances.board[instance])
        at = int(game.instances.base[instance])
        for p in range(2):
            lanes = int(game.boards.lanes[board, p])
            for d in range(int(game.templates.decisions[t, p]), int(game.templates.decisions[t, p + 1])):
                size = int(game.templates.size[d]) * lanes
                if run.state["total_scale"][k] > 0 and size:
                    largest.append(total[at : at + size].max())
                at, k = at + size, k + 1
    assert (k, at) == (len(run.state["total_scale"]), len(total))
    assert min(largest) >= 32766


def test_a_target_is_chips_or_per_cent_of_the_pot(tmp_path):
    file = tmp_path / "river.toml"
    file.write_text(to_toml(SPOTS["river"]))
    assert counterplay.solve(str(file)).exploitability_percent_pot <= 0.5
    percent = counterplay.solve(SPOTS["river"], target="2%")
    plain = counterplay.solve(SPOTS["river"], target=0.2)
    assert percent.stopped_by == "target"
    assert percent.exploitability_percent_pot <= 2
    assert (percent.iterations, percent.value) == (plain.iterations, plain.value)


def test_what_does_not_fit_in_memory_is_refused(monkeypatch):
    told = []
    monkeypatch.setattr("counterplay.api.spots._LITTLE", 0)
    monkeypatch.setattr("counterplay.api.spots.available", lambda: 1000)
    with pytest.raises(ValueError, match=r"needs .*B of memory .* are free: --compress"):
        counterplay.solve(SPOTS["river"], iterations=1, on_size=told.append)
    assert told[0].endswith("B of memory in all")
    with pytest.raises(ValueError, match="fewer bet sizes would help"):
        counterplay.solve(SPOTS["river"], iterations=1, compress=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"algorithm": "pcfr+"}, "without prediction"),
        ({"algorithm": "lp"}, "without prediction"),
        ({"algorithm": "best"}, "there is no algorithm"),
        ({"algorithm": "hs-dcfr"}, "give the number of iterations"),
        ({"target": "half"}, "per cent of the pot"),
        ({"target": "-1%"}, "above 0"),
        ({"threads": 0}, "whole number from 1"),
        ({"updates": "simultaneous"}, "no option of hold'em spots"),
        ({"temperature": 0.1}, "no option of hold'em spots"),
    ],
)
def test_bad_choices(options, message):
    with pytest.raises(ValueError, match=message):
        counterplay.solve(SPOTS["river"], **options)


def test_bad_resumptions():
    with pytest.raises(ValueError, match="another spot"):
        counterplay.solve(SPOTS["one suit"], resume=solved("river"))
    with pytest.raises(ValueError, match="another game"):
        counterplay.solve("kuhn", resume=solved("river"))
    with pytest.raises(ValueError, match="another game"):
        counterplay.solve(SPOTS["river"], resume=counterplay.solve("kuhn", iterations=1))
    with pytest.raises(ValueError, match="is by dcfr"):
        counterplay.solve(resume=solved("river"), algorithm="cfr+")


@pytest.mark.parametrize(("options", "word"), [({"compress": True}, "compress"), ({"threads": 2}, "threads")])
def test_options_of_spots_are_refused_for_other_games(options, word):
    with pytest.raises(ValueError, match=f"{word} goes with hold'em spots"):
        counterplay.solve("kuhn", **options)
    with pytest.raises(ValueError, match="in the game's units"):
        counterplay.solve("kuhn", target="1%")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("bet 3", "OOP cannot 'bet 3' there; the actions are check"),
        ("check check", "the turn is over after 'check check': go on with the next card in brackets, such as "),
        ("check [2c]", r"\[2c\] cannot be dealt there: IP is to act"),
        ("check check [Ks]", r"\[Ks\] is on the board already"),
        ("check check [2c 3c]", "the one card that comes next"),
        ("check check [2c", "the one card that comes next"),
        ("check check [2x]", "unknown card"),
        ("all-in fold", "nobody acts after 'all-in 12 fold'"),
        ("all-in call [2c]", "cannot be dealt there: the betting is over"),
    ],
)
def test_bad_lines(line, message):
    with pytest.raises(ValueError, match=message):
        solved("one suit").at(line)


def test_damaged_files_are_refused(tmp_path):
    from counterplay.engine import store

    file = tmp_path / "spot.cps"
    solved("river").save(file)
    arrays, header = store.read(file)
    store.write(file, {name: a for name, a in arrays.items() if name != "spot"}, header)
    with pytest.raises(ValueError, match="parts missing"):
        counterplay.load(file)
    store.write(file, {**arrays, "state.total": arrays["state.total"][:-1]}, header)
    with pytest.raises(ValueError, match=r"total of float32 in the shape .* belong"):
        counterplay.load(file).judge()


def test_judgements_close_in_on_a_target():
    """Judging costs as much as iterating, so the curve tells when to judge; a resumed run judges at the same times."""
    solution = counterplay.solve(SPOTS["river"], target="0.2%")
    done = [check.iterations for check in solution.trace]
    assert all(b <= max(a + 1, -(-3 * a // 2)) for a, b in itertools.pairwise(done))
    part = counterplay.solve(SPOTS["river"], iterations=done[5])
    rest = counterplay.solve(resume=part, target="0.2%")
    assert [check.iterations for check in rest.trace] == done
    assert rest.value == solution.value
