"""What a PettingZoo environment answers, checked: a mistake in it is told by environment, episode, step and agent."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError

_STEP = ("observations", "rewards", "terminations", "truncations", "infos")  # what a step answers


class Where(NamedTuple):
    """What an answer is of, for messages."""

    name: str  # of the environment
    episode: int
    step: int  # 0 is the reset's

    def wrong(self, said: str, agent: Any = None) -> UserError:
        """Return the error that says so."""
        whom = "" if agent is None else f", {agent}"
        return UserError(f"{self.name}: episode {self.episode}, step {self.step}{whom}: {said}")


def of_reset(answer: Any, agents: Sequence[Any], where: Where) -> tuple[Mapping[Any, Any], Mapping[Any, Any]]:
    """Return the observations and infos of a reset; raises `UserError` for what is no such pair."""
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        found = f"{len(answer)} things" if isinstance(answer, tuple | list) else f"one {type(answer).__name__}"
        raise where.wrong(
            "reset() has to return observations and infos, two dictionaries by agent (PettingZoo 1.23 and later), "
            f"not {found}"
        )
    for what, part in zip(("observations", "infos"), answer, strict=True):
        _by_agent(what, part, agents, where)
    return answer[0], answer[1]


def of_step(answer: Any, agents: Sequence[Any], acted: Sequence[Any], where: Where) -> tuple[Mapping[Any, Any], ...]:
    """Return observations, rewards, terminations, truncations and infos; raises `UserError` for what is not these.

    Whoever acted has to be told its reward, and whether its game is over.
    """
    if not isinstance(answer, tuple | list) or len(answer) != len(_STEP):
        found = f"{len(answer)} things" if isinstance(answer, tuple | list) else f"one {type(answer).__name__}"
        raise where.wrong(f"step() has to return five dictionaries by agent ({', '.join(_STEP)}), not {found}")
    for what, part in zip(_STEP, answer, strict=True):
        _by_agent(what, part, agents, where)
        if what in _STEP[1:4]:
            for agent in acted:
                if agent not in part:
                    raise where.wrong(f"it acted, and step() says nothing of it among the {what}", agent)
    return tuple(answer)


def _by_agent(what: str, part: Any, agents: Sequence[Any], where: Where) -> None:
    if not isinstance(part, Mapping):
        raise where.wrong(f"{what} have to be a dictionary by agent, not {type(part).__name__}")
    if strange := [key for key in part if key not in agents]:
        listed = ", ".join(map(str, agents))
        raise where.wrong(f"{what} are of {strange[0]!r}, which is none of the possible agents: {listed}")


def reward(paid: Any, agent: Any, where: Where) -> float:
    """Return a reward as a number; an array of one is one."""
    try:
        array = np.asarray(paid)
        if array.size == 1 and array.dtype.kind in "biuf" and np.isfinite(number := float(array.reshape(-1)[0])):
            return number
    except (TypeError, ValueError):  # ragged, or no number
        pass
    raise where.wrong(f"its reward has to be one finite number, not {_shown(paid)}", agent)


def flag(said: Any, what: str, agent: Any, where: Where) -> bool:
    """Return a termination or truncation as true or false."""
    array = np.asarray(said)
    if array.size != 1 or array.dtype.kind not in "biu":
        raise where.wrong(f"its {what} has to be true or false, not {_shown(said)}", agent)
    return bool(array.reshape(-1)[0])


def numbers(seen: Any, count: int, what: str, agent: Any, where: Where) -> npt.NDArray[Any]:
    """Return an observation or a state as so many numbers; that they are finite is looked at for all at once."""
    try:
        array = np.asarray(seen)
    except ValueError:  # ragged
        array = np.asarray(None)
    if array.dtype.kind not in "biuf":
        raise where.wrong(f"{what} has to be numbers, not {_shown(seen)}", agent)
    if array.size != count:
        raise where.wrong(
            f"{what} has {array.size} numbers, {array.shape} in shape, where its space has {count}", agent
        )
    return array.reshape(-1)


def mask(said: Any, count: int, agent: Any, where: Where) -> npt.NDArray[np.bool_]:
    """Return a mask of actions."""
    array = np.asarray(said)
    if array.dtype.kind not in "biuf" or array.size != count or (array.dtype.kind == "f" and np.isnan(array).any()):
        raise where.wrong(f"its action_mask has to be {count} zeros and ones, not {_shown(said)}", agent)
    legal: npt.NDArray[np.bool_] = array.reshape(-1) > 0
    return legal


def _shown(thing: Any) -> str:
    text = " ".join(repr(thing).split())
    return text if len(text) <= 60 else f"{text[:60]}..."
