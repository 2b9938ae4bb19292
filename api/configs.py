"""Runs again: what the run.json of one says, as `train` takes it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from counterplay.agents import LEARNERS, presets
from counterplay.agents.log import FORMAT, RUN_FILE
from counterplay.api.against import digest
from counterplay.engine import arguments
from counterplay.engine.catalogue import is_own
from counterplay.engine.compiling import tell
from counterplay.engine.errors import UserError
from counterplay.engine.files import MOST_TEXT, read_bytes
from counterplay.engine.schema import RunHeader
from counterplay.games.envs import ENVS


def configured(config: str | Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return `train`'s arguments for the run in a folder, or of a run.json; what is `given` and not None comes first.

    No file makes us import what is somebody's own: a learner, an environment or a class of settings that is has to be
    named again. Raises `ValueError` where it is not, for what is no such file, and for a run that is resumed.
    """
    if given["resume"] is not None:
        raise UserError("a run is resumed, or another's config repeated: give one of resume and config")
    place = arguments.path("config", config)
    place = place / RUN_FILE if place.is_dir() else place
    try:
        data = read_bytes(place, MOST_TEXT)
        about = msgspec.json.decode(data, type=RunHeader)
        preset = json.loads(data).get("preset")
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise UserError(f"{place} is no {RUN_FILE} of a run: {error}") from None
    if about.format > FORMAT:
        raise UserError(f"{place} was written by a newer Counterplay; upgrade to read it")
    by_hand, own = given["settings"], "which is somebody's own: name it yourself"
    if given["learner"] is None:
        LEARNERS.check_own(about.learner)
    if given["env"] is None and ENVS.imports_own(about.env):
        raise UserError(f"{place} is of {about.env}, {own}, after the learner")
    for name, value in about.settings.items():
        if isinstance(value, str) and is_own(value) and name not in by_hand:
            raise UserError(f"{place} has {name}={value}, {own} ({name}=, --set)")
    was: dict[str, Any] = {"learner": about.learner, "env": about.env, "seed": about.seed}
    was |= {"preset": preset if preset in presets.names() else presets.NONE, **msgspec.structs.asdict(about.plan)}
    if about.against is not None:
        was |= {"against": _same(about.against.sides, about.against.digests), "seat": about.against.seat}
    if about.init_from is not None:
        was |= {"init_from": _same([about.init_from.folder], [about.init_from.digest])[0]}
    named = {name: value for name, value in given.items() if value is not None and name not in ("config", "settings")}
    return {**was, **named, **about.settings, **by_hand}


def _same(names: list[str], digests: list[str]) -> list[str]:
    """Return names of files and folders, and tell of those that are not what they were."""
    for name, before in zip(names, digests, strict=True):
        if before and digest(name) != before:
            tell(f"{name} has changed since the run was begun with it: it will not be the same")
    return names
