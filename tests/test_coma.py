"""COMA: the counterfactual advantage by enumeration, its gradient, its losses by a slow oracle, and what it learns."""

from dataclasses import replace
from itertools import product

import naive_policies as naive
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from counterplay.agents.coma import COMA, COMASettings, Critic, advantage  # noqa: E402
from counterplay.agents.on_policy import Decisions  # noqa: E402
from counterplay.agents.policies import Choice, log_policy  # noqa: E402
from counterplay.engine.env import EnvSpec  # noqa: E402

SPEC = EnvSpec(agents=3, actions=4, observation=5, state=6, limit=7)
SHAPE = (2, 3, 2)  # a one-shot game of three agents


def by_table(payoffs, taken):
    """Return values [R, N, A] of each agent's actions where the others do as in `taken`, [R, N]."""
    values = np.zeros((*taken.shape, max(SHAPE)))
    for r, joint in enumerate(taken.tolist()):
        for n, size in enumerate(SHAPE):
            for a in range(size):
                values[r, n, a] = payoffs[(*joint[:n], a, *joint[n + 1 :])]
    return torch.from_numpy(values).float()


@pytest.fixture
def game():
    """Return payoffs, every joint action [R, N], what is legal [N, A], and logits [N, A]."""
    rng = np.random.default_rng(1)
    joint = torch.tensor(list(product(*map(range, SHAPE))))
    legal = torch.arange(max(SHAPE)) < torch.tensor(SHAPE)[:, None]
    return rng.normal(size=SHAPE), joint, legal, torch.from_numpy(rng.normal(size=(3, max(SHAPE)))).float()


def decided(logits, legal, joint, epsilon=0.0):
    log = log_policy(logits, legal, epsilon).expand(len(joint), -1, -1)
    return Decisions(Choice(log), log.gather(-1, joint[..., None])[..., 0], torch.ones(joint.shape))


@pytest.mark.parametrize("epsilon", [0.0, 0.3])
def test_advantage_by_enumeration(game, epsilon):
    """What the team gets, less the mean over all that the agent alone might have done."""
    payoffs, joint, legal, logits = game
    found = advantage(by_table(payoffs, joint), joint, decided(logits, legal, joint, epsilon))
    shares = [naive.softmax(logits[n].tolist(), legal[n].tolist(), epsilon) for n in range(3)]
    for r, played in enumerate(joint.tolist()):
        for n in range(3):
            alone = [(other, payoffs[tuple(other)]) for other in joint.tolist() if other[:n] == played[:n]
                     and other[n + 1 :] == played[n + 1 :]]  # fmt: skip
            assert len(alone) == SHAPE[n]
            baseline = sum(shares[n][other[n]] * worth for other, worth in alone)
            assert found[r, n].item() == pytest.approx(payoffs[tuple(played)] - baseline, abs=1e-5)


def test_gradient_is_that_of_the_return(game):
    """With true values, the expected gradient is the gradient of the team's expected payoff (section 4.2, lemma 1)."""
    payoffs, joint, legal, logits = game
    table = torch.from_numpy(payoffs).float().flatten()
    logits = logits.clone().requires_grad_()
    decisions = decided(logits, legal, joint)
    chance = decisions.chosen.sum(dim=1).exp()
    assert chance.sum().item() == pytest.approx(1, abs=1e-5)
    (true,) = torch.autograd.grad((chance * table).sum(), logits, retain_graph=True)
    worth = advantage(by_table(payoffs, joint), joint, decisions)
    (found,) = torch.autograd.grad((chance.detach()[:, None] * worth * decisions.chosen).sum(), logits)
    assert torch.allclose(found, true, atol=1e-5)
    assert true.abs().max() > 0.05


def test_critic_sees_the_others():
    """It is a plain network over the state, the others' actions one-hot, and who is asked about."""
    rng, critic = np.random.default_rng(1), Critic(6, 3, 4, 8)
    state = torch.from_numpy(rng.normal(size=(5, 6))).float()
    action = torch.from_numpy(rng.integers(0, 4, (5, 3)))
    values = critic(state, action)
    first = torch.cat([critic.state.weight[0].T, critic.others.T, critic.ids.T], dim=1)
    for r, n in product(range(5), range(3)):
        acts = torch.zeros(3, 4)
        for other in {0, 1, 2} - {n}:
            acts[other, action[r, other]] = 1
        seen = torch.cat([state[r], acts.flatten(), torch.eye(3)[n]])
        x = torch.relu(critic.second(torch.relu(first @ seen + critic.state.bias)))
        assert torch.allclose(critic.out(x), values[r, n], atol=1e-5)
    for n in range(3):
        other = action.clone()
        other[:, n] = (other[:, n] + 1) % 4
        same = (critic(state, other) - values).abs().amax(dim=(0, 2)) < 1e-5
        assert same.tolist() == [k == n for k in range(3)]  # an agent's own action is not an input


@pytest.mark.parametrize("epsilon", [0.0, 0.2])
def test_log_policy(epsilon):
    rng = np.random.default_rng(1)
    logits, legal = rng.normal(size=(20, 5)) * 5, rng.random((20, 5)) < 0.6
    legal[:, 0] |= ~legal.any(axis=1)
    found = log_policy(torch.from_numpy(logits), torch.from_numpy(legal), epsilon).exp().numpy()
    wanted = [naive.softmax(*row, epsilon) for row in zip(logits.tolist(), legal.tolist(), strict=True)]
    assert found == pytest.approx(np.array(wanted), abs=1e-6)
    assert not found[~legal].any()


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize(("trace", "epsilon"), [(0.0, 0.0), (0.8, 0.2), (1.0, 0.5)])
@pytest.mark.parametrize("lives", [False, True])
def test_loss(recurrent, trace, epsilon, lives):
    spec = replace(SPEC, lives=lives)
    settings = COMASettings(
        td_lambda=trace,
        epsilon_start=epsilon,
        epsilon_end=epsilon,
        recurrent=recurrent,
        scale_rewards=False,
        scale_inputs=False,
        hidden=8,
        entropy=0.1,
    )
    learner, rng = COMA(spec, settings, seed=1), np.random.default_rng(2)
    with torch.no_grad():
        for parameter in [*learner.networks.parameters(), *learner.targets.parameters()]:
            parameter += torch.from_numpy(rng.normal(size=parameter.shape, scale=0.2)).float()
    episodes = naive.some_episodes(spec, rng)
    batch = learner.batch(episodes, np.ones(len(episodes.filled), np.float32))
    loss, told = learner.loss(batch, np.random.default_rng(3))

    with torch.no_grad():
        logits = learner.agents(batch.obs)[0]
        rows = batch.rows()
        actions = learner.actions(logits.flatten(0, 1)[rows.seen], batch, rows, np.random.default_rng(3))
    full = np.zeros((len(episodes.filled) * (SPEC.limit + 1), 3), np.int64)
    full[rows.seen] = actions
    full = full.reshape(-1, SPEC.limit + 1, 3)
    assert np.array_equal(full[:, :-1][episodes.filled], episodes.action[episodes.filled])
    last = [full[b, length] for b, length in enumerate(episodes.filled.sum(axis=1))]
    for b, length in enumerate(episodes.filled.sum(axis=1)):
        assert np.take_along_axis(episodes.legal[b, length], last[b][:, None], axis=-1).all()

    def asked(critic):
        def values(b, t, joint):
            here = None if batch.alive is None else batch.alive[b, t][None].float()
            with torch.no_grad():
                return critic(batch.state[b, t][None], torch.tensor(np.array(joint))[None], here)[0].numpy()

        return values

    critics = asked(learner.critic), asked(learner.target_critic)
    wanted = naive.coma_loss(episodes, logits.numpy(), *critics, last, settings, epsilon)
    found = loss.item(), told["value_loss"].item(), told["entropy"].item()
    assert found == pytest.approx(wanted, rel=1e-4, abs=1e-5)


def test_target_critic():
    """It follows softly, or is copied now and then."""
    episodes = naive.some_episodes(SPEC, np.random.default_rng(1))
    soft, copied = {"target_rate": 0.25}, {"target_rate": 1.0, "target_every": 2}
    for settings, moved in ((soft, [True, True]), (copied, [False, True])):
        learner = COMA(SPEC, COMASettings(hidden=8, **settings), seed=1)
        for expected in moved:
            before = learner.target_critic.out.weight.clone()
            learner.learn(episodes, np.random.default_rng(2))
            after = learner.target_critic.out.weight
            assert (not torch.equal(before, after)) == expected
            if expected:
                goal = before.lerp(learner.critic.out.weight, settings["target_rate"])
                assert torch.allclose(after, goal, atol=1e-7)


def test_refuses_rewards_of_ones_own():
    spec = EnvSpec(agents=2, actions=2, observation=3, state=6, limit=5, team=False)
    with pytest.raises(ValueError, match=r"coma learns from one reward for the team"):
        COMA(spec, COMASettings(), seed=1)
    with pytest.raises(ValueError, match="td_lambda must be between 0 and 1, not 2"):
        COMASettings(td_lambda=2.0)
