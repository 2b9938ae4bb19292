"""PGPE (Sehnke et al. 2010, "Parameter-exploring policy gradients"): policies are drawn whole, and no gradient flows.

Parameters are normal, each by itself, around a centre. A generation draws pairs on either side of it (symmetric
sampling, section 3.4), plays them all side by side in one batch of the environment, and moves the centre towards what
went better (eq. 10) and each deviation towards what varied more where it paid (eq. 11). Returns count by their ranks
(section 4 of Wierstra et al. 2014, "Natural Evolution Strategies": fitness shaping), so that neither scale nor outliers
matter. The centre moves by Adam; a deviation by at most a fifth of itself, as in Toklu et al. 2020 ("ClipUp",
section 3).

The two policies of a pair begin their episodes alike, by the same random numbers (`engine.alike`): what tells them
apart is what they do, not where they began.

The policy is a network with tanh that all agents share; each sees its number too. Of choices the best is played, of
numbers tanh of the output. Inputs are brought to mean 0 and deviation 1. Memory: as many networks as a generation has.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Annotated, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from counterplay.agents.checks import check_fits
from counterplay.agents.learner import suits, within
from counterplay.agents.nn.networks import Scale
from counterplay.agents.policies import likeliest
from counterplay.agents.rollout import empty
from counterplay.engine.alike import Alike
from counterplay.engine.env import Env, EnvSpec, Own, Step, Task
from counterplay.engine.errors import UserError
from counterplay.engine.system import available
from counterplay.engine.text import size

_FIRST, _SECOND, _LEAST = 0.9, 0.999, 1e-8  # Adam's
_MOST = 0.2  # by which share of itself a deviation changes at most
_NARROW = 1e-3  # no deviation becomes smaller


@dataclass(frozen=True)
class PGPESettings:
    """What can be set of PGPE."""

    pairs: Annotated[int, "pairs of policies in a generation"] = 64
    episodes: Annotated[int, "episodes that each policy plays, over which its return is the mean"] = 4
    lr: Annotated[float, "learning rate of the centre (Adam)"] = 0.05
    deviation: Annotated[float, "standard deviation of parameters at the start"] = 0.1
    deviation_lr: Annotated[float, "learning rate of the deviations"] = 0.1
    hidden: Annotated[int, "width of hidden layers"] = 32
    layers: Annotated[int, "hidden layers"] = 1
    scale_inputs: Annotated[bool, "bring observations to mean 0 and deviation 1"] = True

    def __post_init__(self) -> None:
        inf = float("inf")
        within(
            self,
            pairs=(1, inf),
            episodes=(1, inf),
            lr=(0, inf),
            deviation=(1e-3, 100),
            deviation_lr=(0, inf),
            hidden=(1, 4096),
            layers=(0, 16),
        )


class Generation(NamedTuple):
    """What a generation played."""

    noise: npt.NDArray[np.float32]  # [K, P] of the policies above the centre, in deviations
    fitness: npt.NDArray[np.float64]  # [2, K] mean returns, summed over agents; above the centre, and below
    returned: npt.NDArray[np.float64]  # [E] or [E, N] of all episodes
    seen: npt.NDArray[np.float32]  # [R, O] of what was observed
    steps: int

    @property
    def started(self) -> int:
        """Return how many episodes were played."""
        return len(self.returned)

    def returns(self) -> npt.NDArray[np.float64]:
        """Return what each of them earned."""
        return self.returned


class PGPE:
    """A centre and deviations of a policy's parameters."""

    settings: PGPESettings

    def __init__(self, spec: EnvSpec, settings: PGPESettings, seed: int) -> None:
        suits(spec, "pgpe", team=False, kinds=("choice", "choices", "numbers"))
        self.spec, self.settings = spec, settings
        own = spec.agents if spec.agents > 1 else 0  # an agent sees its number
        widths = [spec.observation + own, *[settings.hidden] * settings.layers, spec.actions]
        self.shapes = [shape for i, o in pairwise(widths) for shape in ((i, o), (1, o))]
        self.sizes = [rows * columns for rows, columns in self.shapes]
        count, many = sum(self.sizes), 2 * settings.pairs
        if (total := 4 * (2 * many * count + 8 * count)) > (free := available()):
            raise UserError(
                f"a generation of {many:,} policies of {count:,} parameters takes {size(total)} of memory, and "
                f"{size(free)} are free: take fewer pairs or a smaller hidden"
            )
        rng = np.random.default_rng([seed, 7])
        parts = [rng.standard_normal(rows * columns) * (rows**-0.5 if rows > 1 else 0) for rows, columns in self.shapes]
        self.centre = np.concatenate(parts).astype(np.float32)
        self.deviation = np.full(count, settings.deviation, np.float32)
        self.moments = np.zeros((2, count), np.float32)
        self.scale = Scale(spec.observation, 5.0)
        self.generations = 0
        self.numbers = np.eye(own, dtype=np.float32)
        self._drawn: Tensor | None = None  # [2K, P] the parameters being played; None: the centre
        self._env: Env | None = None

    @property
    def envs(self) -> int:
        """How many episodes are played side by side between two calls of `learn`."""
        return 2 * self.settings.pairs * self.settings.episodes

    def begin(self, batch: int) -> None:
        """Forget what was seen: agents remember nothing."""

    def act(self, step: Step, rng: np.random.Generator, explore: bool) -> npt.NDArray[Any]:
        """Return the actions of the centre, or while exploring of the policies that are being played."""
        said = self._said(step.obs, self._drawn) if explore and self._drawn is not None else self.outputs(step)
        return likeliest(self.spec, said, step.legal)

    def outputs(self, step: Step) -> npt.NDArray[np.float32]:
        """Return what the centre says, [B, N, A]."""
        return self._said(step.obs, torch.from_numpy(self.centre)[None])

    @torch.inference_mode()
    def _said(self, obs: npt.NDArray[Any], drawn: Tensor) -> npt.NDArray[np.float32]:
        """Return what networks with parameters [K, P] say of observations [B, N, O], B a multiple of K."""
        x = torch.from_numpy(np.ascontiguousarray(obs, np.float32))
        x = self.scale(x) if self.settings.scale_inputs else x
        if len(self.numbers):
            x = torch.cat([x, torch.from_numpy(self.numbers).expand(len(x), -1, -1)], dim=-1)
        x = x.reshape(len(drawn), -1, x.shape[-1])
        parts = [
            part.reshape(len(drawn), *shape)
            for part, shape in zip(torch.split(drawn, self.sizes, dim=1), self.shapes, strict=True)
        ]
        for at in range(0, len(parts), 2):
            x = torch.baddbmm(parts[at + 1], x, parts[at])
            x = torch.tanh(x) if at + 2 < len(parts) or self.spec.continuous else x
        found: npt.NDArray[np.float32] = x.reshape(*obs.shape[:2], -1).numpy()
        return found

    def collect(self, task: Task, rng: np.random.Generator) -> Generation:
        """Play a generation: every policy its episodes, all side by side."""
        noise = rng.standard_normal((self.settings.pairs, len(self.centre)), np.float32)
        away = noise * self.deviation
        self._drawn = torch.from_numpy(np.concatenate([self.centre + away, self.centre - away]))
        if self._env is None:
            self._env = self._started(task)
        try:
            returned, steps, seen = self._play(self._env, rng)
        finally:
            self._drawn = None
        paid = returned if returned.ndim == 1 else returned.sum(axis=1)
        fitness = paid.reshape(2, self.settings.pairs, self.settings.episodes).mean(axis=2)
        return Generation(noise, fitness, returned, seen, steps)

    def _started(self, task: Task) -> Env:
        """Return the batch of a generation, in which a pair begins alike, if it can be started more than once."""
        if not isinstance(task, Own):
            return Alike(task, self.envs // 2, 2)
        env = task.start(self.envs)
        if env.batch != self.envs:
            raise UserError(
                f"pgpe plays {self.envs} episodes side by side, and this environment has {env.batch}: set "
                "pairs and episodes so that pairs x episodes x 2 is that"
            )
        return env

    def _play(self, env: Env, rng: np.random.Generator) -> tuple[npt.NDArray[np.float64], int, npt.NDArray[np.float32]]:
        """Play all episodes to their ends; return what they earned, their steps in all, and some of what was seen."""
        step, steps, seen = env.reset(rng), 0, []
        check_fits(step, empty(replace(self.spec, limit=1), env.batch), type(env).__name__)
        total = np.zeros(step.reward.shape)
        for t in range(self.spec.limit):
            playing = ~(step.terminated | step.truncated)
            if not playing.any():
                break
            steps += int(playing.sum())
            if t & (t - 1) == 0:  # at steps 0, 1, 2, 4, 8 and so on
                seen.append(step.obs[playing].reshape(-1, self.spec.observation).astype(np.float32))
            step = env.step(self.act(step, rng, True))
            total += step.reward
        if not np.isfinite(total).all():
            raise UserError(f"{type(env).__name__}: a reward is no finite number")
        return total, steps, np.concatenate(seen)

    def learn(self, played: Generation, rng: np.random.Generator) -> dict[str, float]:
        """Move the centre and the deviations by what a generation earned."""
        settings = self.settings
        self.generations += 1
        worth = ranks(played.fitness)
        to_centre, to_deviation = directions(played.noise, worth, self.deviation)
        first, second = self.moments
        first += (1 - _FIRST) * (to_centre - first)
        second += (1 - _SECOND) * (np.square(to_centre) - second)
        mean, square = first / (1 - _FIRST**self.generations), second / (1 - _SECOND**self.generations)
        self.centre += settings.lr * mean / (np.sqrt(square) + _LEAST)
        change = np.clip(settings.deviation_lr * to_deviation, -_MOST * self.deviation, _MOST * self.deviation)
        self.deviation = np.maximum(self.deviation + change, _NARROW).astype(np.float32)
        self.scale.learn(torch.from_numpy(played.seen))
        return {"deviation": float(self.deviation.mean()), "best": float(played.fitness.max())}

    def state(self) -> dict[str, Any]:
        """Return all that a resumed run needs."""
        return {
            "centre": self.centre,
            "deviation": self.deviation,
            "moments": self.moments,
            "scale": self.scale.state_dict(),
            "generations": self.generations,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        for name in ("centre", "deviation", "moments"):
            setattr(self, name, np.asarray(state[name]).astype(np.float32))
        if (self.deviation <= 0).any():
            raise UserError("a standard deviation of its parameters is not positive")
        self.scale.load_state_dict(state["scale"])
        self.generations = int(state["generations"])


def ranks(fitness: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return what fitnesses count by their ranks: from -1/2 (the lowest) to 1/2, equal ones alike; of any shape."""
    flat = fitness.ravel()
    _, place, count = np.unique(flat, return_inverse=True, return_counts=True)
    above = np.cumsum(count)
    middle = above - (count + 1) / 2  # the mean of the ranks, from 0 on, that equal ones share
    found: npt.NDArray[np.float64] = (middle[place] / max(1, len(flat) - 1) - 0.5).reshape(fitness.shape)
    return found


def directions(
    noise: npt.NDArray[np.float32], worth: npt.NDArray[np.float64], deviation: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return where the centre and the deviations should go, [P] both, by noise [K, P] and the pairs' worths, [2, K].

    With e the noise times the deviation s, that is the mean of e (r+ - r-) / 2, and the mean of
    ((r+ + r-) / 2 - b) (e^2 - s^2) / s, where b is the mean worth (Sehnke et al. 2010, eq. 10 and 11).
    """
    pairs = len(noise)
    difference = ((worth[0] - worth[1]) / 2).astype(np.float32)
    middle = ((worth[0] + worth[1]) / 2 - worth.mean()).astype(np.float32)
    to_centre = difference @ noise * deviation / pairs
    to_deviation = middle @ (np.square(noise) - 1) * deviation / pairs
    return to_centre, to_deviation
