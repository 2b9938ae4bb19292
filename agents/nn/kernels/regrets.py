"""Regret matching with discounts over batches of lane tables: one launch for all decisions of a level, in all tables.

The step is that of `solvers/cfr.py`, for the rows of `solvers/variants.py`:

    Q <- (Q + r) * pos where that is positive, * neg elsewhere     regrets; r is the instantaneous one
    sigma <- [Q + step * r]+ , normalised                          uniform where nothing is positive
    total <- total * avg + plan                                    the numerator of the average strategy

Shape letters: B tables (boards, games), S rows (actions, those of a decision one after another), D decisions, W lanes.
"""

from itertools import pairwise

import torch
from torch import Tensor

from counterplay.agents.nn.kernels import by_kernel, triton_is_there
from counterplay.engine.errors import UserError

LANES = 128  # that a program takes


def match(
    value: Tensor, regret: Tensor, sigma: Tensor, total: Tensor, plan: Tensor, first: Tensor, factors: Tensor, most: int
) -> Tensor:
    """Change regrets, strategies and totals [B, S, W] in place; return what each decision is worth, [B, D, W].

    `value` are the actions' counterfactual values and `plan` what the average takes, both [B, S, W]; `first`, [D + 1],
    the rows where decisions begin, ended by the last one's end; `factors` are pos, neg, avg and step; `most` is how
    many actions a decision has at the most. All are 32-bit floats, `first` 32-bit whole numbers. A game's levels are
    walked from the last to the first, each with its own `first`. Raises `UserError` for shapes that differ.
    """
    tables = regret, sigma, total, plan
    if value.dim() != 3 or any(table.shape != value.shape or not table.is_contiguous() for table in tables):
        raise UserError("regret matching takes contiguous tables [B, S, W] of one shape")
    run = launch if by_kernel(value) else reference
    return run(value.contiguous(), regret, sigma, total, plan, first, factors, most)


def reference(
    value: Tensor, regret: Tensor, sigma: Tensor, total: Tensor, plan: Tensor, first: Tensor, factors: Tensor, most: int
) -> Tensor:
    """Do the same by PyTorch's operations."""
    (pos, neg, avg, step), bounds = factors.unbind(), first.tolist()
    worth = value.new_empty(value.shape[0], len(bounds) - 1, value.shape[2])
    for decision, (begin, end) in enumerate(pairwise(bounds)):
        rows = slice(begin, end)
        earned = (sigma[:, rows] * value[:, rows]).sum(dim=1, keepdim=True)
        worth[:, decision] = earned[:, 0]
        now = value[:, rows] - earned
        kept = regret[:, rows] + now
        kept = kept * torch.where(kept > 0, pos, neg)
        regret[:, rows] = kept
        wanted = (kept + step * now).clamp(min=0)
        norm = wanted.sum(dim=1, keepdim=True)
        sigma[:, rows] = torch.where(norm > 0, wanted / torch.where(norm > 0, norm, 1.0), 1.0 / (end - begin))
        total[:, rows] = total[:, rows] * avg + plan[:, rows]
    return worth


def launch(
    value: Tensor, regret: Tensor, sigma: Tensor, total: Tensor, plan: Tensor, first: Tensor, factors: Tensor, most: int
) -> Tensor:
    """Run the kernel."""
    (batch, rows, lanes), decisions = value.shape, len(first) - 1
    worth = value.new_empty(batch, decisions, lanes)
    if worth.numel():
        shape = constants(most)
        grid = (batch, decisions, -(-lanes // LANES))
        kernel[grid](value, regret, sigma, total, plan, first, factors, worth, rows, decisions, lanes, **shape)
    return worth


def constants(most: int) -> dict[str, int]:
    """Return the kernel's constants."""
    return {"MOST": 1 << max(most - 1, 0).bit_length(), "LANES": LANES}


if triton_is_there():
    import triton.language as tl
    from triton import jit

    @jit
    def kernel(
        value,  # [B, S, W], and so the next four
        regret,
        sigma,
        total,
        plan,
        first,  # [D + 1]
        factors,  # pos, neg, avg, step
        worth,  # [B, D, W]
        rows,  # S
        decisions,  # D
        lanes,  # W
        MOST: tl.constexpr,
        LANES: tl.constexpr,
    ):  # pragma: no cover
        """Take one decision of one table, LANES lanes of it: its actions are rows of a block."""
        table, decision = tl.program_id(0).to(tl.int64), tl.program_id(1)
        lane = tl.program_id(2) * LANES + tl.arange(0, LANES)
        begin, action = tl.load(first + decision), tl.arange(0, MOST)
        count = tl.load(first + decision + 1) - begin
        there = (action < count)[:, None] & (lane < lanes)[None, :]
        at = (table * rows + begin + action[:, None]) * lanes + lane[None, :]
        pos, neg, avg, step = tl.load(factors), tl.load(factors + 1), tl.load(factors + 2), tl.load(factors + 3)
        values = tl.load(value + at, mask=there, other=0.0)
        earned = tl.sum(tl.load(sigma + at, mask=there, other=0.0) * values, 0)
        tl.store(worth + (table * decisions + decision) * lanes + lane, earned, mask=lane < lanes)
        now = tl.where(there, values - earned[None, :], 0.0)
        kept = tl.load(regret + at, mask=there, other=0.0) + now
        kept = kept * tl.where(kept > 0, pos, neg)
        tl.store(regret + at, kept, mask=there)
        wanted = tl.maximum(kept + step * now, 0.0)
        norm = tl.sum(wanted, 0)[None, :]
        matched = tl.where(norm > 0, wanted / tl.where(norm > 0, norm, 1.0), 1.0 / count)
        tl.store(sigma + at, matched, mask=there)
        sums = tl.load(total + at, mask=there, other=0.0) * avg + tl.load(plan + at, mask=there, other=0.0)
        tl.store(total + at, sums, mask=there)
