"""A film as an animated GIF: the scene, and below it who did what, rewards and returns."""

import io
import textwrap
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from counterplay.engine.errors import UserError
from counterplay.engine.scene import Circle, Line, Rectangle, Scene, Shape
from counterplay.engine.text import printable
from counterplay.engine.writing import write_atomic
from counterplay.show.film import Film, Frame
from counterplay.show.palette import COLOURS, PAPER

_WIDE, _HIGH = 520, 520  # that a scene has room in, in pixels
_LEAST = 420  # how wide a film is at least, for its words
_FINER = 2  # shapes are painted so much larger and made smaller, for smooth edges
_SIZE, _MARGIN = 14, 10  # of letters and around them
_HOLD = 4  # how many times longer the last frame of an episode stays
_MOST_LINES = 11  # of words; what is longer is cut
_MISSING = 'a GIF needs Pillow and matplotlib\'s fonts: pip install "counterplay[learn]", or write a page (.html)'


class Sheet(NamedTuple):
    """The pixels of a frame: its picture's place and size, and how many lines of words stand below."""

    width: int
    height: int
    lines: int

    @property
    def whole(self) -> tuple[int, int]:
        """Return the width and height of frames."""
        return max(self.width, _LEAST) + 2 * _MARGIN, self.height + self.lines * round(1.4 * _SIZE) + 3 * _MARGIN


def sheet(film: Film) -> Sheet:
    """Return the sizes that all frames of a film have."""
    view = film.frames[0].view
    if isinstance(view, Scene):
        scale = min(_WIDE / view.width, _HIGH / view.height)
        width, height = max(round(scale * view.width), 1), max(round(scale * view.height), 1)
    else:
        height = max(len(frame.view) for frame in film.frames)  # type: ignore[arg-type]
        width = max(frame.view.shape[1] for frame in film.frames)  # type: ignore[union-attr]
    letters = int(max(width, _LEAST) / (0.602 * _SIZE))
    return Sheet(width, height, max(len(_words(film, frame, letters)) for frame in film.frames))


def told(film: Film) -> str:
    """Return how large the pictures of a film will be, in one sentence."""
    wide, high = sheet(film).whole
    size = len(film.frames) * wide * high / 2**20
    return f"{len(film.frames):,} frames of {wide} x {high} pixels, up to {size:,.0f} MB while they are written"


def write(film: Film, path: Path, delay: float, dark: bool = False) -> int:
    """Write a film, and return how many frames the file has: moments in a row that look alike are one longer frame.

    Raises `UserError` where nothing can be written.
    """
    try:
        import matplotlib  # noqa: F401
        from PIL import Image
    except ImportError:
        raise UserError(_MISSING) from None
    page = sheet(film)
    ends = [frame.over != "" or frame is film.frames[-1] for frame in film.frames]
    times = [max(round(1000 * delay), 20) * (_HOLD if end else 1) for end in ends]
    images = _images(film, page, dark)
    data = io.BytesIO()
    next(images).save(data, "GIF", save_all=True, append_images=images, duration=times, loop=0)
    try:
        write_atomic(path, data.getvalue())
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
    with Image.open(data) as written:
        return int(getattr(written, "n_frames", 1))


def picture(film: Film, k: int, dark: bool = False) -> Any:
    """Return frame k of a film as an image of Pillow's."""
    return _image(film, film.frames[k], sheet(film), dark)


def _images(film: Film, page: Sheet, dark: bool) -> Iterator[Any]:
    for frame in film.frames:
        yield _image(film, frame, page, dark).quantize(256, method=1, dither=0)  # small things keep their colours


def _image(film: Film, frame: Frame, page: Sheet, dark: bool) -> Any:
    from PIL import Image, ImageDraw

    image = Image.new("RGB", page.whole, PAPER[dark])
    if isinstance(frame.view, Scene):
        seen = _scene(frame.view, page.width, page.height, dark)
    else:
        seen = Image.fromarray(np.asarray(frame.view, np.uint8))
    image.paste(seen, ((image.width - page.width) // 2, _MARGIN))
    drawn, font = ImageDraw.Draw(image), _font(_SIZE)
    letters = int(max(page.width, _LEAST) / (0.602 * _SIZE))
    for row, line in enumerate(_words(film, frame, letters)):
        role = COLOURS["dim" if row == 0 else "ink"][dark]
        drawn.text((_MARGIN, page.height + 2 * _MARGIN + row * round(1.4 * _SIZE)), line, role, font)
    return image


def _words(film: Film, frame: Frame, letters: int) -> list[str]:
    """Return what stands below a picture."""
    number = f", episode {frame.episode}" if film.frames[-1].episode else ""
    said = [f"{film.title}{number}", f"{frame.head}{f' ({frame.over})' if frame.over else ''}"]
    if frame.step:
        said.append("reward of the step " + ", ".join(f"{x:z.4g}" for x in frame.reward))
    said += frame.view.told if isinstance(frame.view, Scene) else ()
    rows = [row for line in said for row in textwrap.wrap(printable(line), letters, subsequent_indent="  ")]
    return rows if len(rows) <= _MOST_LINES else [*rows[: _MOST_LINES - 1], "..."]


def _scene(scene: Scene, width: int, height: int, dark: bool) -> Any:
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (_FINER * width, _FINER * height), PAPER[dark])
    drawn, scale = ImageDraw.Draw(image), _FINER * width / scene.width

    def at(x: float, y: float) -> tuple[float, float]:
        return (x - scene.left) * scale, (scene.low + scene.height - y) * scale

    for shape in scene.shapes:
        _paint(drawn, shape, at, scale, dark)
    return image.resize((width, height), Image.Resampling.BOX)


def _paint(
    drawn: Any, shape: Shape, at: Callable[[float, float], tuple[float, float]], scale: float, dark: bool
) -> None:
    colour, thin = COLOURS[shape.role][dark], 2 * _FINER
    if isinstance(shape, Rectangle):
        left, high = at(shape.left, shape.low + shape.height)
        right, low = at(shape.left + shape.width, shape.low)
        box = (min(left, right), min(high, low), max(left, right), max(high, low))
        drawn.rectangle(box, **({"outline": colour, "width": thin} if shape.hollow else {"fill": colour}))
    elif isinstance(shape, Circle):
        x, y = at(shape.x, shape.y)
        r = abs(shape.radius) * scale
        edge = {"outline": colour, "width": thin} if shape.hollow else {"fill": colour}
        drawn.ellipse((x - r, y - r, x + r, y + r), **edge)
    elif isinstance(shape, Line):
        points = [at(*point) for point in shape.points]
        drawn.line(points, fill=colour, width=max(round(shape.width * scale), _FINER), joint="curve")
    else:
        size = max(round(shape.size * scale), 4)
        anchor = "lm" if shape.start else "mm"
        drawn.text(at(shape.x, shape.y), printable(shape.words), colour, _font(size), anchor=anchor)


@cache
def _font(size: int) -> Any:
    """Return the monospaced font that comes with matplotlib."""
    import matplotlib
    from PIL import ImageFont

    file = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSansMono.ttf"
    return ImageFont.truetype(str(file), size)
