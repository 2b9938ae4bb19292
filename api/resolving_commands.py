"""The command line's part for re-solving: its flags, and what `evaluate` and `play` do with them."""

from collections.abc import Mapping
from typing import Any

import click

import counterplay
from counterplay.engine.errors import UserError
from counterplay.show.terminal import paint, put, put_json

_FLAGS = {
    "resolve": ("NET", "FILE is a game, played by re-solving with this value network, or from this solution."),
    "from": ("STREET", "With --resolve BLUEPRINT: of hold'em, the streets from this one on are solved anew."),
    "gadget": ("NAME", "With --resolve: none, resolve, maxmargin or reach; none."),
    "horizon": ("N", "With --resolve: solve N decisions at a time, or to the next 'chance' event."),
    "iterations": ("N", "With --resolve: of CFR at each level; 500, of streets 100."),
    "device": ("WHERE", "With --resolve NET: where the network runs, cpu, cuda or auto; auto."),
    "samples": ("N", "With --resolve, no gadget: play single iterations, averaged over N draws."),
}
NAMES = (*_FLAGS, "continuations")


def flags(*names: str) -> Any:
    """Return what gives a command these flags of re-solving, and --continuations."""

    def added(command: Any) -> Any:
        text = "With --resolve: a solution's trunk is solved too, before four continuations."
        command = click.option("--continuations", is_flag=True, default=None, help=text)(command)
        for name in reversed(names):
            metavar, text = _FLAGS[name]
            kind = click.IntRange(min=1) if name in ("iterations", "samples") else str
            command = click.option(f"--{name}", type=kind, metavar=metavar, help=text)(command)
        return command

    return added


def given(options: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the options of re-solving that were given; None where --resolve was not.

    Raises `UserError` for one without --resolve, and for other flags (`others`) beside it.
    """
    found = {name: value for name, value in options.items() if value is not None}
    if "resolve" not in found:
        for name in found:
            raise UserError(f"--{name} is for games that are played by re-solving: add --resolve NET")
        return None
    for name in (name for name, value in others.items() if value not in (None, ())):
        raise UserError(f"--{name} is for solutions and runs, and --resolve plays a game")
    horizon = found.get("horizon")
    if horizon is not None and horizon.lstrip("-").isdigit():
        found["horizon"] = int(horizon)
    return found


def evaluate(game: str, options: dict[str, Any], seed: int | None, as_json: bool) -> None:
    """Print what a player that re-solves is worth, exactly."""
    from counterplay.api import resolving
    from counterplay.engine import store
    from counterplay.games import GAMES
    from counterplay.games.holdem.spot import Spot
    from counterplay.show import resolving_pages as pages

    file = options.pop("resolve")
    if seed is not None and "samples" not in options:
        raise UserError("--seed is of what --samples draws, and without it nothing is drawn: add --samples N")
    spot = isinstance(GAMES.make(game), Spot)
    if spot and "from" not in options and store.read(file)[1].get("kind") in store.NETWORKS:
        _spot(game, file, options, as_json)
        return
    if "from" in options or spot:
        _streets(game, file, options, as_json)
        return
    found = resolving.player(game, file, **options).whole(seed or 0)
    if as_json:
        put_json({"game": found.game, "resolve": file, **pages.figures(found)})
    else:
        put(pages.page(found, file, paint))


def _spot(game: str, file: str, options: dict[str, Any], as_json: bool) -> None:
    """Print what a turn's strategies are worth that were found with a network in place of the river."""
    from counterplay.api.spot_net import solve_with
    from counterplay.api.trained_net import load_value_net
    from counterplay.show import valuenet_pages as pages

    for name in options:
        if name != "iterations":
            raise UserError(
                f"--{name} is not for spots: a network stands for the river, and the turn is solved at once"
            )
    found = solve_with(load_value_net(file, game), game, **options)
    if as_json:
        put_json({"game": game, "resolve": file, **pages.spot_figures(found)})
    else:
        put(pages.solved_with(found, file, paint))


def _streets(game: str, file: str, options: dict[str, Any], as_json: bool) -> None:
    """Print what a blueprint of hold'em is worth that solves the streets from one on anew."""
    from counterplay.api.resolving_spots import resolve_blueprint
    from counterplay.games import GAMES
    from counterplay.games.holdem.spot import Spot
    from counterplay.show import bucket_pages
    from counterplay.show import resolving_spot_pages as pages
    from counterplay.show.live import display

    street = options.pop("from", None)
    if street is None:
        raise UserError("say from which street on a blueprint of hold'em solves anew: --from river, or --from turn")
    for name in options:
        if name not in ("gadget", "iterations"):
            raise UserError(f"--{name} is for games that are solved level by level, and --from solves whole streets")
    if not isinstance(GAMES.make(game), Spot):
        raise UserError(f"--from is for hold'em from the blinds on; {game} is solved level by level: --horizon N")
    plan = counterplay.load(file)
    with display(f"Re-solving {game}") as live:
        tell = bucket_pages.telling(game, live)
        found = resolve_blueprint(plan, street, game=game, on_progress=tell, **options)
    if as_json:
        put_json({"resolve": file, **found.figures()})
    else:
        put(pages.page(found, paint))


def opponent(game: str, options: dict[str, Any]) -> tuple[str, Any]:
    """Return what a game is called, and who plays it by re-solving."""
    from counterplay.api import resolving

    player = resolving.player(game, options.pop("resolve"), **options)
    return player.game, resolving.opponent(player)
