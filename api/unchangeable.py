"""What solutions of hold'em share: tables that cannot be changed, and that kernels take as they came."""

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from counterplay.api.solution import frozen


class Unchangeable:
    """The state of a frozen dataclass with a field `state`, made unchangeable, also in copies and pickles."""

    if TYPE_CHECKING:

        @property
        def state(self) -> Mapping[str, npt.NDArray[Any]]: ...

    def __post_init__(self) -> None:
        """Make the tables unchangeable; kernels, which are compiled for arrays that are not, have them as they came."""
        vars(self)["_held"] = dict(self.state)
        object.__setattr__(self, "state", MappingProxyType({name: frozen(a) for name, a in self.state.items()}))

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy or a pickle is made of, which is made unchangeable again."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        return {**found, "state": dict(self.state)}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        vars(self).update(kept)
        self.__post_init__()

    @property
    def held(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays of the state as kernels take them."""
        found: dict[str, npt.NDArray[Any]] = vars(self)["_held"]
        return found
