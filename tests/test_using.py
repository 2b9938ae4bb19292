"""A trained team outside its training: called with arrays and dictionaries, played, and exported."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from leaver import Leaver
from mpe2 import simple_spread_v3

import counterplay
from counterplay.agents import exporting
from counterplay.cli import cli
from counterplay.engine.errors import UserError
from counterplay.games.foreign.pettingzoo import from_parallel
from counterplay.games.foreign.to_pettingzoo import to_aec, to_parallel

USING = Path(__file__).resolve().parent.parent / "docs" / "using.md"
FORAGING = "foraging(size=5, players=2, food=1)"


@pytest.fixture(scope="module")
def forager():
    """Agents that remember what they saw and did."""
    return counterplay.train(
        "qmix", FORAGING, steps=60, envs=2, batch=2, warmup=2, recurrent=True, last_action=True, test_episodes=1
    )


@pytest.mark.parametrize(
    ("observation", "says"),
    [
        ("a", "numbers"),
        (None, "numbers"),
        ([[1], [1, 2]], "array of numbers"),
        (object(), "numbers"),
        ({"seen": 1}, "numbers"),
        ([1j], "numbers, not of complex"),
        ([1e300], "finite"),
        ([float("nan")], "finite"),
        (np.zeros(1, "M8[s]"), "numbers"),
    ],
)
def test_observations_that_are_no_numbers(forager, observation, says):
    forager.policy.reset()
    with pytest.raises(UserError, match=says):
        forager.policy({"agent_0": observation})
    if isinstance(observation, list | np.ndarray) and len(observation) == 1:
        with pytest.raises(UserError, match=says):
            forager.policy(np.resize(observation, (2, forager.policy.spec.observation)))


def test_masks_and_names_that_are_none(forager):
    seen = np.zeros(forager.policy.spec.observation, np.float32)
    for mask in ([[1], [1, 2]], (), ([1], [[1], [1, 2]])):
        with pytest.raises(UserError, match="a mask"):
            forager.policy({"agent_0": seen}, {"agent_0": mask})
    for names in (3, "ab", [[1], [2]], ["a", "a"], ["a"]):
        with pytest.raises(UserError, match="agents"):
            forager.policy.reset(agents=names)
    forager.policy.reset()


def test_tables_of_policies_know_no_other_observations():
    run = counterplay.train("psro", "kuhn", steps=100)
    step = run.task.start(1).reset(np.random.default_rng(0))
    run.policy(step.obs, step.legal)
    with pytest.raises(UserError, match="no decision of this player"):
        run.policy(np.ones_like(step.obs), np.ones_like(step.legal))


def actions_of(run, step_by_step):
    """Play an episode in the run's environment by a function of (step, policy), and return all actions."""
    run.policy.reset(seed=0)
    env, acted = run.task.start(3), []
    step = env.reset(np.random.default_rng(5))
    for _ in range(8):
        acted.append(step_by_step(step).copy())
        step = env.step(acted[-1])
    return np.array(acted)


def test_a_policy_is_the_learner_without_exploring(forager):
    learner, rng = forager.learner, np.random.default_rng(0)
    learner.begin(3)
    plain = actions_of(forager, lambda step: learner.act(step, rng, False))

    def disturbed(step):
        found = forager.policy(step.obs, step.legal)
        forager.evaluate(1)  # which plays with the same networks
        return found

    assert np.array_equal(actions_of(forager, disturbed), plain)


def test_a_policy_takes_one_episode_or_several(forager):
    spec = forager.task.spec
    seen = np.random.default_rng(1).random((4, spec.agents, spec.observation)).astype(np.float32)
    legal = np.zeros((4, spec.agents, spec.actions), bool)
    legal[..., 2] = True
    forager.policy.reset()
    assert (forager.policy(seen, legal) == 2).all()
    with pytest.raises(UserError, match=r"remember 4 episodes, and 1 are shown: reset\(\)"):
        forager.policy(seen[0], legal[0])
    forager.policy.reset()
    assert forager.policy(seen[0]).shape == (spec.agents,)


def test_what_does_not_fit_a_policy_is_one_sentence(forager):
    spec, policy = forager.task.spec, forager.policy
    seen = np.zeros((spec.agents, spec.observation))
    for given, sentence in (
        ((seen[:, 1:],), "observations are 2 x"),
        ((seen, np.ones((2, 3))), "a mask says of each action"),
        ((seen, np.zeros((2, spec.actions), bool)), "forbids an agent everything"),
        ((seen * np.nan,), "no finite number"),
        (({"nobody": seen[0]},), "there is no agent 'nobody'"),
        (({"agent_0": seen[0]}, seen), "masks by name"),
    ):
        policy.reset()
        with pytest.raises(UserError, match=sentence):
            policy(*given)
    with pytest.raises(UserError, match="2 agents, and 1 names"):
        policy.reset(agents=["a"])


def test_dictionaries_say_what_arrays_say(forager):
    env, found, expected = to_parallel(forager.task), [], []
    for by_name in (True, False):
        observations, infos = env.reset(seed=3)
        forager.policy.reset(seed=0, agents=env.possible_agents)
        while env.agents:
            if by_name:
                actions = forager.policy(observations, infos)
                found.append(actions)
            else:
                masks = np.stack([infos[a]["action_mask"] for a in env.agents])
                row = forager.policy(np.stack([observations[a] for a in env.agents]), masks)
                actions = dict(zip(env.agents, row.tolist(), strict=True))
                expected.append(actions)
            observations, *_, infos = env.step(actions)
    assert found == expected


def test_a_pettingzoo_environment_is_played_in_its_own_spaces():
    def make():
        return simple_spread_v3.parallel_env(N=2, max_cycles=5, continuous_actions=True)

    run = counterplay.train("ippo", make(), steps=10, envs=1, test_episodes=1)
    env = make()
    observations, infos = env.reset(seed=1)
    while env.agents:
        actions = run.policy(observations, infos)
        assert all(env.action_space(agent).contains(action) for agent, action in actions.items())
        observations, *_, infos = env.step(actions)
    score = run.play(make(), episodes=3, seed=2)
    assert score.episodes == len(score.returns) == 3
    assert np.array_equal(score.returns, run.play(make, episodes=3, seed=2).returns)
    with pytest.raises(UserError, match="trained with 2 for agents, and this environment has 3"):
        run.play(simple_spread_v3.parallel_env(N=3, max_cycles=5, continuous_actions=True))
    with pytest.raises(UserError, match="was trained with numbers for kind of action"):
        run.play(simple_spread_v3.parallel_env(N=2, max_cycles=5))


def test_agents_that_leave_are_left_out():
    run = counterplay.train(
        "iql", from_parallel(Leaver, reward="team", limit=6), steps=30, envs=2, batch=2, warmup=2, test_episodes=1
    )
    env = Leaver("go")
    observations, _ = env.reset()
    while env.agents:
        actions = run.policy({agent: observations[agent] for agent in env.agents})
        assert set(actions) == set(env.agents)
        observations, *_ = env.step(dict.fromkeys(actions, 1))
    assert set(actions) == {"agent_0"}


def test_a_turn_based_game_is_played_in_turn():
    run = counterplay.train("ippo", "kuhn", steps=40, envs=4, test_episodes=1)
    env = to_aec("kuhn")
    env.reset(seed=1)
    for agent in env.agent_iter():
        seen, _, over, late, _ = env.last()
        env.step(None if over or late else run.policy({agent: seen})[agent])
    assert run.play(to_aec("kuhn"), episodes=4).returns.shape == (4, 2)


SMALL = {"test_episodes": 1, "preset": "none"}
CASES = (
    ("qmix", "climbing", {"recurrent": True, "last_action": True}),
    ("iql", "spread(steps=5)", {"body": "lstm", "shared": False}),
    ("ippo", "spread(steps=5)", {"body": "attention"}),
    ("mappo", "climbing", {"shared": False, "scale_inputs": False}),
    ("rainbow", "cartpole(steps=20)", {}),
    ("trpo", "mountain_car(continuous=true, steps=20)", {}),
    ("td3", "pendulum(steps=20)", {}),
    ("ippo", "pendulum(steps=20)", {"average": 0.02, "lr": 0.05}),
    ("sac", "climbing", {}),
    ("pgpe", "climbing", {"pairs": 2, "episodes": 1}),
    ("rnad", "kuhn", {}),
    ("nfsp", "kuhn", {}),
    ("deep_cfr", "kuhn", {"network": True, "updates": 2}),
)


def written(run, folder, kind):
    made = run.export(folder / f"team.{kind}", kind)
    assert made.compared > 0
    assert made.apart < 1e-5
    return made


@pytest.mark.parametrize(("learner", "env", "settings"), CASES, ids=lambda part: part if isinstance(part, str) else "")
@pytest.mark.parametrize("kind", exporting.FORMATS)
def test_every_kind_of_learner_is_exported(learner, env, settings, kind, tmp_path):
    if kind == "onnx":
        pytest.importorskip("onnx")
        pytest.importorskip("onnxruntime")
    written(counterplay.train(learner, env, steps=20, **SMALL, **settings), tmp_path, kind)


def test_an_export_has_memory_and_says_what_it_is(forager, tmp_path):
    from safetensors import safe_open

    made = written(forager, tmp_path, "safetensors")
    assert made.inputs == ("observations", "masks", "memory", "last")
    assert made.outputs == ("actions", "values", "memory_out")
    with safe_open(made.file, "np") as file:
        about = json.loads(file.metadata()["counterplay"])
    assert (about["learner"], about["env"], about["agents"]) == ("qmix", FORAGING, ["agent_0", "agent_1"])


def test_what_is_not_the_run_is_not_kept(forager, tmp_path, monkeypatch):
    right = exporting.acting

    def wrong(learner, name):
        found = right(learner, name)
        found.agents.out.bias.data[..., 0] += 1e-2
        return found

    monkeypatch.setattr(exporting, "acting", wrong)
    with pytest.raises(RuntimeError, match="says other things than the run, by 0"):
        forager.export(tmp_path / "team.st", "safetensors")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["torchscript", "safetensors"])
def test_an_export_to_a_full_disk_is_one_sentence(forager, tmp_path, monkeypatch, kind):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UserError, match=r"cannot write .*team: No space left on device"):
        forager.export(tmp_path / "team", kind)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_exported_says_why(tmp_path, monkeypatch):
    psro = SimpleNamespace(spec=None, policies=None)
    with pytest.raises(UserError, match="psro draws one of several networks"):
        exporting.acting(psro, "psro")
    with pytest.raises(UserError, match="mine:Memory is somebody's own"):
        exporting.acting(SimpleNamespace(), "mine:Memory")


def test_export_on_the_command_line(tmp_path, monkeypatch, forager):
    folder, ask = tmp_path / "run", CliRunner().invoke
    forager.save(folder)
    done = ask(cli, ["export", str(folder), "--to", "safetensors", "--out", str(tmp_path / "a.st")])
    assert done.exit_code == 0
    assert "observations, masks, memory, last -> actions, values, memory_out" in done.output
    assert "observations that it had not seen it differs by" in done.output
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    for arguments, sentence in (
        (["--to", "onnx", "--out", str(tmp_path / "a.onnx")], 'pip install "counterplay[onnx]"'),
        (["--to", "csv"], "runs go to onnx, torchscript or safetensors"),
        (["--to", "onnx"], "writes a file: name it"),
        (["--to", "torchscript", "--out", "x", "--player", "0"], "--player is for solutions"),
    ):
        failed = ask(cli, ["export", str(folder), *arguments])
        assert isinstance(failed.exception, UserError)
        assert sentence in str(failed.exception)
    assert not (tmp_path / "a.onnx").exists()


def test_ten_lines_serve_it(tmp_path, monkeypatch, capsys):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    counterplay.train("qmix", FORAGING, steps=60, batch=2, warmup=2, recurrent=True).export("team.onnx")
    (lines,) = re.findall(r"^```py\n(.*?)^```", USING.read_text(), re.S | re.M)
    exec(compile(lines, "using.md", "exec"), {})
    assert len(lines.split("\n\n")[1].splitlines()) <= 10
    assert capsys.readouterr().out.count("[") == 3
