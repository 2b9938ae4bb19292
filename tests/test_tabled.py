"""Games played from a table beside the same games step by step, and the tree's own chances; merged decisions."""

from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from counterplay.agents import rollout  # noqa: E402
from counterplay.agents.merging import merge  # noqa: E402
from counterplay.agents.run import begin  # noqa: E402
from counterplay.engine.alike import Alike  # noqa: E402
from counterplay.engine.form import sequence_form  # noqa: E402
from counterplay.engine.rules import CHANCE, LEAF  # noqa: E402
from counterplay.engine.tabled import Table, side_by_side  # noqa: E402
from counterplay.games.envs import make_env  # noqa: E402
from counterplay.games.envs.encoding import behaviour_strategy, observations  # noqa: E402
from counterplay.solvers.value import judge_table  # noqa: E402

GAMES = [
    "kuhn",
    "kuhn(players=3)",
    "leduc(ranks=2)",
    "goofspiel(cards=3, order=random, hidden=false, returns=point_difference)",
    "rock_paper_scissors",
    "openspiel:kuhn_poker",
]
PLAYED = ("obs", "state", "legal", "action", "reward", "terminated", "filled")


def shaken(name, game, **settings):
    """Return a run whose networks say something."""
    run, rng = begin(name, make_env(game), game, 1, {"hidden": 8, **settings}), np.random.default_rng(5)
    for part in (run.learner.policy,) if name == "rnad" else (run.learner.networks, run.learner.targets):
        for parameter in part.parameters():
            parameter.data += torch.from_numpy(rng.normal(0, 0.3, parameter.shape)).float()
    return run


def both(run, batch, explore, monkeypatch, start=None):
    """Return the same episodes by a table and step by step, and a number drawn after each."""
    found = []
    for by in (rollout.by_table, lambda *given: None):
        with monkeypatch.context() as patch:
            patch.setattr(rollout, "by_table", by)
            rng = np.random.default_rng(3)
            env = run.task.start(batch) if start is None else start()
            found.append((rollout.collect(env, run.learner, rng, explore), rng.random()))
    return found


class Fixed:
    """Acts by logits that are a function of what an agent observes."""

    def begin(self, batch):
        pass

    def act(self, step, rng, explore):
        return rollout.sample(*self.drawn_from(step, explore), rng)

    def drawn_from(self, step, explore):
        ways = np.random.default_rng(2).normal(0, 2, (step.obs.shape[2], step.legal.shape[2]))
        return (step.obs[..., None] * ways).sum(axis=2).astype(np.float32), step.legal


@pytest.mark.nojit
@pytest.mark.parametrize("game", GAMES)
def test_the_same_games_by_plain_kernels(game, monkeypatch):
    task = make_env(game)
    run = SimpleNamespace(task=task, learner=Fixed())
    (fast, after), (plain, later) = both(run, 100, True, monkeypatch)
    assert (fast.number is None, plain.number, after) == (False, None, later)
    for part in PLAYED:
        np.testing.assert_array_equal(getattr(fast, part), getattr(plain, part), err_msg=part)


@pytest.mark.parametrize("game", GAMES)
def test_games_by_a_table_are_those_step_by_step(game, monkeypatch):
    """In every bit, as long as a network says the same of an observation wherever it stands."""
    for name, settings in (
        ("ippo", {"epsilon_start": 0.3, "shared": False}),
        ("magnetic_ppo", {"magnet_plays": True, "magnet": 0.1, "magnet_rate": 0.1}),
        ("rnad", {}),
    ):
        run = shaken(name, game, **settings)
        for explore in (True, False):
            (fast, after), (plain, later) = both(run, 300, explore, monkeypatch)
            assert plain.number is None
            assert after == later
            for part in PLAYED:
                one, other = getattr(fast, part), getattr(plain, part)
                assert one.dtype == other.dtype
                np.testing.assert_array_equal(one, other, err_msg=f"{name} {explore} {part}")
            shown = np.concatenate(
                [fast.obs.reshape(-1, fast.state.shape[-1]), fast.state.reshape(-1, fast.state.shape[-1])], 1
            )
            told = {}
            for number, row in zip(fast.number.ravel().tolist(), shown, strict=True):
                assert told.setdefault(number, row.tobytes()) == row.tobytes()


def test_groups_that_begin_alike_are_played_from_a_table_too(monkeypatch):
    run = shaken("grpo", "leduc(ranks=2)", envs=240, group=6)
    (fast, after), (plain, later) = both(run, 0, True, monkeypatch, lambda: Alike(run.task, 40, 6))
    assert (fast.number is None, plain.number, after) == (False, None, later)
    for part in PLAYED:
        np.testing.assert_array_equal(getattr(fast, part), getattr(plain, part), err_msg=part)


def chances(tree, policy):
    """Return how likely each information set and hand is met with each action, [I][hand][slot], node by node."""
    shape = tuple(map(len, tree.hands))
    met = np.zeros((len(tree.owner), max(shape), np.diff(tree.first).max()))
    for deal in np.ndindex(shape):
        share = np.zeros(len(tree.player))
        share[0] = tree.weights[tree.weight[0]][deal]
        for n in range(1, len(tree.player)):
            up, slot = tree.parent[n], tree.slot[n]
            if tree.player[up] == CHANCE:
                before = tree.weights[tree.weight[up]][deal]
                share[n] = share[up] * tree.weights[tree.weight[n]][deal] / before if before else 0.0
            else:
                hand = deal[tree.player[up]]
                share[n] = share[up] * policy[tree.first[tree.infoset[up]] + slot, hand]
                met[tree.infoset[up], hand, slot] += share[n]
    return met


@pytest.mark.parametrize("game", ["leduc(ranks=2)", GAMES[3]])
def test_games_by_a_table_come_as_often_as_they_should(game):
    task, rng, many = make_env(game), np.random.default_rng(11), 6000
    tree, seen = task.tree, observations(task.tree)
    env, place = task.start(many), side_by_side(seen.player)
    listed = env.listed(10**6)
    np.testing.assert_array_equal(listed.obs[place, seen.player], seen.obs)
    weights = rng.random(listed.legal.shape) * listed.legal
    games = env.play(Table(weights, weights.sum(axis=-1), listed.legal), rng)
    strategy = behaviour_strategy(tree, weights[place, seen.player])
    wanted = chances(tree, strategy)

    at = {(p, obs.tobytes()): m for m, (p, obs) in enumerate(zip(seen.player.tolist(), seen.obs, strict=True))}
    counted = np.zeros_like(wanted)
    for b, t, p in np.argwhere((games.legal[:, :-1].sum(axis=-1) > 1) & games.filled[:, :, None]).tolist():
        m = at[p, games.obs[b, t, p].tobytes()]
        rows = slice(*tree.first[seen.infoset[m] : seen.infoset[m] + 2])
        slot = task.encoding.number[rows].tolist().index(games.action[b, t, p])
        counted[seen.infoset[m], seen.hand[m], slot] += 1
    alone = np.diff(tree.first) == 1  # where nobody has a choice nothing is counted
    error = (counted - many * wanted)[~alone]
    spread = np.sqrt(many * wanted * (1 - wanted))[~alone]
    assert (np.abs(error) <= 5 * spread + 3).all()

    paid = games.reward.sum(axis=1)
    exact = judge_table(sequence_form(tree), strategy).value
    assert (np.abs(paid.mean(axis=0) - exact) <= 4 * paid.std(axis=0) / many**0.5).all()
    assert all(env.turn(b) == LEAF for b in range(5))
    assert "over: " in env.render(0)


def test_what_is_no_table_is_played_step_by_step():
    for name, settings in (
        ("ippo", {"recurrent": True}),
        ("ippo", {"last_action": True}),
        ("ippo", {"body": "graph"}),
        ("iql", {}),
    ):
        run = begin(name, make_env("kuhn"), "kuhn", 1, {"hidden": 8, **settings})
        assert rollout.by_table(run.task.start(200), run.learner, np.random.default_rng(0), True) is None
    run = begin("ippo", make_env("kuhn"), "kuhn", 1, {"hidden": 8, "greedy": True})
    env = run.task.start(200)
    assert rollout.by_table(env, run.learner, np.random.default_rng(0), False) is None
    assert rollout.by_table(env, run.learner, np.random.default_rng(0), True) is not None
    assert rollout.by_table(run.task.start(2), run.learner, np.random.default_rng(0), True) is None  # it takes longer
    assert make_env("climbing").start(9).spec.agents == 2
    assert rollout.by_table(make_env("climbing").start(9), run.learner, np.random.default_rng(0), True) is None


LOSSES = {
    "clipped": ("ippo", {"entropy": 0.02, "epsilon_start": 0.2}),
    "mirror": ("magnetic_ppo", {"proximity": 3.0, "ratio_clip": 0.0, "magnet": 0.2, "magnet_rate": 0.1}),
    "squared": ("magnetic_ppo", {"proximity": 3.0, "squared": True, "magnet": 0.2, "central": True}),
    "vrpo": ("vrpo", {"magnet": 0.1}),
    "grpo": ("grpo", {}),
}


def loss_of(learner, batch):
    """Return the loss of an update's second step, and its gradients."""
    facts = learner.facts(batch)
    if learner.settings.proximity and not learner.settings.squared:
        facts = facts._replace(said=learner.all_said(batch))
    facts = facts._replace(log=facts.log - 0.1 * batch.filled[..., None])  # as if policies had moved
    loss, figures = learner.loss(batch, facts)
    slopes = torch.autograd.grad(loss, learner.parameters, allow_unused=True)
    return figures, [torch.zeros_like(p) if g is None else g for p, g in zip(learner.parameters, slopes, strict=True)]


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("game", ["kuhn", "climbing", "goofspiel(cards=3)"])
def test_merged_decisions_have_the_same_loss_and_gradient(kind, game):
    name, settings = LOSSES[kind]
    settings = settings if name == "grpo" else settings | {"scale_values": False}  # which would change the critic
    run = shaken(name, game, merge=True, minibatches=1, envs=64, scale_inputs=True, **settings)
    learner = run.learner
    episodes = run.gather()
    batch = learner.batch(episodes, np.ones(64, np.float32))
    assert (batch.number is None) == (game == "climbing")
    for part in (batch, batch._replace(number=None)):
        merged = merge(part, learner.spec.in_turn)
        assert merged is not None
        assert (merged.asked is None) == (game == "climbing")
        assert len(merged.distinct) < int(batch.filled.sum())
        (wanted, slopes), (found, close) = (loss_of(learner, each) for each in (part, part._replace(merged=merged)))
        for figure, value in wanted.items():
            torch.testing.assert_close(found[figure], value, rtol=1e-4, atol=1e-6)
        for slope, other in zip(slopes, close, strict=True):
            torch.testing.assert_close(other, slope, rtol=1e-3, atol=1e-5)


def test_merged_rows_show_the_same():
    run = shaken("ippo", "kuhn", envs=64, merge=True, minibatches=1)
    whole = run.learner.batch(run.gather(), np.ones(64, np.float32))
    rows = whole.rows()
    taken = rows.seen[rows.now]
    shown = torch.cat([whole.obs.flatten(0, 1).flatten(1), whole.state.flatten(0, 1)], dim=1)
    for batch in (whole, whole._replace(number=None)):
        distinct, number, asked = merge(batch, True)
        assert len(distinct) == len({tuple(row) for row in shown[taken].tolist()})
        assert torch.equal(shown[distinct][number][taken], shown[taken])
        free = batch.legal.flatten(0, 1)[taken].sum(dim=-1) > 1
        where = asked.at.view(free.shape)[free]
        assert torch.equal(asked.obs.flatten(0, 1)[where], batch.obs.flatten(0, 1)[taken][free])
        assert torch.equal(asked.legal.flatten(0, 1)[where], batch.legal.flatten(0, 1)[taken][free])
        met = {
            (n, tuple(row))
            for n, row in zip(free.nonzero()[:, 1].tolist(), batch.obs.flatten(0, 1)[taken][free].tolist(), strict=True)
        }
        assert len(where.unique()) == len(met)
