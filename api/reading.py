"""Reading solution files, apart from hold'em's: nothing is taken from a file that is no solution in itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from counterplay.api.factored_solution import FactoredSolution
from counterplay.api.tree_solution import TreeSolution
from counterplay.engine import schema
from counterplay.engine.errors import UserError
from counterplay.engine.store import Arrays
from counterplay.solvers import KEPT
from counterplay.solvers.run import Check, Method


def read(path: str | Path, arrays: Arrays, header: dict[str, Any]) -> TreeSolution:
    """Return the solution in a file whose arrays and header were read; raises `ValueError` for one that is damaged."""
    with _damaged(path):
        return _tree(arrays, schema.convert(header, schema.SolutionHeader, "the header"))


def read_factored(path: str | Path, arrays: Arrays, header: dict[str, Any]) -> FactoredSolution:
    """Return the solution in a file of a game that has no tree; raises `ValueError` for one that is damaged."""
    with _damaged(path):
        about = schema.convert(header, schema.FactoredHeader, "the header")
        kept = _kept(about)
        schema.check_names(arrays, ("strategy", *(f"state.{name}" for name in kept)), "the file")
        strategy = schema.part(arrays, "strategy", np.float64, (None,), "the file")
        if len(about.value) != 2 or schema.least(strategy) < 0 or strategy.max(initial=0.0) > 1 + 1e-6:
            raise UserError("a strategy of two players has probabilities from 0 to 1")
        return FactoredSolution(**_shared(arrays, about), strategy=strategy, infosets=about.infosets)


@contextmanager
def _damaged(path: str | Path) -> Iterator[None]:
    try:
        yield
    except UserError as error:
        raise UserError(f"{path} is a solution file with parts missing or damaged: {error}") from None


def _kept(header: schema.SolutionHeader) -> tuple[str, ...]:
    """Return which arrays a run of the algorithm keeps."""
    kept = KEPT.get(header.method.algorithm)
    if kept is None:
        raise UserError(f"there is no algorithm {header.method.algorithm!r}")
    return kept


def _shared(arrays: Arrays, header: schema.SolutionHeader) -> dict[str, Any]:
    """Return what solutions of every kind hold beside their strategy."""
    method, of = header.method, "the file"
    return {
        "game": header.game,
        "method": Method(method.algorithm, method.updates, method.temperature, method.horizon),
        "iterations": header.iterations,
        "seconds": header.seconds,
        "seed": header.seed,
        "stopped_by": header.stopped_by,
        "value": tuple(header.value),
        "best": tuple(header.best),
        "figures": header.figures,
        "trace": tuple(Check(*point) for point in header.trace),
        "state": {name: schema.part(arrays, f"state.{name}", np.float64, (None,), of) for name in _kept(header)},
    }


def _tree(arrays: Arrays, header: schema.SolutionHeader) -> TreeSolution:
    """Return a solution of what a file holds, once it is one in itself; raises `ValueError` if not.

    Whether it fits the rules is seen when they are built (`fitting`, `restore` of the solvers).
    """
    players, of = len(header.value), "the file"
    texts = ("labels", "actions", "hands")
    known = ("strategy", "owner", "first", *texts, *(f"state.{name}" for name in _kept(header)))
    schema.check_names(arrays, known, of)
    for name in texts:
        if name not in arrays:
            raise UserError(f"it has no {name}")
    labels = tuple(schema.strings(arrays["labels"], "labels"))
    actions, hands = (tuple(map(tuple, schema.lists(arrays[name], name))) for name in texts[1:])
    if len(hands) != players or not all(hands) or len(actions) != len(labels) or not all(actions):
        raise UserError("labels, moves and hands differ in number")
    rows, lanes = sum(map(len, actions)), max(map(len, hands))
    owner = schema.part(arrays, "owner", np.int8, (len(labels),), of)
    first = schema.part(arrays, "first", np.int64, (len(labels) + 1,), of)
    strategy = schema.part(arrays, "strategy", np.float64, (rows, lanes), of)
    owned = not owner.size or 0 <= owner.min() <= owner.max() < players
    if not owned or not schema.offsets(first, list(map(len, actions))):
        raise UserError("information sets are of no player, or their rows do not follow each other")
    if not schema.is_mix(strategy, first):
        raise UserError("a strategy's probabilities must be non-negative and sum to 1 at every information set")
    return TreeSolution(
        **_shared(arrays, header),
        strategy=strategy,
        owner=owner,
        first=first,
        labels=labels,
        actions=actions,
        hands=hands,
    )
