"""Cells of the table of Papoudakis et al.: the evaluation that counts, and its interval."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).parent.parent / "benchmarks" / "papoudakis_cells.py"


@pytest.fixture(scope="module")
def cells() -> ModuleType:
    spec = importlib.util.spec_from_file_location("papoudakis_cells", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_evaluation_of_the_highest_mean_counts(cells):
    one, other = [(10, 1.0), (20, 5.0), (30, 2.0)], [(11, 3.0), (20, 1.0), (30, 3.0)]  # means 2, 3, 2.5; bests 5 and 3
    found = cells.best([one, other], [10, 20, 30])
    assert (found.mean, found.seeds, found.steps) == (3.0, 2, 30)
    assert found.half == pytest.approx(12.706 * 2, rel=1e-4)  # t of one degree, deviation 2 sqrt(2), two seeds


def test_seeds_count_as_far_as_all_have_come(cells):
    curves = [[(10, 1.0), (20, 9.0)], [(10, 2.0)]]
    found = cells.best(curves, [10, 20])
    assert (found.mean, found.steps) == (1.5, 10)
    assert cells.best([[(10, 1.0)], []], [10]) is None
    alone = cells.best(curves[1:], [10, 20])
    assert alone.seeds == 1
    assert alone.half != alone.half


def test_an_update_longer_than_the_way_between_two_evaluations(cells):
    assert cells.evaluations([(25, 7.0), (40, 8.0)], [10, 20, 30, 50]) == [7.0, 7.0, 8.0]


def test_published_rows_have_nine_numbers(cells):
    assert {len(row.split()) for row in cells.PUBLISHED.values()} == {9}
