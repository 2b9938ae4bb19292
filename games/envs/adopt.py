"""Environments that come as objects: tasks and environments of one's own, PettingZoo's, and games."""

from typing import Any

from counterplay.engine.env import Own, Task
from counterplay.engine.errors import UserError
from counterplay.engine.rules import is_factored, is_rules
from counterplay.engine.size import estimate, refusal
from counterplay.engine.stepped import is_steppable
from counterplay.games.foreign.tuples import is_gymnasium

_GLANCE = 0.05  # seconds for telling whether a tree fits


def as_task(thing: Any) -> Task:
    """Return a task for what somebody has in hand.

    That is a `Task` (or its class, where it needs no parameters) or an `Env` of `counterplay.engine.env`, an
    environment of PettingZoo or Gymnasium or a function that makes one, or the rules of a game, whose players become
    agents. Raises `ValueError` for anything else.
    """
    if isinstance(thing, type) and hasattr(thing, "start"):
        try:
            thing = thing()
        except TypeError as error:
            raise UserError(f"{thing.__name__} is a class: give an object of it ({error})") from None
    if isinstance(thing, Task):
        return thing
    if all(hasattr(thing, name) for name in ("spec", "batch", "reset", "step")):
        return Own(thing)
    if is_rules(thing):
        return turn_based(thing)
    if callable(thing) or hasattr(thing, "possible_agents") or is_gymnasium(thing):
        from counterplay.games.foreign.pettingzoo import from_parallel

        return from_parallel(thing)
    raise UserError(
        "an environment is a spec such as 'climbing', a Task or an Env of counterplay.engine.env, the rules of a "
        f"game, or a parallel environment of PettingZoo, not {type(thing).__name__}"
    )


def turn_based(rules: Any) -> Task:
    """Return a game as an environment: as its tree; where it has none that fits, as its rules or its steps."""
    if is_factored(rules):
        from counterplay.games.envs.phantom import StonesInTheDark

        return StonesInTheDark(rules)
    from counterplay.games.envs.tree import TurnBased

    if is_steppable(rules) and refusal(estimate(rules, patience=_GLANCE)) is not None:
        from counterplay.games.envs.steps import InSteps

        return InSteps(rules)
    return TurnBased(rules)
