"""Hands that were played, as PHH and PokerStars write them, and the spot of a street of one.

PokerKit reads both. What two players saw a street of becomes a spot: the board, the pot, the smaller stack behind, who
bet last before it, and the amounts that were bet as sizes in chips, beside sizes that the caller chooses. A hand's
history knows no ranges: they are the caller's, or presets of what both did before the flop.
"""

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from counterplay.engine.errors import UserError
from counterplay.engine.files import MOST_TEXT, read_bytes
from counterplay.engine.text import count, printable
from counterplay.games.holdem.betting import PLAYERS, STREETS
from counterplay.games.holdem.cards import format_cards, parse_cards
from counterplay.games.holdem.presets import of_pot
from counterplay.games.holdem.spot import Spot, parse_spot

DEFAULT_BETS = "33%,75%"
_MOST_HANDS = 100_000


class Bet(NamedTuple):
    """A bet or raise that was made."""

    street: int
    player: int  # 0 is out of position, 1 in position
    kind: str  # "bet" or "raise"
    to: Decimal  # chips put in on the street


class Seen(NamedTuple):
    """What two players saw a street of."""

    board: tuple[int, ...]
    pot: Decimal
    stack: Decimal  # of the smaller stack, behind
    aggressor: str  # who bet last before the street: "oop", "ip", or "" if nobody did
    names: tuple[str, str]  # out of position first
    holds: tuple[str, str]  # what is known of their cards, "AsKs" or ""
    bets: tuple[Bet, ...]  # from this street on
    line: str  # what was done from there on, as a spot's lines of play, up to the last decision
    before: tuple[str, ...]  # what the two did before the flop: "call", "check" or "raise", in turn
    first: int  # who of them acted first there
    depth: float  # the smaller stack at the start, in big blinds
    players: int  # at the table


def load_hands(path: str | Path) -> list[Any]:
    """Read the hands of a file, PHH (.phh, .phhs) or PokerStars' text; raises `ValueError` for what is neither."""
    try:
        from pokerkit import HandHistory
    except ModuleNotFoundError:
        raise UserError('hand histories are read by PokerKit: pip install "counterplay[hands]"') from None
    text = read_bytes(Path(path), MOST_TEXT).decode("utf-8-sig", "replace")
    found = list[Any]()
    try:
        # it prints tracebacks of what it cannot read
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            number: Any = _number  # annotated there as of whole numbers
            if "PokerStars" in text[:200]:
                found = _some(HandHistory.from_pokerstars(text, parse_value=number, error_status=True))
            elif str(path).endswith(".phhs"):
                found = _some(HandHistory.loads_all(text, parse_value=number))
            else:
                found = [HandHistory.loads(text, parse_value=number)]
    except UserError:
        raise
    except Exception as error:  # whatever its parsers meet in a text that is no hand
        raise UserError(f"{path} is no hand history in PHH or of PokerStars: {str(error)[:200]}") from None
    if not found:
        raise UserError(f"{path} has no hands: PHH (.phh, .phhs) and PokerStars' text are read")
    return found


def _number(text: str) -> Decimal:
    return Decimal(str(text).replace(",", ""))


def _in_a_line(name: object) -> str:
    """Return a name as it may stand in a comment: line ends would begin something else."""
    return printable(" ".join(str(name)[:80].split()))


def _some(hands: Iterator[Any]) -> list[Any]:
    found = []
    for hand in hands:
        found.append(hand)
        if len(found) > _MOST_HANDS:
            raise UserError(f"a file has at most {_MOST_HANDS:,} hands")
    return found


def seen(hand: Any, street: str) -> Seen:
    """Return what two players saw of a street of a hand; raises `ValueError` where there were not two, or it ended."""
    if street not in STREETS[1:]:
        raise UserError(f"spots of hands start on the {', '.join(STREETS[1:-1])} or {STREETS[-1]}, not on {street!r}")
    if getattr(hand, "variant", "") not in ("NT", "FT"):
        raise UserError(f"the hand is not of hold'em (NT or FT), but of {getattr(hand, 'variant', '')!r}")
    number = STREETS.index(street)
    size = number + 2
    found = _follow(hand, _steps(hand), number, size)
    if found is None:
        raise UserError(f"the hand did not get to the {street} with chips behind")
    return found


class _Step(NamedTuple):
    """What stood on the table after an action."""

    words: list[str]  # of the action
    street: int | None
    board: list[str]
    bet: bool  # whether anybody has bet on the street
    acts: bool  # whether somebody is to act
    left: list[int]  # who is still in
    stacks: list[Decimal]
    pot: Decimal


def _steps(hand: Any) -> list[_Step]:
    """Play a hand by PokerKit's rules; raises `ValueError` for one that cannot be played."""
    found = list[_Step]()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of cards that come in an order of their own, as all hands' do
            for state, action in hand.state_actions:
                found.append(
                    _Step(
                        words=(action or "").split(),
                        street=state.street_index,
                        board=[repr(card) for cards in state.board_cards for card in cards],
                        bet=any(state.bets),
                        acts=state.actor_index is not None,
                        left=[k for k, there in enumerate(state.statuses) if there],
                        stacks=[Decimal(str(chips)) for chips in state.stacks],
                        pot=Decimal(str(state.total_pot_amount)),
                    )
                )
    except Exception as error:  # whatever the rules' engine meets in a hand that cannot be played
        raise UserError(f"the hand cannot be played as it is written: {str(error)[:200]}") from None
    return found


def _follow(hand: Any, steps: list[_Step], number: int, size: int) -> Seen | None:
    """Return what is seen from a street on; None where the hand did not get there."""
    began: _Step | None = None
    bets = list[tuple[int, int, str, Decimal]]()
    aggressors = dict[int, int]()  # the last to bet or raise on each street
    holds, before, highest = dict[int, str](), -1, Decimal(0)
    for step in steps:
        words, street = step.words, before if step.street is None else step.street
        if len(words) >= 4 and words[:2] == ["d", "dh"]:
            holds[int(words[2][1:]) - 1] = words[3]
        if len(words) >= 3 and words[1] == "sm":
            holds[int(words[0][1:]) - 1] = words[2]
        if len(words) >= 3 and words[1] == "cbr":
            who, amount = int(words[0][1:]) - 1, Decimal(words[2])
            bets.append((before, who, "raise" if highest else "bet", amount))
            aggressors[before] = who
            highest = amount
        if began is None and len(step.board) == size and step.acts and not step.bet:
            if len(step.left) != 2:
                raise UserError(f"a spot is of two players, and {len(step.left)} saw the {STREETS[number]}")
            began = step
        if street != before:
            before, highest = street, Decimal(0)
    if began is None or min(began.stacks[k] for k in began.left) <= 0:
        return None
    left = began.left  # players are numbered in the order in which they act after the flop
    prior = [aggressors[s] for s in sorted(aggressors) if s < number]
    last = PLAYERS[left.index(prior[-1])] if prior and prior[-1] in left else ""
    names = getattr(hand, "players", None) or [f"p{k + 1}" for k in range(len(hand.starting_stacks))]
    own = [holds.get(k, "") for k in left]
    acts, blinds = _acts(steps, left), [str(x) for x in hand.blinds_or_straddles]
    preflop = [act for act in acts if act.street == 0]
    return Seen(
        board=parse_cards("".join(began.board)),
        pot=began.pot,
        stack=min(began.stacks[k] for k in left),
        aggressor=last,
        names=(_in_a_line(names[left[0]]), _in_a_line(names[left[1]])),
        holds=tuple("" if "?" in cards else cards for cards in own),  # type: ignore[arg-type]
        bets=tuple(Bet(s, left.index(k), kind, to) for s, k, kind, to in bets if s >= number and k in left),
        line=_line([act for act in acts if act.street >= number], began),
        before=tuple(act.kind for act in preflop),
        first=left.index(preflop[0].player) if preflop else 0,
        depth=float(min(Decimal(str(hand.starting_stacks[k])) for k in left) / max(map(_number, blinds))),
        players=len(hand.starting_stacks),
    )


class _Act(NamedTuple):
    """What a player did."""

    street: int
    player: int
    kind: str  # "fold", "check", "call", "bet" or "raise"
    to: Decimal
    board: list[str]  # by then


def _acts(steps: list[_Step], left: list[int]) -> list[_Act]:
    """Return what these players did, in turn."""
    found, street, board = list[_Act](), -1, list[str]()
    for step in steps:
        words = step.words
        if len(words) >= 2 and words[1] in ("cc", "cbr", "f") and int(words[0][1:]) - 1 in left:
            here = [act.kind for act in found if act.street == street]
            faced = "bet" in here or "raise" in here or (street == 0 and not here)  # or, not yet called, the big blind
            raised = "raise" if faced or street == 0 else "bet"
            kind = {"f": "fold", "cc": "call" if faced else "check", "cbr": raised}[words[1]]
            to = Decimal(words[2]) if words[1] == "cbr" else Decimal(0)
            found.append(_Act(street, int(words[0][1:]) - 1, kind, to, board))
        street, board = street if step.street is None else step.street, step.board
    return found


def _line(acts: list[_Act], began: _Step) -> str:
    """Return a line of play up to the last decision; what exceeds the smaller stack was not in play."""
    stack, street, words, most = min(began.stacks[k] for k in began.left), None, list[str](), Decimal(0)
    dealt = began.board
    for act in acts:
        if street not in (None, act.street):
            words.append(f"[{' '.join(act.board[len(dealt) :])}]")
            stack, most, dealt = stack - most, Decimal(0), act.board
        street = act.street
        if act is acts[-1]:
            break
        if act.to:
            most = min(act.to, stack)
        words.append({"bet": f"bet {most:f}", "raise": f"raise to {most:f}"}.get(act.kind, act.kind))
    return " ".join(words)


def preset_ranges(found: Seen) -> tuple[tuple[str, str], list[str]]:
    """Return presets of what both players did before the flop, out of position first, and what is to say of them.

    Raises `ValueError` where there are none.
    """
    kinds = found.before if found.first == 1 else ("",)
    chosen = of_pot(kinds, found.depth)
    said = [f"ranges are heads-up presets of {chosen.depth} big blinds, and the hand had {found.depth:.4g}"]
    if found.players > 2:
        said.append(f"at a table of {found.players} both would play fewer hands than heads-up")
    return chosen.ranges, said


def spot_text(
    found: Seen, ranges: tuple[str, str], bets: str = DEFAULT_BETS, raises: str = "60%", said: Sequence[str] = ()
) -> str:
    """Return the spot's file, with comments at its top; raises `ValueError` for ranges and sizes that are none."""
    first = STREETS.index("flop") + len(found.board) - 3
    lines = [f"# {name} holds {cards}" for name, cards in zip(found.names, found.holds, strict=True) if cards]
    lines = [f"# {found.names[0]} (oop) against {found.names[1]} (ip)", *lines, *(f"# {text}" for text in said)]
    lines += [f'board = "{format_cards(found.board)}"', f"pot = {found.pot:f}", f"stack = {found.stack:f}"]
    lines += [f'aggressor = "{found.aggressor}"'] if found.aggressor else []
    lines += ["", "[range]", *(f"{who} = {_quoted(text)}" for who, text in zip(PLAYERS, ranges, strict=True))]
    for street in range(first, len(STREETS)):
        for p, who in enumerate(PLAYERS):
            lines += ["", f"[bets.{STREETS[street]}.{who}]"]
            for kind, chosen in (("bet", bets), ("raise", raises)):
                made = [x.to for x in found.bets if (x.street, x.player, x.kind) == (street, p, kind)]
                sizes = [part.strip() for part in chosen.split(",") if part.strip()]
                sizes += [f"{min(to, found.stack):f}c" for to in dict.fromkeys(made)]
                lines.append(f"{kind} = [{', '.join(map(_quoted, sizes))}]")
    text = "\n".join([*lines, ""])
    parse_spot(text)
    return text


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def spot_of(path: str | Path, street: str, ranges: tuple[str, str], number: int = 1, **sizes: str) -> Spot:
    """Return the spot of a street of the hand of that number in a file, counted from 1."""
    return parse_spot(spot_text(seen(chosen(load_hands(path), number, path), street), ranges, **sizes))


def chosen(hands: list[Any], number: int, path: str | Path) -> Any:
    """Return a hand by its number, counted from 1; raises `ValueError` where there is none."""
    if not 1 <= number <= len(hands):
        raise UserError(f"{path} has {count(len(hands), 'hand')}, and none has the number {number}")
    return hands[number - 1]
