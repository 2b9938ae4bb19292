"""What goes by a name."""

from typing import Any

from counterplay.agents import LEARNERS
from counterplay.engine.catalogue import is_own
from counterplay.engine.errors import UserError
from counterplay.engine.spec import suggestion
from counterplay.games import GAMES
from counterplay.games.envs import ENVS


def list_games() -> list[str]:
    """Return the names of the games; `counterplay games` explains them."""
    return GAMES.names


def list_envs() -> list[str]:
    """Return the names of the environments, the games after them, whose players are agents there."""
    return ENVS.names + GAMES.names


def list_learners() -> list[str]:
    """Return the names of the learners."""
    return LEARNERS.names


def make(text: Any) -> Any:
    """Return the game or the environment that a spec such as "leduc(ranks=3)" or "climbing" names.

    A game's rules follow `counterplay.engine.rules`, a hold'em spot is a `Spot`, an environment a `Task` of
    `counterplay.engine.env`. Raises `ValueError` with what is close.
    """
    if not isinstance(text, str) or GAMES.knows(text):
        return GAMES.make(text)
    if is_own(text):
        try:
            return GAMES.make(text)
        except ValueError:  # no game: perhaps an environment
            return ENVS.make(text)
    if not ENVS.knows(text):
        close = suggestion(text.partition("(")[0].strip(), GAMES.names + ENVS.names)
        raise UserError(
            f"there is no game or environment {text.strip()!r}{close}; list_games() and list_envs() name all"
        )
    return ENVS.make(text)
