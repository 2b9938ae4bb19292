"""Teams in other environments than they were trained in: what is carried over, and what is refused."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import counterplay  # noqa: E402
from counterplay.engine.errors import UserError  # noqa: E402

FREE = {"ids": False, "scale_inputs": False, "hidden": 16, "envs": 4, "test_every": 10**6, "device": "cpu"}
SMALL = "spread(agents=3, steps=5)"


@pytest.mark.parametrize("body", ["attention", "graph"])
@pytest.mark.parametrize("learner", ["ippo", "iql", "mappo"])
def test_a_team_plays_with_more_agents(learner, body, tmp_path):
    given = FREE | ({"batch": 4, "warmup": 4} if learner == "iql" else {})
    run = counterplay.train(learner, SMALL, steps=100, out=tmp_path / "run", body=body, **given)
    there = counterplay.load_run(tmp_path / "run", env="spread(agents=5, steps=5)")
    assert (there.env, there.task.spec.agents, there.steps) == ("spread(agents=5, steps=5)", 5, run.steps)
    assert np.isfinite(there.evaluate(4).mean)
    for name, part in run.learner.agents.state_dict().items():
        assert torch.equal(part, there.learner.agents.state_dict()[name])
    # It is the network that decides: what agents see of their five, by the weights that were learned with three.
    obs = torch.randn(2, 5, there.task.spec.observation)
    assert there.learner.agents(obs)[0].shape == (2, 5, 5)
    assert counterplay.load_run(tmp_path / "run", env=SMALL).evaluate(4).mean == run.evaluate(4).mean


def test_continuous_and_deviations(tmp_path):
    env = "spread(agents=2, steps=5, continuous=true)"
    run = counterplay.train("ippo", env, steps=100, out=tmp_path / "run", body="attention", **FREE)
    there = counterplay.load_run(tmp_path / "run", env="spread(agents=4, steps=5, continuous=true)")
    kept, found = run.learner.deviations.log, there.learner.deviations.log
    assert torch.equal(kept, found)
    assert np.isfinite(there.evaluate(2).mean)


def test_other_parameters_of_one_size(tmp_path):
    """Where sizes are the same any body goes, and the scales of what is seen go along."""
    run = counterplay.train("ippo", SMALL, steps=100, out=tmp_path / "run", hidden=16, envs=4, test_every=10**6)
    there = counterplay.load_run(tmp_path / "run", env="spread(agents=3, steps=9)")
    assert torch.equal(there.learner.scales.obs.shift, run.learner.scales.obs.shift)
    assert there.task.spec.limit == 9
    assert np.isfinite(there.evaluate(4).mean)


@pytest.mark.parametrize(
    ("settings", "env", "says"),
    [
        ({"ids": True}, "spread(agents=5)", "ids=true told each of the 3 agents which it is, .* train with ids=false"),
        ({"shared": False}, "spread(agents=5)", "shared=false gave each of the 3 agents a network"),
        ({"scale_inputs": True}, "spread(agents=5)", "train with scale_inputs=false"),
        ({"body": "mlp"}, "spread(agents=5)", r"body=mlp\) were made for the 18 numbers .* body=attention"),
        ({}, "climbing", "whose actions are not those of climbing"),
    ],
)
def test_what_cannot_go_is_told(settings, env, says, tmp_path):
    counterplay.train("ippo", SMALL, steps=20, out=tmp_path / "run", **(FREE | {"body": "attention"} | settings))
    with pytest.raises(UserError, match=says):
        counterplay.load_run(tmp_path / "run", env=env)


def test_who_plays_at_home_alone(tmp_path):
    small = {"pairs": 2, "episodes": 1, "hidden": 4}
    counterplay.train("pgpe", SMALL, steps=40, out=tmp_path / "run", test_every=10**6, **small)
    with pytest.raises(UserError, match="pgpe plays in the environment that it was trained in alone"):
        counterplay.load_run(tmp_path / "run", env="spread(agents=5)")


def test_training_goes_on_at_home_alone(tmp_path):
    counterplay.train("ippo", SMALL, steps=20, out=tmp_path / "run", body="attention", **FREE)
    with pytest.raises(UserError, match="the run to resume is of"):
        counterplay.train(resume=tmp_path / "run", env="spread(agents=5, steps=5)", steps=40)


def test_command_line(run, tmp_path):
    counterplay.train("ippo", SMALL, steps=20, out=tmp_path / "run", body="attention", **FREE)
    words = ("evaluate", tmp_path / "run", "--episodes", 2, "--json")
    code, out, _ = run(*words, "--env", "spread(agents=4, steps=5)")
    assert code == 0
    assert "spread(agents=4, steps=5)" in out
    code, _, err = run(*words, "--env", "climbing")
    assert code == 2
    assert "whose actions are not those" in err
