"""The command line's part for blueprints."""

from pathlib import Path
from typing import Any

import click

from counterplay.engine.errors import UserError
from counterplay.show.terminal import paint, put, put_json


@click.command()
@click.argument("game", required=False)
@click.option("--buckets", metavar="SPEC|FILE", help='"strength:50", "distribution:200,200,50", "none", or their file.')
@click.option("--time", metavar="T", help="Stop after so long: 45s, 30m, 2h; ten minutes.")
@click.option("--iterations", type=int, metavar="N", help="Stop after N iterations, those of a resumed run included.")
@click.option("--seed", type=click.IntRange(min=0), metavar="K", default=0, help="Of the run-outs, and of buckets.")
@click.option("--threads", type=int, metavar="N", help="Threads that train; all cores. One alone is reproducible.")
@click.option("--memory", metavar="BYTES", help="The most that the run may take (4GB).")
@click.option("--out", metavar="FILE", help="Save the blueprint; a long run is also saved once a minute.")
@click.option("--resume", metavar="FILE", help="Go on from a saved blueprint; GAME and --buckets may be left out.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def blueprint(game: str | None, out: str | None, resume: str | None, as_json: bool, **options: Any) -> int:
    """Train a blueprint of GAME, a hold'em spot from before the flop on, in an abstraction of its hands.

    All betting is kept; hands that --buckets puts together play alike. Each iteration draws the cards of the board and
    visits all betting on them, with all hands of both players at once. What it earns against a snapshot of itself is
    told on the way, and in the end against simple players; where the whole game fits, it is judged exactly.
    """
    import counterplay
    from counterplay.api.export import claims
    from counterplay.api.keeping import kept
    from counterplay.engine.system import interrupts
    from counterplay.engine.writing import check_apart, check_writable, is_stream
    from counterplay.show import blueprint_pages, bucket_pages, pages
    from counterplay.show.solving import watching

    if out is not None:
        check_apart(Path(out), game)
        check_writable(Path(out))
    before = None if resume is None else counterplay.load(resume)
    if game is None and resume is None:
        raise UserError("name a spot, such as 'counterplay blueprint examples/limit_holdem.toml --buckets strength:50'")
    with interrupts() as stop:
        with watching(game or str(before and before.game), before.seconds if before else 0.0, False) as watch:
            found = counterplay.blueprint(
                game,
                resume=before,
                checkpoint=None if out is None or is_stream(Path(out)) else out,
                on_size=watch.size,
                on_buckets=bucket_pages.telling(f"buckets of {watch.name}", watch.live),
                on_progress=watch.progress,
                **options,
            )
            stop.arm()
            watch.finish(found.iterations, found.seconds, ())
        with kept(found, out) as file:
            if as_json:
                put_json({**claims(found), "stopped_by": found.stopped_by, "file": file})
            else:
                put(blueprint_pages.summary(found, pages.STOPPED[found.stopped_by], paint))
                put(pages.whats_next(found, file))
    return stop.code


COMMANDS = (blueprint,)
