"""Replay of moves against plain lists, and learners from it against plain Python."""

import naive_learners as naive
import naive_moves as plain
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

import counterplay  # noqa: E402
from counterplay.agents import find  # noqa: E402
from counterplay.agents import moves as module  # noqa: E402
from counterplay.agents.memory import admit_moves, move_bytes  # noqa: E402
from counterplay.agents.moves import MovesReplay, no_moves  # noqa: E402
from counterplay.agents.nn.noisy import NoisyDense, project  # noqa: E402
from counterplay.agents.noise import Noise  # noqa: E402
from counterplay.agents.rollout import sample  # noqa: E402
from counterplay.engine.env import EnvSpec, blank  # noqa: E402
from counterplay.engine.errors import UserError  # noqa: E402

TEAM = EnvSpec(agents=2, actions=3, observation=4, state=5, limit=6)
OWN = EnvSpec(agents=3, actions=3, observation=4, state=5, limit=6, team=False)
NUMBERS = EnvSpec(agents=2, actions=2, observation=4, state=5, limit=6, continuous=True)


def played(rng, spec, batch):
    """Return random episodes, whose actions are numbers where the spec says so."""
    found = naive.random_episodes(rng, spec, batch)
    if not spec.continuous:
        return found
    return found._replace(action=rng.uniform(-1, 1, (*found.action.shape, spec.actions)).astype(np.float32))


@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 4), st.sampled_from([TEAM, OWN, NUMBERS]))
@settings(max_examples=40, deadline=None)
def test_the_ring_holds_the_last_moves(seed, capacity, ahead, spec):
    rng = np.random.default_rng(seed)
    replay, put = MovesReplay(spec, capacity, 0.9, ahead, states=True), []
    for batch in rng.integers(1, 5, 3):
        episodes = played(rng, spec, batch)
        replay.add(episodes)
        put += [(episodes, *move) for move in plain.moves_of(episodes, 0.9, ahead)]
        assert (replay.added, replay.size) == (len(put), min(len(put), capacity))
        held = replay._rows()
        for number in range(max(len(put) - capacity, 0), len(put)):
            episodes, b, t, reward, discount, then = put[number]
            row = {name: part[number % capacity] for name, part in held.items()}
            np.testing.assert_allclose(row["reward"], reward, rtol=1e-5, atol=1e-6)
            assert row["discount"] == pytest.approx(discount)
            for name, array in (("obs", episodes.obs), ("state", episodes.state), ("legal", episodes.legal)):
                if name in row:
                    assert np.array_equal(row[name], array[b, t])
                    assert np.array_equal(row[f"next_{name}"], array[b, then])
            assert np.array_equal(row["action"], episodes.action[b, t])


@given(st.integers(0, 10**6), st.integers(1, 33))
@settings(max_examples=40, deadline=None)
def test_the_tree_of_sums(seed, many):
    """It finds what a search from the first leaf on finds, and is the same however it came about."""
    rng = np.random.default_rng(seed)
    tree, shares = np.zeros(2 * module._leaves(many)), np.zeros(many)
    for _ in range(3):
        place = rng.integers(0, many, 5)
        share = rng.integers(1, 9, 5).astype(float)  # whole numbers: sums are exact
        module.put_shares(tree, place, share)
        for p, s in zip(place, share, strict=True):
            shares[p] = s
    assert tree[1] == shares.sum()
    drawn, found = rng.random(7), np.empty(7, np.int64)
    module.find(tree, drawn, found)
    assert found.tolist() == [plain.leaf(shares, (m + drawn[m]) / 7 * shares.sum()) for m in range(7)]
    again = np.zeros_like(tree)
    module.put_shares(again, np.arange(many), shares)
    assert np.array_equal(tree, again)


def test_priorities():
    """Moves come in proportion to priority ** alpha, weigh (size * share) ** -beta, and new ones have the highest."""
    rng = np.random.default_rng(3)
    replay = MovesReplay(TEAM, 100, 0.9, alpha=0.5)
    replay.add(played(rng, TEAM, 1))
    many = replay.size
    replay.reprioritise(np.arange(many), np.arange(1.0, many + 1) ** 2)
    share = np.arange(1.0, many + 1) / np.arange(1.0, many + 1).sum()
    draws = [replay.draw(8, rng, beta=0.7) for _ in range(2000)]
    counts = np.bincount(np.concatenate([draw.place for draw in draws]), minlength=many) / 16_000
    assert counts == pytest.approx(share, abs=0.015)
    weights = (many * share) ** -0.7
    for draw in draws[:50]:
        assert draw.weight == pytest.approx(weights[draw.place] / weights[draw.place].max(), rel=1e-4)
    replay.add(played(rng, TEAM, 1))
    assert replay._priority[many] == pytest.approx(many**2, rel=1e-5)


def test_bytes_stay_bytes_and_memory_is_told():
    spec = EnvSpec(2, 3, 4, 8, 5, byte_obs=True, byte_state=True)
    for states in (True, False):
        held = [part for part in no_moves(spec, 10, states) if part is not None]
        assert (
            sum(part.nbytes for part in held)
            == 10 * move_bytes(spec, states)
            == MovesReplay(spec, 10, 0.9, states=states).nbytes
        )
    assert held[0].dtype == np.uint8
    wide = EnvSpec(1, 4, 84 * 84 * 4, 84 * 84 * 4, 1000, byte_obs=True, byte_state=True)
    with pytest.raises(UserError, match=r"a move takes .*: replay=[0-9]+ would fit"):
        admit_moves(wide, envs=1, length=4, batch=32, replay=10**12, states=False)


def learner_of(name, spec, **given):
    small = {"hidden": 6, "batch": 5, "warmup": 5, "replay": 200, "rollout": 4}
    choice = find(name)
    return choice.make(spec, choice.with_settings({**small, **given}), 3)


def moves_for(learner, rng):
    """Return moves of random episodes, as networks take them, and with weights."""
    learner.scales.learn(played(rng, learner.spec, 4))
    learner.replay.add(played(rng, learner.spec, 6))
    for target in learner.targets.values():  # apart from the networks
        for parameter in target.parameters():
            parameter.data += 0.1 * torch.randn(parameter.shape)
    draw = learner.replay.draw(5, rng)
    return learner.seen(draw._replace(weight=rng.random(5).astype(np.float32)))


KINDS = [
    {},
    {"double": True, "dueling": True, "shared": False},
    {"atoms": 7, "value_low": -2.0, "value_high": 3.0, "ids": False},
    {"atoms": 4, "noisy": True, "dueling": True, "double": True, "n_step": 3},
    {"noisy": True, "shared": False},
]


@pytest.mark.parametrize("spec", [TEAM, OWN], ids=["team", "own"])
@pytest.mark.parametrize("kind", KINDS)
def test_dqn_loss(kind, spec):
    torch.manual_seed(0)
    learner = learner_of("dqn", spec, **kind)
    seen = moves_for(learner, np.random.default_rng(1))
    loss, error, _ = learner.loss(seen, np.random.default_rng(2))
    wanted, errors = plain.dqn_loss(learner, seen)
    assert loss.item() == pytest.approx(wanted, rel=1e-4)
    np.testing.assert_allclose(error, errors, rtol=1e-3, atol=1e-4)


@given(st.integers(0, 10**6), st.integers(2, 9))
@settings(max_examples=30, deadline=None)
def test_projection(seed, atoms):
    rng = np.random.default_rng(seed)
    support = torch.linspace(-1.5, 2.0, atoms)
    share = rng.dirichlet(np.ones(atoms), 3).astype(np.float32)
    values = rng.normal(0, 3, (3, atoms)).astype(np.float32)
    values[0] = support
    found = project(torch.from_numpy(share), torch.from_numpy(values), support)
    np.testing.assert_allclose(found.sum(dim=-1), 1, rtol=1e-5)
    np.testing.assert_allclose(found[0], share[0], atol=1e-5)
    wanted = [plain.projected(p, v, support.double().numpy()) for p, v in zip(share, values, strict=True)]
    np.testing.assert_allclose(found, wanted, atol=1e-5)


CRITICS = [
    ("ddpg", {}),
    ("ddpg", {"shared": False, "penalty": 0.3}),
    ("td3", {"target_clip": 0.1}),
    ("maddpg", {"ids": False, "critics": 1}),
    ("matd3", {"shared": False, "n_step": 3}),
]


def slope(learner, function, parameter, step=1e-3):
    """Return the derivatives of a plain function by a few entries of a parameter, by central differences."""
    flat, found = parameter.data.view(-1), []
    for k in range(0, len(flat), max(1, len(flat) // 4)):
        before = flat[k].item()
        flat[k] = before + step
        high = function()
        flat[k] = before - step
        found.append((k, (high - function()) / (2 * step)))
        flat[k] = before
    return found


@pytest.mark.parametrize("spec", [TEAM, OWN, NUMBERS], ids=["team", "own", "numbers"])
@pytest.mark.parametrize(("name", "given"), CRITICS)
def test_ddpg_loss(name, given, spec):
    torch.manual_seed(0)
    learner = learner_of(name, spec, **given)
    seen = moves_for(learner, np.random.default_rng(1))
    for updates in range(learner.settings.policy_every):  # the actors' turn comes last
        learner.updates = updates
        acting = updates + 1 == learner.settings.policy_every
        loss, _, figures = learner.loss(seen, np.random.default_rng(2))
        assert loss.item() == pytest.approx(plain.ddpg_loss(learner, seen, np.random.default_rng(2), acting), rel=1e-4)
        assert ("policy_loss" in figures) == acting
    if spec.continuous:
        check_slopes(learner, loss, lambda: plain.ddpg_loss(learner, seen, np.random.default_rng(2), True))


def check_slopes(learner, loss, function):
    """Actors' gradients are of the whole loss, and critics' of their own errors."""
    loss.backward()
    for name in ("agents.out.weight", "agents.first.bias"):
        parameter = learner.networks.get_parameter(name)
        for k, wanted in slope(learner, function, parameter):
            assert parameter.grad.view(-1)[k].item() == pytest.approx(wanted, rel=0.02, abs=2e-4), name


@pytest.mark.parametrize("name", ["ddpg", "masac", "matd3"])
def test_critics_are_held_while_actors_learn(name):
    grads = []
    for acting in (True, False):
        torch.manual_seed(0)
        learner = learner_of(name, NUMBERS, policy_every=1)
        seen = moves_for(learner, np.random.default_rng(1))
        learner.loss(seen, np.random.default_rng(2))
        if not acting:
            learner.policy_loss = lambda *_: (torch.zeros(()), {})
        learner.loss(seen, np.random.default_rng(2))[0].backward()
        grads.append([p.grad for p in learner.networks["critic0"].parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*grads, strict=True))
    assert all(p.requires_grad for p in learner.networks.parameters())


@pytest.mark.parametrize("spec", [TEAM, OWN, NUMBERS], ids=["team", "own", "numbers"])
@pytest.mark.parametrize(("name", "given"), [("sac", {}), ("masac", {"shared": False}), ("masac", {"tune": False})])
def test_sac_loss(name, given, spec):
    torch.manual_seed(0)
    learner = learner_of(name, spec, **given)
    learner.temperatures.log.data += torch.linspace(-1, 1, spec.agents)
    seen = moves_for(learner, np.random.default_rng(1))
    sampled = None
    if not spec.continuous:
        logits = learner.agents(seen.next_obs)[0].detach().numpy()
        sampled = sample(logits, seen.next_legal.numpy(), np.random.default_rng(2))
    loss = learner.loss(seen, np.random.default_rng(2))[0]
    assert loss.item() == pytest.approx(plain.sac_loss(learner, seen, np.random.default_rng(2), sampled), rel=1e-4)
    if spec.continuous and not given:
        learner.networks.zero_grad()
        loss, parts = learner.policy_loss(seen, learner.one_hot(seen.action), np.random.default_rng(7))
        assert {"policy_loss", "entropy", "temperature"} == set(parts)
        loss.backward()
        for k, want in slope(learner, lambda: policy_part(learner, seen), learner.agents.out.weight):
            assert learner.agents.out.weight.grad.view(-1)[k].item() == pytest.approx(want, rel=0.02, abs=2e-4)


def policy_part(learner, seen):
    """Return the mean of temperature * log policy - the lesser critic, for the noise of seed 7."""
    noise = np.random.default_rng(7).standard_normal((len(seen.obs), 2, 2), np.float32)
    alpha, total = np.exp(learner.temperatures.log.detach().double().numpy()), 0.0
    for r, row in enumerate(plain.rows_of(seen)):
        said = plain.says(learner.networks["agents"], row["obs"])
        pairs = [plain.drawn_number(said[n], noise[r, n]) for n in range(2)]
        here, own = (row["obs"], row["state"]), [pair[0] for pair in pairs]
        critics = plain.critics_of(learner, learner.networks)
        worths = np.min([plain.worth(c, learner.settings.central, here, own, row["action"]) for c in critics], 0)
        total += sum(alpha[n] * pairs[n][1] - worths[n] for n in range(2))
    return total / (2 * len(seen.obs))


def test_choices_are_drawn_from_the_softmax_and_lean_on_it():
    """The straight-through choice is one-hot, as often as the softmax says, and its slopes are the softmax's."""
    learner, rng = learner_of("maddpg", TEAM, temperature=0.7), np.random.default_rng(0)
    logits = torch.tensor([0.5, -0.3, 1.0]).expand(20_000, 1, 3).clone().requires_grad_()
    legal = torch.tensor([True, False, True]).expand_as(logits)
    found = learner._soft_choice(logits, legal, rng)
    assert set(found.detach().unique().round(decimals=5).tolist()) == {0.0, 1.0}
    share = torch.tensor([0.5, 1.0]).softmax(dim=-1)
    np.testing.assert_allclose(found.detach().mean(dim=(0, 1))[[0, 2]], share, atol=0.02)
    (found * torch.tensor([1.0, 5.0, -2.0])).sum().backward()
    drawn = (logits.detach() + learner.gumbel(logits, np.random.default_rng(0))).masked_fill(~legal, -1e9)
    soft = (drawn / 0.7).softmax(dim=-1)
    weighed = soft * torch.tensor([1.0, 5.0, -2.0])
    np.testing.assert_allclose(logits.grad, (weighed - soft * weighed.sum(-1, keepdim=True)) / 0.7, atol=1e-5)


def test_noise():
    """Gaussian noise is alike at every step; an Ornstein-Uhlenbeck process returns, as far as its formulas say."""
    rng = np.random.default_rng(0)
    for kind, pull, deviation, related in (("gaussian", 0.2, 0.3, 0.0), ("ou", 0.2, 0.3 / (0.2 * 1.8) ** 0.5, 0.8)):
        noise = Noise(kind, 0.3, pull, 2, 3)
        drawn = np.array([noise.draw(50, rng).copy() for _ in range(800)])[100:]
        assert drawn.std() == pytest.approx(deviation, rel=0.03)
        assert (drawn[1:] * drawn[:-1]).mean() / drawn.var() == pytest.approx(related, abs=0.03)


def test_noisy_layers():
    layer, rng = NoisyDense(3, 2), np.random.default_rng(0)
    x = torch.randn(4, 3)
    still = x @ layer.mean_weight[0] + layer.mean_bias[0]
    layer.renew(rng)
    many = []
    for _ in range(4000):
        layer.renew(rng)
        many.append((x @ layer.weight[0] + layer.bias[0]).detach())
    assert torch.stack(many).mean(dim=0) == pytest.approx(still.detach().numpy(), abs=0.06)
    assert torch.stack(many).std(dim=0).min() > 0.1
    layer.noisy = False
    assert torch.equal(layer.weight, layer.mean_weight)
    assert torch.equal(layer.bias, layer.mean_bias)


@pytest.mark.parametrize("name", ["ddpg", "sac"])
def test_acting(name):
    """Numbers within [-1, 1], the same ones without exploring, random ones at first."""
    learner, rng = learner_of(name, NUMBERS, random_steps=10), np.random.default_rng(0)
    step = blank(NUMBERS, 4)
    step.obs[:] = rng.normal(size=step.obs.shape)
    still = learner.act(step, rng, False)
    assert np.array_equal(still, learner.act(step, rng, False))
    first = learner.act(step, rng, True)
    assert np.abs(first).max() <= 1
    assert not np.allclose(first, still, atol=0.3)
    learner.steps = 10
    tried = [learner.act(step, rng, True) for _ in range(50)]
    assert all(one.dtype == np.float32 and np.abs(one).max() <= 1 for one in tried)
    assert np.std(tried, axis=0).min() > 0.01


RUNS = [
    ("rainbow", "cartpole", {}),
    ("dqn", "spread(agents=2, reward=individual)", {"priority": 0.6, "rollout": 0}),
    ("d3qn", "cartpole", {"body": "residual", "explore": "parameters"}),
    ("td3", "pendulum(steps=30)", {"body": "norm", "novelty": "counts"}),
    ("td3", "pendulum(steps=30)", {"noise": "ou"}),
    ("sac", "pendulum(steps=30)", {"priority": 0.4, "n_step": 2}),
    ("maddpg", "spread(agents=2)", {}),
    ("matd3", "spread(agents=2, continuous=true)", {}),
    ("masac", "spread(agents=2)", {"replay": 70}),
]


@pytest.mark.parametrize(("name", "env", "given"), RUNS)
def test_a_resumed_run_ends_as_if_it_had_not_stopped(tmp_path, name, env, given):
    """With its replay in files, written once, through the ring's end too."""
    given = {"hidden": 8, "envs": 4, "batch": 8, "warmup": 16, "replay": 90, "updates": 0.25, **given}
    given |= {"random_steps": 20} if name not in ("rainbow", "dqn", "d3qn") else {}
    whole = counterplay.train(name, env, steps=320, test_every=100, test_episodes=2, seed=5, **given)
    place = tmp_path / "run"
    part = counterplay.train(name, env, steps=130, test_every=100, test_episodes=2, seed=5, out=place, **given)
    assert part.learner.updates > 0
    counterplay.train(resume=place, steps=part.steps + 40, test_every=100)
    again = counterplay.train(resume=place, steps=320, test_every=100)
    for network, kept in whole.learner.networks.state_dict().items():
        assert torch.equal(kept, again.learner.networks.state_dict()[network]), network
    assert whole.evaluate(5).mean == again.evaluate(5).mean
    state = again.learner.state()
    other = find(name).make(again.task.spec, again.settings, 0)
    other.restore(state)
    if again.settings.priority:
        assert np.array_equal(other.replay._tree, again.learner.replay._tree)


def test_files_of_strangers(tmp_path):
    rng = np.random.default_rng(0)
    replay = MovesReplay(TEAM, 50, 0.9)
    replay.add(played(rng, TEAM, 5))
    held = {name: part.copy() for name, part in replay.rows(0, 5).items()}
    module.check_moves(held, TEAM)
    for name, wrong, says in (
        ("action", 3, "actions that the environment does not have"),
        ("action", -1, "actions that the environment does not have"),
        ("discount", 1.5, "discounts that are none"),
        ("obs", np.nan, "obs of its replay holds what is no number"),
    ):
        bad = {**held, name: np.full_like(held[name], wrong)}
        with pytest.raises(UserError, match=says):
            module.check_moves(bad, TEAM)
    with pytest.raises(UserError, match="different numbers of moves"):
        module.check_moves({**held, "obs": held["obs"][:3]}, TEAM)
    head = MovesReplay(TEAM, 50, 0.9, alpha=0.5).head()
    for wrong in ({"size": 3}, {"highest": float("nan")}, {"priority": np.array([-1.0]), "size": 1, "added": 1}):
        with pytest.raises(ValueError, match=r"no replay of|is none"):
            MovesReplay(TEAM, 50, 0.9, alpha=0.5).begin({**head, **wrong})


@pytest.mark.parametrize(
    ("name", "env", "given", "says"),
    [
        ("td3", "pendulum", {"recurrent": True}, r"\(recurrent=true\) learn from whole episodes"),
        ("dqn", "cartpole", {"body": "residual", "noisy": True}, "with body=residual set noisy=false"),
        ("dqn", "cartpole", {"n_step": 9}, "n_step=9 looks further ahead than the 4 steps"),
        ("dqn", "cartpole", {"batch": 2000}, "batch, warmup and replay have to rise"),
        ("dqn", "pendulum", {}, "dqn chooses among actions, and this environment's actions are numbers"),
        ("rainbow", "cartpole", {"atoms": 1}, "a distribution needs two atoms or more"),
        ("td3", "pendulum", {"noise": "pink"}, "noise must be gaussian or ou, not 'pink'"),
        ("sac", "pendulum", {"critics": 0}, "critics must be between 1 and 10, not 0"),
    ],
)
def test_refusals(name, env, given, says):
    with pytest.raises(UserError, match=says):
        counterplay.train(name, env, steps=10, **given)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ddpg", "td3", "sac"])
def test_the_pendulum_is_held(name):
    assert counterplay.train(name, "pendulum", seed=1, test_every=10**6).evaluate(100).mean > -200
