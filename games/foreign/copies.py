"""How a PettingZoo environment fits, and copies of it played side by side in one process."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.env import EnvSpec, Step, blank, choices, illegal, reals
from counterplay.engine.errors import UserError

INSTALL = 'PettingZoo is not installed; pip install "counterplay[learn]"'
_LENGTHS = ("max_cycles", "max_steps", "max_episode_steps")  # where environments say how long an episode is
_SHOWN = 10  # numbers of an observation that a picture has


class Fit(NamedTuple):
    """What an environment's arrays look like here. Sizes are those of each agent."""

    agents: tuple[Any, ...]
    observations: tuple[int, ...]
    actions: tuple[int, ...]  # how many choices, or how many numbers
    continuous: bool
    state: int
    own_state: bool  # the environment has one
    limit: int


def examine(env: Any, name: str, limit: int, pad: bool) -> Fit:
    """Return how a parallel environment fits; raise `ValueError` with the reason, and what would, where it does not."""
    try:
        from gymnasium import spaces
    except ModuleNotFoundError:
        raise UserError(INSTALL) from None
    agents = tuple(getattr(env, "possible_agents", ()))
    if not agents:
        raise UserError(f"{name} has no fixed list of agents (possible_agents), and so no number of them")
    observations, actions, kinds = [], [], set()
    for agent in agents:
        seen, acts = _observed(env.observation_space(agent)), env.action_space(agent)
        if not seen.is_np_flattenable:
            raise UserError(
                f"{name}: {agent} observes a {type(seen).__name__} space, which has no fixed number of numbers; a Box "
                "fits, and whatever flattens to one"
            )
        observations.append(spaces.flatdim(seen))
        kinds.add(type(acts))
        if isinstance(acts, spaces.Discrete):
            actions.append(int(acts.n))
        elif isinstance(acts, spaces.Box) and acts.is_bounded():
            actions.append(spaces.flatdim(acts))
        else:
            raise UserError(f"{name}: {agent} acts in {acts}; a Discrete space fits, or a Box with finite bounds")
    if len(kinds) > 1:
        raise UserError(f"{name}: some agents choose and others act continuously; all have to do the same")
    if not pad:
        for what, sizes in (("observations", observations), ("actions", actions)):
            if len(set(sizes)) > 1:
                listed = ", ".join(f"{agent} {size}" for agent, size in zip(agents, sizes, strict=True))
                raise UserError(f"{name}: agents differ in their {what} ({listed}); pad=true fills them up")
    env.reset(seed=0)
    try:
        own = np.size(env.state())
    except (NotImplementedError, AttributeError, TypeError):  # none, or something else of that name
        own = 0
    return Fit(
        agents=agents,
        observations=tuple(observations),
        actions=tuple(actions),
        continuous=kinds == {spaces.Box},
        state=own or len(agents) * max(observations),
        own_state=own > 0,
        limit=limit or _length(env, name),
    )


def _observed(space: Any) -> Any:
    """Return the space of what is observed, without a mask of actions that comes with it."""
    masked = hasattr(space, "spaces") and isinstance(space.spaces, Mapping) and "action_mask" in space.spaces
    return space["observation"] if masked and "observation" in space.spaces else space


def _wrapped(env: Any) -> Iterator[Any]:
    """Yield the environment, what it wraps, and what that in turn keeps as its `env`."""
    for one in (env, getattr(env, "aec_env", None)):
        if one is not None:
            bare = getattr(one, "unwrapped", one)
            yield from (one, bare, getattr(bare, "env", bare))


def _length(env: Any, name: str) -> int:
    for one in _wrapped(env):
        for attribute in _LENGTHS:
            value = getattr(one, attribute, None)
            if isinstance(value, int | np.integer) and value > 0:
                return int(value)
    raise UserError(f"{name} does not say how long its episodes are; limit=N truncates them after N steps")


class Copies:
    """Copies of one environment, played one after another in this process."""

    def __init__(self, name: str, spec: EnvSpec, fit: Fit, copies: list[Any]):
        from gymnasium import spaces

        self.name, self.spec, self.batch, self.fit = name, spec, len(copies), fit
        self.copies = copies
        first, agents = copies[0], self.fit.agents
        self.flatten = [
            np.ravel if isinstance(space, spaces.Box) else _flattener(space)
            for space in (_observed(first.observation_space(agent)) for agent in agents)
        ]
        self.acts = [first.action_space(agent) for agent in agents]
        self.shown = blank(self.spec, self.batch)
        self.clock = np.zeros(self.batch, np.int64)

    def reset(self, rng: np.random.Generator) -> Step:
        return self.begin(rng.integers(0, 2**31, self.batch))

    def picture(self, episode: int) -> npt.NDArray[np.uint8] | None:
        """Return what the environment renders, [height, width, 3], or None where it has no picture."""
        if not hasattr(self.copies[episode], "render"):
            return None
        with self.blamed(episode):
            drawn = self.copies[episode].render()
        return drawn if isinstance(drawn, np.ndarray) and drawn.ndim == 3 else None

    def begin(self, seeds: npt.NDArray[np.int64]) -> Step:
        """Begin the copies' episodes from these seeds, [B]."""
        self.shown.reward[:] = 0
        self.shown.terminated[:] = self.shown.truncated[:] = False
        self.clock[:] = 0
        for b, env in enumerate(self.copies):
            with self.blamed(b):
                obs, infos = env.reset(seed=int(seeds[b]))
                self.show(b, obs, infos, set(env.agents), set(env.agents))
        return self.shown

    def step(self, actions: npt.NDArray[Any]) -> Step:
        actions = check_actions(actions, self.shown, self.spec)
        shown, agents = self.shown, self.fit.agents
        shown.reward[:] = 0
        for b, env in enumerate(self.copies):
            if shown.terminated[b] or shown.truncated[b]:
                continue
            with self.blamed(b):
                chosen = {a: self.action(n, actions[b, n]) for n, a in enumerate(agents) if a in env.agents}
                obs, rewards, terminated, truncated, infos = env.step(chosen)
                self.clock[b] += 1
                last = [a for a in chosen if terminated.get(a, False) or truncated.get(a, False)]
                left = {a for a in env.agents if a not in last}
                paid = [float(rewards.get(a, 0.0)) for a in agents]
                shown.reward[b] = sum(paid) if self.spec.team else paid
                if not left:
                    shown.truncated[b] = any(truncated.get(a, False) and not terminated.get(a, False) for a in last)
                    shown.terminated[b] = not shown.truncated[b]
                elif self.clock[b] == self.fit.limit:
                    shown.truncated[b] = True
                # Who has just ended still sees its last observation; it has a say to bootstrap from if all ended.
                self.show(b, obs, infos, {*left, *last}, left or set(last))
        return shown

    def action(self, n: int, action: Any) -> Any:
        """Return an action as agent n's space has it."""
        space = self.acts[n]
        if not self.fit.continuous:
            return int(action) + int(space.start)
        size = self.fit.actions[n]
        share = (action[:size].astype(np.float64) + 1) / 2
        within = space.low.ravel() + share * (space.high.ravel() - space.low.ravel())
        return np.clip(within.reshape(space.shape).astype(space.dtype), space.low, space.high)

    def show(self, b: int, obs: Any, infos: Any, seeing: set[Any], acting: set[Any]) -> None:
        """Write down what the copy shows: observations of those who see, legal actions of those who act."""
        shown, fit = self.shown, self.fit
        for n, agent in enumerate(fit.agents):
            shown.obs[b, n] = 0
            shown.legal[b, n] = False
            mask = infos.get(agent, {}).get("action_mask")
            if agent in seeing and agent in obs:
                seen = obs[agent]
                if isinstance(seen, Mapping) and "action_mask" in seen:
                    mask = seen["action_mask"]
                    seen = seen.get("observation", seen)
                shown.obs[b, n, : fit.observations[n]] = self.flatten[n](seen)
            if agent in acting:
                count = fit.actions[n]
                shown.legal[b, n, :count] = True if mask is None or fit.continuous else np.asarray(mask)[:count] > 0
            if not shown.legal[b, n].any():
                shown.legal[b, n, 0] = True
        shown.state[b] = np.ravel(self.copies[b].state()) if fit.own_state else shown.obs[b].ravel()

    def blamed(self, b: int) -> "_Blamed":
        return _Blamed(self.name, int(self.clock[b]))

    def render(self, episode: int) -> str:
        """Return a line on the episode and one for each agent, with what it observes: the first numbers of it."""
        reward = np.array2string(np.atleast_1d(self.shown.reward[episode]), precision=3, separator=", ")[1:-1]
        lines = [f"step {self.clock[episode]} of {self.fit.limit} at most, reward {reward.strip()}"]
        for n, agent in enumerate(self.fit.agents):
            size = self.fit.observations[n]
            seen = " ".join(f"{x:6.2f}" for x in self.shown.obs[episode, n, : min(size, _SHOWN)])
            playing = agent in self.copies[episode].agents
            lines.append(f"{agent}: {seen}{' ...' if size > _SHOWN else ''}{'' if playing else ' (not in play)'}")
        return "\n".join(lines)

    def close(self) -> None:
        for env in self.copies:
            if hasattr(env, "close"):  # one's own need not have it
                env.close()


def _flattener(space: Any) -> Callable[[Any], Any]:
    from gymnasium import spaces

    return lambda x: spaces.flatten(space, x)


class _Blamed:
    """Turns an exception inside an environment into one sentence that says whose it is."""

    def __init__(self, name: str, step: int):
        self.name, self.step = name, step

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Exception):
            while trace.tb_next is not None:
                trace = trace.tb_next
            where = f"{trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno}"
            said = " ".join(str(error).split())
            raise UserError(f"{self.name} failed after {self.step} steps: {kind.__name__}: {said} ({where})") from error


def check_actions(actions: npt.NDArray[Any], shown: Step, spec: EnvSpec) -> npt.NDArray[Any]:
    """Return actions if they have the right shape and are legal (or numbers); raise `ValueError` if not."""
    if not spec.continuous:
        actions = choices(actions, shown)
        running = ~(shown.terminated | shown.truncated)[:, None]
        within = (actions >= 0) & (actions < spec.actions)
        legal = np.take_along_axis(shown.legal, np.where(within, actions, 0)[..., None], 2)[..., 0]
        if (running & ~(within & legal)).any():
            raise illegal(actions, shown)
        return actions
    return reals(actions, shown)
