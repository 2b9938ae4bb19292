"""The command line's half for watching: episodes in the terminal, as a GIF or as a page."""

from pathlib import Path
from typing import Any

import click

from counterplay.api.team_commands import own_flags
from counterplay.engine.errors import UserError
from counterplay.show.terminal import Count


@click.command("watch")
@click.argument("what", metavar="DIR|ENV")
@click.option(
    "--out", metavar="FILE", help="Write a picture that moves (.gif) or a page to step through (.html) instead."
)
@click.option("--episodes", type=Count(), metavar="N", default=1, help="How many, one after another; 1.")
@click.option("--seed", type=click.IntRange(min=0), metavar="K", default=0, help="Of the episodes.")
@click.option(
    "--delay", type=click.FloatRange(min=0), metavar="S", default=0.4, show_default=True, help="A step's time."
)
@click.option("--frames", type=Count(), metavar="N", help="The most that FILE gets; 500.")
@click.option("--dark", is_flag=True, help="A GIF on dark ground.")
@click.option("--against", metavar="SIDE", help="Who takes the other seats: a file, a folder, bot:NAME or others.")
@click.option("--seat", type=click.IntRange(min=0), metavar="K", help="Of the team, against others; 0.")
@own_flags
def watch_run(
    what: str,
    out: str | None,
    episodes: int,
    seed: int,
    delay: float,
    frames: int | None,
    dark: bool,
    against: str | None,
    seat: int | None,
    **own: Any,
) -> None:
    """Watch the team in DIR play an episode, without exploring, or ENV being played by chance.

    In the terminal step by step; with --out as an animated GIF, or as a page that needs no network.
    """
    from counterplay.engine.writing import check_writable

    kind = None if out is None else Path(out).suffix.lower()
    if kind not in (None, ".gif", ".html"):
        raise UserError(f"--out writes a GIF or a page: name a file that ends in .gif or .html, not {out}")
    if dark and kind != ".gif":
        raise UserError("--dark is for a GIF: pages and terminals have their own colours")
    if frames is not None and kind is None:
        raise UserError("--frames is for --out FILE; the terminal shows every step")
    if seat is not None and against is None:
        raise UserError("a seat is chosen where others take the rest (--against)")
    if out is not None:
        check_writable(Path(out))
    from counterplay.show import film

    title, by, shots = _played(what, episodes, seed, against, seat, **own)
    if out is None:
        film.show(shots, delay)
        return
    made = film.film(title, by, shots, film.MOST_FRAMES if frames is None else frames)
    if made.cut:
        last = made.frames[-1]
        asks = (
            "a larger --frames has more" if len(made.frames) == (frames or film.MOST_FRAMES) else "memory ends it there"
        )
        click.echo(f"It is cut after step {last.step} of episode {last.episode}: {asks}.", err=True)
    _write_film(made, Path(out), delay, dark)


def _played(
    what: str, episodes: int, seed: int, against: str | None, seat: int | None, **own: Any
) -> tuple[str, str, Any]:
    """Return what is played, by whom, and the frames of it."""
    import numpy as np

    from counterplay.games.envs import make_env
    from counterplay.show import film

    place = what.partition("(")[0]
    if Path(what).is_dir() or (":" not in place and set(place) & set("/\\.")):
        from counterplay.api import evaluation

        run = evaluation.load_named(what, **own)
        rng = np.random.default_rng([run.seed, seed, 2])
        task, actor = (run.task, run.learner) if against is None else evaluation.beside(run, against, seat)
        by = f"the team in {what}" + ("" if against is None else f" against {against}")
        return run.env or "an environment", by, film.frames(task, actor, rng, episodes)
    if against is not None:
        raise UserError(f"--against is for folders of runs, and {what} is none")
    for name in (name for name, value in own.items() if value):
        raise UserError(f"--{name} is for folders of runs, and {what} is none")
    task = make_env(what)
    return what, "chance", film.frames(task, film.Chance(task.spec), np.random.default_rng([seed, 2]), episodes)


def _write_film(made: Any, out: Path, delay: float, dark: bool) -> None:
    """Write a film in the form that its file's name asks for, telling its size beforehand."""
    if out.suffix.lower() == ".html":
        from counterplay.engine.writing import write_text
        from counterplay.show import film_page

        text = film_page.page(made, delay)
        click.echo(f"{len(made.frames):,} frames, {len(text.encode()) / 2**20:.1f} MB", err=True)
        write_text(out, text)
        click.echo(f"{len(made.frames):,} frames in {out}; open it in a browser")
        return
    from counterplay.show import film_gif

    click.echo(film_gif.told(made), err=True)
    count = film_gif.write(made, out, delay, dark)
    same = f", of {len(made.frames)} moments: those that look alike are one" if count < len(made.frames) else ""
    click.echo(f"{count} frames in {out}{same}")


COMMANDS = (watch_run,)
