"""The catalogue of learners.

A new learner is one file in this folder and one `Entry` here; modules are imported when a learner of theirs is asked
for.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, get_type_hints

from counterplay.agents.names import hint_of_setting
from counterplay.engine import spec
from counterplay.engine.catalogue import Catalogue, Entry
from counterplay.engine.errors import UserError

if TYPE_CHECKING:
    from counterplay.agents.learner import Learner
    from counterplay.engine.env import EnvSpec


_Q, _QTRAN = "counterplay.agents.q_learning:QLearning", "counterplay.agents.qtran:QTRAN"
_COMA, _PPO = "counterplay.agents.coma:COMA", "counterplay.agents.ppo:PPO"
_DQN = "counterplay.agents.dqn:DQN"
_RAINBOW: dict[str, object] = {
    "double": True,
    "dueling": True,
    "n_step": 3,
    "priority": 0.5,
    "noisy": True,
    "atoms": 51,
}
_DDPG, _SAC = "counterplay.agents.ddpg:DDPG", "counterplay.agents.sac:SAC"
_TWO = {"critics": 2, "policy_every": 2, "target_noise": 0.2}
_TRPO = "counterplay.agents.trpo:TRPO"
_A2C = {"epochs": 1, "minibatches": 1, "gae_lambda": 1.0, "scale_advantages": False, "value_clip": 0.0}


def _entry(name: str, target: str, summary: str, **preset: object) -> Entry:
    return Entry(name, target, summary, (name,), preset)


# An entry's target is the learner's class, whose annotation `settings` (its own, or its constructor's) is the dataclass
# of what can be set of it.
LEARNERS = Catalogue(
    kind="learner",
    hint="counterplay.agents.names:hint_of_learner",
    group="counterplay.learners",
    entries=(
        _entry("iql", _Q, "Independent Q-learning: every agent for itself", mixer="none"),
        _entry("vdn", _Q, "VDN: the team's value is the sum of the agents'", mixer="vdn"),
        _entry("qmix", _Q, "QMIX: the team's value rises with each agent's, as the state says", mixer="qmix"),
        _entry("qtran", _QTRAN, "QTRAN-base: a free joint value, and agents' values with the same best actions"),
        _entry(
            "qtran_alt",
            _QTRAN,
            "QTRAN-alt: QTRAN with a tighter, counterfactual constraint on the agents' values",
            counterfactual=True,
        ),
        _entry(
            "wqmix",
            "counterplay.agents.wqmix:WQMIX",
            "Weighted QMIX: a monotone mix that trusts what went as well as a free joint value says",
        ),
        _entry(
            "pqn",
            "counterplay.agents.pqn:PQN",
            "PQN: Q-learning from what was just played, without replay or targets; mixer=vdn for teams",
        ),
        _entry("coma", _COMA, "COMA: what an agent did against what it might have done alone"),
        _entry("mappo", _PPO, "MAPPO: clipped policy gradients, one critic that sees the state", central=True),
        _entry("ippo", _PPO, "IPPO: clipped policy gradients, every agent for itself", central=False),
        _entry("a2c", _PPO, "A2C: one step of policy gradient, one critic that sees the state", central=True, **_A2C),
        _entry("ia2c", _PPO, "Independent A2C: one step, every agent for itself", central=False, **_A2C),
        _entry("dqn", _DQN, "DQN from single moves, each agent for itself; what was added to it are settings"),
        _entry("d3qn", _DQN, "D3QN: double and dueling DQN", double=True, dueling=True),
        _entry(
            "rainbow",
            _DQN,
            "Rainbow: DQN with all that was added to it, distributions and noisy layers included",
            epsilon_start=0.0,
            epsilon_end=0.0,
            **_RAINBOW,
        ),
        _entry("ddpg", _DDPG, "DDPG: actors of one action, led by a critic of it", critics=1),
        _entry(
            "td3", _DDPG, "TD3: DDPG that believes the lesser of two critics, near an action, and acts later", **_TWO
        ),
        _entry("sac", _SAC, "SAC: random actors that are paid for staying random"),
        _entry(
            "maddpg",
            _DDPG,
            "MADDPG: DDPG with critics that see the state and all agents' actions",
            central=True,
            critics=1,
            penalty=1e-3,
        ),
        _entry("matd3", _DDPG, "MATD3: TD3 with critics that see the state and all actions", central=True, **_TWO),
        _entry("masac", _SAC, "MASAC: SAC with critics that see the state and all actions", central=True),
        _entry(
            "reinforce",
            "counterplay.agents.reinforce:Reinforce",
            "REINFORCE: actions count for what was paid to the end, with a baseline or without (baseline=false)",
        ),
        _entry("trpo", _TRPO, "TRPO: the largest step within a trust region, every agent for itself", central=False),
        _entry(
            "hatrpo",
            _TRPO,
            "HATRPO: agents step one after another, each within a trust region of its own",
            central=True,
            sequential=True,
            shared=False,
        ),
        _entry("grpo", "counterplay.agents.grpo:GRPO", "GRPO: episodes count against others from the same start"),
        _entry(
            "vrpo", "counterplay.agents.vrpo:VRPO", "VRPO: PPO by central action values, without drawn actions' noise"
        ),
        _entry(
            "mdpo",
            _PPO,
            "MDPO: policy gradients held by the relative entropy to the last policies, not by clipping",
            central=False,
            ratio_clip=0.0,
            proximity=1.0,
        ),
        _entry(
            "magnetic_ppo",
            _PPO,
            "Magnetic PPO: policies are drawn to a magnet, so that self-play settles; magnetic mirror descent",
            central=True,
            magnet=0.4,
            entropy=0.0,
        ),
        _entry(
            "pgpe",
            "counterplay.agents.pgpe:PGPE",
            "PGPE: whole policies drawn around a centre, without gradients, a generation in one batch",
        ),
        _entry(
            "deep_cfr",
            "counterplay.agents.deep_cfr:DeepCFR",
            "Deep CFR: networks learn the regrets of turn-based games too large for tables, from sampled traversals",
        ),
        _entry(
            "nfsp",
            "counterplay.agents.nfsp:NFSP",
            "NFSP: players respond to each other, and play the average of their best responses so far",
        ),
        _entry(
            "psro",
            "counterplay.agents.psro:PSRO",
            "PSRO: a population of policies that grows by best responses to the mixture that solves its meta-game",
        ),
        _entry(
            "rnad",
            "counterplay.agents.rnad:RNaD",
            "R-NaD: games changed by the distance from a policy of reference, which follows what is come to",
        ),
    ),
)


_NEEDED = ("envs", "begin", "act", "learn", "state", "restore")  # what `Learner` has


class Choice(NamedTuple):
    """A learner that a spec names: its entry, and the settings that the spec itself gives."""

    name: str
    entry: Entry
    given: Mapping[str, object]

    @property
    def preset(self) -> Mapping[str, object]:
        """What the name and the spec set of the settings."""
        return {**self.entry.preset, **self.given}

    def settings_type(self) -> type:
        """Import and return the settings' dataclass; raises `ValueError` for a class that has none."""
        learner: Any = self.entry.load()
        hints = {**get_type_hints(getattr(learner, "__init__", learner)), **get_type_hints(learner)}
        found: Any = hints.get("settings")
        if not isinstance(found, type) or not is_dataclass(found):
            raise UserError(f"{self.name} is no learner: its class annotates no `settings` with a dataclass")
        return found

    def with_settings(self, given: Mapping[str, object]) -> Any:
        """Return the settings, checked; raises `ValueError` for one that does not exist or does not fit."""
        known = {field.name for field in fields(self.settings_type())}
        for name in {**self.given, **given}:
            if name not in known and (hint := hint_of_setting(name, known)):
                raise UserError(f"{self.entry.name} has no setting {name!r}: {hint}")
        return spec.build(self.settings_type(), self.entry.name, {**self.preset, **given})

    def make(self, env: "EnvSpec", settings: Any, seed: int) -> "Learner":
        """Return a fresh learner; raises `ValueError` where the environment does not suit it, or it is none."""
        from counterplay.agents.learner import NeedsTeam

        try:
            learner: Learner = self.entry.load()(env, settings, seed)
        except NeedsTeam as error:
            others = ", ".join(alone())
            raise UserError(f"{error}, or a learner for rewards of one's own: {others}") from None
        missing = [name for name in _NEEDED if not hasattr(learner, name)]
        if missing:
            raise UserError(
                f"{self.name} is no learner yet: Learner of counterplay.agents.learner also has {', '.join(missing)}"
            )
        return learner


def alone() -> list[str]:
    """Return the names of the learners that learn from rewards of each agent's own: each is asked."""
    from counterplay.engine.env import EnvSpec

    small, found = EnvSpec(agents=2, actions=2, observation=1, state=1, limit=1, team=False), []
    for entry in LEARNERS.entries:
        try:
            entry.load()(small, Choice(entry.name, entry, {}).with_settings({}), 0)
        except UserError:  # it needs the team's rewards, or a game
            continue
        found.append(entry.name)
    return found


def find(text: str, *, own: bool = True) -> Choice:
    """Return the learner of a spec: a name, `package.module:Class`, either with settings in brackets.

    Raises `ValueError` with the closest and all names if there is none, and without `own` (for texts from files) for
    one's own.
    """
    if not own:
        LEARNERS.check_own(text)
    name, given = spec.parse(text)
    return Choice(text.strip(), LEARNERS.find(name), given)


def module(name: str) -> Any:
    """Import and return a module of this folder; raises `ValueError` where PyTorch is missing."""
    try:
        return import_module(f"counterplay.agents.{name}")
    except ModuleNotFoundError as error:
        if error.name == "torch":
            raise UserError('learners need PyTorch: pip install "counterplay[learn]"') from None
        raise
