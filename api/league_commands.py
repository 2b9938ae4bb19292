"""The command line's part for leagues."""

from typing import TYPE_CHECKING, Any

import click

from counterplay.engine.errors import UserError
from counterplay.show.terminal import put, put_json

if TYPE_CHECKING:
    from counterplay.api.league import League


@click.command()
@click.argument("players", nargs=-1)
@click.option("--game", metavar="GAME", help="The game or spot, where no player says it, or your own.")
@click.option("--deals", type=int, metavar="N", help="Deals of each pair, each played once in both seats; 10,000.")
@click.option("--seed", type=int, metavar="K", default=0, help="Of the luck.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def league(players: tuple[str, ...], game: str | None, deals: int | None, seed: int, as_json: bool) -> int:
    """Play PLAYERS of a game for two, each against each, and tell what they earn and their Elo ratings.

    Players are files of solutions, folders of runs (or of their past selves, DIR/past/STEPS), package.module:function
    of your own, OpenSpiel's bots such as bot:uniform_random, or uniform.
    """
    from counterplay.api import league as leagues

    if len(players) < 2:
        raise UserError("name two players or more, such as: league runs/nfsp leduc.cps uniform")
    found = leagues.league(game, players, deals=deals, seed=seed)
    if as_json:
        put_json(figures(found))
    else:
        put(page(found))
    return 0


def figures(found: "League") -> dict[str, Any]:
    """Return a league as numbers by name."""
    return {
        "game": found.game,
        "deals": found.deals,
        "players": [
            {
                "name": found.players[k],
                "elo": float(found.elo[k]),
                "elo_error": float(found.elo_error[k]),
                "earns": float(found.average[k]),
            }
            for k in range(len(found.players))
        ],
        "mean": found.mean.tolist(),
        "error": found.error.tolist(),
        "score": found.score.tolist(),
    }


def page(found: "League") -> list[str]:
    """Return a league as lines: ratings from the highest on, and what each earns a game against each."""
    wide = max(map(len, found.players))
    lines = [
        f"{found.game}: {found.deals:,} deals of each pair, of two games each; all with 95 % intervals",
        "",
        f"     {'':<{wide}}  {'Elo':>12}  {'earns':>9}",
    ]
    order = found.order
    for place, k in enumerate(order, 1):
        rating = f"{found.elo[k]:.0f} ± {found.elo_error[k]:.0f}"
        lines.append(f"{place:>3}  {found.players[k]:<{wide}}  {rating:>12}  {found.average[k]:>9.4g}")
    columns = "  ".join(f"{place:>18}" for place in range(1, len(order) + 1))
    lines += ["", "A game earns, row against column:", f"     {'':<{wide}}  {columns}"]
    for place, k in enumerate(order, 1):
        cells = [f"{found.mean[k, j]:.4g} ± {found.error[k, j]:.2g}" if j != k else "" for j in order]
        lines.append(f"{place:>3}  {found.players[k]:<{wide}}  " + "  ".join(f"{cell:>18}" for cell in cells))
    return lines


COMMANDS = (league,)
