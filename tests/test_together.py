"""Several processes that train one run: their gradient is that of one with the joint batch."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

import pair as both  # noqa: E402
from naive_learners import random_episodes  # noqa: E402

from counterplay.agents import together  # noqa: E402
from counterplay.engine.env import EnvSpec  # noqa: E402

ONCE = {"epochs": 1, "minibatches": 1}
ON_POLICY = {
    "ippo": ONCE,
    "mappo": ONCE,
    "mdpo": ONCE,
    "magnetic_ppo": {**ONCE, "magnet_rate": 0.1},
    "vrpo": ONCE,
    "ia2c": {},
    "reinforce": {},
    "coma": {},
    "pqn": ONCE,
    "trpo": {**ONCE, "products": 3},
    "hatrpo": {**ONCE, "products": 3},
}
FROM_REPLAY = {"iql": {}, "vdn": {}, "qmix": {}, "qtran": {}, "qtran_alt": {}, "wqmix": {}}
FEW = settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@pytest.fixture(scope="module")
def pair():
    with both.pair() as found:
        yield found


@st.composite
def batches(draw, sizes):
    """Draw an environment's shape, and episodes in it with the place where they are cut in two."""
    spec = EnvSpec(
        agents=draw(st.integers(1, 3)),
        actions=draw(st.integers(2, 4)),
        observation=draw(st.integers(1, 5)),
        state=draw(st.integers(1, 4)),
        limit=draw(st.integers(1, 6)),
    )
    many = draw(sizes)
    episodes = random_episodes(np.random.default_rng(draw(st.integers(0, 2**16))), spec, many)
    return spec, episodes, draw(st.integers(1, many - 1))


def check(pair, name, spec, given, episodes, cut, close=1e-5):
    mine, theirs = pair(both.learned, name, spec, given, episodes, cut)
    with both.alone():
        one = both.learned(name, spec, given, episodes, cut)
    first = [torch.cat(found[0][0]) for found in (mine, theirs, one)]
    assert torch.equal(first[0], first[1])
    assert torch.allclose(first[0], first[2], rtol=1e-3, atol=close * max(1.0, float(first[2].abs().max())))
    for key, part in one[1].items():
        assert torch.equal(mine[1][key], theirs[1][key])
        assert torch.allclose(mine[1][key].double(), part.double(), rtol=1e-5, atol=1e-6), key
    assert all(torch.equal(a, b) for a, b in zip(mine[2], theirs[2], strict=True))
    assert mine[4] == theirs[4] == one[4] == episodes.steps
    if "loss" in one[3]:
        assert mine[3]["loss"] == pytest.approx(theirs[3]["loss"]) == pytest.approx(one[3]["loss"], rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("name", ON_POLICY)
def test_the_gradient_of_two_is_that_of_the_joint_batch(pair, name):
    @FEW
    @given(batches(st.integers(2, 7)))
    def holds(drawn):
        spec, episodes, cut = drawn
        if name == "coma":  # what might have followed a truncated episode is drawn
            episodes = episodes._replace(terminated=episodes.filled & ~np.roll(episodes.filled, -1, 1))
            last = episodes.filled.sum(axis=1) - 1
            episodes.terminated[np.arange(len(last)), last] = True
        check(pair, name, spec, {"envs": 8, **ON_POLICY[name]}, episodes, cut)

    holds()


@pytest.mark.parametrize("name", FROM_REPLAY)
def test_the_gradient_of_two_replays(pair, name):
    @FEW
    @given(batches(st.sampled_from([2, 4, 8])))
    def holds(drawn):
        spec, episodes, _ = drawn
        many = len(episodes.filled)
        sizes = {"batch": many, "warmup": many, "replay": many, "updates": 1 / many}
        check(pair, name, spec, {**sizes, **FROM_REPLAY[name]}, episodes, many // 2)

    holds()


@FEW
@given(st.integers(0, 9), st.integers(1, 9), st.integers(1, 4), st.integers(0, 2**16))
def test_scales_take_in_what_all_have_seen(pair, mine, theirs, width, seed):
    numbers = torch.from_numpy(np.random.default_rng(seed).normal(3, 2, (mine + theirs, width)).astype(np.float32))
    here, there = pair(both.scaled, numbers, mine)
    with both.alone():
        one = both.scaled(numbers, mine)
    for key, part in one.items():
        assert torch.equal(here[key], there[key])
        assert torch.allclose(here[key].double(), part.double(), rtol=1e-6, atol=1e-6), key


SHAPES = st.lists(
    st.one_of(st.tuples(st.integers(1, 9)), st.tuples(st.integers(1, 40), st.integers(1, 40))), min_size=1
)


@FEW
@given(SHAPES, st.integers(0, 2**16))
def test_replicas_stay_equal_where_gradients_are_compressed(pair, shapes, seed):
    (mine, sent), (theirs, _) = pair(both.descended, [*shapes, (30, 50)], 14, seed, "powersgd")
    assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))
    assert all(part.isfinite().all() for part in mine)
    _, whole, compressed = sent
    assert compressed < whole  # a matrix of 30 by 50 is sent in 160 numbers
    plain, _ = pair(both.descended, [*shapes, (30, 50)], 14, seed, "none")
    assert not torch.equal(plain[0][-1], mine[-1])


def test_shares(pair):
    mine, theirs = pair(together.share, 7)
    assert (mine, theirs) == (4, 3)
    assert pair(together.total, 2.0) == (4.0, 4.0)
