"""A game of six steps in which an agent may leave at step two, while the other plays on."""

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv

STEPS = 6


class Leaver(ParallelEnv):
    """Agents see the step and who is there; agent_1 leaves by action 1 at its second step, and is paid 1 for it.

    Where it is better to "stay", agent_1 is paid 5 at the end if it is still there. Where it is better to "go", agent_0
    is paid 1 for each of the four steps after that in which it plays action 1, once it is alone. So 5 is best.
    """

    metadata = {"name": "leaver"}  # noqa: RUF012

    def __init__(self, better="stay"):
        self.better = better
        self.possible_agents = ["agent_0", "agent_1"]

    def observation_space(self, agent):
        return spaces.Box(0, 1, (STEPS + 2,))

    def action_space(self, agent):
        return spaces.Discrete(2)

    def look(self, agents):
        seen = np.zeros(STEPS + 2, np.float32)
        seen[self.t], seen[-1] = 1, len(self.agents) == 2
        return dict.fromkeys(agents, seen)

    def reset(self, seed=None, options=None):
        self.t, self.agents = 0, self.possible_agents[:]
        return self.look(self.agents), {agent: {} for agent in self.agents}

    def step(self, actions):
        self.t += 1
        leaves = self.t == 2 and actions["agent_1"] == 1
        paid = dict.fromkeys(actions, 0.0)
        if leaves:
            paid["agent_1"] = 1.0
        elif self.better == "go" and "agent_1" not in actions:
            paid["agent_0"] = float(actions["agent_0"])
        elif self.better == "stay" and self.t == STEPS:
            paid["agent_1" if "agent_1" in actions else "agent_0"] = 5.0 * ("agent_1" in actions)
        over = {agent: self.t == STEPS or (leaves and agent == "agent_1") for agent in actions}
        self.agents = [agent for agent in actions if not over[agent]]
        return self.look(actions), paid, over, dict.fromkeys(actions, False), {agent: {} for agent in actions}
