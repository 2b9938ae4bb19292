"""The verifier of certificates: plain NumPy, from the rules of a game and the bytes of a file to bounds that hold.

It shares nothing with what solved the game: no tree, no sequence form, no sweep, no kernel, no hand evaluator. Of the
rest of the program it takes the rules (`Rules`, of hold'em the betting trees) and, for spots, where in a file the
numbers of a decision lie (`games.holdem.layout`).

Two-player or more: what a profile is worth to each player, and its best response, are sums of products of chances,
probabilities and payoffs. In 64 bits each such sum is within gamma(n) U of the true one, where n is the most roundings
on the way of any term, gamma(n) = n u / (1 - n u) with u = 2^-53, and U the largest payoff up to its sign: the terms'
absolute values sum to at most U, since chances and probabilities do to one (Higham 2002, section 3.1). Maxima round
nothing. On small games all is done in fractions instead, and nothing rounds at all.
"""

import hashlib
import json
import math
import re
import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError
from counterplay.engine.rules import CHANCE, LEAF, histories

Array = npt.NDArray[Any]

FORMAT = 1
MOST = 2_000_000  # states of a game of histories that is walked
EXACT = 2_000  # ends of a game up to which fractions are used
VALUED = 30_000  # ends of a game whose exact value is looked for
_U = 2.0**-53
LONG = 100  # bits of a denominator that is written out
BITS = 8_192  # of the numbers of a plan in a certificate of a value: longer ones would take long to check
LONGEST = 50_000_000  # bytes of a certificate that is read
_FRACTION = re.compile(r"-?\d{1,2500}(/\d{1,2500})?", re.ASCII)
_TYPES = {"F64": "<f8", "F32": "<f4", "I8": "i1", "I16": "<i2", "I64": "<i8", "U8": "u1"}


class Measured(NamedTuple):
    """What a profile is worth to each player, and its best response, with what either may be off by."""

    value: list[Any]  # [P] numbers, or fractions
    best: list[Any]  # [P]
    error: float  # 0 with fractions
    game_sha256: str

    def bounds(self) -> dict[str, Any]:
        """Return what a certificate says: intervals as pairs of numbers, each rounded outwards."""
        value, best = ([_outwards(x, self.error) for x in part] for part in (self.value, self.best))
        worst = sum((Fraction(b[1]) - Fraction(v[0]) for b, v in zip(best, value, strict=True)), Fraction(0)) / len(
            value
        )
        return {"value": value, "best": best, "exploitability_at_most": _up(max(worst, Fraction(0)))}

    def arithmetic(self) -> dict[str, Any]:
        """Return what a certificate says of its sums; without rounding also the fractions that can be read."""
        told = {
            "arithmetic": "64 bits, with a bound on rounding" if self.error else "fractions",
            "rounding_at_most": self.error,
        }
        if self.error:
            return told
        parts = (("value", self.value), ("best", self.best))
        short = {
            name: [str(Fraction(x)) for x in part]
            for name, part in parts
            if all(Fraction(x).denominator.bit_length() <= LONG for x in part)
        }
        return {**told, "exact": short}


def _up(x: Fraction) -> float:
    """Return the least double that is not below a fraction."""
    near = float(x)
    return near if Fraction(near) >= x else math.nextafter(near, math.inf)


def _outwards(x: Any, error: float) -> list[float]:
    middle, off = Fraction(x), Fraction(error)
    return [-_up(off - middle), _up(middle + off)]


# Files: the length of a JSON object, the object, and the arrays' bytes.


def read_file(path: str | Path) -> tuple[dict[str, Array], dict[str, Any], str]:
    """Return arrays, header and SHA-256 of a solution file; raises `UserError` for what is none."""
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    try:
        (length,) = struct.unpack("<Q", raw[:8])
        said = json.loads(raw[8 : 8 + length])
        header = json.loads(said.pop("__metadata__")["counterplay"])
        data, arrays = memoryview(raw)[8 + length :], dict[str, Array]()  # nothing is copied
        for name, about in said.items():
            begin, end = about["data_offsets"]
            if about["dtype"] in _TYPES and 0 <= begin <= end <= len(data):
                arrays[name] = np.frombuffer(data[begin:end], _TYPES[about["dtype"]]).reshape(about["shape"])
        return arrays, dict(header), hashlib.sha256(raw).hexdigest()
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, struct.error, RecursionError):
        raise UserError(f"{path} is no solution file") from None


def _texts(array: Array) -> list[Any]:
    return list(json.loads(array.tobytes()))


def strategy_of(arrays: dict[str, Array]) -> dict[tuple[int, str], list[float]]:
    """Return what a file's strategy does at each (player, what it sees): weights of the moves, not yet summing to one.

    Raises `UserError` where they are no weights.
    """
    try:
        labels, hands, table = _texts(arrays["labels"]), _texts(arrays["hands"]), arrays["strategy"]
        found = dict[tuple[int, str], list[float]]()
        for i, (label, player) in enumerate(zip(labels, arrays["owner"].tolist(), strict=True)):
            low, high = arrays["first"][i : i + 2].tolist()
            for lane, hand in enumerate(hands[player]):
                found[player, f"{hand} {label}".strip() if hand else label] = table[low:high, lane].tolist()
    except (KeyError, IndexError, ValueError, TypeError):
        raise UserError("the file holds no strategy over the information sets of a tree") from None
    for (_, label), row in found.items():
        if not all(0 <= x <= 2 for x in row) or abs(sum(row) - 1) > 1e-6:
            raise UserError(f"the strategy at {short(label)!r} is no probabilities: {short(row)}")
    return found


# Games of histories: their ends, with each player's last move before each.


class Flat(NamedTuple):
    """A game as its ends. Of a player's rows, one for each move of each information set, parents come first."""

    chance: Array  # [L] of chance alone; numbers or fractions
    paid: Array  # [L, P]
    last: Array  # [L, P] each player's last row, -1 if it has none
    sets: list[dict[str, tuple[int, int, int]]]  # [P] by what is seen: the row before, the first row, how many
    rows: list[int]  # [P]
    depth: int  # the most moves of a play
    widest: int  # the most moves anywhere
    sha256: str


def simple(x: float) -> Fraction:
    """Return the fraction that a double stands for: the simplest with a denominator up to a million, or itself."""
    near = Fraction(x).limit_denominator(1_000_000)
    return near if float(near) == x else Fraction(x)


def flatten(rules: Any, exact: int = EXACT, ends: int = MOST) -> Flat:
    """Walk a game, in fractions up to so many ends.

    Raises `UserError` where it is too large or has more than `ends`, or a player forgets, or odds are none.
    """
    game, digest = histories(rules), hashlib.sha256()
    chance, paid, last = list[float](), list[Sequence[float]](), list[tuple[int, ...]]()
    sets: list[dict[str, tuple[int, int, int]]] = [{} for _ in range(rules.players)]
    rows, deepest, widest, count, whole = [0] * rules.players, 0, 1, 0, True
    stack: list[tuple[Any, float | Fraction, tuple[int, ...], int]] = [
        (game.root(), Fraction(1), (-1,) * rules.players, 0)
    ]
    while stack:
        state, reach, lasts, depth = stack.pop()
        count, deepest, turn = count + 1, max(deepest, depth), game.turn(state)
        if count > MOST:
            raise UserError(
                f"the game has more than {MOST:,} states: too many to certify its strategies state by state"
            )
        if turn == LEAF:
            if len(paid) == ends:
                raise UserError(f"exact values are of games of up to {ends:,} ends, and this one has more")
            paid.append(tuple(map(float, game.payoffs(state))))
            chance.append(reach)  # type: ignore[arg-type]
            last.append(lasts)
            digest.update(repr((LEAF, paid[-1])).encode())
            continue
        moves = list(map(str, game.moves(state)))
        widest = max(widest, len(moves))
        if turn == CHANCE:
            odds = [float(p) for p in game.chance(state)]
            digest.update(repr((CHANCE, odds)).encode())
            if min(odds) < 0 or abs(sum(odds) - 1) > 1e-9:
                raise UserError(f"chances {short(odds)} are none")
            whole = whole and sum(map(simple, odds)) == 1  # else fractions would be of another game
            stack += [(game.play(state, i), reach * simple(p), lasts, depth + 1) for i, p in enumerate(odds) if p > 0]
            continue
        label = game.sees(state, turn)
        digest.update(repr((turn, label, moves)).encode())
        if label not in sets[turn]:
            sets[turn][label] = (lasts[turn], rows[turn], len(moves))
            rows[turn] += len(moves)
        above, first, many = sets[turn][label]
        if above != lasts[turn] or many != len(moves):
            raise UserError(f"player {turn} forgets at {short(label)!r} what it did, or has other moves than before")
        for i in range(many):
            now = (*lasts[:turn], first + i, *lasts[turn + 1 :])
            stack.append((game.play(state, i), reach, now, depth + 1))
    rational = whole and len(paid) <= exact
    kind: Any = object if rational else np.float64
    pays = [[simple(x) for x in row] for row in paid] if rational else paid
    return Flat(
        np.array(chance if rational else [float(c) for c in chance], kind),
        np.array(pays, kind).reshape(len(paid), rules.players),
        np.array(last).reshape(len(paid), rules.players),
        sets,
        rows,
        deepest,
        widest,
        digest.hexdigest(),
    )


def short(text: Any) -> str:
    """Return a text from a file as a message has it: cut where it is long."""
    said = str(text)
    return said if len(said) <= 60 else f"{said[:57]}..."


def plan_of(flat: Flat, player: int, weights: Callable[[str], Sequence[Any]]) -> Array:
    """Return a player's realisation plan, [rows + 1], the last its empty one; weights are made probabilities."""
    plan = np.ones(flat.rows[player] + 1, flat.chance.dtype)
    exact = plan.dtype == object
    if exact:
        plan[-1] = Fraction(1)
    for label, (above, first, many) in flat.sets[player].items():
        row = [Fraction(w) if exact else float(w) for w in weights(label)]
        if len(row) != many:
            raise UserError(f"the strategy has {len(row)} moves at {short(label)!r}, and the game {many}")
        total = sum(row)
        plan[first : first + many] = [plan[above] * w / total for w in row]
    return plan


def whole_plan(flat: Flat, player: int, odds: dict[str, list[Fraction]]) -> tuple[Array, int]:
    """Return a realisation plan of fractions, [rows + 1], as whole numbers over one, and that number.

    Raises `ValueError` where the odds do not sum to one, and where the number would have more than `BITS` bits.
    """
    plan, under = np.full(flat.rows[player] + 1, Fraction(1), object), 1
    for label, (above, first, many) in flat.sets[player].items():
        if len(odds[label]) != many or sum(odds[label]) != 1 or min(odds[label]) < 0:
            raise ValueError(f"the odds at {short(label)!r} are none")
        plan[first : first + many] = [plan[above] * x for x in odds[label]]
        under = math.lcm(under, *(x.denominator for x in plan[first : first + many]))
        if under.bit_length() > BITS:
            raise ValueError(f"the strategies' fractions have a common denominator of more than {BITS:,} bits")
    return np.array([int(x * under) for x in plan], object), under


def best_response(flat: Flat, player: int, plans: list[Array]) -> Any:
    """Return what the player's best response earns against the others' plans."""
    weight = flat.chance * flat.paid[:, player]
    for q, plan in enumerate(plans):
        if q != player:
            weight = weight * plan[flat.last[:, q]]
    worth = np.zeros(flat.rows[player] + 1, weight.dtype)
    np.add.at(worth, flat.last[:, player], weight)
    for above, first, many in reversed(flat.sets[player].values()):
        worth[above] += max(worth[first : first + many])
    return worth[-1]


def measure(rules: Any, weights: Callable[[int, str], Sequence[Any]]) -> Measured:
    """Return what the profile of these weights, of (player, what it sees), is worth."""
    flat = flatten(rules)
    plans = [plan_of(flat, p, lambda label, p=p: weights(p, label)) for p in range(rules.players)]  # type: ignore[misc]
    reach = flat.chance
    for p, plan in enumerate(plans):
        reach = reach * plan[flat.last[:, p]]
    value = [(reach * flat.paid[:, p]).sum() for p in range(rules.players)]
    best = [best_response(flat, p, plans) for p in range(rules.players)]
    if flat.chance.dtype == object:
        return Measured([Fraction(v) for v in value], [Fraction(b) for b in best], 0.0, flat.sha256)
    roundings = len(flat.chance) + (flat.depth + 2) * (flat.widest + 8) + sum(flat.rows)
    return Measured(
        [float(v) for v in value],
        [float(b) for b in best],
        gamma(roundings) * float(np.abs(flat.paid).max(initial=0.0)),
        flat.sha256,
    )


def gamma(roundings: int) -> float:
    """Return n u / (1 - n u), of twice the roundings and ten more, and be it rounded up."""
    n = (2 * roundings + 10) * _U
    return n / (1 - n) * (1 + 1e-9)


# Certificates.


def dump(certificate: dict[str, Any]) -> str:
    """Return a certificate as text, the only text that is one: its own SHA-256 stands at the end."""
    body = {key: value for key, value in certificate.items() if key != "sha256"}
    body["sha256"] = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    return json.dumps(body, indent=1) + "\n"


def read_certificate(path: str | Path) -> dict[str, Any]:
    """Return the certificate in a file; raises `UserError` for what is none, or was changed in any byte."""
    try:
        with Path(path).open("rb") as file:
            raw = file.read(LONGEST + 1)
        text = raw.decode() if len(raw) <= LONGEST else ""
        found = json.loads(text)
        whole = isinstance(found, dict) and dump(found) == text
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        whole = False
    if not whole:
        raise UserError(f"{path} is no certificate, or was changed since it was written")
    if json.dumps(found.get("format")) != str(FORMAT):
        said = json.dumps(found.get("format"))[:20]
        raise UserError(f"{path} is a certificate of format {said}, and this program knows {FORMAT}")
    return dict(found)


def number(x: Any) -> Fraction:
    """Return a number of a certificate as a fraction; raises `ValueError` for what is none, or beyond all doubles."""
    if type(x) not in (int, float) or not abs(x) <= 1.7e308:
        raise ValueError("no number")
    return Fraction(x)


def fraction(x: Any) -> Fraction:
    """Return a fraction of a certificate, such as "-1/18"; raises `ValueError` for any other text."""
    if not isinstance(x, str) or not _FRACTION.fullmatch(x):
        raise ValueError("no fraction")
    return Fraction(x)


def check(certificate: dict[str, Any], path: str | Path, measured: Callable[..., Measured]) -> list[str]:
    """Return what is wrong with a certificate of the solution in a file; nothing if it holds.

    `measured(arrays, header)` measures what the file holds, from the rules: `certificates.measured`.
    """
    arrays, header, digest = read_file(path)
    if certificate.get("file_sha256") != digest:
        return ["the file is not the one that the certificate is of: their SHA-256 differ"]
    if header.get("game") != certificate.get("game"):
        return [f"the file is of {short(header.get('game'))}, the certificate of {short(certificate.get('game'))}"]
    found = measured(arrays, header)
    if certificate.get("game_sha256") != found.game_sha256:
        return ["the rules of the game are not those that the certificate was made with"]
    return [*_claims(certificate, header, found), *compare(certificate, found)]


def _claims(certificate: dict[str, Any], header: dict[str, Any], found: Measured) -> list[str]:
    """Return which words of a certificate are not those of its file, or of what was found."""
    method = header.get("method")
    truths = {
        "kind": header.get("kind", "tree"),
        "algorithm": method.get("algorithm") if isinstance(method, dict) else None,
        "iterations": header.get("iterations"),
        **found.arithmetic(),
    }
    said = {name: certificate.get(name) for name in (*truths, "exact") if name in truths or name in certificate}
    return [
        f"the certificate's {name.replace('_', ' ')} is not what the file says, or what was found"
        for name, claim in said.items()
        if json.dumps(claim, sort_keys=True) != json.dumps(truths.get(name), sort_keys=True)
    ]


def compare(certificate: dict[str, Any], found: Measured) -> list[str]:
    """Return which of a certificate's intervals do not hold what was found, and whether its bound follows from them."""
    wrong, off = [], Fraction(found.error)
    try:
        for name, truths in (("value", found.value), ("best", found.best)):
            said = certificate[name]
            for p, (x, (low, high)) in enumerate(zip(truths, said, strict=True)):
                if not number(low) <= Fraction(x) + off or not Fraction(x) - off <= number(high):
                    wrong.append(f"the {name} of player {p} is {float(x):.12g}, not between {low} and {high}")
        pairs = zip(certificate["best"], certificate["value"], strict=True)
        worst = sum(number(b[1]) - number(v[0]) for b, v in pairs) / len(found.value)
        least = sum(Fraction(b) - Fraction(v) for b, v in zip(found.best, found.value, strict=True)) / len(found.value)
        bound = number(certificate["exploitability_at_most"])
        if bound < worst or bound < least - 2 * off:
            wrong.append(
                f"an exploitability of at most {float(bound):.12g} does not follow: it may be {float(worst):.12g}"
            )
    except (KeyError, TypeError, ValueError, OverflowError):
        return [*wrong, "the certificate does not say what a certificate says"]
    return wrong
