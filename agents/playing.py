"""A run's team as something to call: observations in, actions out, as arrays or as dictionaries of agents' names.

Shape letters: B episodes, N agents, A actions, O observation.
"""

import re
from collections.abc import Mapping, Sequence
from copy import copy
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from counterplay.agents.infos import heard_of
from counterplay.agents.learner import Mixture
from counterplay.agents.rollout import earned
from counterplay.agents.score import Score, score
from counterplay.engine.arguments import whole
from counterplay.engine.env import EnvSpec, Step, Task, blank
from counterplay.engine.errors import UserError
from counterplay.engine.named import Named, Naming, Numbered

if TYPE_CHECKING:
    from counterplay.agents.run import Run


class Policy:
    """What a run's agents do, without exploring.

    `policy(observations, masks)` returns actions. Observations are an array [N, O] of one episode, or [B, N, O] of
    several; of a single agent [O] will do. Masks say which actions are legal, [..., N, A], and may be left out where
    all are. Or both are dictionaries by agents' names, as PettingZoo's `reset` and `step` give them: observations may
    come with an `action_mask`, and masks may be the `infos` that have one. Actions are as observations came: an array
    [..., N] (of several choices [..., N, P], of numbers [..., N, A] in -1 to 1), or a dictionary, in the environment's
    own form, of the agents that were in the observations.

    What agents remember from one call to the next stays in here, apart from all else that a run plays: `reset()` begins
    new episodes, and takes the team as the run has it by then.
    """

    def __init__(self, run: "Run") -> None:
        self.run = run
        self._names: Named | None = None
        self._called: tuple[Any, ...] = ()  # names that were given in place of the environment's
        self._shown: Step | None = None
        self.reset(seed=0)

    def reset(self, seed: int | None = None, agents: Sequence[Any] | None = None) -> None:
        """Begin new episodes: agents forget what they saw.

        With a `seed`, what random policies draw follows from it. `agents` are the names of dictionaries, in the order
        of the run's agents, where they are others than those of the environment that it was trained in.
        """
        if seed is not None:
            self.rng = np.random.default_rng([self.run.seed, whole("seed", seed), 4])
        if agents is not None:
            self._called = _names(agents, self.spec.agents)
        self._actor = copy(self.run.learner)  # whose memory is its own, and whose networks are the run's
        self._many = 0  # episodes that are being played; 0: none has begun

    @property
    def spec(self) -> EnvSpec:
        """What agents see, and what they do."""
        return self.run.task.spec

    @property
    def agents(self) -> tuple[Any, ...]:
        """The names of the agents in dictionaries, [N]."""
        return self._called or self._named().agents

    def begin(self, batch: int) -> None:
        """Forget what was seen: that many new episodes begin."""
        self.reset()
        self._actor.begin(batch)
        self._many = batch

    def act(self, step: Step, rng: np.random.Generator, explore: bool = False) -> npt.NDArray[Any]:
        """Return a legal action for every agent: i64 [B, N], or as `EnvSpec.action_shape` says."""
        if explore:
            raise UserError("a policy plays without exploring; the run's learner explores")
        return self._actor.act(step, rng, False)

    def __call__(self, observations: Any, masks: Any = None) -> Any:
        """Return what the agents do; raises `ValueError` for what does not fit the environment of the run."""
        if isinstance(observations, Mapping):
            return self._by_name(observations, {} if masks is None else masks)
        spec, obs = self.spec, _numbers(observations)
        shape = (spec.agents, spec.observation)
        if obs.shape[-2:] == shape and obs.ndim in (2, 3):
            left: tuple[int, ...] = obs.shape[:-1]
        elif spec.agents == 1 and obs.shape == (spec.observation,):
            left = ()
        else:
            raise UserError(
                f"observations are {spec.agents} x {spec.observation} numbers, one row an agent, or episodes of these, "
                f"not {' x '.join(map(str, obs.shape)) or 'one number'}"
            )
        step = self._blank(obs.size // (spec.agents * spec.observation))
        with np.errstate(over="ignore"):  # what is too large for the type is refused as infinite
            step.obs[:] = obs.reshape(step.obs.shape)
        if masks is not None and not spec.continuous:
            step.legal[:] = _mask(masks, (*left, spec.actions)).reshape(step.legal.shape)
        elif not spec.continuous:
            step.legal[:] = True
        if step.alive is not None:
            step.alive[:] = True
        return self._acts(step).reshape(*left, *spec.action_shape)

    def _by_name(self, observations: Mapping[Any, Any], masks: Any) -> dict[Any, Any]:
        if not isinstance(masks, Mapping):
            raise UserError("observations by name come with masks by name, or infos, and not with an array")
        spec, named, step = self.spec, self._named(), self._blank(1)
        step.obs[:], step.legal[:] = 0, False
        at = {self._number(name): name for name in observations}
        for n in range(spec.agents):
            if n in at:
                seen, said = _parted(observations[at[n]], masks.get(at[n]))
                row = _numbers(named.seen(n, seen if isinstance(self.run.task, Naming) else _numbers(seen)))
                if len(row) > spec.observation:
                    raise UserError(f"{at[n]} observes {spec.observation} numbers, not {len(row)}")
                with np.errstate(over="ignore"):
                    step.obs[0, n, : len(row)] = row
                count = named.actions[n]
                free = said is None or spec.continuous
                step.legal[0, n, :count] = True if free else _mask(_flat(said), (count,))
            else:  # it is not in play
                step.legal[0, n, np.cumsum((0, *spec.parts[:-1]))] = True
        if step.alive is not None:
            step.alive[0] = [n in at for n in range(spec.agents)]
        chosen = self._acts(step)[0]
        return {name: named.acted(n, chosen[n]) for n, name in at.items()}

    def _acts(self, step: Step) -> npt.NDArray[Any]:
        """Return the actions at what is shown, of as many episodes as have begun."""
        spec, many = self.spec, len(step.obs)
        if not np.isfinite(step.obs).all():
            raise UserError("an observation holds what is no finite number")
        ends = np.cumsum((0, *(spec.parts or (spec.actions,))))
        legal = [step.legal[..., a:b].any(axis=-1) for a, b in pairwise(ends)]
        if not np.all(legal):
            raise UserError("a mask forbids an agent everything: leave it one action")
        if self._many != many:
            remembers = bool(getattr(self.run.settings, "remembers", "")) or isinstance(self.run.learner, Mixture)
            if self._many and remembers:
                raise UserError(
                    f"the agents remember {self._many} episodes, and {many} are shown: reset() begins others"
                )
            self.begin(many)
        chosen = self._actor.act(step, self.rng, False)
        return np.clip(chosen, -1, 1) if spec.continuous else chosen

    def _blank(self, many: int) -> Step:
        if self._shown is None or len(self._shown.obs) != many:
            self._shown = blank(self.spec, many)
        return self._shown

    def _named(self) -> Named:
        if self._names is None:
            task = self.run.task
            self._names = task.named() if isinstance(task, Naming) else Numbered(task.spec)
        return self._names

    def _number(self, name: Any) -> int:
        """Return which agent goes by a name; of agents without names of their own those are fine that end in one."""
        agents = self.agents
        if name in agents:
            return agents.index(name)
        ending = re.search(r"_(\d+)$", str(name))
        if not self._called and ending and not isinstance(self.run.task, Naming) and int(ending[1]) < len(agents):
            return int(ending[1])
        raise UserError(
            f"there is no agent {name!r} in the run's environment: its agents are {', '.join(map(str, agents))}; "
            "reset(agents=...) gives them other names"
        )


def _parted(seen: Any, said: Any) -> tuple[Any, Any]:
    """Return an observation and a mask, where the one may come with the other, and the mask in an info."""
    if isinstance(said, Mapping):
        said = said.get("action_mask")
    if isinstance(seen, Mapping) and "action_mask" in seen:
        return seen.get("observation", seen), seen["action_mask"]
    return seen, said


def _flat(mask: Any) -> Any:
    """Return a mask of several choices, one for each as Gymnasium has it, side by side; others as they are."""
    if isinstance(mask, tuple) and mask:
        return np.concatenate([np.ravel(_array(part, "a mask")) for part in mask])
    return mask


def _mask(mask: Any, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    found = _array(mask, "a mask")
    if found.shape != shape or found.dtype.kind not in "biu":
        wants, has = (" x ".join(map(str, part)) or "none" for part in (shape, found.shape))
        raise UserError(f"a mask says of each action whether it is legal, {wants} of them, not {has} of {found.dtype}")
    return found.astype(np.bool_)


def _array(given: Any, what: str) -> npt.NDArray[Any]:
    """Return what somebody gave as an array; a tensor that keeps its gradient's way too."""
    try:
        return np.asarray(given.detach() if hasattr(given, "detach") else given)
    except (TypeError, ValueError, RuntimeError) as error:  # rows of unlike lengths, another device's memory
        raise UserError(f"{what} is an array of numbers, which {type(given).__name__} is not: {error}") from None


def _numbers(given: Any) -> npt.NDArray[Any]:
    """Return observations as real numbers; raises `UserError` for anything else."""
    found = _array(given, "an observation")
    if found.dtype.kind not in "biuf":
        raise UserError(f"an observation is an array of numbers, not of {found.dtype} ({type(given).__name__})")
    return found


def _names(given: Any, count: int) -> tuple[Any, ...]:
    """Return as many names of agents as there are agents; raises `UserError` for what is not that."""
    try:
        found = () if isinstance(given, str) else tuple(given)
        alike = len(set(found)) != len(found)
    except TypeError:  # nothing to go through, or names that no dictionary takes
        raise UserError(f"agents are a list of {count} names, not {type(given).__name__}") from None
    if len(found) != count or alike:
        raise UserError(f"the run has {count} agents, and {len(set(found))} names were given")
    return found


def play(run: "Run", task: Task, episodes: int, seed: int) -> Score:
    """Play that many episodes with a run's team in a task that is like its own, without exploring."""
    episodes, seed = whole("episodes", episodes, 1), whole("seed", seed)
    _check(run.task.spec, task.spec)
    actor, rng = Policy(run), np.random.default_rng([run.seed, seed, 5])
    env, played, infos = task.start(1), list[npt.NDArray[np.float64]](), []
    while sum(map(len, played)) < episodes:
        played.append(np.asarray(earned(env, actor, rng), np.float64))
        infos.append(heard_of(env))
    return score(np.concatenate(played)[:episodes], told=infos)


def _check(ours: EnvSpec, theirs: EnvSpec) -> None:
    """Raise `ValueError` where an environment shows other things than a team was trained to see, or takes others."""
    words = {"agents": "agents", "observation": "numbers in an observation", "kind": "kind of action"}
    words |= {"actions": "actions", "parts": "parts of an action", "byte_obs": "bytes as observations"}
    for name, what in words.items():
        mine, other = getattr(ours, name), getattr(theirs, name)
        if mine != other:
            raise UserError(f"the run was trained with {mine} for {what}, and this environment has {other}")
