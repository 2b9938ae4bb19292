"""Normal-form games: every player chooses one action, unseen by the others, and a table pays."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from math import isqrt, prod
from typing import Any

from counterplay.engine.errors import UserError
from counterplay.engine.files import read_text
from counterplay.engine.rules import LEAF

MAX_PROFILES = 10_000_000
MAX_WRITTEN = 100  # payoffs up to which a game goes by them


@dataclass(frozen=True)
class Matrix:
    """A normal-form game of any number of players. They move one after another, and none sees another's move.

    `table` holds what each player receives for each profile of actions, the last player's action changing fastest.
    A state is the actions chosen so far.
    """

    actions: tuple[tuple[str, ...], ...]
    table: tuple[tuple[float, ...], ...]
    names: tuple[str, ...] = ()
    file: str = field(default="", compare=False)  # where it came from, if from a file

    def __post_init__(self) -> None:
        if not self.actions or not all(self.actions):
            raise UserError("a normal-form game needs a player, and each player an action")
        for player, labels in enumerate(self.actions):
            if len(set(labels)) < len(labels):
                raise UserError(f"the actions of player {player} must have different names, not {', '.join(labels)}")
        sizes = [len(labels) for labels in self.actions]
        if prod(sizes) > MAX_PROFILES:
            raise UserError(f"{prod(sizes):,} profiles of actions are too many; at most {MAX_PROFILES:,} fit")
        if len(self.table) != prod(sizes):
            raise UserError(f"{' x '.join(map(str, sizes))} actions need {prod(sizes)} profiles of payoffs")
        if any(len(values) != self.players for values in self.table):
            raise UserError(f"each profile of actions needs {self.players} payoffs, one a player")
        if not self.names:
            usual = ("row", "column") if self.players == 2 else tuple(f"player {p}" for p in range(self.players))
            object.__setattr__(self, "names", usual)
        if len(self.names) != self.players:
            raise UserError(f"{self.players} players need as many names, not {len(self.names)}")

    @property
    def players(self) -> int:
        return len(self.actions)

    def spec_text(self) -> str | None:
        """Return the spec of a game that goes by a file, by a name, or by its payoffs where these are few; else None.

        So the solution of a small matrix holds what it is the solution of.
        """
        if self.file:
            kind = "matrix" if self.file.lower().endswith(".toml") else "gambit"
            return f"{kind}(file={self.file!r})"
        for known in (rock_paper_scissors, matching_pennies, prisoners_dilemma, shapley):
            if self == known():
                return known.__name__
        return self._in_numbers()

    def _in_numbers(self) -> str | None:
        sizes = tuple(map(len, self.actions))
        usual = Matrix(tuple(tuple(map(str, range(size))) for size in sizes), self.table)
        if (self.actions, self.names) != (usual.actions, usual.names):
            return None
        zero = self.players == 2 and all(a == -b for a, b in self.table)
        numbers = [values[0] for values in self.table] if zero else [x for values in self.table for x in values]
        if len(numbers) > MAX_WRITTEN:
            return None
        written = ", ".join(repr(int(x)) if x == int(x) and abs(x) < 1e15 else repr(x) for x in numbers)
        shape = "" if zero and sizes[0] == sizes[1] else f", shape=({', '.join(map(str, sizes))})"
        return f"normal_form(payoffs=({written}{',' if len(numbers) == 1 else ''}){shape})"

    def root(self) -> tuple[int, ...]:
        return ()

    def turn(self, state: tuple[int, ...]) -> int:
        return LEAF if len(state) == self.players else len(state)

    def moves(self, state: tuple[int, ...]) -> Sequence[str]:
        return self.actions[len(state)]

    def chance(self, state: tuple[int, ...]) -> Sequence[float]:
        raise AssertionError("a normal-form game has no chance")

    def play(self, state: tuple[int, ...], move: int) -> tuple[int, ...]:
        return (*state, move)

    def payoffs(self, state: tuple[int, ...]) -> Sequence[float]:
        index = 0
        for action, labels in zip(state, self.actions, strict=True):
            index = index * len(labels) + action
        return self.table[index]

    def sees(self, state: tuple[int, ...], player: int) -> str:
        """Return the player's name: there is nothing else to see."""
        return self.names[player]


def _bimatrix(labels: Sequence[str], row: Sequence[Sequence[float]], column: Sequence[Sequence[float]]) -> Matrix:
    payoffs = [(float(a), float(b)) for r, c in zip(row, column, strict=True) for a, b in zip(r, c, strict=True)]
    return Matrix((tuple(labels),) * 2, tuple(payoffs))


def rock_paper_scissors() -> Matrix:
    """Return rock paper scissors: 1 for the winner, -1 for the loser, 0 for a tie."""
    row = [[0, -1, 1], [1, 0, -1], [-1, 1, 0]]
    return _bimatrix(("rock", "paper", "scissors"), row, [[-v for v in line] for line in row])


def matching_pennies() -> Matrix:
    """Return matching pennies: row gets 1 from column if both show the same side, else column gets 1 from row."""
    return _bimatrix(("heads", "tails"), [[1, -1], [-1, 1]], [[-1, 1], [1, -1]])


def prisoners_dilemma() -> Matrix:
    """Return the prisoners' dilemma with Axelrod's (1984) payoffs: temptation 5, reward 3, punishment 1, sucker 0."""
    return _bimatrix(("cooperate", "defect"), [[3, 0], [5, 1]], [[3, 5], [0, 1]])


def shapley() -> Matrix:
    """Return Shapley's (1964) game: one equilibrium, uniform play, around which fictitious play circles for ever."""
    row = [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
    return _bimatrix(("first", "second", "third"), row, [[0, 1, 0], [0, 0, 1], [1, 0, 0]])


def normal_form(payoffs: tuple[float, ...], shape: tuple[int, ...] = ()) -> Matrix:
    """Return the normal-form game of a list of payoffs, the last player's action changing fastest.

    `shape` is how many actions each player has; left out, two players have equally many. As many payoffs as profiles
    of actions are what the first of two players gets from the other; else each profile has one a player, the first
    player's first. Actions are called by their numbers.
    """
    side = isqrt(len(payoffs))
    sizes = shape or (side, side)
    profiles = prod(sizes)
    if len(sizes) < 2 or min(sizes) < 1 or len(payoffs) not in (profiles * len(sizes), *[profiles][: len(sizes) < 3]):
        raise UserError(
            f"{' x '.join(map(str, sizes))} actions need {profiles * len(sizes)} payoffs, or for two players whose "
            f"payoffs sum to zero the first one's {profiles}, not {len(payoffs)}"
        )
    step = len(payoffs) // profiles
    rows = [payoffs[i : i + step] for i in range(0, len(payoffs), step)]
    table = tuple((x[0], 0.0 - x[0]) if step == 1 else tuple(x) for x in rows)
    return Matrix(tuple(tuple(map(str, range(size))) for size in sizes), table)


def load(file: str) -> Matrix:
    """Read a normal-form game from a TOML file.

    `actions` lists the names of each player's actions, and `payoffs` nests one list for each player: the first index
    is the first player's action, and at the innermost stands a list of what each player receives. In a zero-sum game
    for two it may be one number, the first player's. `players`, optional, names the players.

        actions = [["opera", "football"], ["opera", "football"]]
        payoffs = [[[3, 2], [0, 0]],
                   [[0, 0], [2, 3]]]

    Raises `ValueError` if the file cannot be read or is something else.
    """
    try:
        data = tomllib.loads(read_text(file, "a TOML file"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UserError(f"{file} is taken for a payoff file, and is not written as TOML: {error}") from None
    unknown = sorted(set(data) - {"title", "players", "actions", "payoffs"})
    if unknown:
        raise UserError(f"{file} has {unknown[0]!r}; a payoff file has actions, payoffs, and optionally players, title")
    actions, names = data.get("actions"), data.get("players", [])
    if not isinstance(actions, list) or not actions or not all(_is_words(labels) and labels for labels in actions):
        raise UserError(f'{file} needs actions, a list of names for each player, such as [["a", "b"], ["c", "d"]]')
    if not _is_words(names):
        raise UserError(f"{file}: players must be a list of names, not {names!r}")
    payoffs = []
    for profile in product(*(range(len(labels)) for labels in actions)):
        where = "payoffs" + "".join(f"[{a}]" for a in profile)
        value: Any = data.get("payoffs")
        for action, labels in zip(profile, actions, strict=True):
            if not isinstance(value, list) or len(value) != len(labels):
                sizes = " x ".join(str(len(labels)) for labels in actions)
                raise UserError(f"{file} needs payoffs for {sizes} actions; there is none, or too much, at {where}")
            value = value[action]
        if len(actions) == 2 and _is_number(value):
            value = [value, -value]
        if not isinstance(value, list) or len(value) != len(actions) or not all(map(_is_number, value)):
            raise UserError(f"{file}: {where} must be a list of {len(actions)} numbers, one a player, not {value!r}")
        payoffs.append(tuple(map(float, value)))
    try:
        return Matrix(tuple(map(tuple, actions)), tuple(payoffs), tuple(names), file)
    except ValueError as error:
        raise UserError(f"{file}: {error}") from None


def _is_words(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")
