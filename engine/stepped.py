"""Stepped games: rules compiled by Numba that are walked and never laid out, for games too large for a tree.

A game is a NamedTuple of plain numbers and arrays, its parameters; a state is a row of 64-bit integers that is changed
in place, so that whoever comes back to a state keeps a copy. The functions here are what a walker asks of a game:
`register` says what they do for a type of NamedTuple. In kernels they are overloads on that type, so that one walker is
compiled for each type of game, nothing is passed as a value, and machine code is kept on disk like all other: a type
names its `kernels`, and keys of machine code follow them (`engine.kernel_key`). Called from Python they run as Python.

Walkers hand over raw arrays (`engine.raw`): flat ones, without a length. A game has at least the fields of `Sizes`.
Rules that offer `Steppable` have the same game in both forms.
"""

from collections.abc import Callable
from typing import Any, Protocol, TypeGuard

import numpy as np
import numpy.typing as npt
from numba.extending import overload, register_jitable

from counterplay.engine.errors import UserError
from counterplay.engine.jit import Index, inlined

State = npt.NDArray[np.int64]
Random = npt.NDArray[np.uint64]  # [1], the state of a generator (`engine.random`)

KEY_BITS = 63  # a key is a non-negative number of 64 bits


class Sizes(Protocol):
    """What every stepped game says of itself, as fields of its NamedTuple."""

    @property
    def players(self) -> int:
        """Return the number of players."""

    @property
    def words(self) -> int:
        """Return how many numbers a state has."""

    @property
    def widest(self) -> int:
        """Return the most moves that a decision has."""

    @property
    def depth(self) -> int:
        """Return the most decisions that one play has, of all players together."""


class Steppable(Protocol):
    """What rules may offer besides, so that they are solved without a tree."""

    def steps(self) -> Any:
        """Return the game in steps; raises `ValueError` where what a player knows does not fit a key."""

    def infoset(self, player: int, key: int) -> tuple[str, tuple[str, ...]]:
        """Return what the player of an information set sees, as `sees` says it (with its hand), and its moves.

        Raises `ValueError` for a key that no information set of the player has.
        """

    def key_of(self, player: int, label: str) -> int:
        """Return the key of a player's information set; raises `ValueError` for a label that it does not have."""


class Unread(UserError):
    """A key or a label that no information set has."""


def check_bits(largest: int, game: str, advice: str) -> None:
    """Raise `ValueError` where the keys of a game, below `largest`, do not fit."""
    if largest > 2**KEY_BITS:
        raise UserError(
            f"{game}: what a player knows can take {(largest - 1).bit_length()} bits, and a game in steps has "
            f"keys of {KEY_BITS}; {advice}"
        )


def is_steppable(rules: Any) -> TypeGuard[Steppable]:
    """Tell whether rules offer `Steppable`."""
    return hasattr(rules, "steps")


def _plain(game: Any, name: str) -> Callable[..., Any]:
    found: Callable[..., Any] = type(game).functions[name]
    return found


def setup(game: Any, state: State) -> None:
    """Make the state that of the beginning."""
    _plain(game, "setup")(game, state)


def turn(game: Any, state: State) -> int:
    """Return the acting player, `CHANCE` or `LEAF`."""
    return int(_plain(game, "turn")(game, state))


def moves(game: Any, state: State) -> int:
    """Return the number of moves of a decision or chance state; those of chance may have probability 0."""
    return int(_plain(game, "moves")(game, state))


def chance(game: Any, state: State, move: int) -> float:
    """Return the probability of a move of a chance state."""
    return float(_plain(game, "chance")(game, state, move))


def draw(game: Any, state: State, random: Random) -> int:
    """Return a move of a chance state, drawn with its probability."""
    with np.errstate(over="ignore"):
        return int(_plain(game, "draw")(game, state, random))


def play(game: Any, state: State, move: int) -> None:
    """Change the state into the one after a move."""
    _plain(game, "play")(game, state, move)


def payoff(game: Any, state: State, player: int) -> float:
    """Return what a player receives at a leaf."""
    return float(_plain(game, "payoff")(game, state, player))


def key(game: Any, state: State) -> np.uint64:
    """Return what the acting player of a decision with a choice knows, as one number.

    Equal numbers of one player are one information set, and nobody forgets.
    """
    return np.uint64(_plain(game, "key")(game, state))


def observe(game: Any, state: State, seen: Any) -> None:
    """Write what the acting player of a decision with a choice knows, as `observed` numbers 0 or 1, in place of zeros.

    Networks learn from it: it should tell as much as the key, in numbers that mean something by themselves.
    """
    _plain(game, "observe")(game, state, seen)


def number(game: Any, state: State, move: int) -> int:
    """Return the number of a move among all that a decision can have, alike where moves mean the same."""
    return int(_plain(game, "number")(game, state, move))


def observed(game: Any) -> int:
    """Return how many numbers `observe` writes."""
    return int(type(game).sizes[0](game))


def numbered(game: Any) -> int:
    """Return how many numbers moves have."""
    return int(type(game).sizes[1](game))


NAMES = ("setup", "turn", "moves", "chance", "draw", "play", "payoff", "key", "observe", "number")


def register(
    kind: Any,
    *,
    observed: Callable[[Any], int] | None = None,
    numbered: Callable[[Any], int] | None = None,
    **functions: Callable[..., Any],
) -> None:
    """Say how a type of games is played: what `setup`, `turn`, ... do, by name.

    `draw` may be left out, and so may what learners want: `observe`, with how many numbers it writes, and `number`,
    with how many there are. They see the key's bits then, and moves as each decision numbers them. The functions are
    Python that Numba compiles, but for these two counts; what they call is compiled into them if it is `helper`.
    """
    functions = {"draw": drawn_by_chance, "observe": key_bits, "number": as_it_is, **functions}
    kind.sizes = observed or (lambda game: KEY_BITS), numbered or (lambda game: game.widest)
    missing = [name for name in NAMES if name not in functions]
    if missing or len(functions) != len(NAMES):
        raise TypeError(f"a stepped game has {', '.join(NAMES)}; of {kind.__name__} {missing or list(functions)}")
    kind.functions = functions
    kind.kernels = {name: inlined(function) for name, function in functions.items()}


helper: Any = register_jitable  # a part of such functions, which runs as Python too


def _kernel(game: Any, name: str) -> Any:
    """Return the kernel of a game's type, None where that is of no stepped game."""
    return getattr(getattr(game, "instance_class", None), "kernels", {}).get(name)


def _offer(name: str, third: bool) -> Callable[..., Any]:
    """Return what gives the implementation of a function for the type of a game."""

    def with_two(game: Any, state: Any) -> Any:
        kernel = _kernel(game, name)
        return None if kernel is None else lambda game, state: kernel(game, state)  # noqa: PLW0108 (Numba wants one)

    def with_three(game: Any, state: Any, third: Any) -> Any:
        kernel = _kernel(game, name)
        return None if kernel is None else lambda game, state, third: kernel(game, state, third)  # noqa: PLW0108

    return with_three if third else with_two


for _stub in (setup, turn, moves, key, chance, draw, play, payoff, observe, number):
    # The annotations of what gives an implementation and of its lambda differ, which Numba is not to mind.
    _overloaded: Any = overload(_stub, strict=False)
    _overloaded(_offer(_stub.__name__, _stub in (chance, draw, play, payoff, observe, number)))


@helper
def bits(random: Random) -> Index:
    """Return 64 random bits, and move the generator on (`engine.random`)."""
    random[0] += np.uint64(0x9E3779B97F4A7C15)
    z = random[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@helper
def unit(random: Random) -> float:
    """Return a number in [0, 1), a multiple of 2**-53."""
    return np.float64(bits(random) >> np.uint64(11)) * 1.1102230246251565e-16


@helper
def below(random: Random, count: Index) -> Index:
    """Return one of 0 .. count - 1, for a count below 2**31."""
    return np.int64(((bits(random) >> np.uint64(32)) * np.uint64(count)) >> np.uint64(32))


@helper
def pick(odds: Any, count: int, random: Random) -> int:
    """Return an action with these probabilities, which sum to one but for rounding."""
    left, last = unit(random), 0
    for a in range(count):
        if odds[a] > 0.0:
            last = a
            left -= odds[a]
            if left < 0.0:
                return a
    return last


@helper
def drawn_by_chance(game: Any, state: State, random: Random) -> int:
    """Return a move of a chance state by asking for the probability of each: the `draw` of games that have none."""
    left, last = unit(random), 0
    for move in range(moves(game, state)):
        odds = chance(game, state, move)
        if odds > 0.0:
            last = move
            left -= odds
            if left < 0.0:
                break
    return last


@helper
def key_bits(game: Any, state: State, seen: Any) -> None:
    """Write the bits of the key: the `observe` of games that have none."""
    known = np.uint64(key(game, state))
    for i in range(KEY_BITS):
        seen[i] = np.int64((known >> np.uint64(i)) & np.uint64(1))


@helper
def as_it_is(game: Any, state: State, move: int) -> int:
    """Return the move: the `number` of games that have none."""
    return move
