"""Returns and advantages against their definitions."""

import naive_learners as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterplay.agents.returns import Lives, n_step, targets, td_lambda
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


def v_trace(reward, after, now, ratio, over, gamma, trace, ahead, most, longest):
    """Return V-trace targets by their definition (Espeholt et al. 2018, eq. 1), the product of all c written out."""
    found, length = [], len(reward)
    for s in range(length):
        total = now[s]
        for t in range(s, min(s + ahead, length) if ahead else length):
            product = 1.0
            for i in range(s, t):
                product *= trace * min(longest, ratio[i])
            following = 0.0 if over and t == length - 1 else after[t]
            total += gamma ** (t - s) * product * min(most, ratio[t]) * (reward[t] + gamma * following - now[t])
        found.append(total)
    return found


@given(st.integers(0, 10**6), st.booleans(), SHARES, SHARES, st.integers(0, 8), st.floats(0.1, 2), st.floats(0.1, 2))
@settings(max_examples=30, deadline=None)
def test_v_trace(seed, own, gamma, trace, ahead, most, longest):
    episodes, (now, after) = drawn(seed, own)
    ratio = np.exp(np.random.default_rng(seed).normal(size=now.shape)).astype(np.float32)
    facts = episodes.reward, after, episodes.terminated, episodes.filled, gamma
    options = {"trace": trace, "steps": ahead, "most": most, "longest": longest}
    found = targets(*facts, now=now, ratio=ratio, **options)

    def expected(reward, cut, over):
        return v_trace(reward, cut(after), cut(now), cut(ratio), over, gamma, trace, ahead, most, longest)

    check(found, episodes, expected)


@given(st.integers(0, 10**6), SHARES, SHARES)
@settings(max_examples=30, deadline=None)
def test_on_policy_v_trace_is_td_lambda(seed, gamma, trace):
    """With ratios of 1, also where agents come and go."""
    rng = np.random.default_rng(seed)
    spec = EnvSpec(agents=2, actions=2, observation=1, state=1, limit=6, team=bool(seed % 2), lives=True)
    episodes = naive.random_episodes(rng, spec, 4)
    states = rng.normal(size=(4, episodes.filled.shape[1] + 1, 2)).astype(np.float32)
    facts = episodes.reward, states[:, 1:], episodes.terminated, episodes.filled, gamma
    lives, ones = Lives(episodes.alive, episodes.ended), np.ones_like(states[:, 1:])
    wanted = targets(*facts, trace=trace, lives=lives)
    assert wanted == pytest.approx(td_lambda(*facts, trace, lives))
    found = targets(*facts, trace=trace, lives=lives, now=states[:, :-1], ratio=ones)
    assert found == pytest.approx(wanted, abs=1e-4)


def test_every_target_by_one_function():
    episodes, (after, _) = drawn(1, False)
    facts = episodes.reward, after, episodes.terminated, episodes.filled, 0.9
    nothing = episodes.reward, np.zeros_like(after), episodes.terminated, episodes.filled, 0.9
    for b, length in enumerate(episodes.filled.sum(axis=1)):
        monte_carlo = [sum(0.9**k * x for k, x in enumerate(episodes.reward[b, t:length])) for t in range(length)]
        assert targets(*nothing)[b, :length].reshape(length, -1)[:, 0] == pytest.approx(monte_carlo, abs=1e-4)
    assert (targets(*facts, trace=0.0) == td_lambda(*facts, 0.0)).all()
    assert (targets(*facts, trace=0.7) == td_lambda(*facts, 0.7)).all()
    assert (targets(*facts, steps=3) == n_step(*facts, 3)).all()
