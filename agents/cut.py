"""Episodes that go on from one update to the next: played a stretch of steps at a time, for long or endless ones.

Whoever learns is given pieces of episodes. A piece that was cut goes on in the next stretch, and its last row is shown
to bootstrap from, as that of an episode that was truncated. What ended is begun anew at once where the environment can
do that (`engine.env.Continuing`), otherwise once all have ended.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.agents.checks import check_fits, check_played
from counterplay.agents.infos import Infos, heard_of
from counterplay.agents.rollout import Actor, Episodes, empty, over
from counterplay.engine.env import Continuing, EnvSpec, Step, Task
from counterplay.engine.errors import UserError

_SHOWN = ("obs", "state", "legal", "alive", "ended")  # of a step, and of `Episodes` before and after it


class Pieces(Episodes):
    """Pieces of episodes, of which those came to their ends whose `returns()` and mean `length` are told."""

    earned: npt.NDArray[np.float64]  # [E] the team's returns, or [E, N]
    lasted: npt.NDArray[np.int64]  # [E] steps
    told: Sequence[Infos]  # what these told beside

    @property
    def started(self) -> int:
        return len(self.lasted)

    @property
    def length(self) -> float:
        return float(self.lasted.mean())

    def returns(self) -> npt.NDArray[np.float64]:
        return self.earned


class _Piece(NamedTuple):
    """A part of an episode: the steps that were played from `start` to `end` of a stretch, and what followed."""

    episode: int
    start: int
    end: int
    after: list[Any]  # a row of each of `_SHOWN`


class Going:
    """B episodes in play."""

    def __init__(self, task: Task, batch: int) -> None:
        self.env = task.start(batch)
        self._renews = isinstance(self.env, Continuing)  # asked once: a protocol's check is slow
        many = self.env.batch
        self.shown: Step | None = None  # None: nothing has begun
        self.earned = np.zeros(many if self.env.spec.team else (many, self.env.spec.agents))
        self.age = np.zeros(many, np.int64)  # steps of each episode so far
        self.told = False  # the actor knows that episodes have begun

    def again(self) -> None:
        """Begin all episodes anew with the next stretch, for somebody else has played in the environment."""
        self.shown, self.told = None, False

    def play(self, actor: Actor, steps: int, rng: np.random.Generator, limit_ends: bool = False) -> Pieces:
        """Play so many steps of every episode, and return their pieces; `limit_ends` as for `rollout.collect`.

        Raises `ValueError` for an environment that shows what is no number, or leaves an agent nothing to do.
        """
        env, spec = self.env, self.env.spec
        name = str(getattr(env, "name", type(env).__name__))
        if not self.told:
            actor.begin(env.batch)
            self.told = True
        step = self._begin(rng) if self.shown is None else self.shown
        whole = empty(replace(spec, limit=steps), env.batch)
        check_fits(step, whole, name)
        pieces: list[_Piece] = []
        returns, lengths, infos = [], [], []
        since = np.zeros(env.batch, np.int64)  # where each piece starts
        for t in range(steps):
            playing = ~(step.terminated | step.truncated)
            _see(whole, t, step)
            whole.filled[:, t] = playing
            whole.action[:, t] = actor.act(step, rng, True)
            step = env.step(whole.action[:, t])
            whole.reward[:, t] = step.reward
            whole.terminated[:, t] = over(step, limit_ends) & playing
            self.earned[playing] += step.reward[playing]
            self.age[playing] += 1
            ended = playing & (step.terminated | step.truncated)
            pieces += [_Piece(b, since[b], t + 1, _row(step, b)) for b in np.flatnonzero(ended).tolist()]
            if ended.any():
                returns.append(self.earned[ended].copy())
                lengths.append(self.age[ended].copy())
                infos.append(heard_of(env, ended))
                step, begun = self._renew(step, ended, rng)
                since[begun] = t + 1
        left = np.flatnonzero(~(step.terminated | step.truncated) & (since < steps)).tolist()
        pieces += [_Piece(b, since[b], steps, _row(step, b)) for b in left]
        self.shown = step
        pieces.sort(key=lambda piece: piece[:2])
        none = np.zeros((0, *self.earned.shape[1:]))
        found = Pieces(*_cut(whole, pieces, replace(spec, limit=max(p.end - p.start for p in pieces))))
        found.earned, found.lasted = np.concatenate([none, *returns]), np.concatenate([self.age[:0], *lengths])
        found.told = infos
        check_played(found, found.filled.shape[1], name)
        return found

    def _begin(self, rng: np.random.Generator) -> Step:
        self.earned[:], self.age[:] = 0, 0
        return self.env.reset(rng)

    def _renew(
        self, step: Step, ended: npt.NDArray[np.bool_], rng: np.random.Generator
    ) -> tuple[Step, npt.NDArray[np.bool_]]:
        """Begin anew what can be, of those that have just `ended`; return the step that is shown then, and which."""
        if self._renews:
            self.earned[ended], self.age[ended] = 0, 0
            return self.env.renew(ended, rng), ended  # type: ignore[attr-defined]
        if (step.terminated | step.truncated).all():
            return self._begin(rng), np.ones_like(ended)
        return step, np.zeros_like(ended)

    def keep(self) -> dict[str, Any] | None:
        """Return what going on with these very episodes takes; None where the environment cannot say it."""
        if self.shown is None or not isinstance(self.env, Continuing):
            return None
        return {"env": self.env.keep(), "earned": self.earned.copy(), "age": self.age.copy()}

    def resume(self, kept: Mapping[str, Any], rng: np.random.Generator) -> None:
        """Go on with the episodes that `keep` told of; raises `ValueError` for what it cannot have told."""
        if not isinstance(self.env, Continuing):
            raise UserError("this environment cannot go on with episodes that were kept")
        if kept["earned"].shape != self.earned.shape or kept["age"].shape != self.age.shape:
            raise UserError("the episodes that were kept are of another environment")
        if not np.isfinite(kept["earned"]).all() or kept["age"].min() < 0 or kept["age"].max() > self.env.spec.limit:
            raise UserError("the episodes that were kept cannot be these: their returns or ages are none")
        self.env.reset(rng)
        self.shown = self.env.resume(kept["env"])
        self.earned[:], self.age[:] = kept["earned"], kept["age"]


def _see(whole: Episodes, t: int, step: Step) -> None:
    """Write down what a step shows."""
    for name in _SHOWN:
        if (place := getattr(whole, name)) is not None:
            place[:, t] = getattr(step, name)


def _row(step: Step, b: int) -> list[Any]:
    """Return a copy of what a step shows of one episode."""
    return [None if getattr(step, name) is None else getattr(step, name)[b].copy() for name in _SHOWN]


def _cut(whole: Episodes, pieces: list[_Piece], spec: EnvSpec) -> Episodes:
    """Return pieces side by side, each with what followed it."""
    found = empty(spec, len(pieces))
    for at, (b, start, end, after) in enumerate(pieces):
        length = end - start
        for name, last in zip(_SHOWN, after, strict=True):
            if (place := getattr(found, name)) is not None:
                place[at, :length] = getattr(whole, name)[b, start:end]
                place[at, length] = last
        found.legal[at, length + 1 :] = True  # where nothing is, something has to be legal
        for name in ("action", "reward", "terminated", "filled"):
            getattr(found, name)[at, :length] = getattr(whole, name)[b, start:end]
    return found
