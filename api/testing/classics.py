"""Tiny games in which faults of solvers show, tried before any that are drawn."""

from counterplay.api.testing.written import Chance, Decision, GameTree, Leaf


def _pennies(label: str, other: str, stakes: tuple[float, float, float, float]) -> Decision:
    """Return a matching game: what player 0 gets where both choose a, where only it does, and so on."""
    one, two, three, four = stakes
    return Decision(
        0,
        label,
        {
            "a": Decision(1, other, {"a": Leaf(one, -one), "b": Leaf(two, -two)}),
            "b": Decision(1, other, {"a": Leaf(three, -three), "b": Leaf(four, -four)}),
        },
    )


# Matching pennies of uneven stakes: the equilibrium is uneven too, and the last strategies never come to rest.
PENNIES = GameTree(2, _pennies("A1", "B1", (3, -1, -1, 1)))

# A coin that nobody sees decides between two matching games; it falls on one side three times in four.
COIN = GameTree(
    2, Chance({"a": (3, _pennies("A1", "B1", (2, -1, -1, 0))), "b": (1, _pennies("A1", "B1", (-3, 3, 2, -3)))})
)

# One may bet on a card that it alone sees; the other calls or folds. To bluff pays, but not always.
BLUFF = GameTree(
    2,
    Chance(
        {
            "high": (
                1,
                Decision(
                    0,
                    "A1",
                    {"bet": Decision(1, "B1", {"call": Leaf(3, -3), "fold": Leaf(1, -1)}), "check": Leaf(1, -1)},
                ),
            ),
            "low": (
                1,
                Decision(
                    0,
                    "A2",
                    {"bet": Decision(1, "B1", {"call": Leaf(-3, 3), "fold": Leaf(1, -1)}), "check": Leaf(-1, 1)},
                ),
            ),
        }
    ),
)

# Whoever goes on plays a matching game with two to choose from; what it does there counts as much as it gets there.
LATER = GameTree(
    2,
    Decision(
        0,
        "A1",
        {
            "stop": Decision(1, "B1", {"a": Leaf(1, -1), "b": Leaf(-1, 1)}),
            "go": Decision(
                0,
                "A2",
                {
                    "a": Decision(1, "B1", {"a": Leaf(-3, 3), "b": Leaf(3, -3)}),
                    "b": Decision(1, "B1", {"a": Leaf(0, 0), "b": Leaf(-2, 2)}),
                },
            ),
        },
    ),
)

CLASSICS = (PENNIES, COIN, BLUFF, LATER)
