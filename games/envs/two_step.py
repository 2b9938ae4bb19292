"""The two-step game of QMIX: a first choice that pays nothing decides which matrix is played."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.env import EnvSpec, Step, blank, choices, illegal
from counterplay.engine.jit import jit
from counterplay.engine.keeping import Part, copies, fitting, put_back
from counterplay.engine.legal import lawful
from counterplay.engine.scene import Scene, numbered, table

# What the team is paid in states 2A and 2B, by the first and the second agent's action.
_PAYOFFS = np.array([[[7, 7], [7, 7]], [[0, 1], [1, 8]]], np.float32)


@dataclass(frozen=True)
class TwoStep:
    """The two-step game (Rashid et al., ICML 2018, section 5), for two agents with two actions each.

    The first agent's first action leads to state 2A (action 0) or 2B (action 1); the second's then does nothing. In 2A
    every joint action pays 7; in 2B the second actions pay 8, one of them 1, none 0: only a team that can tell how both
    second actions work together finds out that 2B is better. An observation, and the state, is one number for each of
    the states 1, 2A and 2B, and 1 for the present one; at the end, the last played stays.
    """

    @property
    def spec(self) -> EnvSpec:
        return EnvSpec(agents=2, actions=2, observation=3, state=3, limit=2)

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """What each agent's actions are called, [N][A]."""
        return numbered(2, 2)

    def start(self, batch: int) -> "TwoStepEnv":
        return TwoStepEnv(self, batch)


class TwoStepEnv:
    """Episodes of the two-step game."""

    def __init__(self, task: TwoStep, batch: int) -> None:
        self.spec, self.batch = task.spec, batch
        self._shown = shown = blank(self.spec, batch)
        self._parts = {
            "state": Part(shown.state, 0, 1),
            "reward": Part(shown.reward),
            "terminated": Part(shown.terminated),
        }

    def reset(self, rng: np.random.Generator) -> Step:
        return self.renew(np.ones(self.batch, np.bool_), rng)

    def renew(self, which: npt.NDArray[np.bool_], rng: np.random.Generator) -> Step:
        which = fitting(which, self.batch)
        shown = self._shown
        shown.obs[which] = shown.state[which] = (1, 0, 0)
        shown.reward[which] = 0
        shown.terminated[which] = False
        return shown

    def step(self, actions: npt.NDArray[Any]) -> Step:
        shown = self._shown
        actions = choices(actions, shown)
        if not _step(actions, *shown[:6]):
            raise illegal(actions, shown)
        return shown

    def keep(self) -> dict[str, npt.NDArray[Any]]:
        return copies(self._parts)

    def resume(self, kept: Mapping[str, npt.NDArray[Any]]) -> Step:
        put_back(self._parts, kept)
        self._shown.obs[:] = self._shown.state[:, None]
        return self._shown

    def scene(self, episode: int) -> Scene:
        """Return what joint actions lead to in the present state: another one, or what the team is paid."""
        state = int(self._shown.state[episode].argmax())
        cells = [["2A", "2A"], ["2B", "2B"]] if state == 0 else _PAYOFFS[state - 1].astype(int).astype(str).tolist()
        rows = [(f"state {('1 ', '2A', '2B')[state]}", "0", "1"), *((str(a), *row) for a, row in enumerate(cells))]
        return table(rows, told=["rows are agent 0's actions, columns agent 1's"])

    def render(self, episode: int) -> str:
        state = ("1", "2A", "2B")[self._shown.state[episode].argmax()]
        end = ", at the end" if self._shown.terminated[episode] else ""
        return f"state {state}{end}\nreward: {self._shown.reward[episode]:g}"


@jit
def _step(
    actions: npt.NDArray[np.int64],
    obs: npt.NDArray[np.float32],
    state: npt.NDArray[np.float32],
    legal: npt.NDArray[np.bool_],
    reward: npt.NDArray[np.float32],
    terminated: npt.NDArray[np.bool_],
    truncated: npt.NDArray[np.bool_],
) -> bool:
    """Play one step of each running episode; return False, and play none, if an action is not legal."""
    if not lawful(actions, legal, terminated, truncated):
        return False
    for b in range(np.uint64(len(actions))):
        reward[b] = 0.0
        if terminated[b]:
            continue
        first, second = np.uint64(actions[b, 0]), np.uint64(actions[b, 1])
        if state[b, 0] == 0.0:
            reward[b] = _PAYOFFS[np.uint64(state[b, 2]), first, second]
            terminated[b] = True
            continue
        state[b, 0] = 0.0
        state[b, np.uint64(1) + first] = 1.0
        for n in range(np.uint64(2)):
            for k in range(np.uint64(3)):
                obs[b, n, k] = state[b, k]
    return True
