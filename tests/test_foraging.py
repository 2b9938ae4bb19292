"""Foraging beside lbforaging itself: the same start, the same actions, and everything must come out the same."""

import numpy as np
import pytest
from lbforaging.foraging import ForagingEnv as Original

from counterplay.games.envs import make_env, spec_of
from counterplay.games.envs.foraging import EAST, LOAD, NORTH, SOUTH, WEST, Foraging

TASKS = [
    Foraging(coop=True),
    Foraging(size=5, players=3, food=1, coop=True, penalty=0.1),
    Foraging(size=5, players=4, food=1, reward="individual", penalty=0.5, normalize=False),
    Foraging(size=5, players=9, food=2, max_player_level=1, reward="individual"),
    Foraging(size=6, players=4, food=3, sight=1, max_food_level=2, steps=30),
    Foraging(size=8, players=2, food=2, sight=2, coop=True, min_player_level=2, max_player_level=4),
    Foraging(size=10, players=3, food=3, sight=4, reward="individual"),
    Foraging(size=7, players=1, food=2, max_player_level=1, steps=20),
]


def original(task):
    return Original(
        players=task.players,
        min_player_level=task.min_player_level,
        max_player_level=task.max_player_level,
        min_food_level=task.min_food_level,
        max_food_level=task.max_food_level or None,
        field_size=(task.size, task.size),
        max_num_food=task.food,
        sight=task.sight or task.size,
        max_episode_steps=task.steps,
        force_coop=task.coop,
        normalize_reward=task.normalize,
        penalty=task.penalty,
    )


def unpacked(env, episode):
    """Return [row, column, level] of the players and of the food that is left."""
    board = env._board[episode, :-1]
    things = np.stack([board[:, 0] >> 16, board[:, 0] & 0xFFFF, board[:, 1]], axis=1).tolist()
    players = env.spec.agents
    return things[:players], [thing for thing in things[players:] if thing[2]]


def inject(env, episode, peer):
    """Put the present episode of ours into lbforaging, as if it had just been reset to it; return its observations."""
    players, food = unpacked(env, episode)
    peer.field = np.zeros(peer.field_size, np.int32)
    for row, col, level in food:
        peer.field[row, col] = level
    for player, (row, col, level) in zip(peer.players, players, strict=True):
        player.setup((row, col), level, peer.field_size)
        player.reward = 0
    peer._food_spawned = peer.field.sum()
    peer.current_step = 0
    peer._game_over = False
    peer._gen_valid_moves()
    return peer._make_gym_obs()


def eager(rng, peer):
    """Return actions of players who mostly load, or go where food is, and sometimes do anything."""
    actions = rng.integers(0, 6, len(peer.players))
    food = np.argwhere(peer.field)
    for n, player in enumerate(peer.players):
        if rng.random() < 0.7:
            if peer.adjacent_food(*player.position) > 0:
                actions[n] = LOAD
            elif len(food):
                down, right = food[0] - player.position
                vertical = rng.random() < abs(down) / (abs(down) + abs(right))
                actions[n] = (SOUTH if down > 0 else NORTH) if vertical else (EAST if right > 0 else WEST)
    return actions


@pytest.mark.nojit
@pytest.mark.filterwarnings("ignore:overflow encountered")  # random numbers wrap around
@pytest.mark.parametrize("task", TASKS, ids=spec_of)
def test_step_by_step(task):
    batch, rng = 25, np.random.default_rng(7)
    env, peers = task.start(batch), [original(task) for _ in range(batch)]
    step = env.reset(np.random.default_rng(5))
    for b, peer in enumerate(peers):
        assert np.array_equal(step.obs[b], inject(env, b, peer))
    lifted, ended = 0, np.zeros(batch, bool)
    for time in range(1, task.steps + 1):
        actions = np.array([eager(rng, peer) for peer in peers])
        before = step.obs[ended].copy()
        step = env.step(actions)
        assert np.array_equal(step.obs[ended], before)
        assert not step.reward[ended].any()
        for b in np.flatnonzero(~ended):
            obs, rewards, done, _, _ = peers[b].step(actions[b])
            assert np.array_equal(step.obs[b], obs)
            assert np.array_equal(step.state[b], np.concatenate(obs))
            expected = rewards if task.reward == "individual" else sum(rewards)
            assert np.allclose(step.reward[b], expected, rtol=1e-6, atol=1e-6)
            over = peers[b].field.sum() == 0  # of its ends, those that are not the limit's
            assert (step.terminated[b], step.truncated[b]) == (over, time == task.steps and not over)
            assert done == (step.terminated[b] | step.truncated[b])
            lifted += max(rewards) > 0
        ended = step.terminated | step.truncated
    assert ended.all()
    assert lifted > 10


@pytest.mark.parametrize("task", [TASKS[0], TASKS[2], TASKS[4], TASKS[5]], ids=spec_of)
def test_starts_are_distributed_alike(task):
    """Where players and food lie, and their levels: the largest gap between two histograms of 4,000 starts is small."""
    many = 4000
    env, peer = task.start(many), original(task)
    env.reset(np.random.default_rng(1))
    peer.reset(seed=1)
    ours, theirs = np.zeros((2, 2, 20, task.size, task.size))
    counts = np.zeros((2, task.food + 1))
    for b in range(many):
        players, food = unpacked(env, b)
        counts[0, len(food)] += 1
        for kind, things in enumerate((players, food)):
            for row, col, level in things:
                ours[kind, level, row, col] += 1
        peer.field[:] = 0
        peer.spawn_players(peer.min_player_level, peer.max_player_level)
        lowest = sorted(player.level for player in peer.players)[:3]
        highest = np.full(task.food, sum(lowest)) if peer.max_food_level is None else peer.max_food_level
        peer.spawn_food(task.food, min_levels=peer.min_food_level, max_levels=highest)
        counts[1, np.count_nonzero(peer.field)] += 1
        for player in peer.players:
            theirs[0, player.level, *player.position] += 1
        for row, col in np.argwhere(peer.field):
            theirs[1, peer.field[row, col], row, col] += 1
    spread = np.sqrt(np.maximum(ours + theirs, 1))
    assert (np.abs(ours - theirs) / spread).max() < 4.5
    assert np.array_equal(ours > 0, theirs > 0) or (ours + theirs)[(ours > 0) != (theirs > 0)].max() < 20
    assert (np.abs(counts[0] - counts[1]) <= 4.5 * np.sqrt(np.maximum(counts.sum(axis=0), 1))).all()


def test_ids_of_lbforaging():
    assert make_env("Foraging-8x8-2p-2f-coop-v3") == Foraging(size=8, players=2, food=2, coop=True)
    assert make_env("Foraging-2s-10x10-3p-3f-v3") == Foraging(size=10, players=3, food=3, sight=2)
    assert spec_of(make_env("Foraging-8x8-2p-2f-coop-v3")) == "foraging(coop=true)"
    for wrong in ("Foraging-8x9-2p-2f-v3", "Foraging-8x8-2p-2f-v2", "Foraging-grid-8x8-2p-2f-v3"):
        with pytest.raises(ValueError, match="is no id of lbforaging's that is known here; write Foraging"):
            make_env(wrong)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("foraging(size=2)", "size must be 3 to 1000"),
        ("foraging(players=0)", "players must be 1 to 32"),
        ("foraging(size=3, food=2)", "food must be 1 to 1 with size 3"),
        ("foraging(sight=-1)", "sight must be 1 or more, or 0"),
        ("foraging(max_player_level=9999)", "player levels must be 1 to 1000"),
        ("foraging(max_food_level=-1)", "max_food_level must be 0 to 3000"),
        ("foraging(min_player_level=3)", "min_player_level not above max_player_level"),
        ("foraging(min_food_level=3)", "min_food_level must be 1 to 2"),
        ("foraging(penalty=-1)", "penalty must be 0 or more"),
        ("foraging(steps=0)", "steps must be 1 to 1,000,000,000"),
        ("foraging(reward=shared)", "reward must be team or individual, not 'shared'"),
    ],
)
def test_refused(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        make_env(text)
