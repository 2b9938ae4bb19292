"""Policies over every kind of action, and episodes that go on over several updates."""

from dataclasses import dataclass, field

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)  # networks are small

from counterplay import load_run, train  # noqa: E402
from counterplay.agents.cut import Going  # noqa: E402
from counterplay.agents.policies import draw, free, likeliest, policy  # noqa: E402
from counterplay.agents.rollout import collect  # noqa: E402
from counterplay.engine.env import EnvSpec, blank, parted, random_actions  # noqa: E402
from counterplay.engine.errors import UserError  # noqa: E402


@dataclass(frozen=True)
class Walk:
    """One agent on a line, from 0: it is paid what it moves, ends at `end`, and time runs out after `limit` steps.

    Its action is a number, or two choices at once: whether to move (the first), and how far.
    """

    limit: int = 7
    numbers: bool = True
    renewing: bool = True
    end: float = 3.0

    @property
    def spec(self):
        kind = {"actions": 1, "continuous": True} if self.numbers else {"actions": 5, "parts": (2, 3)}
        return EnvSpec(agents=1, observation=2, state=2, limit=self.limit, **kind)

    def start(self, batch):
        return (WalkEnv if self.renewing else StubbornEnv)(self, batch)


class StubbornEnv:
    def __init__(self, task, batch):
        self.task, self.spec, self.batch = task, task.spec, batch
        self.shown = blank(self.spec, batch)
        self.place, self.age = np.zeros(batch), np.zeros(batch, np.int64)

    def reset(self, rng):
        return self._new(np.ones(self.batch, bool), rng)

    def _new(self, which, rng):
        start = rng.random(self.batch)
        self.place[which], self.age[which] = start[which], 0
        for flag in (self.shown.reward, self.shown.terminated, self.shown.truncated):
            flag[which] = 0
        return self._show()

    def _show(self):
        self.shown.obs[:, 0] = self.shown.state[:] = np.stack([self.place, self.age], axis=1)
        return self.shown

    def step(self, actions):
        running = ~(self.shown.terminated | self.shown.truncated)
        if self.task.numbers:
            move = np.clip(actions[:, 0, 0], -1, 1)
        else:
            actions = parted(actions, self.shown, self.spec.parts)
            move = actions[:, 0, 0] * actions[:, 0, 1] / 2
        move = np.where(running, move, 0)
        self.place += move
        self.age += running
        self.shown.reward[:] = move
        self.shown.terminated[:] = self.place >= self.task.end
        self.shown.truncated[:] = (self.age >= self.spec.limit) & ~self.shown.terminated
        return self._show()


class WalkEnv(StubbornEnv):
    def renew(self, which, rng):
        return self._new(which, rng)

    def keep(self):
        return {name: getattr(self.shown, name).copy() for name in ("reward", "terminated", "truncated")} | {
            "place": self.place.copy(),
            "age": self.age.copy(),
        }

    def resume(self, kept):
        if kept["place"].shape != self.place.shape or kept["age"].max() > self.spec.limit:
            raise UserError("these are other walks")
        self.place[:], self.age[:] = kept["place"], kept["age"]
        for name in ("reward", "terminated", "truncated"):
            getattr(self.shown, name)[:] = kept[name]
        return self._show()


@dataclass
class Ahead:
    """An actor that moves on, and writes down when it is told to begin."""

    begun: list = field(default_factory=list)

    def begin(self, batch):
        self.begun.append(batch)

    def act(self, step, rng, explore):
        return rng.uniform(0, 1, step.legal.shape).astype(np.float32)


def test_what_runs_out_of_time_may_count_as_ended():
    """As the rules' own ends in what learners are given, whole or cut; a piece that was cut has not ended."""
    whole, cut = [], []
    for limit_ends in (False, True):
        env = Walk(end=99.0).start(3)
        played = collect(env, Ahead(), np.random.default_rng(0), limit_ends=limit_ends)
        whole.append(played.terminated)
        pieces = Going(Walk(end=99.0), 3).play(Ahead(), 10, np.random.default_rng(0), limit_ends)
        cut.append(pieces.terminated[pieces.filled].reshape(3, 10))
    assert not whole[0].any()
    assert not cut[0].any()
    np.testing.assert_array_equal(whole[1], np.tile(np.arange(7) == 6, (3, 1)))
    np.testing.assert_array_equal(cut[1], np.tile(np.arange(10) == 6, (3, 1)))


@pytest.mark.parametrize("steps", [1, 3, 20])
@pytest.mark.parametrize("renewing", [True, False])
def test_pieces_are_the_episodes(steps, renewing):
    """Put together again, pieces are whole episodes, each with its return, its steps and what followed each step."""
    task, actor, rng = Walk(renewing=renewing), Ahead(), np.random.default_rng(0)
    going, returns, lasted, paid, played = Going(task, 3), [], [], 0.0, 0
    for _ in range(-(-120 // steps)):
        pieces = going.play(actor, steps, rng)
        length = pieces.filled.sum(axis=1)
        assert length.min() >= 1
        assert pieces.filled.shape[1] == length.max() <= steps
        for b, many in enumerate(length):
            place, age = pieces.obs[b, : many + 1, 0].T
            np.testing.assert_allclose(np.diff(place), np.clip(pieces.action[b, :many, 0, 0], -1, 1), atol=1e-5)
            np.testing.assert_array_equal(np.diff(age), 1)
            assert pieces.filled[b, :many].all()
            assert not pieces.filled[b, many:].any()
            assert not pieces.terminated[b, : many - 1].any()
            assert pieces.terminated[b, many - 1] == (place[-1] >= 3)
            assert pieces.legal[b].all()
        returns += pieces.returns().tolist()
        lasted += pieces.lasted.tolist()
        paid, played = paid + pieces.reward.sum(), played + pieces.steps
        assert pieces.started == len(pieces.returns())
    assert actor.begun == [3]
    assert len(returns) == len(lasted)
    assert max(lasted) <= 7
    assert sum(lasted) + going.age[~(going.shown.terminated | going.shown.truncated)].sum() == played
    left = going.earned[~(going.shown.terminated | going.shown.truncated)].sum()
    assert sum(returns) + left == pytest.approx(paid, abs=1e-3)
    if renewing:
        assert played == 3 * steps * -(-120 // steps)


@pytest.mark.parametrize("kind", [{"actions": 3}, {"actions": 5, "parts": (2, 3)}, {"actions": 2, "continuous": True}])
def test_policies_agree_with_what_they_draw(kind):
    """How often an action is drawn is what the policy says of it; entropy and divergence are means over draws."""
    spec, rng = EnvSpec(agents=1, observation=1, state=1, limit=1, **kind), np.random.default_rng(1)
    width = spec.actions * (2 if spec.continuous else 1)
    outputs = rng.normal(size=(1, 1, width)).astype(np.float32)
    others = torch.from_numpy(rng.normal(size=(1, 1, width)).astype(np.float32))
    legal = np.ones((1, 1, spec.actions), bool)
    legal[0, 0, 0] = spec.continuous
    many = 200_000
    wide = [np.broadcast_to(part, (many, *part.shape[1:])) for part in (outputs, legal)]
    drawn = torch.from_numpy(draw(spec, *wide, rng))
    assert drawn.shape == (many, 1, *spec.action_shape)
    ours, theirs = (policy(spec, said, torch.from_numpy(legal)) for said in (torch.from_numpy(outputs), others))
    wide_ours, wide_theirs = (
        policy(spec, said.expand(many, -1, -1), torch.from_numpy(wide[1].copy()))
        for said in (torch.from_numpy(outputs), others)
    )
    log = wide_ours.of(drawn)
    assert -log.mean().item() == pytest.approx(ours.entropy().item(), abs=0.02)
    assert (log - wide_theirs.of(drawn)).mean().item() == pytest.approx(ours.kl(theirs).item(), rel=0.05, abs=0.02)
    assert ours.kl(ours).abs().item() < 1e-6
    best = torch.from_numpy(np.ascontiguousarray(likeliest(spec, outputs, legal)))
    assert ours.of(best).item() >= log.max().item() - 1e-6
    assert free(spec, torch.from_numpy(legal)).item() == 1


def test_several_choices_are_checked():
    spec = EnvSpec(agents=1, actions=5, observation=1, state=1, limit=1, parts=(2, 3))
    step = blank(spec, 2)
    step.legal[1, 0, 3] = False
    for seed in range(20):
        chosen = random_actions(spec, step, np.random.default_rng(seed))
        assert (parted(chosen, step, spec.parts) == chosen).all()
    with pytest.raises(UserError, match="episode 1, agent 0, part 1: action 1 is not legal; legal are 0, 2"):
        parted(np.array([[[0, 0]], [[1, 1]]]), step, spec.parts)
    with pytest.raises(UserError, match="must be 2 x 1 x 2 integers"):
        parted(np.zeros((2, 1), np.int64), step, spec.parts)


@pytest.mark.parametrize("numbers", [True, False])
@pytest.mark.parametrize("rollout", [0, 8])
def test_a_walker_learns_to_walk(numbers, rollout):
    """The best return is 8; one that drifts at random earns 0, or 2 of choices."""
    task = Walk(limit=8, numbers=numbers, end=1e9)
    run = train("ippo", task, steps=8000, rollout=rollout, envs=16, lr=3e-3, test_every=8000, seed=1)
    assert run.history[-1]["test_return"] > 6


def test_a_cut_run_goes_on_bit_for_bit(tmp_path):
    whole = train("mappo", Walk(), steps=1500, rollout=10, envs=4, seed=3, test_every=500)
    part = train("mappo", Walk(), steps=700, rollout=10, envs=4, seed=3, test_every=500, out=tmp_path / "run")
    resumed = load_run(tmp_path / "run", env=Walk())
    assert part.steps < 1500
    resumed = train(resume=tmp_path / "run", env=Walk(), steps=1500)
    assert [row["return"] for row in whole.history][-1] == [row["return"] for row in resumed.history][-1]
    for name, part in whole.learner.networks.state_dict().items():
        assert torch.equal(part, resumed.learner.networks.state_dict()[name]), name


def test_what_an_environment_cannot_keep_begins_anew_and_says_so(tmp_path, capsys):
    task = Walk(renewing=False)
    train("ippo", task, steps=300, rollout=10, envs=4, out=tmp_path / "run")
    capsys.readouterr()
    train(resume=tmp_path / "run", env=task, steps=600)
    assert "cannot go on with the episodes that were being played" in capsys.readouterr().err


def test_memory_and_cuts_do_not_go_together():
    for name in ("recurrent", "last_action"):
        with pytest.raises(UserError, match=rf"rollout cuts episodes, .*{name}=true"):
            train("ippo", Walk(), steps=100, rollout=8, **{name: True})
    with pytest.raises(UserError, match="last_action=true shows agents which action they chose last"):
        train("ippo", Walk(), steps=100, last_action=True)
    with pytest.raises(UserError, match="epsilon mixes a random choice in, and actions here are numbers"):
        train("ippo", Walk(), steps=100, epsilon_start=0.5)
    with pytest.raises(UserError, match="coma chooses among actions, and this environment's actions are numbers"):
        train("coma", Walk(), steps=100)
