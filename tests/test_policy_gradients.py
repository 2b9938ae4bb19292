"""REINFORCE, TRPO, HATRPO, GRPO, MDPO, magnetic PPO and VRPO: their losses and steps by slow oracles."""

from dataclasses import replace

import naive_policies as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st
from naive_lives import life
from test_actor_critic import OWN, PLAIN, SPEC, outputs, shake, weights

import counterplay

torch = pytest.importorskip("torch")

from counterplay.agents import find  # noqa: E402
from counterplay.agents.grpo import GRPO, GRPOSettings  # noqa: E402
from counterplay.agents.nn.plain import differentiable  # noqa: E402
from counterplay.agents.ppo import PPO, PPOSettings  # noqa: E402
from counterplay.agents.reinforce import Reinforce, ReinforceSettings  # noqa: E402
from counterplay.agents.run import begin  # noqa: E402
from counterplay.agents.trpo import TRPO, TRPOSettings  # noqa: E402
from counterplay.agents.trust_region import conjugate_gradients  # noqa: E402
from counterplay.agents.vrpo import VRPO, VRPOSettings  # noqa: E402
from counterplay.api.training import advance  # noqa: E402
from counterplay.engine.alike import Alike  # noqa: E402
from counterplay.engine.env import EnvSpec, Own  # noqa: E402
from counterplay.games.envs import make_env  # noqa: E402

NAMES = ["reinforce", "trpo", "hatrpo", "grpo", "mdpo", "magnetic_ppo", "vrpo"]


def standard(gains, shift=True):
    """Return {at: number} with mean 0 and deviation 1; without a shift with a mean square of 1."""
    mean = sum(gains.values()) / len(gains) if shift else 0.0
    deviation = (sum((x - mean) ** 2 for x in gains.values()) / len(gains)) ** 0.5
    return {at: (x - mean) / deviation for at, x in gains.items()}


def policies(episodes, logits):
    """Return {(b, t, n): probabilities} where an agent had a choice."""
    return {
        at: naive.softmax(logits[at], episodes.legal[at].tolist())
        for at in naive.choices_of(episodes)
        if len(logits[at]) == episodes.legal.shape[-1]
    }


def logits_of(learner, episodes):
    return (
        outputs(learner, episodes)[0]
        if hasattr(learner, "critic") and learner.critic is not None
        else bare(learner, episodes)
    )


def bare(learner, episodes):
    """Return the logits of agents without memory, [B, T + 1, N, A]."""
    with torch.no_grad():
        return learner.agents(torch.from_numpy(episodes.obs))[0].numpy()


def divergence(before, after):
    """Return the mean relative entropy of policies to others."""
    return sum(sum(p * np.log(p / q) for p, q in zip(before[at], after[at], strict=True) if p) for at in before) / len(
        before
    )


def moved(episodes, before, after, agents=None):
    """Return the mean relative entropy of policies to others, by their logits, where some of the agents had a choice.

    In logarithms, for what has become unlikely may be less than a number of 64 bits can be.
    """
    found = []
    for at in naive.choices_of(episodes):
        if agents is None or at[2] in agents:
            legal = episodes.legal[at]
            was, now = (logits[at][legal].astype(np.float64) for logits in (before, after))
            was, now = was - np.logaddexp.reduce(was), now - np.logaddexp.reduce(now)
            found.append(np.sum(np.exp(was) * (was - now)))
    return np.mean(found)


@pytest.mark.parametrize("spec", [SPEC, OWN], ids=["team", "own"])
@pytest.mark.parametrize("baseline", [True, False])
@pytest.mark.parametrize("lives", [False, True])
def test_reinforce(spec, baseline, lives):
    spec = replace(spec, lives=lives)
    for scale in (True, False):
        settings = ReinforceSettings(baseline=baseline, scale_values=False, scale_advantages=scale, **PLAIN)
        learner, rng = Reinforce(spec, settings, seed=1), np.random.default_rng(2)
        shake(learner.networks, rng)
        episodes = naive.some_episodes(spec, rng)
        batch = learner.batch(episodes, weights(episodes))
        loss, told = learner.loss(batch, learner.facts(batch))
        logits, shape = bare(learner, episodes), (*episodes.obs.shape[:3],)
        values = outputs(learner, episodes)[1] if baseline else np.zeros(shape)
        paid = naive.returns_of(episodes, np.zeros(shape), settings.gamma, 1.0)
        gains = {at: paid[at] - float(values[at]) for at in naive.choices_of(episodes)}
        gains = standard(gains) if scale else gains
        shares = policies(episodes, logits)
        gain = sum(x * np.log(shares[at][episodes.action[at]]) for at, x in gains.items()) / len(gains)
        spread = sum(naive.entropy(shares[at]) for at in gains) / len(gains)
        errors = [(float(values[at]) - goal) ** 2 for at, goal in paid.items()] if baseline else [0.0]
        wanted = sum(errors) / len(errors) - gain - settings.entropy * spread
        assert loss.item() == pytest.approx(wanted, rel=1e-4, abs=1e-5)
        assert ("value_loss" in told) == baseline


@given(st.integers(0, 10**6), st.integers(1, 8))
@tried(max_examples=20, deadline=None)
def test_conjugate_gradients(seed, size):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size))
    matrix = torch.from_numpy(root @ root.T + np.eye(size))
    slope = torch.from_numpy(rng.normal(size=size))
    found = conjugate_gradients(lambda v: matrix @ v, slope, 10 * size)
    assert torch.allclose(matrix @ found, slope, atol=1e-4)


@pytest.mark.parametrize("options", [{}, {"recurrent": True, "last_action": True}, {"shared": False}])
def test_networks_can_be_differentiated_twice(options):
    """Their second derivative of the divergence is the Fisher information, sum over J' (diag p - p p') J."""
    settings = TRPOSettings(**{**PLAIN, "hidden": 3, **options})
    learner, rng = TRPO(SPEC, settings, seed=1), np.random.default_rng(2)
    shake(learner.networks, rng, 0.3)
    episodes = naive.some_episodes(SPEC, rng, count=3)
    batch = learner.batch(episodes, weights(episodes))
    rows, parameters = batch.rows(), list(learner.agents.parameters())
    vector = [torch.from_numpy(rng.normal(size=p.shape)).float() for p in parameters]
    flat = torch.cat([part.reshape(-1) for part in vector]).double()
    with differentiable():
        said = learner.said(batch, rows)
        decisions = learner.decisions(said, batch, rows)
        with torch.no_grad():
            old = learner.decisions(learner.said(batch, rows), batch, rows)
        kl = old.mean(old.kl(decisions))
        first = torch.autograd.grad(kl, parameters, create_graph=True)
        pull = sum((part * way).sum() for part, way in zip(first, vector, strict=True))
        second = torch.autograd.grad(pull, parameters, retain_graph=True)
        found = torch.cat([part.reshape(-1) for part in second])
        wanted, count = torch.zeros(len(flat)).double(), 0
        for r in range(len(rows.step)):
            for n in range(SPEC.agents):
                if not old.mask[r, n]:
                    continue
                p = old.policy.log[r, n].exp().double()
                legal = torch.nonzero(p > 0)[:, 0].tolist()
                jacobian = torch.stack(
                    [
                        torch.cat(
                            [
                                g.reshape(-1)
                                for g in torch.autograd.grad(said[rows.now[r], n, a], parameters, retain_graph=True)
                            ]
                        )
                        for a in legal
                    ]
                ).double()
                p = p[legal]
                wanted += jacobian.T @ ((torch.diag(p) - p[:, None] * p) @ (jacobian @ flat))
                count += 1
    assert torch.allclose(found.double(), wanted / count, rtol=1e-3, atol=1e-5)
    with torch.no_grad():  # they are the networks that the kernels are
        kernels = learner.said(batch, rows)
    assert torch.allclose(said, kernels, atol=1e-5)


@given(st.integers(0, 10**6), st.sampled_from([1e-4, 1e-3, 1e-2, 0.1, 1.0]), st.booleans(), st.booleans())
@tried(max_examples=25, deadline=None)
def test_trust_region(seed, most, sequential, lives):
    """Policies never move further than they may, and get better by what they were told, or stay."""
    rng, spec = np.random.default_rng(seed), replace(SPEC, lives=lives)
    settings = TRPOSettings(max_kl=most, sequential=sequential, shared=not sequential, damping=0.01, **PLAIN)
    learner = TRPO(spec, settings, seed=seed)
    shake(learner.networks, rng, 0.5)
    episodes = naive.some_episodes(spec, rng)
    batch = learner.batch(episodes, weights(episodes))
    facts, before = learner.facts(batch), bare(learner, episodes)
    told = learner.moved_policies(batch, facts, rng)
    after = bare(learner, episodes)
    was, now = policies(episodes, before), policies(episodes, after)
    for n in range(spec.agents) if sequential else [None]:
        if any(n is None or at[2] == n for at in was):
            assert moved(episodes, before, after, None if n is None else [n]) <= most * (1 + 1e-3) + 1e-6
    if not sequential:
        assert told["kl"] == pytest.approx(moved(episodes, before, after), rel=1e-2, abs=1e-6)
        advantage = facts.advantage.numpy()
        gain = sum(advantage[at] * (now[at][a] / was[at][a] - 1) for at in was for a in [episodes.action[at]])
        assert gain / len(was) == pytest.approx(-told["loss"], rel=1e-2, abs=1e-5)
        assert gain >= -1e-5


def test_hatrpo_steps_one_after_another():
    """Each agent's step changes its own network alone, and is told what those before it made likelier."""
    learner, rng = TRPO(SPEC, TRPOSettings(sequential=True, shared=False, **PLAIN), 1), np.random.default_rng(3)
    shake(learner.networks, rng, 0.5)
    episodes = naive.some_episodes(SPEC, rng)
    batch = learner.batch(episodes, weights(episodes))
    facts, rows, seen = learner.facts(batch), batch.rows(), []
    tell = learner.tried

    def spy(decisions, old, weight):
        seen.append((decisions.mask.sum(dim=0) > 0, weight.clone(), bare(learner, episodes)))
        return tell(decisions, old, weight)

    learner.tried = spy
    start = bare(learner, episodes)
    learner.moved_policies(batch, facts, rng)
    turns = []
    for agents, weight, logits in seen:
        (n,) = torch.nonzero(agents)[:, 0].tolist()
        if n not in turns:
            turns.append(n)
            advantage, was, now = facts.advantage.numpy(), policies(episodes, start), policies(episodes, logits)
            for r, at in enumerate(zip(*np.unravel_index(rows.step.numpy(), episodes.filled.shape), strict=True)):
                likelier = 1.0
                for m in turns[:-1]:
                    if (*at, m) in was:
                        a = episodes.action[(*at, m)]
                        likelier *= now[(*at, m)][a] / was[(*at, m)][a]
                assert weight[r, n].item() == pytest.approx(advantage[(*at, n)] * likelier, rel=1e-3, abs=1e-5)
        others = [m for m in range(SPEC.agents) if m not in turns]
        assert np.allclose(logits[:, :, others], start[:, :, others], atol=1e-5)
    assert sorted(turns) == [0, 1, 2]
    assert not np.allclose(bare(learner, episodes)[:, :, turns[-1]], start[:, :, turns[-1]], atol=1e-3)


@pytest.mark.parametrize("name", ["foraging", "leduc", "cartpole", "spread"])
def test_groups_begin_alike(name):
    env = Alike(make_env(name), 3, 4)
    step = env.reset(np.random.default_rng(1))
    assert env.batch == len(step.obs) == 12
    obs = step.obs.reshape(4, 3, -1)
    assert (obs == obs[0]).all()
    assert len(np.unique(obs[0], axis=0)) > 1
    again = env.reset(np.random.default_rng(2)).obs.reshape(4, 3, -1)
    assert (again == again[0]).all()
    assert not np.array_equal(again, obs)


@pytest.mark.parametrize("spec", [SPEC, OWN], ids=["team", "own"])
@pytest.mark.parametrize("scale", [True, False])
def test_grpo(spec, scale):
    settings = GRPOSettings(envs=6, group=3, gamma=0.9, scale_advantages=scale, **PLAIN)
    learner, rng = GRPO(spec, settings, 1), np.random.default_rng(2)
    shake(learner.networks, rng)
    episodes = naive.some_episodes(spec, rng, count=6)
    batch = learner.batch(episodes, weights(episodes))
    old, facts = policies(episodes, bare(learner, episodes)), learner.facts(batch)
    shake(learner.networks, rng, 0.2)
    loss, _ = learner.loss(batch, facts)
    new = policies(episodes, bare(learner, episodes))

    def earned(b, n):
        length = int(episodes.filled[b].sum())
        return sum(0.9**t * naive.reward_of(episodes, b, t, n) for t in range(length))

    objective = 0.0
    for b, t, n in old:
        group = [earned(other, n) for other in range(b % 2, 6, 2)]
        mean = sum(group) / 3
        deviation = (sum((x - mean) ** 2 for x in group) / 3) ** 0.5 if scale else 1.0
        gain, a = (earned(b, n) - mean) / deviation, episodes.action[b, t, n]
        ratio = new[b, t, n][a] / old[b, t, n][a]
        objective += min(ratio * gain, min(max(ratio, 0.8), 1.2) * gain)
        objective += settings.entropy * naive.entropy(new[b, t, n])
    assert loss.item() == pytest.approx(-objective / len(old), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("group", [2, 3, 8])
def test_a_group_that_earned_the_same_has_no_advantage(group):
    """Rounding in its mean is not brought to the size of an advantage."""
    learner, rng = GRPO(OWN, GRPOSettings(envs=4 * group, group=group, **PLAIN), 1), np.random.default_rng(5)
    episodes = naive.some_episodes(OWN, rng, count=4 * group)
    reward = np.tile(rng.uniform(5, 30, (4, *episodes.reward.shape[1:])), (group, 1, 1)).astype(np.float32)
    filled = np.ones_like(episodes.filled)
    batch = learner.batch(episodes, weights(episodes))._replace(
        reward=torch.from_numpy(reward), filled=torch.from_numpy(filled)
    )
    assert not learner.above_group(batch).any()


@pytest.mark.parametrize(
    "options",
    [
        {"ratio_clip": 0.0, "proximity": 0.7},
        {"ratio_clip": 0.0, "proximity": 0.7, "squared": True},
        {"magnet": 0.3},
        {"magnet": 0.3, "magnet_rate": 0.1, "proximity": 0.2, "magnet_steps": 100},
        {
            "magnet": 0.3,
            "average": 0.1,
            "magnet_steps": 100,
            "magnet_end": 0.05,
            "proximity": 0.2,
            "proximity_end": 2.0,
        },
        {"ratio_clip": 0.0, "proximity": 0.7, "squared": True, "magnet_steps": 100, "proximity_end": 0.07},
    ],
)
def test_held_policies(options):
    """MDPO's objective, Kimi's, and a magnet's."""
    settings = PPOSettings(scale_values=False, value_clip=0.0, **options, **PLAIN)
    learner, rng = PPO(OWN, settings, 1), np.random.default_rng(2)
    shake(learner.networks, rng)
    learner.steps = 40
    episodes = naive.some_episodes(OWN, rng)
    batch = learner.batch(episodes, weights(episodes))
    facts, old = (
        learner.facts(batch)._replace(said=learner.all_said(batch)),
        policies(episodes, bare(learner, episodes)),
    )
    slow = learner.targets["agents"] if settings.magnet_rate else None
    if slow is not None:
        shake(slow, rng, 0.1)
    shake(learner.networks, rng, 0.2)
    loss, told = learner.loss(batch, facts)
    new = policies(episodes, bare(learner, episodes))
    if slow is None:
        magnet = {at: [1 / sum(episodes.legal[at])] * SPEC.actions for at in new}
    else:
        with torch.no_grad():
            magnet = policies(episodes, slow(torch.from_numpy(episodes.obs))[0].numpy())
    objective = constant = 0.0
    held = settings.proximity * (1 if not settings.proximity_end else 10**0.4 if settings.magnet else 0.1**0.4)
    for at, shares in new.items():
        a, gain = episodes.action[at], facts.advantage[at].item()
        ratio = shares[a] / old[at][a]
        if settings.squared:
            objective += gain * np.log(shares[a]) - held * 0.5 * np.log(ratio) ** 2
        else:
            clip = settings.ratio_clip
            objective += min(ratio * gain, min(max(ratio, 1 - clip), 1 + clip) * gain) if clip else ratio * gain
            objective -= held * divergence({at: shares}, old)
        fallen = 1 / 6 if settings.magnet_end else 0.0  # of 0.3 over 100 steps; a share of it in 40
        drawn = settings.magnet * (fallen**0.4 if fallen else 0.6 if settings.magnet_steps else 1.0)
        objective -= drawn * divergence({at: shares}, magnet)
        constant += drawn * (np.log(sum(episodes.legal[at])) if slow is None else 0.0)
        objective += settings.entropy * naive.entropy(shares)
    wanted = told["value_loss"].item() - (objective + constant) / len(new)
    assert loss.item() == pytest.approx(wanted, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("options", [{"magnet": 0.1, "magnet_rate": 0.25}, {"average": 0.25, "lr_steps": 3}])
def test_the_slow_copy_follows(options):
    """The magnet, or the average, which follows at the same rate however little is left of learning rates."""
    settings = PPOSettings(magnet_every=2, epochs=1, minibatches=1, **options, **PLAIN)
    learner, rng = PPO(SPEC, settings, 1), np.random.default_rng(2)
    episodes = naive.some_episodes(SPEC, rng)
    start = learner.targets["agents"].first.weight.clone()
    learner.learn(episodes, rng)
    assert torch.equal(learner.targets["agents"].first.weight, start)
    learner.learn(episodes, rng)
    wanted = start + 0.25 * (learner.agents.first.weight - start)
    assert torch.allclose(learner.targets["agents"].first.weight, wanted, atol=1e-6)


@pytest.mark.parametrize("spec", [SPEC, OWN, replace(OWN, turns=True)], ids=["team", "own", "turns"])
@pytest.mark.parametrize("lives", [False, True])
def test_vrpo(spec, lives):
    """Expected SARSA(lambda): errors of what was said of the actions taken, against means under the policy."""
    if spec.turns and lives:
        pytest.skip("nobody leaves a turn-based game")
    spec = replace(spec, lives=lives)
    settings = VRPOSettings(scale_values=False, scale_advantages=False, value_clip=0.0, **PLAIN)
    learner, rng = VRPO(spec, settings, 1), np.random.default_rng(2)
    shake(learner.networks, rng)
    episodes = naive.some_episodes(spec, rng)
    if spec.turns:  # one has a choice at a time
        turn = rng.integers(spec.agents, size=episodes.legal.shape[:2])
        waits = np.arange(spec.agents) != turn[..., None]
        episodes.legal[waits] = np.arange(spec.actions) == 0
        episodes.action[waits[:, :-1]] = 0
        episodes.legal[:, :-1][~waits[:, :-1]] = True
        episodes.legal[:, -1][~waits[:, -1]] = True
    batch = learner.batch(episodes, weights(episodes))
    facts = learner.facts(batch)
    loss, told = learner.loss(batch, facts)
    logits, gamma, trace = bare(learner, episodes), settings.gamma, settings.gae_lambda
    with torch.no_grad():
        said = learner.critic(torch.from_numpy(episodes.state)).numpy().reshape(*logits.shape)

    def chooser(b, t, n):
        free = [m for m in range(spec.agents) if sum(episodes.legal[b, t, m]) > 1]
        return free[0] if spec.turns and free else n

    def mean(b, t, n):
        m = chooser(b, t, n)
        shares = naive.softmax(logits[b, t, m], episodes.legal[b, t, m].tolist())
        return sum(p * float(q) for p, q in zip(shares, said[b, t, n], strict=True))

    errors = []
    for b, row in enumerate(episodes.filled):
        length, (alive, ended) = int(row.sum()), life(episodes, b)
        for n in range(spec.agents):
            reward = [naive.reward_of(episodes, b, t, n) for t in range(length)]
            q = [float(said[b, t, n, episodes.action[b, t, chooser(b, t, n)]]) for t in range(length)]
            following = [mean(b, t + 1, n) for t in range(length)]
            following = still_paid(reward, following, bool(episodes.terminated[b, length - 1]), ended[:, n], gamma)
            beyond = 0.0
            for t in range(length - 1, -1, -1):
                beyond = reward[t] + gamma * following[t] - q[t] + gamma * trace * beyond if alive[t, n] else 0.0
                if alive[t, n]:
                    assert facts.target[b, t, n].item() == pytest.approx(q[t] + beyond, rel=1e-4, abs=1e-4)
                    gained = q[t] + beyond - mean(b, t, n)
                    assert facts.advantage[b, t, n].item() == pytest.approx(gained, rel=1e-4, abs=1e-4)
                    errors.append(beyond**2)
    assert told["value_loss"].item() == pytest.approx(sum(errors) / len(errors), rel=1e-4)
    assert torch.isfinite(loss)


def still_paid(reward, following, over, ended, gamma):
    """Return what steps led to was worth, [T]: where the rules ended an agent's game, what was paid after it."""
    length, found = len(reward), list(following)
    for t in range(length - 1, -1, -1):
        if t == length - 1 and over:
            found[t] = 0.0
        elif ended[t + 1]:
            found[t] = reward[t + 1] + gamma * found[t + 1] if t + 1 < length else 0.0
    return found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("recurrent", [False, True])
def test_what_follows_an_end_changes_nothing(name, recurrent):
    given = {"hidden": 8, "recurrent": recurrent, "last_action": True} | (
        {"envs": 6, "group": 3} if name == "grpo" else {}
    )
    settings, rng = find(name).with_settings(given), np.random.default_rng(7)
    episodes = naive.some_episodes(SPEC, rng, count=6)
    other = episodes._replace(**{part: getattr(episodes, part).copy() for part in ("obs", "action", "reward")})
    steps = np.arange(SPEC.limit + 1)
    other.obs[steps > episodes.filled.sum(axis=1)[:, None]] = 99.0
    other.action[~episodes.filled] = 1
    other.reward[~episodes.filled] = 5.0
    told = [find(name).make(SPEC, settings, 1).learn(part, np.random.default_rng(1)) for part in (episodes, other)]
    assert told[0] == told[1]


@pytest.mark.parametrize("name", NAMES)
def test_nobody_had_a_choice(name):
    given = {"hidden": 8} | ({"envs": 6} if name == "grpo" else {})
    learner = find(name).make(SPEC, find(name).with_settings(given), 1)
    before = {key: weight.clone() for key, weight in learner.networks.state_dict().items()}
    told = learner.learn(
        naive.some_episodes(SPEC, np.random.default_rng(1), count=6, lone=1.0), np.random.default_rng(2)
    )
    after = learner.networks.state_dict()
    assert told["entropy"] == 0
    changed = {key.split(".")[0] for key, weight in before.items() if not torch.equal(weight, after[key])}
    assert changed == (set() if name == "grpo" else {"critic"})


@pytest.mark.parametrize("name", NAMES)
def test_resume(name, tmp_path):
    """A run that was saved and loaded goes on to the same next losses, bit for bit."""
    settings = {"envs": 10, "hidden": 8} | ({"group": 5} if name == "grpo" else {})
    settings |= {"magnet_rate": 0.1} if name == "magnetic_ppo" else {}
    whole = advance(begin(name, make_env("climbing"), "climbing", 3, settings), 1000, test_every=10**9, test_episodes=2)
    half = advance(begin(name, make_env("climbing"), "climbing", 3, settings), 500, test_every=10**9, test_episodes=2)
    half.save(tmp_path)
    resumed = advance(counterplay.load_run(tmp_path), 1000, test_every=10**9)
    kept = [row["loss"] for row in whole.history if row["steps"] > 500]
    assert [row["loss"] for row in resumed.history if row["steps"] > 500] == kept
    states = [run.learner.state()["networks"] for run in (whole, resumed)]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


@pytest.mark.parametrize("name", NAMES)
def test_learns_a_matrix(name):
    env = "matrix_game(payoffs=(0, 1, 0, 0, 0, 2, 3, 0, 0), steps=3)"
    settings = {"lr": 5e-3, "envs": 32, "hidden": 16, "greedy": True}
    settings |= {"max_kl": 0.05} if name.endswith("trpo") else {}
    run = advance(begin(name, make_env(env), env, 1, settings), 4000, test_every=10**9)
    assert run.history[-1]["test_return"] == 9


@pytest.mark.parametrize("name", ["reinforce", "trpo", "grpo", "mdpo", "magnetic_ppo"])
def test_actions_of_numbers(name):
    """They learn from actions that are numbers, and TRPO keeps to its region there too."""
    settings = {"hidden": 8, "envs": 8} | ({"max_kl": 1e-3} if name == "trpo" else {})
    settings |= {"magnet_rate": 0.1} if name == "magnetic_ppo" else {}
    run = begin(name, make_env("pendulum"), "pendulum", 1, settings)
    before = {key: weight.clone() for key, weight in run.learner.networks.state_dict().items()}
    told = run.learner.learn(run.gather(), run.rng)
    assert all(np.isfinite(list(told.values())))
    assert not torch.equal(before["deviations.log"], run.learner.networks.state_dict()["deviations.log"])
    if name == "trpo":
        assert 0 < told["kl"] <= 1e-3


def test_magnets_settle():
    """In rock paper scissors self-play goes in circles, and a magnet leads it to the equilibrium."""
    found = {}
    for name in ("ippo", "magnetic_ppo"):
        settings = {"envs": 64, "hidden": 8, "lr": 1e-2, "epochs": 1, "minibatches": 1, "entropy": 0.0, "gamma": 1.0}
        settings |= {"lr_steps": 40_000, "magnet": 0.5, "magnet_rate": 0.0} if name == "magnetic_ppo" else {}
        env = "rock_paper_scissors"
        run = begin(name, make_env(env), env, 1, settings)
        shake(run.learner.agents, np.random.default_rng(1), 0.3)
        advance(run, 40_000, test_every=5_000, test_episodes=2)
        found[name] = [row["test_exploitability"] for row in run.history if "test_exploitability" in row]
    assert max(found["ippo"][1:]) > 0.5
    assert found["magnetic_ppo"][-1] < 0.1


def test_refusals():
    continuous = EnvSpec(agents=2, actions=2, observation=3, state=6, limit=5, continuous=True)
    for name in ("vrpo",):
        with pytest.raises(ValueError, match="vrpo chooses among actions"):
            find(name).make(continuous, find(name).with_settings({}), 1)
    with pytest.raises(ValueError, match="set shared=false"):
        find("hatrpo").with_settings({"shared": True})
    with pytest.raises(ValueError, match="hatrpo learns from one reward"):
        find("hatrpo").make(OWN, find("hatrpo").with_settings({}), 1)
    with pytest.raises(ValueError, match="envs must be a multiple of group, 8, not 20"):
        find("grpo").with_settings({"envs": 20})
    for name in ("grpo", "reinforce"):
        with pytest.raises(ValueError, match="set rollout=0"):
            find(name).with_settings({"rollout": 5})
    with pytest.raises(ValueError, match="central must be true"):
        find("vrpo").with_settings({"central": False})
    with pytest.raises(ValueError, match="started several times"):
        Alike(Own(make_env("climbing").start(2)), 2, 2)


@pytest.mark.parametrize("slow", [{"magnet_rate": 0.1, "magnet_plays": True}, {"average": 0.1}])
def test_slow_copies_play(slow):
    """Without exploring its policies are shown, and those of the agents otherwise; agents learn as without it."""
    given = {"magnet": 0.3, "hidden": 8, "envs": 8, "test_every": 10**6, "seed": 1, "preset": "none"}
    quick = slow | {"magnet_plays": False} if "magnet_rate" in slow else {}
    plain, calm = (counterplay.train("magnetic_ppo", "kuhn", steps=400, **given, **by) for by in (quick, slow))
    for name, part in plain.learner.networks.state_dict().items():
        assert torch.equal(part, calm.learner.networks.state_dict()[name]), name
    step = calm.playing(4).reset(np.random.default_rng(0))
    calm.learner.begin(4)
    shown = calm.learner.probabilities(step)
    plain.learner.begin(4)
    assert np.abs(shown - plain.learner.probabilities(step)).max() > 1e-4
    calm.learner.agents = calm.learner.targets["agents"]
    np.testing.assert_array_equal(shown, calm.learner._log(calm.learner.outputs(step), step, 0.0).exp().numpy())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"magnet_plays": True}, "a magnet that plays has to follow the policies"),
        ({"magnet": 0.1, "magnet_end": 0.05}, "are come to over magnet_steps"),
        ({"proximity_end": 0.5, "magnet_steps": 9}, "set proximity, where that begins"),
        ({"magnet": 0.0, "magnet_end": 0.5, "magnet_steps": 9}, "set magnet, where that begins"),
        ({"magnet": 0.1, "magnet_end": 0.2, "magnet_steps": 9}, "magnet_end must be between 0 and 0.1, not 0.2"),
        ({"magnet": 0.1, "magnet_rate": 0.1, "average": 0.1}, "average=0, or magnet_rate=0"),
    ],
)
def test_slow_copies_refuse(options, said):
    with pytest.raises(ValueError, match=said):
        PPOSettings(**options)


def test_merged_rows_are_asked_once():
    """What is learned is the same."""
    given = {"minibatches": 1, "hidden": 8, "envs": 32, "scale_inputs": False, "magnet_rate": 0.1, "seed": 1}
    given |= {"proximity": 5.0, "ratio_clip": 0.0, "preset": "none", "test_every": 10**6}
    plain, merged = (counterplay.train("magnetic_ppo", "kuhn", steps=400, merge=by, **given) for by in (False, True))
    for name, part in plain.learner.networks.state_dict().items():
        torch.testing.assert_close(part, merged.learner.networks.state_dict()[name], rtol=1e-3, atol=1e-4)
    with pytest.raises(ValueError, match="set minibatches=1"):
        PPOSettings(merge=True, minibatches=2)
    with pytest.raises(ValueError, match="without memory"):
        PPOSettings(merge=True, minibatches=1, recurrent=True)
