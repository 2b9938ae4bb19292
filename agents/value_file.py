"""Files of value networks: parameters, what they are of, how they were trained, and what a resumed training needs."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from counterplay.agents.nn.device import host
from counterplay.agents.value_net import Layers, ValueNet
from counterplay.agents.value_training import Plan, Point, Samples, Test, none
from counterplay.engine import schema, store
from counterplay.engine.errors import UserError

KIND = "valuenet"
_PARTS = ("weights", "biases", "gains", "shifts")

Floats = npt.NDArray[np.float32]


@dataclass
class Kept:
    """A value network with all that its file holds."""

    game: str  # spec
    hands: tuple[int, int]  # lanes of either player
    net: ValueNet
    plan: Plan
    points: list[Point] = field(default_factory=list)
    tests: list[Test] = field(default_factory=list)
    jobs: int = 0  # that were done
    steps: int = 0  # of Adam
    finishing: int | None = None  # steps when all states were solved, and the rate began to sink
    seconds: float = 0.0
    stopped_by: str = "new"
    samples: Samples | None = None
    moments: tuple[Floats, Floats] | None = None  # Adam's, [all parameters]


def layers(features: int, lanes: int, plan: Plan) -> ValueNet:
    """Return a network that has learned nothing; it follows from the plan's seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        return ValueNet(Layers(features + 2 * lanes, plan.hidden, 2 * lanes, plan.layers), features, lanes)


def write(path: str | Path, kept: Kept) -> None:
    """Write a value network to a file, whole or not at all.

    Raises `UserError` where it cannot be written, and for a module that is not `Layers`: PyTorch keeps those.
    """
    module = kept.net.module
    if not isinstance(module, Layers):
        raise UserError("a module of one's own is kept by torch.save, and not in a file of a value network")
    arrays = {name: np.array(host(parameter)) for name, parameter in _named(module).items()}
    samples = kept.samples or none(kept.net.lanes)
    arrays |= {f"samples.{name}": part for name, part in samples._asdict().items()}
    if kept.moments is not None:
        arrays |= {"adam.mean": kept.moments[0], "adam.square": kept.moments[1]}
    header: dict[str, Any] = {
        "kind": KIND,
        "game": kept.game,
        "lanes": list(kept.hands),
        "features": kept.net.features,
        "plan": asdict(kept.plan),
        "states": samples.size,
        "jobs": kept.jobs,
        "finishing": kept.finishing,
        "steps": kept.steps,
        "seconds": kept.seconds,
        "stopped_by": kept.stopped_by,
        "points": [list(point) for point in kept.points],
        "tests": [list(test) for test in kept.tests],
    }
    store.write(path, arrays, header)


def read(path: str | Path) -> Kept:
    """Read a value network from its file; raises `UserError` for one that is damaged, or holds something else."""
    arrays, header = store.read(path)
    if header.get("kind") != KIND:
        raise UserError(f"{path} is a file of ours, but holds no value network: 'counterplay show' tells more")
    try:
        return _checked(arrays, schema.convert(header, schema.ValueNetHeader, "the header"))
    except UserError as error:
        raise UserError(f"{path} is a file of a value network with parts missing or damaged: {error}") from None


def _checked(arrays: store.Arrays, header: schema.ValueNetHeader) -> Kept:
    plan = Plan(**{name: getattr(header.plan, name) for name in header.plan.__struct_fields__})
    lanes = max(header.lanes)
    held, inputs = sum(array.nbytes for array in arrays.values()), header.features + 2 * lanes
    promised = plan.hidden * (inputs + plan.hidden * (plan.layers - 1) + 2 * lanes) + header.states * 4 * lanes
    if 4 * promised > held:
        raise UserError("it promises more than it holds")
    net = layers(header.features, lanes, plan)
    module = net.module
    assert isinstance(module, Layers)
    named = _named(module)
    of_samples, of_adam = [f"samples.{name}" for name in Samples._fields], ["adam.mean", "adam.square"]
    schema.check_names(arrays, [*named, *of_samples, *of_adam], "the file")
    with torch.no_grad():
        for name, parameter in named.items():
            part = schema.part(arrays, name, np.float32, tuple(parameter.shape), "the file")
            parameter.copy_(torch.from_numpy(np.array(part)))
    count, size = header.states, sum(parameter.numel() for parameter in named.values())
    shapes = ((np.int32, (count,)), (np.float32, (count, 2, lanes)), (np.float32, (count, 2, lanes)))
    samples = Samples(*(schema.part(arrays, n, *kind, "the file") for n, kind in zip(of_samples, shapes, strict=True)))
    if schema.least(samples.states) < 0 or schema.least(samples.ranges) < 0 or samples.ranges.max(initial=0) > 1.001:
        raise UserError("its samples have ranges or public states that there are none of")
    moments = None
    if "adam.mean" in arrays:
        mean, square = (schema.part(arrays, name, np.float32, (size,), "the file") for name in of_adam)
        if schema.least(square) < 0:
            raise UserError("its mean squares of gradients are below zero")
        moments = np.array(mean), np.array(square)
    return Kept(
        game=header.game,
        hands=(header.lanes[0], header.lanes[1]),
        net=net,
        plan=plan,
        points=[Point(*point) for point in header.points],
        tests=[Test(*test) for test in header.tests],
        jobs=header.jobs,
        steps=header.steps,
        finishing=header.finishing,
        seconds=header.seconds,
        stopped_by=header.stopped_by,
        samples=samples,
        moments=moments,
    )


def _named(module: Layers) -> dict[str, torch.Tensor]:
    """Return a network's parameters by the names that they have in files."""
    return {f"{name}.{i}": part for name in _PARTS for i, part in enumerate(getattr(module, name))}
