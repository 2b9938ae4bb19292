"""A team in another environment than it was trained in: with more agents, or more to see, than it has known.

What agents play with is carried over, no more: critics, mixers and replays belong to the environment that they learned
in. It goes where nothing of it depends on how many agents or entities there are (`nn.bodies`: attention and graph).
"""

from typing import Any

import numpy as np

from counterplay.agents.run import Run
from counterplay.agents.team import Team
from counterplay.engine.env import EnvSpec, Task
from counterplay.engine.errors import UserError

_ACTING = ("agents", "deviations")  # of `Team.networks`


def elsewhere(run: Run, task: Task, env: str) -> Run:
    """Return a run whose agents are those of `run`, in another environment, which goes by `env`.

    Raises `ValueError` where the agents are made for their own environment's sizes, with the settings that are not.
    """
    learner = run.learner
    if not isinstance(learner, Team):
        raise UserError(f"{run.name} plays in the environment that it was trained in alone, which is {run.env}")
    _check(learner, task.spec, run.env, env)
    kind: Any = type(learner)
    there = kind(task.spec, run.settings, run.seed)
    for name in _ACTING:
        if name in learner.networks:
            kept, fresh = learner.networks[name].state_dict(), there.networks[name].state_dict()
            if {key: part.shape for key, part in kept.items()} != {key: part.shape for key, part in fresh.items()}:
                raise UserError(_sizes(learner, task.spec, run.env, env))
            there.networks[name].load_state_dict(kept)
    if learner.settings.scale_inputs:
        there.scales.obs.load_state_dict(learner.scales.obs.state_dict())
    there.steps = learner.steps
    rng = np.random.default_rng([run.seed, 0])
    return Run(
        run.name, env, run.settings, run.seed, there, task, rng, run.plan, run.steps, run.episodes, tasks=run.tasks
    )


def _check(team: Team, spec: EnvSpec, home: str, env: str) -> None:
    """Raise `ValueError` for what a setting binds to the environment that a team was trained in."""
    settings, ours = team.settings, team.spec
    if ours.kind != spec.kind or ours.actions != spec.actions:
        raise UserError(f"the agents were trained in {home}, whose actions are not those of {env}")
    if ours.agents != spec.agents and not settings.shared:
        raise UserError(
            f"shared=false gave each of the {ours.agents} agents a network, and {env} has {spec.agents}: train with "
            "shared=true and ids=false"
        )
    if ours.agents != spec.agents and settings.ids and max(ours.agents, spec.agents) > 1:
        raise UserError(
            f"ids=true told each of the {ours.agents} agents which it is, and {env} has {spec.agents}: train with "
            "ids=false"
        )
    if ours.observation != spec.observation and settings.scale_inputs:
        raise UserError(
            f"scale_inputs=true kept a scale for each of the {ours.observation} numbers of an observation, and {env} "
            f"shows {spec.observation}: train with scale_inputs=false"
        )


def _sizes(team: Team, spec: EnvSpec, home: str, env: str) -> str:
    """Return why networks do not fit."""
    return (
        f"the agents' networks (body={team.settings.body}) were made for the {team.spec.observation} numbers that "
        f"{home} shows, and {env} shows {spec.observation}, or others: train with body=attention, or body=graph, where "
        "an environment shows entities"
    )
