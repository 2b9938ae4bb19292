"""Runs that begin with the networks of another one, read from its folder.

Of a team those of its agents, and with them the scale of what they observe, have to fit; critics, mixers and what else
learns beside them are taken where they fit, too. Optimisers, replays and counters are the new run's own.
"""

from collections.abc import Mapping
from typing import Any

from counterplay.agents.pgpe import PGPE
from counterplay.agents.rnad import RNaD
from counterplay.agents.saved import check_like
from counterplay.agents.team import Team
from counterplay.engine.errors import UserError

_NEEDED = ("agents", "deviations")  # of a team's networks: what agents play by
_WHOLE: dict[type, tuple[str, ...]] = {
    PGPE: ("centre", "deviation", "scale"),
    RNaD: ("policy", "critic", "slow"),
}  # what is taken of learners that are no teams


def begin_with(learner: Any, state: Mapping[str, Any], whose: str) -> list[str]:
    """Give a learner that has not begun the networks out of another's state; return the names of those left fresh.

    Raises `ValueError` where they do not fit, and changes nothing then.
    """
    fresh = learner.state()
    if not isinstance(learner, Team):
        names = _WHOLE.get(type(learner))
        if names is None:
            raise UserError("only learners with one set of networks begin with another's; others are resumed")
        if any(name not in state for name in names):
            raise UserError(f"{whose} is by another learner, whose networks are none of these")
        check_like({name: state[name] for name in names}, {name: fresh[name] for name in names}, whose)
        learner.restore({**fresh, **{name: state[name] for name in names}})
        return []
    theirs = state.get("networks"), state.get("scales")
    if not all(isinstance(part, Mapping) for part in theirs):
        raise UserError(f"{whose} is by another learner, whose networks are none of these")
    networks, scales = (_by_name(part) for part in theirs)  # type: ignore[arg-type]
    ours, our_scales = (_by_name(fresh[name]) for name in ("networks", "scales"))
    try:
        for name in (name for name in _NEEDED if name in ours):
            check_like(networks.get(name), ours[name], name)
        if learner.settings.scale_inputs:
            check_like(scales.get("obs"), our_scales["obs"], "the scale of observations")
    except UserError as error:
        raise UserError(
            f"the networks of {whose} do not fit ({error}): begin with a run of as many agents, observations and "
            "actions, and of the same layers"
        ) from error
    taken = [name for name in ours if _fits(networks.get(name), ours[name])]
    for name in taken:
        learner.networks[name].load_state_dict(networks[name])
    for name, part in our_scales.items():
        if _fits(scales.get(name), part) and (name != "values" or "critic" in taken):
            learner.scales.get_submodule(name).load_state_dict(scales[name])
    learner.ready()
    return [name for name in ours if name not in taken]


def _by_name(parts: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the parts of modules by the modules' names, `agents.first.weight` under `agents`."""
    found: dict[str, dict[str, Any]] = {}
    for key, part in parts.items():
        name, _, rest = str(key).partition(".")
        found.setdefault(name, {})[rest] = part
    return found


def _fits(theirs: Any, ours: Any) -> bool:
    try:
        check_like(theirs, ours, "")
    except UserError:
        return False
    return True
