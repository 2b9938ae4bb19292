"""Games that are written down: rules whose whole tree is a literal, printed as code that makes them again.

`GameTree` is a game of histories, `DealtTree` one of a private deal followed by public play, `Stones` one of stones in
the dark. Chance is given by weights, which need not sum to one, so that integers can say all there is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from counterplay.engine.errors import UserError
from counterplay.engine.rules import CHANCE, LEAF, Ints, Outcome, histories
from counterplay.games.in_the_dark import InTheDark

MOST = 100_000  # nodes of a game that is written down


@dataclass(frozen=True, init=False)
class Leaf:
    """What every player receives at the end."""

    payoffs: tuple[float, ...]

    def __init__(self, *payoffs: float) -> None:
        object.__setattr__(self, "payoffs", payoffs)

    turn = LEAF

    def __repr__(self) -> str:
        return f"Leaf({', '.join(map(number, self.payoffs))})"


@dataclass(frozen=True)
class Chance:
    """What may happen, by its label: how much it weighs, and what follows."""

    moves: Mapping[str, tuple[float, Any]]

    turn = CHANCE

    @property
    def odds(self) -> list[float]:
        """Return the probability of each move."""
        total = sum(weight for weight, _ in self.moves.values())
        return [weight / total for weight, _ in self.moves.values()]

    def __repr__(self) -> str:
        return f"Chance({{{', '.join(f'{k!r}: ({number(w)}, {v!r})' for k, (w, v) in self.moves.items())}}})"


@dataclass(frozen=True)
class Decision:
    """Who acts, the information that it has, and what follows each of its moves, by their labels."""

    player: int
    label: str
    moves: Mapping[str, Any]

    @property
    def turn(self) -> int:
        """Return who acts."""
        return self.player

    def __repr__(self) -> str:
        return (
            f"Decision({self.player}, {self.label!r}, {{{', '.join(f'{k!r}: {v!r}' for k, v in self.moves.items())}}})"
        )


@dataclass(frozen=True)
class GameTree:
    """A game of histories that is given by its tree; follows `Rules`."""

    players: int
    top: Any  # a Leaf, a Chance or a Decision

    def root(self) -> Any:
        return self.top

    def turn(self, state: Any) -> int:
        return int(state.turn)

    def moves(self, state: Any) -> Sequence[str]:
        return tuple(state.moves)

    def chance(self, state: Any) -> Sequence[float]:
        return list(state.odds)

    def play(self, state: Any, move: int) -> Any:
        found = tuple(state.moves.values())[move]
        return found[1] if state.turn == CHANCE else found

    def payoffs(self, state: Any) -> Sequence[float]:
        return tuple(state.payoffs)

    def sees(self, state: Any, player: int) -> str:
        return str(state.label)

    def __repr__(self) -> str:
        lines = _lines(self.top, 0)
        return f"GameTree({self.players}, " + "\n".join([*lines[:-1], lines[-1].removesuffix(",") + ")"])

    def __hash__(self) -> int:
        return hash(repr(self))


@dataclass(frozen=True, init=False)
class Pays:
    """The end of a dealt game: which table of payoffs counts, and how many times."""

    table: int
    stake: float

    def __init__(self, table: int, stake: float = 1) -> None:
        object.__setattr__(self, "table", table)
        object.__setattr__(self, "stake", stake)

    turn = LEAF

    def __repr__(self) -> str:
        return f"Pays({self.table}, {number(self.stake)})"


@dataclass(frozen=True)
class Flip:
    """A public event with two outcomes, whose odds depend on the hands (`DealtTree.flips`)."""

    moves: Mapping[str, Any]

    turn = CHANCE

    def __repr__(self) -> str:
        return f"Flip({{{', '.join(f'{k!r}: {v!r}' for k, v in self.moves.items())}}})"


@dataclass(frozen=True)
class DealtTree:
    """A zero-sum game for two of a private deal, a public tree, and payoffs that depend on both hands.

    Follows `DealtRules`. Hands are called h0, h1 and so on.
    """

    joint: tuple[tuple[float, ...], ...]  # [W of player 0][W of player 1] weights of pairs of hands
    tables: tuple[tuple[tuple[float, ...], ...], ...]  # [tables][W][W] what player 0 receives
    flips: tuple[tuple[float, ...], ...]  # [W][W] probability of a flip's first outcome
    top: Any  # a Pays, a Flip or a Decision

    players = 2

    def hands(self, player: int) -> Sequence[str]:
        return [f"h{i}" for i in range(len(self.joint) if player == 0 else len(self.joint[0]))]

    def deal(self, hands: tuple[int, ...]) -> Sequence[float]:
        row = self.joint[hands[0]] if hands else [sum(row) for row in self.joint]
        return [x / sum(row) for x in row] if sum(row) else [1 / len(row)] * len(row)

    def root(self) -> Any:
        return self.top

    def turn(self, state: Any) -> int:
        return int(state.turn)

    def moves(self, state: Any) -> Sequence[str]:
        return tuple(state.moves)

    def chance(self, state: Any, hands: tuple[int, ...]) -> Sequence[float]:
        first = self.flips[hands[0]][hands[1]]
        return (first, 1.0 - first)

    def play(self, state: Any, move: int) -> Any:
        return tuple(state.moves.values())[move]

    def outcome(self, state: Any) -> Outcome:
        return Outcome(state.table, state.stake)

    def payoffs(self, key: int, hands: tuple[int, ...]) -> Sequence[float]:
        value = self.tables[key][hands[0]][hands[1]]
        return (value, -value)

    def sees(self, state: Any) -> str:
        return str(state.label)

    def __repr__(self) -> str:
        head = [f"    {name}={_numbers(getattr(self, name))}," for name in ("joint", "tables", "flips")]
        body = _lines(self.top, 1)
        return "\n".join(["DealtTree(", *head, "    top=" + body[0].lstrip(), *body[1:], ")"])

    def __hash__(self) -> int:
        return hash(repr(self))


@dataclass(frozen=True)
class Stones(InTheDark):
    """Stones in the dark on a row of cells: who first has all cells of one of its lines wins 1, a full board is 0.

    Follows `Rules` and `Phantom`, so that its tree and its factored form can be held against each other.
    """

    columns: int
    lines: tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]  # [2][lines] cells that win, of each player
    abrupt: bool = False
    rows = 1

    def won(self, player: int, stones: Any) -> Any:
        won = np.zeros(np.shape(stones), bool) if np.ndim(stones) else False
        for line in self.lines[player]:
            cells = sum(1 << cell for cell in line)
            won = won | ((stones & cells) == cells)
        return won

    def symmetries(self) -> Ints:
        """Return the identity alone."""
        return np.arange(self.columns)[None]


def number(x: float) -> str:
    """Return a number as code, whole ones without a point."""
    return str(int(x)) if float(x).is_integer() else repr(float(x))


def _numbers(x: Any) -> str:
    """Return nested tuples of numbers as code."""
    if not isinstance(x, tuple):
        return number(x)
    return f"({', '.join(map(_numbers, x))}{',' if len(x) == 1 else ''})"


def _lines(node: Any, depth: int) -> list[str]:
    """Return a tree as lines of code, indented."""
    pad = "    " * depth
    if node.turn == LEAF or len(repr(node)) + len(pad) < 100:
        return [f"{pad}{node!r},"]
    head = f"{node.player}, {node.label!r}, " if isinstance(node, Decision) else ""
    found = [f"{pad}{type(node).__name__}({head}{{"]
    for label, child in node.moves.items():
        weight, below = (f"({number(child[0])}, ", child[1]) if isinstance(node, Chance) else ("", child)
        inner = _lines(below, depth + 1)
        inner[0] = f"{pad}    {label!r}: {weight}{inner[0].lstrip()}"
        if weight:
            inner[-1] = inner[-1].removesuffix(",") + "),"
        found += inner
    return [*found, f"{pad}}}),"]


def write_down(rules: Any) -> GameTree:
    """Return any game as a `GameTree`; labels stay, and equal labels of moves are told apart by their place.

    Raises `UserError` for a game of more than 100,000 nodes.
    """
    game, count = histories(rules), 0

    def grow(state: Any) -> Any:
        nonlocal count
        count += 1
        if count > MOST:
            raise UserError(f"the game has more than {MOST:,} nodes: too many to write down")
        turn = game.turn(state)
        if turn == LEAF:
            return Leaf(*game.payoffs(state))
        labels = list(distinct(game.moves(state)))
        if turn == CHANCE:
            odds = game.chance(state)
            return Chance(
                {m: (p, grow(game.play(state, i))) for i, (m, p) in enumerate(zip(labels, odds, strict=True))}
            )
        return Decision(turn, game.sees(state, turn), {m: grow(game.play(state, i)) for i, m in enumerate(labels)})

    return GameTree(rules.players, grow(game.root()))


def distinct(labels: Sequence[str]) -> Iterator[str]:
    """Yield labels, those that stand twice with their number."""
    for i, label in enumerate(labels):
        yield f"{label} #{i}" if list(labels).count(label) > 1 else label
