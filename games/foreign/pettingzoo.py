"""PettingZoo's environments as tasks (Terry et al. 2021): `pettingzoo:mpe2.simple_spread_v3(N=3)`.

Observations are flattened in the environment's own order, and the state is its `state()`, or all observations one
after another where it has none. An agent that is not (or no longer) in play has action 0 alone and observes zeros.
Observations that are bytes, such as pictures, stay bytes.
"""

import re
import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from types import BuiltinFunctionType, FunctionType
from typing import Any, ClassVar

from counterplay.engine import spec as specs
from counterplay.engine.catalogue import import_here
from counterplay.engine.env import Env, EnvSpec, Task, blank
from counterplay.engine.errors import UserError
from counterplay.engine.system import cores
from counterplay.games.foreign.copies import INSTALL, Copies, Fit, examine
from counterplay.games.foreign.named import InSpaces
from counterplay.games.foreign.tuples import Tuples, is_gymnasium
from counterplay.games.foreign.workers import Crew

PREFIX = "pettingzoo:"
_PACKAGES = ("pettingzoo", "mpe2")  # whose modules a file may name: they come with our own extras
_MAKERS = ("parallel_env", "env", "raw_env")  # what modules of environments offer
_OURS = ("reward", "limit", "workers", "pad")  # parameters of a spec that are not the environment's
_WORDS: dict[str, object] = {"true": True, "false": False, "none": None}


def in_parallel(env: Any) -> Any:
    """Return an environment as a parallel one: of a turn-based (AEC) one PettingZoo's own conversion.

    There the agents whose turn it is not have one action, which does nothing. Of Gymnasium's, agents are those whose
    spaces are in its tuples, or one.
    """
    if not hasattr(env, "possible_agents") and is_gymnasium(env):
        return Tuples(env, type(getattr(env, "unwrapped", env)).__name__)
    if not hasattr(env, "agent_iter"):
        return env
    from pettingzoo.utils.conversions import aec_to_parallel, turn_based_aec_to_parallel

    at_once = dict(getattr(env, "metadata", None) or {}).get("is_parallelizable", False)
    return aec_to_parallel(env) if at_once else turn_based_aec_to_parallel(env)


def _is_environment(kind: type) -> bool:
    """Tell whether a class has what PettingZoo's parallel environments have."""
    return all(hasattr(kind, name) for name in ("reset", "step", "observation_space", "action_space"))


@dataclass(frozen=True)
class Named:
    """Where an environment comes from: what `attribute` of a module makes of these parameters.

    A module with a slash is an id of PettingZoo's registry, such as butterfly/pistonball_v6.
    """

    module: str
    attribute: str = "parallel_env"
    parameters: tuple[tuple[str, Any], ...] = ()

    prefix: ClassVar[str] = PREFIX
    known: ClassVar[tuple[str, ...]] = _PACKAGES
    kind: ClassVar[str] = "PettingZoo"

    def __call__(self) -> Any:
        try:
            module = import_module("pettingzoo") if "/" in self.module else self.bring()
        except ModuleNotFoundError as error:
            if error.name in ("pettingzoo", "gymnasium"):
                raise UserError(INSTALL) from None
            raise UserError(f"cannot import {self.module!r}: {error}; a spec names the environment's module") from None
        if "/" in self.module:
            return module.make("parallel", self.module, **dict(self.parameters))
        return self._maker(module)(**dict(self.parameters))

    def bring(self) -> Any:
        """Return the module; raises `UserError` for one that no environment can be in, before it is imported."""
        top = self.module.partition(".")[0]
        if top in sys.stdlib_module_names or top in ("counterplay", "builtins"):
            raise UserError(f"{self.module!r} is no module of a {self.kind} environment: name one that is")
        return import_module(self.module) if top in self.known else import_here(self.module)

    def _maker(self, module: Any) -> Callable[..., Any]:
        """Return what makes the environment; raises `UserError` where that makes none, before anything is called."""
        offers, found = [name for name in _MAKERS if hasattr(module, name)], getattr(module, self.attribute, None)
        if not offers and not (isinstance(found, type) and _is_environment(found)):
            raise UserError(
                f"the module {self.module!r} is none of a PettingZoo environment: it offers no parallel_env"
            )
        if found is None and self.attribute == "parallel_env":
            found = getattr(module, "env", None)  # a turn-based one, which `in_parallel` takes
        if found is None:
            raise UserError(f"the module {self.module!r} has no {self.attribute!r}; it offers {', '.join(offers)}")
        plain = isinstance(found, type | FunctionType | BuiltinFunctionType)
        home = str(getattr(found, "__module__", "")).partition(".")[0]
        if not callable(found) or (plain and home in ("builtins", *sys.stdlib_module_names)):
            raise UserError(f"{self.module}:{self.attribute} makes no PettingZoo environment")
        return found  # type: ignore[no-any-return]

    @property
    def where(self) -> str:
        """Return what a spec says before the parameters."""
        return self.module if self.attribute == "parallel_env" else f"{self.module}:{self.attribute}"

    def __str__(self) -> str:
        words = {value: word for word, value in _WORDS.items()}
        given = [f"{k}={words[v] if v is None or isinstance(v, bool) else repr(v)}" for k, v in self.parameters]
        return f"{self.where}({', '.join(given)})" if given else self.where


@dataclass(frozen=True)
class Given:
    """A user's own environment object: itself the first time, and copies of it then."""

    env: Any

    def __call__(self) -> Any:
        try:
            return deepcopy(self.env)
        except Exception:
            raise UserError(
                f"{self} cannot be copied: play one episode at a time (a batch of 1), or give a function that makes it"
            ) from None

    def __str__(self) -> str:
        return type(self.env).__name__


@dataclass(frozen=True)
class Parallel:
    """Any PettingZoo environment, parallel or turn-based.

    `make` makes one copy of it. Agents' rewards are added up with `reward="team"`, and kept apart with
    `reward="individual"`; "auto" plays a little at random, and takes agents for a team if their rewards are equal, or
    at least rise and fall together. Where they do not it refuses to guess, for agents may be enemies. After `limit`
    steps an episode is truncated; 0 takes the environment's own word (an attribute `max_cycles` or the like). `workers`
    are processes that share the copies (0: none; -1: one for each core, but none for a user's own object); a single
    copy needs none. With `pad`, agents may differ in the sizes of their observations (filled up with zeros) and in
    their numbers of actions (those that an agent lacks are not legal).

    An episode ends when no agent is left: truncated if time ran out for any of the last, otherwise terminated. Agents
    may leave earlier, each with an end of its own, and come later; one whose game was over stays away.
    """

    make: Callable[[], Any]
    reward: str = "auto"
    limit: int = 0
    workers: int = field(default=-1, compare=False)
    pad: bool = False

    def __post_init__(self) -> None:
        if self.reward not in ("auto", "team", "individual"):
            raise UserError(f"reward must be team or individual, or auto, not {self.reward!r}")
        if self.limit < 0:
            raise UserError(f"limit must be a number of steps, or 0 for the environment's own, not {self.limit}")
        if self.workers < -1:
            raise UserError(f"workers must be a number of processes, or -1 for one a core, not {self.workers}")

    @property
    def name(self) -> str:
        """Return what the environment, or the function that makes it, is called."""
        return str(getattr(self.make, "__qualname__", self.make))

    @cached_property
    def fit(self) -> Fit:
        """Return how the environment fits; raises `ValueError` with the reason where it does not."""
        env = in_parallel(self.make.env) if isinstance(self.make, Given) else self.build()
        try:
            return examine(env, self.name, self.limit, self.pad, self.reward == "auto")
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"{self.name} cannot be examined: {type(error).__name__}: {error}") from error
        finally:
            if not isinstance(self.make, Given) and hasattr(env, "close"):
                env.close()

    @property
    def team(self) -> bool:
        """Tell whether there is one reward for all; raises `ValueError` where that has to be said."""
        if self.reward != "auto" or len(self.fit.agents) == 1:
            return self.reward != "individual"
        if self.fit.paid == "team":
            return True
        never = self.fit.paid == "never"
        found = "paid nothing in a little random play" if never else f"pays agents differently ({self.fit.paid})"
        raise UserError(
            f"{self.name} {found}: say whether they are one team. reward=team trains all of them on the sum of their "
            "rewards; reward=individual trains each on its own, with iql, ippo or ia2c"
        )

    @property
    def spec(self) -> EnvSpec:
        fit = self.fit
        return EnvSpec(
            agents=len(fit.agents),
            actions=max(fit.actions),
            observation=max(fit.observations),
            state=fit.state,
            limit=fit.limit,
            team=self.team,
            continuous=fit.continuous,
            parts=fit.parts,
            grid=fit.grid,
            roles=fit.roles,
            lives=len(fit.agents) > 1,
            byte_obs=fit.byte_obs,
            byte_state=fit.byte_state,
        )

    def spec_text(self) -> str | None:
        """Return the spec that `read` reads as an equal task; None for a user's own object or function."""
        if not isinstance(self.make, Named):
            return None
        more = [("reward", self.reward, "auto"), ("limit", self.limit, 0), ("pad", self.pad, False)]
        changed = tuple((name, value) for name, value, usual in more if value != usual)
        return self.make.prefix + str(replace(self.make, parameters=(*self.make.parameters, *changed)))

    def build(self) -> Any:
        """Return a new copy of the environment; raises `ValueError` where it cannot be made."""
        try:
            return in_parallel(self.make())
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"{self.name} cannot be made: {type(error).__name__}: {error}") from error

    def pictured(self) -> "Parallel":
        """Return the environment with pictures of itself, where it comes by name and offers them."""
        if not isinstance(self.make, Named):
            return self
        parameters = dict(self.make.parameters) | {"render_mode": "rgb_array"}
        made = replace(self, make=replace(self.make, parameters=tuple(parameters.items())))
        try:
            made.make().close()
        except Exception:  # it knows no such mode, or nothing to draw with is installed
            return self
        return made

    def start(self, batch: int) -> Env:
        blank(self.spec, batch)  # refuses a batch of none
        if isinstance(self.make, Given) and batch == 1:
            return Copies(self.name, self.spec, self.fit, [in_parallel(self.make.env)])
        usual = 0 if isinstance(self.make, Given) else cores()
        workers = min(batch, usual if self.workers < 0 else self.workers) if batch > 1 else 0
        return Crew(self.name, self.spec, self.copies, batch, workers) if workers else self.copies(batch)

    def named(self) -> InSpaces:
        """Return its agents by their names."""
        made = in_parallel(self.make.env) if isinstance(self.make, Given) else self.build()
        return InSpaces(Copies(self.name, self.spec, self.fit, [made]))

    def copies(self, count: int) -> Copies:
        """Return that many new copies, played in this process."""
        return Copies(self.name, self.spec, self.fit, [self.build() for _ in range(count)])


def from_parallel(env: Any, *, reward: str = "auto", limit: int = 0, workers: int = -1, pad: bool = False) -> Parallel:
    """Return a PettingZoo environment as a task: an object, or a function that makes one.

    Of an object copies are made where an environment of several episodes is started, if it can be copied.
    """
    named = hasattr(env, "possible_agents") or not callable(env)
    return Parallel(Given(env) if named else env, reward, limit, workers, pad)


def like(task: Task, team: bool, limit: int) -> Task:
    """Return a task with one reward for all, or one each, and an end after `limit` steps (0: its own), if it is ours.

    So somebody's environment is played like the one that a team was trained in, and nothing is guessed of it.
    """
    if not isinstance(task, Parallel):
        return task
    paid = ("team" if team else "individual") if task.reward == "auto" else task.reward
    return replace(task, reward=paid, limit=limit or task.limit)


def read(text: str) -> Parallel:
    """Return the task of a spec: `pettingzoo:MODULE(parameter=value, ...)`.

    `MODULE:ATTRIBUTE` takes another attribute than `parallel_env`, and `FOLDER/NAME` is an id of PettingZoo's registry.
    The parameters are the environment's, save `reward`, `limit`, `workers` and `pad`, which are `Parallel`'s.
    """
    where, given, ours = parameters_of(text, PREFIX)
    if not re.fullmatch(r"\w+(\.\w+)*(:\w+)?|[\w-]+(/[\w-]+)+", where):
        raise UserError(f"cannot read {text.strip()!r}; write a module such as pettingzoo:mpe2.simple_spread_v3(N=3)")
    module, _, attribute = where.partition(":")
    return Parallel(Named(module, attribute or "parallel_env", tuple(given.items())), **ours)


def parameters_of(text: str, prefix: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Return what a spec says before its parameters, the environment's parameters, and those that are `Parallel`'s."""
    where, bracket, rest = (part.strip() for part in text.strip().removeprefix(prefix).partition("("))
    given = {
        name: _WORDS.get(value, value) if isinstance(value, str) else value
        for name, value in specs.parse(f"{prefix[:-1]}{bracket}{rest}").parameters.items()
    }
    ours: dict[str, Any] = {name: given.pop(name) for name in _OURS if name in given}
    for name, kind, word in (
        ("limit", int, "an integer"),
        ("workers", int, "an integer"),
        ("pad", bool, "true or false"),
    ):
        if name in ours and type(ours[name]) is not kind:
            raise UserError(f"{where.partition(':')[0]}: {name} must be {word}, not {ours[name]!r}")
    return where, given, ours


def imports_own(text: str) -> bool:
    """Tell whether a spec names a module of somebody's own, rather than one that comes with PettingZoo."""
    made = read(text).make
    assert isinstance(made, Named)
    known = "/" in made.module or made.module.partition(".")[0] in _PACKAGES
    return not known or made.attribute != "parallel_env"
