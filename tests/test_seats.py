"""Seats that others take: what learners see beside them, runs against them, kept and found again."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

import counterplay
from counterplay.agents.rollout import collect
from counterplay.agents.seats import Against, EachSeat, Uniform
from counterplay.api.opponents import Asked, OfTable, actor_of
from counterplay.engine.errors import UserError
from counterplay.engine.strategy import uniform
from counterplay.games import GAMES
from counterplay.games.envs import ENVS
from counterplay.games.envs.phantom import StonesInTheDark
from counterplay.games.envs.steps import InSteps
from counterplay.games.envs.tree import TurnBased


class Pure:
    """An actor that always takes the last legal action, and tells what it saw."""

    def begin(self, batch):
        self.seen = []

    def act(self, step, rng, explore):
        assert not explore
        self.seen.append(step.legal.copy())
        return step.legal.shape[-1] - 1 - step.legal[..., ::-1].argmax(axis=-1)


def test_the_open_seats_see_what_their_agents_see():
    task = ENVS.make("foraging(size=5, players=3, food=2, reward=individual)")
    other = Pure()
    env, whole = Against(task, {1: other}).start(4), task.start(4)
    assert env.spec == replace(task.spec, agents=2)
    step, full = env.reset(np.random.default_rng(3)), None
    shown = env.shown
    for _ in range(5):
        assert np.array_equal(step.obs, shown.obs[:, [0, 2]])
        assert np.array_equal(step.reward, shown.reward[:, [0, 2]])
        step = env.step(step.legal.argmax(axis=-1))
        shown = env.shown
    # The same played in the whole environment, whose episodes follow from the same generator.
    rng = np.random.default_rng(3)
    rng.integers(2**63)
    full = whole.reset(rng)
    for _ in range(5):
        actions = full.legal.argmax(axis=-1)
        actions[:, 1] = (full.legal.shape[-1] - 1 - full.legal[..., ::-1].argmax(axis=-1))[:, 1]
        full = whole.step(actions)
    assert np.array_equal(full.obs[:, [0, 2]], step.obs)


def test_each_seat_is_open_in_turn_and_pools_are_drawn_from():
    task, pool = ENVS.make("kuhn"), (Pure(), Uniform())
    env = Against(task, pool).start(40)
    env.reset(np.random.default_rng(0))
    assert np.bincount(env.open[:, 0]).tolist() == [20, 20]
    taken = env.by.max(axis=1)
    assert (env.by.min(axis=1) == -1).all()
    assert set(taken.tolist()) == {0, 1}
    fixed = Against(task, pool, seat=1).start(7)
    fixed.reset(np.random.default_rng(0))
    assert (fixed.open == 1).all()


@pytest.mark.parametrize(
    ("others", "seat", "told"),
    [
        ({}, None, "some have to be taken"),
        ({0: Uniform(), 1: Uniform()}, None, "some left open"),
        ({2: Uniform()}, None, "seats 0 to 1"),
        ((), None, "needs some"),
        ((Uniform(),), 2, "seats are 0 to 1, not 2"),
    ],
)
def test_somebody_sits_and_somebody_may(others, seat, told):
    with pytest.raises(UserError, match=told):
        Against(ENVS.make("kuhn"), others, seat)


def earned(task, actor, seed=0, batch=4000):
    """Return what uniform play earns beside an actor, in seat 0, on average, and its standard error."""
    env = Against(task, {1: actor}).start(batch)
    returns = collect(env, Uniform(), np.random.default_rng(seed), explore=False).returns()[:, 0]
    return returns.mean(), returns.std() / np.sqrt(batch)


def test_a_strategy_plays_itself_whatever_form_it_has():
    solution = counterplay.solve("leduc", iterations=30)
    rules = GAMES.make("leduc")
    task = TurnBased(rules)
    exact = counterplay.judge("leduc", mixed_with_uniform(solution, task)).value[0]
    answers = Asked(lambda player, label, names: solution.at(label, player=player), kept=True)
    for actor in (OfTable(solution.strategy), actor_of(solution, task), answers):
        mean, error = earned(task, actor)
        assert abs(mean - exact) < 4 * error
    mean, error = earned(InSteps(rules), answers)
    assert abs(mean - exact) < 4 * error


def mixed_with_uniform(solution, task):
    tree, table = task.tree, solution.strategy.copy()
    mine = np.repeat(tree.owner == 0, np.diff(tree.first))
    table[mine] = uniform(tree)[mine]
    return table


def test_stones_in_the_dark_are_tried_as_a_function_says():
    task = StonesInTheDark(GAMES.make("phantom_tic_tac_toe"))
    labels = []

    def first(player, label, names):
        labels.append(label)
        return names[0]

    mean, _ = earned(task, Asked(first, kept=False), batch=20)
    assert -1 <= mean <= 1
    assert {"start"} < set(labels)
    with pytest.raises(UserError, match="of another game"):
        actor_of(counterplay.train("iql", "kuhn", steps=20), task)


def test_a_run_against_others_goes_on_as_if_it_had_not_stopped(tmp_path, capsys):
    file = tmp_path / "weak.cps"
    counterplay.solve("kuhn", iterations=2).save(file)
    options = {"against": [file, "uniform"], "seed": 1}
    whole = counterplay.train("ippo", "kuhn", steps=400, out=tmp_path / "whole", test_every=200, **options)
    counterplay.train("ippo", "kuhn", steps=200, out=tmp_path / "half", test_every=200, **options)
    run = counterplay.train(resume=tmp_path / "half", steps=400)
    assert whole.task.spec.agents == 1
    one, two = (each.learner.state()["networks"] for each in (whole, run))
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert run.others == whole.others
    assert run.others.sides == (str(file), "uniform")

    counterplay.solve("kuhn", iterations=3).save(file)
    capsys.readouterr()
    counterplay.load_run(tmp_path / "half")
    assert "has changed since the run" in capsys.readouterr().err
    moved = tmp_path / "moved.cps"
    shutil.move(file, moved)
    with pytest.raises(UserError, match="which is not there: say where it is now"):
        counterplay.load_run(tmp_path / "half")
    with pytest.raises(UserError, match=r"is against .*weak\.cps, not"):
        counterplay.train(resume=tmp_path / "half", steps=500, against=[moved, "uniform"])


def test_a_moved_file_is_taken_again_by_what_is_in_it(tmp_path):
    file, moved = tmp_path / "weak.cps", tmp_path / "moved.cps"
    counterplay.solve("kuhn", iterations=2).save(file)
    counterplay.train("ippo", "kuhn", steps=40, out=tmp_path / "run", against=file, seat=1)
    shutil.move(file, moved)
    with pytest.raises(UserError, match="in other seats"):
        counterplay.train(resume=tmp_path / "run", steps=80, against=moved, seat=0)
    assert counterplay.train(resume=tmp_path / "run", steps=80, against=moved).steps >= 80


def test_what_learns_beside_a_bad_player_beats_it(tmp_path):
    def folds(player, label, actions):
        return actions[0]

    run = counterplay.train("ippo", "kuhn", steps=6000, against=folds, lr=5e-3, envs=32)
    assert run.evaluate(300).mean > 0.4  # who bets always wins the ante of who always passes
    each = EachSeat(run.learner)
    task = ENVS.make("kuhn")
    rng = np.random.default_rng(0)
    returns = collect(task.start(500), each, rng, explore=False).returns()
    assert abs(returns.sum(axis=1)).max() == 0


def test_evaluate_tells_what_a_run_earns_beside_another(tmp_path, capsys):
    from counterplay import cli

    counterplay.train("ippo", "kuhn", steps=40, out=tmp_path / "run", against="uniform")
    for words in (["evaluate", tmp_path / "run", "--against", "uniform"], ["watch", tmp_path / "run", "--delay", "0"]):
        with pytest.raises(SystemExit) as ended:
            cli.main(list(map(str, words)))
        assert not ended.value.code
    assert "against it" in capsys.readouterr().out
