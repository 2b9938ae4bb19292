"""Whether what is said of a run again is what it was begun with."""

from collections.abc import Mapping
from typing import Any

from counterplay.engine import spec
from counterplay.engine.catalogue import is_own
from counterplay.engine.errors import UserError


def same_name(given: str, kept: str) -> bool:
    """Tell whether two learners' specs are of one learner; a class of one's own may have moved to another module."""
    given, kept = (text.partition("(")[0].strip() for text in (given, kept))
    return given == kept or _moved(given, kept)


def _moved(given: object, kept: object) -> bool:
    if not (isinstance(given, str) and isinstance(kept, str) and is_own(given) and is_own(kept)):
        return False
    return given.partition(":")[2] == kept.partition(":")[2]


def same_settings(kind: type, kept: Mapping[str, object], given: Mapping[str, object], whose: str) -> Any:
    """Return the settings that a run was begun with; raise `ValueError` where those given again are others."""
    for name, value in given.items():
        if name not in kept:
            raise UserError(f"{whose} has {name}=(no such setting), not {value}")
    settings: Any = spec.build(kind, whose, {**kept, **given})
    for name, value in given.items():
        if getattr(settings, name) != kept[name] and not _moved(value, kept[name]):
            raise UserError(f"{whose} has {name}={kept[name]}, not {value}")
    return settings
