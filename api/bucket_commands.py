"""The command line's part for buckets of hold'em hands."""

from pathlib import Path
from typing import Any

import click

from counterplay.engine.errors import UserError
from counterplay.show.terminal import paint, put, put_json


@click.command()
@click.argument("source", metavar="DECK|SPOT|FILE")
@click.option("--buckets", "spec", metavar="SPEC", help='Compute these: "strength:50", "distribution:200,200,50".')
@click.option("--seed", type=click.IntRange(min=0), metavar="K", default=0, help="Of the clusters of distributions.")
@click.option("--threads", type=int, metavar="N", help="Threads that share the work; all cores.")
@click.option("--out", metavar="FILE", help="Keep the buckets there.")
@click.option("--hand", metavar="HAND", help='Where a hand is, and which are with it: "AsKs on Qs 7h 2d".')
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def buckets(
    source: str, spec: str | None, seed: int, threads: int | None, out: str | None, hand: str | None, as_json: bool
) -> None:
    """Put hold'em hands into buckets, of a deck (holdem, short, royal) or for a spot; or show the buckets in FILE.

    Buckets are what an abstraction takes for the same hand. Before the flop all hands differ; after it they go by
    expected strength (strength:50), by the distribution of their strength on the last street (distribution:200,200,50),
    and there by whom they beat (matchup:200,200,200). A spec that ends in "memory" has
    players remember their buckets of earlier streets. "none" keeps all hands apart.
    """
    from counterplay.api.buckets import buckets as compute
    from counterplay.api.buckets import load_buckets
    from counterplay.api.keeping import kept
    from counterplay.engine.writing import check_apart, check_writable
    from counterplay.show import bucket_pages as pages

    if spec is None:
        if out is not None or seed or threads is not None:
            raise UserError('say which buckets with --buckets, such as --buckets "distribution:200,200,50"')
        if not Path(source).exists():
            raise UserError(f"{source} is no file of buckets; --buckets SPEC computes them, of a deck or for a spot")
        found = load_buckets(source)
    else:
        if out is not None:
            check_apart(Path(out), source)
            check_writable(Path(out))
        with pages.watching(source) as tell:
            found = compute(source, spec, seed=seed, threads=threads, on_progress=tell)
    with kept(found, out) as file:
        if as_json:
            place: dict[str, Any] = {} if spec is None else {"file": file}
            asked = {} if hand is None else {"hand": pages.hand_figures(found, hand)}
            put_json(pages.figures(found) | asked | place)
        elif hand is not None:
            put(pages.hand_page(found, hand, paint))
        else:
            put(pages.page(found, paint))
            if spec is not None:
                put(["", *pages.whats_next(found, source, file)])


COMMANDS = (buckets,)
