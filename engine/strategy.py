"""Strategies: behaviour probabilities as a table over the tree, and as the flat vector that kernels take.

The table is [R, W]: a row for each action of each information set (`tree.first`), a column for each lane. It is what
is saved, shown and compared. The vector is [S * W] over the sequences of one `SequenceForm`.
"""

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError
from counterplay.engine.factored import FactoredForm
from counterplay.engine.form import SequenceForm
from counterplay.engine.schema import is_mix
from counterplay.engine.tree import Tree

Table = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


def uniform(tree: Tree) -> Table:
    """Return the strategy of all players that gives every action the same probability, [R, W]."""
    sizes = np.diff(tree.first)
    return np.repeat(1.0 / sizes, sizes)[:, None].repeat(tree.lanes, axis=1)


def random(tree: Tree, rng: np.random.Generator) -> Table:
    """Return a strategy drawn uniformly at random from each information set's simplex, [R, W]."""
    weights = rng.exponential(size=(tree.rows, tree.lanes))
    totals = np.add.reduceat(weights, tree.first[:-1], axis=0)
    return weights / totals.repeat(np.diff(tree.first), axis=0)


def check(tree: Tree, table: Table) -> Table:
    """Return the table if it is a strategy of the tree; raise `ValueError` if not."""
    if table.shape != (tree.rows, tree.lanes):
        raise UserError(f"the game's strategies have shape {(tree.rows, tree.lanes)}, not {table.shape}")
    if not is_mix(table, tree.first):
        raise UserError("a strategy's probabilities must be non-negative and sum to 1 at every information set")
    return table


def is_profile(form: SequenceForm | FactoredForm, vector: Vector) -> bool:
    """Tell whether a vector [S * W] has probabilities at every decision, in lanes that pad too."""
    empties = len(form.origin)
    rows = vector.reshape(form.sequences, -1)[empties:]
    return is_mix(rows, form.first.astype(np.int64) - empties)


def to_vector(form: SequenceForm, table: Table) -> Vector:
    """Return the strategy as kernels take it, [S * W]; lanes that pad and empty sequences are zero."""
    vector = np.zeros((form.sequences, form.origin.shape[1]))
    empties = form.empties
    vector[empties:, : form.width] = table.reshape(-1, form.width)[form.row[empties:]]
    return vector.ravel()


def to_table(form: SequenceForm, tree: Tree, vector: Vector) -> Table:
    """Return the strategy as a table, [R, W]; single actions, which the form left out, have probability 1."""
    table = uniform(tree)
    empties = form.empties
    flat = table.reshape(-1, form.width)
    flat[form.row[empties:]] = vector.reshape(form.sequences, -1)[empties:, : form.width]
    return table
