"""Episodes to look at: what happened step by step, in the terminal here, else by `film_gif` and `film_page`."""

import sys
import textwrap
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from counterplay.agents.seats import Seated, SeatsEnv
from counterplay.engine.arguments import whole
from counterplay.engine.env import Drawn, Env, EnvSpec, Photogenic, Pictured, Step, Task, random_actions
from counterplay.engine.errors import UserError
from counterplay.engine.scene import Rectangle, Scene, Scenic, Telling, Text, Worded
from counterplay.engine.text import printable

MOST_FRAMES = 500
_MOST_SHAPES, _MOST_BYTES = 2_000_000, 256 << 20  # of all frames of a film together
_WRAP = 100

Pixels = npt.NDArray[np.uint8]


class Frame(NamedTuple):
    """One moment of an episode."""

    episode: int
    step: int  # 0 is the beginning
    deeds: tuple[tuple[str, str], ...]  # who did what; who had no choice is left out
    reward: tuple[float, ...]  # of the step: the team's, or each agent's
    total: tuple[float, ...]  # of the episode so far
    over: str  # "" while it goes on, then what ended it
    lines: tuple[str, ...]  # the state as text, () where the environment has none
    view: Scene | Pixels | None  # the state as a scene, or as pixels, [height, width, 3]

    @property
    def head(self) -> str:
        """What happened, in one sentence."""
        if not self.step:
            return "the beginning"
        earned = ", ".join(f"{x:z.4g}" for x in self.total)
        end = ", the end" if self.over else ""
        return f"step {self.step}: {told(self.deeds)}; return {earned}{end}"

    @property
    def text(self) -> str:
        """All of it, as lines."""
        return "\n".join([*textwrap.wrap(self.head, _WRAP, subsequent_indent="  "), *self.lines])


class Plays(Protocol):
    """Whoever acts."""

    def begin(self, batch: int) -> None: ...

    def act(self, step: Step, rng: np.random.Generator, explore: bool) -> npt.NDArray[Any]: ...


@dataclass
class Chance:
    """Whoever takes each legal action as likely as the others."""

    spec: EnvSpec

    def begin(self, batch: int) -> None:
        """Remember nothing."""

    def act(self, step: Step, rng: np.random.Generator, explore: bool) -> npt.NDArray[Any]:
        """Return random legal actions."""
        return random_actions(self.spec, step, rng)


@dataclass(frozen=True)
class Film:
    """What was played: its title and frames, and whether that is all of it."""

    title: str
    by: str
    frames: tuple[Frame, ...]
    cut: bool = False


def told(deeds: Iterable[tuple[str, str]]) -> str:
    """Return who did what, as one text."""
    return ", ".join(f"{who} {what}" for who, what in deeds) or "nobody had a choice"


def frames(task: Task, actor: Plays, rng: np.random.Generator, episodes: int = 1) -> Iterator[Frame]:
    """Yield episodes from their beginning to their end; raises `UserError` for a number of them below 1."""
    task = task.pictured() if isinstance(task, Photogenic) else task
    env = task.start(1)
    if isinstance(actor, Seated):
        actor.sit(env)
    for episode in range(whole("episodes", episodes, 1)):
        actor.begin(env.batch)
        step = env.reset(rng)
        reward = total = np.zeros(step.reward[0].shape)  # [] for the team, or [N]
        yield _frame(env, episode, 0, (), reward, total, "")
        for t in range(1, env.spec.limit + 1):
            actions = actor.act(step, rng, explore=False)
            home = env.env if isinstance(env, SeatsEnv) else env
            before = (env.shown if isinstance(env, SeatsEnv) else step).legal[0].copy()
            words = home.words(0) if isinstance(home, Telling) else {}
            step = env.step(actions)
            joint = env.joint if isinstance(env, SeatsEnv) else actions
            reward, total = step.reward[0].copy(), total + step.reward[0]
            over = "the rules ended it" if step.terminated[0] else "time ran out" if step.truncated[0] else ""
            deeds = deeds_of(task, home.spec, joint[0], before, words)
            yield _frame(env, episode, t, deeds, reward, total, over)
            if over:
                break


def deeds_of(
    task: Any, spec: EnvSpec, actions: npt.NDArray[Any], legal: npt.NDArray[np.bool_], said: Mapping[int, str]
) -> Any:
    """Return who did what in words, of all who had a choice: as is `said` there, else by name or number."""
    while not isinstance(task, Worded) and hasattr(task, "task"):
        task = task.task  # one with taken seats
    names = task.names if isinstance(task, Worded) else None
    one = "player" if spec.in_turn or spec.turns else "agent"
    found = []
    for n, action in enumerate(actions.tolist()):
        known = names[n] if names is not None else ()
        if spec.continuous:
            words = ", ".join(f"{known[k] + ' ' if known and known[k] else ''}{x:+.2f}" for k, x in enumerate(action))
        elif not spec.parts and action in said:
            words = said[action]
        elif spec.parts or not known or not known[action]:
            words = f"action {action}"
        else:
            words = known[action]
        if spec.continuous or np.count_nonzero(legal[n]) > 1:
            found.append((f"{one} {n}:", words))
    return tuple(found)


def _frame(env: Env, episode: int, t: int, deeds: Any, reward: Any, total: Any, over: str) -> Frame:
    shown = env.env if isinstance(env, SeatsEnv) else env
    lines = tuple(env.render(0).split("\n")) if isinstance(env, Drawn) else ()
    view: Scene | Pixels | None = None
    if isinstance(shown, Scenic):
        view = shown.scene(0)
    elif isinstance(shown, Pictured):
        picture = shown.picture(0)
        view = None if picture is None else np.array(picture, np.uint8)
    paid, earned = (tuple(float(x) for x in np.atleast_1d(part)) for part in (reward, total))
    return Frame(episode, t, deeds, paid, earned, over, lines, view)


def film(title: str, by: str, shots: Iterable[Frame], most: int = MOST_FRAMES) -> Film:
    """Return a film of up to `most` frames, fewer where they would take too much memory.

    Where an environment has neither a scene nor pixels, its text is the picture; raises `UserError` where it has none.
    """
    kept, shapes, size, cut = list[Frame](), 0, 0, False
    for shot in shots:
        if shot.view is None and not shot.lines:
            raise UserError(f"{title} has no pictures: it offers no scene, no pixels (rgb_array) and no text")
        shapes += len(shot.view.shapes) if isinstance(shot.view, Scene) else 0
        size += shot.view.nbytes if isinstance(shot.view, np.ndarray) else 0
        if len(kept) == most or (kept and (shapes > _MOST_SHAPES or size > _MOST_BYTES)):
            cut = True
            break
        kept.append(shot)
    if any(shot.view is None for shot in kept):
        kept = _lettered(kept)
    return Film(title, by, tuple(kept), cut)


def _lettered(shots: list[Frame]) -> list[Frame]:
    """Return frames whose views are their texts, all in windows of one size."""
    wide = max(len(line) for shot in shots for line in shot.lines) * 0.62 + 1
    high = max(len(shot.lines) for shot in shots) * 1.5 + 0.5
    found = []
    for shot in shots:
        ground = Rectangle(0, 0, wide, high, "floor")
        rows = [Text(0.5, high - 1 - 1.5 * k, 1, printable(line), start=True) for k, line in enumerate(shot.lines)]
        found.append(shot._replace(view=Scene(0, 0, wide, high, (ground, *rows))))
    return found


def show(shots: Iterable[Frame], delay: float) -> None:
    """Print frames, each over the one before where standard output is a terminal."""
    lines = 0
    for shot in shots:
        if lines and sys.stdout.isatty():
            time.sleep(delay)
            sys.stdout.write(f"\x1b[{lines}A\x1b[J")
        elif lines:
            sys.stdout.write("\n")
        sys.stdout.write(printable(shot.text) + "\n")
        sys.stdout.flush()
        lines = shot.text.count("\n") + 1
