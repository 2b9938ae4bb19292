"""Certificates: what a solution is worth at most, in a form that anybody can check without the program that found it.

A certificate names its file and the game's rules by their SHA-256, and has intervals that hold every player's value and
best response, and the bound on exploitability that follows. `verifier` measures and checks; here its numbers are also
held against those of the solvers' own judgement, so that two programs that share no code agree before one is written.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from counterplay.api import verifier
from counterplay.api.export import version
from counterplay.api.solution import BLUEPRINT, FACTORED, HOLDEM, STEPPED, TREE
from counterplay.api.trees import name_of, named
from counterplay.api.verifier import FORMAT, Measured
from counterplay.engine.errors import UserError
from counterplay.engine.store import FORMAT as STORED
from counterplay.games import GAMES

_APART = {TREE: 1e-9, HOLDEM: 1e-3}  # of the largest number: spots are judged in 32 bits


def certify(path: str | Path, game: Any = None) -> dict[str, Any]:
    """Return the certificate of the solution in a file; `game` is one's own game, of which a file has the name alone.

    Raises `UserError` for kinds of solutions that cannot be certified, and where the file's own claims do not hold.
    """
    from counterplay.api.solve import load

    solution = load(path, game)
    arrays, header, digest = verifier.read_file(path)
    if header["format"] < STORED:
        raise UserError(f"{path} was written by an earlier version: load it and save it again, and certify that")
    found = measured(arrays, header, game)
    claims = [(*solution.value, *solution.best), (*found.value, *found.best)]
    scale = max(1.0, *(abs(float(x)) for x in claims[1]))
    for said, true in zip(*claims, strict=True):
        if abs(said - float(true)) > _APART[header.get("kind", TREE)] * scale + found.error:
            raise UserError(
                f"{path} says that its strategy is worth {said:.9g} where the verifier finds {float(true):.9g}: it is "
                "damaged, or was made with other rules"
            )
    return {
        "format": FORMAT,
        "version": version(),
        "kind": header.get("kind", TREE),
        "game": header["game"],
        "game_sha256": found.game_sha256,
        "file_sha256": digest,
        "algorithm": solution.algorithm,
        "iterations": solution.iterations,
        **found.arithmetic(),
        **found.bounds(),
    }


def measured(arrays: dict[str, Any], header: dict[str, Any], game: Any = None) -> Measured:
    """Measure what a file holds with the verifier; raises `UserError` where it cannot be."""
    kind = header.get("kind", TREE)
    if kind == HOLDEM:
        from counterplay.api import verifier_spots
        from counterplay.games.holdem.spot import parse_spot

        try:
            text = bytes(arrays["spot"]).decode()
            spot = parse_spot(json.loads(text)[0], solved=True)
            return verifier_spots.measure(spot, arrays["state.total"])
        except (KeyError, ValueError, IndexError, TypeError) as error:
            if isinstance(error, UserError):
                raise
            raise UserError("the file holds no spot and tables") from None
    if kind != TREE:
        what = {FACTORED: "phantom games without a tree", STEPPED: "games in steps", BLUEPRINT: "blueprints"}
        raise UserError(
            f"solutions of {what.get(kind, kind)} cannot be certified: the verifier walks a game state by state"
        )
    rules = named(header["game"]) if game is None else GAMES.make(game)
    weights = verifier.strategy_of(arrays)

    def at(player: int, label: str) -> list[float]:
        if (player, label) not in weights:
            raise UserError(f"the strategy says nothing of player {player}'s information set {label!r}")
        return weights[player, label]

    return verifier.measure(rules, at)


def certify_value(game: Any, tell: Callable[[str, float], None] | None = None) -> dict[str, Any]:
    """Return a certificate of a small game's exact value, with both players' optimal strategies as its proof.

    `tell` hears how far it is, as in `solve_exactly`. Raises `UserError` for games that are not for two,
    zero-sum and small.
    """
    from counterplay.api.rational import solve_exactly

    rules = GAMES.make(game)
    value, strategies = solve_exactly(rules, tell)
    return {
        "format": FORMAT,
        "version": version(),
        "kind": "value",
        "game": name_of(rules)[0],
        "game_sha256": verifier.flatten(rules).sha256,
        "exact_value": str(value),
        "strategies": [{label: list(map(str, odds)) for label, odds in own.items()} for own in strategies],
    }


def check(certificate: str | Path, path: str | Path | None, game: Any = None) -> tuple[dict[str, Any], list[str]]:
    """Return a certificate and what is wrong with it; nothing if it holds.

    Raises `UserError` for what is no certificate, or where one of a solution is checked without its file.
    """
    found = verifier.read_certificate(certificate)
    if found.get("kind") == "value":
        return found, _check_value(found, game)
    if path is None:
        raise UserError(f"{certificate} is of a solution: name its file too (certify --check CERTIFICATE FILE)")
    return found, verifier.check(found, path, lambda arrays, header: measured(arrays, header, game))


def _check_value(certificate: dict[str, Any], game: Any) -> list[str]:
    """Return what is wrong with the certificate of a value: each strategy must guarantee it."""
    rules = named(str(certificate.get("game"))) if game is None else GAMES.make(game)
    flat = verifier.flatten(rules)
    if flat.sha256 != certificate.get("game_sha256"):
        return ["the rules of the game are not those that the certificate was made with"]
    if rules.players != 2 or flat.chance.dtype != object or any(flat.paid.sum(axis=1)):
        return ["the game is not a small one for two whose payoffs sum to zero"]
    try:
        value, wrong = verifier.fraction(certificate["exact_value"]), list[str]()
        own = [{k: [*map(verifier.fraction, row)] for k, row in part.items()} for part in certificate["strategies"]]
        for part in own:
            wrong += [f"the odds at {k!r} are none" for k, row in part.items() if min(row) < 0 or sum(row) != 1]
        if wrong:
            return wrong
        plans = [verifier.plan_of(flat, p, own[p].__getitem__) for p in range(2)]
        for p in range(2):
            allowed = verifier.best_response(flat, 1 - p, plans)
            if -allowed != (value if p == 0 else -value):
                wrong.append(f"player {p}'s strategy guarantees {-allowed}, which is not what the value says, {value}")
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError, OverflowError, IndexError):
        return ["the certificate does not say what a certificate says"]
    return wrong
