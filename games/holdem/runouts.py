"""From a spot's ranges, board and betting to the `Subgame` that solvers read: run-outs, hand orders, suit symmetry."""

from collections.abc import Sequence
from itertools import combinations, permutations
from math import comb
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.jit import jit
from counterplay.engine.simd import LANES
from counterplay.engine.subgame import Subgame
from counterplay.games.holdem.betting import ALLIN, BOARD, FOLD, NEXT, SHOWDOWN, STREETS, Rules, Start, Street
from counterplay.games.holdem.cards import COMBO_CARDS, permute_suits
from counterplay.games.holdem.strength import strengths

U32 = np.uint32
Cards = tuple[int, ...]


class Layout(NamedTuple):
    """A subgame, and what its numbers stand for."""

    game: Subgame
    combos: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]  # combo number of each player's lanes
    streets: tuple[Street, ...]  # all betting trees of a street
    entries: tuple[tuple[int, ...], ...]  # [T][E] the tree that follows each entry of a template
    sequence: tuple[tuple[npt.NDArray[np.int64], ...], ...]  # [T][E][N, 2] both players' last sequences at each node
    boards: tuple[Cards, ...]  # [B]
    suits: tuple[tuple[int, ...], ...]  # [permuted] the suit permutations that swaps stand for


def moved(card: int, suits: tuple[int, ...]) -> int:
    """Return the card with its suit s renamed `suits[s]`."""
    return card // 4 * 4 + suits[card % 4]


def layout(
    board: Cards,
    weights: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
    trees: dict[Start, Street],
    rules: Rules,
    rake: tuple[float, float] = (0.0, 0.0),
    deck: Cards = tuple(range(52)),
    short: bool = False,
    symmetry: bool = True,
    told: Sequence[npt.NDArray[Any]] = (),
) -> Layout:
    """Lay out the subgame of a spot.

    `weights` are both ranges over combos, [1326]; `trees` comes from `betting.street_trees`; `rake` is the share of
    the final pot that is taken, and its cap in chips. With `symmetry`, cards that equal each other up to a swap of
    suits that changes neither board nor ranges, nor what else is `told` of combos, [1326] each, are dealt once.
    Raises `ValueError` for a subgame of four streets.
    """
    if rules.last - BOARD.index(len(board)) > 2:
        span = f"from {STREETS[BOARD.index(len(board))]} to {STREETS[rules.last]}"
        raise ValueError(f"a subgame spans three streets at most, and {span} are four: begin later, or end earlier")
    free = ~np.isin(COMBO_CARDS, board).any(axis=1)
    combos = tuple(np.flatnonzero((w > 0) & free).astype(np.int64) for w in weights)
    width = -(-max(map(len, combos)) // LANES) * LANES
    lane = np.full((2, 1326), width, np.int64)
    cards = np.full((2, width + 1, 2), 52, np.uint8)
    reach = np.zeros((2, width), np.float32)
    for p in range(2):
        lane[p, combos[p]] = np.arange(len(combos[p]))
        cards[p, : len(combos[p])] = COMBO_CARDS[combos[p]]
        reach[p, : len(combos[p])] = weights[p][combos[p]]
    same = np.full((2, width + 1), width, U32)
    for p in range(2):
        same[p, : len(combos[p])] = lane[1 - p, combos[p]]

    plan = _templates(trees, [len(c) for c in combos], width, rules, rake)
    allins = {s.street for s, tree in trees.items() if (tree.kind == ALLIN).any()}
    outs = _boards(board, (*weights, *told), deck, BOARD[: rules.last + 1], symmetry, lane, width)
    river, order, allowed, below, beyond = _orders(outs.boards, combos, BOARD[rules.last], width, short)
    equity, ahead = equities(outs.boards, combos, deck, short, allins, width, BOARD[rules.last])
    nests = _instances(plan, outs)
    game = Subgame(
        cards=cards,
        held=np.bitwise_or.reduce(np.uint64(1) << cards.astype(np.uint64), axis=2),
        lanes=np.array([len(c) for c in combos], U32),
        same=same,
        reach=reach,
        **plan.arrays,
        **nests,
        deals=np.array(outs.deals, U32),
        dealt=np.array([sum(1 << card for card in deal) for deal in outs.dealt], np.uint64),
        after=np.array(outs.after, U32),
        share=np.array(outs.share, np.float32),
        swaps=np.array(outs.swaps, U32),
        swap=np.array(outs.swap, U32),
        permuted=outs.permuted,
        river=river,
        order=order,
        allowed=allowed,
        below=below,
        beyond=beyond,
        equity=equity,
        ahead=ahead,
        lock=np.zeros(0, np.int32),
        mix=np.zeros(0, np.float32),
        raked=rake[0] > 0 and rake[1] > 0,
    )
    return Layout(
        game, (combos[0], combos[1]), tuple(trees.values()), plan.entries, plan.sequence, outs.boards, outs.suits
    )


class _Templates(NamedTuple):
    arrays: dict[str, npt.NDArray[Any]]
    entries: tuple[tuple[int, ...], ...]
    sequence: tuple[tuple[npt.NDArray[np.int64], ...], ...]


_ROWS = 3 * 2**14  # sequences times lanes of a template: three such tables of 32-bit numbers take 576 kB of cache


def _together(trees: list[int], rows: list[int], most: int) -> list[tuple[int, ...]]:
    """Cut a street's ends, given by the trees that follow them, into groups of up to so many rows."""
    groups, left = list[list[int]](), 0
    for tree in trees:
        if rows[tree] > left:
            groups.append([])
            left = max(most, rows[tree])
        groups[-1].append(tree)
        left -= rows[tree]
    return [tuple(group) for group in groups]


def _templates(
    trees: dict[Start, Street], lanes: list[int], width: int, rules: Rules, rake: tuple[float, float]
) -> _Templates:
    """Contract the betting trees of each template to sequences, decisions and leaves."""
    streets = list(trees.values())
    known = {start: k for k, start in enumerate(trees)}
    moves = [np.bincount(tree.parent[1:], minlength=len(tree.kind)) for tree in streets]
    own = [  # decisions of both players in each tree, parents first
        [[n for n in range(len(tree.kind)) if tree.kind[n] == p and m[n] > 1] for p in range(2)]
        for tree, m in zip(streets, moves, strict=True)
    ]
    rows = [2 + sum(int(m[n]) for nodes in both for n in nodes) for both, m in zip(own, moves, strict=True)]
    decisions, sequences, sizes, named = [], [], [], []
    parent, first, size, offset = list[int](), list[int](), list[int](), list[int]()
    ends: dict[str, list[list[int]]] = {"fold": [], "show": [], "allin": [], "end": []}
    pays: dict[str, list[list[float]]] = {"fold": [], "show": [], "allin": []}
    starts: dict[str, list[int]] = {name: [0] for name in pays}
    nexts, group_ends, following = [0], [0], list[int]()
    templates: list[tuple[int, ...]] = [(0,)]
    number: dict[tuple[int, ...], int] = {(0,): 0}
    for entries in templates:  # grows as it goes
        begin, total, at = [len(parent)], 2 * len(entries), 0
        start_of: list[dict[int, int]] = [{} for _ in entries]
        for p in range(2):
            for found, k in zip(start_of, entries, strict=True):
                for node in own[k][p]:
                    found[node] = total
                    first.append(total)
                    size.append(int(moves[k][node]))
                    offset.append(at)
                    total += int(moves[k][node])
                    at += int(moves[k][node]) * lanes[p]
            begin.append(len(first))
        decisions.append(begin)
        sequences.append(total)
        sizes.append(at)
        last = [_last(streets[k], found, 2 * e) for e, (found, k) in enumerate(zip(start_of, entries, strict=True))]
        named.append(tuple(last))
        for p in range(2):
            for k, at_node in zip(entries, last, strict=True):
                parent.extend(int(at_node[node, p]) for node in own[k][p])
        onward = list[int]()
        for k, at_node in zip(entries, last, strict=True):
            tree = streets[k]
            for node in np.flatnonzero(tree.kind >= FOLD).tolist():
                kind, pot = tree.kind[node], float(tree.pot(node))
                name = {FOLD: "fold", SHOWDOWN: "show", ALLIN: "allin", NEXT: "end"}[int(kind)]
                ends[name].append(at_node[node].tolist())
                taken_off = min(rake[0] * pot, rake[1]) if rake[0] > 0 else 0.0
                win, lose = pot / 2 - taken_off, -pot / 2
                if kind == FOLD:
                    pays["fold"].append([lose, win] if tree.folder[node] == 0 else [win, lose])
                elif kind == NEXT:
                    onward.append(known[tree.following(node, rules)])
                else:
                    pays[name].append([win, lose, -taken_off / 2])
        for name, counted in starts.items():
            counted.append(len(ends[name]))
        for group in _together(onward, rows, _ROWS // width):
            if group not in number:
                number[group] = len(templates)
                templates.append(group)
            following.append(number[group])
            group_ends.append(group_ends[-1] + len(group))
        nexts.append(len(following))
    arrays: dict[str, npt.NDArray[Any]] = {
        "decisions": np.array(decisions, U32),
        "entries": np.array([len(entries) for entries in templates], U32),
        "sequences": np.array(sequences, U32),
        "size_of": np.array(sizes, np.int64),
        "parent": np.array(parent, U32),
        "first": np.array(first, U32),
        "size": np.array(size, U32),
        "offset": np.array(offset, U32),
        "nexts": np.array(nexts, U32),
        "ends": np.array(group_ends, U32),
        "next_template": np.array(following, U32),
    }
    for name, leaves in ends.items():
        arrays[f"{name}_at"] = np.array(leaves, U32).reshape(-1, 2)
    for name, counted in starts.items():
        arrays[f"{name}s"] = np.array(counted, U32)
    for name, columns in (("fold", 2), ("show", 3), ("allin", 3)):
        arrays[f"{name}_pays"] = np.array(pays[name], np.float32).reshape(-1, columns)
    return _Templates(arrays, tuple(templates), tuple(named))


def _last(tree: Street, start_of: dict[int, int], arrival: int) -> npt.NDArray[np.int64]:
    """Return both players' last sequences at each node, [N, 2], given where those of each decision begin."""
    last = np.zeros((len(tree.kind), 2), np.int64)
    last[0] = (arrival, arrival + 1)
    taken = dict.fromkeys(start_of, 0)  # actions of a decision seen so far
    for node in range(1, len(tree.kind)):
        up = int(tree.parent[node])
        last[node] = last[up]
        if up in start_of:
            last[node, tree.kind[up]] = start_of[up] + taken[up]
            taken[up] += 1
    return last


class _Boards(NamedTuple):
    boards: tuple[Cards, ...]
    deals: list[int]
    dealt: list[Cards]
    after: list[int]
    share: list[float]
    swaps: list[int]
    swap: list[int]
    permuted: npt.NDArray[np.uint16]
    suits: tuple[tuple[int, ...], ...]


def _boards(
    board: Cards,
    told: Sequence[npt.NDArray[Any]],
    deck: Cards,
    sizes: tuple[int, ...],
    symmetry: bool,
    lane: npt.NDArray[np.int64],
    width: int,
) -> _Boards:
    """Deal on to boards of the streets' `sizes`, each deal once up to suits that leave what is told as it is."""
    identity = (0, 1, 2, 3)
    group = [
        suits
        for suits in permutations(identity)
        if symmetry
        and {moved(c, suits) for c in board} == set(board)
        and all(np.array_equal(x[permute_suits(suits)], x) for x in told)
    ] or [identity]
    boards, groups = [board], [group]
    deals, dealt, after, share = [0], list[Cards](), list[int](), list[float]()
    swaps, swap = [0], list[int]()
    known: dict[tuple[int, ...], int] = {}
    at = 0
    while at < len(boards):
        now, fixing = boards[at], groups[at]
        more = next((size - len(now) for size in sizes if size > len(now)), 0)
        chance = 1.0 / comb(max(len(deck) - len(now) - 4, more), more)  # given any two hands that allow the deal
        seen: set[Cards] = set()
        for deal in combinations([c for c in deck if c not in now], more) if more else ():
            if deal in seen:
                continue
            images = [tuple(sorted(moved(c, suits) for c in deal)) for suits in fixing]
            seen.update(images)
            dealt.append(deal)
            after.append(len(boards))
            share.append(chance * len(set(images)) / len(fixing))
            boards.append((*now, *deal))
            groups.append([suits for suits, image in zip(fixing, images, strict=True) if image == deal])
        if more and len(fixing) > 1:
            swap.extend(known.setdefault(suits, len(known)) for suits in fixing)
        swaps.append(len(swap))
        deals.append(len(dealt))
        at += 1
    permuted = np.zeros((len(known), 2, width), np.uint16)
    for suits, k in known.items():
        back = tuple(suits.index(s) for s in range(4))  # the hand that plays, with the deal, the part of this one
        for p in range(2):
            combos = np.flatnonzero(lane[p] < width)
            permuted[k, p, lane[p, combos]] = lane[p, permute_suits(back)[combos]]
    return _Boards(tuple(boards), deals, dealt, after, share, swaps, swap, permuted, tuple(known))


def _orders(
    boards: tuple[Cards, ...], combos: tuple[npt.NDArray[np.int64], ...], full: int, width: int, short: bool
) -> tuple[npt.NDArray[Any], ...]:
    """Sort both players' hands on every board of `full` cards; boards of the same cards share."""
    index: dict[Cards, int] = {}
    river = np.zeros(len(boards), U32)
    for b, cards in enumerate(boards):
        if len(cards) == full:
            river[b] = index.setdefault(tuple(sorted(cards)), len(index))
    count = len(index)
    order = np.zeros((count, 2, width), np.uint16)
    allowed = np.zeros((count, 2), np.uint16)
    below, beyond = np.zeros_like(order), np.zeros_like(order)
    for cards, r in index.items():
        ranked = []
        for p in range(2):
            strength = strengths(cards, combos[p], short)
            sort = np.argsort(strength, kind="stable")
            sort = sort[strength[sort] >= 0]  # negative: the board holds a card of the hand
            order[r, p, : len(sort)] = sort
            allowed[r, p] = len(sort)
            ranked.append(strength[sort])
        for p in range(2):
            n = len(ranked[p])
            below[r, p, :n] = np.searchsorted(ranked[1 - p], ranked[p], side="left")
            beyond[r, p, :n] = np.searchsorted(ranked[1 - p], ranked[p], side="right")
    return river, order, allowed, below, beyond


@jit
def _compare(
    mine: npt.NDArray[np.int32],
    theirs: npt.NDArray[np.int32],
    ahead: npt.NDArray[np.float32],
    chance: float,
) -> None:
    """Add one full board's outcome for each pair of hands; strength -1 marks hands that the board blocks."""
    part = np.float32(chance)
    for h in range(mine.size):
        if mine[h] < 0:
            continue
        for o in range(theirs.size):
            if theirs[o] >= 0:
                ahead[h, o] += part if mine[h] > theirs[o] else -part if mine[h] < theirs[o] else np.float32(0.0)


def equities(
    boards: tuple[Cards, ...],
    combos: tuple[npt.NDArray[np.int64], ...],
    deck: Cards,
    short: bool,
    allins: set[int],
    width: int,
    full: int = 5,
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.float32]]:
    """Return who is ahead by how much after all cards to come, for each board on whose street players may be all-in."""
    wanted = [b for b, cards in enumerate(boards) if len(cards) < full and BOARD.index(len(cards)) in allins]
    equity = np.zeros(len(boards), U32)
    shape = (len(wanted), width, width)
    ahead = np.zeros(shape, np.float32)
    known: dict[Cards, list[npt.NDArray[np.int32]]] = {}
    clash = np.zeros((len(combos[0]), len(combos[1])), bool)
    if wanted:
        clash = (COMBO_CARDS[combos[0]][:, None, :, None] == COMBO_CARDS[combos[1]][None, :, None, :]).any(axis=(2, 3))
    one, two = map(len, combos)
    for k, b in enumerate(wanted):
        equity[b] = k
        rest = [c for c in deck if c not in boards[b]]
        due = full - len(boards[b])
        chance = 1.0 / comb(len(rest) - 4, due)
        swaps = [suits for suits in permutations(range(4)) if _fixes(suits, boards[b], combos)]
        part = ahead[k] if len(swaps) == 1 else np.zeros((width, width), np.float32)
        seen: set[Cards] = set()
        for more in combinations(rest, due):
            if more in seen:
                continue
            images = {tuple(sorted(moved(c, suits) for c in more)) for suits in swaps}
            seen |= images
            cards = tuple(sorted((*boards[b], *more)))
            if cards not in known:
                known[cards] = [strengths(cards, c, short) for c in combos]
            mine, theirs = known[cards]
            _compare(mine, theirs, part, chance * len(images) / len(swaps))
        if len(swaps) > 1:  # what equals up to suits was dealt once; as in the solver, the swaps are made at the end
            for suits in swaps:
                rows, columns = (np.searchsorted(c, permute_suits(suits)[c]) for c in combos)
                ahead[k, :one, :two] += part[rows[:, None], columns[None, :]]
        ahead[k, :one, :two][clash] = 0.0
    return equity, ahead.ravel()


def _fixes(suits: tuple[int, ...], board: Cards, combos: tuple[npt.NDArray[np.int64], ...]) -> bool:
    """Tell whether a renaming of suits leaves the board and the sets of combos as they are."""
    if {moved(c, suits) for c in board} != set(board):
        return False
    return all(np.array_equal(np.sort(permute_suits(suits)[c]), c) for c in combos)


def _instances(plan: _Templates, outs: _Boards) -> dict[str, npt.NDArray[Any]]:
    """Number the instances of all streets: a street's children lie together, their tables in the order of visits."""
    arrays = plan.arrays
    sizes: list[int] = arrays["size_of"].tolist()
    counts = (arrays["decisions"][:, 2] - arrays["decisions"][:, 0]).tolist()
    nexts: list[int] = arrays["nexts"].tolist()
    following: list[int] = arrays["next_template"].tolist()
    template, board, base, scale, child = [0], [0], [0], [0], [0]
    end, scales = sizes[0], counts[0]

    def open_children(instance: int) -> range:
        nonlocal end, scales
        t, b = template[instance], board[instance]
        child[instance] = begin = len(template)
        for at in range(nexts[t], nexts[t + 1]):
            for deal in range(outs.deals[b], outs.deals[b + 1]):
                template.append(following[at])
                board.append(outs.after[deal])
        more = len(template) - begin
        base.extend([0] * more)
        scale.extend([0] * more)
        child.extend([0] * more)
        return range(begin, begin + more)

    def place(instance: int) -> None:
        nonlocal end, scales
        base[instance], scale[instance] = end, scales
        end += sizes[template[instance]]
        scales += counts[template[instance]]

    for middle in open_children(0):
        place(middle)
        for last in open_children(middle):
            place(last)
    return {
        "template": np.array(template, U32),
        "board": np.array(board, U32),
        "base": np.array(base, np.int64),
        "scale": np.array(scale, np.int64),
        "child": np.array(child, np.int64),
    }
