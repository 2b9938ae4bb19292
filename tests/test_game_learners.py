"""NFSP, PSRO and R-NaD: targets against plain ones, resuming, refusals, and how near they come to equilibria."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

import counterplay  # noqa: E402
from counterplay.agents.population import Tables  # noqa: E402
from counterplay.agents.responses import alike, best_values, known, moves  # noqa: E402
from counterplay.agents.rnad import force  # noqa: E402
from counterplay.agents.rollout import collect  # noqa: E402
from counterplay.agents.run import begin, torch_threads  # noqa: E402
from counterplay.agents.turns import Decisions, decisions, v_trace_in_turn  # noqa: E402
from counterplay.api.learned import judge  # noqa: E402
from counterplay.engine.errors import UserError  # noqa: E402
from counterplay.engine.form import sequence_form  # noqa: E402
from counterplay.engine.matrix_games import nash, rectified  # noqa: E402
from counterplay.games import GAMES  # noqa: E402
from counterplay.games.envs import make_env  # noqa: E402
from counterplay.games.envs.steps import InSteps  # noqa: E402
from counterplay.solvers.value import best_response, judge_table  # noqa: E402

NETWORKS = {"hidden": 8, "layers": 2, "envs": 16}
SMALL = {
    "nfsp": {**NETWORKS, "recent": 200, "memory": 100, "updates": 4, "batch": 16},
    "psro": {},
    "psro(learned=true)": {**NETWORKS, "calls": 2, "recent": 200, "updates": 4, "batch": 16, "pairs": 5},
    "rnad": {**NETWORKS, "delta": 5},
}


class Uniform:
    """Everybody plays uniformly."""

    def begin(self, batch):
        pass

    def act(self, step, rng, explore):
        return (rng.random(step.legal.shape) * step.legal).argmax(axis=-1)


def played(game, count=40, seed=0):
    return collect(make_env(game).start(count), Uniform(), np.random.default_rng(seed))


def naive_moves(episodes, player):
    """Yield a player's moves, one after another, with what came of them."""
    for b in range(len(episodes.filled)):
        steps = [
            t
            for t in range(episodes.filled.shape[1])
            if episodes.filled[b, t] and episodes.legal[b, t, player].sum() > 1
        ]
        for k, t in enumerate(steps):
            until = steps[k + 1] if k + 1 < len(steps) else episodes.filled.shape[1]
            reward = sum(float(episodes.reward[b, u, player]) for u in range(t, until))
            after = steps[k + 1] if k + 1 < len(steps) else None
            yield b, t, int(episodes.action[b, t, player]), reward, after


@pytest.mark.parametrize("game", ["leduc", "liars_dice(faces=3)", "phantom_tic_tac_toe", "goofspiel(cards=3)"])
def test_moves_of_a_player(game):
    episodes = played(game)
    for player in range(2):
        made, at = moves(episodes, player)
        expected = list(naive_moves(episodes, player))
        assert len(expected) == len(made.action) > 0
        for m, (b, t, action, reward, after) in enumerate(expected):
            assert (made.obs[m] == episodes.obs[b, t, player]).all()
            assert (at[m], made.action[m], made.reward[m]) == (b, action, pytest.approx(reward))
            if after is None:
                assert not made.may[m].any()
            else:
                assert (made.after[m] == episodes.obs[b, after, player]).all()
                assert (made.may[m] == episodes.legal[b, after, player]).all()


def test_values_of_the_best_action():
    values = np.array([[1.0, 5.0, 2.0], [3.0, 4.0, 9.0]], np.float32)
    legal = np.array([[1, 0, 1], [0, 0, 0]], bool)
    assert best_values(values, legal).tolist() == [2.0, 0.0]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_what_is_alike(numbers, most):
    found = alike(np.array(numbers), most)
    if len(set(numbers)) > most:
        assert found is None
        return
    index, place = found
    assert [numbers[place[i]] for i in index] == numbers
    assert [numbers.index(numbers[p]) for p in place] == place.tolist()


def test_numbers_of_what_is_known():
    rng = np.random.default_rng(0)
    obs = rng.integers(0, 2, (2000, 12)).astype(np.uint8)
    numbers = known(obs)
    assert len(np.unique(numbers)) == len(np.unique(obs, axis=0))
    assert (numbers >= 0).all()
    assert len(np.unique(known(np.zeros((5, 12), np.uint8), np.arange(5)))) == 5


def naive_v_trace(met, value, ratio, bonus, rho, c):
    """Return V-trace's targets and actions' worth, player by player, by its sums (Espeholt et al. 2018, eq. 1)."""
    target, worth = np.zeros(len(value)), np.zeros(len(value))
    for game in np.unique(met.game):
        for player in np.unique(met.player):
            rows = np.flatnonzero(met.game == game)
            own = [m for m in rows if met.player[m] == player]
            steps = [[m for m in rows if a <= m and (k + 1 == len(own) or m < own[k + 1])] for k, a in enumerate(own)]
            paid = [sum(met.earned[m, player] + bonus[m, player] for m in step) for step in steps]
            whole = [np.prod([ratio[m] for m in step]) for step in steps]
            after = [value[own[k + 1]] if k + 1 < len(own) else 0.0 for k in range(len(own))]
            errors = [min(rho, w) * (r + v - value[m]) for w, r, v, m in zip(whole, paid, after, own, strict=True)]
            for k, m in enumerate(own):
                target[m] = value[m] + sum(
                    np.prod([min(c, w) for w in whole[k:j]]) * errors[j] for j in range(k, len(own))
                )
            for k, m in enumerate(own):
                follow = target[own[k + 1]] if k + 1 < len(own) else 0.0
                worth[m] = whole[k] / ratio[m] * (paid[k] - bonus[m, player] + follow)
    return target, worth


@given(st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_v_trace_in_turn(seed):
    rng = np.random.default_rng(seed)
    many, players = int(rng.integers(1, 20)), int(rng.integers(2, 4))
    met = Decisions(
        np.sort(rng.integers(0, 3, many)),
        rng.integers(0, players, many),
        np.zeros((many, 1)),
        np.ones((many, 2), bool),
        np.zeros(many, np.int64),
        rng.normal(size=(many, players)).astype(np.float32),
    )
    value, bonus = rng.normal(size=many).astype(np.float32), rng.normal(size=(many, players)).astype(np.float32)
    ratio = rng.uniform(0.3, 2.0, many).astype(np.float32)
    found = v_trace_in_turn(met, value, ratio, bonus, 1.2, 0.9)
    for ours, theirs in zip(found, naive_v_trace(met, value, ratio, bonus, 1.2, 0.9), strict=True):
        assert ours == pytest.approx(theirs, abs=1e-4)


def test_decisions_of_games():
    episodes = played("leduc")
    met = decisions(episodes, "rnad")
    assert len(met.game) == sum(len(moves(episodes, player)[0].action) for player in range(2))
    total = np.zeros((40, 2))
    np.add.at(total, met.game, met.earned)
    assert total == pytest.approx(episodes.returns(), abs=1e-5)


def test_forces_stop_at_the_limit():
    logit = torch.tensor([[3.0, -3.0, 0.0, 9.0]])
    legal = torch.tensor([[True, True, True, False]])
    advantage = torch.tensor([[1.0, -1.0, 2.0, 1.0]])
    assert force(logit, advantage, legal, 3.0).tolist() == [[0.0, 0.0, 2.0, 0.0]]
    assert force(logit, -advantage, legal, 3.0).tolist() == [[-1.0, 1.0, -2.0, 0.0]]
    assert force(logit, advantage, legal, 4.0).tolist() == [[1.0, -1.0, 2.0, 0.0]]


def test_the_loss_of_rnad():
    """Its gradient at the logits, by hand: the advantages of a tabular policy, and the values' errors."""
    run = begin("rnad", make_env("kuhn"), "kuhn", 0, {**NETWORKS, "eta": 0.5, "logit_limit": 100.0})
    learner, met = run.learner, decisions(played("kuhn"), "rnad")
    torch.manual_seed(1)
    for net in (learner.policy, learner.slow["reference"], learner.slow["before"]):
        torch.nn.init.normal_(net.out.weight)
    learner.updates = 125  # of 500: half way over from the reference before
    obs, legal = torch.from_numpy(met.obs), torch.from_numpy(met.legal)

    def log_of(net):
        return torch.log_softmax(net(obs).masked_fill(~legal, -1e9), dim=-1)

    log, reference = log_of(learner.policy), (log_of(learner.slow["reference"]) + log_of(learner.slow["before"])) / 2
    action = torch.from_numpy(met.action)[:, None]
    chosen = log.gather(-1, action)[:, 0].detach()
    cost = (0.5 * (log - reference)).masked_fill(~legal, 0).detach()
    mean = (log.exp() * cost).sum(dim=-1).detach().numpy()
    bonus = np.where(np.arange(2) == met.player[:, None], -mean[:, None], mean[:, None])
    slow = learner.slow["critic"](obs)[:, 0].detach().numpy()
    target, worth = naive_v_trace(met, slow, np.ones(len(slow)), bonus, 1.0, 1.0)
    gain = -cost.double()
    gain[torch.arange(len(slow)), action[:, 0]] += torch.from_numpy((worth - slow) / chosen.exp().numpy())
    advantage = gain - (log.exp() * gain).sum(dim=-1, keepdim=True).detach()
    value = learner.critic(obs)[:, 0]
    expected = (value - torch.from_numpy(target)).square().mean()
    logit = learner.policy(obs)
    far = logit - (logit * legal).sum(dim=-1, keepdim=True) / legal.sum(dim=-1, keepdim=True)
    expected = expected - (advantage.detach() * far * legal).sum(dim=-1).mean()
    loss, _ = learner.loss(met, chosen)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-4)
    parameters = [*learner.policy.parameters(), *learner.critic.parameters()]
    for ours, theirs in zip(*(torch.autograd.grad(x, parameters) for x in (loss, expected)), strict=True):
        assert ours.numpy() == pytest.approx(theirs.numpy(), rel=1e-3, abs=1e-5)


def test_matrix_games():
    rock = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]], float)
    for mixture in nash(rock):
        assert mixture == pytest.approx([1 / 3] * 3)
    rng = np.random.default_rng(0)
    for _ in range(20):
        payoffs = rng.normal(size=rng.integers(1, 6, 2)) * 10
        row, column = nash(payoffs)
        assert (row @ payoffs).min() == pytest.approx((payoffs @ column).max(), abs=1e-6)
    assert [mixture.tolist() for mixture in rectified(rock, *nash(rock))] == [
        pytest.approx([0.5, 0, 0.5]),
        pytest.approx([0.5, 0.5, 0]),
        pytest.approx([0, 0.5, 0.5]),
    ]


def test_exact_responses_and_payoffs_are_the_judges():
    run = counterplay.train("psro", "leduc", steps=1500)
    learner, tree = run.learner, run.task.tree
    meta, form = learner._meta, sequence_form(tree)
    row, column = learner.mixtures()
    table = counterplay.api.learned.strategy_of(run, run.task)
    judged = judge_table(form, table)
    assert judged.value[0] == pytest.approx(row @ learner.payoffs @ column, abs=1e-6)
    for player, mixture in enumerate((column, row)):
        earns, action = meta.respond(player, mixture)
        assert earns == pytest.approx(best_response(form, tree, table, player)[0], abs=1e-6)
        learner.tables[player].add(meta.shown(player)[0], action, again=True)
        new = len(learner.tables[player].kept) - 1
        pairs = [(new, j) if player == 0 else (j, new) for j in range(len(mixture))]
        paid = sum(mixture[j] * meta.payoff(*pair) for j, pair in enumerate(pairs) if mixture[j])
        assert (paid if player == 0 else -paid) == pytest.approx(earns, abs=1e-6)


def test_what_is_played_is_what_is_judged():
    run = counterplay.train("psro", "leduc", steps=3000)
    judged, returns = judge(run), run.evaluate(4000).returns
    error = returns.std(axis=0) / 4000**0.5
    assert np.abs(returns.mean(axis=0) - judged.value) == pytest.approx(0, abs=5 * error.max())


@pytest.mark.parametrize("name", ["nfsp", "psro(learned=true)", "rnad"])
def test_what_is_played_in_the_dark_is_what_is_judged(name):
    """The factored judgement of a learner's policy, or of the mixture of several, beside games of it."""
    run = counterplay.train(name, "dark_hex(size=(2, 3))", steps=3000, test_episodes=2, **SMALL[name])
    assert not run.task.spec.turns  # it has no tree here
    judged, returns = judge(run), run.evaluate(3000).returns
    error = returns.std(axis=0) / 3000**0.5
    assert np.abs(returns.mean(axis=0) - judged.value) == pytest.approx(0, abs=5 * error.max())
    assert judged.best[0] >= judged.value[0]


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("game", ["kuhn", "goofspiel(cards=3)"])
def test_resumes(tmp_path, name, game):
    given, steps = SMALL[name], 60 if name == "psro" else 600
    whole = counterplay.train(name, game, steps=steps, **given)
    asked = iter(range(10**9))
    part = counterplay.train(
        name, game, steps=steps, out=tmp_path / "run", stop=lambda: next(asked) > (1 if name == "psro" else 4), **given
    )
    assert part.stopped_by == "interrupt"
    again = counterplay.train(resume=tmp_path / "run")
    assert again.steps == whole.steps
    one, two = whole.learner.state(), again.learner.state()
    assert _same(one, two)
    assert judge(again).best == judge(whole).best
    assert again.evaluate(50).mean == whole.evaluate(50).mean


def _same(one, two):
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(_same(one[k], two[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(_same, one, two))
    if isinstance(one, torch.Tensor | np.ndarray):
        return np.array_equal(np.asarray(one), np.asarray(two))
    return one == two


def test_states_that_cannot_be_are_refused(tmp_path):
    changes = {
        "nfsp": lambda learner: learner["responders"][0].update(met=10**6),
        "psro": lambda learner: learner["counters"].update(rows=2),
        "psro(learned=true)": lambda learner: learner["tables"][0]["actions"].fill_(9),
        "rnad": lambda learner: learner["policy"]["out.bias"].fill_(float("nan")),
    }
    for name, change in changes.items():
        folder = tmp_path / name
        counterplay.train(name, "kuhn", steps=200 if name != "psro" else 50, out=folder, **SMALL[name])
        saved = torch.load(folder / "checkpoint.pt", weights_only=True)
        change(saved["learner"])
        torch.save(saved, folder / "checkpoint.pt")
        with pytest.raises(UserError, match="does not fit"):
            counterplay.load_run(folder)


def test_refusals():
    for name in ("nfsp", "psro", "rnad"):
        for env in ("spread(reward=individual)", "climbing"):
            with pytest.raises(UserError, match="turn-based games"):
                counterplay.train(name, env, steps=10)
    with pytest.raises(UserError, match="learned=true"):
        counterplay.train("psro", "phantom_tic_tac_toe", steps=10)
    with pytest.raises(UserError, match="two players"):
        counterplay.train("psro", "kuhn(players=3)", steps=10)
    with pytest.raises(UserError, match="meta must be one of"):
        counterplay.train("psro", "kuhn", steps=10, meta="best")
    with pytest.raises(UserError, match=r"memory=\d+ with recent=\d+ would fit"):
        counterplay.train("nfsp", "leduc", steps=10, memory=10**13)
    tables = Tables()
    with pytest.raises(UserError, match="cannot tell all decisions"):
        tables.begin(np.zeros((2, 3)))


@pytest.mark.parametrize("name", ["nfsp", "psro(learned=true)", "rnad"])
@pytest.mark.parametrize("game", ["phantom_tic_tac_toe", "liars_dice(faces=3)", "in steps"])
def test_every_kind_of_game(name, game):
    task = InSteps(GAMES.make("leduc")) if game == "in steps" else game
    run = counterplay.train(name, task, steps=1500, test_episodes=4, **SMALL[name])
    assert np.isfinite(run.evaluate(20).mean)


def iterate(name, game, rounds, **given):
    run = begin(name, make_env(game), game, 1, given)
    with torch_threads(1):
        for _ in range(rounds):
            run.learner.learn(run.gather(), run.rng)
    return judge(run)


@pytest.mark.parametrize("meta", ["nash", "rectified"])
def test_psro_solves_kuhn(meta):
    found = iterate("psro", "kuhn", 20, meta=meta)
    assert found.exploitability < 1e-6
    assert found.value[0] == pytest.approx(-1 / 18, abs=1e-6)


def test_uniform_meta_games_are_fictitious_play():
    assert iterate("psro", "kuhn", 40, meta="uniform").exploitability < 0.1


def test_learned_responses():
    given = {"calls": 10, "envs": 256, "updates": 20, "batch": 64, "hidden": 32}
    assert iterate("psro", "kuhn", 200, learned=True, **given).exploitability < 0.1


def test_nfsp_in_kuhn():
    assert iterate("nfsp", "kuhn", 150, hidden=32, envs=256, updates=20, batch=64).exploitability < 0.25


def test_rnad_in_kuhn():
    found = iterate("rnad", "kuhn", 600, hidden=32, envs=128, lr=2e-3, delta=150)
    assert found.exploitability < 0.12
