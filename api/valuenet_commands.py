"""The command line's part for value networks."""

from pathlib import Path
from typing import Any

import click

from counterplay.engine.errors import UserError
from counterplay.show.terminal import Count, paint, put, put_json

_DEVICE = click.option("--device", metavar="WHERE", default="auto", help="cpu, cuda, or auto: a GPU if there is one.")
_GAME = click.option("--game", metavar="GAME", help="Your own game, package.module:Class, that NET is of.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")


@click.group()
def valuenet() -> None:
    """Train, test and time value networks, which solves ask what lies beyond their horizon."""


@valuenet.command()
@click.argument("game", required=False)
@click.option("--out", metavar="NET", help="Keep the network there; a long training is also saved once a minute.")
@click.option("--states", type=Count(), metavar="N", help="Public states to solve; 50000, or as many as --time allows.")
@click.option("--time", metavar="T", help="Stop after so long, half of it solving: 45s, 5m, 2h.")
@click.option("--method", metavar="NAME", help="random: states drawn at random; play, rebel: met in games with itself.")
@click.option(
    "--horizon", type=int, metavar="N", help="Games with itself, and solves but those of play, stop after N decisions."
)
@click.option("--iterations", type=Count(), metavar="N", help="Of CFR for each state; 300.")
@click.option("--hidden", type=Count(), metavar="N", help="Width of the network's layers; 128.")
@click.option("--layers", type=Count(), metavar="N", help="Hidden layers; 3.")
@click.option("--passes", type=float, metavar="X", help="How often each state is learned from; 100.")
@click.option("--rate", type=float, metavar="X", help="Adam's learning rate at first; 0.001.")
@click.option("--batch", type=Count(), metavar="N", help="States of a step; 512.")
@click.option("--processes", type=int, metavar="N", help="Processes that solve; one a core.")
@click.option("--seed", type=click.IntRange(min=0), metavar="K", help="Of all that is drawn; 0.")
@click.option(
    "--test-every", metavar="T", help="Judge re-solving with it so often: 30s, or never; a tenth of the time at most."
)
@click.option("--resume", metavar="NET", help="Go on with the training of that network; GAME may be left out.")
@_DEVICE
@_JSON
def train(game: str | None, out: str | None, resume: str | None, time: str | None, as_json: bool, **more: Any) -> int:
    """Train a value network of GAME, such as leduc or "liars_dice(faces=4)", or of a hold'em turn in a .toml file.

    Public states with both players' ranges are solved in processes of their own, and the network learns what every hand
    is worth. Every sixteenth state is held out, and tells the error. Ctrl-C ends it, and keeps what there is.

    Of a turn, with 20, 36 or 52 cards, the network stands for the river, on any board and with any ranges.
    """
    from counterplay.api.keeping import kept
    from counterplay.api.trained_net import load_value_net
    from counterplay.api.valuenets import train_value_net
    from counterplay.engine.system import interrupts
    from counterplay.engine.writing import check_apart, check_writable, is_stream
    from counterplay.show import valuenet_pages as pages

    if game is None and resume is None:
        raise UserError("name a game, such as 'counterplay valuenet train leduc --out leduc.cpn'")
    if out is not None:
        check_apart(Path(out), game)
        check_writable(Path(out))
    before = None if resume is None else load_value_net(resume, game)
    given = {name: value for name, value in more.items() if value is not None}
    with interrupts() as stop:  # until all is saved and said
        with pages.watching(game or str(before and before.game)) as tell:
            net = train_value_net(
                game,
                time=time,
                resume=before,
                checkpoint=None if out is None or is_stream(Path(out)) else out,
                on_progress=tell,
                **given,
            )
        stop.arm()
        with kept(net, out) as file:
            if as_json:
                put_json({**pages.figures(net), "file": file})
            else:
                put([*pages.page(net, paint), "", *pages.whats_next(net, game or pages.spot_or_game(net), file)])
    return stop.code


@valuenet.command()
@click.argument("net")
@click.option(
    "--states", type=Count(), metavar="N", default=256, show_default=True, help="Public states to solve anew."
)
@click.option("--seed", type=click.IntRange(min=0), metavar="K", default=0, help="Of these states.")
@click.option("--iterations", type=Count(), metavar="N", default=1000, show_default=True, help="Of CFR for each.")
@_GAME
@_JSON
def test(net: str, game: str | None, as_json: bool, states: int, seed: int, iterations: int) -> None:
    """Tell what the network in NET is, and how far it is off on states drawn anew and solved to the end of the game."""
    from counterplay.api.trained_net import load_value_net
    from counterplay.api.valuenet_measures import measure_value_net
    from counterplay.show import valuenet_pages as pages

    found = load_value_net(net, game)
    errors = measure_value_net(found, states, seed, iterations)
    if as_json:
        put_json({"file": net, **pages.figures(found), "measured": {"states": states, **errors._asdict()}})
    else:
        put([*pages.page(found, paint), "", *pages.measured(errors, states, paint)])


@valuenet.command()
@click.argument("net")
@_GAME
@_DEVICE
@_JSON
def bench(net: str, game: str | None, device: str, as_json: bool) -> None:
    """Time the network in NET: how many public states a second it evaluates, by how many are asked at once."""
    from counterplay.agents import module
    from counterplay.api.trained_net import load_value_net
    from counterplay.api.valuenet_measures import bench_value_net
    from counterplay.show import valuenet_pages as pages

    devices = module("nn.device")
    where = devices.choose(device)
    found = load_value_net(net, game).to(device)
    rates = bench_value_net(found)
    words = devices.in_words(device, where, 1)
    if as_json:
        put_json({"file": net, "game": found.game, "device": where.type, "states_per_second": rates})
    else:
        put(pages.rates(rates, words[:1].upper() + words[1:], paint))


COMMANDS = (valuenet,)
