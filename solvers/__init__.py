"""The catalogue of algorithms. Variants of CFR are rows of `solvers.variants`."""

from counterplay.engine.catalogue import Catalogue, Entry
from counterplay.solvers.samplings import SAMPLINGS
from counterplay.solvers.variants import VARIANTS

SOLVERS = Catalogue(
    kind="algorithm",
    takes_own=False,
    entries=(
        Entry("auto", "counterplay.solvers.run:choose", "picks by kind of game and precision: docs/algorithms.md"),
        *(Entry(name, "counterplay.solvers.cfr:CFR", variant.source) for name, variant in VARIANTS.items()),
        *(Entry(name, "counterplay.solvers.mccfr:MCCFR", row.source) for name, row in SAMPLINGS.items()),
        Entry("mmd", "counterplay.solvers.mmd:MMD", "magnetic mirror descent: Sokota et al., ICLR 2023"),
        Entry("lp", "counterplay.solvers.lp:solve_lp", "the exact sequence-form linear programme: von Stengel 1996"),
    ),
)

CFR_STATE = ("regret", "total", "sigma", "faced", "earned", "mass")
MMD_STATE = ("logit", "magnet", "sigma")
MCCFR_STATE = ("regret", "total", "baseline", "seen", "random")
KEPT: dict[str, tuple[str, ...]] = {  # the arrays by which a run goes on, by algorithm
    **dict.fromkeys(VARIANTS, CFR_STATE),
    **dict.fromkeys(SAMPLINGS, MCCFR_STATE),
    "mmd": MMD_STATE,
    "lp": (),
}
