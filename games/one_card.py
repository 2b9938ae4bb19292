"""One-card poker: Kuhn poker for two from a larger deck (Gordon 2005; solved by Koller and Pfeffer 1995 and 1997)."""

from counterplay.engine.errors import UserError
from counterplay.games.kuhn import Kuhn


def one_card(cards: int = 13) -> Kuhn:
    """Return one-card poker with a deck of `cards` different cards; with three it is Kuhn poker itself.

    Both ante one chip and get one card. The first player bets one chip or checks; the other folds or calls after the
    bet, and bets or checks after the check; the first then folds or calls. The higher card wins.
    """
    if not 2 <= cards <= 1000:
        raise UserError(f"cards must be 2 to 1000, not {cards}")
    return Kuhn(players=2, ranks=cards)
