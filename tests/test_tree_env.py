"""Turn-based games as environments, held against their rules and against the exact judgement of strategies."""

from dataclasses import dataclass
from random import Random

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from counterplay.api.testing import drawn
from counterplay.engine.form import sequence_form
from counterplay.engine.rules import CHANCE, LEAF, histories, is_dealt, is_factored
from counterplay.engine.strategy import random, uniform
from counterplay.games import GAMES, make
from counterplay.games.envs import make_env, spec_of
from counterplay.games.envs.encoding import behaviour_strategy, observations, observed
from counterplay.games.envs.tree import TurnBased
from counterplay.solvers.value import judge_table

SMALL = [
    "kuhn",
    "kuhn(players=3)",
    "leduc",
    "goofspiel",
    "goofspiel(cards=3, order=random, hidden=false, returns=point_difference)",
    "liars_dice(players=3, faces=2)",
    "rock_paper_scissors",
    "gambit(file='examples/beer_quiche.efg')",
    "openspiel:kuhn_poker",
]


@pytest.fixture(autouse=True)
def _root(monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)


def play(task, batch, seed, choose):
    """Yield a batch's steps, copied; `choose` takes a step and returns actions."""
    env = task.start(batch)
    step = env.reset(np.random.default_rng(seed))
    while True:
        yield env, type(step)(*(array.copy() for array in step[:6]))
        if step.terminated.all():
            return
        step = env.step(choose(step))


def uniformly(rng):
    return lambda step: (rng.random(step.legal.shape) * step.legal).argmax(axis=-1)


def state_of(env, episode):
    """Return the state of `histories(rules)` that an episode is in, by playing its moves again."""
    tree, rules, node = env.task.tree, env.task.rules, int(env.played.node[episode])
    slots = []
    while node:
        slots.append(int(tree.slot[node]))
        node = int(tree.parent[node])
    state = rules.root()
    for slot in reversed(slots):
        state = rules.play(state, slot)
    if not is_dealt(rules):
        return state
    deal = np.unravel_index(int(env.played.deal[episode]), tuple(map(len, tree.hands)))
    return tuple(map(int, deal)), state


def beside_the_rules(task, batch, seed):
    """Who acts sees what the rules' `sees` says, no less and no more; moves and payoffs are the rules'."""
    rules, every = histories(task.rules), observations(task.tree)
    listed = {(int(p), o.tobytes()): legal for p, o, legal in zip(every.player, every.obs, every.legal, strict=True)}
    said, shown, over, steps = {}, {}, np.zeros(batch, bool), 0
    for env, step in play(task, batch, seed, uniformly(np.random.default_rng(seed + 1))):
        assert not step.truncated.any()
        np.testing.assert_array_equal(step.state, step.obs.reshape(batch, -1))
        for b in range(batch):
            state = state_of(env, b)
            turn = rules.turn(state)
            assert turn != CHANCE
            assert (turn == LEAF) == (step.terminated[b] or (steps == 0 and rules.turn(state) == LEAF))
            pays = turn == LEAF and not over[b] and steps > 0
            np.testing.assert_allclose(step.reward[b], rules.payoffs(state) if pays else 0, rtol=1e-6)
            for p in range(task.spec.agents):
                legal = np.flatnonzero(step.legal[b, p])
                if p != turn:
                    assert legal.tolist() == [0]
                    continue
                assert sorted(task.names[p][a] for a in legal) == sorted(rules.moves(state))
                told, seen = (p, rules.sees(state, p)), (p, step.obs[b, p].tobytes())
                assert said.setdefault(seen, told) == told
                assert shown.setdefault(told, seen) == seen
                np.testing.assert_array_equal(listed[seen], step.legal[b, p])
        over |= step.terminated
        steps += 1
    assert 1 < steps <= task.spec.limit + 1


@pytest.mark.nojit
@pytest.mark.parametrize("text", SMALL)
def test_beside_the_rules(text):
    beside_the_rules(make_env(text), 100, 7)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 3]))
@example(183, 2)  # a deal, and nothing to decide
def test_random_games_beside_their_rules(seed, players):
    rng = Random(seed)
    dealt = players == 2 and seed % 3 == 0
    beside_the_rules(TurnBased(drawn.random_dealt_game(rng) if dealt else drawn.random_game(rng, players)), 12, seed)


TEXTS = [example for entry in GAMES if entry.name != "holdem" for example in entry.examples]


@pytest.mark.parametrize("text", [text for text in TEXTS if "file=" in text or not is_factored(make(text))])
def test_an_observation_for_each_decision(text):
    task = TurnBased(make(text))
    tree, names = task.tree, task.names
    every = observations(tree)
    assert len(np.unique(every.obs, axis=0)) == len(every.obs) == tree.count()["infosets"]
    assert set(np.unique(every.obs)) <= {0, 1}
    np.testing.assert_array_equal(every.legal.sum(axis=1), np.diff(tree.first)[every.infoset])
    strategy = random(tree, np.random.default_rng(3))
    probabilities = np.zeros(every.legal.shape)
    for m in range(len(probabilities)):
        rows = slice(*tree.first[every.infoset[m] : every.infoset[m] + 2])
        for label, p in zip(tree.actions[every.infoset[m]], strategy[rows, every.hand[m]], strict=True):
            probabilities[m, names[every.player[m]].index(label)] = p
    own = np.array([len(labels) for labels in tree.hands])[tree.owner].repeat(np.diff(tree.first))
    real = np.arange(tree.lanes) < own[:, None]  # columns beyond a player's hands mean nothing
    np.testing.assert_allclose(behaviour_strategy(tree, probabilities)[real], strategy[real], rtol=1e-12)


@pytest.mark.parametrize(
    "text", ["kuhn", "leduc", "goofspiel", "liars_dice(players=3, faces=2)", "openspiel:kuhn_poker"]
)
def test_play_earns_what_the_strategy_is_worth(text):
    """A random policy's mean return is the exact value of its table, within 4.5 standard errors."""
    task, rng = make_env(text), np.random.default_rng(11)
    every = observations(task.tree)
    policy = rng.exponential(size=every.legal.shape) * every.legal
    policy /= policy.sum(axis=1, keepdims=True)
    sums = policy.cumsum(axis=1) - 1e-12
    index = {o.tobytes(): m for m, o in enumerate(every.obs)}

    def choose(step):
        acting = (step.legal[:, :, 1:].any(axis=-1)) | ~step.legal[:, :, 0]
        actions = np.zeros(acting.shape, np.int64)
        for b, p in np.argwhere(acting):
            actions[b, p] = (sums[index[step.obs[b, p].tobytes()]] < rng.random()).sum()
        return actions

    total = sum(step.reward for _, step in play(task, 4000, 5, choose))
    value = judge_table(sequence_form(task.tree), behaviour_strategy(task.tree, policy)).value
    error = total.std(axis=0) / np.sqrt(len(total))
    assert (np.abs(total.mean(axis=0) - value) < 4.5 * error + 1e-9).all()


@pytest.mark.parametrize(("text", "known"), [("kuhn", 11 / 24), ("leduc", 2.373611111), ("kuhn(players=3)", 0.6875)])
def test_exploitability_of_the_uniform_policy(text, known):
    tree = make_env(text).tree
    strategy = behaviour_strategy(tree, np.ones(observations(tree).legal.shape, np.float32))
    np.testing.assert_allclose(strategy, uniform(tree))
    assert judge_table(sequence_form(tree), strategy).exploitability == pytest.approx(known, abs=1e-9)


def test_players_paid_alike_are_a_team():
    task = make_env("openspiel:tiny_hanabi")
    assert task.spec.team
    assert not make_env("kuhn").spec.team
    every = observations(task.tree)
    steps = [step for _, step in play(task, 500, 3, uniformly(np.random.default_rng(4)))]
    paid = sum(step.reward for step in steps)
    assert paid.shape == (500,)
    assert paid.max() == 10
    value = judge_table(sequence_form(task.tree), behaviour_strategy(task.tree, np.ones(every.legal.shape))).value
    assert value[0] == pytest.approx(value[1])
    assert abs(paid.mean() - value[0]) < 4.5 * paid.std() / np.sqrt(500)


def test_both_encodings_of_a_game_play_alike():
    """Leduc poker with public play and as histories: the same decisions, told in other words."""
    lanes, nodes = TurnBased(make("leduc")), TurnBased(histories(make("leduc")))
    assert lanes.spec.limit == nodes.spec.limit == 8
    assert lanes.names == nodes.names
    assert len(observations(lanes.tree).obs) == len(observations(nodes.tree).obs) == 288


def test_who_waits_learns_nothing():
    """Where moves may be hidden, an observation changes only when its player acts or is asked to."""
    task = make_env("goofspiel(cards=3)")
    before = None
    for _, step in play(task, 64, 1, uniformly(np.random.default_rng(2))):
        asked = step.legal[:, :, 1:].any(axis=-1) | ~step.legal[:, :, 0]
        if before is not None:
            changed = (step.obs != before[0]).any(axis=-1)
            assert not (changed & ~asked & ~before[1]).any()
        before = step.obs, asked


def test_the_others_hands_are_not_shown():
    task = make_env("leduc")
    tree, views = task.tree, {}
    for env, step in play(task, 400, 3, uniformly(np.random.default_rng(4))):
        hands = np.stack(np.unravel_index(env.played.deal.astype(np.int64), tuple(map(len, tree.hands))), axis=1)
        for b in range(400):
            for p in range(2):
                key = p, hands[b, p], env.played.node[b]
                assert np.array_equal(views.setdefault(key, step.obs[b, p]), step.obs[b, p])


def test_one_number_for_a_name():
    assert make_env("leduc").names == (("check", "bet", "fold", "call", "raise"),) * 2
    bids = ("1-1", "1-2", "2-1", "2-2", "liar")
    assert make_env("liars_dice(faces=2)").names == (bids, ("", *bids[1:]))
    # names of one's own count from 0
    assert make_env("gambit(file='examples/beer_quiche.efg')").names == (("beer", "quiche"), ("duel", "leave"))
    assert make_env("openspiel:goofspiel(imp_info=True,num_cards=3)").spec.actions == 3


@dataclass(frozen=True)
class Coin:
    """Chance ends the game, or lets its only player choose between 3 and 5."""

    decides: float = 0.5
    players = 1

    def root(self):
        return ()

    def turn(self, state):
        return CHANCE if not state else (0 if state == (1,) and self.decides else LEAF)

    def moves(self, state):
        return ("end", "choose") if not state else ("three", "five")

    def chance(self, state):
        return 1 - self.decides, self.decides

    def play(self, state, move):
        return (*state, move)

    def payoffs(self, state):
        return (3.0 + 2 * state[1] if len(state) == 2 else -1.0,)

    def sees(self, state, player):
        return "heads"


def test_games_without_a_decision():
    """Where chance ends a game before anybody acts, one step passes and pays."""
    ended = np.zeros(1000, bool)
    paid = np.zeros(1000)
    for _, step in play(
        TurnBased(Coin()), 1000, 0, lambda step: step.legal.shape[2] - 1 - step.legal[:, :, ::-1].argmax(-1)
    ):
        paid += step.reward
        ended |= step.terminated
    assert set(paid) == {-1, 5}
    assert ended.all()
    never = TurnBased(Coin(0.0))
    assert (never.spec.limit, never.spec.actions) == (1, 1)
    (_, first), (_, last) = play(never, 2, 0, lambda step: np.zeros((2, 1), np.int64))
    assert not first.terminated.any()
    assert last.reward.tolist() == [-1, -1]
    assert behaviour_strategy(never.tree, np.zeros((0, 1))).shape == (0, 1)


def test_tables_refuse():
    tree = make_env("kuhn").tree
    with pytest.raises(ValueError, match=r"policies have shape \(12, 4\), not \(12, 2\)"):
        behaviour_strategy(tree, np.ones((12, 2)))
    for wrong in (-1.0, 0.0, np.nan, np.inf):
        probabilities = np.ones((12, 4))
        probabilities[3, :] = wrong
        with pytest.raises(ValueError, match=r"at least 0 and not all 0.* in row 3, player"):
            behaviour_strategy(tree, probabilities)


def test_specs():
    assert make_env(" leduc(players=3) ").spec.agents == 3
    assert spec_of(make_env("leduc(players=2)")) == "leduc"
    assert spec_of(make_env("openspiel:kuhn_poker")) == "openspiel:kuhn_poker()"
    assert make_env(spec_of(make_env("examples/beer_quiche.efg"))) == make_env("examples/beer_quiche.efg")
    assert spec_of(TurnBased(Coin(0.25))) == f"{__name__}:Coin(decides=0.25)"
    with pytest.raises(ValueError, match=r"no environment 'leduk' .did you mean 'leduc'"):
        make_env("leduk")


def test_render():
    env = make_env("leduc").start(1)
    step = env.reset(np.random.default_rng(5))
    assert env.render(0).splitlines()[1:] == ["moves: none", "to act: player 0: check, bet"]
    while not step.terminated[0]:
        step = env.step(step.legal.argmax(axis=-1))
    hands, moves, over = env.render(0).splitlines()
    assert hands.startswith("hands: player 0 ")
    assert moves.startswith("moves: check, check [")
    assert over.startswith("over: player 0 ")


def test_observations_in_pieces_are_all_of_them():
    for game in ("leduc", "goofspiel(cards=3)"):
        tree = make_env(game).tree
        pieces = list(observed(tree, rows=7))
        assert len(pieces) > 1
        for together, apart in zip(observations(tree), zip(*pieces, strict=True), strict=True):
            np.testing.assert_array_equal(together, np.concatenate(apart))
