"""Presets: settings that were found to suit an environment, by learner, and those of papers (`agents.papers`).

`benchmarks/presets.py` measures those that were found.

A learner's defaults suit small tasks with frequent rewards. A row here says what else an environment needs, for some
learners: what to set, and how many steps its runs take to get there. Its settings are those of runs in that environment
unless others are given; what is set by hand comes first. A paper's are taken where they are asked for by name.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from counterplay.agents.papers import PAPERS
from counterplay.engine import arguments
from counterplay.engine.errors import UserError
from counterplay.engine.spec import suggestion

NONE = "none"  # in place of a preset's name: the learner's defaults

_STEPS = (
    "epsilon_steps",
    "lr_steps",
    "magnet_steps",
)  # settings that are a part of the run, and go along with its length
_INSTEAD = {"n_step": ("td_lambda", "gae_lambda"), "td_lambda": ("n_step",), "gae_lambda": ("n_step",)}


class Preset(NamedTuple):
    """What some learners are set to in an environment, or in a paper."""

    name: str  # of the environment, or of a paper's settings
    learners: tuple[str, ...]
    steps: int  # of a run, unless told otherwise
    settings: Mapping[str, object]
    source: str = ""  # of a paper's settings: where they stand
    differs: str = ""  # and what else is not as there

    def settings_for(self, given: Mapping[str, object], steps: int | None = None) -> dict[str, object]:
        """Return the settings of a run of that many steps, without those that are given and those that these replace.

        Exploration and learning rates fall over the same share of the run, whatever its length.
        """
        gone = set(given).union(*(_INSTEAD.get(name, ()) for name in given))
        share = 1.0 if steps is None else steps / self.steps
        return {
            name: max(1, round(value * share)) if name in _STEPS and isinstance(value, int) and value else value
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
# Policies soon take the sure 7, and have to try the other matrix for long enough to learn that it is worth 8.
_TRY = {"epsilon_start": 0.5, "epsilon_end": 0.02, "epsilon_steps": 10_000}
# A day is told from the next by memory alone.
_MEMORY = {"recurrent": True, "last_action": True}
_HUNT = {"pessimism": 0.1, "gamma": 0.95, "epsilon_steps": 80_000, "batch": 8, "warmup": 16}
# A single choice, paid at the end beside much that it did not cause: rewards where they were earned say what it is
# worth, and nothing that comes later does (gamma 0: "direct Q-value estimation" of RUDDER's authors).
_CREDIT: dict[str, bool | int | float | str] = {
    "credit": "rudder",
    "gamma": 0.0,
    "lr": 2e-3,
    "envs": 16,
    "epsilon_steps": 50_000,
}
# What is new pays, as what the environment pays is far away; learners from replay, six updates an episode.
_FAR: dict[str, bool | int | float | str] = {
    "batch": 16,
    "envs": 8,
    "warmup": 16,
    "updates": 6.0,
    "lr": 1e-3,
    "scale_rewards": False,
}
_FAR |= {"epsilon_steps": 20_000}
_NEW: dict[str, bool | int | float | str] = {"novelty": "counts", "curiosity": 0.1}
# Nearly purejaxql's own of CartPole: many small updates, slowly (64 minibatches of 128 moves an update).
_POLE = {"rollout": 64, "epochs": 4, "minibatches": 16, "hidden": 128, "lr": 2e-4, "td_lambda": 0.95}
_POLE |= {"epsilon_steps": 50_000, "scale_rewards": False}

# Torques matter soon or never, and what was played is worth going through ten times.
_SWING = {"envs": 16, "gamma": 0.9, "epochs": 10, "entropy": 0.0, "lr_steps": 200_000}
# One decision: small networks, one step of gradient each time, and a magnet that stays uniform as the equilibrium is.
_SETTLE = {"envs": 64, "hidden": 8, "lr": 1e-2, "epochs": 1, "minibatches": 1, "gamma": 1.0, "lr_steps": 40_000}
# A game of a dozen decisions: as in the larger one below, in small.
_FEW: dict[str, bool | int | float | str] = {
    "envs": 512,
    "epochs": 5,
    "minibatches": 1,
    "merge": True,
    "hidden": 32,
    "gamma": 1.0,
    "entropy": 0.0,
    "clip": 1000.0,
    "lr": 2e-3,
    "critic_lr": 5e-3,
    "lr_steps": 625_000,
    "ratio_clip": 0.0,
    "value_clip": 0.0,
    "proximity": 5.0,
    "proximity_end": 20.0,
    "magnet": 0.2,
    "magnet_end": 0.05,
    "magnet_steps": 500_000,
    "average": 0.01,
    "scale_inputs": False,
    "scale_rewards": False,
    "scale_advantages": False,
}
# Many deals an update, gone through until policies are where proximity lets them go: steps that stop short break out.
# The uniform magnet falls slowly from where all is played often, and what plays is an average without the noise.
_ANNEAL: dict[str, bool | int | float | str] = {
    "envs": 8192,
    "epochs": 10,
    "minibatches": 1,
    "merge": True,
    "gamma": 1.0,
    "gae_lambda": 1.0,
    "clip": 1000.0,
    "lr": 1e-3,
    "critic_lr": 2e-3,
    "lr_steps": 437_500_000,
    "ratio_clip": 0.0,
    "value_clip": 0.0,
    "proximity": 50.0,
    "proximity_end": 250.0,
    "magnet": 0.7,
    "magnet_end": 0.1,
    "magnet_steps": 350_000_000,
    "average": 4e-4,
    "scale_inputs": False,
    "scale_rewards": False,
    "scale_advantages": False,
}

# An Ornstein-Uhlenbeck process whose swings are about as long as the car's come to the top nine times in ten.
_HILL: dict[str, bool | int | float | str] = {
    "noise": "ou",
    "noise_size": 0.3,
    "noise_pull": 0.05,
    "random_steps": 0,
    "updates": 0.25,
}

_COVER: dict[str, bool | int | float | str] = {"gamma": 0.95, "updates": 0.1, "batch": 256}

PRESETS = (
    Preset("climbing", _Q, 10_000, _BOLD),
    Preset("climbing", (*_PPO, "hatrpo"), 40_000, _SURE),
    Preset("climbing", ("qtran", "qtran_alt"), 10_000, _QUICK),
    Preset("penalty", ("iql",), 10_000, _BOLD),
    Preset("penalty", (*_PPO, "hatrpo"), 40_000, _SURE),
    Preset("penalty", ("qtran",), 10_000, _QUICK),
    Preset("qtran_matrix", ("qtran", "qtran_alt"), 2400, _UNIFORM | {"lr": 2e-3}),
    Preset("two_step", ("vdn", "qmix"), 6000, _UNIFORM | {"target_rate": 0.1}),
    Preset("two_step", ("coma",), 20_000, _TRY),
    Preset("two_step", ("ia2c",), 20_000, {"envs": 8, "lr": 5e-3, "critic_lr": 5e-3}),
    Preset("switch", _Q, 100_000, _MEMORY | {"updates": 0.25, "lr": 1e-3, "epsilon_steps": 50_000}),
    Preset("switch", _PPO, 200_000, _MEMORY),
    Preset("predator_prey", _Q, 200_000, _HUNT),
    Preset("predator_prey", ("mappo",), 600_000, {"pessimism": 0.1}),
    Preset("foraging", ("vdn", "qmix"), 2_000_000, {"gamma": 0.9}),
    Preset("foraging", ("coma",), 4_000_000, {"gamma": 0.9}),
    Preset("foraging", ("mappo",), 500_000, {}),
    Preset("cartpole", ("pqn",), 200_000, _POLE),
    Preset("cartpole", ("pgpe",), 200_000, {"pairs": 16, "episodes": 2}),
    # Long episodes of a continuous force: many generations count, and few episodes of each policy do.
    Preset("swing_up", ("pgpe",), 100_000_000, {"pairs": 128, "episodes": 1}),
    Preset("corridor", ("iql",), 40_000, _FAR | _NEW),
    Preset("watch_repair", ("pqn",), 200_000, _CREDIT),
    Preset("cartpole", ("reinforce", "a2c"), 150_000, {"envs": 4, "lr": 5e-3, "critic_lr": 5e-3, "lr_steps": 150_000}),
    Preset("cartpole", ("grpo",), 300_000, {"envs": 16, "lr": 3e-3}),
    Preset("cartpole", ("ippo", "mdpo"), 100_000, {"envs": 8, "lr": 2e-3, "critic_lr": 2e-3, "lr_steps": 100_000}),
    Preset("cartpole", ("trpo",), 100_000, {"envs": 8, "max_kl": 0.02}),
    # Its force is found by pushing hard at random, which the continuous form needs.
    Preset("mountain_car", ("trpo",), 150_000, {"envs": 16, "max_kl": 0.02, "deviation": 2.0}),
    Preset("pendulum", ("ippo",), 200_000, _SWING),
    Preset("kuhn", ("vrpo",), 500_000, _FEW),
    Preset("leduc", ("magnetic_ppo",), 350_000_000, _ANNEAL),
    # Pots are up to 13, and a divergence has to count beside them.
    Preset("leduc", ("rnad",), 3_500_000, {"eta": 1.0, "lr": 2e-3}),
    Preset("rock_paper_scissors", ("magnetic_ppo",), 40_000, _SETTLE),
    Preset("pendulum", ("ddpg", "td3", "sac"), 20_000, {}),
    Preset("mountain_car", ("td3",), 40_000, _HILL),
    Preset("spread", ("maddpg", "masac"), 600_000, _COVER),
    Preset("spread", ("matd3",), 600_000, _COVER | {"penalty": 0.001, "hidden": 128, "lr": 5e-4}),
    Preset("cartpole", ("dqn", "d3qn"), 50_000, {}),
    Preset("cartpole", ("rainbow",), 50_000, {"value_low": 0.0, "value_high": 100.0}),
)


PUBLISHED = tuple(Preset(*row) for row in PAPERS)


def names() -> list[str]:
    """Return the presets' names, each once."""
    return list(dict.fromkeys(preset.name for preset in PRESETS + PUBLISHED))


def no_preset(name: str) -> str:
    """Return a sentence for a name that is no preset's, with those that exist."""
    known = names()
    return f"there is no preset {name[:80]!r}{suggestion(name, [*known, NONE])}; the presets are {', '.join(known)}"


def presets_of(learner: str) -> Iterator[Preset]:
    """Yield the presets of a learner."""
    return (preset for preset in PRESETS + PUBLISHED if learner in preset.learners)


def choose(asked: str | None, env: str, learner: str) -> Preset | None:
    """Return the preset of a learner in an environment, or the one that is asked for by its name; None for none.

    Raises `UserError` for a name that is no preset's, and where that preset says nothing of the learner.
    """
    name = env if asked is None else arguments.text("preset", asked).strip()
    found = next((preset for preset in presets_of(learner) if preset.name == name), None)
    if found is not None or asked is None or name == NONE:
        return found
    if name not in names():
        raise UserError(f"{no_preset(name)}, and {NONE} for the learner's defaults")
    has = [preset.name for preset in presets_of(learner)]
    about = f"it has {', '.join(has)}" if has else "it has none"
    raise UserError(f"the preset {name} says nothing of {learner}: {about}; {NONE} takes the learner's defaults")
