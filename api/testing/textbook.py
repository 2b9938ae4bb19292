"""Textbook regret minimisation, recursively over histories: what a solver may be held against, number for number."""

from typing import Any

from counterplay.api.testing.plain import Key, Profile, infosets
from counterplay.engine.rules import CHANCE, LEAF, histories


def cfr(rules: Any, iterations: int, plus: bool = False) -> Profile:
    """Return the average strategy of textbook CFR (or CFR+ with linear averaging), recursively, alternating updates."""
    game = histories(rules)
    sets = infosets(rules)
    regret = {key: [0.0] * n for key, n in sets.items()}
    total = {key: [0.0] * n for key, n in sets.items()}
    sigma: Profile = {key: [1.0 / n] * n for key, n in sets.items()}

    def walk(state: Any, me: int, t: int, own: float, others: float, gains: dict[Key, list[float]]) -> float:
        turn = game.turn(state)
        if turn == LEAF:
            return float(game.payoffs(state)[me])
        if turn == CHANCE:
            odds = game.chance(state)
            return sum(p * walk(game.play(state, i), me, t, own, others * p, gains) for i, p in enumerate(odds))
        key = (turn, game.sees(state, turn))
        now = sigma[key]
        if turn != me:
            return sum(p * walk(game.play(state, i), me, t, own, others * p, gains) for i, p in enumerate(now))
        values = [walk(game.play(state, i), me, t, own * p, others, gains) for i, p in enumerate(now)]
        mean = sum(p * v for p, v in zip(now, values, strict=True))
        for i, v in enumerate(values):
            gains.setdefault(key, [0.0] * len(now))[i] += others * (v - mean)
        seen[key] = own
        return mean

    for t in range(1, iterations + 1):
        for me in range(game.players):
            gains: dict[Key, list[float]] = {}
            seen: dict[Key, float] = {}
            walk(game.root(), me, t, 1.0, 1.0, gains)
            for key, gain in gains.items():
                for i in range(len(gain)):
                    total[key][i] += (t if plus else 1) * seen[key] * sigma[key][i]
                    regret[key][i] += gain[i]
                    if plus:
                        regret[key][i] = max(regret[key][i], 0.0)
                positive = [max(r, 0.0) for r in regret[key]]
                norm = sum(positive)
                sigma[key] = [r / norm if norm > 0 else 1.0 / len(positive) for r in positive]
    return {
        key: [x / sum(row) for x in row] if sum(row) > 0 else [1.0 / len(row)] * len(row) for key, row in total.items()
    }
