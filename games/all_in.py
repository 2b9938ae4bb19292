"""What players win and lose where some are all-in and the others have folded: side pots, and what prizes change."""

from collections.abc import Sequence

from counterplay.games.icm import prizes


def after(stacks: Sequence[float], put: Sequence[float], places: Sequence[int | None]) -> list[float]:
    """Return the chips of all players when the pots are paid.

    `put` is what each has in the middle, `places` how good the hands are that are shown, 0 the best, those that tie
    alike, and None for who has folded. Each layer of what was put in is a pot of its own, for those who put in as
    much: who alone did gets it back.
    """
    chips = [stack - paid for stack, paid in zip(stacks, put, strict=True)]
    below = 0.0
    for level in sorted(set(put)):
        pot = sum(min(paid, level) - min(paid, below) for paid in put)
        shown = {p: place for p, place in enumerate(places) if place is not None and put[p] >= level}
        winners = [p for p, place in shown.items() if place == min(shown.values())]
        for p in winners:
            chips[p] += pot / len(winners)
        below = level
    return chips


def worth(chips: Sequence[float], before: Sequence[float], payouts: Sequence[float]) -> list[float]:
    """Return what chips are worth in prizes after a hand; of those who lost all, more chips before it rank higher."""
    if not payouts:
        return list(chips)
    found = [0.0] * len(chips)
    alive = [p for p, n in enumerate(chips) if n > 0]
    for p, prize in zip(alive, prizes([chips[p] for p in alive], payouts[: len(alive)]), strict=True):
        found[p] = float(prize)
    place = len(alive)
    out = [p for p in range(len(chips)) if p not in alive]
    for many in sorted({before[p] for p in out}, reverse=True):
        same = [p for p in out if before[p] == many]
        for p in same:
            found[p] = sum(payouts[place : place + len(same)]) / len(same)
        place += len(same)
    return found
