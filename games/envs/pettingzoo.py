"""PettingZoo's parallel environments as tasks (Terry et al. 2021): `pettingzoo:mpe2.simple_spread_v3(N=3)`.

Observations are flattened in the environment's own order, and the state is its `state()`, or all observations one
after another where it has none. An agent that is not (or no longer) in play has action 0 alone and observes zeros.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine import spec as specs
from counterplay.engine.env import Env, EnvSpec, Step, blank, choices, illegal, reals

PREFIX = "pettingzoo:"
_INSTALL = 'PettingZoo is not installed; pip install "counterplay[learn]"'
_OURS = ("reward", "limit", "workers", "pad")  # parameters of a spec that are not the environment's
_LENGTHS = ("max_cycles", "max_steps", "max_episode_steps")  # where environments say how long an episode is
_WORDS: dict[str, object] = {"true": True, "false": False, "none": None}


@dataclass(frozen=True)
class Named:
    """Where an environment comes from: what `attribute` of a module makes of these parameters.

    A module with a slash is an id of PettingZoo's registry, such as butterfly/pistonball_v6.
    """

    module: str
    attribute: str = "parallel_env"
    parameters: tuple[tuple[str, Any], ...] = ()

    def __call__(self) -> Any:
        try:
            module = import_module("pettingzoo" if "/" in self.module else self.module)
        except ModuleNotFoundError as error:
            if error.name in ("pettingzoo", "gymnasium"):
                raise ValueError(_INSTALL) from None
            raise ValueError(f"cannot import {self.module!r}: {error}; a spec names the environment's module") from None
        if "/" in self.module:
            return module.make("parallel", self.module, **dict(self.parameters))
        if not hasattr(module, self.attribute):
            turn_based = "; it is turn-based, and only parallel ones fit" if hasattr(module, "env") else ""
            raise ValueError(f"the module {self.module!r} has no {self.attribute!r}{turn_based}")
        return getattr(module, self.attribute)(**dict(self.parameters))

    def __str__(self) -> str:
        where = self.module if self.attribute == "parallel_env" else f"{self.module}:{self.attribute}"
        words = {value: word for word, value in _WORDS.items()}
        given = [f"{k}={words[v] if v is None or isinstance(v, bool) else repr(v)}" for k, v in self.parameters]
        return f"{where}({', '.join(given)})" if given else where


@dataclass(frozen=True)
class Given:
    """A user's own environment object: itself the first time, and copies of it then."""

    env: Any

    def __call__(self) -> Any:
        try:
            return deepcopy(self.env)
        except Exception:
            raise ValueError(
                f"{self} cannot be copied: play one episode at a time (a batch of 1), or give a function that makes it"
            ) from None

    def __str__(self) -> str:
        return type(self.env).__name__


@dataclass(frozen=True)
class Parallel:
    """Any PettingZoo parallel environment.

    `make` makes one copy of it. Agents' rewards are added up with `reward="team"`, and kept apart with
    `reward="individual"`. After `limit` steps an episode is truncated; 0 takes the environment's own word (an attribute
    `max_cycles` or the like). `workers` are processes that share the copies (0: none; -1: one for each core, but none
    for a single copy or a user's own object). With `pad`, agents may differ in the sizes of their observations (filled
    up with zeros) and in their numbers of actions (those that an agent lacks are not legal).

    An episode ends when no agent is left: truncated if time ran out for any of the last, otherwise terminated.
    """

    make: Callable[[], Any]
    reward: str = "team"
    limit: int = 0
    workers: int = field(default=-1, compare=False)
    pad: bool = False

    def __post_init__(self) -> None:
        if self.reward not in ("team", "individual"):
            raise ValueError(f"reward must be team or individual, not {self.reward!r}")
        if self.limit < 0:
            raise ValueError(f"limit must be a number of steps, or 0 for the environment's own, not {self.limit}")
        if self.workers < -1:
            raise ValueError(f"workers must be a number of processes, or -1 for one a core, not {self.workers}")

    @property
    def name(self) -> str:
        """Return what the environment, or the function that makes it, is called."""
        return str(getattr(self.make, "__qualname__", self.make))

    @cached_property
    def fit(self) -> "Fit":
        """Return how the environment fits; raises `ValueError` with the reason where it does not."""
        env = self.make.env if isinstance(self.make, Given) else self.build()
        try:
            return examine(env, self.name, self.limit, self.pad)
        except ValueError:
            raise
        except Exception as error:
            raise ValueError(f"{self.name} cannot be examined: {type(error).__name__}: {error}") from error
        finally:
            if not isinstance(self.make, Given) and hasattr(env, "close"):
                env.close()

    @property
    def spec(self) -> EnvSpec:
        fit = self.fit
        return EnvSpec(
            agents=len(fit.agents),
            actions=max(fit.actions),
            observation=max(fit.observations),
            state=fit.state,
            limit=fit.limit,
            team=self.reward == "team",
            continuous=fit.continuous,
        )

    def build(self) -> Any:
        """Return a new copy of the environment; raises `ValueError` where it cannot be made."""
        try:
            return self.make()
        except ValueError:
            raise
        except Exception as error:
            raise ValueError(f"{self.name} cannot be made: {type(error).__name__}: {error}") from error

    def start(self, batch: int) -> Env:
        from counterplay.games.envs.workers import Crew, cores

        blank(self.spec, batch)  # refuses a batch of none
        if isinstance(self.make, Given) and batch == 1:
            return Copies(self, [self.make.env])
        usual = 0 if isinstance(self.make, Given) or batch == 1 else cores()
        workers = min(batch, usual if self.workers < 0 else self.workers)
        return Crew(self, batch, workers) if workers else Copies(self, [self.build() for _ in range(batch)])


def from_parallel(env: Any, *, reward: str = "team", limit: int = 0, workers: int = -1, pad: bool = False) -> Parallel:
    """Return a PettingZoo parallel environment as a task: an object, or a function that makes one.

    Of an object copies are made where an environment of several episodes is started, if it can be copied.
    """
    named = hasattr(env, "possible_agents") or not callable(env)
    return Parallel(Given(env) if named else env, reward, limit, workers, pad)


def load(text: str) -> Parallel:
    """Return the task of a spec without its prefix: `MODULE(parameter=value, ...)`.

    `MODULE:ATTRIBUTE` takes another attribute than `parallel_env`, and `FOLDER/NAME` is an id of PettingZoo's registry.
    The parameters are the environment's, save `reward`, `limit`, `workers` and `pad`, which are `Parallel`'s.
    """
    where, bracket, rest = (part.strip() for part in text.partition("("))
    if not re.fullmatch(r"\w+(\.\w+)*(:\w+)?|[\w-]+(/[\w-]+)+", where):
        raise ValueError(
            f"cannot read {PREFIX + text.strip()!r}; write a module such as pettingzoo:mpe2.simple_spread_v3(N=3)"
        )
    module, _, attribute = where.partition(":")
    given = {
        name: _WORDS.get(value, value) if isinstance(value, str) else value
        for name, value in specs.parse(f"pettingzoo{bracket}{rest}").parameters.items()
    }
    ours = {name: given.pop(name) for name in _OURS if name in given}
    for name, kind, word in (
        ("limit", int, "an integer"),
        ("workers", int, "an integer"),
        ("pad", bool, "true or false"),
    ):
        if name in ours and type(ours[name]) is not kind:
            raise ValueError(f"{module}: {name} must be {word}, not {ours[name]!r}")
    made: Any = ours
    return Parallel(Named(module, attribute or "parallel_env", tuple(given.items())), **made)


def spec_text(task: Parallel) -> str | None:
    """Return the spec that `load` reads as an equal task, with its prefix; None for a user's own object or function."""
    if not isinstance(task.make, Named):
        return None
    more = [("reward", task.reward, "team"), ("limit", task.limit, 0), ("pad", task.pad, False)]
    changed = tuple((name, value) for name, value, usual in more if value != usual)
    return PREFIX + str(Named(task.make.module, task.make.attribute, (*task.make.parameters, *changed)))


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
        raise ValueError(_INSTALL) from None
    if hasattr(env, "agent_iter"):
        raise ValueError(
            f"{name} is a turn-based (AEC) environment, and only parallel ones fit; pettingzoo.utils has "
            "turn_based_aec_to_parallel, which makes one of it"
        )
    agents = tuple(getattr(env, "possible_agents", ()))
    if not agents:
        raise ValueError(f"{name} has no fixed list of agents (possible_agents), and so no number of them")
    observations, actions, kinds = [], [], set()
    for agent in agents:
        seen, acts = _observed(env.observation_space(agent)), env.action_space(agent)
        if not seen.is_np_flattenable:
            raise ValueError(
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
            raise ValueError(f"{name}: {agent} acts in {acts}; a Discrete space fits, or a Box with finite bounds")
    if len(kinds) > 1:
        raise ValueError(f"{name}: some agents choose and others act continuously; all have to do the same")
    if not pad:
        for what, sizes in (("observations", observations), ("actions", actions)):
            if len(set(sizes)) > 1:
                listed = ", ".join(f"{agent} {size}" for agent, size in zip(agents, sizes, strict=True))
                raise ValueError(f"{name}: agents differ in their {what} ({listed}); pad=true fills them up")
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
    raise ValueError(f"{name} does not say how long its episodes are; limit=N truncates them after N steps")


class Copies:
    """Copies of one environment, played one after another in this process."""

    def __init__(self, task: Parallel, copies: list[Any]):
        from gymnasium import spaces

        self.task, self.spec, self.batch, self.fit = task, task.spec, len(copies), task.fit
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
        return _Blamed(self.task.name, int(self.clock[b]))

    def close(self) -> None:
        for env in self.copies:
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
            raise ValueError(
                f"{self.name} failed after {self.step} steps: {kind.__name__}: {said} ({where})"
            ) from error


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
