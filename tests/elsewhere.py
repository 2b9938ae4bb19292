"""Every learner on another device and on the CPU: the same, and nothing mixed up. `test_devices.py` runs this.

The other device is a pretended one; `python tests/elsewhere.py cuda` takes the GPU.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch

import counterplay
from counterplay.agents.nn.device import move
from counterplay.agents.rollout import collect
from counterplay.api import training
from counterplay.api.runs import begin

REPLAY = {"warmup": 4, "batch": 4, "envs": 4, "updates": 0.5}
LEARNERS = [
    ("iql(dueling=true, n_step=2, priority=0.5)", "climbing(steps=5)", REPLAY),
    ("vdn(recurrent=true, last_action=true)", "penalty(steps=5)", REPLAY),
    ("qmix(shared=false, td_lambda=0.5)", "two_step", REPLAY),
    ("qtran", "climbing(steps=5)", REPLAY),
    ("qtran_alt(joint=features)", "climbing(steps=5)", REPLAY),
    ("coma", "foraging(steps=6)", {"envs": 4, "epsilon_start": 0.5}),
    ("mappo(pessimism=0.5)", "predator_prey(steps=6)", {"envs": 4, "epochs": 1}),
    ("d3qn(priority=0.5, n_step=2)", "climbing(steps=5)", REPLAY),
    ("rainbow", "spread(agents=2, steps=5)", REPLAY),
    ("td3(noise=ou, random_steps=10)", "pendulum(steps=6)", REPLAY),
    ("masac(random_steps=10)", "spread(agents=2, steps=5, continuous=true)", REPLAY),
    ("maddpg(shared=false)", "spread(agents=2, steps=5)", REPLAY),
    ("sac", "climbing(steps=5)", REPLAY),
    ("ippo(recurrent=true)", "foraging(steps=6)", {"envs": 4, "epochs": 1, "minibatches": 2}),
]


def same_here_and_there(learner, env, settings, there):
    """Two rounds of playing and learning: the same actions, figures and parameters."""
    found = []
    for where in (torch.device("cpu"), there):
        run = begin(learner, env, 3, dict(settings), "none")
        move(run.learner, where)
        episodes, figures = [], []
        for _ in range(2):
            episodes.append(collect(run.playing(4), run.learner, run.rng))
            figures.append(run.learner.learn(episodes[-1], run.rng))
        found.append((run.learner, episodes, figures))
    (ours, here, mine), (theirs, yonder, other) = found
    assert "loss" in mine[1]
    assert all(np.allclose(a.action, b.action, atol=1e-4) for a, b in zip(here, yonder, strict=True))  # numbers, some
    for a, b in zip(mine, other, strict=True):
        assert a == pytest.approx(b, rel=1e-3, abs=1e-4)
    for a, b in zip(ours.parameters, theirs.parameters, strict=True):
        assert b.device.type == there.type
        torch.testing.assert_close(a, b.cpu(), atol=2e-4, rtol=1e-2)


def saved_runs_move(folder, there):
    """A run that trained elsewhere goes on on the CPU, with the optimiser's moments and all."""
    training.choose = lambda name: torch.device("cpu") if name == "cpu" else there
    training.in_words = lambda *told: "elsewhere"
    run = training.advance(begin("qmix", "climbing(steps=5)", 0, REPLAY, "none"), 60, device="cuda", out=folder)
    loaded = counterplay.load_run(folder)
    moments = run.learner.optimiser.state_dict()["moments"], loaded.learner.optimiser.state_dict()["moments"]
    for both, kept in zip(*moments, strict=True):
        assert all(torch.equal(a.cpu(), b) for a, b in zip(both, kept, strict=True))
    assert loaded.learner.device.type == "cpu"
    counterplay.train(resume=folder, steps=100, device="cpu")
    before = loaded.learner.updates
    training.advance(loaded, 120, device="cuda")
    assert loaded.learner.device.type == there.type
    assert loaded.learner.updates > before
    assert np.isfinite(loaded.evaluate(8).mean)


def device(name):
    """Return the GPU, or what pretends to be one: it has to be there before the first backward pass."""
    if name == "cuda":
        return torch.device(name)
    import pretend

    return pretend.DEVICE


if __name__ == "__main__":
    torch.set_num_threads(1)
    elsewhere = device(*(sys.argv[1:] or ["pretend"]))
    for learner, env, settings in LEARNERS:
        same_here_and_there(learner, env, settings, elsewhere)
        print(learner, flush=True)
    with tempfile.TemporaryDirectory() as place:
        saved_runs_move(Path(place) / "run", elsewhere)
