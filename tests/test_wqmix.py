"""Weighted QMIX: its loss against a slow oracle, and a matrix game that QMIX does not solve."""

import naive_learners as naive
import numpy as np
import pytest
from test_q_learning import SPEC, drawn

from counterplay import train
from counterplay.agents import find

PARTS = {
    "plain": {"double": False},
    "optimistic": {"weighting": "ow", "alpha": 0.1},
    "central": {"alpha": 0.75, "hidden": 6},
    "recurrent": {"recurrent": True, "last_action": True, "td_lambda": 0.5},
    "priorities": {"priority": 0.6, "n_step": 2, "weighting": "ow"},
}


def unrestricted(network, values, state):
    """Return Q* of one state: a network over values and state, and one over the state alone."""
    p = naive.parameters(network)

    def through(name, x, layers):
        for i in range(layers):
            x = naive.relu(naive.linear(p, f"{name}.layers.{i}", x))
        return naive.linear(p, f"{name}.out", x)[0]

    return through("mix", np.concatenate([values, state]), 2) + through("value", state, 1)


def wqmix_loss(learner, batch):
    """Return both losses of Weighted QMIX, each the mean over steps (Rashid et al. 2020, eq. 5, 9 and 10)."""
    settings, agents = learner.settings, range(learner.spec.agents)
    monotone, star, count = 0.0, 0.0, 0
    for b, length, obs, last, states, legal, action, reward, terminated in naive.episodes_of(batch):
        _, values = naive.agents_of(learner.networks["agents"], obs, last)
        _, slow = naive.agents_of(learner.targets["agents"], obs, last)
        _, star_values = naive.agents_of(learner.networks["star_agents"], obs, last)
        _, star_slow = naive.agents_of(learner.targets["star_agents"], obs, last)
        judge = values if settings.double else slow
        best = [[naive.best_legal(judge[t][n], legal[t][n]) for n in agents] for t in range(length + 1)]
        own_best = [[naive.best_legal(values[t][n], legal[t][n]) for n in agents] for t in range(length + 1)]
        after = [
            unrestricted(learner.targets["star"], [star_slow[t][n][best[t][n]] for n in agents], states[t])
            for t in range(1, length + 1)
        ]
        goal = naive.looked_ahead(settings, reward, after, terminated)
        for t in range(length):
            mix = naive.qmix(learner.networks["mixer"], [values[t][n][action[t][n]] for n in agents], states[t])
            free = learner.networks["star"]
            said = unrestricted(free, [star_values[t][n][action[t][n]] for n in agents], states[t])
            most = unrestricted(free, [star_values[t][n][own_best[t][n]] for n in agents], states[t])
            if settings.weighting == "cw":
                whole = goal[t] > most or all(action[t][n] == own_best[t][n] for n in agents)
            else:
                whole = goal[t] > mix
            weight = float(batch.weight[b])
            monotone += weight * (1.0 if whole else settings.alpha) * (mix - goal[t]) ** 2
            star += weight * (said - goal[t]) ** 2
            count += 1
    return monotone / count, star / count


@pytest.mark.parametrize("part", PARTS)
def test_loss(part):
    learner, batch = drawn("wqmix", SPEC, PARTS[part], seed=len(part))
    loss, _, figures = learner.loss(batch)
    monotone, star = wqmix_loss(learner, batch)
    assert figures["star_loss"].item() == pytest.approx(star, rel=1e-4)
    assert loss.item() == pytest.approx(monotone + star, rel=1e-4)


def test_the_free_value_does_not_follow_the_mix():
    """Weights and targets carry no gradient: with alpha 0 on every step the agents learn nothing, Q* all the same."""
    learner, batch = drawn("wqmix", SPEC, {"weighting": "ow", "alpha": 0.0})
    for parameter in learner.networks["mixer"].parameters():
        parameter.data.zero_()
    learner.networks["mixer"].bias_out[-1].bias.data.fill_(1e6)  # the mix says too much of everything
    learner.loss(batch)[0].backward()
    assert all(g is None or not g.any() for g in (p.grad for p in learner.networks["agents"].parameters()))
    assert any(p.grad.any() for p in learner.networks["star"].parameters())


@pytest.mark.slow
@pytest.mark.parametrize("weighting", ["cw", "ow"])
def test_finds_what_qmix_cannot_hold(weighting):
    """In QTRAN's game (8, -12, 0) QMIX's mix holds the 8 for less than the 0s under uniform play; weights mend it."""
    given = {"epsilon_end": 1.0, "scale_rewards": False, "lr": 2e-3, "batch": 64, "warmup": 64, "updates": 0.25}
    run = train(
        "wqmix", "qtran_matrix", steps=4000, test_every=10**6, weighting=weighting, alpha=0.1, preset="none", **given
    )
    assert run.evaluate(8).mean == 8


def test_refusals():
    with pytest.raises(ValueError, match="weighting must be cw or ow, not 'xw'"):
        find("wqmix").with_settings({"weighting": "xw"})
