"""The command line's part for duels."""

import os
from typing import TYPE_CHECKING, Any

import click

from counterplay.engine.catalogue import is_own
from counterplay.engine.errors import UserError
from counterplay.show.terminal import put, put_json

if TYPE_CHECKING:
    from counterplay.api.duel import Duel, Estimate


def check_solution(side: str, instead: str) -> None:
    """Raise `UserError` for a side of duels that is no file of a solution; `instead` says what takes it."""
    from counterplay.api.bots import PREFIX
    from counterplay.api.opponents import UNIFORM

    folder = os.path.isdir(side)
    other = folder or side == UNIFORM or side.startswith(PREFIX) or is_own(side)
    if other and not os.path.isfile(side):
        raise UserError(f"{side} is {'a folder, and ' if folder else ''}no file of a solution: {instead}")


@click.command()
@click.argument("a")
@click.argument("b")
@click.option("--game", metavar="GAME", help="The game or spot, where neither side says it, or your own.")
@click.option(
    "--deals", type=int, metavar="N", help="Deals, each played once in both seats; 10,000, or 1,000 by rules."
)
@click.option("--seed", type=int, metavar="K", default=0, help="Of the luck.")
@click.option("--no-aivat", is_flag=True, help="Count what the games pay, and no more.")
@click.option("--no-duplicate", is_flag=True, help="Luck of its own for each game.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def duel(
    a: str,
    b: str,
    game: str | None,
    deals: int | None,
    seed: int,
    no_aivat: bool,
    no_duplicate: bool,
    as_json: bool,
) -> int:
    """Play A against B in both seats of a game for two, and tell what A earns a game, with a 95 % interval.

    A and B are files of solutions, folders of runs, package.module:function of your own, OpenSpiel's bots such as
    "bot:is_mcts(simulations=50)", or uniform. Both games of a deal have the same luck, and AIVAT takes off what luck it
    can.

    A may also be lbr, a local best response to B, or abr, one that a learner approximates, such as
    "abr(learner=iql, steps=50000)": then what A earns is a lower bound on B's exploitability.
    """
    from counterplay.api import duel as duels

    found = duels.duel(game, a, b, deals=deals, seed=seed, aivat=not no_aivat, duplicate=not no_duplicate)
    if as_json:
        put_json(figures(found))
    else:
        put(page(found))
    return 0


def figures(found: "Duel") -> dict[str, Any]:
    """Return a duel as numbers by name."""

    def told(estimate: "Estimate") -> dict[str, float]:
        return {"mean": estimate.mean, "error": estimate.error, "variance": estimate.variance}

    return {
        "game": found.game,
        "a": found.a,
        "b": found.b,
        "deals": found.deals,
        "seed": found.seed,
        "duplicate": found.duplicate,
        "matched": found.matched,
        "known": list(found.known),
        "mean": found.mean,
        "low": found.low,
        "high": found.high,
        "seats": list(found.seats),
        "plain_variance": found.plain,
        "paid": told(found.paid),
        "aivat": None if found.reduced is None else told(found.reduced),
        "lower_bound_on_exploitability": None if found.bound is None else found.bound._asdict(),
        "times_fewer_games": _finite(found.times_fewer()),
    }


def _bounded(found: "Duel") -> list[tuple[str, str]]:
    """Return the lower bound that a response makes, in words."""
    if found.bound is None:
        return []
    return [
        ("A is", f"{found.bound.by} to B"),
        ("so B has", f"an exploitability of at least {found.bound.at_least:.6g}: a lower bound (95 %), and no more"),
    ]


def _finite(x: float) -> float | None:
    return x if x < float("inf") else None


def _times(x: float) -> str:
    return f"{x:.3g}x" if x < float("inf") else "-"


def page(found: "Duel") -> list[str]:
    """Return a duel as lines."""
    how = "the same luck in both seats" if found.duplicate else "luck of its own for each game"
    how += ", moves drawn together" if found.matched else ""
    rows = [
        ("game", found.game),
        ("A", found.a),
        ("B", found.b),
        ("deals", f"{found.deals:,}, of two games each; {how}"),
        ("A earns", f"{found.mean:.6g} a game, from {found.low:.6g} to {found.high:.6g} (95 %)"),
        *_bounded(found),
        ("paid in its seats", ", ".join(f"{x:.6g}" for x in found.seats)),
    ]
    counted: list[tuple[str, Estimate | None, float, float]] = [("plain games", None, found.plain, 1.0)]
    if found.duplicate:
        counted.append(("duplicate deals", found.paid, found.paid.variance, found.times_fewer(found.paid)))
    if found.reduced is not None:
        name = "AIVAT" if not found.duplicate else "and AIVAT"
        counted.append((name, found.reduced, found.reduced.variance, found.times_fewer()))
    lines = [f"{'':<17}  {'mean':>12}  {'± 95 %':>10}  {'variance':>10}  {'games, fewer by':>15}"]
    plain = found.paid if not found.duplicate else None
    for name, estimate, variance, fewer in counted:
        estimate = estimate or plain
        mean, error = ("", "") if estimate is None else (f"{estimate.mean:.6g}", f"{estimate.error:.3g}")
        lines.append(f"{name:<17}  {mean:>12}  {error:>10}  {variance:>10.4g}  {_times(fewer):>15}")
    unknown = [name for name, known in zip("AB", found.known, strict=True) if not known]
    notes = []
    if found.reduced is not None and unknown:
        notes.append(f"The strategy of {' and '.join(unknown)} is not known: the luck of its moves stays in.")
    if found.best.variance == 0.0 and (unknown or found.reduced is None):
        rare = f"{3 / found.deals:.2g}"
        notes.append(f"All deals came out alike: nothing is known of what comes up in fewer than {rare} of them.")
    return [*(f"{name:<17}  {text}" for name, text in rows), "", *lines, *(["", *notes] if notes else [])]


COMMANDS = (duel,)
