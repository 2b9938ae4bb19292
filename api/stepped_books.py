"""What was learned in a game that is never laid out, looked up and played: by keys, or in plain Python by labels."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from counterplay.engine.compiling import clock
from counterplay.engine.errors import UserError
from counterplay.engine.rules import histories
from counterplay.engine.spec import suggestion
from counterplay.show.stepped_pages import NEVER_MET, UNAVERAGED
from counterplay.solvers import infosets
from counterplay.solvers.plain_games import OfRules, Record, plain_winnings
from counterplay.solvers.plain_walk import PlainWalker
from counterplay.solvers.playouts import winnings
from counterplay.solvers.samplings import Sampling
from counterplay.solvers.stepped import Walker
from counterplay.solvers.winnings import Winnings

U64 = npt.NDArray[np.uint64]
WIDEST = 2**16 - 1  # moves that a record tells of


class Met(NamedTuple):
    """An information set that a run met."""

    player: int
    label: str
    actions: tuple[str, ...]
    odds: tuple[float, ...]
    visits: int  # by its own player's walks
    note: str = ""  # why the odds are uniform, where nothing was learned

    @property
    def strategy(self) -> dict[str, float]:
        """Return the probability of each action."""
        return dict(zip(self.actions, self.odds, strict=True))


class Book(Protocol):
    """What was learned."""

    @property
    def listed(self) -> infosets.Listing:
        """Return all information sets."""

    def read(self, number: int) -> Met:
        """Return an information set, by its number in the list."""

    def find(self, player: int, label: str) -> Met:
        """Return a player's information set; one that was never met is played uniformly. Raises `ValueError`."""

    def winnings(self, other: "Book | None", deals: int, seed: int) -> Winnings:
        """Return what this strategy earns against another of its kind, or uniform play."""

    def responded(self, sampling: Sampling, seconds: float, most: int, deals: int, seed: int) -> Winnings:
        """Return what responses gain that were trained for so long, on deals that they were not trained on."""


class _Records:
    """What both kinds share: records of an arena."""

    def __init__(self, arena: U64, stride: int, players: int, widest: int):
        self.table = infosets.over(arena, stride, players, widest)
        self.stride, self.players = stride, players

    @cached_property
    def listed(self) -> infosets.Listing:
        """Return all information sets."""
        return infosets.listed(self.table, self.stride)

    def met(self, player: int, label: str, actions: tuple[str, ...], place: int) -> Met:
        """Return the information set of a record; a player's average is written by the others' walks alone."""
        odds = tuple(infosets.average_of(self.table, place, len(actions)).tolist())
        begin = place + infosets.HEAD + len(actions)
        note = "" if self.table.values[begin : begin + len(actions)].any() else UNAVERAGED
        return Met(player, label, actions, odds, int(self.table.heads[place + 1]) >> 24, note)


class StepsBook(_Records):
    """What was learned in a stepped game."""

    def __init__(self, rules: Any, arena: U64, stride: int):
        self.rules, self.game = rules, rules.steps()
        super().__init__(arena, stride, self.game.players, self.game.widest)

    def read(self, number: int) -> Met:
        """Return an information set, by its number in the list; raises `ValueError` where a file invented it."""
        i, found = number, self.listed
        player, count = int(found.player[i]), int(found.moves[i])
        label, actions = self.rules.infoset(player, int(found.key[i]))
        if len(actions) != count:
            raise UserError(f"player {player} has {len(actions)} moves at {label!r}, not {count}: the file is damaged")
        return self.met(player, label, actions, int(found.place[i]))

    def find(self, player: int, label: str) -> Met:
        """Return a player's information set; one that was never met is played uniformly. Raises `ValueError`."""
        try:
            key = self.rules.key_of(player, label)
        except (ValueError, LookupError) as error:  # somebody's own may say it as it comes
            if isinstance(error, UserError):
                raise
            raise UserError(f"no information set of player {player} is called {label[:200]!r}") from error
        label, actions = self.rules.infoset(player, key)
        place = infosets.place_of(self.table, key, player, len(actions))
        if place < 0:
            return Met(player, label, actions, (1.0 / len(actions),) * len(actions), 0, NEVER_MET)
        return self.met(player, label, actions, place)

    def winnings(self, other: Any, deals: int, seed: int) -> Winnings:
        """Return what this strategy earns against another of its kind, or uniform play."""
        theirs = infosets.nothing() if other is None else other.table
        return winnings(self.game, self.table, theirs, deals, seed)

    def responded(self, sampling: Sampling, seconds: float, most: int, deals: int, seed: int) -> Winnings:
        """Return what responses gain that were trained for so long, on deals that they were not trained on."""
        table = infosets.empty(most)
        for hero in range(self.players):
            _train(Walker(self.game, sampling, seed + hero, table, self.table, hero), seconds / self.players)
        return winnings(self.game, table, self.table, deals, seed + self.players, above=True)


class PlainBook(_Records):
    """What was learned in plain Python; records are numbered, and have names and moves. Rules are asked for to play."""

    def __init__(self, rules: Any, arena: U64, stride: int, players: int, names: Sequence[tuple[int, str]], moves: Any):
        self.rules, self.names, self.moves = rules, names, moves
        super().__init__(arena, stride, players, WIDEST)
        found = self.listed
        fits = found.key.tolist() == list(range(len(names)))
        if not fits or [*map(len, moves)] != found.moves.tolist() or [p for p, _ in names] != found.player.tolist():
            raise UserError("labels, moves and records are not of the same information sets")
        self.index = {name: i for i, name in enumerate(names)}

    def read(self, number: int) -> Met:
        """Return an information set, by its number in the list."""
        player, label = self.names[number]
        return self.met(player, label, self.moves[number], int(self.listed.place[number]))

    def find(self, player: int, label: str) -> Met:
        """Return a player's information set; raises `ValueError` for one that was never met."""
        number = self.index.get((player, label))
        if number is None:
            close = suggestion(label, [name for p, name in self.names[:100_000] if p == player])
            raise UserError(f"the run never met an information set {label[:200]!r} of player {player}{close}")
        return self.read(number)

    @cached_property
    def records(self) -> dict[tuple[int, Any], Record]:
        """Return the average strategies as records to play by."""
        found = {}
        for i, name in enumerate(self.names):
            met = self.read(i)
            found[name] = Record(met.actions, [], list(met.odds), [], met.visits)
        return found

    def winnings(self, other: Any, deals: int, seed: int) -> Winnings:
        """Return what this strategy earns against another of its kind, or uniform play."""
        theirs = {} if other is None else other.records
        return plain_winnings(OfRules(histories(self.rules())), self.records, theirs, deals, seed)

    def responded(self, sampling: Sampling, seconds: float, most: int, deals: int, seed: int) -> Winnings:
        """Return what responses gain that were trained for so long, on deals that they were not trained on."""
        game, learned = OfRules(histories(self.rules())), dict[Any, Record]()
        for hero in range(self.players):
            walker = PlainWalker(game, sampling, seed + hero, most // self.players, self.records, hero)
            _train(walker, seconds / self.players)
            learned |= walker.records
        return plain_winnings(game, learned, self.records, deals, seed + self.players, above=True)


def _train(walker: Walker | PlainWalker, seconds: float) -> None:
    """Walk for so long, or until memory is full."""
    began = clock()
    while clock() - began < seconds and not walker.full:
        walker.advance(2**53)


def most_visited(book: Book, player: int | None) -> Iterator[int]:
    """Yield the numbers of a player's information sets, those with the most visits first."""
    found = book.listed
    mine = np.arange(len(found.key)) if player is None else np.flatnonzero(found.player == player)
    yield from mine[np.argsort(-found.visits[mine], kind="stable")].tolist()
