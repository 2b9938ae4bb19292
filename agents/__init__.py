"""The catalogue of learners.

A new learner is one file in this folder and one `Entry` here; modules are imported when a learner of theirs is asked
for.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from counterplay.engine import spec

if TYPE_CHECKING:
    from counterplay.agents.learner import Learner
    from counterplay.engine.env import EnvSpec


class Entry(NamedTuple):
    """A learner: a class and its settings in `counterplay.agents.<module>`, and what it sets of them by its name."""

    name: str
    module: str
    learner: str
    settings: str
    summary: str
    preset: Mapping[str, object] = {}

    def load_settings(self) -> type:
        """Import and return the settings' dataclass."""
        found: type = getattr(module(self.module), self.settings)
        return found

    def with_settings(self, given: Mapping[str, object]) -> Any:
        """Return the settings, checked; raises `ValueError` for one that does not exist or does not fit."""
        return spec.build(self.load_settings(), self.name, {**self.preset, **given})

    def make(self, env: "EnvSpec", settings: Any, seed: int) -> "Learner":
        """Return a fresh learner; raises `ValueError` where the environment does not suit it."""
        learner: Learner = getattr(module(self.module), self.learner)(env, settings, seed)
        return learner


_Q = ("q_learning", "QLearning", "QLearningSettings")
_QTRAN = ("qtran", "QTRAN", "QTRANSettings")
_PPO = ("ppo", "PPO", "PPOSettings")
_A2C = {"epochs": 1, "minibatches": 1, "gae_lambda": 1.0, "scale_advantages": False, "value_clip": 0.0}

LEARNERS = (
    Entry("iql", *_Q, "Independent Q-learning: every agent for itself", {"mixer": "none"}),
    Entry("vdn", *_Q, "VDN: the team's value is the sum of the agents'", {"mixer": "vdn"}),
    Entry("qmix", *_Q, "QMIX: the team's value rises with each agent's, as the state says", {"mixer": "qmix"}),
    Entry("qtran", *_QTRAN, "QTRAN-base: a free joint value, and agents' values with the same best actions"),
    Entry(
        "qtran_alt",
        *_QTRAN,
        "QTRAN-alt: QTRAN with a tighter, counterfactual constraint on the agents' values",
        {"counterfactual": True},
    ),
    Entry("coma", "coma", "COMA", "COMASettings", "COMA: what an agent did against what it might have done alone"),
    Entry("mappo", *_PPO, "MAPPO: clipped policy gradients, one critic that sees the state", {"central": True}),
    Entry("ippo", *_PPO, "IPPO: clipped policy gradients, every agent for itself", {"central": False}),
    Entry("a2c", *_PPO, "A2C: one step of policy gradient, one critic that sees the state", {"central": True, **_A2C}),
    Entry("ia2c", *_PPO, "Independent A2C: one step, every agent for itself", {"central": False, **_A2C}),
)


def find(name: str) -> Entry:
    """Return the learner of that name; raises `ValueError` with the closest and all names if there is none."""
    for entry in LEARNERS:
        if entry.name == name:
            return entry
    names = [entry.name for entry in LEARNERS]
    raise ValueError(f"there is no learner {name!r}{spec.suggestion(name, names)}; the learners are {', '.join(names)}")


def module(name: str) -> Any:
    """Import and return a module of this folder; raises `ValueError` where PyTorch is missing."""
    try:
        return import_module(f"counterplay.agents.{name}")
    except ModuleNotFoundError as error:
        if error.name == "torch":
            raise ValueError('learners need PyTorch: pip install "counterplay[learn]"') from None
        raise
