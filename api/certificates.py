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
from counterplay.engine.compiling import tell
from counterplay.engine.errors import UserError
from counterplay.engine.rules import is_phantom, is_rules
from counterplay.engine.size import byte_words, number_words, second_words
from counterplay.engine.store import FORMAT as STORED
from counterplay.engine.system import available
from counterplay.games import GAMES

_APART = {TREE: 1e-9, FACTORED: 1e-9, HOLDEM: 1e-3}  # of the largest number: spots are judged in 32 bits
_REFUSED = {
    STEPPED: (
        "games in steps cannot be certified: an exact best response visits every state, and they have too many. "
        "`counterplay evaluate FILE --response S` finds a lower bound on exploitability, and `counterplay duel` tells "
        "what the strategy earns against another"
    ),
    BLUEPRINT: (
        "blueprints cannot be certified: their exploitability bounds are of hands in buckets and sampled boards. "
        "`counterplay evaluate FILE` judges those of small decks exactly and finds lower bounds for others, and "
        "`counterplay duel` tells what they earn against another"
    ),
}
_LONG = 5.0  # seconds from which on what the verifier takes is worth a word


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
        return _measured_spot(arrays)
    if kind not in (TREE, FACTORED):
        raise UserError(_REFUSED.get(kind, f"solutions of the kind {kind!r} cannot be certified"))
    rules = named(header["game"]) if game is None else GAMES.make(game)
    if kind == FACTORED:
        return _measured_phantom(rules, arrays)
    weights = verifier.strategy_of(arrays)

    def at(player: int, label: str) -> list[float]:
        if (player, label) not in weights:
            raise UserError(f"the strategy says nothing of player {player}'s information set {verifier.short(label)!r}")
        return weights[player, label]

    return verifier.measure(rules, at)


def _measured_spot(arrays: dict[str, Any]) -> Measured:
    """Measure a spot's solution, every hand against every hand."""
    from counterplay.api import verifier_effort, verifier_spots
    from counterplay.games.holdem.spot import parse_spot

    try:
        spot = parse_spot(json.loads(bytes(arrays["spot"]).decode())[0], solved=True)
        verifier_spots.check_spot(spot)
        _told(verifier_effort.seconds_of_spot(spot))
        return verifier_spots.measure(spot, arrays["state.total"])
    except (KeyError, ValueError, IndexError, TypeError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError("the file holds no spot and tables") from None


def _measured_phantom(rules: Any, arrays: dict[str, Any]) -> Measured:
    """Measure the solution of a phantom game that has no tree: by the orders in which stones may be placed."""
    from counterplay.api import verifier_effort, verifier_phantom

    if not is_phantom(rules) or "strategy" not in arrays:
        raise UserError("the file holds no strategy of a phantom game, or these rules are not of one")
    board, turns, held = verifier_phantom.Board(rules), rules.symmetries(), arrays["strategy"]
    lists = verifier_effort.lists_of(board)
    walked = f"{number_words(lists)} lists of attempts, "
    _told(lists * verifier_effort.OF_LIST, walked, held.size * len(turns) * verifier_effort.OF_SEQUENCE)
    return verifier_phantom.measure(board, turns, held)


def _told(seconds: float, walked: str = "", memory: int = 0) -> None:
    """Tell what the verifier will take, where that is long; raises `UserError` where memory does not hold it."""
    if memory > (free := available()):
        raise UserError(f"certifying takes {byte_words(memory)}, and at most {byte_words(free)} are free")
    if seconds > _LONG:
        takes = f" and {byte_words(memory)}" if memory else ""
        tell(f"the verifier walks {walked or 'every board: '}about {second_words(seconds)}{takes}")


def certify_value(game: Any, tell: Callable[[str, float], None] | None = None) -> dict[str, Any]:
    """Return a certificate of a small game's exact value, with both players' optimal strategies as its proof.

    `tell` hears how far it is, as in `solve_exactly`. Raises `UserError` for games that are not for two,
    zero-sum and small.
    """
    from counterplay.api.rational import flat_of, solve_flat

    rules = GAMES.make(game)
    flat = flat_of(rules)
    value, strategies = solve_flat(flat, tell)
    for p in range(2):
        try:
            verifier.whole_plan(flat, p, strategies[p])
        except ValueError as error:
            raise UserError(f"the value is {verifier.short(value)}, and gets no certificate: {error}") from None
    return {
        "format": FORMAT,
        "version": version(),
        "kind": "value",
        "game": name_of(rules)[0],
        "game_sha256": flat.sha256,
        "exact_value": str(value),
        "strategies": [{label: list(map(str, odds)) for label, odds in own.items()} for own in strategies],
    }


def check(certificate: str | Path, path: str | Path | None, game: Any = None) -> tuple[dict[str, Any], list[str]]:
    """Return a certificate and what is wrong with it; nothing if it holds.

    Raises `UserError` for what is no certificate, or where one of a solution is checked without its file.
    """
    found = verifier.read_certificate(certificate)
    if found.get("kind") == "value":
        if path is not None and str(path) != found.get("game"):
            raise UserError(f"{certificate} is of a game's exact value, and of no file: leave {path} out")
        return found, _check_value(found, game)
    if path is None:
        raise UserError(f"{certificate} is of a solution: name its file too (certify --check CERTIFICATE FILE)")
    return found, verifier.check(found, path, lambda arrays, header: measured(arrays, header, game))


def _check_value(certificate: dict[str, Any], game: Any) -> list[str]:
    """Return what is wrong with the certificate of a value: each strategy must guarantee it."""
    rules = named(str(certificate.get("game"))) if game is None else GAMES.make(game)
    if not is_rules(rules):
        return ["a hold'em spot is no game whose exact value is found"]
    flat = verifier.flatten(rules, verifier.VALUED, verifier.VALUED)
    if flat.sha256 != certificate.get("game_sha256"):
        return ["the rules of the game are not those that the certificate was made with"]
    if rules.players != 2 or flat.chance.dtype != object or any(flat.paid.sum(axis=1)):
        return ["the game is not a small one for two whose payoffs sum to zero"]
    try:
        value = verifier.fraction(certificate["exact_value"])
        own = [{k: [*map(verifier.fraction, row)] for k, row in part.items()} for part in certificate["strategies"]]
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError):
        return ["the certificate does not say what a certificate says"]
    if len(own) != 2 or any(own[p].keys() != flat.sets[p].keys() for p in range(2)):
        return ["the certificate's strategies are not of the game's information sets"]
    try:
        plans, unders = zip(*(verifier.whole_plan(flat, p, own[p]) for p in range(2)), strict=True)
    except ValueError as error:
        return [str(error)]
    wrong = list[str]()
    for p in range(2):
        said, least = value if p == 0 else -value, -verifier.best_response(flat, 1 - p, list(plans)) / unders[p]
        if least != said:
            wrong.append(
                f"player {p}'s strategy guarantees {verifier.short(least)}, and the value says {verifier.short(said)}"
            )
    return wrong
