"""The catalogue of environments, and the way from an environment's text to its task and back.

A new environment is one file in this folder and one `Entry` here; modules are imported when one of theirs is asked for.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

from counterplay import games
from counterplay.engine import spec
from counterplay.engine.env import Task


class Entry(NamedTuple):
    """An environment of the catalogue: `factory` is a dataclass or a function in `counterplay.games.envs.<module>`."""

    name: str
    module: str
    factory: str
    summary: str
    examples: tuple[str, ...]

    def load(self) -> Callable[..., Task]:
        """Import and return the factory."""
        loaded: Callable[..., Task] = getattr(import_module(f"counterplay.games.envs.{self.module}"), self.factory)
        return loaded


ENVS = (
    Entry(
        "climbing",
        "matrix",
        "climbing",
        "The climbing game: the best joint action lies beside the worst",
        ("climbing", "climbing(steps=1)"),
    ),
    Entry(
        "penalty",
        "matrix",
        "penalty",
        "The penalty game: two best joint actions, and a penalty k for missing each other",
        ("penalty", "penalty(k=-50)"),
    ),
    Entry(
        "qtran_matrix",
        "matrix",
        "qtran_matrix",
        "QTRAN's one-shot matrix game: no sum and no monotone mix of utilities fits it",
        ("qtran_matrix",),
    ),
    Entry(
        "matrix_game",
        "matrix",
        "MatrixGame",
        "Any cooperative matrix game, for any number of agents, once or repeatedly",
        ("matrix_game(payoffs=(1, 0, 0, 2))", "matrix_game(payoffs=(1, 0, 0, 2, 0, 3), shape=(3, 1, 2), steps=4)"),
    ),
    Entry(
        "two_step",
        "two_step",
        "TwoStep",
        "QMIX's two-step game: the first choice decides which matrix is played",
        ("two_step",),
    ),
    Entry(
        "switch",
        "switch",
        "Switch",
        "The switch riddle: prisoners share one light, and have to know when all have seen it",
        ("switch", "switch(agents=5)"),
    ),
    Entry(
        "predator_prey",
        "predator_prey",
        "PredatorPrey",
        "Predators on a grid catch prey in twos, and are fined for trying alone",
        ("predator_prey", "predator_prey(size=4, predators=3, prey=2, catchers=1, sight=3, steps=30)"),
    ),
    Entry(
        "spread",
        "spread",
        "Spread",
        "Simple spread: agents cover landmarks and stay out of each other's way, as in mpe2",
        ("spread", "spread(agents=2, reward=individual, steps=7)"),
    ),
    Entry(
        "foraging",
        "foraging",
        "Foraging",
        "Level-based foraging with lbforaging's rules; its ids, such as Foraging-8x8-2p-2f-coop-v3, are known too",
        ("foraging(coop=true)", "foraging(size=6, players=3, food=3, sight=1, penalty=0.1, reward=individual)"),
    ),
)


def find(name: str) -> Entry:
    """Return the catalogue's entry of that name; raise `ValueError` with the closest and all names if there is none."""
    for entry in ENVS:
        if entry.name == name:
            return entry
    names, turn_based = [entry.name for entry in ENVS], [entry.name for entry in games.GAMES]
    raise ValueError(
        f"there is no environment {name!r}{spec.suggestion(name, names + turn_based)}; the environments are "
        f"{', '.join(names)}, and the games {', '.join(turn_based)}, openspiel:NAME and pettingzoo:MODULE"
    )


def make_env(text: str) -> Task:
    """Return the task of a spec. Raises `ValueError`.

    A spec is a name of the catalogue with or without parameters (`spread(agents=5)`), an id of lbforaging's
    (`Foraging-8x8-2p-2f-coop-v3`), whatever `games.make` takes (a turn-based game, whose players become agents), or
    `pettingzoo:MODULE(parameters)`.
    """
    text = text.strip()
    if text.startswith("Foraging-"):
        from counterplay.games.envs import foraging

        return foraging.from_id(text)
    if text.startswith("pettingzoo:"):
        from counterplay.games.envs import pettingzoo

        return pettingzoo.load(text.removeprefix("pettingzoo:"))
    if games.is_game(text):
        from counterplay.games.envs.tree import TurnBased

        return TurnBased(games.make(text))
    name, parameters = spec.parse(text)
    return spec.build(find(name).load(), name, parameters)


def spec_of(task: Any) -> str | None:
    """Return the shortest spec from which `make_env` builds an equal task, or None if there is none."""
    if type(task).__module__ == "counterplay.games.envs.tree":
        try:
            return games.spec_of(task.rules)
        except ValueError:
            return None
    if type(task).__module__ == "counterplay.games.envs.pettingzoo":
        from counterplay.games.envs import pettingzoo

        return pettingzoo.spec_text(task)
    for entry in ENVS:
        text = spec.unparse(entry.load(), entry.name, task)
        if text is not None:
            return text
    return None
