"""Hold'em subgames: the street-by-street solver against the engine's own sequence form, dense products, figures."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterplay.engine.form import sequence_form
from counterplay.engine.tree import compile_tree
from counterplay.games.holdem.cards import COMBO_CARDS, format_cards
from counterplay.games.holdem.places import lay_out
from counterplay.games.holdem.rules import HoldemRules
from counterplay.games.holdem.spot import Spot, load_spot, parse_spot
from counterplay.games.holdem.strength import strengths
from counterplay.solvers.cfr import CFR
from counterplay.solvers.lp import solve_lp
from counterplay.solvers.streets.cfr import SubgameCFR
from counterplay.solvers.streets.decisions import VALUE
from counterplay.solvers.value import judge, judge_table
from counterplay.solvers.variants import VARIANTS

EXAMPLES = Path(__file__).parent.parent / "examples"


def solver(spot: Spot, variant: str = "dcfr", symmetry: bool = True, **options):
    return SubgameCFR(lay_out(spot, symmetry).game, spot.pot, VARIANTS[variant], **options)


def small(board: str, oop: str, ip: str, more: str = "", sizes: str = '["60%", "all-in"]', stack: int = 30) -> Spot:
    streets = ("flop", "turn", "river")[len(board.split()) - 3 :]
    bets = "\n".join(f"[bets.{s}]\nbet = {sizes}\nraise = {sizes}" for s in streets)
    return parse_spot(
        f'board = "{board}"\npot = 10\nstack = {stack}\n{more}\n[range]\noop = "{oop}"\nip = "{ip}"\n{bets}'
    )


SMALL = {
    "river": small("Ks 9d 4c 7h 2s", "AA,KQs,76s,T8s:0.5", "KK,A9s,87s:0.25,QJs"),
    "river with rake": small("Ks 9d 4c 7h 2s", "AA,KQs,76s", "KK,A9s,QJs", more="[rake]\npercent = 5\ncap = 2"),
    "turn": small("Ks 9d 4c 7h", "AsAh,KhQh,8s7s", "KdKh,Ac9c,QcJc", stack=12),
    "turn with rake": small("Ks 9d 4c 7h", "AsAh,KhQh", "KdKh,QcJc", more="[rake]\npercent = 5\ncap = 1", stack=8),
    "short turn": small("Ks 9d 7c 7h", "AsAh,8s6s", "KdKh,QcJc", more='variant = "short"', stack=8),
    "one suit": small("Ks 9s 4s 7s", "AhAd,KhQh,8d7d", "KdKh,AdQd,QcJc", stack=12),
}


@cache
def explicit(name: str):
    tree = compile_tree(HoldemRules(SMALL[name]))
    return tree, sequence_form(tree)


@pytest.mark.parametrize("name", SMALL)
def test_equals_the_engine_on_explicit_tables(name):
    """Two solvers that share no code but the schedule give the same values, up to rounding and what is left to gain."""
    spot = SMALL[name]
    _, form = explicit(name)
    ours, theirs = solver(spot, every=1), CFR(form, VARIANTS["dcfr"], 0)
    for count in (1, 9, 90):
        ours.advance(count)
        theirs.advance(count)
        one, two = ours.judge(), judge(form, theirs.profile())
        # Hands of equal strength tie in regret, and rounding breaks ties: later on the runs may part.
        near = 1e-4 if count == 1 else one.nash_conv + two.nash_conv + 1e-3
        assert np.array(one.value) - spot.pot / 2 == pytest.approx(two.value, abs=near)
        assert np.array(one.best) - spot.pot / 2 == pytest.approx(two.best, abs=near)


@pytest.mark.parametrize("name", ["river", "turn", "short turn", "one suit"])
def test_value_is_that_of_the_linear_programme(name):
    spot = SMALL[name]
    tree, form = explicit(name)
    exact = judge_table(form, solve_lp(tree)).value[0] + spot.pot / 2
    ours = solver(spot)
    ours.advance(1000)
    verdict = ours.judge()
    assert verdict.nash_conv < 0.01 * spot.pot
    assert verdict.value[0] == pytest.approx(exact, abs=verdict.nash_conv + 1e-3)


def test_rake_is_what_the_players_lose_together():
    spot = SMALL["river with rake"]
    ours = solver(spot)
    ours.advance(50)
    value = ours.judge().value
    assert spot.pot * 0.95 - 2 <= sum(value) < spot.pot
    free = solver(small("Ks 9d 4c 7h 2s", "AA,KQs,76s", "KK,A9s,QJs"))
    free.advance(50)
    assert sum(free.judge().value) == pytest.approx(spot.pot, abs=1e-3)


combos = st.lists(st.integers(0, 1325), min_size=1, max_size=60, unique=True)


@settings(max_examples=60, deadline=None)
@given(st.permutations(range(52)).map(lambda cards: cards[:5]), combos, combos, st.integers(0, 2**32 - 1))
def test_showdowns_equal_the_dense_product(board, one, two, seed):
    """Checked down, a river is worth the equity: each pair of hands compared, one by one."""
    rng = np.random.default_rng(seed)
    free = [[c for c in hands if not set(COMBO_CARDS[c].tolist()) & set(board)] for hands in (one, two)]
    weights = [np.round(rng.random(len(hands)), 3) + 0.001 for hands in free]
    apart = [[not set(COMBO_CARDS[a].tolist()) & set(COMBO_CARDS[b].tolist()) for b in free[1]] for a in free[0]]
    if not free[0] or not free[1] or not np.any(apart):
        return

    def text(hands, values):
        names = [format_cards(COMBO_CARDS[c].tolist()).replace(" ", "") for c in hands]
        return ",".join(f"{name}:{value:.3f}" for name, value in zip(names, np.minimum(values, 1.0), strict=True))

    spot = small(format_cards(board), text(free[0], weights[0]), text(free[1], weights[1]), sizes="[]")
    ranks = [strengths(board, np.array(hands)) for hands in free]
    sign = (ranks[0][:, None] > ranks[1][None, :]) + 0.5 * (ranks[0][:, None] == ranks[1][None, :])
    joint = np.minimum(weights[0], 1)[:, None] * np.minimum(weights[1], 1)[None, :] * np.array(apart)
    equity = (joint * sign).sum() / joint.sum()
    run = solver(spot)
    run.advance(1)
    assert run.judge().value[0] == pytest.approx(equity * spot.pot, abs=2e-4 * spot.pot)


@pytest.mark.parametrize("name", ["turn", "one suit"])
def test_suit_symmetry_changes_nothing(name):
    spot = SMALL[name] if name != "one suit" else small("Ks 9s 4s 7s", "AA,KQs,87s", "KK,AQs,QJs", stack=12)
    with_it, without = solver(spot), solver(spot, symmetry=False)
    for run in (with_it, without):
        run.advance(3)  # later on rounding has broken ties between hands of equal strength in other ways
    assert with_it.judge().value == pytest.approx(without.judge().value, abs=1e-5)
    assert with_it.judge().best == pytest.approx(without.judge().best, abs=1e-5)


def test_suit_symmetry_deals_fewer_cards():
    spot = small("Ks 9s 4s", "AA,KQs", "KK,QJs", sizes="[]")
    assert len(lay_out(spot).boards) < 0.5 * len(lay_out(spot, symmetry=False).boards)


def test_threads_change_nothing():
    spot = SMALL["turn"]
    runs = [solver(spot, threads=n) for n in (1, 2, 3)]
    for run in runs:
        run.advance(20)
    for run in runs[1:]:
        assert np.array_equal(run.tables.regret, runs[0].tables.regret)
        assert np.array_equal(run.tables.total, runs[0].tables.total)


def test_few_hands_against_many_are_valued_alike_in_every_way():
    """Vectors of the one player are mostly padding: what a judgement sums up is what the same strategies are worth."""
    run = solver(small("Ks 9d 4c", "AA:0.5", "55+,A2s+,K9s+,QTs+", stack=20, sizes='["all-in"]'))
    for _ in range(3):
        run.advance(1)
        told = run.judge().value
        worth = run._visit(0, 2, VALUE)[:, 0] / run.deals + 5
        assert worth == pytest.approx(told, abs=1e-4)


def test_sixteen_bits_come_close():
    spot = SMALL["turn"]
    full, packed = solver(spot), solver(spot, compress=True)
    for run in (full, packed):
        run.advance(200)
    assert packed.tables.regret.nbytes * 2 == full.tables.regret.nbytes
    assert packed.judge().exploitability < full.judge().exploitability + 0.005 * spot.pot
    assert packed.judge().value == pytest.approx(full.judge().value, abs=0.01 * spot.pot)


def test_known_river():
    """EVs of an independent solver at 0.001 % of the pot: 25.08436 and 34.91565."""
    spot = load_spot(EXAMPLES / "river_a.toml")
    run = solver(spot)
    run.advance(1000)
    verdict = run.judge()
    assert verdict.exploitability < 0.0001 * spot.pot
    assert verdict.value[0] == pytest.approx(25.08436, abs=verdict.nash_conv + 0.001)
    assert sum(verdict.value) == pytest.approx(spot.pot, abs=1e-3)


@pytest.mark.slow
def test_known_turn():
    """EVs of an independent solver at 0.010 % of the pot: 23.9187 and 36.0813."""
    spot = load_spot(EXAMPLES / "turn_a.toml")
    run = solver(spot, threads=2)
    run.advance(400)
    verdict = run.judge()
    assert verdict.exploitability < 0.0005 * spot.pot
    assert verdict.value[0] == pytest.approx(23.9187, abs=verdict.nash_conv + 0.012)


@pytest.mark.parametrize("name", ["pdcfr+", "pcfr+"])
def test_predictive_variants_are_refused(name):
    with pytest.raises(ValueError, match="without prediction"):
        solver(SMALL["river"], name)
