"""Runs as files that others serve: ONNX, TorchScript, safetensors, each compared with the run before it is kept.

The run plays episodes that it has not seen, and what is written is asked the same from step to step, with a memory of
its own. What it says has to be what the run says; how far apart they were is told.
"""

import io
import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy, deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load, save
from torch.jit._trace import TracerWarning

from counterplay.agents.exported import Acting, acting
from counterplay.agents.learner import Mixed, Mixture
from counterplay.agents.nn.plain import differentiable
from counterplay.engine import arguments
from counterplay.engine.env import Step
from counterplay.engine.errors import UserError
from counterplay.engine.named import Naming, Numbered
from counterplay.engine.writing import check_writable, told, write_atomic

if TYPE_CHECKING:
    from counterplay.agents.run import Run

FORMATS = ("onnx", "torchscript", "safetensors")
INSTALL = 'a run as ONNX needs packages: pip install "counterplay[onnx]"'
_EPISODES, _STEPS = 4, 64  # that are compared, at most
_APART = 1e-4  # how far numbers may be apart, beside those of 1; rounding is a hundredth of it

Arrays = dict[str, npt.NDArray[Any]]
Ask = Callable[[Arrays], Arrays]  # inputs by name to outputs by name


class Exported(NamedTuple):
    """A run that was written for others to serve."""

    file: Path
    format: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    compared: int  # observations of an agent that both were asked
    apart: float  # the largest difference of what they said


def export(run: "Run", out: str | Path, to: str) -> Exported:
    """Write what a run's agents play by to a file, in one of `FORMATS`, and return what was written.

    Inputs and outputs are as `agents.exported.Acting` has them. Raises `ValueError` for a learner that no network plays
    for, where a package is missing, and where the file cannot be written; `RuntimeError` where what was written is not
    the run, which is then not kept.
    """
    if to not in FORMATS:
        raise UserError(f"a run is exported to {', '.join(FORMATS)}, not {to!r}")
    place = arguments.path("out", out)
    if run.folder is not None and place.exists() and run.folder.resolve() in place.resolve().parents:
        raise UserError(f"{place} is a file of the run that is exported: give the export another name")
    check_writable(place)
    agents = acting(run.learner, run.name)
    write, ask = _WAYS[to]
    about = _about(run, agents)
    data = write(agents, about)
    count, apart = compare(run, agents, ask(agents, data))
    if apart > _APART:
        raise RuntimeError(f"the export says other things than the run, by {apart:.3g}, and is not kept")
    with told(place):
        write_atomic(place, data)
    return Exported(place, to, tuple(agents.inputs), tuple(agents.outputs), count, apart)


def _about(run: "Run", agents: Acting) -> dict[str, str]:
    """Return what goes with a file, as texts."""
    spec, task = agents.spec, run.task
    named = task.named() if isinstance(task, Naming) else Numbered(spec)
    said: dict[str, Any] = {"learner": run.name, "env": run.env, "seed": run.seed, "steps": run.steps}
    said |= {"agents": [str(agent) for agent in named.agents], "inputs": agents.inputs, "outputs": agents.outputs}
    said |= {"spec": asdict(spec), "settings": asdict(run.settings), "memory": agents.memory}
    return {"counterplay": json.dumps(said)}


def compare(run: "Run", agents: Acting, ask: Ask) -> tuple[int, float]:
    """Let a run play, ask both at each step, and return of how many observations, and how far apart they were.

    Where both choose, the actions have to be as good as each other by what is said of them.
    """
    actor, rng = copy(run.learner), np.random.default_rng([run.seed, 6])
    env = run.task.start(_EPISODES)
    actor.begin(env.batch)
    step = env.reset(rng)
    given = {name: part.numpy() for name, part in agents.blank(env.batch).items()}
    count, apart = 0, 0.0
    for _ in range(min(_STEPS, env.spec.limit)):
        playing = ~(step.terminated | step.truncated)
        if not playing.any():
            break
        given["observations"] = step.obs.copy()
        if "masks" in given:
            given["masks"] = step.legal.copy()
        found, ours = ask(given), _ours(actor, agents, step, rng)
        taken = ours["actions" if "actions" in ours else "means"] if agents.spec.continuous else found["actions"]
        for name, part in ours.items():
            if name == "actions" and not agents.spec.continuous:
                worth = found[agents.ends.said]
                apart = max(apart, _apart(*(_at(worth, those, agents)[playing] for those in (found[name], part))))
            else:
                apart = max(apart, _apart(found[name][playing], part[playing]))
        count += int(playing.sum()) * env.spec.agents
        if hasattr(actor, "remember") and "actions" not in ours:
            actor.remember(taken)
        if "memory" in given:
            given["memory"] = found["memory_out"]
        if "last" in given:
            given["last"] = taken
        step = env.step(taken)
    return count, apart


def _ours(actor: Any, agents: Acting, step: Step, rng: np.random.Generator) -> Arrays:
    """Return the run's own actions where it draws none, else what they are drawn from."""
    spec = agents.spec
    if isinstance(actor, Mixture):
        odds = [next(iter(actor.policies(n, step.obs[:, n], step.legal[:, n])))[1] for n in range(spec.agents)]
        return {"probabilities": np.stack(odds, axis=1)}
    if not isinstance(actor, Mixed):
        return _chosen(actor, agents, step, rng)
    if spec.kind == "choice":
        return {"probabilities": actor.probabilities(step)}
    said: npt.NDArray[Any] = actor.acting(step, False)  # type: ignore[attr-defined]
    if spec.continuous:
        mean, log = np.split(said, 2, axis=-1)
        return {"deviations": np.exp(np.clip(log, -5, 2)), "means": mean}
    return {"probabilities": _softmax(said, step, spec.parts)}


def _chosen(actor: Any, agents: Acting, step: Step, rng: np.random.Generator) -> Arrays:
    """Return the actions of agents that draw none, and what these say of them."""
    heard: list[npt.NDArray[Any]] = []
    asked = actor.outputs

    def outputs(step: Step) -> npt.NDArray[Any]:
        heard.append(asked(step))
        return heard[-1]

    actor.outputs = outputs
    try:
        actions = actor.act(step, rng, False)
    finally:
        del actor.outputs
    named = agents.ends.said
    if named == "probabilities":
        return {"actions": actions, named: _softmax(heard[0], step, agents.spec.parts)}
    return {"actions": actions, named: heard[0]} if named else {"actions": actions}


def _softmax(said: npt.NDArray[Any], step: Step, parts: tuple[int, ...]) -> npt.NDArray[Any]:
    """Return the probabilities that logits stand for, of each part's choices."""
    able = np.split(np.where(step.legal, said, -1e9).astype(np.float64), np.cumsum(parts or (said.shape[-1],))[:-1], -1)
    weights = [np.exp(part - part.max(axis=-1, keepdims=True)) for part in able]
    return np.concatenate([part / part.sum(axis=-1, keepdims=True) for part in weights], axis=-1)


def _at(worth: npt.NDArray[Any], actions: npt.NDArray[Any], agents: Acting) -> npt.NDArray[Any]:
    """Return what is said of those actions, [B, N] or [B, N, P]."""
    if not agents.spec.parts:
        return np.take_along_axis(worth, actions[..., None], -1)[..., 0]
    ends = np.cumsum((0, *agents.spec.parts[:-1]))
    return np.take_along_axis(worth, actions + ends, -1)


def _apart(found: npt.NDArray[Any], ours: npt.NDArray[Any]) -> float:
    """Return how far two arrays are apart at most, beside numbers beyond 1 as a share of them."""
    return float((np.abs(found - ours) / np.maximum(1, np.abs(ours))).max(initial=0.0))


def _to_onnx(agents: Acting, about: dict[str, str]) -> bytes:
    try:
        import onnx
        import onnxruntime  # noqa: F401  # which it is compared by
    except ModuleNotFoundError:
        raise UserError(INSTALL) from None
    names = [*agents.inputs, *agents.outputs]
    made: Any = io.BytesIO()  # in memory, as all of them: on a full disk what writes to files in C++ aborts
    with _by_operations():
        torch.onnx.export(
            agents,
            tuple(agents.blank(2).values()),
            made,
            input_names=agents.inputs,
            output_names=agents.outputs,
            dynamic_axes={name: {0: "episodes"} for name in names},
            dynamo=False,  # which takes modules as they run, and needs onnx alone
        )
    model = onnx.load_model_from_string(made.getvalue())
    onnx.helper.set_model_props(model, about)
    data: bytes = model.SerializeToString()
    return data


def _ask_onnx(agents: Acting, data: bytes) -> Ask:
    import onnxruntime

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return lambda given: dict(zip(agents.outputs, session.run(None, dict(given)), strict=True))


def _to_script(agents: Acting, about: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with _by_operations():
        given = tuple(agents.blank(2).values())
        traced = torch.jit.trace(agents, given, check_trace=False)  # type: ignore[no-untyped-call]
        torch.jit.save(traced, made, _extra_files=about)
    return made.getvalue()


def _ask_script(agents: Acting, data: bytes) -> Ask:
    with _untold():
        loaded = torch.jit.load(io.BytesIO(data))  # type: ignore[no-untyped-call]
    return _asked(loaded, agents)


def _to_tensors(agents: Acting, about: dict[str, str]) -> bytes:
    data: bytes = save({name: part.contiguous().clone() for name, part in agents.state_dict().items()}, about)
    return data


def _ask_tensors(agents: Acting, data: bytes) -> Ask:
    fresh = deepcopy(agents)
    for part in fresh.state_dict().values():
        part.zero_()
    fresh.load_state_dict(load(data))
    return _asked(fresh, agents)


def _asked(served: Any, agents: Acting) -> Ask:
    """Return a module as a function of arrays."""

    def ask(given: Arrays) -> Arrays:
        with _by_operations():
            found = served(*(torch.from_numpy(given[name]) for name in agents.inputs))
        return {name: part.numpy() for name, part in zip(agents.outputs, found, strict=True)}

    return ask


@contextmanager
def _by_operations() -> Iterator[None]:
    """Let networks be PyTorch's operations, which can be traced, and no kernels."""
    with differentiable(), torch.no_grad(), _untold():
        yield


@contextmanager
def _untold() -> Iterator[None]:
    """Keep to ourselves what tracing is known to warn of; anything else is told as ever.

    That the ways of writing are old ones, and that what Python did with shapes is traced as it went: which is right
    here, as `compare` finds out, since episodes alone may be more or fewer.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=TracerWarning)
        warnings.filterwarnings("ignore", r"`torch\.jit\.", DeprecationWarning)
        warnings.filterwarnings("ignore", "You are using the legacy TorchScript-based ONNX export", DeprecationWarning)
        warnings.filterwarnings("ignore", "Exporting a model to ONNX with a batch_size other than 1", UserWarning)
        warnings.filterwarnings("ignore", "Constant folding", UserWarning)
        yield


_WAYS = {
    "onnx": (_to_onnx, _ask_onnx),
    "torchscript": (_to_script, _ask_script),
    "safetensors": (_to_tensors, _ask_tensors),
}
