"""Checks of what teams learn with: mixers, returns, advantages, learners, environments."""

from collections.abc import Callable
from itertools import chain, product
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.api.testing import returns_plain
from counterplay.api.testing.plain import Pick
from counterplay.api.testing.searching import search
from counterplay.api.testing.tables import END, Table
from counterplay.engine.env import random_actions
from counterplay.engine.errors import UserError

Arrays = npt.NDArray[Any]

CLOSE = 1e-4  # of what is computed in 32 bits


class Mixed(NamedTuple):
    """What agents think of their actions in a state."""

    values: list[list[float]]  # [N][A]
    state: list[float]


class Played(NamedTuple):
    """An episode as returns see it; `after[t]` is the value of the state that step t led to."""

    reward: list[float]  # [T]
    after: list[float]  # [T]
    over: bool  # the rules ended it; else time ran out
    gamma: float
    trace: float  # lambda, or of n-step returns n
    value: float = 0.0  # of the first state
    alive: list[bool] | None = None  # [T + 1] of one agent that may come and go
    ended: list[bool] | None = None


def check_learner(
    learner: Any = None,
    *,
    mixer: Any = None,
    lambda_returns: Callable[..., Arrays] | None = None,
    n_step: Callable[..., Arrays] | None = None,
    advantages: Callable[..., Arrays] | None = None,
    lives: bool = False,
    agents: int = 2,
    state: int = 2,
    examples: int = 100,
    seed: int = 0,
    steps: int = 4000,
    **options: Any,
) -> None:
    """Raise `AssertionError` where a part of a learner does not do what its definition says, with the smallest case.

    `mixer` is a name ("qmix"), a `torch.nn.Module` or a function, of values [B, N] and states [B, S]: the joint action
    of each agent's best must be the team's best (individual-global-max), and no agent's value may lower the mix.
    `lambda_returns(reward, after, terminated, filled, gamma, trace)` and `n_step(..., gamma, n)` take arrays [B, T] as
    `counterplay.agents.returns` does, and with `lives` a last argument of that name, too, [B, T, 1] for values;
    `advantages(reward, value, after, terminated, filled, gamma, trace)` likewise. They must be those of the definition,
    at truncation, termination and an agent's early end, and 0 beyond the end. `learner` is what `counterplay.train`
    takes, with its `options`: after `steps` steps it must play best in games of two steps, whose first pays nothing.
    """
    parts = {"lambda_returns": lambda_returns, "n_step": n_step, "advantages": advantages}
    if learner is None and mixer is None and not any(parts.values()):
        raise UserError("check_learner checks a learner, mixer=, lambda_returns=, n_step= or advantages=: give one")
    if mixer is not None:
        _check_mixer(mixer, agents, state, examples, seed)
    for name, function in parts.items():
        if function is not None:
            _check_returns(name, function, lives, examples, seed)
    if learner is not None:
        _check_learning(learner, steps, seed, options)


def _drawn(grow: Callable[[Pick], Any]) -> Any:
    """Return a Hypothesis strategy for what grows by picks of whole numbers."""
    from counterplay.api.testing.searching import import_hypothesis

    import_hypothesis()
    from hypothesis import strategies as st

    return st.composite(lambda draw: grow(lambda n: int(draw(st.integers(0, n - 1)))))()


def _whole(pick: Pick, most: int = 4) -> float:
    k = pick(2 * most + 1)
    return float((k + 1) // 2 * (1 if k % 2 else -1))


def _check_mixer(mixer: Any, agents: int, state: int, examples: int, seed: int) -> None:
    from counterplay.agents.nn.called import on_arrays

    mix = on_arrays(mixer, agents, state)

    def grow(pick: Pick) -> Mixed:
        return Mixed([[_whole(pick) for _ in range(3)] for _ in range(agents)], [_whole(pick) for _ in range(state)])

    def fault(case: Mixed) -> tuple[float, str]:
        joint = list(product(range(3), repeat=agents))
        values = np.array([[case.values[n][a] for n, a in enumerate(actions)] for actions in joint])
        mixed = np.asarray(mix(values, np.tile(np.array(case.state), (len(joint), 1))), np.float64)
        if mixed.shape != (len(joint),) or not np.isfinite(mixed).all():
            return 2.0, f"mixing {values.shape} values gives {mixed.shape}, or what is no number"
        each = [max(row) for row in case.values]
        greedy = [k for k, row in enumerate(values.tolist()) if row == each]
        room = CLOSE * (1 + np.abs(mixed).max())
        short = float(mixed.max() - mixed[greedy].max())
        if short > room:
            best = joint[int(mixed.argmax())]
            return short, (
                f"each agent's best action is {joint[greedy[0]]}, whose mix is {mixed[greedy[0]]:.6g}, and that of "
                f"{best} is {mixed.max():.6g}: what is best for each is not best for all"
            )
        for k, row in enumerate(values):
            for n in range(agents):
                higher = (np.delete(values, n, 1) == np.delete(row, n)).all(axis=1) & (values[:, n] > row[n])
                if (mixed[higher] < mixed[k] - room).any():
                    drop = float(mixed[k] - mixed[higher].min())
                    return (
                        drop,
                        f"where agent {n}'s value rises from {row[n]:g}, the others' {np.delete(row, n)}, "
                        f"the mix falls by {drop:.6g}",
                    )
        return max(short, 0.0), ""

    search(_drawn(grow), fault, examples=examples, seed=seed)


def _grow_episode(pick: Pick, whole: bool, lives: bool) -> Played:
    length = 1 + pick(4)
    reward, after = ([_whole(pick, 2) for _ in range(length)] for _ in range(2))
    gamma, trace = (1.0, 0.5, 0.9)[pick(3)], (float(1 + pick(4)) if whole else (1.0, 0.0, 0.5)[pick(3)])
    case = Played(reward, after, pick(2) == 1, gamma, trace, _whole(pick, 2))
    if not lives:
        return case
    alive, ended = [True] * (length + 1), [False] * (length + 1)
    t, kind = 1 + pick(length), pick(3)
    if kind and t <= length:  # it leaves before the end: by the rules, or because time ran out for it alone
        alive[t:] = [False] * (length + 1 - t)
        ended[t:] = [kind == 2] * (length + 1 - t)
    if case.over:
        alive[length] = False
    return case._replace(alive=alive, ended=ended)


def _check_returns(name: str, function: Callable[..., Arrays], lives: bool, examples: int, seed: int) -> None:
    def wanted(case: Played) -> list[float]:
        facts = case.gamma, int(case.trace) if name == "n_step" else case.trace
        if name == "advantages":
            return returns_plain.advantages(case.reward, [case.value, *case.after[:-1]], case.after, case.over, *facts)
        define = returns_plain.n_step if name == "n_step" else returns_plain.lambda_returns
        if case.alive is None or case.ended is None:
            return define(case.reward, case.after, case.over, *facts)  # type: ignore[arg-type]
        found = returns_plain.own_returns(
            (lambda reward, after, over: define(reward, after, over, *facts), case.gamma),  # type: ignore[arg-type]
            case.reward,
            case.after,
            case.over,
            case.alive,
            case.ended,
        )
        return [found.get(t, 0.0) for t in range(len(case.reward))]

    def fault(case: Played) -> tuple[float, str]:
        truth, found = wanted(case), _called(name, function, case)
        if found.shape != (2, len(truth) + 1):
            return 2.0, f"{name} returns an array of shape {found.shape}"
        wrong = np.abs(found[0, :-1] - truth).max()
        if not wrong <= CLOSE:
            return float(wrong), f"{name} are {found[0, :-1].tolist()}, and should be {truth}"
        if found[0, -1] != 0 or (found[1, 1:] != 0).any():
            return 1.0, f"{name} say {found.tolist()}, and beyond the end of an episode should say 0"
        return float(wrong), ""

    def grow(pick: Pick) -> Played:
        return _grow_episode(pick, name == "n_step", lives)

    search(_drawn(grow), fault, examples=examples, seed=seed)


def _called(name: str, function: Callable[..., Arrays], case: Played) -> Arrays:
    """Return what a function says of an episode and, beside it, one of a single step, with a step that never was."""
    steps = len(case.reward) + 1
    reward, after, value = (np.zeros((2, steps), np.float32) for _ in range(3))
    reward[0, :-1], after[0, :-1], value[0, :-1] = case.reward, case.after, [case.value, *case.after[:-1]]
    reward[1, 0] = after[1, 0] = value[1, 0] = 1
    filled, terminated = np.zeros((2, steps), bool), np.zeros((2, steps), bool)
    filled[0, :-1] = filled[1, 0] = True
    terminated[0, steps - 2] = case.over
    last: Any = int(case.trace) if name == "n_step" else case.trace
    if name == "advantages":
        return np.asarray(function(reward, value, after, terminated, filled, case.gamma, last))
    if case.alive is None:
        return np.asarray(function(reward, after, terminated, filled, case.gamma, last))
    from counterplay.agents.returns import Lives

    alive, ended = np.zeros((2, steps + 1, 1), bool), np.zeros((2, steps + 1, 1), bool)
    alive[0, :steps, 0], ended[0, :steps, 0] = case.alive, case.ended
    alive[1, :2] = True
    found = function(reward, after[..., None], terminated, filled, case.gamma, last, Lives(alive, ended))
    return np.asarray(found)[..., 0]


# Two agents; the first joint action chooses a world, the second is paid there: at most 1 in the poor one, 4 in the
# rich one, so that only what follows tells which to choose. A sum of the agents' values says all. Either world is the
# rich one in turn: whoever does not learn it guesses wrong once.
_CHOICE = ((0.0, 1), (0.0, 1), (0.0, 2), (0.0, 2))
_POOR = ((1.0, END), (0.5, END), (0.5, END), (0.0, END))
_RICH = ((0.0, END), (2.0, END), (2.0, END), (4.0, END))
LATER = tuple(Table(2, 2, (_CHOICE, *worlds), limit=3) for worlds in ((_POOR, _RICH), (_RICH, _POOR)))


def _check_learning(learner: Any, steps: int, seed: int, options: dict[str, Any]) -> None:
    import counterplay

    for task in LATER:
        run = counterplay.train(learner, task, steps=steps, seed=seed, test_every=10**9, test_episodes=1, **options)
        mean, best = run.evaluate(8).mean, task.best()
        assert mean >= best - 1e-6, f"after {steps:,} steps it earns {mean:g} of {best:g}\nin\n{task!r}"


def check_environment(env: Any, *, plain: Any = None, batch: int = 4, seed: int = 0) -> None:
    """Raise `AssertionError` where an environment does not keep what environments promise, with the play that shows it.

    `env` is what `counterplay.train` takes: a spec, a task, a batch of one's own, a PettingZoo environment or a
    function that makes one. Arrays have the spec's shapes and types, every agent has a legal action, nothing is paid at
    the reset or after the end, what has ended stays as it was, an episode is terminated or truncated, not both, and no
    longer than its limit; the same seed gives the same episodes, and other episodes of a batch make no difference to
    one. Episodes that can be begun anew (`Continuing`) begin as after a reset and leave the others alone, and what is
    kept goes on as it would have. `plain(task, seed)` is one episode in plain Python, with obs(), legal(),
    step(actions) -> (reward, terminated, truncated) and perhaps state(), seeded as `engine.batches` seeds an episode:
    then every number must be equal.
    """
    from counterplay.engine.env import Continuing, Own
    from counterplay.games.envs import make_env
    from counterplay.games.envs.adopt import as_task

    task = make_env(env) if isinstance(env, str) else as_task(env)
    held = isinstance(task, Own)
    first = task.start(batch)
    _expect(first.spec == task.spec, f"its batch has the spec {first.spec}, its task {task.spec}", [])
    steps, chosen = play(first, seed)
    for t, step in enumerate(steps):
        _check_step(first.spec, first.batch, step, chosen[:t])
    _check_ends(first, steps, chosen)
    others = [first] if held else [first, task.start(batch)]
    for again in others:
        more, _ = play(again, seed, chosen)
        alike = len(more) == len(steps) and all(map(same, more, steps))
        _expect(alike, f"reset again with the seed {seed}, the same actions give other episodes", chosen)
    _check_apart(first, steps, chosen, seed)
    if isinstance(first, Continuing):
        _check_continuing(task, batch, steps, chosen, seed)
    if plain is not None:
        _check_plain(task, plain, batch, seed)


def copied(step: Any) -> Any:
    """Return a step whose arrays stay."""
    return type(step)(*(None if array is None else array.copy() for array in step))


def same(first: Any, second: Any) -> bool:
    """Tell whether two steps are equal."""
    return all((a is None and b is None) or np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def play(env: Any, seed: int, actions: Any = None) -> tuple[list[Any], list[Arrays]]:
    """Return the steps of a batch's episodes, played by random legal actions (or those given) until all have ended."""
    rng, steps, chosen = np.random.default_rng(seed), [copied(env.reset(np.random.default_rng(seed)))], list[Arrays]()
    while not (steps[-1].terminated | steps[-1].truncated).all():
        if actions is not None and len(chosen) == len(actions):
            break
        chosen.append(random_actions(env.spec, steps[-1], rng) if actions is None else actions[len(chosen)])
        steps.append(copied(env.step(chosen[-1])))
        _expect(len(chosen) <= env.spec.limit, f"an episode is longer than its limit of {env.spec.limit}", chosen)
    return steps, chosen


def _expect(true: Any, what: str, chosen: list[Arrays]) -> None:
    if not true:
        shown = [actions.tolist() for actions in chosen[-6:]]
        raise AssertionError(f"after {len(chosen)} steps{f' (the last by {shown})' if shown else ''}: {what}")


def _check_step(spec: Any, batch: int, step: Any, chosen: list[Arrays]) -> None:
    b, n = batch, spec.agents
    shapes = {
        "obs": (b, n, spec.observation),
        "state": (b, spec.state),
        "legal": (b, n, spec.actions),
        "reward": (b,) if spec.team else (b, n),
        "terminated": (b,),
        "truncated": (b,),
    }
    types = {"obs": spec.obs_type, "state": spec.state_type, "reward": np.float32}
    for name, shape in shapes.items():
        array, kind = getattr(step, name), types.get(name, np.bool_)
        fits = array.shape == shape and array.dtype == kind
        _expect(fits, f"{name} is {array.shape} of {array.dtype}, not {shape} of {np.dtype(kind)}", chosen)
        _expect(np.isfinite(array).all(), f"{name} holds what is no finite number", chosen)
    _expect(step.legal.any(axis=-1).all(), "an agent has no legal action", chosen)
    _expect(not (step.terminated & step.truncated).any(), "an episode is both terminated and truncated", chosen)
    if spec.lives:
        _expect(step.alive.shape == step.ended.shape == (b, n), "alive and ended are not [B, N]", chosen)
        _expect(not (step.alive & step.ended).any(), "an agent is alive whose game has ended", chosen)
        gone = step.ended | (~step.alive & ~step.truncated[:, None] & step.ended)
        _expect((step.legal.sum(axis=-1)[gone] == 1).all(), "an agent whose game has ended has a choice", chosen)


def _check_ends(env: Any, steps: list[Any], chosen: list[Arrays]) -> None:
    begin = steps[0]
    _expect(not begin.reward.any(), "something is paid at the reset", [])
    _expect(not (begin.terminated | begin.truncated).any(), "an episode has ended at the reset", [])
    lasts = [*steps, copied(env.step(np.zeros_like(chosen[-1])))] if chosen else steps
    for t in range(1, len(lasts)):
        before, after = lasts[t - 1], lasts[t]
        over = before.terminated | before.truncated
        _expect(not after.reward[over].any(), "something is paid to an episode that has ended", chosen[:t])
        for name in ("obs", "state", "terminated", "truncated", "alive", "ended"):
            one, two = getattr(before, name), getattr(after, name)
            still = one is None or np.array_equal(one[over], two[over])
            _expect(still, f"{name} of an episode that has ended changes", chosen[:t])


def _check_apart(env: Any, steps: list[Any], chosen: list[Arrays], seed: int) -> None:
    """Check that what happens in the other episodes makes no difference to the last."""
    rng, step = np.random.default_rng(seed + 1), env.reset(np.random.default_rng(seed))
    for t, (before, actions) in enumerate(zip(steps, chosen, strict=False)):
        parts = zip(step, before, strict=True)
        alike = all(a is None or np.array_equal(a[-1], b[-1]) for a, b in parts)
        _expect(alike, "what the other episodes of the batch do changes an episode", chosen[:t])
        others = random_actions(env.spec, step, rng)
        others[-1] = actions[-1]
        step = env.step(others)


def _check_continuing(task: Any, batch: int, steps: list[Any], chosen: list[Arrays], seed: int) -> None:
    """Begin every second episode anew halfway, as it began, and play all on, one batch and what was kept of it."""
    env, half = task.start(batch), len(chosen) // 2
    env.reset(np.random.default_rng(seed))
    for actions in chosen[:half]:
        env.step(actions)
    which = np.arange(env.batch) % 2 == 0
    kept, before = env.keep(), copied(env.renew(which, np.random.default_rng(seed)))
    others = [env, task.start(batch)]
    _expect(same(others[1].resume(kept), steps[half]), "what was kept is shown otherwise", chosen[:half])
    others[1].renew(which, np.random.default_rng(seed))
    for k in range(len(chosen) - half + 1):
        shown = before if k == 0 else copied(env.step(actions))
        again = others[1].resume(others[1].keep()) if k == 0 else others[1].step(actions)
        _expect(same(shown, again), "what was kept goes on otherwise", chosen[: half + k])
        for array, new, old in zip(shown, steps[k], steps[half + k], strict=True):
            if array is not None:
                told = "an episode that begins anew is not as after a reset, or changes another"
                _expect(np.array_equal(array[which], new[which]), told, chosen[:k])
                _expect(np.array_equal(array[~which], old[~which]), told, chosen[: half + k])
        if half + k < len(chosen):
            actions = np.where(which.reshape(-1, *[1] * (chosen[k].ndim - 1)), chosen[k], chosen[half + k])
    for name in kept:
        for wrong in ({**kept, name: kept[name][..., None]}, {key: kept[key] for key in kept if key != name}):
            try:
                env.resume(wrong)
            except UserError:
                continue
            _expect(False, f"arrays are taken up whose {name} does not fit", [])
    _expect(same(env.renew(~which & which, np.random.default_rng(0)), shown), "what is refused changes it", chosen)


def _check_plain(task: Any, plain: Any, batch: int, seed: int) -> None:
    rng = np.random.default_rng(seed + 2)
    held_against(task, plain, batch, seed, lambda step: random_actions(task.spec, step, rng))


def held_against(task: Any, plain: Any, batch: int, seed: int, choose: Callable[[Any], Arrays]) -> list[float]:
    """Play a batch and the same episodes in plain Python; raise `AssertionError` for any difference.

    `plain` is as in `check_environment`, and `choose` returns the actions at a step. Returns all rewards.
    """
    env, rewards, chosen = task.start(batch), list[float](), list[Arrays]()
    step = env.reset(np.random.default_rng(seed))
    peers = [plain(task, state) for state in np.random.default_rng(seed).integers(0, 2**64, batch, np.uint64)]
    ended = np.zeros(batch, bool)
    while True:
        for b, peer in enumerate(peers):
            told = {"obs": peer.obs(), "legal": peer.legal()}
            told["state"] = peer.state() if hasattr(peer, "state") else list(chain(*told["obs"]))
            for name, wanted in told.items():
                found = getattr(step, name)[b].tolist()
                what = f"{name} of episode {b} is {found}, and of the plain one {wanted}"
                _expect(found == wanted, what, [a[b] for a in chosen])
        if ended.all():
            return rewards
        actions = choose(step)
        chosen.append(actions)
        step = env.step(actions)
        for b in np.flatnonzero(~ended).tolist():
            found = (step.reward[b].tolist(), bool(step.terminated[b]), bool(step.truncated[b]))
            wanted = peers[b].step(actions[b])
            what = f"(reward, terminated, truncated) of episode {b} is {found}, and of the plain one {wanted}"
            _expect(tuple(found) == tuple(wanted), what, [a[b] for a in chosen])
            rewards.append(found[0])
        ended = step.terminated | step.truncated
