"""What every learner is to the training loop, and what it refuses."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Protocol, get_args, get_origin, get_type_hints, runtime_checkable

import numpy as np
import numpy.typing as npt

from counterplay.agents.rollout import Played
from counterplay.engine.env import EnvSpec, Step, Task
from counterplay.engine.errors import UserError


class Learner(Protocol):
    """A team that learns. It is an `Actor` too: the loop lets it play, and gives it what was played.

    A learner's class is called with (spec, settings, seed), where the settings are its frozen dataclass; it raises
    `ValueError` where the environment does not suit it. All randomness after that comes from the generators handed in.
    """

    @property
    def envs(self) -> int:
        """How many episodes are played side by side between two calls of `learn`."""
        ...

    def begin(self, batch: int) -> None:
        """Forget what was seen: that many new episodes begin."""
        ...

    def act(self, step: Step, rng: np.random.Generator, explore: bool) -> npt.NDArray[Any]:
        """Return a legal action for every agent: i64 [B, N], or as `EnvSpec.action_shape` says."""
        ...

    def learn(self, episodes: Any, rng: np.random.Generator) -> dict[str, float]:
        """Take in new `Episodes`, or what it collected itself, update, and return what happened by name (loss, ...)."""
        ...

    def state(self) -> dict[str, Any]:
        """Return all that a resumed run needs: numbers, arrays, tensors and dictionaries of them."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        ...


@runtime_checkable
class Mixed(Protocol):
    """A learner whose policy is itself random."""

    def probabilities(self, step: Step) -> npt.NDArray[np.float32]:
        """Return the agents' policies without exploring, [B, N, A], and remember what was seen."""
        ...


@runtime_checkable
class Collector(Protocol):
    """A learner that plays in a way of its own: what it collects is what it then learns from, in place of episodes."""

    def collect(self, task: Task, rng: np.random.Generator) -> Played:
        """Play in the task as is wanted for the next call of `learn`."""
        ...


@runtime_checkable
class Mixture(Protocol):
    """A learner each of whose agents draws one of several policies for an episode, apart from the others."""

    def policies(
        self, agent: int, obs: npt.NDArray[Any], legal: npt.NDArray[np.bool_]
    ) -> Iterator[tuple[float, npt.NDArray[np.float32]]]:
        """Yield each policy of an agent: how likely it is drawn, up to a factor, and what it does at M decisions.

        These are observations [M, O] with their legal actions [M, A], and it does each action with a probability
        [M, A].
        """
        ...


class NeedsTeam(UserError):
    """The learner needs one reward for the team, and the environment pays every agent its own."""


_ACTS = {"choice": "chooses among actions", "choices": "makes several choices at once", "numbers": "acts by numbers"}
_HAS = {"choice": "one choice", "choices": "several choices at once", "numbers": "numbers (continuous)"}
_TAKE = {
    "choice": "take its discrete version (for PettingZoo's MPE, continuous_actions=False)",
    "choices": "take one whose actions are several choices, or a learner for all kinds, such as ippo",
    "numbers": "take its continuous version where it has one (continuous=true)",
}
_OTHERS = {"choice": "iql or ippo", "choices": "ippo or mappo", "numbers": "td3, sac, ippo or mappo"}


def suits(spec: EnvSpec, name: str, *, team: bool, kinds: tuple[str, ...] = ("choice",)) -> None:
    """Raise `ValueError` where actions are of another kind, or rewards each agent's own where they must be the team's.

    `kinds` are those of `EnvSpec.kind` that the learner takes.
    """
    if spec.kind not in kinds:
        raise UserError(
            f"{name} {_ACTS[kinds[0]]}, and this environment's actions are {_HAS[spec.kind]}; {_TAKE[kinds[0]]}, "
            f"or another learner: {_OTHERS[spec.kind]}"
        )
    if team and not spec.team:
        raise NeedsTeam(
            f"{name} learns from one reward for the team, and this environment pays every agent its own; "
            "take the environment with reward=team where it has that"
        )


def within(settings: Any, **bounds: tuple[float, float]) -> None:
    """Raise `ValueError` for a setting that is not a number within its bounds, ends included."""
    for name, (low, high) in bounds.items():
        value = getattr(settings, name)
        if not low <= value <= high:
            limit = f"{low:g} or more" if high == np.inf else f"between {low:g} and {high:g}"
            raise UserError(f"{name} must be {limit}, not {value!r}")


def no_memory_between_cuts(settings: Any, rollout: int) -> None:
    """Raise `ValueError` for agents that remember and learn from pieces of episodes."""
    if rollout and settings.remembers:
        raise UserError(
            f"rollout cuts episodes, and agents that remember ({settings.remembers}) learn from whole ones: "
            "set rollout=0"
        )


def meanings(settings: type) -> Mapping[str, tuple[str, Any, str]]:
    """Return each setting's type, default and meaning, by name; a setting is annotated `Annotated[type, meaning]`.

    One's own learner may have settings without a meaning (""), or without a default ("...").
    """
    hints = get_type_hints(settings, include_extras=True)
    found = {}
    for field in dataclasses.fields(settings):
        kind, meaning = hints[field.name], ""
        if get_origin(kind) is Annotated:
            kind, meaning, *_ = get_args(kind)
        default = "..." if field.default is dataclasses.MISSING else field.default
        found[field.name] = (getattr(kind, "__name__", str(kind)), default, str(meaning))
    return found
