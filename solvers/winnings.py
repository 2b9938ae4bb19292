"""What strategies earn in games too large to be judged: estimates from games played out, with intervals.

A deal is played once for each seat, with the same luck of chance and players (duplicate seats), and counts once: what
one strategy earns in a seat against another in all the rest, on average over the seats. With `above`, what the others'
strategy earns in that seat with the same luck is taken off (and where `ours` has never been, it plays like them): then
the mean is a gain, and that of a response, whatever it is, no more than the exploitability (NashConv over players): a
lower bound.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SURE = 1.959963984540054  # standard errors of a 95 % interval
FOUND, ASKED, DEALS, SUM, SQUARES, SEATS = range(6)  # in the sums over games; then two a seat


@dataclass(frozen=True)
class Winnings:
    """What a strategy earns in each seat, and on average over the seats, with 95 % intervals."""

    seats: tuple[float, ...]
    errors: tuple[float, ...]  # half of the 95 % interval of each
    mean: float
    error: float  # half of the interval
    deals: int  # each played once for every seat
    known: float  # share of its decisions at information sets that it has visited

    @property
    def low(self) -> float:
        """The lower end."""
        return self.mean - self.error

    @property
    def high(self) -> float:
        """The upper end."""
        return self.mean + self.error


def generators(seed: int) -> npt.NDArray[np.uint64]:
    """Return the generators of deals, and of chance and the players within one."""
    return np.random.SeedSequence(seed, spawn_key=(7,)).generate_state(3, np.uint64).astype(np.uint64)


def told(sums: npt.NDArray[np.float64]) -> Winnings:
    """Return what sums over games say."""
    deals, players = int(sums[DEALS]), (len(sums) - SEATS) // 2
    means = sums[[SUM, *range(SEATS, SEATS + players)]] / deals
    squares = sums[[SQUARES, *range(SEATS + players, SEATS + 2 * players)]] / deals
    spread = np.maximum(squares - means**2, 0.0) / max(deals - 1, 1)
    errors = (SURE * np.sqrt(spread)).tolist()
    known = float(sums[FOUND] / sums[ASKED]) if sums[ASKED] else 1.0
    return Winnings(tuple(means[1:].tolist()), tuple(errors[1:]), float(means[0]), errors[0], deals, known)
