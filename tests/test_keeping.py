"""Environments that begin single episodes anew and are kept: what is refused, and that nothing has changed then."""

import numpy as np
import pytest
from listed_envs import EXAMPLES

from counterplay.api.testing.teams_checked import copied, same
from counterplay.engine.env import Continuing, random_actions
from counterplay.engine.errors import UserError
from counterplay.games.envs import make_env

SPECS = [
    *EXAMPLES,
    "spread(continuous=true)",
    "leduc",
    "phantom_tic_tac_toe",
    "dark_hex",
    "liars_dice(dice=2)",
]


def started(text, steps=2):
    env, rng = make_env(text).start(3), np.random.default_rng(1)
    step = env.reset(np.random.default_rng(0))
    for _ in range(steps):
        step = env.step(random_actions(env.spec, step, rng))
    return env, step


@pytest.mark.parametrize("text", SPECS)
def test_native_environments_continue(text):
    env, step = started(text)
    assert isinstance(env, Continuing)
    kept = env.keep()
    before = {name: array.copy() for name, array in kept.items()}
    env.step(random_actions(env.spec, step, np.random.default_rng(3)))
    for name, array in kept.items():
        np.testing.assert_array_equal(array, before[name])  # copies, not the environment's own


@pytest.mark.parametrize("text", SPECS)
def test_a_long_run_of_episodes_begun_anew(text):
    """Every episode that ended begins anew at once: nobody stands still, and each is as long as it may be."""
    env, rng = make_env(text).start(4), np.random.default_rng(2)
    step, length, episodes = env.reset(rng), np.zeros(4, int), 0
    for _ in range(3 * min(env.spec.limit, 100)):
        step = env.step(random_actions(env.spec, step, rng))
        length += 1
        assert (length <= env.spec.limit).all()
        over = step.terminated | step.truncated
        assert over[length == env.spec.limit].all()
        episodes += over.sum()
        length[over] = 0
        step = env.renew(over, rng)
        assert not (step.terminated | step.truncated).any()
        assert not step.reward[over].any()
    assert episodes or env.spec.limit > 100


@pytest.mark.parametrize(
    ("text", "name", "index", "value"),
    [
        ("corridor", "now", 0, 50.0),
        ("corridor", "now", 0, -1.0),
        ("cartpole", "now", (1, 2), np.nan),
        ("cartpole", "clock", 0, 501),
        ("pendulum", "now", (1, 1), 8.5),
        ("watch_repair", "now", (2, 3), 4.0),
        ("spread", "clock", 0, -1),
        ("spread", "place", 0, np.inf),
        ("switch", "days", (0, 1), 3),
        ("predator_prey", "who", (0, 0, 0), 10),
        ("predator_prey", "who", (0, 0, 0), -3),
        ("predator_prey", "who", (0, slice(2)), 1),
        ("foraging", "board", 0, -(2**31)),
        ("climbing", "last", 0, 3),
        ("two_step", "state", 0, 2.0),
        ("phantom_tic_tac_toe", "obs", (0, 0, 1), 1),
        ("phantom_tic_tac_toe", "obs", (0, 0, 2), 1),
        ("phantom_tic_tac_toe", "obs", (0, 0, 2), 0.5),
        ("phantom_tic_tac_toe", "terminated", 0, True),
        ("liars_dice(dice=2)", "done", (0, 0), 1000),
        ("liars_dice(dice=2)", "many", 0, 3),
        ("leduc", "node", 0, 10**6),
        ("leduc", "node", 0, 0),
        ("leduc", "deal", 0, 10**6),
    ],
)
def test_numbers_that_cannot_be(text, name, index, value):
    env, step = started(text, steps=0)
    if value == 0:  # chance's, as nobody's decision is
        value = int(np.flatnonzero(env.task.tree.player == -1)[-1])
    shown, kept = copied(step), env.keep()
    kept[name][index] = value
    with pytest.raises(UserError, match="of an environment that was kept "):
        env.resume(kept)
    assert same(shown, env.renew(np.zeros(3, bool), np.random.default_rng(0)))


def test_what_does_not_fit():
    env, _ = started("cartpole")
    kept = env.keep()
    with pytest.raises(
        UserError, match="what is kept of this environment is now, clock, luck, reward, terminated, not"
    ):
        env.resume({})
    with pytest.raises(UserError, match=r"now .* must be float64 of shape \(3, 4\), not float32 of shape \(3, 4\)"):
        env.resume({**kept, "now": kept["now"].astype(np.float32)})
    for wrong in (np.ones(2, bool), np.ones(3, int), True):
        with pytest.raises(UserError, match="which episodes begin anew is told by 3 flags, not"):
            env.renew(wrong, np.random.default_rng(0))
