"""Files that earlier versions wrote are still read: the folder `old` holds some.

The turns have tables by all hands of the ranges on every board; the others were written by version 0.1.0.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest

import counterplay

OLD = Path(__file__).parent / "old"


@pytest.mark.parametrize("name", ["kuhn", "kuhn3", "river", "river16", "turn", "turn16"])
def test_old_solutions(name):
    solution = counterplay.load(OLD / f"{name}.cps")
    assert solution.iterations == 50
    found = solution.judge()
    assert found.value == pytest.approx(solution.value, abs=1e-4)
    assert found.exploitability == pytest.approx(solution.exploitability, abs=1e-4)
    further = counterplay.solve(resume=solution, iterations=60)
    assert further.iterations == 60


def test_old_solutions_go_on_as_new_ones_would():
    further = counterplay.solve(resume=counterplay.load(OLD / "kuhn.cps"), iterations=80)
    anew = counterplay.solve("kuhn", iterations=80)  # on another processor, perhaps, which rounds otherwise
    np.testing.assert_allclose(further.strategy, anew.strategy, rtol=1e-12)


def test_an_old_run(tmp_path):
    shutil.copytree(OLD / "run", tmp_path / "run")
    run = counterplay.load_run(tmp_path / "run")
    assert (run.name, run.env, run.steps) == ("vdn", "two_step", 400)
    assert run.evaluate(20).mean == 8
    further = counterplay.train(resume=tmp_path / "run", steps=600)
    assert further.steps == 600
    assert further.history[: len(run.history)] == run.history
