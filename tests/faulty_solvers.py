"""Textbook regret minimisers in which one thing can be wrong: `fault` names what, none by default."""

import random

from counterplay.engine.rules import CHANCE, LEAF, histories


class Game:
    """A game as nested tuples: (turn, information set, children, odds or payoffs)."""

    def __init__(self, rules, fault=""):
        game, self.keys, self.sizes, self.owner = histories(rules), {}, [], []

        def grow(state):
            turn = game.turn(state)
            if turn == LEAF:
                return (LEAF, None, (), tuple(game.payoffs(state)))
            children = tuple(grow(game.play(state, i)) for i in range(len(game.moves(state))))
            if turn == CHANCE:
                odds = tuple(game.chance(state))
                return (CHANCE, None, children, tuple(1 / len(odds) for _ in odds) if fault == "even chance" else odds)
            key = turn, game.sees(state, turn)
            if key not in self.keys:
                self.keys[key] = len(self.keys)
                self.sizes.append(len(children))
                self.owner.append(turn)
            return (turn, self.keys[key], children, None)

        self.root = grow(game.root())


def matched(regret, fault):
    if fault == "absolute regrets":
        regret = [abs(r) for r in regret]
    positive = [max(r, 0.0) for r in regret]
    if fault == "lowest regrets":
        positive = [max(-r, 0.0) for r in regret]
    total = sum(positive)
    if fault == "sum left out" and total > 0:
        return [min(p, 1.0) for p in positive]
    return [p / total for p in positive] if total > 0 else [1 / len(regret)] * len(regret)


def cfr(fault="", plus=False):
    """Return a solver (rules, iterations) of CFR or CFR+ by alternating updates."""

    def solve(rules, iterations):
        game = Game(rules, fault)
        n = range(len(game.sizes))
        regret, total = ([[0.0] * size for size in game.sizes] for _ in range(2))
        sigma = [[1 / size] * size for size in game.sizes]

        def walk(node, me, own, others, chance, weight, gains):
            turn, key, children, rest = node
            if turn == LEAF:
                return -rest[me] if fault == "payoffs of the other" and me == 1 else rest[me]
            if turn == CHANCE:
                return sum(
                    p * walk(c, me, own, others, chance * p, weight, gains) for p, c in zip(rest, children, strict=True)
                )
            now = sigma[key]
            if turn != me:
                found = 0.0
                for a, c in enumerate(children):
                    found += now[a] * walk(c, me, own, others * now[a], chance, weight, gains)
                return found
            values = [walk(c, me, own * now[a], others, chance, weight, gains) for a, c in enumerate(children)]
            mean = sum(p * v for p, v in zip(now, values, strict=True))
            base = sum(values) / len(values) if fault == "mean of the moves" else mean
            reach = others * chance
            reach = {
                "chance forgotten": others,
                "others' reach forgotten": chance,
                "own reach in regrets": reach * own,
                "no reach in regrets": 1.0,
            }.get(fault, reach)
            gain = gains.setdefault(key, [0.0] * len(values))
            for a, v in enumerate(values):
                to = (a + 1) % len(values) if fault == "regret of the next move" else a
                gain[to] += reach * (v - base)
            if fault == "last move left out" and len(values) > 1:
                gain[-1] = -1.0
            part = {"no reach in averages": 1.0, "others' reach in averages": others}.get(fault, own)
            if key not in seen or fault == "averages once a state":
                seen.add(key)
                for a, p in enumerate(now):
                    total[key][a] += weight * part * p
            return max(values) if fault == "best value passed up" else mean

        for t in range(1, iterations + 1):
            weight = t if plus else 1
            weight = {"averages fade": 0.5**t, "last strategy": 0.0, "weight of the past": 1 / t**2}.get(fault, weight)
            for me in range(1 if fault == "one player updates" else 2):
                gains, seen = {}, set()
                walk(game.root, me, 1.0, 1.0, 1.0, weight, gains)
                for key, gain in gains.items():
                    for a, g in enumerate(gain):
                        keep = 0.5 if fault == "regrets fade" else 1.0
                        regret[key][a] = regret[key][a] * keep + g
                        if plus and fault != "not cut off":
                            regret[key][a] = max(regret[key][a], 0.0)
                        if fault == "cut off at one":
                            regret[key][a] = min(regret[key][a], 0.1)
                    if fault == "regrets forgotten" and t % 5 == 0:
                        regret[key] = [0.0] * len(gain)
                    sigma[key] = matched(regret[key], fault)
        table = (
            sigma
            if fault == "last strategy"
            else [[x / sum(row) for x in row] if sum(row) > 0 else [1 / len(row)] * len(row) for row in total]
        )
        if fault == "averages shifted":
            table = [row[1:] + row[:1] for row in table]
        if fault == "averages not normed":
            table = [[x / iterations for x in row] for row in total]
        if fault == "players swapped":
            for i in n:
                if game.owner[i] == 1:
                    table[i] = table[i][::-1]
        return {key: table[i] for key, i in game.keys.items()}

    return solve


def external(fault=""):
    """Return a solver (rules, iterations) of external-sampling MCCFR, both players by turns."""

    def solve(rules, iterations):
        game, rng = Game(rules), random.Random(1)
        regret, total = ([[0.0] * size for size in game.sizes] for _ in range(2))

        def pick(odds):
            if fault == "chance drawn evenly":
                return rng.randrange(len(odds))
            return rng.choices(range(len(odds)), odds)[0]

        def walk(node, me, drawn):
            turn, key, children, rest = node
            if turn == LEAF:
                return rest[me]
            if turn == CHANCE:
                a = pick(rest)
                return walk(children[a], me, drawn * rest[a])
            now = matched(regret[key], fault)
            if turn != me:
                for a, p in enumerate(now):
                    total[key][a] += p / (drawn if fault == "averages over chance" else 1.0)
                a = rng.choices(range(len(now)), now)[0]
                if fault == "the other's best alone":
                    a = max(range(len(now)), key=now.__getitem__)
                found = walk(children[a], me, drawn * now[a])
                return found * now[a] if fault == "weighed twice" else found
            values = [walk(c, me, drawn) for c in children]
            mean = sum(p * v for p, v in zip(now, values, strict=True))
            if fault == "one move explored":
                a = rng.choices(range(len(now)), now)[0]
                values = [v if b == a else 0.0 for b, v in enumerate(values)]
            for a, v in enumerate(values):
                regret[key][a] += v - (0.0 if fault == "no baseline of the mean" else mean)
            return mean

        for t in range(iterations):
            walk(game.root, 0 if fault == "one player updates" else t % 2, 1.0)
        return {
            key: [x / sum(row) if sum(row) else 1 / len(row) for x in row]
            for key, row in ((key, total[i]) for key, i in game.keys.items())
        }

    return solve
