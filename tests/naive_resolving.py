"""Plain oracles of re-solving: public trees walked node by node, and linear programmes."""

import numpy as np
import scipy.optimize

from counterplay.engine.rules import CHANCE, LEAF


def children(tree, node):
    return [n for n in range(len(tree.player)) if tree.parent[n] == node]


def size(tree, node):
    return 1 + sum(size(tree, child) for child in children(tree, node))


def net_leaves(tree, root, horizon):
    """Return the nodes below a root, in preorder, at which a horizon is reached before the game ends."""
    found = []

    def visit(node, decisions, chances):
        turn = tree.player[node]
        if turn == LEAF:
            return
        beyond = chances + (turn == CHANCE) > 0 if horizon == "chance" else decisions >= horizon
        if node != root and beyond:
            found.append(node)
            return
        for child in children(tree, node):
            visit(child, decisions + (turn >= 0), 0 if node == root else chances + (turn == CHANCE))

    visit(root, 0, 0)
    return found


def reach(tree, table, root, node, player):
    """Return the player's probability, lane by lane, of its moves from a root to a node."""
    product = np.ones(tree.lanes)
    while node != root:
        above = tree.parent[node]
        if tree.player[above] == player:
            product = product * table[tree.first[tree.infoset[above]] + tree.slot[node]]
        node = above
    return product


def matrices(tree, table):
    """Return what each node is worth to both players if all follow the table, chance in it: {node: [2, W0, W1]}."""
    found = {}
    for node in reversed(range(len(tree.player))):
        turn = tree.player[node]
        if turn == LEAF:
            leaf = tree.infoset[node]
            paid = tree.payoffs[tree.outcome[leaf]] * tree.stake[leaf]
            found[node] = paid * tree.weights[tree.leaf_weight[leaf]]
            continue
        total = 0.0
        for child in children(tree, node):
            if turn == CHANCE:
                total = total + found[child]
            else:
                sigma = table[tree.first[tree.infoset[node]] + tree.slot[child]][: len(tree.hands[turn])]
                total = total + found[child] * (sigma[:, None] if turn == 0 else sigma[None, :])
        found[node] = total
    return found


def guarantee(tree, table, rows, player):
    """Return the most that a player can guarantee if it follows the table in these rows and plays freely elsewhere.

    A linear programme over its realisation plans and the values of the other's information sets.
    """
    other, mine, theirs = 1 - player, len(tree.hands[player]), len(tree.hands[1 - player])
    fixed = {int(r) for r in rows}
    plans = tree.rows * mine  # variables: own plan of (row, lane), then the other's value of (infoset, lane)
    sets = len(tree.owner)
    width = plans + (sets + 1) * theirs  # the last infoset is the root's
    equal, least = [], []  # rows of coefficients; right sides are in `right`
    right = []

    def blank():
        return np.zeros(width)

    for s in range(sets):
        if tree.owner[s] != player:
            continue
        for lane in range(mine):
            actions = range(tree.first[s], tree.first[s + 1])
            above = tree.above[s]
            for a in actions:
                if a in fixed:
                    row = blank()
                    row[a * mine + lane] = 1
                    if above >= 0:
                        row[above * mine + lane] -= table[a, lane]
                    equal.append(row)
                    right.append(0 if above >= 0 else table[a, lane])
            if tree.first[s] in fixed:
                continue  # they sum to 1 up to rounding, which a programme would find contradictory
            row = blank()
            for a in actions:
                row[a * mine + lane] = 1
            if above >= 0:
                row[above * mine + lane] -= 1
            equal.append(row)
            right.append(0 if above >= 0 else 1)
    # The other's value of an infoset is at least that of each action: what follows it, and its leaves.
    follows = {}
    for s in range(sets):
        if tree.owner[s] == other:
            follows.setdefault(int(tree.above[s]), []).append(s)
    ends = {}
    for leaf in range(len(tree.stake)):
        ends.setdefault(int(tree.last[leaf, other]), []).append(leaf)
    rows_of = [(-1, sets)] + [
        (a, s) for s in range(sets) if tree.owner[s] == other for a in range(tree.first[s], tree.first[s + 1])
    ]
    constant = []
    for a, s in rows_of:
        for lane in range(theirs):
            row, offset = blank(), 0.0
            row[plans + s * theirs + lane] = -1
            for below in follows.get(a, []):
                row[plans + below * theirs + lane] += 1
            for leaf in ends.get(a, []):
                paid = tree.payoffs[tree.outcome[leaf], other] * tree.stake[leaf] * tree.weights[tree.leaf_weight[leaf]]
                worth = paid[lane] if other == 0 else paid[:, lane]
                last = tree.last[leaf, player]
                if last >= 0:
                    row[last * mine : (last + 1) * mine] += worth
                else:
                    offset += worth.sum()
            least.append(row)
            constant.append(-offset)
    cost = blank()
    cost[plans + sets * theirs :] = 1
    bounds = [(0, None)] * plans + [(None, None)] * (width - plans)
    found = scipy.optimize.linprog(cost, least, constant, equal, right, bounds=bounds)
    assert found.success, found.message
    return -found.fun
