"""Returns and advantages against their definitions."""

import naive_learners as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterplay.agents.returns import n_step, td_lambda
from counterplay.api.testing import returns_plain
from counterplay.api.testing.teams_checked import check_learner
from counterplay.engine.env import EnvSpec

SHARES = st.floats(0, 1)


def drawn(seed, own):
    """Return random episodes of a team or of agents with rewards of their own, and values of their states."""
    rng = np.random.default_rng(seed)
    spec = EnvSpec(agents=2, actions=2, observation=1, state=1, limit=6, team=not own)
    episodes = naive.random_episodes(rng, spec, 4)
    shape = (*episodes.filled.shape, 2) if own or seed % 2 else episodes.filled.shape
    return episodes, rng.normal(size=(2, *shape)).astype(np.float32)


def check(found, episodes, expected):
    """Compare with `expected(reward, pick, over)` for each episode and agent; `pick` cuts an array to them."""
    for b, length in enumerate(episodes.filled.sum(axis=1)):
        for k in range(found.shape[2]) if found.ndim == 3 else [None]:

            def cut(array, b=b, length=length, k=k):
                part = array[b, :length].astype(float)
                return part[:, k] if part.ndim == 2 else part

            over = bool(episodes.terminated[b, length - 1])
            assert cut(found) == pytest.approx(expected(cut(episodes.reward), cut, over), abs=1e-4)
        assert not found[b, length:].any()


@given(st.integers(0, 10**6), st.booleans(), SHARES, st.integers(1, 8))
@settings(max_examples=30, deadline=None)
def test_n_step(seed, own, gamma, n):
    episodes, (after, _) = drawn(seed, own)
    found = n_step(episodes.reward, after, episodes.terminated, episodes.filled, gamma, n)
    check(found, episodes, lambda reward, cut, over: returns_plain.n_step(reward, cut(after), over, gamma, n))


@given(st.integers(0, 10**6), st.booleans(), SHARES, SHARES)
@settings(max_examples=30, deadline=None)
def test_lambda_returns(seed, own, gamma, trace):
    episodes, (after, _) = drawn(seed, own)
    found = td_lambda(episodes.reward, after, episodes.terminated, episodes.filled, gamma, trace)
    check(
        found, episodes, lambda reward, cut, over: returns_plain.lambda_returns(reward, cut(after), over, gamma, trace)
    )


@given(st.integers(0, 10**6), st.booleans(), SHARES, SHARES)
@settings(max_examples=30, deadline=None)
def test_advantages(seed, own, gamma, trace):
    episodes, (value, after) = drawn(seed, own)
    goes_on = episodes.filled[:, 1:]
    after[:, :-1][goes_on] = value[:, 1:][goes_on]  # what a step leads to is what the next one is taken in
    returns = td_lambda(episodes.reward, after, episodes.terminated, episodes.filled, gamma, trace)
    mask = episodes.filled if returns.ndim == 2 else episodes.filled[..., None]
    found = np.where(mask, returns - value, 0)

    def expected(reward, cut, over):
        return returns_plain.advantages(reward, cut(value), cut(after), over, gamma, trace)

    check(found, episodes, expected)


def test_ends_of_lambda():
    """0 is the one-step target, 1 the whole return."""
    episodes, (after, _) = drawn(1, False)
    facts = episodes.reward, after, episodes.terminated, episodes.filled, 0.9
    assert td_lambda(*facts, 0.0) == pytest.approx(n_step(*facts, 1), abs=1e-5)
    assert td_lambda(*facts, 1.0) == pytest.approx(n_step(*facts, 100), abs=1e-5)


def test_the_kit_holds_them_against_their_definitions():
    check_learner(lambda_returns=td_lambda, n_step=n_step, examples=60)
    check_learner(lambda_returns=td_lambda, n_step=n_step, lives=True, examples=60)
