"""What showdowns and folds are worth to each hand, on a batch of boards: hundreds of hold'em rivers at once.

A sweep in order of strength, as that of `solvers/streets/leaves.py`. What an opponent's weaker hands weigh is a prefix
sum in that order, less the prefix sums of those hands that hold one of one's own cards: each card has its own list of
hands in order of strength. Where a hand stands in these lists is looked up once a board (`line_up`); a leaf then is
two scans and a few gathers.

Shape letters: B boards, L leaves, W own hands (lanes), O the other's hands, C cards.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from counterplay.agents.nn.kernels import by_kernel, triton_is_there
from counterplay.engine.errors import UserError

CARDS, HANDS = 64, 64  # room for cards, and for the hands of one: 52 and 51 of a whole deck


class LineUp(NamedTuple):
    """Who stands where on each board, for one player against the other; all 32-bit whole numbers."""

    order: Tensor  # [B, O] the other's hands from weak to strong; -1 in place of those that the board makes impossible
    lists: Tensor  # [B, CARDS, HANDS] the same hands by each card that they hold; -1 beyond
    ahead: Tensor  # [B, W, 2] how many of `order` are weaker, and how many not stronger
    held: Tensor  # [B, W, 2, 2] and so, of the lists of one's own two cards; -1 for impossible hands of one's own
    cards: Tensor  # [W, 2] one's own cards
    same: Tensor  # [W] which of the other's hands is of the same cards; -1 for none


def line_up(own: Tensor, other: Tensor, strength: Tensor, others: Tensor) -> LineUp:
    """Look up who stands where: cards [W, 2] and [O, 2], below 52, and strengths [B, W] and [B, O], -1 if impossible.

    Raises `UserError` for other shapes and cards.
    """
    many = len(strength)
    if own.shape[1:] != (2,) or other.shape[1:] != (2,) or int(torch.cat([own, other]).max()) >= CARDS:
        raise UserError("hands are pairs of cards below 52")
    if strength.shape != (many, len(own)) or others.shape != (many, len(other)):
        raise UserError("strengths are a row for each board, of a number for each hand")
    ranked, order = others.sort(dim=1, stable=True)
    holds = (other[None] == torch.arange(CARDS, device=own.device)[:, None, None]).any(dim=2)  # [C, O]
    most = int(holds.sum(dim=1).max())
    if most > HANDS:
        raise UserError(f"a card is held by {most} hands, and there is room for {HANDS}")
    # Each card's hands first, in order of strength; the strength of what is no hand is beyond all.
    beyond = torch.iinfo(torch.int64).max
    of_card = torch.where(holds[None], others[:, None].long(), beyond)  # [B, C, O]
    listed, lists = (part[:, :, :HANDS].contiguous() for part in of_card.sort(dim=2, stable=True))
    lists = torch.where((listed < beyond) & (listed >= 0), lists, -1)
    room = HANDS - lists.shape[2]
    if room > 0:
        lists = torch.nn.functional.pad(lists, (0, room), value=-1)
    ahead = torch.stack([torch.searchsorted(ranked, strength, right=right) for right in (False, True)], dim=-1)
    of_own = listed[:, own]  # [B, W, 2, HANDS]
    asked = strength.long()[:, :, None, None].expand(-1, -1, 2, 1).contiguous()
    held = [torch.searchsorted(of_own, asked, right=right)[..., 0] for right in (False, True)]
    places = torch.stack(held, dim=-1)  # [B, W, 2 cards, 2 sides]
    places = torch.where((strength < 0)[:, :, None, None], -1, places)
    twins = (own[:, None].sort(dim=-1).values == other[None].sort(dim=-1).values).all(dim=-1)  # [W, O]
    same = torch.where(twins.any(dim=1), twins.float().argmax(dim=1), -1)
    order = torch.where(ranked < 0, -1, order)
    return LineUp(*(part.int().contiguous() for part in (order, lists, ahead, places, own, same)))


def showdown(plan: Tensor, line: LineUp, pays: Tensor) -> Tensor:
    """Return the values of one's own hands at leaves, [B, L, W], of the other's plans there, [B, L, O].

    `pays`, [L, 3], is what a win and a loss pay beyond a tie, and what a tie does; a fold is a tie with everybody. All
    are 32-bit floats. A hand meets those that share no card with it; impossible hands are worth 0, and weigh nothing.
    """
    boards, leaves, hands = plan.shape
    if line.order.shape != (boards, hands) or pays.shape != (leaves, 3):
        raise UserError(
            "plans [B, L, O] go with a line-up of B boards and O hands, and with pays [L, 3], not "
            f"{[*plan.shape]} with {[*line.order.shape]} and {[*pays.shape]}"
        )
    run = launch if by_kernel(plan) else reference
    return run(plan.contiguous(), line, pays.contiguous())


def reference(plan: Tensor, line: LineUp, pays: Tensor) -> Tensor:
    """Do the same by PyTorch's operations."""
    boards, leaves, _ = plan.shape
    padded = torch.cat([plan, plan.new_zeros(boards, leaves, 1)], dim=2)  # -1 is the last: it weighs nothing

    def looked_up(table: Tensor, at: Tensor) -> Tensor:
        found = table.gather(2, at.long().flatten(1)[:, None].expand(-1, leaves, -1))
        return found.reshape(boards, leaves, *at.shape[1:])

    def sums(numbers: Tensor) -> Tensor:  # before each place, and of all
        return torch.cat([torch.zeros_like(numbers[..., :1]), numbers.cumsum(dim=-1)], dim=-1)

    order, lists = (torch.where(part < 0, plan.shape[2], part) for part in (line.order, line.lists))
    prefix = sums(looked_up(padded, order))
    by_card = sums(looked_up(padded, lists)).flatten(2)
    possible = line.held[..., 0, 0] >= 0
    place = line.cards.long()[None, :, :, None] * (HANDS + 1) + line.held.clamp(min=0)
    all_of = (line.cards.long() * (HANDS + 1) + HANDS)[None].expand(boards, -1, -1)
    ahead, held = looked_up(prefix, line.ahead), looked_up(by_card, place).sum(dim=-2)  # [B, L, W, 2]
    total, of_cards = prefix[..., -1:], looked_up(by_card, all_of).sum(dim=-1)
    weaker = ahead[..., 0] - held[..., 0]
    stronger = (total - ahead[..., 1]) - (of_cards - held[..., 1])
    impossible = torch.where(line.same < 0, plan.shape[2], line.same)[None].expand(boards, -1)
    both = looked_up(padded, impossible) * possible[:, None]  # taken out twice
    win, lose, tie = (pays[:, k][None, :, None] for k in range(3))
    values: Tensor = win * weaker + lose * stronger + tie * (total - of_cards + both)
    return values * possible[:, None]


def launch(plan: Tensor, line: LineUp, pays: Tensor) -> Tensor:
    """Run the kernel."""
    (boards, leaves, hands), own = plan.shape, line.ahead.shape[1]
    out = plan.new_empty(boards, leaves, own)
    if out.numel():
        kernel[(boards, leaves)](plan, *line, pays, out, leaves, hands, own, **constants(hands, own), num_warps=WARPS)
    return out


WARPS = 16


def constants(hands: int, own: int) -> dict[str, int]:
    """Return the kernel's constants."""
    return {
        "OTHER": max(16, 1 << (hands - 1).bit_length()),
        "OWN": min(2048, max(16, 1 << (own - 1).bit_length())),
        "CARDS": CARDS,
        "HANDS": HANDS,
    }


if triton_is_there():
    import triton.language as tl
    from triton import jit

    @jit
    def kernel(
        plan,  # [B, L, O]
        order,
        lists,
        ahead,
        held,
        cards,
        same,
        pays,  # [L, 3]
        out,  # [B, L, W]
        leaves,  # L
        hands,  # O
        own,  # W
        OTHER: tl.constexpr,
        OWN: tl.constexpr,
        CARDS: tl.constexpr,
        HANDS: tl.constexpr,
    ):  # pragma: no cover
        """Take one leaf on one board: two scans of the other's plan, then one's own hands, OWN at a time."""
        board, leaf = tl.program_id(0).to(tl.int64), tl.program_id(1)
        plan += (board * leaves + leaf) * hands
        out += (board * leaves + leaf) * own
        place = tl.arange(0, OTHER)
        hand = tl.load(order + board * hands + place, mask=place < hands, other=-1)
        weight = tl.load(plan + hand, mask=hand >= 0, other=0.0)
        prefix, total = tl.cumsum(weight, 0), tl.sum(weight, 0)
        slot = tl.arange(0, CARDS)[:, None] * HANDS + tl.arange(0, HANDS)[None, :]
        listed = tl.load(lists + board * CARDS * HANDS + slot)
        by_card = tl.cumsum(tl.load(plan + listed, mask=listed >= 0, other=0.0), 1)
        by_card = tl.reshape(by_card, (CARDS * HANDS,))
        win, lose, tie = tl.load(pays + leaf * 3), tl.load(pays + leaf * 3 + 1), tl.load(pays + leaf * 3 + 2)
        for start in range(0, own, OWN):
            lane = start + tl.arange(0, OWN)
            here = lane < own
            at = (board * own + lane) * 2
            below = _before(prefix, 0, tl.load(ahead + at, mask=here, other=0))
            beyond = total - _before(prefix, 0, tl.load(ahead + at + 1, mask=here, other=0))
            possible = tl.load(held + at * 2, mask=here, other=-1) >= 0
            shared = tl.zeros((OWN,), tl.float32)
            for card in tl.static_range(2):
                base = tl.load(cards + lane * 2 + card, mask=here, other=0) * HANDS
                weaker = tl.maximum(tl.load(held + (at + card) * 2, mask=here, other=0), 0)
                level = tl.maximum(tl.load(held + (at + card) * 2 + 1, mask=here, other=0), 0)
                everything = tl.gather(by_card, base + (HANDS - 1), 0)
                below -= _before(by_card, base, weaker)
                beyond -= everything - _before(by_card, base, level)
                shared += everything
            twin = tl.load(same + lane, mask=here, other=-1)
            shared -= tl.load(plan + twin, mask=(twin >= 0) & possible, other=0.0)  # taken out twice
            values = win * below + lose * beyond + tie * (total - shared)
            tl.store(out + lane, tl.where(possible, values, 0.0), mask=here)

    @jit
    def _before(sums, base, count):  # pragma: no cover
        """Return running sums of that many numbers from a place on: 0 of none."""
        return tl.where(count > 0, tl.gather(sums, base + tl.maximum(count - 1, 0), 0), 0.0)
