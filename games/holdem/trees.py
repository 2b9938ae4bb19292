"""The betting of a street as a tree of public nodes, and the trees of all streets that follow.

Amounts are whole numbers of units, of which a chip has 1, 10, 100 or 1000; labels and pots are in chips. Both players
start a street with the same stack behind, and amounts count from the start of the street: `raise to 80` puts in 80 in
all.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError
from counterplay.games.holdem.betting import PLAYERS, STREETS, BettingRules, Turn
from counterplay.games.holdem.values import Chips, in_chips, in_units, units_of

FOLD, SHOWDOWN, ALLIN, NEXT, CUT = 2, 3, 4, 5, 6  # how a street may have ended, beside who acts, 0 or 1
MAX_NODES = 500_000
_SAMPLE = 40  # trees of a street by which it is told whether all would be too many
_ADVICE = "give fewer or larger sizes, or a raise_cap"


class Start(NamedTuple):
    """All that the betting of a street depends on, the rules of betting apart."""

    street: int  # index into STREETS
    pot: int  # in the middle
    stack: int  # behind, of each player, blinds not yet posted
    lead: bool = False  # OOP called the last bet of the street before, and the rules tell leads from bets
    unit: int = 1  # how many units a chip has: pot and stack are in them


class Street(NamedTuple):
    """The betting of one street, nodes in preorder; node 0 is the first decision. N nodes."""

    start: Start
    kind: npt.NDArray[np.int8]  # [N] who acts, 0 or 1, or how it ended: FOLD, SHOWDOWN, ALLIN, NEXT or, cut off, CUT
    parent: npt.NDArray[np.int32]  # [N] -1 at the root
    size: npt.NDArray[np.int32]  # [N] nodes of the subtree, itself included
    action: tuple[str, ...]  # [N] "check", "bet 20", "raise to 80", "all-in 170", "call", "fold"; "" at the root
    folder: npt.NDArray[np.int8]  # [N] who folded at a FOLD, else -1
    caller: npt.NDArray[np.int8]  # [N] whose call ended the street, else -1
    paid: npt.NDArray[np.int64]  # [N, 2] units put in on this street; at a FOLD what was not called goes back

    def pot(self, node: int) -> Chips:
        """Return the chips that players contest at a node: the pot, and what both have put in."""
        return in_chips(self.start.pot + 2 * int(self.paid[node].min()), self.start.unit)

    def middle(self, node: int) -> Chips:
        """Return the chips in the middle at a node, a bet to call among them."""
        return in_chips(self.start.pot + int(self.paid[node].sum()), self.start.unit)

    def following(self, node: int, betting: BettingRules) -> Start:
        """Return where the next street starts after a NEXT node."""
        street, called = self.start.street + 1, bool(self.caller[node] == 0)
        paid = int(self.paid[node, 0])
        lead = called and betting.leads(street)
        return Start(street, self.start.pot + 2 * paid, self.start.stack - paid, lead, self.start.unit)


def street_tree(
    betting: BettingRules, street: str, pot: Chips, stack: Chips, lead: bool = False, max_nodes: int = MAX_NODES
) -> Street:
    """Return the betting of a street that starts with `pot` in the middle and `stack` behind for each player.

    `lead` says that OOP called the last bet before this street. Raises `ValueError` for an unknown street, one that
    the rules leave out, a pot (where no blinds are posted) or stack that is not positive, a stack that the big blind
    puts all in, and a tree of more than `max_nodes` nodes.
    """
    if street not in STREETS:
        raise UserError(f"a street is {', '.join(STREETS)}, not {street!r}")
    index = STREETS.index(street)
    if not betting.plays(index) or index > betting.last:
        raise UserError(f"no bet sizes are given for the {street}")
    big = betting.blinds[1] if index == 0 else 0
    if (pot <= 0 and not big) or stack <= 0:
        raise UserError(f"a street needs a pot and stacks of more than no chips, not {pot} and {stack}")
    if stack <= big:
        raise UserError(f"the stack must be more than the big blind of {big}, not {stack}")
    unit = units_of((pot, stack, *betting.chips))
    start = Start(index, in_units(pot, unit), in_units(stack, unit), lead and betting.leads(index), unit)
    return _grow(betting, start, 0, max_nodes)


def street_trees(
    betting: BettingRules, street: str, pot: Chips, stack: Chips, lead: bool = False, max_nodes: int = MAX_NODES
) -> dict[Start, Street]:
    """Return the betting of all streets from this one on, one tree for each different start, the first street first.

    `max_nodes` bounds the sum of their nodes. Raises `ValueError` as `street_tree`.
    """
    first = street_tree(betting, street, pot, stack, lead, max_nodes)
    trees, nodes = {first.start: first}, len(first.kind)
    level = [first]
    while level:
        starts = list(
            dict.fromkeys(t.following(n, betting) for t in level for n in np.flatnonzero(t.kind == NEXT).tolist())
        )
        if starts and not betting.plays(starts[0].street):
            raise UserError(f"no bet sizes are given for the {STREETS[starts[0].street]}")
        known = _sampled(betting, starts, nodes, max_nodes)
        level = []
        for start in starts:
            trees[start] = known.get(start) or _grow(betting, start, nodes, max_nodes)
            nodes += len(trees[start].kind)
            level.append(trees[start])
    return trees


def _sampled(betting: BettingRules, starts: Sequence[Start], nodes: int, max_nodes: int) -> dict[Start, Street]:
    """Return some of a street's trees; raises `ValueError` where they tell that all would have far too many nodes."""
    if len(starts) <= _SAMPLE:
        return {}
    known = {start: _grow(betting, start, nodes, max_nodes) for start in starts[:: len(starts) // _SAMPLE]}
    total = nodes + len(starts) * sum(len(tree.kind) for tree in known.values()) // len(known)
    if total > 1.5 * max_nodes:
        raise UserError(
            f"the betting has about {float(f'{total:.1g}'):,.0f} nodes, more than {max_nodes:,}, most of them on the "
            f"{STREETS[starts[0].street]}: {_ADVICE}"
        )
    return known


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


def _grow(betting: BettingRules, start: Start, nodes: int, max_nodes: int) -> Street:
    """Return a street's tree; `nodes` of the `max_nodes` are taken."""
    points: list[_Point] = []
    known: dict[Turn, list[int]] = {}  # amounts: many decisions differ only in how they came about
    betting = betting.in_units(start.unit)
    small, big = (int(blind) for blind in betting.blinds) if start.street == 0 else (0, 0)
    stack = [_Point(-1, "", 1, (big, small), raised=big, raises=1) if big else _Point(-1, "", 0, (0, 0))]
    while stack:
        if nodes + len(points) >= max_nodes:
            raise UserError(
                f"the betting has more than {max_nodes:,} nodes, some of them on the {STREETS[start.street]}: {_ADVICE}"
            )
        point = stack.pop()
        points.append(point)
        if point.kind < FOLD:
            stack.extend(reversed(_moves(betting, start, point, len(points) - 1, known)))
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


def _moves(betting: BettingRules, start: Start, point: _Point, node: int, known: dict[Turn, list[int]]) -> list[_Point]:
    """Return what may follow a decision: fold and call, or check, then bets or raises in rising order."""
    me, last = point.kind, max(point.paid)
    closed = SHOWDOWN if start.street == betting.last else ALLIN if last == start.stack else NEXT
    blinds = start.street == 0 and betting.blinds[1] > 0
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
    if turn not in known:
        known[turn] = betting.amounts(turn)
    for amount in known[turn]:
        paid = (amount, point.paid[1]) if me == 0 else (point.paid[0], amount)
        label = f"{_verb(amount, start, point.raises)} {in_chips(amount, start.unit)}"
        moves.append(_Point(node, label, 1 - me, paid, amount - last, point.raises + 1))
    return moves


def _verb(amount: int, start: Start, raises: int) -> str:
    return "all-in" if amount == start.stack else "raise to" if raises else "bet"


def children(tree: Street, node: int) -> list[int]:
    """Return the nodes that follow a node, in the order of its actions."""
    found, child, end = list[int](), node + 1, node + int(tree.size[node])
    while child < end:
        found.append(child)
        child += int(tree.size[child])
    return found


def follow(
    tree: Street, text: str | Sequence[str], node: int = 0, otherwise: Callable[[int, str], int | None] | None = None
) -> int:
    """Return the node that actions such as "check bet 20 raise to 80 call" lead to.

    `all-in` needs no number, and a raise no "to"; all-in may also be called the bet or raise that it is. `otherwise`
    is asked, with a node, about what is none of its actions, and may give the node that follows. Raises `ValueError`
    for what is not possible there.
    """
    words = text.replace(",", " ").lower().split() if isinstance(text, str) else list(text)
    while words:
        given = words.pop(0)
        if given in ("a", "allin"):
            given = "all-in"
        if given in ("bet", "raise") and words:
            amount = words.pop(0)
            given = f"{given} {words.pop(0) if amount == 'to' and words else amount}"
        elif given == "all-in" and words and words[0][0].isdigit():
            given = f"{given} {words.pop(0)}"
        after = {name: child for child in children(tree, node) for name in _names(tree, child)}
        if given not in after:
            if not after:
                raise UserError(f"{given!r} comes after the betting of the {STREETS[tree.start.street]} ended")
            found = None if otherwise is None else otherwise(node, given)
            if found is not None:
                node = found
                continue
            who, known = PLAYERS[tree.kind[node]].upper(), [tree.action[child] for child in children(tree, node)]
            raise UserError(f"{who} cannot {given!r} there; the actions are {', '.join(known)}")
        node = after[given]
    return node


def _names(tree: Street, child: int) -> list[str]:
    """Return what the action that leads to a node may be called, a raise without its "to"."""
    label = tree.action[child]
    verb, _, amount = label.rpartition(" ")
    if verb != "all-in":
        return [label.replace(" to ", " ")]
    before = int(tree.paid[tree.parent[child]].max()) > 0
    return [verb, label, f"{'raise' if before else 'bet'} {amount}"]


def dealt_out(trees: Mapping[Start, Street], betting: BettingRules) -> dict[Start, Street]:
    """Return the trees of a game in which the board is dealt card by card also once players are all-in.

    They are the same nodes, and in place of ALLIN there is NEXT, with nothing to decide on the streets that follow.
    """
    found = {
        start: tree._replace(kind=np.where(tree.kind == ALLIN, np.int8(NEXT), tree.kind))
        for start, tree in trees.items()
    }
    for tree in trees.values():
        for node in np.flatnonzero(tree.kind == ALLIN).tolist():
            after = tree.following(node, betting)
            while after not in found:
                found[after] = _over(after, SHOWDOWN if after.street == betting.last else NEXT)
                if after.street < betting.last:
                    after = found[after].following(0, betting)
    return found


def cut_off(trees: Mapping[Start, Street], street: int) -> dict[Start, Street]:
    """Return the trees of a game that ends with a street: in place of what follows it there are net leaves."""
    return {
        start: tree._replace(kind=np.where(tree.kind == NEXT, np.int8(CUT), tree.kind))
        if start.street == street
        else tree
        for start, tree in trees.items()
        if start.street <= street
    }


def _over(start: Start, kind: int) -> Street:
    """Return the betting of a street on which nobody has chips left to bet."""
    none, nothing = np.array([-1], np.int8), np.zeros((1, 2), np.int64)
    return Street(
        start, np.array([kind], np.int8), np.array([-1], np.int32), np.ones(1, np.int32), ("",), none, none, nothing
    )
