"""Draw docs/figures/watching.png: a moment of some environments, as films show them, played by chance.

python benchmarks/watching.py
"""

import numpy as np
import report
from PIL import Image

from counterplay.games.envs import make_env
from counterplay.show import film, film_gif

SHOWN = ("foraging", "warehouse", "overcooked", "hanabi", "skirmish", "world_comm")
STEPS, COLUMNS, SMALLER = 11, 3, 0.7


def main() -> None:
    images = []
    for text in SHOWN:
        task = make_env(text)
        shots = film.frames(task, film.Chance(task.spec), np.random.default_rng(7))
        made = film.film(text, "chance", shots, STEPS)
        images.append(film_gif.picture(made, len(made.frames) - 1))
    wide, high = max(one.width for one in images), max(one.height for one in images)
    whole = Image.new("RGB", (COLUMNS * wide, -(-len(images) // COLUMNS) * high), "white")
    for k, one in enumerate(images):
        whole.paste(one, (k % COLUMNS * wide, k // COLUMNS * high))
    small = whole.resize((round(SMALLER * whole.width), round(SMALLER * whole.height)), Image.Resampling.LANCZOS)
    small.quantize(256, method=1, dither=0).save(report.FIGURES / "watching.png", optimize=True)


if __name__ == "__main__":
    main()
