"""Spots: where a hold'em subgame starts, what both players may hold and bet, as TOML files or as flags.

| key | what it says | left out |
|---|---|---|
| `board` | three to five cards: `"Ks 9d 4c"`; `""` before the flop | needed |
| `pot` | chips in the middle, such as 60 or 16.4: needed, but with blinds it is what is there beside them | 0 |
| `stack` | chips behind, of each player, blinds not yet posted | needed |
| `variant` | `"holdem"`, `"short"` (six-plus: no cards below a six) or `"royal"` (twenty cards, ten to ace) | holdem |
| `last` | the street that ends the game: with `"flop"` hands of five cards are shown after the flop | river |
| `blinds` | before the flop: IP's small blind and OOP's big one, `[1, 2]` | none |
| `aggressor` | who bet last on the street before: with `"ip"`, OOP's first bet is a lead | neither |
| `range.oop`, `range.ip` | the hands of both players, needed on a board: `"TT+, AKs, KQo:0.5"` | all |
| `bets` ... `.bet` | sizes of bets: `["33%", "75%", "all-in"]`; `[]` for none | needed |
| `bets` ... `.raise` | sizes of raises | the bets', less amounts in chips |
| `bets` ... `.lead` | sizes of OOP's first bet after it called on the street before | the bets' |
| `add_allin` | add all-in where the stack is at most so many times the pot: `1.5` or `"150%"` | never |
| `force_allin` | make a bet all-in where a call would leave at most so many times the pot | never |
| `raise_cap` | raises a street, the bet not counted | no cap |
| `min_bet` | the smallest bet, in chips | 1 |
| `rounding` | bets are rounded to so many chips, where no amount has more decimals: 1, `0.1`, `0.01` or `0.001` | 1 |
| `limit.preflop`, `.flop`, `.turn`, `.river` | the bet of limit poker, in chips, in place of `bets` | no limit |
| `limit.cap` | bets and raises a street, the big blind among them | 4 |
| `rake.percent` | taken from the pot at the end, chips that were not called left alone: `5`; below one `"0.5%"` | 0 |
| `rake.cap` | at most so many chips | no cap |
| `lock` | strategies that are fixed, `[[lock]]` with `node`, `strategy`, `hands` | none |

Sizes stand under `[bets.STREET.PLAYER]` (`[bets.river.ip]`), `[bets.STREET]`, `[bets.PLAYER]` or `[bets]`, and the
first of these that has the key counts; a player without any takes the other's.
"""

import math
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError
from counterplay.engine.files import read_text
from counterplay.engine.spec import suggestion
from counterplay.engine.streets import unblocked
from counterplay.games.holdem.betting import NO_RAKE, PLAYERS, STREETS, BettingRules, FixedLimit, Rake
from counterplay.games.holdem.betting_toml import read_betting, write_betting
from counterplay.games.holdem.cards import COMBO_CARDS, DECKS, HOLDEM, Deck, format_cards, parse_cards
from counterplay.games.holdem.locks import Fixed, Lock, fix, parse_lock, read_locks, write_lock
from counterplay.games.holdem.ranges import kicker_plus, parse_range, spelled_out, without
from counterplay.games.holdem.sizes import BetSize
from counterplay.games.holdem.trees import Start, Street, street_trees
from counterplay.games.holdem.values import (
    TOP,
    Chips,
    as_chips,
    as_number,
    as_table,
    as_text,
    check_keys,
    exact,
    in_chips,
    quote,
)

MAX_CHIPS = 10**9
_BLOCKED = 101  # combos that share a card with one, itself among them: of more, one is left
_LINE = 116  # characters of a long range that a line of a file has


@dataclass(frozen=True, repr=False)
class Spot:
    """A hold'em subgame between player 0, out of position, and player 1; `pot` and `stack` as the subgame starts.

    Raises `ValueError` with one sentence for what is impossible.
    """

    board: tuple[int, ...]
    ranges: tuple[str, str]
    pot: Chips
    stack: Chips
    betting: BettingRules
    rake: Rake = NO_RAKE
    variant: str = "holdem"
    aggressor: str = ""
    locks: tuple[Lock, ...] = ()

    def __post_init__(self) -> None:
        if self.variant not in DECKS:
            close = suggestion(str(self.variant), DECKS)
            raise UserError(f"variant must be one of {', '.join(DECKS)}, not {self.variant!r}{close}")
        if self.aggressor not in ("", *PLAYERS):
            raise UserError(f"aggressor must be 'oop' or 'ip', or left out, not {self.aggressor!r}")
        self._check_cards()
        for name in ("pot", "stack"):
            chips = getattr(self, name)
            if not 0 <= chips <= MAX_CHIPS or not (chips or (name == "pot" and any(self.betting.blinds))):
                given = f"{chips:,}" if abs(chips) < 10**18 else "a number far beyond"
                raise UserError(f"the {name} must be more than no chips and at most {MAX_CHIPS:,}, not {given}")
            object.__setattr__(self, name, exact(chips, f"the {name}"))
        if not 0 <= self.rake.percent < 100:
            raise UserError(f"rake.percent must be at least 0 and below 100, not {self.rake.percent:g}")
        if not self.rake.cap >= 0:
            raise UserError(f"rake.cap must be zero or more chips, not {self.rake.cap:g}")
        for street in STREETS[STREETS.index(self.street) : self.betting.last + 1]:
            if not self.betting.plays(STREETS.index(street)):
                fixed = isinstance(self.betting, FixedLimit)
                missing = f"limit.{street} is missing" if fixed else f"bets.{street} has no bet sizes"
                advice = "" if fixed else "; 'bet = []' there checks it down"
                raise UserError(f"{missing}, and the subgame plays the {street}{advice}")
        self._check_ranges()
        object.__setattr__(self, "ranges", tuple(map(spelled_out, self.ranges)))
        locks = [lock._replace(hands=tuple((spelled_out(t), mix) for t, mix in lock.hands)) for lock in self.locks]
        object.__setattr__(self, "locks", tuple(locks))
        self._check_raises()
        lines = [fixed.line.text for fixed in self.locked]
        for twice in {line for line in lines if lines.count(line) > 1}:
            raise UserError(f"the decision {twice!r} is locked twice: put all its hands into one lock")

    @property
    def deck(self) -> Deck:
        """Return the cards that the spot is played with."""
        return DECKS[self.variant]

    @property
    def street(self) -> str:
        """Return the street that the subgame starts on."""
        return STREETS[self.deck.board.index(len(self.board))]

    @property
    def middle(self) -> Chips:
        """Return the chips in the middle when the first player acts: the pot, and blinds."""
        return exact(sum((Fraction(str(chips)) for chips in (self.pot, *self.betting.blinds)), Fraction(0)), "the pot")

    @property
    def name(self) -> str:
        """Return what the spot is called."""
        return f"{self.variant} {self.street} {format_cards(self.board) or f'to {STREETS[self.betting.last]}'}"

    def __repr__(self) -> str:
        return f"Spot({self.name}, pot {self.middle}, stacks {self.stack}, OOP {self.ranges[0]}, IP {self.ranges[1]})"

    @cached_property
    def weights(self) -> npt.NDArray[np.float64]:
        """Return both players' range weights, [2, 1326], zero for combos that the board or the deck rules out."""
        weights = np.where(self.deck.free(self.board), self.whole, 0.0)
        weights.flags.writeable = False
        return weights

    @cached_property
    def whole(self) -> npt.NDArray[np.float64]:
        """Return both players' range weights whatever the board, [2, 1326]."""
        weights = np.zeros((2, len(COMBO_CARDS)))
        for player, text in enumerate(self.ranges):
            try:
                weights[player] = without(parse_range(text), (), self.deck)
            except ValueError as error:
                raise UserError(f"range.{PLAYERS[player]}: {error}") from None
        weights.flags.writeable = False
        return weights

    def on(self, board: Sequence[int]) -> "Spot":
        """Return the spot on another board of as many cards; raises `ValueError` where that is impossible.

        Ranges and betting are not read again, which is most of the work of making a spot.
        """
        cards = tuple(board)
        if self.locks or len(cards) != len(self.board):
            return replace(self, board=cards)
        found = copy(self)
        object.__setattr__(found, "board", cards)
        vars(found).pop("weights", None)
        vars(found).update(whole=self.whole, trees=self.trees)
        found._check_cards()
        found._check_ranges()
        return found

    @cached_property
    def locked(self) -> tuple[Fixed, ...]:
        """Return what the locks fix."""
        if not self.locks:
            return ()
        return tuple(fix(lock, self.board, self.weights, self.trees, self.betting, self.deck) for lock in self.locks)

    def locking(self, *locks: str) -> "Spot":
        """Return the spot with further locks, each in one line: "check bet 30: fold 0.5, call 0.5"."""
        return replace(self, locks=(*self.locks, *map(parse_lock, locks)))

    def locked_at(self, line: str) -> npt.NDArray[np.bool_]:
        """Return bool[1326]: the combos whose strategy is fixed after a line, which is written as it is read."""
        here = [fixed.mix[0] >= 0 for fixed in self.locked if fixed.line.text == line]
        return here[0] if here else np.zeros(len(COMBO_CARDS), bool)

    @cached_property
    def trees(self) -> dict[Start, Street]:
        """Return the betting of all streets, the first street first."""
        return _trees(self.betting, self.street, self.pot, self.stack, self.aggressor == "ip")

    def tree(self) -> Street:
        """Return the betting of the first street."""
        return next(iter(self.trees.values()))

    def _check_cards(self) -> None:
        _check_board(self.board)
        low = [card for card in self.board if card not in self.deck.cards]
        if low:
            raise UserError(f"the board has {format_cards(low[:1])}, which a {self.variant} deck does not have")

    def _check_ranges(self) -> None:
        held = (self.weights > 0).astype(np.int64)
        for player, combos in enumerate(held.sum(axis=1)):
            if not combos:
                where = f"on the board {format_cards(self.board)}" if self.board else f"in a {self.variant} deck"
                raise UserError(f"range.{PLAYERS[player]} has no hand that is possible {where}")
        if held.sum(axis=1).max() > _BLOCKED:
            return
        one, two = (np.flatnonzero(hands) for hands in held)
        met = unblocked(COMBO_CARDS[one], COMBO_CARDS[two], np.ones(len(two)), self.deck.same(one, two))
        if met.sum() <= 0:
            raise UserError("the two ranges share a card in every pair of hands, so no deal is possible")

    def _check_raises(self) -> None:
        """Refuse raises to a number of chips that are never legal on the first street."""
        for _, size, bet, least in too_small(self.tree(), self.betting):
            raise UserError(
                f"'{size}' makes no legal raise on the {self.street}: against the smallest bet of {bet}, "
                f"a raise is to {least} at least"
            )


@lru_cache(maxsize=8)
def _trees(betting: BettingRules, street: str, pot: Chips, stack: Chips, lead: bool) -> dict[Start, Street]:
    """Return the betting of all streets; spots that differ in boards and ranges alone share it."""
    return street_trees(betting, street, pot, stack, lead)


def too_small(tree: Street, betting: BettingRules) -> Iterator[tuple[int, BetSize, Chips, Chips]]:
    """Yield the raises to a number of chips that are not legal even against the smallest bet of a street.

    Each comes with its player, that bet and the least raise of it.
    """
    if isinstance(betting, FixedLimit):
        return
    for player, menu in enumerate(betting.menus[tree.start.street] or ()):
        bets = (tree.paid.max(axis=1) > 0) & (tree.paid[tree.parent].max(axis=1) == 0) & (tree.kind == player)
        bet = min(tree.paid[bets].max(axis=1).tolist(), default=0)
        least = in_chips(min(2 * bet, tree.start.stack), tree.start.unit)
        for size in menu.raises:
            if size.kind == "c" and size.value < Fraction(str(least)):
                yield player, size, in_chips(bet, tree.start.unit), least


def _check_board(board: Sequence[int]) -> None:
    if len(board) not in HOLDEM.board:
        raise UserError(f"the board must have 3 cards (flop), 4 (turn), 5 (river) or none, not {len(board)}")
    if len(set(board)) < len(board):
        raise UserError(f"the board {format_cards(board)} has a card twice")


def load_spot(path: str | Path) -> Spot:
    """Read a spot from a TOML file; raise `ValueError`, with the file's name, for what cannot be read or is wrong."""
    text = read_text(path, "a TOML file")
    try:
        return parse_spot(text)
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None


def parse_spot(text: str, solved: bool = False) -> Spot:
    """Read a spot from the text of a TOML file.

    `solved` tells of the text in a solution's file, which may be of version 0.1: there "98s+" was 98s alone, and a rake
    below one per cent was not asked about.
    """
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UserError(f"this is not TOML: {error}") from None
    return _build(data, solved)


def spot_from_flags(
    *,
    board: str,
    stack: Chips,
    oop: str | None = None,
    ip: str | None = None,
    pot: Chips | None = None,
    bets: str | None = None,
    raises: str | None = None,
    leads: str | None = None,
    limit: str | None = None,
    rake: str | None = None,
    blinds: str | None = None,
    **options: Any,
) -> Spot:
    """Return a spot whose sizes are the same on every street and for both players.

    `bets`, `raises` and `leads` are sizes with commas ("33%,75%,all-in"; "none"). `limit` is the bet of each street
    from the flop on (with an empty board from before it to the last), with commas, or of all streets; `rake` is per
    cent and cap ("5,3", "5%"), `blinds` both ("1,2"). `options` are top-level keys of a file: variant, last, aggressor,
    add_allin, force_allin, raise_cap, min_bet, rounding; None stands for left out.
    """
    data: dict[str, Any] = {"board": board, "stack": stack}
    ranges = {key: value for key, value in (("oop", oop), ("ip", ip)) if value is not None}
    data |= {"range": ranges} if ranges else {}
    data |= {key: value for key, value in {"pot": pot, **options}.items() if value is not None}
    if blinds is not None:
        data["blinds"] = [
            _as_number(part, "blinds", "two numbers of chips, such as '1,2'") for part in blinds.split(",")
        ]
    sizes = {"bet": bets, "raise": raises, "lead": leads}
    given = {key: value for key, value in sizes.items() if value is not None}
    if given:
        data["bets"] = given
    if limit is not None:
        chips = [_as_number(part, "limit", "chips with commas, such as '2,4,4'") for part in limit.split(",")]
        last = options.get("last") or STREETS[-1]
        streets: tuple[str, ...] = STREETS if not board.strip() else STREETS[1:]
        streets = streets[: streets.index(last) + 1] if last in streets else streets
        if len(chips) not in (1, len(streets)):
            raise UserError(f"limit must be one bet, or one each for {' and '.join(streets)}, not {limit!r}")
        data["limit"] = dict(zip(streets, chips * (len(streets) // len(chips)), strict=True))
    if rake is not None:
        percent, *cap = rake.split(",")
        if len(cap) > 1:
            raise UserError(f"rake must be a per cent and optionally a cap, such as '5%,3', not {rake!r}")
        data["rake"] = {"percent": percent.strip()}
        if cap:
            data["rake"]["cap"] = _as_number(cap[0], "the cap of the rake", "a number of chips, as in '5%,3'")
    return _build(data)


def _as_number(text: str, name: str, form: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UserError(f"{name} must be {form}, not {text.strip()!r}") from None


def _percent(given: object, solved: bool) -> float:
    """Return a rake in per cent, a number or a text such as "0.5%"; a number below one may be meant as a share."""
    number = given
    if isinstance(given, str):
        number = _as_number(given.strip().removesuffix("%"), "rake", "per cent of the pot, such as '5%' or '5%,3'")
    percent = float(as_number(number, "rake.percent"))
    if 0 < percent < 1 and not solved and not (isinstance(given, str) and given.strip().endswith("%")):
        ways = f"'{100 * percent:g}%' or '{percent:g}%'"
        raise UserError(f"a rake of {given} may be a share of the pot or per cent of it: write {ways}")
    return percent


def _build(data: Mapping[str, Any], solved: bool = False) -> Spot:
    check_keys(data, TOP, "")
    if "blinds" in data:
        data = {"pot": 0, **data}
    if isinstance(data.get("board"), str) and not data["board"].strip():
        data = {**data, "range": {**dict.fromkeys(PLAYERS, "random"), **as_table(data, "range", PLAYERS)}}
    for key in ("board", "pot", "stack", "range"):
        if key not in data:
            raise UserError(f"a spot needs {key!r}" + (": [range] with oop and ip" if key == "range" else ""))
    ranges, rake = as_table(data, "range", PLAYERS), as_table(data, "rake", ("percent", "cap"))
    for player in PLAYERS:
        if player not in ranges:
            raise UserError(f'a spot needs range.{player}, such as "TT+, AKs"')
    board_text = as_text(data["board"], "board")
    try:
        board = parse_cards(board_text)
    except ValueError as error:
        raise UserError(f"board: {error}") from None
    _check_board(board)
    aggressor = as_text(data.get("aggressor", ""), "aggressor")
    locks = read_locks(data.get("lock", []))
    oop, ip = (as_text(ranges[player], f"range.{player}") for player in PLAYERS)
    if solved:
        oop, ip = kicker_plus(oop), kicker_plus(ip)
        locks = tuple(
            lock._replace(hands=tuple((kicker_plus(text), mix) for text, mix in lock.hands)) for lock in locks
        )
    return Spot(
        board=tuple(board),
        ranges=(oop, ip),
        pot=as_chips(data["pot"], "pot"),
        stack=as_chips(data["stack"], "stack"),
        betting=read_betting(data, HOLDEM.board.index(len(board)), aggressor),
        rake=Rake(
            _percent(rake.get("percent", 0), solved),
            float(as_number(rake["cap"], "rake.cap")) if "cap" in rake else math.inf,
        ),
        variant=as_text(data.get("variant", "holdem"), "variant"),
        aggressor=aggressor,
        locks=locks,
    )


def to_toml(spot: Spot) -> str:
    """Return the text of a file from which `parse_spot` reads an equal spot."""
    lines = [f"board = {quote(format_cards(spot.board))}", f"pot = {spot.pot}", f"stack = {spot.stack}"]
    if spot.variant != "holdem":
        lines.append(f"variant = {quote(spot.variant)}")
    if spot.aggressor:
        lines.append(f"aggressor = {quote(spot.aggressor)}")
    tops, betting = write_betting(spot.betting)
    tables = [("range", [f"{player} = {_folded(text)}" for player, text in zip(PLAYERS, spot.ranges, strict=True)])]
    tables += betting
    if spot.rake != NO_RAKE:
        cap = [] if math.isinf(spot.rake.cap) else [f"cap = {spot.rake.cap!r}"]
        percent = spot.rake.percent
        tables.append(("rake", [f"percent = {percent!r}" if percent >= 1 else f'percent = "{percent!r}%"', *cap]))
    lines += tops
    for name, rows in tables:
        lines += ["", f"[{name}]", *rows]
    for lock in spot.locks:
        lines += ["", "[[lock]]", *write_lock(lock)]
    return "\n".join(lines) + "\n"


def _folded(text: str) -> str:
    """Return a range as TOML writes it, over several lines where it is long: their ends count for nothing."""
    if len(text) <= _LINE or "\n" in text or "\t" in text:
        return quote(text)
    lines = [""]
    for entry in re.findall(r"[^,]*,? *", text):
        if len(lines[-1]) + len(entry) > _LINE:
            lines.append("")
        lines[-1] += entry
    return "\n".join(['"""\\', *(f"  {line}\\" for line in lines), '"""'])
