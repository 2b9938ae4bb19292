"""Our environments as PettingZoo's: a task as a parallel environment, a turn-based game as an AEC environment."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.env import Drawn, Task
from counterplay.engine.errors import UserError
from counterplay.engine.rules import DealtRules, Rules
from counterplay.games import make
from counterplay.games.envs import make_env, spec_of
from counterplay.games.envs.adopt import turn_based

try:
    from gymnasium import spaces
    from pettingzoo import AECEnv, ParallelEnv
except ModuleNotFoundError:
    raise UserError('PettingZoo is not installed; pip install "counterplay[learn]"') from None

_TEXT = ("ansi",)  # what PettingZoo calls a picture made of text


def to_parallel(task: Task | str, render_mode: str | None = None) -> "OurParallel":
    """Return a task, or the one of that spec, as a PettingZoo parallel environment."""
    return OurParallel(make_env(task) if isinstance(task, str) else task, render_mode)


def to_aec(game: Rules | DealtRules | str, render_mode: str | None = None) -> "OurTurns":
    """Return a turn-based game, or the one of that spec, as a PettingZoo AEC environment."""
    return OurTurns(make(game) if isinstance(game, str) else game, render_mode)


class _One:
    """One episode of a task, and what both kinds of PettingZoo environment say alike."""

    observation_spaces: dict[str, Any]
    action_spaces: dict[str, Any]

    def __init__(self, task: Task, names: str, render_mode: str | None):
        if render_mode is not None and render_mode not in _TEXT:
            raise UserError(f"render_mode must be {' or '.join(_TEXT)}, not {render_mode!r}")
        self.render_mode = render_mode
        self.metadata: dict[str, Any] = {"name": spec_of(task) or type(task).__name__, "render_modes": list(_TEXT)}
        self.task, self.spec = task, task.spec
        self.max_cycles = self.spec.limit
        self.env = task.start(1)
        self.rng = np.random.default_rng()
        self.now: Any = None  # the step that is shown
        self.possible_agents = [f"{names}_{i}" for i in range(self.spec.agents)]
        self.agents: list[str] = []
        low, high = (0, 255) if self.spec.byte_state else (-np.inf, np.inf)
        kind: Any = self.spec.state_type
        self.state_space = spaces.Box(low, high, (self.spec.state,), kind)

    def observation_space(self, agent: str) -> Any:
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Any:
        return self.action_spaces[agent]

    def state(self) -> npt.NDArray[Any]:
        self._begun()
        state: npt.NDArray[Any] = self.now.state[0].copy()
        return state

    def render(self) -> str | None:
        """Return the episode as text, if `render_mode` is "ansi"."""
        self._begun()
        return self.env.render(0) if self.render_mode is not None and isinstance(self.env, Drawn) else None

    def close(self) -> None:
        close = getattr(self.env, "close", None)
        if close is not None:
            close()

    def _restart(self, seed: int | None) -> None:
        if seed is not None:
            self.rng = np.random.default_rng(seed)
        self.agents = self.possible_agents[:]
        self.now = self.env.reset(self.rng)

    def _begun(self) -> None:
        if self.now is None:
            raise UserError("the environment has to be reset before it is stepped or looked at")


class OurParallel(_One, ParallelEnv):  # type: ignore[misc]
    """A task as a PettingZoo parallel environment of one episode.

    Observations are the task's. `infos[agent]["action_mask"]` (i8 [A]) says which actions are legal; the first legal
    one takes the place of one that is not. A team's reward goes to every agent, in full. `reset(seed)` gives the
    episode of `task.start(1).reset(np.random.default_rng(seed))`. Who leaves early is told so by its flags, and is not
    among `agents` any more.
    """

    def __init__(self, task: Task, render_mode: str | None = None):
        _One.__init__(self, task, "agent", render_mode)
        size, count = self.spec.observation, self.spec.actions
        self.metadata["is_parallelizable"] = True
        low, high = (0, 255) if self.spec.byte_obs else (-np.inf, np.inf)
        kind: Any = self.spec.obs_type
        seen = spaces.Box(low, high, (size,), kind)
        self.observation_spaces = dict.fromkeys(self.possible_agents, seen)
        acts: dict[str, Callable[[], Any]] = {
            "choice": lambda: spaces.Discrete(count),
            "choices": lambda: spaces.MultiDiscrete(list(self.spec.parts)),
            "numbers": lambda: spaces.Box(-1.0, 1.0, (count,), np.float32),
        }
        self.action_spaces = {a: acts[self.spec.kind]() for a in self.possible_agents}  # each may be seeded

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, Any]:
        self._restart(seed)
        self.agents = self._alive()
        return self._seen(self.agents), self._infos(self.agents)

    def step(self, actions: dict[str, Any]) -> tuple[Any, Any, Any, Any, Any]:
        self._begun()
        if not self.agents:
            raise UserError("the episode has ended; reset begins another")
        missing = [agent for agent in self.agents if agent not in actions]
        if missing:
            raise UserError(f"every agent has to act; {', '.join(missing)} did not")
        if self.spec.kind != "choice":
            still = np.zeros(self.spec.action_shape, self.spec.action_type)
            chosen: npt.NDArray[Any] = np.stack([np.asarray(actions.get(a, still)) for a in self.possible_agents])
        else:
            chosen = np.array([int(actions.get(agent, 0)) for agent in self.possible_agents])
            legal = self.now.legal[0]
            within = (chosen >= 0) & (chosen < self.spec.actions)
            allowed = within & legal[np.arange(len(chosen)), np.where(within, chosen, 0)]
            chosen = np.where(allowed, chosen, legal.argmax(axis=1))
        self.now = self.env.step(chosen[None])
        reward = np.broadcast_to(self.now.reward[0], self.spec.agents).tolist()
        over, late = bool(self.now.terminated[0]), bool(self.now.truncated[0])
        acted, left = self.agents, [] if over or late else self._alive()
        ended = dict.fromkeys(acted, over)
        if self.now.ended is not None:
            gone = dict(zip(self.possible_agents, self.now.ended[0].tolist(), strict=True))
            ended = {agent: over or gone[agent] for agent in acted}
        told = [*acted, *(agent for agent in left if agent not in acted)]
        self.agents = left
        return (
            self._seen(told),
            {agent: reward[self.possible_agents.index(agent)] for agent in told},
            {agent: ended.get(agent, False) for agent in told},
            {agent: agent not in left and not ended[agent] for agent in told},
            self._infos(told),
        )

    def _alive(self) -> list[str]:
        """Return who is in play."""
        alive = self.now.alive
        return [a for n, a in enumerate(self.possible_agents) if alive is None or alive[0, n]]

    def _seen(self, agents: list[str]) -> dict[str, npt.NDArray[Any]]:
        return {agent: self.now.obs[0, self.possible_agents.index(agent)].copy() for agent in agents}

    def _infos(self, agents: list[str]) -> dict[str, dict[str, Any]]:
        if self.spec.continuous:
            return {agent: {} for agent in agents}
        masks = self.now.legal[0].astype(np.int8)
        return {agent: {"action_mask": masks[self.possible_agents.index(agent)]} for agent in agents}


class OurTurns(_One, AECEnv):  # type: ignore[misc]
    """A turn-based game as a PettingZoo AEC environment; chance needs no step.

    An observation is a dictionary of "observation" (what the player sees, by `counterplay.games.envs.encoding`, or
    `.phantom`) and "action_mask" (i8 [A]; all 0 for who is not to act). Payoffs are paid at the end. An action that is
    not legal raises `ValueError`.
    """

    def __init__(self, rules: Rules | DealtRules, render_mode: str | None = None):
        _One.__init__(self, turn_based(rules), "player", render_mode)
        size, count = self.spec.observation, self.spec.actions
        self.metadata["is_parallelizable"] = False
        self.observation_spaces = {
            a: spaces.Dict(
                observation=spaces.Box(0.0, 1.0, (size,), np.float32), action_mask=spaces.Box(0, 1, (count,), np.int8)
            )
            for a in self.possible_agents
        }
        self.action_spaces = {a: spaces.Discrete(count) for a in self.possible_agents}

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        self._restart(seed)
        self.rewards = dict.fromkeys(self.agents, 0.0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self.infos: dict[str, dict[str, Any]] = {agent: {} for agent in self.agents}
        self._skip_agent_selection = None
        self.agent_selection = self._to_act()

    def _to_act(self) -> str:
        """Return whose turn it is; the first player where it is nobody's, because chance alone ended the game."""
        env: Any = self.env
        turn: int = env.turn(0)
        return self.possible_agents[max(0, turn)]

    def observe(self, agent: str) -> dict[str, npt.NDArray[Any]]:
        self._begun()
        i = self.possible_agents.index(agent)
        mask = self.now.legal[0, i].astype(np.int8)
        if agent != self.agent_selection or self.now.terminated[0]:
            mask[:] = 0
        return {"observation": self.now.obs[0, i].copy(), "action_mask": mask}

    def step(self, action: Any) -> None:
        self._begun()
        if not self.agents:
            raise UserError("the game has ended; reset begins another")
        agent = self.agent_selection
        if self.terminations[agent]:
            self._was_dead_step(action)
            return
        i = self.possible_agents.index(agent)
        legal = np.flatnonzero(self.now.legal[0, i])
        if action is None or int(action) not in legal:
            raise UserError(f"action {action} of {agent} is not legal; legal are {', '.join(map(str, legal))}")
        actions = np.zeros((1, self.spec.agents), np.int64)
        actions[0, i] = action
        self.now = self.env.step(actions)
        self._cumulative_rewards[agent] = 0.0
        rewards = np.broadcast_to(self.now.reward[0], self.spec.agents).tolist()
        self.rewards = dict(zip(self.possible_agents, rewards, strict=True))
        self._accumulate_rewards()
        if self.now.terminated[0]:
            self.terminations = dict.fromkeys(self.agents, True)
        self.agent_selection = self._to_act()
