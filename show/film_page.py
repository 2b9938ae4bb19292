"""A film as a page of its own: frames as SVG, to play or to step through, without a network."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from counterplay.engine.errors import UserError
from counterplay.engine.scene import Circle, Line, Rectangle, Scene, Shape
from counterplay.engine.text import printable
from counterplay.show.film import Film, Frame, Pixels
from counterplay.show.palette import COLOURS

_UNITS = 1000  # a scene's width on the page


def page(film: Film, delay: float) -> str:
    """Return the page as HTML; what came from elsewhere stands in it as data, and is shown as text alone."""
    views = [frame.view for frame in film.frames]
    scenes = [view for view in views if isinstance(view, Scene)]
    ground = _alike(scenes) if len(scenes) == len(views) else 0
    first = views[0]
    data = {
        "title": printable(film.title),
        "by": printable(film.by),
        "cut": film.cut,
        "delay": max(round(1000 * delay), 20),
        "window": _window(first) if isinstance(first, Scene) else None,
        "ground": [_shape(one, scenes[0]) for one in scenes[0].shapes[:ground]] if scenes else [],
        "frames": [_frame(frame, ground) for frame in film.frames],
    }
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    for sign in "<>&":  # nothing in it ends the script or begins a comment
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    dark, light = ("".join(f"--{role}:{pair[k]};" for role, pair in COLOURS.items()) for k in (1, 0))
    template = (Path(__file__).parent / "page" / "film.html").read_text("utf-8")
    return template.replace("/*light*/", light).replace("/*dark*/", dark).replace("/*data*/", text)


def _alike(scenes: list[Scene]) -> int:
    """Return how many shapes all scenes begin with alike, which are kept once."""
    count = min(len(scene.shapes) for scene in scenes)
    for k in range(count):
        if any(scene.shapes[k] != scenes[0].shapes[k] for scene in scenes):
            return k
    return count


def _window(scene: Scene) -> list[float]:
    scale = _UNITS / scene.width
    return [0, 0, _UNITS, round(scale * scene.height, 1)]


def _frame(frame: Frame, ground: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "episode": frame.episode,
        "step": frame.step,
        "deeds": [[printable(part) for part in deed] for deed in frame.deeds],
        "reward": [f"{x:z.4g}" for x in frame.reward],
        "total": [f"{x:z.4g}" for x in frame.total],
        "over": frame.over,
    }
    if isinstance(frame.view, Scene):
        found["told"] = [printable(line) for line in frame.view.told]
        found["shapes"] = [_shape(one, frame.view) for one in frame.view.shapes[ground:]]
    else:
        assert frame.view is not None
        found["image"] = _png(frame.view)
    return found


def _shape(shape: Shape, scene: Scene) -> list[Any]:
    """Return a shape in the page's units, y downwards."""
    scale = _UNITS / scene.width

    def size(x: float) -> float:
        return round(scale * x, 1)

    def at(x: float, y: float) -> tuple[float, float]:
        return size(x - scene.left), size(scene.low + scene.height - y)

    if isinstance(shape, Rectangle):
        place = at(shape.left, shape.low + shape.height)
        return ["r", shape.role, int(shape.hollow), *place, size(shape.width), size(shape.height)]
    if isinstance(shape, Circle):
        return ["c", shape.role, int(shape.hollow), *at(shape.x, shape.y), size(shape.radius)]
    if isinstance(shape, Line):
        return ["l", shape.role, size(shape.width), " ".join(f"{x},{y}" for x, y in (at(*one) for one in shape.points))]
    return ["t", shape.role, int(shape.start), *at(shape.x, shape.y), size(shape.size), printable(shape.words)]


def _png(pixels: Pixels) -> str:
    try:
        from PIL import Image
    except ImportError:
        raise UserError('pictures of pixels need Pillow: pip install "counterplay[learn]"') from None
    data = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(data, "PNG")
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()
