"""Presets: settings that were found to suit an environment, by learner; `benchmarks/presets.py` measures each of them.

A learner's defaults suit small tasks with frequent rewards. A row here says what else an environment needs, for some
learners: what to set, and how many steps its runs take to get there. Its settings are those of runs in that environment
unless others are given; what is set by hand comes first.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from counterplay.engine.errors import UserError
from counterplay.engine.spec import suggestion

NONE = "none"  # in place of a preset's name: the learner's defaults

_STEPS = ("epsilon_steps", "lr_steps")  # settings that are a part of the run, and go along with its length
_INSTEAD = {"n_step": ("td_lambda", "gae_lambda"), "td_lambda": ("n_step",), "gae_lambda": ("n_step",)}


class Preset(NamedTuple):
    """What some learners are set to in an environment."""

    name: str  # of the environment
    learners: tuple[str, ...]
    steps: int  # of a run, unless told otherwise
    settings: Mapping[str, bool | int | float | str]

    def settings_for(self, given: Mapping[str, object], steps: int | None = None) -> dict[str, object]:
        """Return the settings of a run of that many steps, without those that are given and those that these replace.

        Exploration and learning rates fall over the same share of the run, whatever its length.
        """
        gone = set(given).union(*(_INSTEAD.get(name, ()) for name in given))
        share = 1.0 if steps is None else steps / self.steps
        return {
            name: max(1, round(value * share)) if name in _STEPS and value and not isinstance(value, str) else value
            for name, value in self.settings.items()
            if name not in gone
        }


_Q, _PPO = ("iql", "vdn", "qmix"), ("mappo", "ippo")

# Games of one decision, played again and again: no step matters to the next, so that nothing that comes later has to be
# told apart from what an action paid. The best joint action lies beside the worst, hence the optimism.
_ALONE = {"gamma": 0.0, "pessimism": 0.01}
_QUICK = {"lr": 5e-3, "epsilon_steps": 6000}
_BOLD = _ALONE | _QUICK
_SURE = _ALONE | {"critic_lr": 5e-3}
# All joint actions equally often, for the values of the whole game.
_UNIFORM = {"epsilon_end": 1.0, "scale_rewards": False, "lr": 5e-3, "batch": 64, "warmup": 64, "updates": 0.25}
# A day is told from the next by memory alone.
_MEMORY = {"recurrent": True, "last_action": True}
_HUNT = {"pessimism": 0.1, "gamma": 0.95, "epsilon_steps": 80_000, "batch": 8, "warmup": 16}

# An Ornstein-Uhlenbeck process whose swings are about as long as the car's come to the top nine times in ten.
_SWING: dict[str, bool | int | float | str] = {
    "noise": "ou",
    "noise_size": 0.3,
    "noise_pull": 0.05,
    "random_steps": 0,
    "updates": 0.25,
}

PRESETS = (
    Preset("climbing", _Q, 10_000, _BOLD),
    Preset("climbing", _PPO, 40_000, _SURE),
    Preset("climbing", ("qtran", "qtran_alt"), 10_000, _QUICK),
    Preset("penalty", ("iql",), 10_000, _BOLD),
    Preset("penalty", _PPO, 40_000, _SURE),
    Preset("penalty", ("qtran",), 10_000, _QUICK),
    Preset("qtran_matrix", ("qtran", "qtran_alt"), 2400, _UNIFORM | {"lr": 2e-3}),
    Preset("two_step", ("vdn", "qmix"), 6000, _UNIFORM | {"target_rate": 0.1}),
    Preset("switch", _Q, 100_000, _MEMORY | {"updates": 0.25, "lr": 1e-3, "epsilon_steps": 50_000}),
    Preset("switch", _PPO, 200_000, _MEMORY),
    Preset("predator_prey", _Q, 200_000, _HUNT),
    Preset("predator_prey", ("mappo",), 600_000, {"pessimism": 0.1}),
    Preset("foraging", ("vdn", "qmix"), 2_000_000, {"gamma": 0.9}),
    Preset("foraging", ("coma",), 4_000_000, {"gamma": 0.9}),
    Preset("foraging", ("mappo",), 500_000, {}),
    Preset("pendulum", ("ddpg", "td3", "sac"), 20_000, {}),
    Preset("mountain_car", ("td3",), 40_000, _SWING),
    Preset("cartpole", ("dqn", "d3qn"), 50_000, {}),
    Preset("cartpole", ("rainbow",), 50_000, {"value_low": 0.0, "value_high": 100.0}),
    Preset("spread", ("maddpg", "matd3", "masac"), 200_000, {"gamma": 0.95, "updates": 0.1, "batch": 256}),
)


def names() -> list[str]:
    """Return the presets' names, each once."""
    return list(dict.fromkeys(preset.name for preset in PRESETS))


def presets_of(learner: str) -> Iterator[Preset]:
    """Yield the presets of a learner."""
    return (preset for preset in PRESETS if learner in preset.learners)


def choose(asked: str | None, env: str, learner: str) -> Preset | None:
    """Return the preset of a learner in an environment, or the one that is asked for by its name; None for none.

    Raises `UserError` for a name that is no preset's, and where that preset says nothing of the learner.
    """
    name = env if asked is None else asked.strip()
    found = next((preset for preset in presets_of(learner) if preset.name == name), None)
    if found is not None or asked is None or name == NONE:
        return found
    known = names()
    if name not in known:
        raise UserError(
            f"there is no preset {name[:80]!r}{suggestion(name, [*known, NONE])}; "
            f"the presets are {', '.join(known)}, and {NONE} for the learner's defaults"
        )
    has = [preset.name for preset in presets_of(learner)]
    about = f"it has {', '.join(has)}" if has else "it has none"
    raise UserError(f"the preset {name} says nothing of {learner}: {about}; {NONE} takes the learner's defaults")
