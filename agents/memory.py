"""What episodes take in memory: said before it is taken, and refused where the machine does not have it."""

import math
from dataclasses import replace

import numpy as np

from counterplay.engine.env import EnvSpec
from counterplay.engine.errors import UserError
from counterplay.engine.system import available
from counterplay.engine.text import size

_WORKING = 3  # copies of an update's inputs that are there at a time, in 32 bits: scaled, in rows, in both networks


def episode_bytes(spec: EnvSpec) -> int:
    """Return what an episode of the full length takes, as `rollout.empty` keeps it."""
    steps, agents = spec.limit, spec.agents
    seen = _inputs(spec, spec.byte_obs, spec.byte_state) + agents * (spec.actions + 2 * spec.lives)
    acts = agents * np.dtype(spec.action_type).itemsize * math.prod(spec.action_shape)
    return (steps + 1) * seen + steps * (acts + 4 * (1 if spec.team else agents) + 2)


def update_bytes(spec: EnvSpec, episodes: int) -> int:
    """Return about what an update takes that learns from so many episodes."""
    return _WORKING * episodes * (spec.limit + 1) * _inputs(spec, False, False)


def move_bytes(spec: EnvSpec, states: bool) -> int:
    """Return what a move takes, as `moves.no_moves` keeps it."""
    seen = _inputs(spec if states else replace(spec, state=0), spec.byte_obs, spec.byte_state)
    seen += 0 if spec.continuous else spec.agents * spec.actions
    acts = spec.agents * np.dtype(spec.action_type).itemsize * math.prod(spec.action_shape)
    return 2 * seen + acts + 4 * (1 if spec.team else spec.agents) + 4


def _inputs(spec: EnvSpec, byte_obs: bool, byte_state: bool) -> int:
    """Return the bytes of what is seen at one step."""
    return spec.agents * spec.observation * (1 if byte_obs else 4) + spec.state * (1 if byte_state else 4)


def admit(spec: EnvSpec, *, envs: int, batch: int, replay: int = 0, length: int = 0) -> int:
    """Return the bytes that training takes; raise `ValueError`, with the settings that fit, if they are not there.

    Episodes are played `envs` at a time, an update is made of `batch` of them (of those played where there is no
    replay), and a replay keeps so many. With a `length` they are cut to so many steps.
    """
    if length:
        spec = replace(spec, limit=min(spec.limit, length))
    free = available()
    each, working = episode_bytes(spec), update_bytes(spec, 1)
    total = (envs + replay) * each + batch * working
    if total <= free:
        return total
    room, what = int(0.8 * free), f"an episode takes {size(each)}"
    least = each + working  # of one episode at a time
    if not replay:
        fits, advice = int(room // least), "envs={}"
    else:
        fits = int((room - envs * each - batch * working) // each)
        advice = "replay={}"
        what += f", the replay {size(replay * each)} once it is full"
        if fits < batch:  # then a smaller update, from a replay of four times as many
            fits, advice = int(room // (6 * each + working)), "replay={0} with batch={1}, warmup={1} and envs={1}"
    told = advice.format(4 * fits if "{1}" in advice else fits, fits)
    shorter = (
        "take a shorter rollout or smaller observations" if length else "take a shorter limit or smaller observations"
    )
    would = f"{told} would fit" if fits >= 1 else shorter
    raise UserError(f"training here takes {size(total)} of memory, and {size(free)} are free ({what}): {would}")


def admit_moves(spec: EnvSpec, *, envs: int, length: int, batch: int, replay: int, states: bool) -> int:
    """Return the bytes that training from single moves takes; raise `ValueError`, with a replay that fits, if not free.

    Episodes are played `envs` at a time and `length` steps (0: whole ones), and a replay keeps so many moves, of which
    an update takes `batch`.
    """
    free, each = available(), move_bytes(spec, states)
    played = envs * episode_bytes(replace(spec, limit=min(spec.limit, length or spec.limit)))
    working = 2 * _WORKING * batch * _inputs(spec, False, False)
    total = played + replay * each + working
    if total <= free:
        return total
    fits = int((0.8 * free - played - working) // each)
    told = f"replay={fits} would fit" if fits >= batch else "take fewer envs, a smaller batch or smaller observations"
    raise UserError(
        f"training here takes {size(total)} of memory, and {size(free)} are free "
        f"(a move takes {size(each)}, the replay {size(replay * each)} once it is full): {told}"
    )
