"""A solved spot as who plays it: hands from the ranges, cards from the deck, actions from the solution."""

from counterplay.api.spots import SpotSolution
from counterplay.games.holdem.betting import PLAYERS
from counterplay.games.holdem.rules import HoldemRules


class SpotPolicy:
    """The average strategies of a solution, as `engine.play.play_game` asks for them."""

    names = tuple(name.upper() for name in PLAYERS)

    def __init__(self, solution: SpotSolution):
        self.solution, self.rules = solution, HoldemRules(solution.spot)

    def odds(self, player: int, label: str, lane: int, actions: tuple[str, ...]) -> tuple[float, ...]:
        """Return the probability of each action of the player's hand after a line of play."""
        odds = self.solution.at(label).strategy[:, lane]
        return tuple((odds / odds.sum()).tolist())
