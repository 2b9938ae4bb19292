"""The family of CFR's variants as rows of one table: how each discounts and predicts (`solvers.cfr` says where).

A new variant is one `_row` here.
"""

import math
from dataclasses import dataclass

INFINITE = math.inf


@dataclass(frozen=True)
class Variant:
    """A row of the family: how iteration t of T discounts what was before it.

    Positive regrets are multiplied by t^alpha / (t^alpha + 1), negative ones likewise with beta, and the average's
    numerator by ((t - 1) / t)^gamma before it takes the plan of iteration t (so that plans weigh t^gamma). An
    exponent is a pair (at the start, at the end of the T iterations) and moves in a straight line between them.
    """

    name: str
    alpha: tuple[float, float]
    beta: tuple[float, float]  # -inf: negative regrets are forgotten (regret matching plus)
    gamma: tuple[float, float]
    step: float  # how much of the last instantaneous regret predicts the next
    order: str  # "add-discount": with t, after adding; "discount-add": with t + 1, before adding
    source: str
    alternating: bool = True

    @property
    def scheduled(self) -> bool:
        """Tell whether the exponents depend on how many iterations there will be."""
        return any(a != b for a, b in (self.alpha, self.beta, self.gamma))


def _row(
    name: str,
    source: str,
    *,
    alpha: float | tuple[float, float] = INFINITE,
    beta: float | tuple[float, float] = -INFINITE,
    gamma: float | tuple[float, float] = 0.0,
    step: float = 0.0,
    order: str = "add-discount",
) -> Variant:
    a, b, c = ((x, x) if isinstance(x, float | int) else x for x in (alpha, beta, gamma))
    return Variant(name, a, b, c, step, order, source)


_DCFR = "Brown and Sandholm, AAAI 2019"
_PDCFR = "Xu et al., IJCAI 2024"
_STEP = "Meng et al. 2025, arXiv 2503.12770"
_HS = "Zhang, McAleer and Sandholm 2024, arXiv 2404.09097"

VARIANTS = {
    v.name: v
    for v in (
        _row("cfr", "Zinkevich et al., NIPS 2007", beta=INFINITE),
        _row("cfr+", "Tammelin 2014, arXiv 1407.5042", gamma=1),
        _row("linear", _DCFR, alpha=1, beta=1, gamma=1),
        _row("dcfr", _DCFR + " (discounts, then adds)", alpha=1.5, beta=0, gamma=2, order="discount-add"),
        _row("dcfr-openspiel", _DCFR + " (adds, then discounts, as OpenSpiel)", alpha=1.5, beta=0, gamma=2),
        _row(
            "dcfr3", _DCFR + " (plans weigh t^3: sooner on hold'em)", alpha=1.5, beta=0, gamma=3, order="discount-add"
        ),
        _row("pcfr+", "Farina, Kroer and Sandholm, AAAI 2021", gamma=2, step=1),
        _row("dcfr+", _PDCFR, alpha=1.5, gamma=4),
        _row("pdcfr+", _PDCFR, alpha=2.3, gamma=5, step=1),
        _row(
            "pdcfr+quarter",
            _PDCFR + " with exponents and step of our own, see docs/algorithms.md",
            alpha=1.75,
            gamma=4,
            step=1 / 4,
        ),
        _row("pdcfr+third", _PDCFR + f" with the step of {_STEP}", alpha=2.3, gamma=5, step=1 / 3),
        _row("sapcfr+", _STEP, gamma=2, step=1 / 3),
        _row("hs-dcfr", _HS, alpha=(1, 4), beta=(-1, -3), gamma=(30, 25)),
        _row("hs-pcfr+", _HS, gamma=(30, 25), step=1),
    )
}
