"""Public betting of one street between two players: player 0 is out of position (OOP) and first, player 1 in position.

Before the flop with blinds player 1 has the small blind and is first, and player 0, the big blind, may still raise when
it is only called.

Chips are whole numbers. Both players start a street with the same stack behind, and amounts count from the start of
the street: `raise 80` puts in 80 in all. A raise is at least as large as the bet or raise before it, unless all-in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.games.holdem.sizes import Facing, Size, amounts

STREETS = ("preflop", "flop", "turn", "river")
BOARD = (0, 3, 4, 5)  # cards on the board by street
RIVER = STREETS.index("river")
PLAYERS = ("oop", "ip")
FOLD, SHOWDOWN, ALLIN, NEXT = 2, 3, 4, 5
MAX_NODES = 500_000


class Menu(NamedTuple):
    """What one player may bet on one street; `lead` replaces `bet` after OOP called on the street before."""

    bet: tuple[Size, ...] = ()
    raises: tuple[Size, ...] = ()
    lead: tuple[Size, ...] | None = None


class Turn(NamedTuple):
    """A decision as far as its bets depend on it."""

    street: int  # index into STREETS
    player: int
    pot: int  # chips in the middle once the bet to call, if any, is called
    stack: int  # at the start of the street
    last: int  # the bet to call; 0 if there is none
    raised: int  # by how much it raised the one before
    raises: int  # bets and raises so far on this street
    lead: bool  # the player would bet into the last aggressor


@dataclass(frozen=True)
class NoLimit:
    """No-limit betting with chosen sizes.

    `menus[street][player]` lists sizes, None for a street that is not played. All-in is added where it puts at most
    `add_allin` times the pot on top of the call, and a bet becomes all-in where at most `force_allin` times the pot
    would be left behind after a call. `raise_cap` is the number of raises a street, the bet not counted. Hands are
    shown after the street `last`; `blinds` are the small one, of player 1, and the big one, a bet before the flop.
    """

    menus: tuple[tuple[Menu, Menu] | None, ...]
    add_allin: Fraction = Fraction(0)
    force_allin: Fraction = Fraction(0)
    raise_cap: int | None = None
    min_bet: int = 1
    last: int = RIVER
    blinds: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        if len(self.menus) != len(STREETS):
            raise ValueError(f"menus must have one entry each for {', '.join(STREETS)}, not {len(self.menus)}")
        _check_blinds(self.blinds)
        for name in ("add_allin", "force_allin"):
            if getattr(self, name) < 0:
                raise ValueError(
                    f"{name} must be zero or more, as a multiple of the pot, not {float(getattr(self, name)):g}"
                )
        if self.raise_cap is not None and self.raise_cap < 0:
            raise ValueError(f"raise_cap must be zero or more raises, not {self.raise_cap}")
        if self.min_bet < 1:
            raise ValueError(f"min_bet must be at least one chip, not {self.min_bet}")
        for pair in self.menus:
            for size in (size for menu in pair or () for size in (*menu.bet, *(menu.lead or ()))):
                if size.kind == "c" and size.value < self.min_bet:
                    raise ValueError(f"'{size}' makes no legal bet: the smallest bet is {self.min_bet} chips")

    def plays(self, street: int) -> bool:
        """Tell whether there are sizes, be they none, for the street."""
        return self.menus[street] is not None

    def leads(self, street: int) -> bool:
        """Tell whether betting on a street depends on who called on the street before."""
        pair = self.menus[street]
        return pair is not None and pair[0].lead is not None

    def amounts(self, turn: Turn) -> list[int]:
        """Return what the player may bet, or raise to, in rising order."""
        pair = self.menus[turn.street]
        if pair is None or (self.raise_cap is not None and turn.raises > self.raise_cap):
            return []
        menu = pair[turn.player]
        lead = menu.lead if turn.lead and turn.player == 0 else None
        sizes = menu.raises if turn.raises else menu.bet if lead is None else lead
        least = turn.last + max(turn.raised, self.min_bet)
        facing = Facing(turn.pot, turn.last, least, turn.stack, self.last + 1 - turn.street)
        barred = turn.raises == 0 and lead == ()  # a player who may not lead does not move in either
        return amounts(sizes, facing, Fraction(0) if barred else self.add_allin, self.force_allin)


@dataclass(frozen=True)
class FixedLimit:
    """Limit betting: every bet and raise on a street is by `bets[street]` chips; `cap` counts them, the bet too.

    Hands are shown after the street `last`; `blinds` are the small one, of player 1, and the big one, which counts as
    the first bet before the flop.
    """

    bets: tuple[int | None, ...]
    cap: int = 4
    last: int = RIVER
    blinds: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        if len(self.bets) != len(STREETS) or any(bet is not None and bet < 1 for bet in self.bets):
            raise ValueError(f"a limit has a positive number of chips for {', '.join(STREETS)}, not {self.bets}")
        _check_blinds(self.blinds)
        if self.cap < 0:
            raise ValueError(f"limit.cap must be zero or more bets and raises a street, not {self.cap}")

    def plays(self, street: int) -> bool:
        """Tell whether the street has a bet size."""
        return self.bets[street] is not None

    def leads(self, street: int) -> bool:
        """Tell that the street before makes no difference."""
        return False

    def amounts(self, turn: Turn) -> list[int]:
        """Return the one amount to bet or to raise to, or none."""
        bet = self.bets[turn.street]
        if bet is None or turn.raises >= self.cap or turn.last >= turn.stack:
            return []
        return [min(turn.last + bet, turn.stack)]


Rules = NoLimit | FixedLimit


def _check_blinds(blinds: tuple[int, int]) -> None:
    if blinds != (0, 0) and not 0 <= blinds[0] < blinds[1]:
        raise ValueError(f"blinds must be a small one and a larger big one, or (0, 0), not {blinds}")


class Start(NamedTuple):
    """All that the betting of a street depends on, the rules apart."""

    street: int  # index into STREETS
    pot: int  # in the middle
    stack: int  # behind, of each player, blinds not yet posted
    lead: bool = False  # OOP called the last bet of the street before, and the rules tell leads from bets


class Street(NamedTuple):
    """The betting of one street, nodes in preorder; node 0 is the first decision. N nodes."""

    start: Start
    kind: npt.NDArray[np.int8]  # [N] who acts, 0 or 1, or how it ended: FOLD, SHOWDOWN, ALLIN, NEXT
    parent: npt.NDArray[np.int32]  # [N] -1 at the root
    size: npt.NDArray[np.int32]  # [N] nodes of the subtree, itself included
    action: tuple[str, ...]  # [N] what led here: "check", "bet 20", "raise 80", "call", "fold"; "" at the root
    folder: npt.NDArray[np.int8]  # [N] who folded at a FOLD, else -1
    caller: npt.NDArray[np.int8]  # [N] whose call ended the street, else -1
    paid: npt.NDArray[np.int64]  # [N, 2] chips put in on this street; at a FOLD what was not called goes back

    def pot(self, node: int) -> int:
        """Return what the players contest at a node: the pot and the chips that both have put in."""
        return self.start.pot + 2 * int(self.paid[node].min())

    def following(self, node: int, rules: Rules) -> Start:
        """Return where the next street starts after a NEXT node."""
        street, called = self.start.street + 1, bool(self.caller[node] == 0)
        paid = int(self.paid[node, 0])
        return Start(street, self.start.pot + 2 * paid, self.start.stack - paid, called and rules.leads(street))


def street_tree(
    rules: Rules, street: str, pot: int, stack: int, lead: bool = False, max_nodes: int = MAX_NODES
) -> Street:
    """Return the betting of a street that starts with `pot` in the middle and `stack` behind for each player.

    `lead` says that OOP called the last bet before this street. Raises `ValueError` for an unknown street, one that
    the rules leave out, a pot (where no blinds are posted) or stack that is not positive, a stack that the big blind
    puts all in, and a tree of more than `max_nodes` nodes.
    """
    if street not in STREETS:
        raise ValueError(f"a street is {', '.join(STREETS)}, not {street!r}")
    index = STREETS.index(street)
    if not rules.plays(index) or index > rules.last:
        raise ValueError(f"no bet sizes are given for the {street}")
    big = rules.blinds[1] if index == 0 else 0
    if pot < (not big) or stack < 1:
        raise ValueError(f"a street needs a pot and stacks of at least one chip, not {pot} and {stack}")
    if stack <= big:
        raise ValueError(f"the stack must be more than the big blind of {big}, not {stack}")
    return _grow(rules, Start(index, pot, stack, lead and rules.leads(index)), 0, max_nodes)


def street_trees(
    rules: Rules, street: str, pot: int, stack: int, lead: bool = False, max_nodes: int = MAX_NODES
) -> dict[Start, Street]:
    """Return the betting of all streets from this one on, one tree for each different start, the first street first.

    `max_nodes` bounds the sum of their nodes. Raises `ValueError` as `street_tree`.
    """
    first = street_tree(rules, street, pot, stack, lead, max_nodes)
    trees, nodes = {first.start: first}, len(first.kind)
    due = [first]
    for tree in due:
        for node in np.flatnonzero(tree.kind == NEXT):
            start = tree.following(int(node), rules)
            if start not in trees:
                if not rules.plays(start.street):
                    raise ValueError(f"no bet sizes are given for the {STREETS[start.street]}")
                trees[start] = _grow(rules, start, nodes, max_nodes)
                nodes += len(trees[start].kind)
                due.append(trees[start])
    return trees


class _Point(NamedTuple):
    """A node to be: what led there, and what the betting is like."""

    parent: int
    action: str
    kind: int
    paid: tuple[int, int]
    raised: int = 0
    raises: int = 0
    folder: int = -1
    caller: int = -1


def _grow(rules: Rules, start: Start, nodes: int, max_nodes: int) -> Street:
    """Return a street's tree; `nodes` of the `max_nodes` are taken."""
    points: list[_Point] = []
    small, big = rules.blinds if start.street == 0 else (0, 0)
    stack = [_Point(-1, "", 1, (big, small), raised=big, raises=1) if big else _Point(-1, "", 0, (0, 0))]
    while stack:
        if nodes + len(points) >= max_nodes:
            raise ValueError(
                f"the betting has more than {max_nodes:,} nodes, some of them on the {STREETS[start.street]}: "
                "give fewer or larger sizes, or a raise_cap"
            )
        point = stack.pop()
        points.append(point)
        if point.kind < FOLD:
            stack.extend(reversed(_moves(rules, start, point, len(points) - 1)))
    size = np.ones(len(points), np.int32)
    for node in range(len(points) - 1, 0, -1):
        size[points[node].parent] += size[node]
    return Street(
        start,
        kind=np.array([p.kind for p in points], np.int8),
        parent=np.array([p.parent for p in points], np.int32),
        size=size,
        action=tuple(p.action for p in points),
        folder=np.array([p.folder for p in points], np.int8),
        caller=np.array([p.caller for p in points], np.int8),
        paid=np.array([p.paid for p in points], np.int64),
    )


def _moves(rules: Rules, start: Start, point: _Point, node: int) -> list[_Point]:
    """Return what may follow a decision: fold and call, or check, then bets or raises in rising order."""
    me, last = point.kind, max(point.paid)
    closed = SHOWDOWN if start.street == rules.last else ALLIN if last == start.stack else NEXT
    blinds = start.street == 0 and rules.blinds[1] > 0
    if point.paid[me] < last:
        option = blinds and me == 1 and point.raises == 1  # the small blind called: the big blind may raise
        ended = 0 if option else closed
        call = _Point(node, "call", ended, (last, last), point.raised, point.raises, caller=-1 if option else me)
        moves = [_Point(node, "fold", FOLD, point.paid, folder=me), call]
    else:
        over = me == (0 if blinds else 1)
        moves = [point._replace(parent=node, action="check", kind=closed if over else 1 - me)]
    lead = start.lead and me == 0
    turn = Turn(start.street, me, start.pot + 2 * last, start.stack, last, point.raised, point.raises, lead)
    for amount in rules.amounts(turn):
        paid = (amount, point.paid[1]) if me == 0 else (point.paid[0], amount)
        label = f"{'raise' if point.raises else 'bet'} {amount}"
        moves.append(_Point(node, label, 1 - me, paid, amount - last, point.raises + 1))
    return moves


def children(tree: Street, node: int) -> list[int]:
    """Return the nodes that follow a node, in the order of its actions."""
    found, child, end = list[int](), node + 1, node + int(tree.size[node])
    while child < end:
        found.append(child)
        child += int(tree.size[child])
    return found


def follow(tree: Street, text: str | Sequence[str], node: int = 0) -> int:
    """Return the node that actions such as "check bet 20 raise 80 call" lead to.

    `all-in` stands for the bet or raise of the whole stack. Raises `ValueError` for what is not possible there.
    """
    words = text.replace(",", " ").lower().split() if isinstance(text, str) else list(text)
    while words:
        given = words.pop(0)
        if given in ("bet", "raise") and words:
            amount = words.pop(0)
            given = f"{given} {words.pop(0) if amount == 'to' and words else amount}"
        after = {tree.action[child]: child for child in children(tree, node)}
        allin = [action for action in after if action in (f"bet {tree.start.stack}", f"raise {tree.start.stack}")]
        if given in ("all-in", "allin", "a") and allin:
            given = allin[0]
        if given not in after:
            if not after:
                raise ValueError(f"{given!r} comes after the betting of the {STREETS[tree.start.street]} ended")
            who = PLAYERS[tree.kind[node]].upper()
            raise ValueError(f"{who} cannot {given!r} there; the actions are {', '.join(after)}")
        node = after[given]
    return node
