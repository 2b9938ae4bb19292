"""Locks: a spot with fixed strategies against the same game with these decisions left to chance, hand by hand."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest

import counterplay
from counterplay.api.testing.plain import best_by_enumeration, expected, infosets
from counterplay.engine.form import sequence_form
from counterplay.engine.rules import CHANCE, Histories
from counterplay.engine.tree import compile_tree
from counterplay.games.holdem.cards import combo_name
from counterplay.games.holdem.locks import Lock, parse_lock
from counterplay.games.holdem.places import lay_out
from counterplay.games.holdem.rules import HoldemRules
from counterplay.games.holdem.spot import parse_spot, to_toml
from counterplay.solvers.lp import solve_lp
from counterplay.solvers.streets.cfr import SubgameCFR
from counterplay.solvers.value import judge_table
from counterplay.solvers.variants import VARIANTS

BET = 'bet = ["60%", "all-in"]\nraise = ["60%", "all-in"]'


def spot(board, oop, ip, locks, stack=12, more="", bets=(BET, BET, BET)):
    streets = ("flop", "turn", "river")[len(board.split()) - 3 :]
    sizes = "\n".join(f"[bets.{street}]\n{bet}" for street, bet in zip(streets, bets, strict=False))
    return parse_spot(
        f'board = "{board}"\npot = 10\nstack = {stack}\n{more}\n[range]\noop = "{oop}"\nip = "{ip}"\n{sizes}\n{locks}'
    )


def lock(node, strategy="", hands=""):
    lines = [f'node = "{node}"']
    lines += [f"strategy = {{ {strategy} }}"] if strategy else []
    lines += [f"hands = {{ {hands} }}"] if hands else []
    return "[[lock]]\n" + "\n".join(lines) + "\n"


RIVER = ("Ks 9d 4c 7h 2s", "AsAh,KhQh,8h6h,8c6c:0.5", "KdKh,Ac9c,QcJc,QdJd:0.25")
TURN = ("Ks 9d 4c 7h", "AsAh,8h6h", "KdKh,QcJc")
ONLY_CHECKS = "bet = []"
SPOTS = {
    "all hands": spot(*RIVER, lock("bet 6", "fold = 0.5, call = 0.5")),
    "some hands": spot(*RIVER, lock("check", hands='"QcJc" = { "bet 6" = 1 }, KK = { check = 0.25, all-in = 0.75 }')),
    "hands and the rest": spot(*RIVER, lock("", "check = 1", '"AA" = { check = 0.3, "bet 6" = 0.7 }')),
    "both players": spot(*RIVER, lock("", 'check = 0.4, "bet 6" = 0.6') + lock("check", "check = 1")),
    "rake": spot(*RIVER, lock("bet 6", "fold = 0.5, call = 0.5"), more="[rake]\npercent = 5\ncap = 1"),
    "turn": spot(*TURN, lock("check", hands='QcJc = { "bet 6" = 0.5, check = 0.5 }'), bets=(BET, ONLY_CHECKS)),
    "a river of a turn": spot(
        *TURN, lock("check check [2h]", 'check = 0.5, "bet 12" = 0.5'), bets=(ONLY_CHECKS, BET)
    ),
    "one suit": spot(
        "Ks 9s 4s 7s", "AhAd,QhJh,8d7d", "KdKh,AdQd,QcJc", lock("check check [2h] check", "check = 1"),
        bets=(ONLY_CHECKS, 'bet = ["all-in"]'),
    ),
    "flop": spot(
        "Ks 9d 7c", "AsAh,8s6s", "KdKh,QcJc", lock("check", hands='QJs = { "bet 12" = 0.5, check = 0.5 }'),
        more='variant = "short"', bets=('bet = ["all-in"]', ONLY_CHECKS, ONLY_CHECKS),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class LeftToChance(Histories):
    """A spot as histories, in which chance decides for locked hands; nothing but the spot's text says for which."""

    mixes: tuple[tuple[str, tuple[tuple[str, tuple[float, ...]], ...]], ...] = ()  # odds by line and hand

    def odds(self, state):
        hands, public = state
        player = super().turn(state)
        if player < 0:
            return None
        hand = self.game.hands(player)[hands[player]]
        return dict(dict(self.mixes).get(self.game.sees(public), ())).get(hand)

    def turn(self, state):
        return super().turn(state) if self.odds(state) is None else CHANCE

    def moves(self, state):
        return super().moves(state) if self.odds(state) is None else self.game.moves(state[1])

    def chance(self, state):
        return super().chance(state) if self.odds(state) is None else self.odds(state)

    def play(self, state, move):
        return super().play(state, move) if self.odds(state) is None else (state[0], self.game.play(state[1], move))


ODDS = {  # by hand what the locks above say, in the order of the actions check, bet 6, all-in or fold, call, raises
    "all hands": {"bet 6": dict.fromkeys(("KhKd", "Ac9c", "QcJc", "QdJd"), (0.5, 0.5, 0.0))},
    "some hands": {"check": {"QcJc": (0, 1, 0), "KhKd": (0.25, 0, 0.75)}},
    "hands and the rest": {"": {"AsAh": (0.3, 0.7, 0), **dict.fromkeys(("KhQh", "8h6h", "8c6c"), (1, 0, 0))}},
    "both players": {
        "": dict.fromkeys(("AsAh", "KhQh", "8h6h", "8c6c"), (0.4, 0.6, 0)),
        "check": dict.fromkeys(("KhKd", "Ac9c", "QcJc", "QdJd"), (1, 0, 0)),
    },
    "rake": {"bet 6": dict.fromkeys(("KhKd", "Ac9c", "QcJc", "QdJd"), (0.5, 0.5, 0.0))},
    "turn": {"check": {"QcJc": (0.5, 0.5, 0)}},
    "a river of a turn": {"check check [2h]": dict.fromkeys(("AsAh", "8h6h"), (0.5, 0, 0.5))},
    "one suit": {"check check [2h] check": dict.fromkeys(("KhKd", "AdQd", "QcJc"), (1, 0))},
    "flop": {"check": {"QcJc": (0.5, 0.5)}},
}


def explicit(name):
    mixes = tuple((line, tuple(hands.items())) for line, hands in ODDS[name].items())
    return LeftToChance(HoldemRules(SPOTS[name]), mixes)


@cache
def solved(name):
    return counterplay.solve(SPOTS[name], iterations=400, threads=2)


def profile(solution, rules):
    """Return what the solution's views say at each information set of the explicit game."""
    views, found = {}, {}
    for player, label in infosets(rules):
        hand, _, line = label.partition(" ")
        view = views.setdefault(line, solution.at(line))
        assert view.player == player
        names = [combo_name(int(c)) for c in view.combos[player]]
        found[player, label] = view.strategy[:, names.index(hand)].tolist()
    return found


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] if n == "flop" else []) for n in SPOTS])
def test_locked_decisions_are_as_chance(name):
    """Values and best responses are those of the game in which chance takes the locked decisions; so is the answer."""
    solution, rules = solved(name), explicit(name)
    tree = compile_tree(rules)
    form, table = sequence_form(tree), np.zeros((int(tree.first[-1]), 1))
    strategies = profile(solution, rules)
    for i, label in enumerate(tree.labels):
        table[tree.first[i] : tree.first[i + 1], 0] = strategies[int(tree.owner[i]), label]
    verdict, pot = judge_table(form, table), solution.spot.pot
    assert np.array(solution.value) - pot / 2 == pytest.approx(verdict.value, abs=1e-3)
    assert np.array(solution.best) - pot / 2 == pytest.approx(verdict.best, abs=1e-3)
    assert solution.exploitability < 0.01 * pot
    if name != "rake":
        exact = judge_table(form, solve_lp(tree)).value[0] + pot / 2
        assert solution.value[0] == pytest.approx(exact, abs=solution.nash_conv + 1e-3)


def test_by_brute_force():
    """A player who is wholly locked earns nothing by deviating; the other's best response is the best of all plans."""
    locks = lock("bet 12", "fold = 0.5, call = 0.5") + lock("check", "check = 1")
    given = spot(RIVER[0], "AsAh,8h6h", "KdKh,QcJc", locks, bets=('bet = ["all-in"]',))
    solution = counterplay.solve(given, iterations=200)
    mixes = {"all-in 12": (0.5, 0.5), "check": (1.0, 0.0)}
    rules = LeftToChance(
        HoldemRules(given), tuple((line, tuple((h, odds) for h in ("KhKd", "QcJc"))) for line, odds in mixes.items())
    )
    strategies = profile(solution, rules)
    assert {player for player, _ in strategies} == {0}
    assert solution.best[0] - 5 == pytest.approx(best_by_enumeration(rules, strategies, 0), abs=1e-4)
    assert solution.value[0] - 5 == pytest.approx(expected(rules, strategies)[0], abs=1e-4)
    assert solution.best[1] == pytest.approx(solution.value[1], abs=1e-4)


def test_a_lock_of_what_is_best_costs_nothing():
    """Locked to an equilibrium at one decision, the rest finds the same value."""
    free = replace(SPOTS["all hands"], locks=())
    answer = counterplay.solve(free, iterations=1000)
    view = answer.at("bet 6")
    mixes = tuple(
        (combo_name(int(c)), tuple(zip(view.actions, view.strategy[:, i].tolist(), strict=True)))
        for i, c in enumerate(view.combos[1])
    )
    again = counterplay.solve(replace(free, locks=(Lock("bet 6", hands=mixes),)), iterations=1000)
    assert again.at("bet 6").strategy == pytest.approx(view.strategy, abs=1e-6)
    assert again.value[0] == pytest.approx(answer.value[0], abs=answer.nash_conv + again.nash_conv + 1e-3)


@pytest.mark.parametrize("hands", ["", '"AhAd" = { check = 1 }'])
def test_suits_are_swapped_only_where_the_lock_allows(hands):
    strategy = "" if hands else "check = 0.5, all-in = 0.5"
    given = spot("Ks 9s 4s 7s", "AA,QJs", "KK,87s", lock("", strategy, hands), bets=('bet = ["all-in"]',) * 2)
    both = lay_out(given), lay_out(given, symmetry=False)
    runs = [SubgameCFR(laid.game, given.pot, VARIANTS["dcfr"]) for laid in both]
    for run in runs:
        run.advance(60)
    assert len(both[0].boards) < len(both[1].boards)
    one, two = (run.judge() for run in runs)
    near = one.nash_conv + two.nash_conv  # rounding breaks ties in regret, and the runs part
    assert one.value == pytest.approx(two.value, abs=near)
    assert one.best == pytest.approx(two.best, abs=near)


def test_a_card_of_a_lock_is_dealt_for_itself():
    given = SPOTS["one suit"]
    free, locked = lay_out(replace(given, locks=())), lay_out(given)
    assert len(locked.game.deals.after) >= len(free.game.deals.after)
    view = solved("one suit").at("check check [2h] check")
    assert view.locked.all()
    assert view.frequencies["check"] == pytest.approx(1.0)
    assert not solved("one suit").at("check check [2d] check").locked.any()


def test_the_file_keeps_the_locks(tmp_path):
    file = tmp_path / "locked.cps"
    given = SPOTS["hands and the rest"]
    assert parse_spot(to_toml(given)) == given
    half = counterplay.solve(given, iterations=100)
    half.save(file)
    again = counterplay.load(file)
    assert again.spot == given
    assert again.judge() == half.judge()
    assert counterplay.solve(resume=again, iterations=400).value == solved("hands and the rest").value
    view = again.at()
    assert view.locked.all()
    assert view.summary()["locked"] == pytest.approx(1.0)
    assert not again.at("check").locked.any()


@pytest.mark.parametrize("name", ["some hands", "a river of a turn"])
def test_sixteen_bits_keep_locks_exactly(name):
    full, packed = solved(name), counterplay.solve(SPOTS[name], iterations=400, compress=True)
    line = SPOTS[name].locks[0].node
    one, two = full.at(line), packed.at(line)
    assert np.array_equal(one.strategy[:, one.locked], two.strategy[:, two.locked])
    assert packed.value == pytest.approx(full.value, abs=0.02 * full.spot.pot)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (lock("bet 7", "fold = 1"), "lock 'bet 7': OOP cannot 'bet 7' there; the actions are check, bet 6"),
        (lock("check check", "check = 1"), "nobody acts after 'check check': the betting is over"),
        (lock("bet 6", "fold = 0.5, call = 0.4"), r"must sum to 1, not to 0.9 \(fold 0.5, call 0.4\)"),
        (lock("bet 6", "fold = 0.5, bet = 0.5"), "there is no action 'bet' there; the actions are fold, call"),
        (lock("bet 6", "fold = -0.5, call = 1.5"), "the probability of 'fold' must be 0 to 1, not -0.5"),
        (lock("bet 6", 'fold = "half"'), "the probability of 'fold' must be 0 to 1, not 'half'"),
        (lock("bet 6", hands="TT = { fold = 1 }"), "IP has no hand of 'TT' there"),
        (lock("bet 6", hands="XX = { fold = 1 }"), "lock 'bet 6': .*XX"),
        (lock("bet 6", hands='"QJs" = { fold = 1 }, "QcJc" = { call = 1 }'), "another entry"),
        (lock("bet 6"), "it fixes nothing"),
        (lock("bet 6", "fold = 1") * 2, "'bet 6' is locked twice"),
        ("[[lock]]\nstrategy = { fold = 1 }", "a lock needs its node"),
        (lock("bet 6", "fold = 1") + "hand = 3", r"\[lock\] has no key 'hand' \(did you mean 'hands'"),
        ("[lock]\nnode = 3", "locks are tables"),
        ("[[lock]]\nnode = 3", "lock.node must be a text"),
        ("[[lock]]\nnode = ''\nstrategy = 3", "a strategy is a table"),
        ("[[lock]]\nnode = ''\nhands = 3", "lock.hands must be a table"),
    ],
)  # fmt: skip
def test_mistakes(text, says):
    with pytest.raises(ValueError, match=says):
        spot(*RIVER, text)


def test_mistakes_on_a_turn():
    with pytest.raises(ValueError, match="the turn is over after 'check check': go on with the next card"):
        spot(*TURN, lock("check check", "check = 1"))
    with pytest.raises(ValueError, match="is on the board already"):
        spot(*TURN, lock("check check [Ks]", "check = 1"))
    with pytest.raises(ValueError, match="nothing to fix: all that OOP can do is check"):
        spot(*TURN, lock("", "check = 1"), bets=(ONLY_CHECKS, BET))


def test_one_line():
    assert parse_lock(" check bet 30:fold 0.5, bet  20 .5") == Lock("check bet 30", (("fold", 0.5), ("bet 20", 0.5)))
    assert parse_lock(": check 1") == Lock("", (("check", 1.0),))
    for text in ("check bet 30", "check: fold", "check: fold x", "check: fold 2", "check:"):
        with pytest.raises(ValueError, match="lock"):
            parse_lock(text)
