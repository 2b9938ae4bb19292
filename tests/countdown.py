"""A parallel environment of PettingZoo to try adapters on, and what tests of them need."""

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv


class Countdown(ParallelEnv):
    """Agent i leaves after i + 2 steps; observations count down, and the mask forbids the last action on odd steps."""

    metadata = {"name": "countdown"}  # noqa: RUF012

    def __init__(self, n=3, masks="info", how="terminated", sizes=(2, 2, 2), choices=(3, 3, 3), space=None, fail_at=99):
        self.possible_agents = [f"agent_{i}" for i in range(n)]
        self.masks, self.how, self.sizes, self.fail_at = masks, how, sizes, fail_at
        self.boxes = {a: spaces.Box(-9, 9, (sizes[i],)) for i, a in enumerate(self.possible_agents)}
        if space is not None:
            self.boxes = dict.fromkeys(self.possible_agents, space)
        self.acts = {a: spaces.Discrete(choices[i], start=i) for i, a in enumerate(self.possible_agents)}
        self.heard = []

    def observation_space(self, agent):
        if self.masks != "dict":
            return self.boxes[agent]
        return spaces.Dict(observation=self.boxes[agent], action_mask=spaces.MultiBinary(int(self.acts[agent].n)))

    def action_space(self, agent):
        return self.acts[agent]

    def look(self, agents):
        obs, infos = {}, {}
        for a in agents:
            i = self.possible_agents.index(a)
            seen, mask = np.full(self.sizes[i], 10.0 * i + self.t, np.float32), np.ones(int(self.acts[a].n), np.int8)
            mask[-1] = self.t % 2 == 0
            obs[a] = {"observation": seen, "action_mask": mask} if self.masks == "dict" else seen
            infos[a] = {"action_mask": mask} if self.masks == "info" else {}
        return obs, infos

    def reset(self, seed=None, options=None):
        self.agents, self.t = self.possible_agents[:], 0
        self.heard = [("reset", seed)]
        return self.look(self.agents)

    def step(self, actions):
        assert set(actions) == set(self.agents)
        assert self.t < self.fail_at, "it broke"
        self.heard.append(actions)
        self.t += 1
        playing = self.agents
        over = {a: self.t == self.possible_agents.index(a) + 2 for a in playing}
        never = dict.fromkeys(playing, False)
        flags = (over, never) if self.how == "terminated" else (never, over)
        self.agents = [a for a in playing if not over[a]]
        obs, infos = self.look(playing)
        return obs, {a: 1.0 + self.possible_agents.index(a) for a in playing}, *flags, infos


class Gym(Countdown):
    """Continuous actions, each in [0, 4] x [-1, 0]."""

    def action_space(self, agent):
        return self.boxes.setdefault(
            f"{agent} acts", spaces.Box(np.array([0, -1.0]), np.array([4, 0.0]), dtype=np.float64)
        )

    def look(self, agents):
        return {a: np.zeros(2, np.float32) for a in agents}, {a: {} for a in agents}


class Endless(Countdown):
    def step(self, actions):
        self.t += 1
        no = dict.fromkeys(self.agents, False)
        return *self.look(self.agents)[:1], dict.fromkeys(self.agents, 1.0), no, no, {a: {} for a in self.agents}


class Sparse(Endless):
    def step(self, actions):
        obs, rewards, *rest = super().step(actions)
        return obs, dict.fromkeys(rewards, 0.0), *rest


def zeros(env):
    return np.zeros((env.batch, env.spec.agents), np.int64)


def play(env, seed):
    """Return all that uniform random play shows."""
    rng, step, shown = np.random.default_rng(seed), env.reset(np.random.default_rng(seed)), []
    while True:
        shown.append([array.copy() for array in step])
        if (step.terminated | step.truncated).all():
            return shown
        step = env.step((rng.random(step.legal.shape) * step.legal).argmax(axis=-1))


def assert_equal(first, second):
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y)
