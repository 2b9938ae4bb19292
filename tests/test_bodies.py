"""Bodies by name: what they see, whom they share, and that they learn."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)  # networks are small

from counterplay import load_run, train  # noqa: E402
from counterplay.agents.nn.bodies import BODIES, Bodied, make_body  # noqa: E402
from counterplay.engine.env import EnvSpec  # noqa: E402
from counterplay.engine.errors import UserError  # noqa: E402

SPEC = EnvSpec(
    agents=3,
    actions=4,
    observation=16,
    state=5,
    limit=6,
    grid=(2, 2, 3),
    entities=((1, 2, 3), (8, 2, 2)),
    roles=(0, 1, 0),
)


@pytest.mark.parametrize("body", sorted(BODIES))
@pytest.mark.parametrize("shared", [True, False])
def test_every_body_has_outputs_for_every_agent(body, shared):
    spec = replace(SPEC, roles=()) if body == "graph" else SPEC
    if body == "graph" and not shared:
        with pytest.raises(UserError, match="one network over all agents"):
            Bodied(spec, body, 4, hidden=8, shared=shared)
        return
    torch.manual_seed(0)
    network = Bodied(spec, body, 4, hidden=8, shared=shared, last_action=True, dueling=True)
    obs, last = torch.randn(5, 6, 3, 16), torch.randint(-1, 4, (5, 6, 3))
    found, memory = network(obs, last)
    assert found.shape == (5, 6, 3, 4)
    if memory is None:
        single, _ = network(obs[2, 3], last[2, 3])
        torch.testing.assert_close(single, found[2, 3])
        return
    state = None  # step by step what all steps at once are
    for t in range(6):
        said, state = network(obs[:, t : t + 1], last[:, t : t + 1], state)
        torch.testing.assert_close(said[:, 0], found[:, t])
    torch.testing.assert_close(state, memory)


def test_roles_share_and_others_do_not():
    torch.manual_seed(0)
    network = Bodied(SPEC, "mlp", 4, hidden=8, ids=False)
    obs = torch.randn(1, 3, 16)
    obs[:, 1] = obs[:, 2] = obs[:, 0]
    found, _ = network(obs)
    torch.testing.assert_close(found[0, 0], found[0, 2])
    assert (found[0, 0] - found[0, 1]).abs().max() > 1e-3


@pytest.mark.parametrize("body", ["attention", "graph"])
def test_order_and_number_of_entities_make_no_difference_to_weights(body):
    """Entities of a kind may change places; with another number of them the same network still answers."""
    torch.manual_seed(0)
    spec = replace(SPEC, roles=())
    network = Bodied(spec, body, 4, hidden=8, ids=False)
    obs = torch.randn(2, 3, 16)
    turned = obs.clone()
    turned[..., 1:4], turned[..., 4:7] = obs[..., 4:7], obs[..., 1:4]
    torch.testing.assert_close(network(turned)[0], network(obs)[0])


@pytest.mark.parametrize("body", ["norm", "residual", "lstm", "attention", "graph"])
def test_bodies_learn_and_resume_bit_for_bit(body, tmp_path):
    setting = {"body": body, "hidden": 16, "envs": 8, "seed": 2, "test_every": 10**6}
    task = "spread(steps=5)"
    whole = train("ippo", task, steps=240, **setting)
    train("ippo", task, steps=120, out=tmp_path / "run", **setting)
    resumed = train(resume=tmp_path / "run", steps=240)
    for name, part in whole.learner.networks.state_dict().items():
        assert torch.equal(part, resumed.learner.networks.state_dict()[name]), name
    assert load_run(tmp_path / "run").settings.body == body


@pytest.mark.parametrize("learner", ["iql", "qmix", "coma", "mappo", "qtran"])
def test_every_learner_takes_a_body(learner):
    run = train(learner, "climbing(steps=2)", steps=200, body="norm", hidden=16, test_every=10**6)
    assert isinstance(run.learner.agents, Bodied)


def test_a_grid_is_seen():
    task = "predator_prey(size=4, predators=2, prey=2, steps=5)"
    for body in ("cnn", "resnet"):
        train("vdn", task, steps=60, body=body, hidden=16, test_every=10**6)


def test_what_does_not_suit_is_refused():
    bare = EnvSpec(agents=1, actions=2, observation=3, state=3, limit=2)
    with pytest.raises(UserError, match="does not say that it shows one"):
        make_body("cnn", bare, 8)
    with pytest.raises(UserError, match=r"body=attention looks at entities .* take body=mlp"):
        make_body("attention", bare, 8)
    with pytest.raises(UserError, match=r"there is no body 'mpl'; the bodies are mlp, gru, norm"):
        make_body("mpl", bare, 8)
    with pytest.raises(UserError, match="recurrent=true is body=gru, and body=norm is another"):
        train("iql", "climbing", steps=10, body="norm", recurrent=True)
    with pytest.raises(UserError, match="this environment does not tell roles"):
        train("iql", "climbing", steps=10, roles=True)
