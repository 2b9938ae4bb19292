"""What a game says of itself: two protocols, one for histories and one for a private deal followed by public play.

A game is a frozen dataclass whose fields are its parameters; a state is any immutable value. Payoffs are what each
player receives at the end, in the game's own units (chips, points, a win as 1), player 0 first.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeGuard, cast

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer[Any]]

CHANCE = -1
LEAF = -2
GOES_ON = 127  # at a position of a phantom game that is no end
SMALL_BOARD = 5  # cells up to which the tree of a phantom game is small, whatever ends it: 18,651 nodes


class Rules(Protocol):
    """A game as histories: a state holds all that has happened, hidden or not."""

    @property
    def players(self) -> int:
        """Return the number of players."""

    def root(self) -> Any:
        """Return the state before anything happened."""

    def turn(self, state: Any) -> int:
        """Return the acting player, `CHANCE` or `LEAF`."""

    def moves(self, state: Any) -> Sequence[str]:
        """Return the labels of what can happen at a decision or chance state, in a fixed order."""

    def chance(self, state: Any) -> Sequence[float]:
        """Return the probability of each move of a chance state; they sum to one.

        A game that leaves nothing to chance need not have it.
        """

    def play(self, state: Any, move: int) -> Any:
        """Return the state after the move of that index."""

    def payoffs(self, state: Any) -> Sequence[float]:
        """Return what each player receives at a leaf."""

    def sees(self, state: Any, player: int) -> str:
        """Return the acting player's information at its decision, readable, with perfect recall.

        Two states of one player with equal strings are one information set.
        """


class Outcome(NamedTuple):
    """How a dealt game ends in public: `payoffs(key, hands)` times `stake` is what the players receive."""

    key: Hashable
    stake: float = 1.0


class DealtRules(Protocol):
    """A game of one private deal followed by public play: a state holds what everybody sees, never a hand.

    A player's private states are its *lanes*, and its hand is an index into `hands(player)`. Solvers treat all lanes
    of a public state at once. `histories` turns such a game into `Rules`.
    """

    @property
    def players(self) -> int:
        """Return the number of players."""

    def hands(self, player: int) -> Sequence[str]:
        """Return the labels of the player's possible hands."""

    def deal(self, hands: tuple[int, ...]) -> Sequence[float]:
        """Return the probability of each hand of player `len(hands)`, given the hands of the players before."""

    def root(self) -> Any:
        """Return the public state after the deal."""

    def turn(self, state: Any) -> int:
        """Return the acting player, `CHANCE` or `LEAF`."""

    def moves(self, state: Any) -> Sequence[str]:
        """Return the labels of what can happen at a decision or chance state, in a fixed order."""

    def chance(self, state: Any, hands: tuple[int, ...]) -> Sequence[float]:
        """Return the probability of each move of a chance state given all hands; they sum to one."""

    def play(self, state: Any, move: int) -> Any:
        """Return the state after the move of that index."""

    def outcome(self, state: Any) -> Outcome:
        """Return how a leaf pays; leaves that pay alike share the key, and their tables are stored once."""

    def payoffs(self, key: Any, hands: tuple[int, ...]) -> Sequence[float]:
        """Return what each player receives, in units of the stake, at an outcome with these hands."""

    def sees(self, state: Any) -> str:
        """Return the public history as a readable string, different for any two decisions of one player."""


class DealtArrays(Protocol):
    """What a dealt game may offer besides, so that its tables are built at once instead of hand by hand.

    The numbers must be those of `deal`, `chance` and `payoffs`, to the last bit; for hands that cannot be dealt
    together, or that rule out a chance state, they may be anything finite. `event` and `odds` are for games that leave
    more to chance than the deal.
    """

    def deals(self) -> Array:
        """Return the joint probability of all hands, [W of player 0, W of player 1, ...]."""

    def event(self, state: Any) -> Hashable:
        """Return what decides the odds of a chance state besides the hands; states that share it are asked once."""

    def odds(self, event: Any) -> Array:
        """Return the probability of each move of such a chance state, [moves, W of player 0, ...]."""

    def table(self, key: Any) -> Array:
        """Return what each player receives, in units of the stake, at such an outcome, [P, W of player 0, ...]."""


class Expanding(Protocol):
    """What rules may offer besides: one call a state in place of five, where states are costly to ask."""

    def expander(
        self, add: Callable[[int, str, tuple[str, ...]], int]
    ) -> tuple[Any, Callable[[Any], tuple[int, Any, Any]]]:
        """Return the first state, and a function that tells all that a tree keeps of a state, which is not used again.

        Of a decision it gives (player, number of the information set, states that follow), of a chance state (CHANCE,
        probabilities, states that follow), of a leaf (LEAF, payoffs, 1.0); of states that follow the last one is first.
        `add(player, what it sees, labels of moves)` numbers a new information set, and refuses other moves in an old.
        """


class Shaped(Protocol):
    """What rules may offer besides, so that their trees are counted without being walked."""

    def shape(self, state: Any) -> Hashable:
        """Return what decides how large the tree below a state is (a public state, in a dealt game).

        None stands for a state that no hands allow, such as a board of too many cards of one rank.
        """


class Merging(Protocol):
    """What a dealt game may offer besides, so that of public states with equal futures only one is asked."""

    def future(self, state: Any) -> Hashable:
        """Return what decides all that may follow a public state: equal futures have equal trees below, labels apart.

        States that share it have the same turn, moves, chances and outcome, and the same moves lead to states that
        share it again. What everybody sees only grows: `sees` of a state begins with that of the state before, chance
        states included, and what a move adds to it depends on the future before the move alone.
        """


class Frontier(Protocol):
    """The rules of a game of histories over many states at once, for trees that are built a level at a time.

    A state is a row of integers, [n, C]; a call has one row at least, and all of them lie equally deep.
    `rules.frontier()` returns it where a game offers one; it must say what the rules say.
    """

    def root(self) -> Ints:
        """Return the state before anything happened, [1, C]."""

    def turn(self, rows: Ints) -> Ints:
        """Return the acting player of each state, `CHANCE` or `LEAF`, [n]."""

    def moves(self, rows: Ints) -> Ints:
        """Return the number of moves of each decision or chance state, [n]."""

    def chance(self, rows: Ints, move: Ints) -> Array:
        """Return the probability of a move at each of these chance states, [n]."""

    def play(self, rows: Ints, move: Ints) -> Ints:
        """Return the states after a move at each of these, [n, C]."""

    def payoffs(self, rows: Ints) -> Array:
        """Return what each player receives at these leaves, [n, P]."""

    def key(self, rows: Ints) -> Ints:
        """Return what tells the information sets of an acting player apart, as non-negative integers, [n, k].

        Equal rows of one player, at whatever depth, are one information set.
        """


class Phantom(Protocol):
    """What rules for two may offer besides, whose hidden state factors: stones are placed on cells in the dark.

    The players place stones on cells in turn, the first player first. Nobody sees the other's stones; who tries a cell
    that the other has taken is told so, never tries it again, and tries another cell at once or, in *abrupt* games,
    when its turn comes again. Given the order of the successful placements, what the one has tried in vain and what the
    other has are independent, and that order alone decides what is paid: so the payoffs over both players' sequences
    are a sum over such orders of products (B. H. Zhang and T. Sandholm, ICML 2020), and no history is ever visited.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """Return what the cells are called, in the order of the moves of the root."""

    @property
    def abrupt(self) -> bool:
        """Tell whether an attempt in vain ends the turn."""

    def ends(self) -> npt.NDArray[np.int8]:
        """Return what the first player receives at each position, or `GOES_ON`, [3 ** cells].

        The number of a position is the sum over cells c of 3 ** c times 0 where the cell is empty, 1 where the first
        player has it, 2 where the second has.
        """

    def symmetries(self) -> Ints:
        """Return the permutations of cells that change no end, the identity first, [G, cells]; they form a group."""


def lanes_of(values: npt.NDArray[Any], players: int) -> list[npt.NDArray[Any]]:
    """Return an array over one player's lanes, [W, ...], as seen from each player's axis of a tensor over all lanes.

    Entry p has the shape [1, ..., W, ..., 1, ...], W on axis p of the first P, so that entries broadcast.
    """
    return [values.reshape(*(1,) * p, -1, *(1,) * (players - p - 1), *values.shape[1:]) for p in range(players)]


def chance_of(rules: Any) -> Callable[..., Sequence[float]]:
    """Return a game's `chance`, which a game that leaves nothing to chance may lack."""

    def missing(*_: Any) -> Sequence[float]:
        raise UserError(
            f"turn() gave CHANCE, and {type(rules).__name__} has no chance() that says how likely moves are"
        )

    found: Callable[..., Sequence[float]] = getattr(rules, "chance", missing)
    return found


def is_dealt(rules: Rules | DealtRules) -> TypeGuard[DealtRules]:
    """Tell whether a game has a private deal before public play."""
    return hasattr(rules, "deal")


def is_rules(thing: Any) -> bool:
    """Tell whether an object is the rules of a game, of either kind."""
    return all(hasattr(thing, name) for name in ("players", "root", "turn", "moves", "play", "sees"))


def has_arrays(rules: DealtRules) -> bool:
    """Tell whether a dealt game offers `DealtArrays`."""
    return hasattr(rules, "deals")


def has_frontier(rules: Rules | DealtRules) -> bool:
    """Tell whether a game offers a `Frontier`."""
    return hasattr(rules, "frontier")


def has_future(rules: Rules | DealtRules) -> bool:
    """Tell whether a dealt game offers `Merging`."""
    return hasattr(rules, "future")


def is_phantom(rules: Any) -> TypeGuard[Phantom]:
    """Tell whether a game offers `Phantom`."""
    return hasattr(rules, "ends") and hasattr(rules, "abrupt")


def is_factored(rules: Any) -> TypeGuard[Phantom]:
    """Tell whether a game is a `Phantom` on a board too large for a small tree: its factored form is solved instead."""
    return is_phantom(rules) and len(rules.names) > SMALL_BOARD


@dataclass(frozen=True)
class Histories:
    """A dealt game as `Rules`: the hands are dealt one player after another by chance, and states hold them.

    A state is a pair of hands dealt so far and the public state.
    """

    game: DealtRules

    @property
    def players(self) -> int:
        return self.game.players

    def root(self) -> tuple[tuple[int, ...], Any]:
        return (), self.game.root()

    def turn(self, state: tuple[tuple[int, ...], Any]) -> int:
        hands, public = state
        return CHANCE if len(hands) < self.players else self.game.turn(public)

    def _possible(self, state: tuple[tuple[int, ...], Any]) -> list[tuple[int, float]]:
        """Return moves and probabilities of a chance state without those that these hands rule out."""
        hands, public = state
        odds = self.game.deal(hands) if len(hands) < self.players else self.game.chance(public, hands)
        return [(i, p) for i, p in enumerate(odds) if p > 0]

    def moves(self, state: tuple[tuple[int, ...], Any]) -> Sequence[str]:
        hands, public = state
        if self.turn(state) != CHANCE:
            return self.game.moves(public)
        labels = self.game.hands(len(hands)) if len(hands) < self.players else self.game.moves(public)
        return [labels[i] for i, _ in self._possible(state)]

    def chance(self, state: tuple[tuple[int, ...], Any]) -> Sequence[float]:
        return [p for _, p in self._possible(state)]

    def play(self, state: tuple[tuple[int, ...], Any], move: int) -> tuple[tuple[int, ...], Any]:
        hands, public = state
        if self.turn(state) == CHANCE:
            move = self._possible(state)[move][0]
            if len(hands) < self.players:
                return (*hands, move), public
        return hands, self.game.play(public, move)

    def payoffs(self, state: tuple[tuple[int, ...], Any]) -> Sequence[float]:
        hands, public = state
        key, stake = self.game.outcome(public)
        return [stake * value for value in self.game.payoffs(key, hands)]

    def sees(self, state: tuple[tuple[int, ...], Any], player: int) -> str:
        hands, public = state
        return join_label(self.game.hands(player)[hands[player]], self.game.sees(public))


def join_label(hand: str, public: str) -> str:
    """Return the label of an information set: the hand, then the public history."""
    return f"{hand} {public}".strip()


def histories(rules: Rules | DealtRules) -> Rules:
    """Return the game as `Rules`, whatever it is."""
    return Histories(rules) if is_dealt(rules) else cast(Rules, rules)
