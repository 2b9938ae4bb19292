"""Planted faults and how the public checkers catch them; run as a script it prints the table of `docs/testing.md`."""

import sys
import time
from functools import partial

import faulty_games as fg
import faulty_solvers as fs
import numpy as np

import counterplay
from counterplay.api.testing import bounds
from counterplay.api.testing.tables import PlainTable
from counterplay.engine.rules import GOES_ON
from counterplay.games.holdem.rules import HoldemRules
from counterplay.games.holdem.spot import spot_from_flags
from counterplay.testing import (
    Stones,
    check_environment,
    check_game,
    check_learner,
    check_same_game,
    check_solver,
    check_strategy,
)

CFR = (
    "no reach in averages",
    "others' reach in averages",
    "last strategy",
    "averages fade",
    "weight of the past",
    "averages shifted",
    "averages not normed",
    "players swapped",
    "chance forgotten",
    "even chance",
    "others' reach forgotten",
    "own reach in regrets",
    "no reach in regrets",
    "mean of the moves",
    "regret of the next move",
    "last move left out",
    "payoffs of the other",
    "absolute regrets",
    "lowest regrets",
    "sum left out",
    "one player updates",
    "regrets fade",
    "regrets forgotten",
    "cut off at one",
    "best value passed up",
)
BOUNDED = (
    "last strategy",
    "averages fade",
    "weight of the past",
    "averages shifted",
    "players swapped",
    "chance forgotten",
    "even chance",
    "others' reach forgotten",
    "no reach in regrets",
    "regret of the next move",
    "last move left out",
    "payoffs of the other",
    "absolute regrets",
    "lowest regrets",
    "one player updates",
    "regrets forgotten",
)
SAMPLED = (
    "chance drawn evenly",
    "the other's best alone",
    "one move explored",
    "one player updates",
    "absolute regrets",
    "lowest regrets",
)
KUHN_SAME = (
    "a card twice",
    "odds uneven",
    "who folds wins",
    "a fold pays the bet",
    "low card wins",
    "a call pays one",
    "payoffs swapped",
    "both cards seen",
)
KUHN_GAME = (
    "states change",
    "a third player",
    "moves tell the other's card",
    "equal labels",
    "odds over one",
    "odds too few",
    "the house pays",
    "no number",
    "a payoff too few",
    "own move forgotten",
    "no text",
)
LEDUC = ("deal's table turned", "payoffs' table swapped", "board's table turned", "futures too alike")
RIVER = ("cards held twice", "rake on what nobody called", "ties to the first", "ties without rake", "low hand wins")
ENVS = (
    "paid at the reset",
    "another game each time",
    "paid after the end",
    "both ends",
    "goes on after its limit",
    "nothing legal",
    "time out is an end",
    "an end is a time out",
    "others are heard",
    "changes after the end",
    "starts again by itself",
    "no number",
    "rewards a step late",
    "doubles",
)
LAMBDA = (
    "bootstraps over an end",
    "nothing after a time out",
    "no discount",
    "lambda turned round",
    "value of the step before",
    "stale values",
    "runs past the end",
)
LIVES = ("an agent's end ignored", "a time out alone is an end", "acts when it is gone")

SPOT = spot_from_flags(
    board="Ks Kd 4c 4h As", oop="AKs,TT,98s", ip="QQ,76s,AQs", pot=60, stack=90, bets="50%", rake="5%,3"
)
TURN = spot_from_flags(board="Ks Kd 4c 4h", oop="AsKh,TcTd", ip="QcQd,7s6s", pot=60, stack=30, bets="all-in")
MCCFR = partial(bounds.mccfr, sure=0.999)


def beside(like):
    """Check beside the textbook's; `known=()` leaves the drawn games alone, and what is found in them is shrunk."""
    return lambda fault: check_solver(
        fs.cfr(fault, plus=like == "cfr+"), None, like=like, iterations=(1, 2, 5, 10), examples=25, seed=3
    )


class FlippedStones(Stones):
    """Stones in the dark whose positions pay the wrong way round."""

    def ends(self):
        found = super().ends()
        return np.where(found == GOES_ON, found, -found).astype(found.dtype)


def _world(fault):
    return fg.FaultyTable(2, 2, fg.WORLD, 2, fault)


def _claims(fault):
    found = counterplay.solve("kuhn", iterations=50)
    if fault == "half of the exploitability":
        check_strategy("kuhn", found, exploitability=found.exploitability / 2, tolerance=1e-9)
    elif fault == "values of the other seats":
        check_strategy("kuhn", found, value=found.value[::-1])
    elif fault == "odds over one":
        check_strategy("kuhn", lambda player, label, actions: [0.6] * len(actions))
    elif fault == "an information set left out":
        check_strategy("kuhn", {key: x for key, x in found.to_dict().items() if key[1] != "Q b"})
    else:
        check_strategy("kuhn", found)


# What is checked, by what, and which faults are planted in it; with no fault every check passes.
PARTS = {
    "CFR": (beside("cfr"), CFR),
    "CFR+": (
        beside("cfr+"),
        (
            "no reach in averages",
            "others' reach forgotten",
            "last move left out",
            "own reach in regrets",
            "not cut off",
        ),
    ),
    "CFR, by its bound alone": (
        lambda fault: check_solver(fs.cfr(fault), "cfr", iterations=(1000,), examples=0),
        BOUNDED,
    ),
    "external sampling": (
        lambda fault: check_solver(fs.external(fault), MCCFR, iterations=(40_000,), examples=0),
        SAMPLED,
    ),
    "Kuhn poker, by itself": (
        lambda fault: check_game(fg.PlainKuhn(fault), zero_sum=True),
        KUHN_GAME,
    ),
    "Kuhn poker, beside another": (lambda fault: check_same_game("kuhn", fg.PlainKuhn(fault)), KUHN_SAME),
    "Leduc poker's tables": (lambda fault: check_game(fg.FaultyLeduc(fault=fault)), LEDUC),
    "a river": (lambda fault: check_same_game(HoldemRules(SPOT), fg.FaultyHoldem(SPOT, fault)), RIVER),
    "a turn": (
        lambda fault: check_same_game(HoldemRules(TURN), fg.FaultyHoldem(TURN, fault)),
        ("board from the hands",),
    ),
    "stones in the dark": (
        lambda fault: check_game((FlippedStones if fault else Stones)(3, (((0, 1),), ((2,), (0, 1))))),
        ("positions pay the other",),
    ),
    "a strategy's claims": (
        _claims,
        (
            "half of the exploitability",
            "values of the other seats",
            "odds over one",
            "an information set left out",
        ),
    ),
    "an environment": (lambda fault: check_environment(_world(fault), plain=PlainTable), ENVS),
    "lambda-returns": (lambda fault: check_learner(lambda_returns=fg.faulty_lambda(fault)), LAMBDA),
    "returns where agents leave": (
        lambda fault: check_learner(lambda_returns=fg.faulty_lambda(fault), lives=True, examples=200),
        LIVES,
    ),
    "n-step returns": (
        lambda fault: check_learner(n_step=fg.faulty_steps(fault)),
        ("one step more", "one step", "rewards of the next step"),
    ),
    "advantages": (
        lambda fault: check_learner(advantages=fg.faulty_advantages(fault)),
        ("less what follows", "nothing taken off"),
    ),
    "a mixer": (lambda fault: check_learner(mixer=fg.MIXES[fault] if fault else "qmix"), tuple(fg.MIXES)),
}
CASES = [(part, fault) for part, (_, faults) in PARTS.items() for fault in faults]


def caught(part, fault):
    """Return what the checker says of a fault, and seconds; the text is empty if it is not caught."""
    begin = time.perf_counter()
    try:
        PARTS[part][0](fault)
        said = ""
    except AssertionError as error:
        said = str(error)
    return said, time.perf_counter() - begin


def size(said):
    """Return how large a counterexample is: ends of a game, or steps of an episode, or lines."""
    shown = said.partition("\nin\n")[2]
    if "Leaf(" in shown or "Pays(" in shown:
        return f"{shown.count('Leaf(') + shown.count('Pays(')} ends"
    if shown.startswith("Played("):
        return f"{shown.partition(']')[0].count(',') + 1} steps"
    if shown.startswith("Mixed("):
        return "one state"
    return "a line of play" if said.startswith("after ") else "named"


if __name__ == "__main__":
    print("| what is wrong | in | counterexample |\n| --- | --- | --- |")
    for part, fault in CASES:
        if len(sys.argv) > 1 and part not in sys.argv[1:]:
            continue
        said, seconds = caught(part, fault)
        print(f"| {fault} | {part} | {size(said) if said else '**missed**'} | {seconds:.1f}", flush=True)
