"""Solutions of one game that were found in different ways: judged where that can be, told apart where it cannot."""

import pytest

import counterplay
from counterplay.engine.errors import UserError


@pytest.fixture(scope="module")
def kuhn():
    steps = counterplay.solve("kuhn", "mccfr-external", iterations=2000, memory="1MB")
    return steps, counterplay.solve("kuhn", iterations=100)


def test_a_strategy_of_steps_is_judged_by_the_tree(kuhn):
    steps, tree = kuhn
    found = counterplay.judge("kuhn", steps)
    table = {(met.player, met.label): met.strategy for met in steps}
    assert found.exploitability == pytest.approx(counterplay.judge(tree, table).exploitability, abs=1e-12)
    with pytest.raises(UserError, match="of another game"):
        counterplay.judge("leduc", steps)


def test_solutions_found_in_different_ways_are_told_apart(kuhn):
    steps, tree = kuhn
    for one, other in ((steps, tree), (tree, steps)):
        with pytest.raises(UserError, match="both solutions are of kuhn, but one was found"):
            one.against(other)


def test_a_tree_of_a_phantom_game_is_judged():
    solution = counterplay.solve("dark_hex(size=2)", iterations=50)
    assert counterplay.judge("dark_hex(size=2)", solution).value == pytest.approx(solution.value)
