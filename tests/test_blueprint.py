"""Blueprints from spot to file: training, judging, resuming, showing, and files that are damaged."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import counterplay
from counterplay.engine.errors import UserError
from counterplay.engine.store import read, write
from counterplay.games.holdem.spot import load_spot, parse_spot, to_toml

EXAMPLES = Path(__file__).parent.parent / "examples"
ROYAL = EXAMPLES / "royal_preflop.toml"  # twenty cards, limit, to the flop


def train(iterations=60, buckets="strength:6", **options):
    return counterplay.blueprint(ROYAL, buckets, **{"iterations": iterations, "threads": 1, "seed": 3, **options})


@pytest.fixture(scope="module")
def plan():
    return train(600)


def test_it_gets_better_and_aces_never_fold_before_the_flop(plan):
    early = train(5)
    assert plan.exploitability < 0.7 * early.exploitability
    view = plan.at()
    assert view.actions == ("fold", "call", "raise to 4")
    rows = {row["combo"]: row["strategy"] for row in view.rows()}
    assert rows["AsAh"]["fold"] < 0.01
    assert rows["AsAh"] == pytest.approx(rows["AdAc"])  # one hand up to suits
    facing = plan.at("raise to 4", "AA")
    assert facing["fold"] < 0.01
    assert plan.winnings["always call"].low > 0
    assert plan.winnings["always raise"].low > 0
    assert plan.visited[0] == plan.visited[1]


def test_a_finer_abstraction_is_judged_by_all_hands(plan):
    exact = plan.judge().exact
    assert exact.exploitability == pytest.approx(plan.exploitability, rel=1e-9)
    assert exact.value[0] == pytest.approx(-exact.value[1], abs=1e-6)
    assert exact.nash_conv > 0


def test_one_thread_is_reproducible_and_goes_on_to_the_bit(tmp_path):
    whole, half = train(60), train(25)
    half.save(tmp_path / "half.cps")
    resumed = counterplay.blueprint(resume=counterplay.load(tmp_path / "half.cps"), iterations=60, threads=1)
    for name in ("regret", "total", "random", "visits"):
        assert np.array_equal(resumed.state[name], whole.state[name]), name
        assert np.array_equal(train(60).state[name], whole.state[name])
    assert resumed.exploitability == whole.exploitability
    assert not np.array_equal(train(60, seed=4).state["total"], whole.state["total"])
    with pytest.raises(UserError, match="1 thread: give as many"):
        counterplay.blueprint(resume=half, iterations=60, threads=2)


def test_two_threads_share_the_tables():
    two = train(60, threads=2)
    assert two.threads == 2
    assert two.exploitability < train(3).exploitability


def test_points_tell_winnings_against_a_snapshot(monkeypatch):
    from counterplay.api import blueprint

    assert train(None, time=0.01).stopped_by == "time"
    monkeypatch.setattr(blueprint, "_FIRST", 0.0)
    monkeypatch.setattr(blueprint, "_SLICE", 0.0)  # it looks around after every iteration
    told = []
    found = train(6, on_progress=lambda now: told.append(now.note))
    assert found.stopped_by == "iterations"
    assert found.first_at > 0
    assert found.points
    assert all(point.since < point.iterations for point in found.points)
    assert any(re.search(r"[+-][\d.,]+ ± [\d.,]+ mbb/g against itself at iteration", note) for note in told)
    assert "first snapshot" in found.winnings


def test_local_best_responses_win_no_more_than_best_ones(plan):
    bound = plan.exploitability_at_least(0.5)
    assert 0 < bound.exploitability_at_least < plan.exploitability + 1e-9


def test_against_another_one(plan):
    other = train(10, "strength:3")
    found = plan.against(other, 300)
    back = other.against(plan, 300)
    assert found.mean > found.error
    assert back.mean == pytest.approx(-found.mean, abs=1e-5)
    with pytest.raises(UserError, match="royal preflop to flop with other blinds, stacks, ranges or bets"):
        plan.against(replace(other, spot=replace(other.spot, stack=50)))


def test_a_decision_of_it_is_a_spot(plan):
    view = plan.at("call check [As Kd Qh] check")
    assert view.actions[0] == "check"
    spot = view.spot()
    assert (spot.pot, spot.stack, spot.board, spot.aggressor) == (4, 98, view.board, "")
    assert [(lock.node, lock.strategy) for lock in spot.locks] == [("", (("check", 1.0),))]
    assert parse_spot(to_toml(spot)) == spot
    for p in range(2):
        free = view.possible[p]
        weights = spot.weights[p][view.combos[p][free]]
        np.testing.assert_allclose(weights, view.reach[p][free], rtol=6e-5, atol=1e-6)
    solved = counterplay.solve(spot, iterations=20)
    assert solved.view("check").actions == view.actions
    with pytest.raises(UserError, match="no hand of 'AsAh'"):
        view.of("AsAh")


def test_it_has_no_values_by_hand(plan):
    """They would take all cards to come, and a blueprint is looked at on one board."""
    with pytest.raises(UserError, match="no values by hand"):
        _ = plan.at().ev


def test_a_board_s_suits_need_not_be_those_that_were_dealt(plan):
    """What is done depends on hands up to suits: renaming all suits changes nothing."""
    one, two = plan.at("call check [As Kd Qh]", "JsTs"), plan.at("call check [Ah Kc Qs]", "JhTh")
    assert one == pytest.approx(two)


def test_the_command_line(run, tmp_path):
    out = tmp_path / "plan.cps"
    code, text, _ = run("blueprint", ROYAL, "--buckets", "strength:6", "--iterations", 40, "--threads", 1, "--out", out)
    assert code == 0
    assert "exploitability" in text
    assert "always raise" in text
    code, text, _ = run("show", out, "--node", "call check [As Kd Qh]", "--no-pager")
    assert code == 0
    assert "visits" in text
    spot = tmp_path / "spot.toml"
    code, text, _ = run("show", out, "--node", "call check [As Kd Qh]", "--spot", spot)
    assert code == 0
    assert load_spot(spot).pot == 4
    code, text, _ = run("evaluate", out)
    assert code == 0
    assert "it holds" in text
    code, text, _ = run("evaluate", out, "--json")
    assert code == 0
    code, text, _ = run("play", out, "--hands", 1, "--seed", 1, answers="call\ncall\ncheck\ncheck\ncall\ncheck\n")
    assert code == 0
    code, text, _ = run("blueprint", "--resume", out, "--iterations", 45, "--out", out)
    assert code == 0
    assert "45 iterations" in text
    assert run("export", out, "--to", "csv")[1].startswith("combo,weight,reach,visits,note,fold,call")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("kuhn", "--buckets", "strength:6"), "blueprints are of hold'em spots"),
        ((ROYAL,), "needs a hold'em spot and buckets"),
        ((ROYAL, "--buckets", "strength"), "does not say how many"),
        ((ROYAL, "--buckets", "strength:6", "--time", "soon"), "a time is a number of seconds"),
        ((ROYAL, "--buckets", "none", "--memory", "200KB"), "take fewer buckets"),
        ((), "name a spot"),
    ],
)
def test_mistakes(run, arguments, said):
    code, _, error = run("blueprint", *arguments)
    assert code == 2
    assert said in error


def test_damaged_files_are_refused(plan, tmp_path):
    path = tmp_path / "plan.cps"
    plan.save(path)
    arrays, header = read(path)
    assert counterplay.load(path).exploitability == plan.exploitability

    def refused(changed, more):
        write(path, {**arrays, **changed}, {**header, **more})
        with pytest.raises(UserError) as found:
            counterplay.load(path).at()
        return str(found.value)

    assert "parts missing or damaged" in refused({"other": np.zeros(3)}, {})
    assert "parts missing" in refused({"state.total": arrays["state.total"].astype(np.float64)}, {})
    assert "shape" in refused(
        {"state.total": arrays["state.total"][:-4], "state.regret": arrays["state.regret"][:-4]}, {}
    )
    assert "negative" in refused({"state.total": -arrays["state.total"]}, {})
    assert "not numbers" in refused({"state.total": arrays["state.total"] * np.nan}, {})
    assert "visits" in refused({"state.visits": arrays["state.visits"][:-1]}, {})
    assert "not those" in refused({}, {"digest": "0" * 32})
    assert "header" in refused({}, {"digest": "aces"})
    assert "no buckets" in refused({}, {"buckets": "quality:5"})
    assert "header" in refused({}, {"exploitability": None})
    assert "unknown" in refused({}, {"winnings": {"him": header["winnings"]["always call"]}})
