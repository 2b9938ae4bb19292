"""Random games, spots, strategies and environments: from a generator of numbers, or as Hypothesis strategies.

Whatever is drawn is grown by picks of small whole numbers, 0 the simplest: Hypothesis then shrinks what fails to the
smallest that still does. Payoffs and weights are whole numbers.
"""

from collections.abc import Sequence
from math import prod
from random import Random
from typing import TYPE_CHECKING, Any

from counterplay.api.testing.plain import Key, Pick, Profile, infosets
from counterplay.api.testing.written import Chance, DealtTree, Decision, Flip, GameTree, Leaf, Pays, Stones
from counterplay.engine.errors import UserError
from counterplay.engine.rules import histories

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

KINDS = ("tree", "dealt", "stones")
_MOVES = "abcdefghij"


def random_game(
    rng: Random, players: int = 2, depth: int = 4, zero_sum: bool = True, generic: bool = False
) -> GameTree:
    """Return a random game of histories, as `grow_tree` makes it."""
    return grow_tree(rng.randrange, players, depth, zero_sum, generic)


def random_dealt_game(rng: Random, depth: int = 4, generic: bool = False) -> DealtTree:
    """Return a random game of a private deal and public play, as `grow_dealt` makes it."""
    return grow_dealt(rng.randrange, depth, generic)


def _payoff(pick: Pick, generic: bool, low: int = -3, high: int = 3) -> float:
    """Return a whole number, 0 or `low` the simplest, or, where no two actions may be worth the same, any."""
    if generic:
        return round(low + (high - low) * pick(2**24) / 2**24, 6)
    if low > 0:
        return low + pick(high - low + 1)
    k = pick(high - low + 1)
    return (k + 1) // 2 * (1 if k % 2 else -1)


def grow_tree(
    pick: Pick, players: int = 2, depth: int = 4, zero_sum: bool = True, generic: bool = False, widest: int = 3
) -> GameTree:
    """Return a random game with perfect recall, chance moves and information sets of several nodes.

    What a player sees is its own past, so recall is perfect; which of two labels a node gets is drawn, so that nodes
    which differ only in what others or chance did share one. In the end labels are numbered in the order of their first
    visit, player 0's A1, A2, ..., player 1's B1 and so on.
    """
    names: dict[tuple[int, str], str] = {}

    def grow(level: int, memory: tuple[str, ...]) -> Any:
        kind = pick(10)
        if level == 0 or kind == 0:
            paid = [_payoff(pick, generic) for _ in range(players)]
            if zero_sum:
                paid[-1] = 0 - sum(paid[:-1])
            return Leaf(*paid)
        n = 1 + pick(widest)
        if kind > 7:
            return Chance({_MOVES[i]: (1 + pick(4), grow(level - 1, memory)) for i in range(n)})
        p = pick(players)
        seen = f"{memory[p]}/{n}{pick(2)}"
        label = names.setdefault((p, seen), f"{'ABCDEFGHIJ'[p]}{1 + sum(q == p for q, _ in names)}")
        moves = {_MOVES[i]: grow(level - 1, (*memory[:p], f"{seen}.{i}", *memory[p + 1 :])) for i in range(n)}
        return Decision(p, label, moves)

    return GameTree(players, grow(depth, ("",) * players))


def grow_dealt(pick: Pick, depth: int = 4, generic: bool = False, hands: int = 5) -> DealtTree:
    """Return a random two-player zero-sum game with a correlated deal and public chance that depends on the hands."""
    one, two, kinds = 2 + pick(hands - 1), 2 + pick(hands - 1), 3
    weights = [[pick(4) for _ in range(two)] for _ in range(one)]
    for row in weights:
        row[pick(two)] += 1

    def grow(level: int, label: str) -> Any:
        kind = pick(10)
        if level == 0 or kind == 0:
            return Pays(pick(kinds), _payoff(pick, generic, 1, 4))
        if kind > 7:
            return Flip({_MOVES[i]: grow(level - 1, f"{label}{'xy'[i]}") for i in range(2)})
        player, many = pick(2), 1 + pick(3)
        return Decision(player, label or "-", {_MOVES[i]: grow(level - 1, f"{label}{_MOVES[i]}") for i in range(many)})

    return DealtTree(
        joint=tuple(map(tuple, weights)),
        top=grow(depth, ""),
        tables=tuple(
            tuple(tuple(_payoff(pick, generic) for _ in range(two)) for _ in range(one)) for _ in range(kinds)
        ),
        flips=tuple(tuple(pick(5) / 4 for _ in range(two)) for _ in range(one)),
    )


def grow_stones(pick: Pick, cells: int = 3) -> Stones:
    """Return a random game of stones in the dark on at most so many cells."""
    many = 2 + pick(cells - 1)

    def lines() -> tuple[tuple[int, ...], ...]:
        sets = (1 + pick(2**many - 1) for _ in range(1 + pick(2)))
        return tuple(tuple(c for c in range(many) if s >> c & 1) for s in sets)

    return Stones(many, (lines(), lines()), abrupt=pick(2) == 1)


def grow_strategy(pick: Pick, sets: dict[Key, int]) -> Profile:
    """Return a random strategy: weights 0 to 3 of the moves of each information set, not all of them 0."""
    profile: Profile = {}
    for key, n in sets.items():
        weights = [pick(4) for _ in range(n)]
        if not any(weights):
            weights[0] = 1
        profile[key] = [w / sum(weights) for w in weights]
    return profile


def games(
    players: int | Sequence[int] = 2,
    *,
    zero_sum: bool | None = True,
    kinds: Sequence[str] = ("tree", "dealt"),
    depth: int = 4,
    generic: bool = False,
) -> "SearchStrategy[Any]":
    """Return a Hypothesis strategy for games with perfect recall.

    `kinds` are "tree" (histories, one lane), "dealt" (a private deal and public play: lanes; for two, zero-sum) and
    "stones" (in the dark: factored; for two, zero-sum). `zero_sum=None` draws both. `depth` is the most moves of a
    play; `generic` payoffs are no whole numbers, so that no two actions are worth the same.
    """
    from hypothesis import strategies as st

    seats = (players,) if isinstance(players, int) else tuple(players)
    if not seats or not all(1 <= p <= 10 for p in seats):
        raise UserError(f"players must be 1 to 10, or several such numbers, not {players!r}")
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        raise UserError(f"kinds of games are {', '.join(KINDS)}, not {', '.join(map(repr, unknown)) or 'none'}")

    @st.composite
    def found(draw: Any) -> Any:
        def pick(n: int) -> int:
            return int(draw(st.integers(0, n - 1)))

        many = seats[pick(len(seats))]
        fits = [kind for kind in kinds if kind == "tree" or (many == 2 and zero_sum is not False)]
        if not fits:
            raise UserError("dealt games and stones are for two players, and zero-sum")
        kind = fits[pick(len(fits))]
        if kind == "dealt":
            return grow_dealt(pick, depth, generic, hands=3)
        if kind == "stones":
            return grow_stones(pick)
        sums = bool(zero_sum) if zero_sum is not None else pick(2) == 0
        return grow_tree(pick, many, depth, sums, generic)

    return found()


def strategies(game: Any) -> "SearchStrategy[dict[Key, dict[str, float]]]":
    """Return a Hypothesis strategy for strategies of all players of a game, as a dictionary that `judge` takes.

    `game` is whatever `counterplay.solve` takes, and small enough to be walked.
    """
    from hypothesis import strategies as st

    from counterplay.games import GAMES

    rules = GAMES.make(game)
    sets, labels = infosets(rules), moves_of(rules)

    @st.composite
    def found(draw: Any) -> Any:
        profile = grow_strategy(lambda n: int(draw(st.integers(0, n - 1))), sets)
        return {key: dict(zip(labels[key], odds, strict=True)) for key, odds in profile.items()}

    return found()


def moves_of(rules: Any) -> dict[Key, tuple[str, ...]]:
    """Return the labels of the moves of every information set."""
    from counterplay.engine.rules import CHANCE, LEAF

    game, found = histories(rules), dict[Key, tuple[str, ...]]()
    stack = [game.root()]
    while stack:
        state = stack.pop()
        turn = game.turn(state)
        if turn == LEAF:
            continue
        if turn != CHANCE:
            found.setdefault((turn, game.sees(state, turn)), tuple(game.moves(state)))
        stack += [game.play(state, i) for i in range(len(game.moves(state)))]
    return found


def spots(streets: Sequence[str] = ("river", "turn"), hands: int = 6) -> "SearchStrategy[Any]":
    """Return a Hypothesis strategy for small hold'em spots: board, both ranges with weights, pot, stack and bets.

    A range holds at most so many hands; the deck is hold'em's or short deck's.
    """
    from hypothesis import strategies as st

    from counterplay.games.holdem.cards import DECKS, format_cards
    from counterplay.games.holdem.spot import spot_from_flags

    sizes = {"flop": 3, "turn": 4, "river": 5}
    if not streets or any(street not in sizes for street in streets):
        raise UserError(f"streets are flop, turn and river, not {', '.join(map(repr, streets)) or 'none'}")

    @st.composite
    def found(draw: Any) -> Any:
        variant = draw(st.sampled_from(["holdem", "short"]))
        deck = sorted(int(c) for c in DECKS[variant].cards)
        many = sizes[draw(st.sampled_from(list(streets)))]
        order = draw(st.permutations(deck))
        board, rest = order[:many], order[many:]
        ranges = []
        for _ in range(2):
            first = draw(st.lists(st.integers(0, len(rest) - 2), min_size=1, max_size=hands, unique=True))
            weights = [draw(st.sampled_from(["", ":0.5", ":0.25"])) for _ in first]
            hole = [format_cards(sorted((rest[k], rest[k + 1]), reverse=True)).replace(" ", "") for k in first]
            ranges.append(",".join(map(str.__add__, hole, weights)))
        bets = draw(st.sampled_from(["50%", "100%", "33%,100%", "all-in", "none"]))
        pot, stack = draw(st.integers(1, 20)) * 10, draw(st.integers(1, 30)) * 10
        rake = draw(st.sampled_from([None, "5%,3", "10%"]))
        try:
            return spot_from_flags(
                board=format_cards(board), oop=ranges[0], ip=ranges[1], pot=pot, stack=stack, bets=bets,
                variant=variant, rake=rake,
            )  # fmt: skip
        except UserError:  # the two ranges may leave no pair of hands
            from hypothesis import reject

            reject()

    return found()


def environments() -> "SearchStrategy[Any]":
    """Return a Hypothesis strategy for cooperative environments: matrix games, and tables with states and an end."""
    from hypothesis import strategies as st

    from counterplay.api.testing.tables import grow_table
    from counterplay.games.envs.matrix import MatrixGame

    @st.composite
    def found(draw: Any) -> Any:
        def pick(n: int) -> int:
            return int(draw(st.integers(0, n - 1)))

        if pick(2):
            return grow_table(pick)
        shape = tuple(1 + pick(3) for _ in range(2 + pick(2)))
        return MatrixGame(tuple(_payoff(pick, False) for _ in range(prod(shape))), shape, 1 + pick(3))

    return found()
