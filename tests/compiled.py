"""Compile the kernels for sm_90, which needs no GPU, and tell what came out: one line of JSON a kernel and shape.

`test_gpu_kernels.py` runs this in a process of its own: here kernels are compiled, and there they are interpreted.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

os.environ.pop("TRITON_INTERPRET", None)
os.environ.setdefault("TRITON_DEFAULT_FP_FUSION", "1")

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

TYPES = {torch.float32: "fp32", torch.float16: "fp16", torch.bfloat16: "bf16", torch.int32: "i32", torch.int64: "i64"}
TOOLS = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"


def compiled(kernel, args, constants, warps, stages):
    """Return a kernel compiled for those arguments: registers, bytes spilled, and its tensor-core instructions."""
    names = kernel.arg_names
    signature, attrs = {}, {}
    for place, (name, value) in enumerate(zip(names, args, strict=False)):
        signature[name] = _type(value)
        for path, tensor in _tensors(value, (place,)):
            if tensor:
                attrs[path] = [["tt.divisibility", 16]]
    given = {}
    for name, value in constants.items():
        signature[name] = "constexpr"
        given[(names.index(name),)] = value
    for place, value in enumerate(args):
        if value == () and isinstance(value, tuple):
            signature[names[place]] = ()
    source = ASTSource(kernel, signature=signature, constexprs=given, attrs=attrs)
    made = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": warps, "num_stages": stages})
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(made.asm["cubin"])
        file.flush()
        dump = subprocess.run(
            [TOOLS / "cuobjdump", "-res-usage", file.name], capture_output=True, text=True, check=True
        )
    usage = dict(re.findall(r"(REG|STACK|LOCAL|SHARED):(\d+)", dump.stdout + dump.stderr))
    ptx = made.asm["ptx"]
    return {
        "registers": int(usage["REG"]),
        "stack": int(usage["STACK"]) + int(usage["LOCAL"]),
        "shared": made.metadata.shared,
        "wgmma": len(re.findall(r"wgmma\.mma_async", ptx)),
        "mma": len(re.findall(r"\bmma\.sync", ptx)),
    }


def _type(value):
    if isinstance(value, torch.Tensor):
        return f"*{TYPES[value.dtype]}"
    if isinstance(value, tuple):
        return tuple(map(_type, value))
    return "i32"


def _tensors(value, path):
    if isinstance(value, tuple):
        for place, part in enumerate(value):
            yield from _tensors(part, (*path, place))
    else:
        yield path, isinstance(value, torch.Tensor) or value % 16 == 0


def mlps():
    """Yield the fused network for widths and types; with more outputs than are held at a time, and fewer."""
    from counterplay.agents.nn.kernels import mlp

    for hidden, outputs, ranged in ((64, 12, True), (128, 300, True), (128, 6, False), (256, 12, True)):
        for kind, precision in ((torch.bfloat16, "fp32"), (torch.float32, "tf32")):
            weights = [torch.zeros(shape, dtype=kind) for shape in pairwise((30, *[hidden] * 3, outputs))]
            biases = [torch.zeros(weight.shape[1], dtype=kind) for weight in weights]
            norms = [torch.zeros(hidden, dtype=kind)] * 3
            network = mlp.Network(weights, biases, norms, norms, residual=True)
            x, out = torch.zeros(1024, 30, dtype=kind), torch.zeros(1024, outputs)
            cut = mlp.tiles(hidden, 8 * x.element_size())
            args, constants = mlp.arguments(x, network, out if ranged else None, precision, out, cut)
            yield f"mlp {hidden} {TYPES[kind]} {outputs}", mlp.kernel, args, constants, cut.warps, 3


def mixers():
    """Yield QMIX's mixer both ways, with ten agents."""
    from counterplay.agents.nn.kernels import mixer

    agents, state, embed, hidden = 10, 200, 32, 64
    widths = (state, hidden, agents * embed), (state, embed), (state, hidden, embed), (state, embed, 1)
    pairs = [pair for each in widths for pair in pairwise(each)]
    parameters = tuple(torch.zeros(shape) for a, b in pairs for shape in ((1, a, b), (1, b)))
    values, states, out = torch.zeros(4096, agents), torch.zeros(4096, state), torch.zeros(4096)
    size = sum(parameter.numel() for parameter in parameters)
    sums, shape = torch.zeros(mixer.PROGRAMS, size), mixer.constants(values, states, parameters, "tf32")
    how = mixer.WARPS, mixer.STAGES
    yield "mixer forward", mixer.forward, (values, states, parameters, out, len(values)), shape, *how
    args = values, states, out, parameters, values, sums, len(values), size
    yield "mixer backward", mixer.backward, args, {**shape, "STARTS": mixer.starts(parameters)}, *how


def tables():
    """Yield regret matching and the showdown, of a hold'em river's size."""
    from counterplay.agents.nn.kernels import regrets, showdown

    table, first, factors = torch.zeros(256, 40, 1081), torch.zeros(18, dtype=torch.int32), torch.zeros(4)
    args = *[table] * 5, first, factors, table, 40, 17, 1081
    yield "regrets", regrets.kernel, args, regrets.constants(4), 4, 3
    plan, pays = torch.zeros(256, 16, 1081), torch.zeros(16, 3)
    line = [torch.zeros(1, dtype=torch.int32)] * 6
    args = plan, *line, pays, plan, 16, 1081, 1081
    yield "showdown", showdown.kernel, args, showdown.constants(1081, 1081), showdown.WARPS, 3


if __name__ == "__main__":
    wanted = sys.argv[1:]
    for kernels in (mlps, mixers, tables):
        for name, *kernel in kernels():
            if all(word in name for word in wanted):
                print(json.dumps({"name": name, **compiled(*kernel)}), flush=True)
