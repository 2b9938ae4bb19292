"""Gymnasium's environments as tasks, of one agent or of several as tuples: `gymnasium:rware:rware-tiny-2ag-v2`.

They are played as PettingZoo's are (`pettingzoo`), copy by copy.
"""

import re
from dataclasses import dataclass
from typing import Any

from counterplay.engine.errors import UserError
from counterplay.games.foreign.pettingzoo import Named, Parallel, parameters_of

PREFIX = "gymnasium:"
_PACKAGES = ("", "gymnasium", "lbforaging", "rware")  # whose modules a file may name


@dataclass(frozen=True)
class Registered(Named):
    """An id of Gymnasium's registry, which `module` is imported for, unless that is empty."""

    prefix = PREFIX
    known = _PACKAGES
    kind = "Gymnasium"

    def __call__(self) -> Any:
        try:
            import gymnasium

            if self.module:
                self.bring()
        except ModuleNotFoundError as error:
            raise UserError(f"cannot import {error.name!r} for {self}: pip install it") from None
        if self.attribute not in gymnasium.registry:
            raise UserError(
                f"Gymnasium knows no {self.attribute!r}; name the module that registers it, as in "
                "gymnasium:rware:rware-tiny-2ag-v2"
            )
        return gymnasium.make(self.attribute, disable_env_checker=True, **dict(self.parameters))

    @property
    def where(self) -> str:
        return f"{self.module}:{self.attribute}" if self.module else self.attribute


def read(text: str) -> Parallel:
    """Return the task of a spec: `gymnasium:ID(parameter=value, ...)` or `gymnasium:MODULE:ID(...)`.

    `MODULE` is imported, so that it can register the id. The parameters are the environment's, save `reward`, `limit`,
    `workers` and `pad`, which are `pettingzoo.Parallel`'s.
    """
    where, given, ours = parameters_of(text, PREFIX)
    found = re.fullmatch(r"(?:(\w+(?:\.\w+)*):)?([\w.-]+(?:/[\w.-]+)*)", where)
    if not found:
        raise UserError(f"cannot read {text.strip()!r}; write an id such as gymnasium:rware:rware-tiny-2ag-v2")
    return Parallel(Registered(found[1] or "", found[2], tuple(given.items())), **ours)


def imports_own(text: str) -> bool:
    """Tell whether a spec names a module of somebody's own."""
    made = read(text).make
    assert isinstance(made, Registered)
    return made.module.partition(".")[0] not in _PACKAGES
