"""Magnetic mirror descent: last-iterate convergence, to a quantal-response equilibrium or to Nash.

Each player steps to the maximiser of eta <g, x> - eta alpha B(x, magnet) - B(x, x_t) over its realisation plans, with
B the Bregman divergence of the dilated negative entropy (all weights one) and g its counterfactual values; the
maximiser has a closed form, bottom-up. Sokota et al., ICLR 2023, equation 9 and section 4.

With a temperature alpha and the strategy of most entropy as magnet the iterates converge linearly to the logit
equilibrium of that temperature in the reduced normal form. With temperature zero the magnet follows the players now
and then, which makes the method a proximal-point one: the iterates approach a Nash equilibrium (their section 5,
"moving magnets").
"""

from functools import cached_property
from math import isfinite
from typing import Any

import numpy as np

from counterplay.engine.errors import UserError
from counterplay.engine.factored import TRUNK_LAST, FactoredForm, gather_factored, in_parts, new_sums
from counterplay.engine.form import SequenceForm
from counterplay.engine.jit import Index, inlined, jit
from counterplay.engine.lanes import width
from counterplay.engine.schema import fit
from counterplay.engine.strategy import Vector, is_profile
from counterplay.engine.sweeps import AnyForm, down, gather, normalise, realise, realise_factored
from counterplay.solvers import MMD_STATE
from counterplay.solvers.value import ROUNDING, Judgement, judge, magnitude

_PULL = 0.3  # alpha in units of the largest payoff, and steps between moves of the magnet, on the way to Nash:
_PERIOD = 10  # of the pulls 1, 0.3, 0.1, 0.03 and periods 1, 10, 100 the pair that converged on most games


@inlined
def _descend(
    form: AnyForm,
    begin: Index,
    end: Index,
    value: Vector,
    logit: Vector,
    magnet: Vector,
    sigma: Vector,
    eta: float,
    alpha: float,
    lanes: Any,
) -> None:
    """Move log-probabilities `logit` (and `sigma`, their exponential) at decisions begin .. end; consumes `value`."""
    w = width(lanes)
    parent, first = form.parent, form.first
    shrink = 1.0 / (1.0 + eta * alpha)
    for k in range(end - begin):
        d = end - 1 - k
        lo, hi, above = first[d], first[d + 1], parent[d] * w
        for i in range(w):
            top = -np.inf
            for s in range(lo, hi):
                at = s * w + i
                logit[at] = (eta * value[at] + logit[at] + eta * alpha * magnet[at]) * shrink
                top = max(top, logit[at])
            norm = 0.0
            for s in range(lo, hi):
                norm += np.exp(logit[s * w + i] - top)
            norm = top + np.log(norm)
            for s in range(lo, hi):
                logit[s * w + i] -= norm
                sigma[s * w + i] = np.exp(logit[s * w + i])
            value[above + i] += norm / (shrink * eta)


@jit
def descend(
    form: SequenceForm,
    logit: Vector,
    magnet: Vector,
    sigma: Vector,
    plan: Vector,
    value: Vector,
    eta: float,
    alpha: float,
    start: int,
    end: int,
    period: int,
    lanes: Any,
) -> None:
    """Run the simultaneous steps start + 1 .. end; vectors are [S * W] and change in place.

    After each `period` steps (0: never) the magnet moves to where the players are.
    """
    players = form.origin.shape[0]
    for t in range(start + 1, end + 1):
        for p in range(players):
            gather(form, p, plan, value, lanes)
        for p in range(players):
            _descend(form, form.begin[p], form.begin[p + 1], value, logit, magnet, sigma, eta, alpha, lanes)
            down(form, form.begin[p], form.begin[p + 1], sigma, plan, lanes)
        if period > 0 and t % period == 0:
            for i in range(magnet.size):
                magnet[i] = logit[i]


@jit
def _descend_part(
    form: FactoredForm,
    p: int,
    part: int,
    value: Vector,
    logit: Vector,
    magnet: Vector,
    sigma: Vector,
    eta: float,
    alpha: float,
) -> None:
    last = form.parts[p, part + 1] - 1
    for k in range(form.parts[p, part + 1] - form.parts[p, part]):
        begin, end = form.ranges[last - k, 0], form.ranges[last - k, 1]
        _descend(form, begin, end, value, logit, magnet, sigma, eta, alpha, (0,))


def descend_factored(
    form: FactoredForm,
    logit: Vector,
    magnet: Vector,
    sigma: Vector,
    plan: Vector,
    value: Vector,
    eta: float,
    alpha: float,
    start: int,
    end: int,
    period: int,
) -> None:
    """Run steps as `descend` does, on all cores."""
    sums = new_sums(form)
    for t in range(start + 1, end + 1):
        for p in range(2):
            gather_factored(form, p, plan, value, sums)
        for p in range(2):
            in_parts(_descend_part, form, p, value, logit, magnet, sigma, eta, alpha, trunk=TRUNK_LAST)
            realise_factored(form, p, sigma, plan)
        if period > 0 and t % period == 0:
            magnet[:] = logit


@jit
def soft_gains(form: SequenceForm, alpha: float, sigma: Vector, lanes: Any) -> Any:
    """Return what each player gains by its best response in the game with entropy, [P].

    In that game a player earns its payoff and alpha times the dilated entropy of its strategy; the gains are zero
    exactly at the logit equilibrium of temperature alpha.
    """
    w = width(lanes)
    players = form.origin.shape[0]
    parent, first = form.parent, form.first
    plan, value, soft = np.zeros(sigma.size), np.zeros(sigma.size), np.zeros(sigma.size)
    gains = np.zeros(players)
    for p in range(players):
        for i in range(w):
            plan[p * w + i] = form.origin[p, i]
        down(form, form.begin[p], form.begin[p + 1], sigma, plan, lanes)
    for p in range(players):
        gather(form, p, plan, value, lanes)
        for i in range(value.size):
            soft[i] = value[i]
        for k in range(form.begin[p + 1] - form.begin[p]):
            d = form.begin[p + 1] - 1 - k
            lo, hi, above = first[d], first[d + 1], parent[d] * w
            for i in range(w):
                top, now = -np.inf, 0.0
                for s in range(lo, hi):
                    at = s * w + i
                    top = max(top, soft[at])
                    if sigma[at] > 0.0:
                        now += sigma[at] * (value[at] - alpha * np.log(sigma[at]))
                norm = 0.0
                for s in range(lo, hi):
                    norm += np.exp((soft[s * w + i] - top) / alpha)
                soft[above + i] += top + alpha * np.log(norm)
                value[above + i] += now
        for i in range(w):
            gains[p] += form.origin[p, i] * (soft[p * w + i] - value[p * w + i])
    return gains


def payoff_bound(form: AnyForm) -> float:
    """Return the largest entry of the payoff matrix of the sequence form: the Lipschitz constant of its gradient."""
    if isinstance(form, FactoredForm):
        return form.largest  # two sequences, each of its own stones, allow one order of all stones at the most
    largest = float(np.abs(form.scale).max(initial=0.0))
    if form.tables.size:
        lanes = form.origin.shape[1]
        tops = np.abs(form.tables).reshape(-1, lanes * lanes).max(axis=1)
        largest = float((np.abs(form.scale) * tops[form.table]).max(initial=0.0))
    return largest or 1.0


class MMD:
    """A run of magnetic mirror descent: where the players are, their magnet, and how far the run is.

    The step is eta = alpha / L^2, for which convergence is proven (theorem 3.4), L the largest payoff.
    """

    def __init__(self, form: AnyForm, temperature: float):
        if not (isfinite(temperature) and temperature >= 0):
            raise UserError(f"the temperature must be a number from 0 up, not {temperature}")
        if temperature and isinstance(form, FactoredForm):
            raise UserError("a temperature needs the tree of a game, and this one is solved without: leave it out")
        bound = payoff_bound(form)
        self.form, self.temperature = form, temperature
        self.alpha = temperature or _PULL * bound
        self.eta = self.alpha / bound / bound if self.alpha < bound else 1.0 / bound
        self.iterations = 0
        size = form.sequences * form.origin.shape[1]
        self.sigma = normalise(form, np.zeros(size))
        self.logit = np.log(np.where(self.sigma > 0, self.sigma, 1.0))
        # The gradient of the entropy at its maximiser, which draws a reduced pure strategy uniformly, is constant.
        self.magnet = np.zeros(size)
        self.value = np.zeros_like(self.sigma)
        self.plan = realise(self.form, self.sigma)

    @cached_property
    def floor(self) -> float:
        """Return the exploitability below which rounding errors may be most of it."""
        return ROUNDING * magnitude(self.form)

    def advance(self, count: int) -> None:
        """Run that many steps."""
        form, period = self.form, 0 if self.temperature else _PERIOD
        vectors = self.logit, self.magnet, self.sigma, self.plan, self.value
        span = self.iterations, self.iterations + count
        if isinstance(form, FactoredForm):
            descend_factored(form, *vectors, self.eta, self.alpha, *span, period)
        else:
            descend(form, *vectors, self.eta, self.alpha, *span, period, form.lanes)
        self.iterations += count

    def profile(self) -> Vector:
        """Return the last iterate, which is what converges, [S * W]."""
        return self.sigma.copy()

    def judge(self) -> Judgement:
        """Judge that strategy."""
        return judge(self.form, self.profile())

    def figures(self) -> dict[str, float]:
        """Return the distance to the quantal-response equilibrium, if that is where the run is going."""
        if not self.temperature:
            return {}
        assert isinstance(self.form, SequenceForm)
        gains = soft_gains(self.form, self.temperature, self.sigma, self.form.lanes)
        return {"qre_gap": float(gains.sum() / self.form.players)}

    def state(self) -> dict[str, Vector]:
        """Return all that a resumed run needs, by name."""
        return {name: getattr(self, name) for name in MMD_STATE}

    def restore(self, state: dict[str, Vector], iterations: int) -> None:
        """Go on from what `state` gave after so many steps; raises `ValueError` for what no run is."""
        saved = fit(state, self.state(), "the saved run")
        chosen = slice(self.form.players * self.form.origin.shape[1], None)  # less the empty sequences
        apart = np.abs(np.exp(np.minimum(saved["logit"], 1.0)) - saved["sigma"])[chosen].max(initial=0.0)
        if not (is_profile(self.form, saved["sigma"]) and apart <= 1e-6):
            raise UserError("the saved run does not fit: its strategies are no probabilities")
        self.logit, self.magnet, self.sigma = (saved[name].copy() for name in MMD_STATE)
        self.iterations = iterations
        self.plan = realise(self.form, self.sigma)
