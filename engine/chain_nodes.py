"""The betting of all streets of a chain (`engine.runouts`), node by node: what a walk in the order of play needs.

The walker of `solvers.streets` takes a street's decisions of one player after another; who wants to know what may
follow an action takes these.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.streets import Boards

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]

FOLD, SHOWDOWN, DEAL = 2, 3, 4  # kinds of nodes, beside who acts, 0 or 1


class Nodes(NamedTuple):
    """Nodes in preorder, N of them; a street's first node follows the DEAL that leads to it."""

    kind: I64  # [N]
    parent: I64  # [N] -1 at the root
    slot: I64  # [N] which action of its parent led to it; a fold is the first
    size: I64  # [N] nodes of the subtree, itself included
    depth: I64  # [N]
    level: I64  # [N] board of the chain
    actions: I64  # [N] of a decision, else 0
    part: I64  # [N] where a decision's entries of cell 0 begin in the tables
    each: I64  # [N] how far the next cell's are
    pays: F64  # [N, 3] what a fold pays each player; of others the winner, the loser, each of a tie, once called down


class Ahead(NamedTuple):
    """Full boards that are drawn to see how a hand may end."""

    boards: Boards  # first[b] .. first[b + 1] may follow board b of the chain
    first: I64  # [B + 1]
