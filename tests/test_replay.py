"""Replay against a plain list of episodes."""

from collections import Counter
from dataclasses import replace

import naive_learners as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterplay.agents.replay import Replay
from counterplay.engine.env import EnvSpec

SPEC = EnvSpec(agents=2, actions=3, observation=2, state=1, limit=4)


def parts(episodes, b):
    """Return one episode's arrays without padding: what was seen has one row more than there were steps."""
    length = int(episodes.filled[b].sum())
    seen = [*episodes[:3], *(array for array in episodes[7:] if array is not None)]
    return [array[b, : length + 1].copy() for array in seen] + [array[b, :length] for array in episodes[3:7]]


def same(first, second):
    return all(a is b or np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def held(replay):
    """Return all episodes of a replay by their places."""
    draw = replay.draw(replay.size, np.random.default_rng(0))
    return {int(place): parts(draw.episodes, b) for b, place in enumerate(draw.place)}


@given(st.integers(0, 10**6), st.integers(1, 7), st.lists(st.integers(1, 9), max_size=4), st.booleans())
@settings(max_examples=40, deadline=None)
def test_ring_holds_the_last_episodes(seed, capacity, batches, own):
    rng = np.random.default_rng(seed)
    spec = SPEC if not own else EnvSpec(2, 3, 2, 1, 4, team=False, lives=True)
    replay, naive_list, put = Replay(spec, capacity), [], 0
    for batch in [1, *batches]:
        episodes = naive.random_episodes(rng, spec, batch)
        replay.add(episodes)
        naive_list += [(put + b, parts(episodes, b)) for b in range(batch)]
        put += batch
        naive_list = naive_list[-capacity:]
        assert replay.size == len(naive_list)
        found = held(replay)
        assert all(same(found[number % capacity], episode) for number, episode in naive_list)


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_draws(seed):
    """A draw is cut to its longest episode, differs within itself, and has a legal action in every row of padding."""
    rng = np.random.default_rng(seed)
    replay = Replay(SPEC, 20)
    replay.add(naive.random_episodes(rng, SPEC, 20))
    draw = replay.draw(6, rng)
    assert len(set(draw.place)) == 6
    assert (draw.weight == 1).all()
    lengths = draw.episodes.filled.sum(axis=1)
    assert draw.episodes.filled.shape[1] == lengths.max() == draw.episodes.legal.shape[1] - 1
    assert draw.episodes.legal.any(axis=-1).all()
    for b, length in enumerate(lengths):
        assert not draw.episodes.obs[b, length + 1 :].any()
        assert not draw.episodes.reward[b, length:].any()


def test_priorities():
    """Episodes come in proportion to priority ** alpha, and weigh (size * share) ** -beta over the largest of them."""
    rng = np.random.default_rng(3)
    replay = Replay(SPEC, 5, alpha=0.5)
    replay.add(naive.random_episodes(rng, SPEC, 4))
    priority = np.array([1.0, 4.0, 9.0, 16.0])
    replay.reprioritise(np.arange(4), priority)
    share = priority**0.5 / (priority**0.5).sum()
    draws = [replay.draw(8, rng, beta=0.7) for _ in range(2000)]
    counts = Counter(int(place) for draw in draws for place in draw.place)
    assert [counts[place] / 16_000 for place in range(4)] == pytest.approx(share, abs=0.015)
    for draw in draws[:20]:
        weight = (4 * share[draw.place]) ** -0.7
        assert draw.weight == pytest.approx(weight / weight.max(), rel=1e-4)

    # a new one has the highest priority so far
    replay.add(naive.random_episodes(rng, SPEC, 1))
    counts = Counter(int(place) for _ in range(2000) for place in replay.draw(8, rng).place)
    assert counts[4] / 16_000 == pytest.approx(4 / 14, abs=0.015)
    assert counts[3] / 16_000 == pytest.approx(4 / 14, abs=0.015)


@pytest.mark.parametrize("alpha", [0.0, 0.6])
@pytest.mark.parametrize("lives", [False, True])
def test_restored_replay_draws_the_same(alpha, lives):
    rng, spec = np.random.default_rng(5), replace(SPEC, lives=lives)
    replay, other = Replay(spec, 6, alpha), Replay(spec, 6, alpha)
    replay.add(naive.random_episodes(rng, spec, 8))
    replay.reprioritise(np.arange(6), rng.random(6))
    other.restore(replay.state())
    more = naive.random_episodes(rng, spec, 3)
    for each in (replay, other):
        each.add(more)
    first, second = (each.draw(4, np.random.default_rng(9), 0.5) for each in (replay, other))
    assert same(first.episodes, second.episodes)
    assert np.array_equal(first.place, second.place)
    assert np.array_equal(first.weight, second.weight)
