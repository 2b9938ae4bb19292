"""What is never reached, or hardly ever, is said: how often play gets to a decision, by enumeration and in words."""

import json

import numpy as np
import pytest

import counterplay
from counterplay.api.trees import build
from counterplay.engine.rules import CHANCE, LEAF, histories
from counterplay.engine.strategy import random
from counterplay.games import GAMES
from counterplay.games.holdem.spot import spot_from_flags
from counterplay.show import pages, spot_pages
from counterplay.show.play import Session, play_game
from counterplay.solvers.reach import marks

GAMES_TRIED = ["kuhn", "kuhn(players=3)", "leduc", "goofspiel(cards=3)", "matching_pennies", "liars_dice(faces=2)"]


def by_enumeration(rules, tree, table):
    """Return how often histories get to each information set with each hand, by walking all of them."""
    game, found = histories(rules), np.zeros((len(tree.owner), tree.lanes))
    index = {key: i for i, key in enumerate(zip(tree.owner.tolist(), tree.labels, strict=True))}
    dealt = game is not rules

    def visit(state, odds):
        turn = game.turn(state)
        if turn == LEAF:
            return
        chances = game.chance(state) if turn == CHANCE else None
        if turn >= 0:
            lane = state[0][turn] if dealt else 0
            i = index[turn, rules.sees(state[1]) if dealt else rules.sees(state, turn)]
            found[i, lane] += odds
            chances = table[tree.first[i] : tree.first[i + 1], lane]
        for move, chance in enumerate(chances):
            if chance > 0:
                visit(game.play(state, move), odds * chance)

    visit(game.root(), 1.0)
    return found


@pytest.mark.parametrize("spec", GAMES_TRIED)
def test_how_often_play_gets_somewhere(spec):
    rules = GAMES.make(spec)
    tree = build(rules)
    table = random(tree, np.random.default_rng(3))
    reach, notes = marks(tree, table)
    np.testing.assert_allclose(reach, by_enumeration(rules, tree, table), atol=1e-12)
    assert "never reached" not in {text for row in notes for text in row}


def test_what_is_never_reached_is_said_of_games():
    solution = counterplay.solve("kuhn", iterations=2000)
    never = solution.tree.first[solution.labels.index("")]
    table = solution.strategy.copy()
    table[never : never + 2] = [[1.0], [0.0]]  # player 0 never bets
    reach, notes = marks(solution.tree, table)
    facing = next(i for i, actions in enumerate(solution.actions) if solution.owner[i] == 1 and "call" in actions)
    assert notes[facing] == ["never reached"] * 3
    assert not reach[facing].any()
    table[never : never + 2] = [[0.9999], [0.0001]]
    assert marks(solution.tree, table)[1][facing] == ["rarely reached"] * 3
    rows = solution.rows()
    first = [row for row in rows if not row["infoset"] and row["hand"] == "J"]
    assert [row["reach"] for row in first] == pytest.approx([1 / 3, 1 / 3])
    assert solution.reach("J") == pytest.approx(1 / 3)
    assert {"reach", "note"} <= set(json.loads(solution.export("json"))["infosets"][0])


@pytest.fixture(scope="module")
def spot():
    """A river on which OOP holds nothing but the nuts or air, and never bets small with a lock."""
    flags = {"oop": "AA,QJs", "ip": "KK", "pot": 10, "stack": 20, "bets": "50%,all-in"}
    return spot_from_flags(board="As Kd 7c 5h 2s", **flags)


def test_what_is_never_reached_is_said_of_spots(spot, tmp_path, capsys):
    solution = counterplay.solve(spot.locking(": check 0.5, all-in 0.5"), iterations=30)
    view = solution.at("bet 5")
    assert (view.chance, view.note, view.reached) == (0.0, "never reached", False)
    assert {row["note"] for row in view.rows()} == {"never reached"}
    assert view.rows()[0]["strategy"]["fold"] is None
    assert view.summary()["strategy"]["fold"] is None
    assert solution.at("all-in").chance == pytest.approx(0.5)
    page = list(spot_pages.strategy(solution, pages.Page(node="bet 5")))
    assert any("NEVER REACHED" in line for line in page)
    assert "33.3%" not in "".join(page)
    csv = solution.export("csv", line="bet 5").splitlines()
    assert csv[1].split(",")[:4][2:] == ["0.0", "never reached"]
    policy = spot_pages.SpotPolicy(solution)
    assert policy.note(1, "bet 5", None) == policy.note(1, "bet 5", 0) == "never reached"
    assert policy.note(1, "all-in", 0) == ""
    said = []
    rng = np.random.default_rng(0)
    session = Session(spot_pages.opponent(solution), said.append, lambda _: "bet", lambda text, _: text, rng)
    play_game(policy, (0,), lambda d: d.actions.index("bet 5"), session.tell, rng)
    assert any("the solution has this never reached" in line for line in said)


def test_perfect_play_is_not_bound_by_the_locks_of_its_seat(spot):
    """OOP is locked to checking for ever: who plays OOP is not, and IP's lock holds."""
    bound = counterplay.solve(spot.locking(": check 1", "check: check 1"), iterations=50)
    free = counterplay.solve(spot.locking("check: check 1"), iterations=300)
    assert bound.free_best[0] > bound.best[0] + 1
    assert bound.free_best[0] >= free.value[0] - 0.05
    assert bound.free_best[1] >= bound.best[1] - 1e-6
    opponent = spot_pages.opponent(bound)
    assert opponent.best == bound.free_best
    text = "\n".join(spot_pages.judgement(bound, bound.judge(), lambda text, _: text))
    assert "OOP would gain" in text
