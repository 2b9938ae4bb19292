"""MAPPO, IPPO and A2C: their losses by slow oracles, what they leave out, and small things that they learn."""

from copy import deepcopy
from dataclasses import replace

import naive_policies as naive
import numpy as np
import pytest

import counterplay

torch = pytest.importorskip("torch")

from counterplay.agents import find  # noqa: E402
from counterplay.agents.nn.dense import MLP  # noqa: E402
from counterplay.agents.nn.networks import AgentNetwork, orthogonal  # noqa: E402
from counterplay.agents.ppo import PPO, PPOSettings  # noqa: E402
from counterplay.agents.run import begin  # noqa: E402
from counterplay.agents.team import minibatches  # noqa: E402
from counterplay.agents.valued import Facts, ValueScale  # noqa: E402
from counterplay.api.training import advance  # noqa: E402
from counterplay.engine.env import EnvSpec, Step  # noqa: E402
from counterplay.games.envs import make_env  # noqa: E402

SPEC = EnvSpec(agents=3, actions=4, observation=5, state=6, limit=7)
OWN = EnvSpec(agents=3, actions=4, observation=5, state=6, limit=7, team=False)
PLAIN = {"scale_rewards": False, "scale_inputs": False, "hidden": 8}


def weights(episodes):
    return np.ones(len(episodes.filled), np.float32)


def outputs(learner, episodes):
    """Return the learner's logits and values in all rows, one episode and one step after another."""
    network, critic = learner.agents, learner.critic
    logits, values = [], []
    with torch.no_grad():
        for b in range(len(episodes.filled)):
            memory, own, last = network.start(1), None, torch.full((1, 1, episodes.obs.shape[2]), -1)
            logits.append([])
            values.append([])
            for t in range(episodes.obs.shape[1]):
                obs = torch.from_numpy(episodes.obs[b, t])[None, None]
                out, memory = network(obs, last, memory)
                logits[-1].append(out[0, 0].numpy())
                if isinstance(critic, AgentNetwork):
                    said, own = critic(obs, last, own)
                    values[-1].append(said[0, 0, :, 0].numpy())
                else:
                    values[-1].append(critic(torch.from_numpy(episodes.state[b, t])).numpy())
                if t < episodes.action.shape[1]:
                    last = torch.from_numpy(episodes.action[b, t])[None, None]
    return np.array(logits), np.array(values)


def shake(module, rng, size=0.1):
    """Change every parameter a little."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += torch.from_numpy(rng.normal(size=parameter.shape, scale=size)).float()


@pytest.mark.parametrize("spec", [SPEC, OWN], ids=["team", "own"])
@pytest.mark.parametrize("central", [True, False], ids=["central", "independent"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"recurrent": True, "last_action": True},
        {"shared": False, "n_step": 3, "value_clip": 0.0},
        {"recurrent": True, "shared": False, "gae_lambda": 1.0, "scale_advantages": False},
        {"epsilon_start": 0.3, "epsilon_end": 0.3, "gae_lambda": 0.0, "ratio_clip": 0.05},
        {"pessimism": 0.2},
        {"pessimism": 0.0, "scale_advantages": False, "value_clip": 0.0},
    ],
)
@pytest.mark.parametrize("lives", [False, True])
def test_loss(spec, central, options, lives):
    spec = replace(spec, lives=lives)
    settings = PPOSettings(central=central, scale_values=False, **PLAIN, **options)
    learner, rng = PPO(spec, settings, seed=1), np.random.default_rng(2)
    shake(learner.networks, rng)
    episodes = naive.some_episodes(spec, rng)
    batch = learner.batch(episodes, weights(episodes))
    old, facts = outputs(learner, episodes), learner.facts(batch)
    shake(learner.networks, rng, 0.2)
    loss, told = learner.loss(batch, facts)
    epsilon = options.get("epsilon_start", 0.0)
    wanted = naive.ppo_loss(episodes, old, outputs(learner, episodes), settings, epsilon)
    found = loss.item(), *(told[name].item() for name in ("value_loss", "entropy", "kl"))
    assert found == pytest.approx(wanted, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("central", [True, False])
def test_minibatches_are_the_same_steps(central):
    """Parts of an epoch hold each episode once, with its own facts."""
    learner = PPO(SPEC, PPOSettings(central=central, **PLAIN), seed=1)
    episodes = naive.some_episodes(SPEC, np.random.default_rng(3), count=7)
    batch = learner.batch(episodes, weights(episodes))
    facts = learner.facts(batch)
    found = [(part, Facts(*known)) for part, known in minibatches(batch, facts, 2, 3, np.random.default_rng(4))]
    assert [len(part.filled) for part, _ in found] == [3, 2, 2] * 2
    for epoch in (found[:3], found[3:]):
        seen = torch.cat([part.obs[:, 0, 0, 0] for part, _ in epoch])
        assert sorted(seen.tolist()) == sorted(batch.obs[:, 0, 0, 0].tolist())
        for part, known in epoch:
            for b, first in enumerate(part.obs[:, 0, 0, 0]):
                (at,) = (batch.obs[:, 0, 0, 0] == first).nonzero()[0]
                assert torch.equal(known.target[b], facts.target[at])
                assert torch.equal(known.log[b], facts.log[at])


def test_one_epoch_is_a2c():
    """Its gradient is the policy gradient: of the mean of log-probabilities times advantages, and of squared errors."""
    settings = find("a2c").with_settings({**PLAIN, "scale_values": False})
    learner, rng = PPO(SPEC, settings, seed=5), np.random.default_rng(6)
    shake(learner.networks, rng)
    episodes = naive.some_episodes(SPEC, rng)
    batch = learner.batch(episodes, weights(episodes))
    facts = learner.facts(batch)
    loss, _ = learner.loss(batch, facts)
    loss.backward()
    found = [parameter.grad.clone() for parameter in learner.parameters]

    learner.networks.zero_grad()
    logits, _ = learner.agents(batch.obs)
    values = learner.critic(batch.state)[..., 0]
    terms, errors = [], []
    for b, t, n in naive.choices_of(episodes):
        log = torch.log_softmax(torch.where(batch.legal[b, t, n], logits[b, t, n], -torch.inf), dim=0)
        taken, legal = log[episodes.action[b, t, n]], batch.legal[b, t, n]
        gain = facts.advantage[b, t, n] * taken - settings.entropy * (log[legal].exp() * log[legal]).sum()
        terms.append(gain)
    for b, t in naive.steps_of(episodes):
        errors.append((values[b, t] - facts.target[b, t, 0]) ** 2)
    (sum(errors) / len(errors) - sum(terms) / len(terms)).backward()
    for parameter, gradient in zip(learner.parameters, found, strict=True):
        assert torch.allclose(parameter.grad, gradient, atol=1e-6)


@pytest.mark.parametrize("name", ["mappo", "ippo", "coma"])
@pytest.mark.parametrize("recurrent", [False, True])
def test_what_follows_an_end_changes_nothing(name, recurrent):
    settings = find(name).with_settings({"hidden": 8, "recurrent": recurrent, "last_action": True})
    rng = np.random.default_rng(7)
    episodes = naive.some_episodes(SPEC, rng)
    other = deepcopy(episodes)
    steps = np.arange(SPEC.limit + 1)
    other.obs[steps > episodes.filled.sum(axis=1)[:, None]] = 99.0  # the observation at the end itself still counts
    other.action[~episodes.filled] = 1
    other.reward[~episodes.filled] = 5.0
    told = [find(name).make(SPEC, settings, 1).learn(part, np.random.default_rng(1)) for part in (episodes, other)]
    assert told[0] == told[1]


@pytest.mark.parametrize("name", ["mappo", "ippo", "a2c", "ia2c", "coma"])
def test_nobody_had_a_choice(name):
    """Policies stay as they are, and critics learn."""
    learner = find(name).make(SPEC, find(name).with_settings({"hidden": 8}), 1)
    before = {key: weight.clone() for key, weight in learner.networks.state_dict().items()}
    told = learner.learn(naive.some_episodes(SPEC, np.random.default_rng(1), lone=1.0), np.random.default_rng(2))
    after = learner.networks.state_dict()
    assert told["entropy"] == 0
    changed = {key.split(".")[0] for key, weight in before.items() if not torch.equal(weight, after[key])}
    assert changed == {"critic"}


def test_kl_stop():
    rng = np.random.default_rng(1)
    episodes = naive.some_episodes(SPEC, rng)
    free = PPO(SPEC, PPOSettings(lr=0.05, epochs=8, minibatches=1), 1).learn(episodes, rng)
    held = PPO(SPEC, PPOSettings(lr=0.05, epochs=8, minibatches=1, kl_stop=0.01), 1).learn(episodes, rng)
    assert free["epochs"] == 8
    assert 1 <= held["epochs"] < 8
    assert held["kl"] > 0.01  # what made it stop


def test_value_scale():
    rng, scale, layer = np.random.default_rng(1), ValueScale(rate=0.25), torch.nn.Linear(3, 2)
    inputs = torch.from_numpy(rng.normal(size=(6, 3))).float()
    first = second = weight = 0.0
    assert (scale.mean, scale.deviation) == (0.0, 1.0)
    for k in range(5):
        numbers = torch.from_numpy(rng.normal(loc=k, scale=k + 1, size=(4, 2))).float()
        meant = scale.inverse(layer(inputs))
        scale.learn(numbers, layer)
        assert torch.allclose(scale.inverse(layer(inputs)), meant, atol=1e-4)
        assert torch.allclose(scale.inverse(scale(numbers)), numbers, atol=1e-5)
        first = 0.75 * first + 0.25 * float(numbers.mean())
        second = 0.75 * second + 0.25 * float(numbers.square().mean())
        weight = 0.75 * weight + 0.25
        assert scale.mean == pytest.approx(first / weight)
        assert scale.deviation == pytest.approx((second / weight - (first / weight) ** 2) ** 0.5, rel=1e-4)


def test_scaled_values_mean_the_same():
    """Targets and advantages are those of a critic that says what it means."""
    rng = np.random.default_rng(1)
    episodes = naive.some_episodes(OWN, rng)
    for central in (True, False):
        plain, scaled = (PPO(OWN, PPOSettings(central=central, scale_values=on, **PLAIN), 3) for on in (False, True))
        wanted = plain.facts(plain.batch(episodes, weights(episodes)))
        found = scaled.facts(scaled.batch(episodes, weights(episodes)))
        mask = torch.from_numpy(episodes.filled)
        assert torch.allclose(found.advantage, wanted.advantage, atol=1e-5)
        assert torch.allclose(scaled.values.inverse(found.target)[mask], wanted.target[mask], atol=1e-4)
        again = outputs(scaled, episodes)[1][:, :-1]  # the critic was rescaled, and says the old values in new units
        assert torch.allclose(found.value[mask], torch.from_numpy(again)[mask], atol=1e-4)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("recurrent", [True, False])
def test_orthogonal(shared, recurrent):
    network = AgentNetwork(20, 3, 4, 2, hidden=6, shared=shared, recurrent=recurrent)
    orthogonal(network, network.out, 0.01)
    for first, out in zip(network.first.weight, network.out.weight, strict=True):
        assert torch.allclose(first.T @ first, 2 * torch.eye(6), atol=1e-4)
        assert torch.allclose(out.T @ out, 1e-4 * torch.eye(2), atol=1e-6)
    assert not network.first.bias.any()
    plain = MLP(5, 8, 3)
    orthogonal(plain, plain.out, 1.0)
    assert torch.allclose(plain.out.weight[0].T @ plain.out.weight[0], torch.eye(3), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("mappo", {"envs": 10, "minibatches": 2, "lr_steps": 2000}),
        ("mappo", {"envs": 10, "recurrent": True, "last_action": True}),
        ("ippo", {"envs": 10, "recurrent": True, "shared": False, "kl_stop": 0.01}),
        ("a2c", {"envs": 10, "n_step": 5}),
        ("ia2c", {"envs": 10}),
        ("coma", {"recurrent": True, "epsilon_start": 0.5, "epsilon_end": 0.02, "epsilon_steps": 2000}),
    ],
)
def test_resume(name, settings, tmp_path):
    """A run that was saved and loaded goes on to the same next losses, bit for bit."""
    whole = advance(begin(name, make_env("climbing"), "climbing", 3, settings), 1000, test_every=10**9)
    half = advance(begin(name, make_env("climbing"), "climbing", 3, settings), 500, test_every=10**9)
    half.save(tmp_path)
    resumed = advance(counterplay.load_run(tmp_path), 1000, test_every=10**9)
    assert resumed.steps == whole.steps == 1000
    kept = [{k: v for k, v in row.items() if "second" not in k} for row in whole.history if row["steps"] > 500]
    again = [{k: v for k, v in row.items() if "second" not in k} for row in resumed.history if row["steps"] > 500]
    assert [row["loss"] for row in again] == [row["loss"] for row in kept]
    states = whole.learner.state()["networks"], resumed.learner.state()["networks"]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_refusals():
    with pytest.raises(ValueError, match=r"mappo: gae_lambda must be between 0 and 1, not 1.5"):
        find("mappo").with_settings({"gae_lambda": 1.5})
    with pytest.raises(ValueError, match=r"mappo has no parameter 'entropi'.*'entropy'"):
        find("mappo").with_settings({"entropi": 1})
    with pytest.raises(ValueError, match="epochs must be 1 or more, not 0"):
        PPOSettings(epochs=0)


@pytest.mark.parametrize("name", ["mappo", "ippo", "a2c", "ia2c", "coma"])
def test_learns_a_matrix(name):
    env = "matrix_game(payoffs=(0, 1, 0, 0, 0, 2, 3, 0, 0), steps=3)"
    settings = {"lr": 5e-3, "critic_lr": 5e-3, "envs": 32, "hidden": 16, "greedy": True}
    run = advance(begin(name, make_env(env), env, 1, settings), 4000, test_every=10**9)
    assert run.history[-1]["test_return"] == 9


@pytest.mark.parametrize("name", ["ippo", "ia2c"])
def test_learns_kuhn(name):
    """Every player for itself, at a turn-based game: the two policies together come nearer to an equilibrium."""
    from counterplay.engine.form import sequence_form
    from counterplay.games.envs.encoding import behaviour_strategy, observations
    from counterplay.solvers.value import judge_table

    task = make_env("kuhn")
    run = begin(name, task, "kuhn", 1, {"envs": 256, "lr": 5e-3, "entropy": 0.2, "hidden": 32, "lr_steps": 60_000})
    seen = observations(task.tree)

    def policy():
        obs = np.repeat(seen.obs[:, None], task.spec.agents, axis=1)
        legal = np.repeat(seen.legal[:, None], task.spec.agents, axis=1)
        nothing = np.zeros(len(obs))
        run.learner.begin(len(obs))
        step = Step(obs, obs.reshape(len(obs), -1), legal, nothing, nothing > 0, nothing > 0)
        return run.learner.probabilities(step)[np.arange(len(obs)), seen.player]

    def exploitability():
        return judge_table(sequence_form(task.tree), behaviour_strategy(task.tree, policy())).exploitability

    before = exploitability()
    advance(run, 40_000, test_every=10**9, test_episodes=1)
    after = exploitability()
    assert before == pytest.approx(11 / 24, abs=0.05)  # near uniform
    assert after < 0.25
