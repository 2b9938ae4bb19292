"""Playing: a batch of episodes from start to end, kept as arrays.

Shape letters: B episodes, T steps (of the longest episode), N agents, A actions, O observation, S state.
"""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from counterplay.agents.checks import check_fits, check_played
from counterplay.engine.env import Env, EnvSpec, Step
from counterplay.engine.errors import UserError
from counterplay.engine.jit import jit
from counterplay.engine.tabled import Table, Tabled


class Episodes(NamedTuple):
    """B episodes, side by side. Row t + 1 of what has T + 1 follows action t; what is not `filled` is nothing.

    `alive` and `ended` are there where agents come and go by themselves (`EnvSpec.lives`); None otherwise. `number` is
    there where somebody knows it. Where episodes are cut (`cut.Pieces`), each of the B is a piece of one.
    """

    obs: npt.NDArray[Any]  # [B, T + 1, N, O] f32, or u8
    state: npt.NDArray[Any]  # [B, T + 1, S] f32, or u8
    legal: npt.NDArray[np.bool_]  # [B, T + 1, N, A]
    action: npt.NDArray[Any]  # [B, T, N] i64; of several parts [B, T, N, P]; of numbers f32 [B, T, N, A]
    reward: npt.NDArray[np.float32]  # [B, T] for the team, or [B, T, N]
    terminated: npt.NDArray[np.bool_]  # [B, T]; the rules ended the episode with this step (time running out does not)
    filled: npt.NDArray[np.bool_]  # [B, T]; the step was played
    alive: npt.NDArray[np.bool_] | None = None  # [B, T + 1, N]; the agent acts, or would, had time not run out
    ended: npt.NDArray[np.bool_] | None = None  # [B, T + 1, N]; the rules ended the agent's game
    number: npt.NDArray[np.int64] | None = None  # [B, T + 1]; rows of one number show the same, from 0 on

    @property
    def steps(self) -> int:
        """Return how many steps were played, of all episodes together."""
        return int(self.filled.sum())

    @property
    def started(self) -> int:
        """Return how many episodes were played to their ends."""
        return len(self.filled)

    def returns(self) -> npt.NDArray[np.float64]:
        """Return the undiscounted return of each of these: [B] for the team, or [B, N]."""
        total: npt.NDArray[np.float64] = self.reward.sum(axis=1, dtype=np.float64)
        return total


class Played(Protocol):
    """What the training loop has to know of what was played, be it episodes or something else."""

    @property
    def steps(self) -> int:
        """Return how many steps it took."""
        ...

    @property
    def started(self) -> int:
        """Return how many times the game was played from its beginning."""
        ...

    def returns(self) -> npt.NDArray[np.float64]:
        """Return what each time earned: [B] for the team, or [B, N]."""
        ...


class Actor(Protocol):
    """Whoever chooses the agents' actions."""

    def begin(self, batch: int) -> None:
        """Forget what was seen: that many new episodes begin."""
        ...

    def act(self, step: Step, rng: np.random.Generator, explore: bool) -> npt.NDArray[Any]:
        """Return a legal action for every agent: i64 [B, N], or as `EnvSpec.action_shape` says.

        Without exploring it is as good as it can be.
        """
        ...


@runtime_checkable
class Memoryless(Protocol):
    """An actor that may draw actions by what is shown now, and by nothing else."""

    def drawn_from(self, step: Step, explore: bool) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]] | None:
        """Return logits and which actions they are of, [B, N, A], that `act` draws by (`sample`).

        None where it acts in another way, remembers, or lets an agent hear of what others observe.
        """
        ...


def empty(spec: EnvSpec, many: int) -> Episodes:
    """Return the arrays of that many episodes of any length, zeros. None of it takes memory before it is written."""
    steps = spec.limit
    lives = (many, steps + 1, spec.agents)
    return Episodes(
        obs=np.zeros((many, steps + 1, spec.agents, spec.observation), spec.obs_type),
        state=np.zeros((many, steps + 1, spec.state), spec.state_type),
        legal=np.zeros((many, steps + 1, spec.agents, spec.actions), np.bool_),
        action=np.zeros((many, steps, spec.agents, *spec.action_shape), spec.action_type),
        reward=np.zeros((many, steps) if spec.team else (many, steps, spec.agents), np.float32),
        terminated=np.zeros((many, steps), np.bool_),
        filled=np.zeros((many, steps), np.bool_),
        alive=np.zeros(lives, np.bool_) if spec.lives else None,
        ended=np.zeros(lives, np.bool_) if spec.lives else None,
    )


def collect(
    env: Env, actor: Actor, rng: np.random.Generator, explore: bool = True, limit_ends: bool = False
) -> Episodes:
    """Play the environment's B episodes to their ends.

    Where there are fewer decisions than would be asked about, policies are asked once for each (`engine.tabled`); what
    is played is the same. With `limit_ends`, what ran out of time counts as ended by the rules. Raises `ValueError`
    for an environment that shows what is no number, or leaves an agent nothing to do.
    """
    if (games := by_table(env, actor, rng, explore)) is not None:
        return games
    spec, many = env.spec, env.batch
    name = str(getattr(env, "name", type(env).__name__))
    whole = empty(spec, many)
    actor.begin(many)
    step = env.reset(rng)
    check_fits(step, whole, name)
    playing = np.ones(many, np.bool_)
    played = 0
    try:
        while played < spec.limit and playing.any():
            t = played
            _see(whole, t, step)
            whole.filled[:, t] = playing
            whole.action[:, t] = actor.act(step, rng, explore)
            step = env.step(whole.action[:, t])
            whole.reward[:, t] = step.reward
            whole.terminated[:, t] = over(step, limit_ends) & playing
            playing &= ~(step.terminated | step.truncated)
            played += 1
    except Exception:  # it may follow from what was shown before
        check_played(whole, played, name)
        raise
    _see(whole, played, step)
    check_played(whole, played, name)
    rows = spec.limit + 1
    return Episodes(
        *(None if part is None else part[:, : played + (part.shape[1] == rows)] for part in whole)  # type: ignore[arg-type]
    )


def over(step: Step, limit_ends: bool) -> npt.NDArray[np.bool_]:
    """Return which episodes are over for whoever learns: those that the rules ended, and perhaps those out of time."""
    return step.terminated | step.truncated if limit_ends else step.terminated


def by_table(env: Env, actor: Actor, rng: np.random.Generator, explore: bool) -> Episodes | None:
    """Play as `collect` does, by a table of what the actor does at each decision; None where there is none to play by.

    Asking networks is what takes time: there have to be fewer decisions than half of what steps would ask about.
    """
    if not isinstance(env, Tabled) or not isinstance(actor, Memoryless):
        return None
    asked = env.listed(env.batch * env.spec.limit // 2)
    if asked is None:
        return None
    actor.begin(len(asked.obs))
    if (by := actor.drawn_from(asked, explore)) is None:
        return None
    logits, drawn = by
    table = Table(np.zeros(drawn.shape), np.zeros(drawn.shape[:-1]), drawn)
    _weigh(np.ascontiguousarray(logits).reshape(-1), drawn.reshape(-1), table.weights.reshape(-1), table.totals.ravel())
    games = env.play(table, rng)
    if not np.isfinite(games.reward).all():
        check_played(Episodes(*games[:7]), games.filled.shape[1], str(getattr(env, "name", type(env).__name__)))
    return Episodes(*games[:7], number=games.number)


def earned(env: Env, actor: Actor, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Play the environment's B episodes to their ends without exploring, and return what each earned: [B], or [B, N].

    Nothing else is kept, so that episodes may be long. Raises `ValueError` for a reward that is no number.
    """
    actor.begin(env.batch)
    step = env.reset(rng)
    total = np.zeros(step.reward.shape)
    for t in range(env.spec.limit):
        if (step.terminated | step.truncated).all():
            break
        step = env.step(actor.act(step, rng, False))
        total += step.reward
        if not np.isfinite(total).all():
            name = getattr(env, "name", type(env).__name__)
            raise UserError(f"{name}: step {t + 1}: a reward holds {step.reward[~np.isfinite(step.reward)][0]}")
    return total


def _see(whole: Episodes, t: int, step: Step) -> None:
    """Write down what a step shows."""
    whole.obs[:, t], whole.state[:, t], whole.legal[:, t] = step.obs, step.state, step.legal
    if whole.alive is not None and whole.ended is not None:
        whole.alive[:, t], whole.ended[:, t] = step.alive, step.ended


def greedy(values: npt.NDArray[Any], legal: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return the legal action of the highest value, the first of equals; [..., A] becomes [...]."""
    return epsilon_greedy(values, legal, 0.0, None)


def epsilon_greedy(
    values: npt.NDArray[Any], legal: npt.NDArray[np.bool_], epsilon: float, rng: np.random.Generator | None
) -> npt.NDArray[np.int64]:
    """Return for each agent, by itself, a uniform legal action with probability epsilon, else the greedy one."""
    actions = legal.shape[-1]
    chosen = np.empty(legal.size // actions, np.int64)
    # Two numbers each: whether to stray, and where to.
    drawn = _NONE if rng is None or epsilon <= 0 else rng.random((len(chosen), 2))
    _choose(np.ascontiguousarray(values).reshape(-1), np.ascontiguousarray(legal).reshape(-1), epsilon, drawn, chosen)
    return chosen.reshape(legal.shape[:-1])


def sample(logits: npt.NDArray[Any], legal: npt.NDArray[np.bool_], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return a legal action drawn with probabilities softmax(logits) over the legal ones; [..., A] becomes [...]."""
    actions = legal.shape[-1]
    chosen = np.empty(legal.size // actions, np.int64)
    drawn = rng.random(len(chosen))
    _sample(np.ascontiguousarray(logits).reshape(-1), np.ascontiguousarray(legal).reshape(-1), drawn, chosen)
    return chosen.reshape(legal.shape[:-1])


_NONE = np.empty((0, 2))


@jit
def _choose(values: Any, legal: Any, epsilon: float, drawn: Any, chosen: Any) -> None:  # pragma: no cover
    actions = len(legal) // max(len(chosen), 1)
    for i in range(len(chosen)):
        count, best, highest = 0, -1, -np.inf
        for a in range(actions):
            if legal[i * actions + a]:
                count += 1
                if best < 0 or values[i * actions + a] > highest:
                    best, highest = a, values[i * actions + a]
        if len(drawn) and drawn[i, 0] < epsilon:
            left = int(drawn[i, 1] * count)  # so many legal actions come before the one drawn
            for a in range(actions):
                if legal[i * actions + a]:
                    if left == 0:
                        best = a
                        break
                    left -= 1
        chosen[i] = best


@jit
def _highest(logits: Any, legal: Any, first: int, actions: int) -> float:  # pragma: no cover
    """Return the highest logit of the legal ones, from the `first` on."""
    highest = -np.inf
    for a in range(first, first + actions):
        if legal[a]:
            highest = max(highest, logits[a])
    return highest


@jit
def _weigh(logits: Any, legal: Any, weights: Any, totals: Any) -> None:  # pragma: no cover
    """Set what `_sample` draws in proportion to, and its sums."""
    actions = len(legal) // max(len(totals), 1)
    for i in range(len(totals)):
        highest, total = _highest(logits, legal, i * actions, actions), 0.0
        for a in range(actions):
            if legal[i * actions + a]:
                weights[i * actions + a] = np.exp(logits[i * actions + a] - highest)
                total += weights[i * actions + a]
        totals[i] = total


@jit
def _sample(logits: Any, legal: Any, drawn: Any, chosen: Any) -> None:  # pragma: no cover
    actions = len(legal) // max(len(chosen), 1)
    for i in range(len(chosen)):
        highest, total = _highest(logits, legal, i * actions, actions), 0.0
        for a in range(actions):
            if legal[i * actions + a]:
                total += np.exp(logits[i * actions + a] - highest)
        left = drawn[i] * total
        for a in range(actions):
            if legal[i * actions + a]:
                chosen[i] = a  # the last legal one if rounding leaves something
                left -= np.exp(logits[i * actions + a] - highest)
                if left < 0:
                    break
