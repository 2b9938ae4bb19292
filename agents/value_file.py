"""Files of value networks: parameters, what they are of, how they were trained, and what a resumed training needs."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from counterplay.agents.nn.device import host
from counterplay.agents.strength_net import SpotNet, SpotSamples, StrengthNet, no_samples, spot_net
from counterplay.agents.value_net import Layers, ValueNet
from counterplay.agents.value_training import Plan, Point, Samples, Test, none
from counterplay.engine import schema, store
from counterplay.engine.errors import UserError

KIND, OF_SPOTS = "valuenet", "spotnet"
_PARTS = ("weights", "biases", "gains", "shifts")

Floats = npt.NDArray[np.float32]


@dataclass
class Kept:
    """A value network with all that its file holds."""

    game: str  # spec; of spots the text of one
    hands: tuple[int, int]  # lanes of either player
    net: Any  # ValueNet, of spots SpotNet
    plan: Plan
    points: list[Point] = field(default_factory=list)
    tests: list[Test] = field(default_factory=list)
    jobs: int = 0  # that were done
    steps: int = 0  # of Adam
    finishing: int | None = None  # steps when all states were solved, and the rate began to sink
    seconds: float = 0.0
    stopped_by: str = "new"
    samples: Any = None  # Samples, of spots SpotSamples
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
    if not isinstance(module, Layers | StrengthNet):
        raise UserError("a module of one's own is kept by torch.save, and not in a file of a value network")
    arrays = {name: np.array(host(parameter)) for name, parameter in _named(module).items()}
    of_spots = isinstance(kept.net, SpotNet)
    samples = kept.samples or (no_samples(1, kept.net.lanes) if of_spots else none(kept.net.lanes))
    arrays |= {f"samples.{name}": part for name, part in samples._asdict().items()}
    if kept.moments is not None:
        arrays |= {"adam.mean": kept.moments[0], "adam.square": kept.moments[1]}
    header: dict[str, Any] = {
        "kind": OF_SPOTS if of_spots else KIND,
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
    if header.get("kind") not in (KIND, OF_SPOTS):
        raise UserError(f"{path} is a file of ours, but holds no value network: 'counterplay show' tells more")
    try:
        return _checked(arrays, schema.convert(header, schema.ValueNetHeader, "the header"))
    except UserError as error:
        raise UserError(f"{path} is a file of a value network with parts missing or damaged: {error}") from None


def _checked(arrays: store.Arrays, header: schema.ValueNetHeader) -> Kept:
    plan = Plan(**{name: getattr(header.plan, name) for name in header.plan.__struct_fields__})
    lanes, of_spots = max(header.lanes), header.kind == OF_SPOTS
    last = arrays.get(f"biases.{plan.layers}")
    points = last.size // 2 if of_spots and last is not None else 0  # by which a network of spots knows hands
    inputs, outputs = header.features + 2 * (points or lanes), 2 * (points or lanes)
    held = sum(array.nbytes for array in arrays.values())
    promised = plan.hidden * (inputs + plan.hidden * (plan.layers - 1) + outputs) + header.states * 4 * lanes
    if 4 * promised > held:
        raise UserError("it promises more than it holds")
    net = spot_net(header.features, points, lanes, plan) if of_spots else layers(header.features, lanes, plan)
    named = _named(net.module)
    make: Any = SpotSamples if of_spots else Samples
    of_samples, of_adam = [f"samples.{name}" for name in make._fields], ["adam.mean", "adam.square"]
    schema.check_names(arrays, [*named, *of_samples, *of_adam], "the file")
    with torch.no_grad():
        for name, parameter in named.items():
            part = schema.part(arrays, name, np.float32, tuple(parameter.shape), "the file")
            parameter.copy_(torch.from_numpy(np.array(part)))
    count, size = header.states, sum(parameter.numel() for parameter in named.values())
    per_lane: list[Any] = [(np.float32, (count, 2, lanes)), (np.float32, (count, 2, lanes))]
    of_states: list[Any] = [(np.int32, (count, None)), (np.float32, (count,))] if of_spots else [(np.int32, (count,))]
    kinds = zip(of_samples, of_states + per_lane, strict=True)
    samples = make(*(schema.part(arrays, name, kind, shape, "the file") for name, (kind, shape) in kinds))
    if schema.least(samples[0]) < 0 or schema.least(samples.ranges) < 0 or samples.ranges.max(initial=0) > 1.001:
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


def _named(module: Any) -> dict[str, Any]:
    """Return a network's parameters by the names that they have in files."""
    if isinstance(module, StrengthNet):
        weights = {f"weights.{i}": layer.weight for i, layer in enumerate(module.layers)}
        return weights | {f"biases.{i}": layer.bias for i, layer in enumerate(module.layers)}
    return {f"{name}.{i}": part for name in _PARTS for i, part in enumerate(getattr(module, name))}
