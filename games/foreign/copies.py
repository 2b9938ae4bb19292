"""How a PettingZoo environment fits, and copies of it played side by side in one process."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.env import EnvSpec, Step, blank, choices, illegal, parted, random_actions, reals
from counterplay.engine.errors import UserError
from counterplay.games.foreign.answers import Where, flag, mask, numbers, of_reset, of_step, reward

INSTALL = 'PettingZoo is not installed; pip install "counterplay[learn]"'
_LENGTHS = ("max_cycles", "max_steps", "max_episode_steps")  # where environments say how long an episode is
_PROBES, _PROBED = 3, 50  # episodes and steps of each that show how agents are paid
_ENOUGH, _TOGETHER = 20, 0.3  # so many steps show that rewards go together, if they correlate so much
_TOLD = 64  # numbers of infos, by name, that are heard of
_VAST = 1e300  # of these: a mean of larger ones may be none
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
    byte_obs: bool = False  # observations are bytes, such as pictures are made of
    byte_state: bool = False
    parts: tuple[int, ...] = ()  # options of each of several choices at once
    grid: tuple[int, int, int] | tuple[()] = ()  # of a picture that all see
    roles: tuple[int, ...] = ()  # whose spaces are of one shape; () if all are
    paid: str = ""  # how agents are paid in random play (`probe`), if that was asked for


def examine(env: Any, name: str, limit: int, pad: bool, probing: bool = False) -> Fit:
    """Return how a parallel environment fits; raise `ValueError` with the reason, and what would, where it does not.

    With `probing` it also plays a little to see how agents are paid.
    """
    try:
        from gymnasium import spaces
    except ModuleNotFoundError:
        raise UserError(INSTALL) from None
    agents = tuple(getattr(env, "possible_agents", ()))
    if not agents:
        raise UserError(f"{name} has no fixed list of agents (possible_agents), and so no number of them")
    observations, actions, kinds, types, parts = [], [], set(), set(), set()
    for agent in agents:
        seen, acts = _observed(env.observation_space(agent)), env.action_space(agent)
        if not seen.is_np_flattenable:
            raise UserError(
                f"{name}: {agent} observes a {type(seen).__name__} space, which has no fixed number of numbers; a Box "
                "fits, and whatever flattens to one"
            )
        observations.append(spaces.flatdim(seen))
        types.add(seen.dtype if isinstance(seen, spaces.Box) else None)
        kinds.add(type(acts))
        if isinstance(acts, spaces.Discrete):
            actions.append(int(acts.n))
        elif isinstance(acts, spaces.Box) and acts.is_bounded():
            actions.append(spaces.flatdim(acts))
        elif isinstance(acts, spaces.MultiDiscrete) and acts.nvec.ndim == 1:
            actions.append(int(acts.nvec.sum()))
            parts.add(tuple(acts.nvec.tolist()))
        else:
            raise UserError(
                f"{name}: {agent} acts in {acts}; a Discrete or flat MultiDiscrete space fits, "
                "or a Box with finite bounds"
            )
    if len(kinds) > 1:
        raise UserError(f"{name}: some agents choose and others act continuously or in parts; all have to do the same")
    if len(parts) > 1:
        raise UserError(
            f"{name}: agents make several choices at once, and not all the same ones; these cannot be padded"
        )
    if not pad:
        for what, sizes in (("observations", observations), ("actions", actions)):
            if len(set(sizes)) > 1:
                listed = ", ".join(f"{agent} {size}" for agent, size in zip(agents, sizes, strict=True))
                raise UserError(f"{name}: agents differ in their {what} ({listed}); pad=true fills them up")
    of_reset(env.reset(seed=0), agents, Where(name, 0, 0))
    try:
        state = np.asarray(env.state())
        own = state.size
    except (NotImplementedError, AttributeError, TypeError):  # none, or something else of that name
        own = 0
    byte_obs = types == {np.dtype(np.uint8)}
    fit = Fit(
        agents=agents,
        observations=tuple(observations),
        actions=tuple(actions),
        continuous=kinds == {spaces.Box},
        parts=next(iter(parts), ()),
        state=own or len(agents) * max(observations),
        own_state=own > 0,
        limit=limit or _length(env, name),
        byte_obs=byte_obs,
        byte_state=state.dtype == np.uint8 if own else byte_obs,
        grid=_grid([_observed(env.observation_space(agent)) for agent in agents]),
        roles=_roles(list(zip(observations, actions, strict=True))),
    )
    return fit._replace(paid=probe(env, name, fit)) if probing and len(agents) > 1 else fit


def _grid(seen: list[Any]) -> tuple[int, int, int] | tuple[()]:
    """Return the shape of what all see, if it is one picture: rows, columns and depth, as it lies."""
    shapes = {getattr(space, "shape", None) for space in seen}
    shape = shapes.pop() if len(shapes) == 1 else None
    if shape is None or len(shape) not in (2, 3):
        return ()
    rows, columns, *depth = shape
    return (int(rows), int(columns), int(depth[0]) if depth else 1)


def _roles(sizes: list[tuple[int, int]]) -> tuple[int, ...]:
    """Return a number for each agent, the same for those that see and do equally much; none if all do."""
    kinds = list(dict.fromkeys(sizes))
    return tuple(map(kinds.index, sizes)) if len(kinds) > 1 else ()


def probe(env: Any, name: str, fit: Fit) -> str:
    """Return "team" if agents are paid together in a little random play, "never" if not at all, else how they differ.

    Together is alike, or at least rising and falling with each other, as where everyone has its share of one goal.
    """
    spec = EnvSpec(len(fit.agents), max(fit.actions), max(fit.observations), fit.state, fit.limit, False)
    spec = replace(
        spec, continuous=fit.continuous, parts=fit.parts, byte_obs=fit.byte_obs, byte_state=fit.byte_state, lives=True
    )
    played, rng, paid = Copies(name, spec, fit, [env]), np.random.default_rng(0), []
    for _ in range(_PROBES):
        step = played.reset(rng)
        for _ in range(_PROBED):
            if step.terminated[0] or step.truncated[0]:
                break
            acts = np.array(step.alive)[0]
            step = played.step(random_actions(spec, step, rng))
            paid.append(np.where(acts, step.reward[0], np.nan))
    rewards = np.array(paid, np.float64)
    if not np.nan_to_num(rewards).any():
        return "never"
    spread = np.nanmax(rewards, axis=1) - np.nanmin(rewards, axis=1)
    if spread.max() < 1e-6:
        return "team"
    together = rewards[~np.isnan(rewards).any(axis=1)]
    if len(together) >= _ENOUGH and (together.std(axis=0) > 0).all() and np.corrcoef(together.T).min() > _TOGETHER:
        return "team"
    row = rewards[spread.argmax()]
    best, worst = int(np.nanargmax(row)), int(np.nanargmin(row))
    always = len(together) == len(rewards) and np.abs(together.sum(axis=1)).max() < 1e-6
    return (
        f"one step paid {fit.agents[best]} {row[best]:.4g} and {fit.agents[worst]} {row[worst]:.4g}"
        f"{', and the sum was always 0' if always else ''}"
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
        self.name, self.spec, self.batch, self.fit = name, spec, len(copies), fit
        self.copies = copies
        self.first = 0  # how the first copy's episode is counted in messages
        first, agents = copies[0], self.fit.agents
        self.flatten = [_flattener(_observed(first.observation_space(agent))) for agent in agents]
        self.acts = [first.action_space(agent) for agent in agents]
        ends = [0, *np.cumsum(fit.parts).tolist()] if fit.parts else [0, spec.actions]
        self.parts = [slice(start, end) for start, end in pairwise(ends)]  # of what is legal: one choice each
        self.shown = blank(self.spec, self.batch)
        self.clock = np.zeros(self.batch, np.int64)
        self.over: list[set[Any]] = [set() for _ in copies]  # who has been told that its game is over
        self.told: dict[str, npt.NDArray[np.float64]] = {}  # [B] what episodes told last, nan of those that did not

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
        shown = self.shown
        shown.reward[:] = 0
        shown.terminated[:] = shown.truncated[:] = False
        if shown.ended is not None:
            shown.ended[:] = False
        self.clock[:] = 0
        for numbers_told in self.told.values():
            numbers_told[:] = np.nan
        for b, env in enumerate(self.copies):
            self.over[b].clear()
            with self.blamed(b):
                answer = env.reset(seed=int(seeds[b]))
            obs, infos = of_reset(answer, self.fit.agents, self.where(b))
            playing = self.playing(b)
            if not playing:
                raise self.where(b).wrong("nobody is in play after reset()")
            self.show(b, obs, infos, playing, playing)
        self.check_finite()
        return shown

    def step(self, actions: npt.NDArray[Any]) -> Step:
        actions = check_actions(actions, self.shown, self.spec)
        shown = self.shown
        shown.reward[:] = 0
        for b in range(self.batch):
            if not (shown.terminated[b] or shown.truncated[b]):
                self.step_one(b, actions[b])
        self.check_finite()
        return shown

    def step_one(self, b: int, actions: npt.NDArray[Any]) -> None:
        """Play one step of a copy that has not ended."""
        env, shown, agents = self.copies[b], self.shown, self.fit.agents
        before = self.playing(b)
        chosen = {a: self.action(n, actions[n]) for n, a in enumerate(agents) if a in before}
        with self.blamed(b):
            answer = env.step(chosen)
        self.clock[b] += 1
        where = self.where(b)
        obs, rewards, terminated, truncated, infos = of_step(answer, agents, list(chosen), where)
        self.hear(b, infos)
        paid = [reward(rewards[a], a, where) if a in rewards else 0.0 for a in agents]
        shown.reward[b] = sum(paid) if self.spec.team else paid
        ended = {a for a in chosen if flag(terminated[a], "termination", a, where)}
        late = {a for a in chosen if flag(truncated[a], "truncation", a, where)} - ended
        left = self.playing(b) - ended - late
        if back := left & self.over[b]:
            raise where.wrong("it is in play again after its game was over, which PettingZoo rules out", min(back))
        self.over[b] |= ended | late
        if not left:
            shown.truncated[b] = bool(late)
            shown.terminated[b] = not late
        elif self.clock[b] == self.fit.limit:
            shown.truncated[b] = True
        done = bool(shown.terminated[b] or shown.truncated[b])
        # Who would act, had time not run out, has a say to bootstrap from. What those saw last whose game is over is
        # shown where it still has a value, or as the last thing of the episode.
        self.show(b, obs, infos, left | late | (set(chosen) if done else set()), left or late, left | late)
        if shown.ended is not None:
            for n, a in enumerate(agents):  # of whom nothing more is heard is as if it had ended
                gone = a in chosen and a not in late
                shown.ended[b, n] = a not in left and (gone or shown.ended[b, n])

    def infos(self) -> Mapping[str, npt.NDArray[np.float64]]:
        """Return what each copy's episode told last, [B] by name: the mean of the agents that told it."""
        return self.told

    def hear(self, b: int, infos: Mapping[Any, Any]) -> None:
        """Write down the numbers among what a copy tells its agents; whatever else it tells is left."""
        heard: dict[str, list[float]] = {}
        for info in infos.values():
            for name, value in info.items() if isinstance(info, Mapping) else ():
                if isinstance(value, int | float | np.bool_ | np.integer | np.floating) and -_VAST < value < _VAST:
                    heard.setdefault(str(name), []).append(float(value))
        for name, values in heard.items():
            if name not in self.told and len(self.told) < _TOLD:
                self.told[name] = np.full(self.batch, np.nan)
            if name in self.told:
                self.told[name][b] = sum(values) / len(values)

    def action(self, n: int, action: Any) -> Any:
        """Return an action as agent n's space has it."""
        space = self.acts[n]
        if self.fit.parts:
            return action + space.start
        if not self.fit.continuous:
            return int(action) + int(space.start)
        size = self.fit.actions[n]
        share = (action[:size].astype(np.float64) + 1) / 2
        within = space.low.ravel() + share * (space.high.ravel() - space.low.ravel())
        return np.clip(within.reshape(space.shape).astype(space.dtype), space.low, space.high)

    def show(
        self, b: int, obs: Any, infos: Any, seeing: set[Any], acting: set[Any], choosing: set[Any] | None = None
    ) -> None:
        """Write down what the copy shows: observations of those who see, legal actions of those who act or would.

        `choosing` are those who have actions to choose among, if only for the value of what they see.
        """
        shown, fit, where = self.shown, self.fit, self.where(b)
        done = shown.terminated[b] or shown.truncated[b]
        for n, agent in enumerate(fit.agents):
            shown.obs[b, n] = 0
            shown.legal[b, n] = False
            info = infos.get(agent)
            said = info.get("action_mask") if isinstance(info, Mapping) else None
            if agent in seeing and agent in obs:
                seen = obs[agent]
                if isinstance(seen, Mapping) and "action_mask" in seen:
                    said = seen["action_mask"]
                    seen = seen.get("observation", seen)
                flat = self.flatten[n](seen, agent, where)
                shown.obs[b, n, : fit.observations[n]] = numbers(
                    flat, fit.observations[n], "its observation", agent, where
                )
            elif agent in acting:
                raise where.wrong("it is in play and has no observation", agent)
            if agent in (acting if choosing is None else choosing):
                count = fit.actions[n]
                free = said is None or fit.continuous
                if fit.parts and isinstance(said, tuple | list) and len(said) == len(fit.parts):
                    said = np.concatenate([np.ravel(part) for part in said])  # as Gymnasium has it: one for each part
                shown.legal[b, n, :count] = True if free else mask(said, count, agent, where)
            for part in self.parts:
                if shown.legal[b, n, part].any():
                    continue
                if agent in acting and not done and not self.waits(b, agent):
                    raise where.wrong("it is in play, and its action_mask forbids everything: leave it one", agent)
                shown.legal[b, n, part.start] = True
            if shown.alive is not None:
                shown.alive[b, n] = agent in acting
        if fit.own_state:
            with self.blamed(b):
                state = self.copies[b].state()
            shown.state[b] = numbers(state, fit.state, "the state", None, where)
        else:
            shown.state[b] = shown.obs[b].ravel()

    def playing(self, b: int) -> set[Any]:
        """Return who is in play in a copy."""
        with self.blamed(b):
            playing = set(self.copies[b].agents)
        if strange := playing - set(self.fit.agents):
            raise self.where(b).wrong("it is in play, and none of the possible agents", next(iter(strange)))
        return playing

    def waits(self, b: int, agent: Any) -> bool:
        """Tell whether it is another agent's turn, in a turn-based environment that was made parallel."""
        turns = next((one for one in _wrapped(self.copies[b]) if hasattr(one, "agent_selection")), None)
        return turns is not None and turns.agent_selection != agent

    def check_finite(self) -> None:
        """Raise `UserError` for an observation or a state that is not finite. One look at all of them is cheap."""
        for what, array in (("its observation", self.shown.obs), ("the state", self.shown.state)):
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                b, *rest = np.argwhere(~np.isfinite(array))[0].tolist()
                agent = self.fit.agents[rest[0]] if len(rest) > 1 else None
                raise self.where(b).wrong(f"{what} holds {array[(b, *rest)]} as number {rest[-1]}", agent)

    def where(self, b: int) -> Where:
        return Where(self.name, self.first + b, int(self.clock[b]))

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


def _flattener(space: Any) -> Callable[[Any, Any, Where], Any]:
    """Return what makes numbers of what a space holds."""
    from gymnasium import spaces

    def flatten(seen: Any, agent: Any, where: Where) -> Any:
        try:
            return spaces.flatten(space, seen)
        except Exception as error:  # whatever gymnasium says of something else
            raise where.wrong(f"its observation does not fit its space, {space}: {error}", agent) from None

    return (lambda seen, agent, where: seen) if isinstance(space, spaces.Box) else flatten


class _Blamed:
    """Turns an exception inside an environment into one sentence that says whose it is."""

    def __init__(self, name: str, step: int):
        self.name, self.step = name, step

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Exception) and not isinstance(error, UserError):
            while trace.tb_next is not None:
                trace = trace.tb_next
            where = f"{trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno}"
            said = " ".join(str(error).split())
            raise UserError(f"{self.name} failed after {self.step} steps: {kind.__name__}: {said} ({where})") from error


def check_actions(actions: npt.NDArray[Any], shown: Step, spec: EnvSpec) -> npt.NDArray[Any]:
    """Return actions if they have the right shape and are legal (or numbers); raise `ValueError` if not."""
    if spec.parts:
        return parted(actions, shown, spec.parts)
    if not spec.continuous:
        actions = choices(actions, shown)
        running = ~(shown.terminated | shown.truncated)[:, None]
        within = (actions >= 0) & (actions < spec.actions)
        legal = np.take_along_axis(shown.legal, np.where(within, actions, 0)[..., None], 2)[..., 0]
        if (running & ~(within & legal)).any():
            raise illegal(actions, shown)
        return actions
    return reals(actions, shown)
