"""An episode to look at: step by step in the terminal, or as an animated picture."""

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.agents.rollout import Actor
from counterplay.agents.run import Run
from counterplay.agents.seats import Beside
from counterplay.engine.arguments import whole
from counterplay.engine.env import Drawn, Env, Photogenic, Pictured, Task
from counterplay.engine.errors import UserError
from counterplay.engine.text import printable
from counterplay.engine.writing import write_atomic

_SIZE, _MARGIN = 16, 12  # of letters and around them, in pixels
_INK, _PAPER = (220, 223, 228), (24, 26, 31)
_HOLD = 4  # how many times longer the last frame stays


class Frame(NamedTuple):
    """One moment of an episode."""

    text: str
    picture: npt.NDArray[np.uint8] | None  # [height, width, 3], where the environment has one


def frames(run: Run, seed: int = 0, beside: tuple[Task, Beside] | None = None) -> Iterator[Frame]:
    """Yield an episode without exploring, from its beginning to its end; raises `ValueError` for a negative seed.

    It is the run's team that plays, or who sits `beside` each other in an environment.
    """
    rng = np.random.default_rng([run.seed, whole("seed", seed), 2])
    actor: Actor
    task, actor = (run.task, run.learner) if beside is None else beside
    env = (task.pictured() if isinstance(task, Photogenic) else task).start(1)
    if isinstance(actor, Beside):
        actor.sit(env)
    actor.begin(env.batch)
    step = env.reset(rng)
    total = np.zeros(step.reward[0].shape)  # [] for the team, or [N]
    yield _frame(env, "the beginning")
    for t in range(1, env.spec.limit + 1):
        actions = actor.act(step, rng, explore=False)
        taken = ", ".join(map(str, actions[0].tolist()))
        step = env.step(actions)
        total = total + step.reward[0]
        earned = ", ".join(f"{x:.4g}" for x in np.atleast_1d(total))
        over = "" if not (step.terminated[0] or step.truncated[0]) else ", the end"
        yield _frame(env, f"step {t}: actions {taken}; return {earned}{over}")
        if over:
            return


def _frame(env: Env, head: str) -> Frame:
    picture = env.picture(0) if isinstance(env, Pictured) else None
    return Frame("\n".join([head, *([env.render(0)] if isinstance(env, Drawn) else [])]), picture)


def show(film: Iterable[Frame], delay: float) -> None:
    """Print frames, each over the one before where standard output is a terminal."""
    lines = 0
    for frame in film:
        if lines and sys.stdout.isatty():
            time.sleep(delay)
            sys.stdout.write(f"\x1b[{lines}A\x1b[J")
        elif lines:
            sys.stdout.write("\n")
        sys.stdout.write(printable(frame.text) + "\n")
        sys.stdout.flush()
        lines = frame.text.count("\n") + 1


def write_gif(film: Sequence[Frame], path: Path, delay: float) -> int:
    """Write moments as an animated GIF, text as letters on dark ground, and return how many frames it has.

    Moments in a row that look alike are one longer frame. Raises `ValueError` where nothing can be written.
    """
    import io

    try:
        from PIL import Image
    except ImportError:
        raise UserError('a GIF needs Pillow: pip install "counterplay[learn]"') from None
    if all(frame.picture is not None for frame in film):
        images = [Image.fromarray(np.asarray(frame.picture, np.uint8)) for frame in film]
    else:
        images = _letters([frame.text for frame in film])
    times = [max(round(1000 * delay), 20)] * len(images)
    times[-1] *= _HOLD
    data = io.BytesIO()
    images[0].save(data, "GIF", save_all=True, append_images=images[1:], duration=times, loop=0)
    try:
        write_atomic(path, data.getvalue())
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
    with Image.open(data) as written:
        return int(getattr(written, "n_frames", 1))


def _letters(texts: Sequence[str]) -> list[Any]:
    """Return texts as images of one size, in the monospaced font that comes with matplotlib."""
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    file = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSansMono.ttf"
    font = ImageFont.truetype(str(file), _SIZE)
    columns = max(len(line) for text in texts for line in text.splitlines())
    rows = max(text.count("\n") + 1 for text in texts)
    across, down = font.getlength("M"), round(1.25 * _SIZE)
    size = 2 * _MARGIN + round(columns * across), 2 * _MARGIN + rows * down
    images = []
    for text in texts:
        image = Image.new("RGB", size, _PAPER)
        drawn = ImageDraw.Draw(image)
        for row, line in enumerate(text.splitlines()):
            drawn.text((_MARGIN, _MARGIN + row * down), line, _INK, font)
        images.append(image)
    return images
