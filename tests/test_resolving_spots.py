"""Blueprints that solve streets anew, from Python and from the command line."""

import json
from pathlib import Path

import numpy as np
import pytest

import counterplay
from counterplay.api.blueprint_measuring import whole_layout
from counterplay.api.resolving_spots import resolve_blueprint
from counterplay.engine.errors import UserError
from counterplay.engine.streets import Tables
from counterplay.games.holdem.chain import judged_on
from counterplay.solvers.streets import parts
from counterplay.solvers.streets.cfr import SubgameCFR
from counterplay.solvers.variants import VARIANTS

ROYAL = Path(__file__).parent.parent / "examples" / "royal_preflop.toml"  # twenty cards, limit, to the flop


@pytest.fixture(scope="module")
def plan():
    return counterplay.blueprint(ROYAL, "strength:6", iterations=300, threads=1, seed=3)


def test_a_blueprint_by_lanes_is_worth_what_it_is_by_cells(plan):
    laid = whole_layout(plan.spot)
    total, none = parts.by_lanes(laid.game, judged_on(plan.chain, laid), plan.total), np.zeros(0, np.float32)
    run = SubgameCFR(laid.game, plan.spot.pot, VARIANTS["dcfr3"], kept=Tables(total, total, none, none))
    assert run.judge().exploitability == pytest.approx(plan.exploitability, rel=1e-5)


@pytest.mark.parametrize("gadget", ["none", "resolve", "maxmargin", "reach"])
def test_flops_are_solved_anew(plan, gadget):
    heard = []
    found = resolve_blueprint(
        plan, "flop", gadget, iterations=40, game=ROYAL, threads=2, on_progress=lambda *said: heard.append(said)
    )
    assert found.before.exploitability == pytest.approx(plan.exploitability, rel=1e-5)
    assert found.exploitability < (0.9 if gadget == "none" else 0.75) * plan.exploitability
    assert heard[-1] == ("re-solving the flop", 1.0)
    if gadget != "none":
        for p in range(2):
            assert found.after.best[p] <= found.before.best[p] + found.excess[p] + 1e-5
    assert found.figures()["mbb/g"] == pytest.approx(500 * found.exploitability)


def test_what_cannot_be_solved_anew_is_said(plan):
    for street in ("river", "preflop", "night"):
        with pytest.raises(UserError, match=f"begins on the flop, not on '{street}'"):
            resolve_blueprint(plan, street)
    with pytest.raises(UserError, match="a gadget is none, resolve, maxmargin or reach, not 'reech'"):
        resolve_blueprint(plan, "flop", "reech")
    with pytest.raises(UserError, match="solved anew from a blueprint"):
        resolve_blueprint("leduc", "flop")
    with pytest.raises(UserError, match="of another spot"):
        resolve_blueprint(plan, "flop", game=ROYAL.with_name("royal_holdem.toml"))
    with pytest.raises(UserError, match="iterations"):
        resolve_blueprint(plan, "flop", iterations=0)


def test_the_command_line(plan, tmp_path, run):
    file = tmp_path / "plan.cps"
    plan.save(file)
    how = ("evaluate", ROYAL, "--resolve", file, "--from", "flop", "--gadget", "maxmargin", "--iterations", 20)
    code, text, _ = run(*how)
    assert code == 0
    assert "from the flop on: 95 roots of 20 iterations, once for each player" in text
    code, text, _ = run(*how, "--json")
    told = json.loads(text)
    assert told["exploitability"] < told["blueprint_exploitability"]
    assert (told["gadget"], told["from"], told["roots"], told["resolve"]) == ("maxmargin", "flop", 95, str(file))
    for given, said in (
        (("evaluate", ROYAL, "--resolve", file), "--from river"),
        (("evaluate", ROYAL, "--from", "flop"), "add --resolve"),
        ((*how, "--horizon", 2), "--horizon is for games that are solved level by level"),
        (("evaluate", ROYAL, "--resolve", tmp_path / "none.cps", "--from", "flop"), "none.cps"),
    ):
        code, _, error = run(*given)
        assert code == 2
        assert said in error
