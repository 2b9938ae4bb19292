"""The family of MCCFR's samplings as rows of one table (`solvers.mccfr` says what each number does).

A new sampling is one `_row` here.
"""

from dataclasses import dataclass

ALL, ONE, SOME = 0, 1, 2  # how many of its actions the traverser tries


@dataclass(frozen=True)
class Sampling:
    """A row of the family: what of a game an iteration visits, and how iterations are weighted.

    The traverser tries all its actions, or one, drawn from its strategy with `explore` of uniform play mixed in, or
    each by itself with probability max(explore, (bonus + threshold * s) / (bonus + sum of s)), s its average strategy's
    mass. The others' actions are drawn from their strategies, or, with `others_all`, all are tried. Iteration t weighs
    t^power in averages and t^weight in regrets. `rate` is how fast baselines follow what was sampled (0: none).
    """

    name: str
    traverser: int
    others_all: bool
    explore: float
    bonus: float
    threshold: float
    power: float
    weight: float
    rate: float
    source: str


def _row(
    name: str,
    source: str,
    *,
    traverser: int = ALL,
    others_all: bool = False,
    explore: float = 0.0,
    bonus: float = 0.0,
    threshold: float = 0.0,
    power: float = 1.0,
    weight: float = 1.0,
    rate: float = 0.0,
) -> Sampling:
    return Sampling(name, traverser, others_all, explore, bonus, threshold, power, weight, rate, source)


_MCCFR = "Lanctot et al., NIPS 2009"
_VR = "Schmid et al., AAAI 2019"

SAMPLINGS = {
    s.name: s
    for s in (
        _row("mccfr-external", _MCCFR),
        _row("mccfr-outcome", _MCCFR, traverser=ONE, explore=0.6),
        _row(
            "mccfr-average",
            "Gibson et al., NIPS 2012",
            traverser=SOME,
            explore=0.05,
            bonus=1e6,
            threshold=1e3,
        ),
        _row("mccfr-chance", "Zinkevich et al., NIPS 2007", others_all=True),
        _row("mccfr-external-vr", _VR, rate=0.5),
        _row("mccfr-outcome-vr", _VR, traverser=ONE, explore=0.6, rate=0.5),
    )
}
