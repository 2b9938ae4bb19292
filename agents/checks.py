"""What a run may not go on from: numbers of an environment that are none, and losses that have become so.

A whole batch of episodes is looked at once it is played, which costs nothing beside playing it.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from counterplay.engine.env import Step
from counterplay.engine.errors import UserError

if TYPE_CHECKING:
    from counterplay.agents.rollout import Episodes


def check_fits(step: Step, episodes: "Episodes", name: str) -> None:
    """Raise `UserError` for a first step whose arrays are not of the shapes that the environment's spec promises."""
    for what in ("obs", "state", "legal", "reward", "terminated", "truncated", "alive", "ended"):
        array = getattr(step, what)
        if what == "truncated":
            wanted: tuple[int, ...] | None = (len(episodes.filled),)
        else:
            like = getattr(episodes, what)
            wanted = None if like is None else (len(like), *like.shape[2:])
        if wanted is None:
            continue
        if not isinstance(array, np.ndarray) or array.shape != wanted or array.dtype.kind not in "biuf":
            kind = f"{array.shape} of {array.dtype}" if isinstance(array, np.ndarray) else type(array).__name__
            raise UserError(f"{name}: {what} has to be an array {wanted} of numbers, as its spec says, not {kind}")


def check_played(episodes: "Episodes", steps: int, name: str) -> None:
    """Raise `UserError` for what the environment showed in the first so many steps and is no number, or no choice.

    That is an observation, a state or a reward that is not finite, and an agent in play without a legal action.
    """
    rows = episodes.filled[:, : steps + 1]
    bad: list[tuple[int, int, int | None, str]] = []
    for what, array, later in (
        ("an observation", episodes.obs, 0),
        ("a state", episodes.state, 0),
        ("a reward", episodes.reward, 1),
    ):
        seen = array[:, : steps + 1]
        if seen.dtype.kind != "f" or np.isfinite(seen).all():
            continue
        for b, t, *rest in np.argwhere(~np.isfinite(seen)).tolist():
            agent = rest[0] if rest and what != "a state" else None
            bad.append((t + later, b, agent, f"{what} holds {seen[(b, t, *rest)]}"))
            break
    may = np.asarray(episodes.legal[:, : rows.shape[1]].any(axis=-1))
    if not may[rows].all():
        stuck = ~may & rows[:, :, None]
        if episodes.alive is not None:
            stuck &= episodes.alive[:, : rows.shape[1]]
        for b, t, n in np.argwhere(stuck).tolist()[:1]:
            bad.append((t, b, n, "nothing is legal for an agent in play"))
    if bad:
        t, b, agent, said = min(bad, key=lambda fault: fault[:2])
        raise UserError(f"{name}: episode {b}, step {t}{'' if agent is None else f', agent {agent}'}: {said}")


def check_learned(figures: Mapping[str, float], steps: int, settings: Any, folder: Any) -> None:
    """Raise `UserError` where a loss or a gradient is no finite number any more, and so the networks are lost."""
    for name, figure in figures.items():
        if name.endswith(("loss", "gradient")) and not math.isfinite(figure):
            lr = getattr(settings, "lr", None)
            kept = "" if folder is None else f"; what was saved last is kept in {folder}"
            advice = ["a smaller lr" if lr is None else f"a smaller lr than {lr:g}"]
            advice += ["a smaller clip"] if hasattr(settings, "clip") else []
            advice += ["scale_rewards=true"] if getattr(settings, "scale_rewards", True) is False else []
            raise UserError(
                f"learning diverged: {name} is {figure} after {steps:,} steps; try {', '.join(advice)}, "
                f"or smaller rewards{kept}"
            )
