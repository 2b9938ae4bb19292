"""The family of MCCFR's samplings as rows of one table (`solvers.mccfr` says what each number does).

A new sampling is one `_row` here.
"""

from dataclasses import dataclass

ALL, ONE, SOME = 0, 1, 2  # how many of its actions the traverser tries


@dataclass(frozen=True)
class Sampling:
    """A row of the family: what of a game an iteration visits, and how iterations are weighted. All are numbers.

    What is visited. The `traverser` tries ALL its actions, or ONE, drawn from its strategy with `explore` of uniform
    play mixed in, or SOME, each by itself with probability max(explore, (bonus + threshold * s) / (bonus + sum of s)),
    s its average strategy's mass. The others' actions are drawn from their strategies, or, with `others_all`, all are
    tried. With `public`, chance alone is drawn after the deal, all actions are tried, and hands go along as vectors.
    In a share `skip` of the walks, an action of the traverser that the current strategy does not play is left out where
    its regret is below -prune * (the span of the game's payoffs) * t^(weight + 1/2) (`prune` 0: never), unless it may
    end the game or no chance follows, while it does elsewhere; and no regret falls below `bottom` times that. (The
    threshold of Pluribus stands still. The noise of sampled regrets grows with the root of t, and where it gets past
    the threshold, actions are skipped that should be played.)

    Regrets. Iteration t weighs t^weight. After every n-th epoch of `period` iterations (0: never) positive regrets are
    multiplied by n^alpha / (n^alpha + 1) and negative ones by n^beta / (n^beta + 1). `rate` is how fast baselines
    follow what was sampled (0: none).

    Averages. Iteration t weighs t^power. Each decision of the others that a walk meets takes their strategy, over the
    probability that the walk got there as far as the traverser's draws go (stochastically weighted averaging); or,
    with `lazy`, the traverser's decisions take theirs times all the plan that led there since they were last met (lazy
    averaging), so that the average is exactly that of all strategies there were.
    """

    name: str
    source: str
    traverser: int = ALL
    others_all: bool = False
    public: bool = False
    explore: float = 0.0
    bonus: float = 0.0
    threshold: float = 0.0
    prune: float = 0.0
    skip: float = 0.95
    bottom: float = 31 / 30
    weight: float = 1.0
    alpha: float = 0.0
    beta: float = 0.0
    period: int = 0
    rate: float = 0.0
    power: float = 1.0
    lazy: bool = False


_MCCFR = "Lanctot et al., NIPS 2009"
_VR = "Schmid et al., AAAI 2019"
_LAZY = "averaged lazily: Lanctot, PhD thesis, University of Alberta 2013, chapter 4"
_DCFR = "discounted by epochs: Brown and Sandholm, AAAI 2019"
_PRUNED = "bad actions mostly skipped: Brown and Sandholm, Science 2019, supplement"

SAMPLINGS = {
    s.name: s
    for s in (
        Sampling("mccfr-external", _MCCFR),
        Sampling("mccfr-outcome", _MCCFR, traverser=ONE, explore=0.6),
        Sampling(
            "mccfr-average",
            "Gibson et al., NIPS 2012",
            traverser=SOME,
            explore=0.05,
            bonus=1e6,
            threshold=1e3,
        ),
        Sampling("mccfr-chance", "Zinkevich et al., NIPS 2007", others_all=True),
        Sampling("mccfr-public", "hands as vectors: Johanson et al., AAMAS 2012", public=True),
        Sampling("mccfr-external-vr", _VR, rate=0.05),
        Sampling("mccfr-outcome-vr", _VR, traverser=ONE, explore=0.6, rate=0.5),
        Sampling("mccfr-external-lazy", _LAZY, lazy=True),
        Sampling("mccfr-outcome-lazy", _LAZY, traverser=ONE, explore=0.6, lazy=True),
        Sampling("mccfr-external-dcfr", _DCFR, weight=0.0, alpha=1.5, beta=0.0, period=3000, power=2.0),
        Sampling("mccfr-external-pruned", _PRUNED, prune=2.0, lazy=True),
    )
}
