"""Samples of a game, all of them, each with its probability: what MCCFR's kernels are held against.

Everything here follows the equations and recurses over the nodes of a tree with plain numbers.
"""

import numpy as np

from counterplay.engine.rules import CHANCE, LEAF
from counterplay.solvers.samplings import ALL, ONE


class TooMany(Exception):
    """There are more samples than were asked for."""


def samples(walk, most):
    """Yield, for every way that `walk(draw)` may go, its probability, the numbers in [0, 1) that it drew, its result.

    `draw(odds)` returns the index of what is drawn; the number that stands for it lies in the middle of its share.
    """
    script, count = [], 0
    while script is not None:
        taken, numbers, chance = [], [], [1.0]

        def draw(odds, taken=taken, numbers=numbers, chance=chance, script=script):
            possible = [i for i, p in enumerate(odds) if p > 0]
            place = script[len(taken)] if len(taken) < len(script) else 0
            taken.append((place, len(possible)))
            i = possible[place]
            numbers.append((sum(odds[:i]) + odds[i] / 2) / sum(odds))
            chance[0] *= odds[i] / sum(odds)
            return i

        result = walk(draw)
        count += 1
        if count > most:
            raise TooMany
        yield chance[0], numbers, result
        while taken and taken[-1][0] + 1 == taken[-1][1]:
            taken.pop()
        script = [place for place, _ in taken[:-1]] + [taken[-1][0] + 1] if taken else None


def families(tree):
    """Return the children of every node, in the order of its moves."""
    below = [[] for _ in tree.player]
    for n in np.lexsort((tree.slot, tree.parent)):
        if tree.parent[n] >= 0:
            below[tree.parent[n]].append(int(n))
    return below


def matched(regret):
    """Return the strategy of one information set in one lane."""
    positive = np.maximum(regret, 0)
    return positive / positive.sum() if positive.sum() > 0 else np.full(len(regret), 1 / len(regret))


def is_firm(tree, below, row):
    """Tell whether an action may end the game, or no chance follows it and its siblings while it does elsewhere."""

    def followed(n):
        return any(tree.player[m] == CHANCE or followed(m) for m in below[n])

    i = int(np.searchsorted(tree.first, row, side="right")) - 1
    nodes = [n for n in range(len(below)) if tree.player[n] >= 0 and tree.infoset[n] == i]
    ends = any(tree.player[below[n][row - tree.first[i]]] == LEAF for n in nodes)
    streets = any(tree.player[m] == CHANCE and tree.parent[m] >= 0 for m in range(len(below)))
    return ends or (streets and not any(followed(n) for n in nodes))


def skipped(tree, below, regret, limit):
    """Return which actions a skipping walk leaves out, [R, W]."""
    out = np.zeros(regret.shape, bool)
    for i in range(len(tree.labels)):
        rows = slice(tree.first[i], tree.first[i + 1])
        for lane in range(regret.shape[1]):
            if regret[rows, lane].max() > 0 and rows.stop - rows.start > 1:
                out[rows, lane] = regret[rows, lane] < limit
    for row in np.flatnonzero(out.any(axis=1)):
        out[row] &= not is_firm(tree, below, row)
    return out


def walk(tree, below, row, t, p, regret, total, baseline, limit, draw):
    """Return what one walk adds to regrets and totals, [2, R, W]; `limit` is that of skipping."""
    told, averaged, baseline = np.zeros(regret.shape), np.zeros(regret.shape), baseline.copy()
    skipping = row.prune > 0 and draw([row.skip, 1 - row.skip]) == 0
    out = skipped(tree, below, regret, limit) if skipping else np.zeros(regret.shape, bool)
    dealt = tree.weights[0].reshape(-1)
    hands = np.unravel_index(draw(list(dealt)), tree.weights.shape[1:])

    def include(at, lane, sigma):
        """Return the probabilities with which the traverser's actions are in the sample, 0 where they are not."""
        n = len(sigma)
        if row.traverser == ALL:
            return np.where(out[at, lane], 0.0, 1.0)
        if row.traverser == ONE:
            odds = row.explore / n + (1 - row.explore) * sigma
            chosen = draw(list(odds))
            return np.where(np.arange(n) == chosen, odds, 0.0)
        mass = total[at, lane]
        odds = np.clip((row.bonus + row.threshold * mass) / (row.bonus + mass.sum()), row.explore, 1.0)
        return np.array([q if draw([q, 1 - q]) == 0 else 0.0 for q in odds])

    def value(n, other, drawn):
        turn = tree.player[n]
        if turn == LEAF:
            leaf = tree.infoset[n]
            return tree.payoffs[tree.outcome[leaf]][(p, *hands)] * tree.stake[leaf]
        if turn == CHANCE:
            odds = [tree.weights[tree.weight[m]][hands] for m in below[n]]
            return value(below[n][draw(odds)], other, drawn)
        if len(below[n]) == 1:
            return value(below[n][0], other, drawn)
        lane, at = hands[turn], slice(tree.first[tree.infoset[n]], tree.first[tree.infoset[n] + 1])
        sigma = matched(regret[at, lane])
        if turn == p:
            q = include(at, lane, sigma)
        else:
            averaged[at, lane] += t**row.power * other / drawn * sigma
            q = np.ones(len(sigma))
            if not row.others_all:
                q = np.where(np.arange(len(sigma)) == draw(list(sigma)), sigma, 0.0)
        found = np.zeros(len(sigma))
        for a, m in enumerate(below[n]):
            b = baseline[p, at.start + a, hands[p]] if row.rate else 0.0
            found[a] = b
            if q[a] > 0:
                reached = other * sigma[a] if turn != p and row.others_all else other
                v = value(m, reached, drawn * q[a] if turn == p else drawn)
                found[a] += (v - b) / q[a]
                if row.rate:
                    baseline[p, at.start + a, hands[p]] += row.rate * (v - b)
        mean = float(sigma @ found)
        if turn == p:
            told[at, lane] += np.where(out[at, lane], 0.0, t**row.weight * other / drawn * (found - mean))
        return mean

    value(0, 1.0, 1.0)
    return np.stack([told, averaged])


def public_walk(tree, below, row, t, p, regret, draw):
    """Return what one walk of public chance sampling adds to regrets and totals, [2, R, W]; two players in lanes."""
    told, averaged = np.zeros(regret.shape), np.zeros(regret.shape)

    def joint(index):
        """Return the weights, or payoffs, of [own lane, other's lane]."""
        return index if p == 0 else index.T

    def value(n, own, other, odds):
        turn = tree.player[n]
        if turn == LEAF:
            leaf = tree.infoset[n]
            paid = joint(tree.payoffs[tree.outcome[leaf], p] * tree.weights[tree.leaf_weight[leaf]])
            return paid @ other * tree.stake[leaf] / odds
        if turn == CHANCE:
            masses = [float(tree.weights[tree.weight[m]].sum()) for m in below[n]]
            k = draw(masses)
            return value(below[n][k], own, other, odds * masses[k] / sum(masses))
        if len(below[n]) == 1:
            return value(below[n][0], own, other, odds)
        at = slice(tree.first[tree.infoset[n]], tree.first[tree.infoset[n] + 1])
        lanes = len(tree.hands[turn])
        sigma = np.stack([matched(regret[at, lane]) for lane in range(lanes)], axis=1)
        if turn != p:
            return sum(value(m, own, other * s, odds) for m, s in zip(below[n], sigma, strict=True))
        averaged[at, :lanes] += t**row.power / odds * own * sigma
        found = np.stack([value(m, own * s, other, odds) for m, s in zip(below[n], sigma, strict=True)])
        told[at, :lanes] += t**row.weight * (found - (sigma * found).sum(axis=0))
        return (sigma * found).sum(axis=0)

    value(0, *(np.ones(len(tree.hands[q])) for q in (p, 1 - p)), 1.0)
    return np.stack([told, averaged])


def plans(tree, table):
    """Return every row's realisation plan, [R, W]."""
    plan = np.zeros(table.shape)
    for i in range(len(tree.labels)):
        rows = slice(tree.first[i], tree.first[i + 1])
        plan[rows] = table[rows] * (plan[tree.above[i]] if tree.above[i] >= 0 else 1.0)
    return plan


def likely(tree):
    """Return the chance of every information set, summed over its nodes and the others' hands, [I, W]."""
    found = np.zeros((len(tree.labels), tree.lanes))
    for n in range(len(tree.player)):
        if (turn := tree.player[n]) >= 0:
            weight = tree.weights[tree.weight[n]]
            mass = weight.sum(axis=tuple(q for q in range(weight.ndim) if q != turn))
            found[tree.infoset[n], : len(mass)] += mass
    return found
