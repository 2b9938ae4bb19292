"""Measuring blueprints: on run-outs of the board, in the whole game where that fits, and by local best responses."""

from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from math import comb
from operator import mul
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.compiling import clock
from counterplay.engine.streets import Tables, part_sizes
from counterplay.engine.system import cores
from counterplay.games.holdem.betting import STREETS
from counterplay.games.holdem.buckets import Buckets, BucketSpec, BucketTables, first_of, index_for
from counterplay.games.holdem.chain import Chain, judged_on, lay_chain
from counterplay.games.holdem.chain_nodes import ahead_of, nodes_of
from counterplay.games.holdem.layout import StreetLayout, layout
from counterplay.games.holdem.spot import Spot
from counterplay.games.holdem.trees import dealt_out
from counterplay.solvers.streets import parts
from counterplay.solvers.streets.cfr import SubgameCFR
from counterplay.solvers.streets.local_response import LocalBound, bound_of, responded
from counterplay.solvers.streets.sampled import earned, won
from counterplay.solvers.variants import VARIANTS
from counterplay.solvers.winnings import Winnings

LANE_BYTES = 48  # of a whole layout by lanes, both players' and all that goes with them
_AHEAD = (32, 16, 8)  # boards on which a local best response weighs its hands, by streets before the last
_LARGE = 20_000_000  # entries of a table of which there should not be many
_FEW = 4  # run-outs between two looks at the clock


def tables_of(buckets: Buckets) -> BucketTables:
    """Return a player's buckets as kernels take them, whose numbers are of one type."""
    return buckets.tables._replace(of=np.asarray(buckets.of, np.uint16))


def chain_for(spot: Spot, one: BucketTables, two: BucketTables) -> Chain:
    """Return the chain of a spot with a player's buckets in each seat."""
    weights = spot.weights[0], spot.weights[1]
    return lay_chain(spot.deck, spot.board, weights, spot.trees, spot.betting, (one, two), spot.rake)


def entries_of(spot: Spot, spec: BucketSpec) -> int:
    """Return how many actions of cells a blueprint has whose buckets are as many as a spec asks for."""
    last, first = spot.betting.last, STREETS.index(spot.street)
    index = index_for(spot.deck, spec, last)
    one = BucketTables(index, first_of(index, spec), np.zeros(0, np.uint16), np.ones(last + 1, np.int64), 0)
    buckets = [min(asked or n, n) for asked, n in zip((0, *spec.sizes), index.size.tolist(), strict=True)][first:]
    cells = list(accumulate(buckets, mul)) if spec.memory else buckets
    game = chain_for(spot, one, one).laid.game
    actions = part_sizes(game)  # of one cell of each player
    return int((actions * np.array(cells)[game.instances.board.astype(np.int64)]).sum())


def whole_size(spot: Spot) -> int:
    """Return about how many bytes a layout of all boards takes, up to suits."""
    deck, left, ways, found = spot.deck, len(spot.deck.cards), 1.0, 0.0
    first = deck.board.index(len(spot.board))
    for street in range(first, spot.betting.last + 1):
        if street > first:
            now, more = deck.board[street - 1], deck.board[street] - deck.board[street - 1]
            ways *= comb(left - now, more)
        found += max(ways / 24, 1.0) * comb(left - deck.board[street], deck.hole) * LANE_BYTES
    return int(found)


def whole_layout(spot: Spot) -> StreetLayout:
    """Return the layout of the whole game on all boards."""
    weights = spot.weights[0], spot.weights[1]
    return layout(spot.deck, spot.board, weights, dealt_out(spot.trees, spot.betting), spot.betting, spot.rake)


def whole_run(spot: Spot, chain: Chain, total: npt.NDArray[Any], threads: int) -> SubgameCFR:
    """Return a run to judge by, of the whole game with the strategies of a chain's table."""
    none = np.zeros(0, np.float32)
    kept_tables = Tables(total, total, none, none)
    return SubgameCFR(
        judged_on(chain, whole_layout(spot)), spot.pot, VARIANTS["dcfr3"], threads=threads, kept=kept_tables
    )


Player = tuple[BucketTables, Chain, npt.NDArray[Any]]  # buckets, a chain of them in both seats, and a table for it


def play_out(spot: Spot, ours: Player, theirs: Player, pairs: float, run_outs: int, seed: int) -> Winnings:
    """Return what one player earns against another on run-outs of the board, in both seats."""

    def of_seat(p: int) -> npt.NDArray[np.float64]:
        seats = (ours, theirs) if p == 0 else (theirs, ours)
        mixed = chain_for(spot, seats[0][0], seats[1][0])
        sources = (seats[0][1].laid.game, seats[0][2]), (seats[1][1].laid.game, seats[1][2])
        table = parts.seated(mixed.laid.game, sources)
        return won((mixed.laid.game, mixed.dealer), table, p, pairs, run_outs, seed)

    few = len(ours[2]) < _LARGE and cores() > 1  # a table of each seat at a time
    with ThreadPoolExecutor(2 if few else 1) as pool:
        return earned(np.array(list(pool.map(of_seat, range(2)))))


class Bound(NamedTuple):
    """A lower bound on exploitability in chips, and the gain of local best responses that it is the lower end of."""

    exploitability_at_least: float
    gain: LocalBound


def bounded(spot: Spot, chain: Chain, total: npt.NDArray[Any], pairs: float, seconds: float, seed: int) -> Bound:
    """Return what local best responses win against a blueprint on as many run-outs as the time allows."""
    nodes, ahead = nodes_of(chain, spot.betting, spot.rake), ahead_of(chain, _AHEAD)
    random = np.random.SeedSequence(seed, spawn_key=(6,)).generate_state(1, np.uint64).astype(np.uint64)
    values, began = list[npt.NDArray[np.float64]](), clock()
    while len(values) < 2 or clock() - began < seconds:
        values.append(responded((chain.laid.game, chain.dealer), nodes, ahead, total, random, _FEW))
    found = bound_of(np.concatenate(values), pairs, float(spot.pot))
    return Bound(max(0.0, found.exploitability - found.error), found)
