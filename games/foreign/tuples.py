"""Environments of Gymnasium, seen as parallel ones of PettingZoo: of one agent, or of several that are tuples.

Of several agents (RWARE, lbforaging) spaces are `Tuple`s, actions and rewards a sequence each, and an end is one for
all or a sequence; agents are called agent_0, agent_1 and so on.
"""

from collections.abc import Mapping
from typing import Any

from counterplay.engine.errors import UserError

_LENGTHS = ("max_steps", "_max_episode_steps", "max_episode_steps")  # where those say it that Gymnasium is not told


def is_gymnasium(env: Any) -> bool:
    """Tell whether an object is an environment of Gymnasium: it has spaces itself, not by agent."""
    spaces = [getattr(env, name, None) for name in ("observation_space", "action_space")]
    return all(hasattr(space, "contains") and hasattr(space, "sample") for space in spaces)


class Tuples:
    """An environment of Gymnasium as PettingZoo's parallel ones are."""

    def __init__(self, env: Any, name: str) -> None:
        from gymnasium import spaces

        self.env, self.name = env, name
        seen, acts = env.observation_space, env.action_space
        self.several = isinstance(acts, spaces.Tuple)
        if self.several and not (isinstance(seen, spaces.Tuple) and len(seen.spaces) == len(acts.spaces)):
            raise UserError(
                f"{name}: {len(acts.spaces)} agents act, and there is not one space each of what they observe"
            )
        each = zip(seen.spaces, acts.spaces, strict=True) if self.several else [(seen, acts)]
        self._spaces = {f"agent_{n}": pair for n, pair in enumerate(each)}
        self.possible_agents = list(self._spaces)
        self.agents: list[str] = []
        self.metadata = getattr(env, "metadata", {})

    @property
    def unwrapped(self) -> Any:
        return getattr(self.env, "unwrapped", self.env)

    @property
    def max_steps(self) -> int | None:
        """How long episodes are at most, if the environment says so."""
        told = getattr(getattr(self.env, "spec", None), "max_episode_steps", None)
        for name in _LENGTHS:
            told = told or getattr(self.unwrapped, name, None)
        return told

    def observation_space(self, agent: str) -> Any:
        return self._spaces[agent][0]

    def action_space(self, agent: str) -> Any:
        return self._spaces[agent][1]

    def reset(self, seed: int | None = None, options: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        answer = self.env.reset(seed=seed)
        if not isinstance(answer, tuple | list) or len(answer) != 2:
            raise UserError(f"{self.name}: reset() has to return observations and an info (Gymnasium 0.26 and later)")
        self.agents = list(self.possible_agents)
        return self._each("observations", answer[0]), self._infos(answer[1])

    def step(self, actions: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
        chosen = [actions[agent] for agent in self.possible_agents]
        answer = self.env.step(tuple(chosen) if self.several else chosen[0])
        if not isinstance(answer, tuple | list) or len(answer) != 5:
            raise UserError(
                f"{self.name}: step() has to return observations, rewards, terminated, truncated and an info "
                "(Gymnasium 0.26 and later)"
            )
        seen, rewards, *ends, info = answer
        over = [self._each(what, end, True) for what, end in zip(("terminated", "truncated"), ends, strict=True)]
        # who is done waits for the others: tuples have a place for everyone until the end
        if all(over[0][agent] or over[1][agent] for agent in self.possible_agents):
            self.agents = []
        else:
            over = [dict.fromkeys(self.possible_agents, False)] * 2
        return self._each("observations", seen), self._each("rewards", rewards), *over, self._infos(info)

    def _each(self, what: str, said: Any, common: bool = False) -> dict[str, Any]:
        """Return what was said by agent; with `common`, one thing may be said of all."""
        if not self.several:
            return {self.possible_agents[0]: said}
        if common and not hasattr(said, "__len__"):
            return dict.fromkeys(self.possible_agents, said)
        if not hasattr(said, "__len__") or len(said) != len(self.possible_agents):
            raise UserError(
                f"{self.name}: {what} have to be one for each of {len(self.possible_agents)} agents, "
                f"not {type(said).__name__}"
            )
        return dict(zip(self.possible_agents, said, strict=True))

    def _infos(self, info: Any) -> dict[str, Any]:
        """Return infos by agent; a mask of actions is one for each agent, or of one agent its own."""
        mask = info.get("action_mask") if isinstance(info, Mapping) else None
        if mask is None:
            return {agent: {} for agent in self.possible_agents}
        return {agent: {"action_mask": one} for agent, one in self._each("masks", mask).items()}

    def render(self) -> Any:
        return self.env.render()

    def close(self) -> None:
        self.env.close()
