"""Runs again: what the run.json of one says, as `train` takes it."""

import json
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from counterplay.agents import LEARNERS, presets
from counterplay.agents.log import RUN_FILE
from counterplay.api.against import digest
from counterplay.engine import arguments
from counterplay.engine.catalogue import is_own
from counterplay.engine.compiling import tell
from counterplay.engine.errors import UserError
from counterplay.engine.files import MOST_TEXT, read_bytes
from counterplay.engine.schema import RunHeader
from counterplay.games.envs import ENVS

_T = TypeVar("_T")


class Config(NamedTuple):
    """What a run was begun with."""

    learner: str
    env: Any
    settings: dict[str, Any]
    rest: dict[str, Any]  # of `train`'s arguments, by name

    def given(self, own: "_T | None", name: str) -> "_T | None":
        """Return what is given by hand, else what the run had."""
        return own if own is not None else self.rest.get(name)


def configured(config: str | Path, learner: str | None, env: Any, settings: dict[str, Any], resume: Any) -> Config:
    """Return what the run in a folder, or of a run.json, was begun with, and what is given by hand in its place.

    No file makes us import what is somebody's own: a learner, an environment or a class of settings that is has to be
    named again. Raises `ValueError` where it is not, for what is no such file, and for a run that is resumed.
    """
    if resume is not None:
        raise UserError("a run is resumed, or another's config repeated: give one of resume and config")
    place = arguments.path("config", config)
    place = place / RUN_FILE if place.is_dir() else place
    try:
        data = read_bytes(place, MOST_TEXT)
        about = msgspec.json.decode(data, type=RunHeader)
        preset = json.loads(data).get("preset")
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise UserError(f"{place} is no {RUN_FILE} of a run: {error}") from None
    named = learner if learner is not None else about.learner
    if learner is None:
        LEARNERS.check_own(about.learner)
    if env is None and ENVS.imports_own(about.env):
        raise UserError(f"{place} is of {about.env}, which is somebody's own: name it yourself, after the learner")
    for name, value in about.settings.items():
        if isinstance(value, str) and is_own(value) and name not in settings:
            raise UserError(f"{place} has {name}={value}, which is somebody's own: name it yourself ({name}=, --set)")
    rest: dict[str, Any] = {"seed": about.seed, "preset": preset if preset in presets.names() else presets.NONE}
    rest |= msgspec.structs.asdict(about.plan)
    if about.against is not None:
        rest |= {"sides": _same(about.against.sides, about.against.digests), "seat": about.against.seat}
    if about.init_from is not None:
        rest |= {"init_from": _same([about.init_from.folder], [about.init_from.digest])[0]}
    return Config(named, about.env if env is None else env, {**about.settings, **settings}, rest)


def _same(names: list[str], digests: list[str]) -> list[str]:
    """Return names of files and folders, and tell of those that are not what they were."""
    for name, before in zip(names, digests, strict=True):
        if before and digest(name) != before:
            tell(f"{name} has changed since the run was begun with it: it will not be the same")
    return names
