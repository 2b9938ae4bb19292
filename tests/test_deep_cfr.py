"""Deep CFR: samples of regrets against all regrets, averages by brute force, memories, resuming, learning."""

import functools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

import counterplay  # noqa: E402
from counterplay.agents.deep_cfr import matched  # noqa: E402
from counterplay.agents.reservoir import Reservoir  # noqa: E402
from counterplay.agents.run import begin, torch_threads  # noqa: E402
from counterplay.agents.traversal import Samples, traverse  # noqa: E402
from counterplay.api.learned import judge, winnings  # noqa: E402
from counterplay.engine.errors import UserError  # noqa: E402
from counterplay.engine.form import sequence_form  # noqa: E402
from counterplay.engine.rules import LEAF  # noqa: E402
from counterplay.games import GAMES  # noqa: E402
from counterplay.games.envs import make_env  # noqa: E402
from counterplay.games.envs.encoding import behaviour_strategy, observations  # noqa: E402
from counterplay.games.envs.mixtures import mixture  # noqa: E402
from counterplay.games.envs.steps import InSteps  # noqa: E402
from counterplay.games.envs.tree import TurnBased  # noqa: E402
from counterplay.solvers.value import judge_table  # noqa: E402

SMALL = {"traversals": 20, "memory": 300, "updates": 4, "batch": 16, "hidden": 8, "layers": 2}


def random_policy(seen, seed):
    """Return random probabilities of all that can be observed, [M, A], some of them 0."""
    rng = np.random.default_rng(seed)
    odds = rng.random(seen.legal.shape) * seen.legal * (rng.random(seen.legal.shape) < 0.8)
    odds += 1e-3 * seen.legal * (odds.sum(axis=1, keepdims=True) == 0)
    return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)


def all_regrets(tree, table, player):
    """Return a player's counterfactual regrets, [R, W]: every node with every deal, one after another."""
    found = np.zeros_like(table)
    children = {n: np.flatnonzero(tree.parent == n) for n in range(len(tree.player))}

    def value(node, deal, reach):
        """Return what the player earns below, by everybody's play there and all chance, and note regrets there."""
        who = tree.player[node]
        if who == LEAF:
            leaf = tree.infoset[node]
            paid = tree.payoffs[(tree.outcome[leaf], player, *deal)] * tree.stake[leaf]
            return paid * tree.weights[(tree.leaf_weight[leaf], *deal)]
        if who < 0:
            return sum(value(child, deal, reach) for child in children[node])
        row, lane = tree.first[tree.infoset[node]], deal[who]
        odds = [table[row + tree.slot[child], lane] for child in children[node]]
        below = [
            value(child, deal, reach if who == player else reach * p)
            for child, p in zip(children[node], odds, strict=True)
        ]
        total = sum(p * v for p, v in zip(odds, below, strict=True))
        if who == player:
            for child, v in zip(children[node], below, strict=True):
                found[row + tree.slot[child], lane] += reach * (v - total)
        return total

    for deal in np.ndindex(*map(len, tree.hands)):
        if tree.weights[(tree.weight[0], *deal)] > 0:
            value(0, deal, 1.0)
    return found


@pytest.mark.parametrize("game", ["kuhn", "kuhn(players=3)", "leduc(ranks=2)", "goofspiel(cards=3)"])
def test_samples_of_regrets_have_the_regrets_as_their_mean(game):
    task = make_env(game)
    seen = observations(task.tree)
    odds = random_policy(seen, 3)
    place = {row.tobytes(): m for m, row in enumerate(seen.obs.astype(np.uint8))}
    table = behaviour_strategy(task.tree, odds)

    def strategy(player, obs, legal):
        rows = [place[row.tobytes()] for row in obs]
        assert (seen.player[rows] == player).all()
        assert (seen.legal[rows] == legal).all()
        return odds[rows]

    count = 20_000
    for player in range(task.tree.players):
        found = traverse(task.branches(), player, count, strategy, np.random.default_rng(5), others=True)
        where = found.regrets.known  # the number of the observation, where a game has a tree
        assert (seen.obs[where] == found.regrets.obs).all()
        expected = all_regrets(task.tree, table, player)
        choices = np.diff(task.tree.first) > 1
        for m in np.flatnonzero((seen.player == player) & choices[seen.infoset]):
            first, end = task.tree.first[seen.infoset[m] : seen.infoset[m] + 2]
            there = found.regrets.target[where == m][:, task.encoding.number[first:end]].astype(float)
            error = np.sqrt(np.square(there).sum(axis=0)) / count  # at least the standard error of the mean
            off = there.sum(axis=0) / count - expected[first:end, seen.hand[m]]
            assert (np.abs(off) <= 5 * error + 1e-6).all()
        value = judge_table(sequence_form(task.tree), table).value
        error = found.value.std(axis=0) / count**0.5
        assert (np.abs(found.value.mean(axis=0) - value) <= 5 * error + 1e-9).all()
        assert player not in seen.player[found.others.known]
        assert (found.others.target == odds[found.others.known]).all()


@pytest.mark.parametrize(
    "game",
    [
        "kuhn(players=3)",
        "leduc(players=3, ranks=3)",
        "leduc(ranks=4, hole=2, board=(2, 1), bets=(1, 2, 2))",
        "liars_dice(faces=3, dice=2)",
        "goofspiel(cards=4)",
        "rhode_island",
    ],
)
def test_plays_in_steps(game):
    """What is observed tells what is known, and nothing else; moves are those of the information set."""
    rules = GAMES.make(game)
    plays, rng, observed, known = InSteps(rules).branches(), np.random.default_rng(0), {}, {}
    at = plays.begin(rng.integers(0, 2**64, 300, np.uint64))
    paid, lengths = np.zeros((0, rules.players)), 0
    while True:
        turn, keys = plays.look(at)
        paid = np.concatenate([paid, plays.paid(at)[turn == LEAF]])
        on = np.flatnonzero(turn >= 0)
        if not len(on):
            break
        lengths += 1
        at = at.take(on)
        obs, legal = plays.show(at)
        assert (obs[:, : rules.players].argmax(axis=1) == turn[on]).all()
        assert obs.max() <= 1
        for who, key, row, may in zip(turn[on].tolist(), keys[on].tolist(), obs, legal, strict=True):
            assert known.setdefault((who, key), row.tobytes()) == row.tobytes()
            assert observed.setdefault(row.tobytes(), (who, key)) == (who, key)
            assert len(rules.infoset(who, key)[1]) == may.sum()
        at = plays.follow(at, np.arange(len(on)), (rng.random(legal.shape) * legal).argmax(axis=1))
    assert 0 < lengths <= plays.spec.limit
    assert len(paid) == 300


def test_steps_and_tree_are_one_game():
    """Both ways to walk a game earn the same by uniform play, and come to the same number of decisions."""
    rules = GAMES.make("leduc")
    found = []
    for task in (InSteps(rules), TurnBased(rules)):

        def uniform(player, obs, legal):
            return (legal / legal.sum(axis=1, keepdims=True)).astype(np.float32)

        met = traverse(task.branches(), 0, 20_000, uniform, np.random.default_rng(1))
        found.append((met.value.mean(axis=0), met.steps / 20_000, len(np.unique(met.regrets.known))))
    assert found[0][0] == pytest.approx(found[1][0], abs=0.1)
    assert found[0][1] == pytest.approx(found[1][1], rel=0.01)
    assert found[0][2] == found[1][2] == 144


def test_an_average_is_what_its_policies_earn():
    """The mean over all pairs of policies, as often as they are drawn, against the strategy that stands for them."""
    task = make_env("leduc")
    tree, seen, form = task.tree, observations(task.tree), sequence_form(task.tree)
    policies = [[random_policy(seen, 10 * p + k) for k in range(3)] for p in range(2)]
    weights = [[1.0, 2.0, 3.0], [5.0, 0.5, 0.5]]
    average = mixture(
        tree,
        task.encoding,
        seen,
        lambda agent, obs, legal: [
            (w, odds[seen.player == agent]) for w, odds in zip(weights[agent], policies[agent], strict=True)
        ],
    )
    expected = 0.0
    for u, one in zip(weights[0], policies[0], strict=True):
        for v, two in zip(weights[1], policies[1], strict=True):
            table = behaviour_strategy(tree, np.where((seen.player == 0)[:, None], one, two))
            expected += u * v / 36 * judge_table(form, table).value[0]
    assert judge_table(form, average).value[0] == pytest.approx(expected, abs=1e-7)


def test_what_is_played_is_what_is_judged():
    run = counterplay.train("deep_cfr", "leduc", steps=20_000, **SMALL | {"traversals": 100})
    judged, returns = judge(run), run.evaluate(6000).returns
    error = returns.std(axis=0) / 6000**0.5
    assert np.abs(returns.mean(axis=0) - judged.value) == pytest.approx(0, abs=5 * error.max())


def test_regret_matching():
    regret = np.array([[1.0, 3.0, -2.0], [-1.0, -3.0, 5.0], [2.0, 1.0, 0.0]], np.float32)
    legal = np.array([[1, 1, 1], [1, 1, 0], [0, 1, 1]], bool)
    assert matched(regret, legal).tolist() == [[0.25, 0.75, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]


def samples(numbers):
    numbers = np.asarray(numbers)
    target = np.stack([numbers, -numbers], axis=1).astype(np.float32)
    obs = (numbers[:, None] == np.arange(7)).astype(np.uint8)
    return Samples(numbers.astype(np.int64), obs, np.ones((len(numbers), 2), bool), target)


def test_a_full_memory_holds_each_sample_as_likely():
    rng, held = np.random.default_rng(0), Counter()
    for _ in range(3000):
        memory = Reservoir(3, 7, 2)
        for first in (0, 2, 5):
            memory.add(samples(range(first, {0: 2, 2: 5, 5: 7}[first])), 1, rng)
        assert memory.held == 3
        held.update(memory.parts["known"].tolist())
    assert all(abs(held[n] / 3000 - 3 / 7) < 5 * (3 / 7 * 4 / 7 / 3000) ** 0.5 for n in range(7))


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 4)), min_size=1, max_size=30), st.sampled_from([0.0, 1.0]))
@settings(max_examples=40, deadline=None)
def test_a_memory_with_a_row_for_each_thing_known(entries, power):
    """The squared error of anything said differs from that of single samples by what does not depend on it."""
    rng = np.random.default_rng(0)
    memory = Reservoir(50, 7, 2)
    for known, time in entries:
        one = samples([known])
        memory.add(one._replace(target=rng.normal(size=(1, 2)).astype(np.float32)), time, rng)
    whole = memory.merged(7, power)
    assert len(whole.obs) == len({known for known, _ in entries})
    assert memory.merged(len(whole.obs) - 1, power) is None
    weight = (memory.parts["time"][: memory.held] / max(time for _, time in entries)) ** power
    weight = weight / weight.sum()
    target, known = memory.parts["target"][: memory.held], memory.parts["known"][: memory.held]

    def apart(said):
        single = (weight[:, None] * (said[known] - target) ** 2).sum()
        rows = whole.obs.argmax(axis=1)
        merged = (whole.weight[:, None] / len(rows) * (said[rows] - whole.target) ** 2).sum()
        return single - merged

    one, two = (rng.normal(size=(7, 2)) for _ in range(2))
    assert apart(one) == pytest.approx(apart(two), abs=1e-4)
    assert whole.weight.mean() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("options", [{}, {"network": True}, {"warm": False, "linear": 0.0}], ids=str)
def test_resumes(tmp_path, options):
    given = SMALL | options
    whole = counterplay.train("deep_cfr", "kuhn", steps=3000, **given)
    asked = iter(range(10**9))
    part = counterplay.train(
        "deep_cfr", "kuhn", steps=3000, out=tmp_path / "run", stop=lambda: next(asked) > 8, **given
    )
    assert part.stopped_by == "interrupt"
    again = counterplay.train(resume=tmp_path / "run")
    assert again.steps == whole.steps
    for one, two in zip(whole.learner.networks, again.learner.networks, strict=True):
        assert torch.equal(one.state(), two.state())
    assert judge(again).value == judge(whole).value
    assert again.evaluate(50).mean == whole.evaluate(50).mean


def test_a_memory_that_cannot_be_is_refused(tmp_path):
    counterplay.train("deep_cfr", "kuhn", steps=500, out=tmp_path / "run", **SMALL)
    path = tmp_path / "run" / "checkpoint.pt"
    kept = torch.load(path, weights_only=True)
    for change in (
        lambda learner: learner["memories"][0].update(met=10**6),
        lambda learner: learner["memories"][0]["legal"].fill_(False),
        lambda learner: learner["networks"].__setitem__(1, learner["networks"][1][:1]),
        lambda learner: learner["networks"][0].fill_(float("nan")),
    ):
        saved = torch.load(path, weights_only=True)
        change(saved["learner"])
        torch.save(saved, path)
        with pytest.raises(UserError, match="does not fit"):
            counterplay.load_run(tmp_path / "run")
        torch.save(kept, path)
    counterplay.load_run(tmp_path / "run")


def test_refusals():
    with pytest.raises(UserError, match="has neither"):
        counterplay.train("deep_cfr", "climbing", steps=10)
    with pytest.raises(UserError, match=r"memory=\d+ would fit"):
        counterplay.train("deep_cfr", "leduc", steps=10, memory=10**12)
    run = begin("deep_cfr", make_env("kuhn"), "kuhn", 0, SMALL)
    with pytest.raises(UserError, match="draw a policy"):
        run.decide(np.zeros((1, 1)), np.ones((1, 2), bool), np.zeros(1, int))


@functools.cache
def trained(network):
    given = {"traversals": 300, "hidden": 32, "updates": 40, "batch": 64, "network": network}
    return iterate(begin("deep_cfr", make_env("kuhn"), "kuhn", 1, given), 50)


def iterate(run, iterations):
    with torch_threads(1):
        for _ in range(iterations * run.task.spec.agents):
            run.learner.learn(run.gather(), run.rng)
    return run


@pytest.mark.parametrize("network", [False, True])
def test_kuhn(network):
    """Kuhn poker is worth -1/18 to who begins, and little is lost of it."""
    found = judge(trained(network))
    assert found.value[0] == pytest.approx(-1 / 18, abs=0.02)
    assert found.exploitability < (0.06 if network else 0.03)


def test_games_without_a_tree():
    given = SMALL | {"traversals": 300, "memory": 10**5, "updates": 50, "batch": 256, "hidden": 32}
    run = iterate(begin("deep_cfr", InSteps(GAMES.make("leduc")), "leduc", 0, given), 10)
    found = winnings(run, 500)
    assert found.low > 0.2
    assert found.mean == winnings(run, 500).mean
    assert winnings(trained(False), 10) is None


def test_any_learner_plays_in_steps():
    run = counterplay.train("ippo", InSteps(GAMES.make("kuhn")), steps=200, envs=8, hidden=8)
    assert abs(run.evaluate(20).mean) < 1e-6
    env = InSteps(GAMES.make("leduc")).start(3)
    step = env.reset(np.random.default_rng(0))
    wrong = np.zeros((3, 2), np.int64)
    with pytest.raises(UserError, match=r"episode 0, agent 0: action 0 is not legal; legal are 1, 2"):
        env.step(wrong)
    assert step.legal[:, 1].sum() == 3
    assert env.render(0).endswith("moves: check, bet")
    env.step(np.array([[2, 0]] * 3))
    env.step(np.array([[0, 0]] * 3))
    assert env.render(2) == "over: player 0 +1, player 1 -1\nmoves: none"
