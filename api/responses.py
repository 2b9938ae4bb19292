"""Sides that exploit the other one: what they earn is a lower bound on its exploitability.

`lbr` is a local best response (`solvers.local`), `abr` an approximate best response: a learner that is trained against
the other side (`agents.seats`), on deals of its own. A best response earns at least as much as either.
"""

from dataclasses import dataclass, field
from typing import Any

from counterplay.agents import find
from counterplay.api.duel_sides import Arena, Side, of_table, seated
from counterplay.api.opponents import actor_of
from counterplay.api.runs import train
from counterplay.engine import arguments, spec
from counterplay.engine.compiling import tell
from counterplay.engine.errors import UserError
from counterplay.engine.form import sequence_form
from counterplay.solvers import duels
from counterplay.solvers.local import local_response
from counterplay.solvers.value import judge_table

LEARNER, STEPS = "ippo", 200_000
_SETTINGS = {"envs": 64, "lr": 2e-3}  # unless they are given: many games at once, and no time to lose


@dataclass(frozen=True)
class Response:
    """A side that is found when the other is known."""

    local: bool
    learner: str = LEARNER
    steps: int = STEPS
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """Return what it is."""
        if self.local:
            return "a local best response"
        return f"an approximate best response ({self.learner}, {self.steps:,} steps)"


def named(text: Any) -> Response | None:
    """Return the response that a text names, such as "lbr" or "abr(learner=iql, steps=50000)", None for other sides."""
    if not isinstance(text, str) or text.partition("(")[0].strip() not in ("lbr", "abr"):
        return None
    name, given = spec.parse(text)
    given = dict(given)
    if name == "lbr":
        if given:
            raise UserError("a local best response has nothing to set: lbr")
        return Response(True)
    learner = arguments.text("learner", given.pop("learner", LEARNER))
    return Response(False, learner, arguments.whole("steps", given.pop("steps", STEPS), 1), given)


def respond(response: Response, other: Any, side: Side, on: Arena, seed: int) -> Side:
    """Return the response to a side; raises `UserError` where there can be none."""
    if response.local:
        if on.tree is None:
            raise UserError(
                f"{on.name} has no tree that fits for a local best response: train one (abr), or, of a blueprint or a "
                "solution in steps, see counterplay evaluate FILE --response SECONDS"
            )
        if side.table is None:
            raise UserError("a local best response needs to know the other's strategy, which only acts: train one, abr")
        return of_table(local_response(duels.board(on.tree), side.table))
    task, settings = on.seats(), {**_SETTINGS, **response.settings}
    find(response.learner).with_settings(settings)  # refused before anything is said or done
    sitting = side.actor if side.actor is not None else actor_of(other, task)
    tell(f"{response.learner} learns for {response.steps:,} steps to respond to the other side")
    run = train(response.learner, task, steps=response.steps, seed=seed, against=sitting, preset="none", **settings)
    return seated(run, on)


def own_mean(on: Arena, side: Side, both: float | None) -> float:
    """Return what a side earns on average against itself, over both seats; `both` is what two players are always paid.

    Raises `UserError` where that is not known.
    """
    if on.tree is not None and side.table is not None:
        return float(sum(judge_table(sequence_form(on.tree), side.table).value)) / 2
    if both is None:
        raise UserError("payoffs have no constant sum, so what a response earns is no bound on exploitability")
    return both / 2
