"""Lists of the leaves of games in the dark in which an attempt in vain ends the turn (`rules.Phantom`, abrupt).

There a leaf is what both players' turns came to, one after another: a stone on a cell, or an attempt in vain, of which
the cell is not said. Given that, what the players have tried in vain is independent again. Which sequences of a player
a leaf allows depends on its own turns and on the set of the other's cells at each of its attempts in vain: leaves that
agree in these are one *class* of the player, and the sequences of each class are listed once. A leaf is a pair of
classes.

The leaves are walked depth-first, one of each orbit under the symmetries. The turns of a player that come before are a
node of a tree of its own, found by hashing, with the list of the sequences that they allow.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.factored import BLOCK, NOWHERE, PARTS, Listed
from counterplay.engine.jit import Index, inlined, jit
from counterplay.engine.phantom_walks import I64, Board, Plex, images, ones
from counterplay.engine.rules import GOES_ON

U32 = npt.NDArray[np.uint32]


class _Plexes(NamedTuple):
    """Both treeplexes of representatives, to follow attempts in."""

    first: U32
    cell: npt.NDArray[np.int8]
    after: U32  # [2, S] the decision after a success, and after an attempt in vain
    fixing: I64  # [D] the symmetries that leave all cells tried where they are
    product: I64  # [G, G] product[g, h] is the symmetry "first h, then g"


class _Nodes(NamedTuple):
    """Both players' turns, as trees: of each node, which sequences they allow, in `members` from `begin` to `end`."""

    begin: I64  # [2, nodes]
    end: I64
    class_of: npt.NDArray[np.int32]  # -1 where no leaf has been met
    members: U32  # [2, members]
    turns: npt.NDArray[np.uint8]  # of each member, the symmetry that takes its cells to the representative's
    keys: I64  # [2, size] hash table: (node + 1) * 2 ** 13 + what came next, 0 where free
    values: npt.NDArray[np.int32]  # the nodes that follow
    used: I64  # [2, 3] how many nodes, members and classes there are


@inlined
def _hashed(key: Index) -> Index:
    """Return a number whose low bits tell keys apart."""
    mixed = key * np.int64(-7046029254386353131)
    return mixed ^ (mixed >> 29)


@jit
def _rehash(keys: I64, values: npt.NDArray[np.int32], into: I64, node: npt.NDArray[np.int32]) -> None:
    """Put what a hash table holds into a larger one."""
    for i in range(keys.size):
        if keys[i]:
            at = _hashed(keys[i]) & (into.size - 1)
            while into[at]:
                at = (at + 1) & (into.size - 1)
            into[at], node[at] = keys[i], values[i]


def _enlarged(nodes: _Nodes, p: int, room: int) -> _Nodes:
    """Return the nodes with room for that many members of player p more, and for another node."""
    used = nodes.used[p]
    if used[1] + room > nodes.members.shape[1]:
        size = int(used[1] + room) * 3 // 2
        nodes = nodes._replace(members=_larger(nodes.members, size), turns=_larger(nodes.turns, size))
    if used[0] >= nodes.begin.shape[1]:
        size = nodes.begin.shape[1] * 3 // 2
        begin, end, class_of = _larger(nodes.begin, size), _larger(nodes.end, size), _larger(nodes.class_of, size)
        class_of[:, nodes.class_of.shape[1] :] = -1
        nodes = nodes._replace(begin=begin, end=end, class_of=class_of)
    if 3 * used[0] > 2 * nodes.keys.shape[1]:
        shape = 2, 2 * nodes.keys.shape[1]
        keys, values = np.zeros(shape, np.int64), np.zeros(shape, np.int32)
        for q in range(2):
            _rehash(nodes.keys[q], nodes.values[q], keys[q], values[q])
        nodes = nodes._replace(keys=keys, values=values)
    return nodes


def _larger(array: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """Return the array with room for that many entries along its last axis."""
    larger = np.zeros((*array.shape[:-1], size), array.dtype)
    larger[..., : array.shape[-1]] = array
    return larger


def _new_nodes() -> _Nodes:
    """Return the trees of the nodes before any turn alone, which allow the empty sequences."""
    nodes = _Nodes(
        begin=np.zeros((2, 1024), np.int64),
        end=np.zeros((2, 1024), np.int64),
        class_of=np.full((2, 1024), -1, np.int32),
        members=np.zeros((2, 1024), np.uint32),
        turns=np.zeros((2, 1024), np.uint8),
        keys=np.zeros((2, 4096), np.int64),
        values=np.zeros((2, 4096), np.int32),
        used=np.array([[1, 1, 0], [1, 1, 0]]),
    )
    nodes.end[:, 0], nodes.members[:, 0] = 1, (0, 1)
    return nodes


class _Path(NamedTuple):
    """Where the walk is, by turn; it goes on from there once there is room again."""

    at: I64  # [2] the turn, and how many leaves there are
    move: I64  # the cell that was placed last there
    fixing: I64  # symmetries that leave all stones where they are
    position: I64
    stones: I64  # [turns, 2] the players' sets
    missed: I64  # [turns, 2] their attempts in vain
    node: I64  # [turns, 2] their turns so far
    vain: I64  # [turns, 2] whether their last one was in vain


def _new_path(cells: int, symmetries: int, start: int) -> _Path:
    """Return the beginning of a walk over the leaves whose first stone is on a cell."""
    turns = 2 * cells + 1
    path = _Path(
        at=np.zeros(2, np.int64),
        move=np.full(turns, start - 1),
        fixing=np.full(turns, (1 << symmetries) - 1),
        position=np.zeros(turns, np.int64),
        stones=np.zeros((turns, 2), np.int64),
        missed=np.zeros((turns, 2), np.int64),
        node=np.zeros((turns, 2), np.int64),
        vain=np.zeros((turns, 2), np.int64),
    )
    return path


@jit
def _walk_leaves(
    board: Board, plexes: _Plexes, start: Index, path: _Path, nodes: _Nodes, pairs: U32, paid: npt.NDArray[np.int16]
) -> bool:
    """Walk the leaves with a first stone; return whether all were, and not one of the arrays was full before.

    All is in one function, and no array is exchanged: each call and each exchange counts references.
    """
    cells, group, ends, symmetries = board.cells, board.group, board.ends, board.group.shape[0]
    firsts, cell_of, after, fixings, product = plexes.first, plexes.cell, plexes.after, plexes.fixing, plexes.product
    begin, end, class_of, members, turns = nodes.begin, nodes.end, nodes.class_of, nodes.members, nodes.turns
    keys, values, used, mask = nodes.keys, nodes.values, nodes.used, nodes.keys.shape[1] - 1
    stones, missed, node, vain = path.stones, path.missed, path.node, path.vain
    move, fixing, position = path.move, path.fixing, path.position
    three = np.ones(cells, np.int64)
    for i in range(1, cells):
        three[i] = 3 * three[i - 1]
    depth, count = path.at[0], path.at[1]
    c: Index
    fix: Index
    while depth >= 0:
        p, taken = depth & 1, stones[depth, 0] | stones[depth, 1]
        own, other = node[depth, p], stones[depth, 1 - p]
        room = used[p, 1] + (end[p, own] - begin[p, own]) * cells
        if (
            count == paid.size
            or room > members.shape[1]
            or used[p, 0] >= begin.shape[1]
            or 3 * used[p, 0] > 2 * keys.shape[1]
        ):
            path.at[0], path.at[1] = depth, count
            return False
        # The next turn: a stone on the next cell that represents its orbit, and an attempt in vain at last.
        c = move[depth] + 1
        while c < cells and (taken >> c & 1 or images(group, fixing[depth], c)[0] != c):
            c += 1
        move[depth] = c
        if c > cells or (depth == 0 and c != start) or (c == cells and missed[depth, p] >= ones(other)):
            depth -= 1
            continue
        placed = c < cells
        key = (own + 1) << 13 | (c if placed else other + 16)
        at = _hashed(key) & mask
        while keys[p, at] != 0 and keys[p, at] != key:
            at = (at + 1) & mask
        new = np.int64(values[p, at])
        if keys[p, at] == 0:
            new, k = used[p, 0], used[p, 1]
            keys[p, at], values[p, at] = key, new
            begin[p, new] = k
            for i in range(begin[p, own], end[p, own]):
                turn, d = np.int64(turns[p, i]), np.int64(after[vain[depth, p], members[p, i]])
                for x in range(cells):
                    if not (x == c if placed else other >> x & 1):
                        continue
                    least = np.int64(group[turn, x])
                    further: Index = 0
                    if fixings[d] != 1:
                        least, those = images(group, fixings[d], least)
                        further = ones((those & -those) - 1)
                    for s in range(firsts[d], firsts[d + 1]):
                        if cell_of[s] == least:
                            members[p, k], turns[p, k] = s, product[further, turn]
                            k += 1
            end[p, new] = k
            used[p, 0], used[p, 1] = new + 1, k
        here, fix = position[depth], fixing[depth]
        if placed:
            here += (1 + p) * three[c]
            fix = 0
            for g in range(symmetries):
                if fixing[depth] >> g & 1 and group[g, c] == c:
                    fix |= 1 << g
            if ends[here] != GOES_ON:
                if ends[here] != 0:
                    for q in range(2):
                        last = new if p == q else node[depth, q]
                        if class_of[q, last] < 0:
                            class_of[q, last] = used[q, 2]
                            used[q, 2] += 1
                        pairs[q, count] = class_of[q, last]
                    paid[count] = ends[here] * (symmetries // ones(fix))
                    count += 1
                continue
        below = depth + 1
        position[below], fixing[below], move[below] = here, fix, -1
        for q in range(2):
            stones[below, q], missed[below, q] = stones[depth, q], missed[depth, q]
            node[below, q], vain[below, q] = node[depth, q], vain[depth, q]
        node[below, p], vain[below, p] = new, not placed
        if placed:
            stones[below, p] |= 1 << c
        else:
            missed[below, p] += 1
        depth = below
    path.at[0], path.at[1] = depth, count
    return True


def _leaves(board: Board, plexes: _Plexes, start: int) -> tuple[U32, npt.NDArray[np.int16], _Nodes]:
    """Return the leaves with a first stone: pairs of classes, what is paid, and both players' trees."""
    path, nodes = _new_path(board.cells, len(board.group), start), _new_nodes()
    pairs, paid = np.zeros((2, 1024), np.uint32), np.zeros(1024, np.int16)
    while not _walk_leaves(board, plexes, start, path, nodes, pairs, paid):
        depth, count = path.at
        p = int(depth) & 1
        own = path.node[depth, p]
        nodes = _enlarged(nodes, p, int(nodes.end[p, own] - nodes.begin[p, own]) * board.cells)
        if count == len(paid):
            size = len(paid) * 3 // 2
            pairs, paid = _larger(pairs, size), _larger(paid, size)
    count = path.at[1]
    return pairs[:, :count], paid[:count], nodes


@jit
def _members(nodes: _Nodes, p: int) -> Any:
    """Return the sequences of each of player p's classes: where they begin, and all of them."""
    classes = nodes.used[p, 2]
    node_of, begin = np.zeros(classes, np.int64), np.zeros(classes + 1, np.int64)
    for node in range(nodes.used[p, 0]):
        if nodes.class_of[p, node] >= 0:
            node_of[nodes.class_of[p, node]] = node
    for k in range(classes):
        begin[k + 1] = begin[k] + nodes.end[p, node_of[k]] - nodes.begin[p, node_of[k]]
    members = np.zeros(begin[classes], np.uint32)
    for k in range(classes):
        members[begin[k] : begin[k + 1]] = nodes.members[p, nodes.begin[p, node_of[k]] : nodes.end[p, node_of[k]]]
    return begin, members


@jit
def _fixing(plex: Plex, group: npt.NDArray[np.int8], fixing: I64, stack: I64) -> None:
    """Set which symmetries leave the cells tried before each decision where they are, in preorder."""
    top = -1
    for d in range(plex.parent.size):
        above = plex.parent[d]
        if above < 2:
            top = -1
        while top >= 0 and not plex.first[stack[top]] <= above < plex.first[stack[top] + 1]:
            top -= 1
        for g in range(group.shape[0]):
            if top < 0 or (fixing[stack[top]] >> g & 1 and group[g, plex.cell[above]] == plex.cell[above]):
                fixing[d] |= 1 << g
        top += 1
        stack[top] = d


@jit
def _block_bounds(pairs: U32, bounds: U32) -> None:
    """Set the smallest and the largest class of each block of leaves, [blocks, 2]."""
    for b in range(bounds.shape[0]):
        part = pairs[b * BLOCK : (b + 1) * BLOCK]
        bounds[b, 0], bounds[b, 1] = part.min(), part.max()


def list_leaves(board: Board, plex: Plex) -> tuple[Listed, I64]:
    """Return the lists of an abrupt game, and between which classes each part of a pass works."""
    group = board.group.astype(np.int64)
    numbers = {tuple(each): g for g, each in enumerate(group.tolist())}
    after = np.full((2, len(plex.cell)), NOWHERE, np.uint32)
    after[plex.failed.astype(np.int64), plex.parent] = np.arange(len(plex.parent))
    fixing = np.zeros(len(plex.parent), np.int64)
    _fixing(plex, board.group, fixing, np.zeros(board.cells + 2, np.int64))
    product = np.array([[numbers[tuple(one[other].tolist())] for other in group] for one in group])
    plexes = _Plexes(plex.first, plex.cell, after, fixing, product)
    pairs: list[list[U32]] = [[], []]
    begins: list[list[I64]] = [[np.zeros(1, np.int64)] for _ in range(2)]
    members: list[list[U32]] = [[], []]
    paid, classes, total = [], [0, 0], [0, 0]
    for start in np.unique(group.min(axis=0)):  # the smallest cell of each orbit
        found, gained, nodes = _leaves(board, plexes, int(start))
        paid.append(gained)
        for p in range(2):
            begin, own = _members(nodes, p)
            pairs[p].append(found[p] + np.uint32(classes[p]))
            begins[p].append(begin[1:] + total[p])
            members[p].append(own)
            classes[p], total[p] = classes[p] + len(begin) - 1, total[p] + len(own)
        del found, nodes
    joint = np.stack([np.concatenate(each) for each in pairs])
    bounds = np.zeros((2, -(-joint.shape[1] // BLOCK), 2), np.uint32)
    cuts = np.zeros((2, PARTS + 1), np.int64)
    ends = [np.concatenate(each) for each in begins]
    for p in range(2):
        _block_bounds(joint[p], bounds[p])
        cuts[p] = np.searchsorted(ends[p], np.linspace(0, total[p], PARTS + 1))
        cuts[p, -1] = classes[p]
    begin = np.concatenate([ends[0], ends[1][1:] + total[0]])
    listed = Listed(
        base=np.array([0, classes[0]]),
        begin=begin.astype(np.uint32),
        members=np.concatenate(members[0] + members[1]),
        pairs=joint,
        paid=np.concatenate(paid),
        bounds=bounds,
    )
    return listed, cuts
