"""Small networks in kernels of ours beside PyTorch's, forwards and with backpropagation, on one core.

    python benchmarks/networks.py             # measure, write results/networks.json, renew the table
    python benchmarks/networks.py --table     # renew the table of docs/training.md from the results

Sizes are those of an update by QMIX, 32 episodes of 50 steps, two agents, hidden layers of 64; and of an epoch of one
by PQN, 16 minibatches of 128 moves, hidden layers of 256. Both sides take turns; figures are medians of rounds, in
microseconds of processor time, autograd's own work included.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import report

report.one_thread()

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from counterplay.agents.nn.adam import Adam  # noqa: E402
from counterplay.agents.nn.dense import MLP  # noqa: E402
from counterplay.agents.nn.gru import GRU  # noqa: E402
from counterplay.agents.nn.mixers import QMIX  # noqa: E402
from counterplay.agents.nn.norm_chain import Samples, fit, laid_out  # noqa: E402
from counterplay.agents.nn.norm_layers import Chain  # noqa: E402

ROUNDS, REPEATS = 15, 20
WIDE, MOVES, PART = 256, 2048, 128
ROWS, STEPS, HIDDEN, OBSERVATION, STATE, AGENTS = 1600, 50, 64, 12, 24, 2


class Mixer(nn.Module):
    """QMIX's network by PyTorch's modules."""

    def __init__(self, agents: int, state: int, embed: int = 32, hidden: int = 64) -> None:
        super().__init__()
        self.shape = agents, embed
        self.weight = nn.Sequential(nn.Linear(state, hidden), nn.ReLU(), nn.Linear(hidden, agents * embed))
        self.bias = nn.Linear(state, embed)
        self.weight_out = nn.Sequential(nn.Linear(state, hidden), nn.ReLU(), nn.Linear(hidden, embed))
        self.bias_out = nn.Sequential(nn.Linear(state, embed), nn.ReLU(), nn.Linear(embed, 1))

    def forward(self, values: Tensor, states: Tensor) -> Tensor:
        """Mix."""
        weight = self.weight(states).abs().unflatten(-1, self.shape)
        hidden = F.elu((values[..., None] * weight).sum(dim=-2) + self.bias(states))
        mixed: Tensor = (hidden * self.weight_out(states).abs()).sum(dim=-1) + self.bias_out(states)[..., 0]
        return mixed


Work = Callable[[], object]


def pairs() -> dict[str, tuple[Work, Work]]:
    """Return ours and PyTorch's work by name."""
    agents, states = torch.randn(ROWS * AGENTS, OBSERVATION), torch.randn(ROWS, STATE)
    values = torch.randn(ROWS, AGENTS, requires_grad=True)
    sequence = torch.randn(STEPS, ROWS * AGENTS // STEPS, HIDDEN)
    plain = nn.Sequential(nn.Linear(OBSERVATION, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU())
    plain.append(nn.Linear(HIDDEN, 6))
    modules: dict[str, tuple[nn.Module, nn.Module, tuple[Tensor, ...]]] = {
        "agents' network, 12-64-64-6": (MLP(OBSERVATION, HIDDEN, 6), plain, (agents,)),
        "recurrent layer, 64": (GRU(HIDDEN, HIDDEN), nn.GRU(HIDDEN, HIDDEN), (sequence,)),
        "QMIX's mixer": (QMIX(AGENTS, STATE), Mixer(AGENTS, STATE), (values, states)),
    }

    def forwards(module: nn.Module, given: tuple[Tensor, ...]) -> Work:
        def work() -> None:
            with torch.no_grad():
                module(*given)

        return work

    def both_ways(module: nn.Module, given: tuple[Tensor, ...]) -> Work:
        def work() -> None:
            module.zero_grad()
            out = module(*given)
            (out[0] if isinstance(out, tuple) else out).sum().backward()

        return work

    found: dict[str, tuple[Work, Work]] = {}
    for name, (ours, theirs, given) in modules.items():
        found[f"{name}: forwards"] = forwards(ours, given), forwards(theirs, given)
        found[f"{name}: both ways"] = both_ways(ours, given), both_ways(theirs, given)
    found["clipping and Adam, 11,000 parameters"] = steps()
    found["layers with LayerNorm, 4-256-256-2: PQN's update by 2,048 moves, 16 minibatches"] = updates()
    return found


def steps() -> tuple[Work, Work]:
    """Return one step of ours and of PyTorch's optimiser, for the mixer's parameters."""
    ours, theirs = Mixer(AGENTS, STATE), Mixer(AGENTS, STATE)
    for module in (ours, theirs):
        for parameter in module.parameters():
            parameter.grad = torch.randn_like(parameter)
    mine, peer = Adam([([ours], 1e-3)]), torch.optim.Adam(theirs.parameters(), 1e-3, fused=True)

    def step() -> None:
        nn.utils.clip_grad_norm_(theirs.parameters(), 10.0)
        peer.step()

    return lambda: mine.step(10.0), step


def updates() -> tuple[Work, Work]:
    """Return one epoch of an update by PQN, of ours and of PyTorch's."""
    chain, peer = ([nn.Linear(4, WIDE), nn.LayerNorm(WIDE), nn.Linear(WIDE, WIDE), nn.LayerNorm(WIDE)] for _ in "12")
    ours, theirs = nn.ModuleList([*chain, nn.Linear(WIDE, 2)]), nn.ModuleList([*peer, nn.Linear(WIDE, 2)])
    mine, optimiser = Adam([([ours], 1e-4)]), torch.optim.Adam(theirs.parameters(), 1e-4, fused=True)
    layers = [(ours[0], ours[1]), (ours[2], ours[3])]
    laid = laid_out(Chain(layers, ours[4]), mine.vectors()[0])
    obs, action, target = torch.randn(MOVES, 4), torch.randint(2, (MOVES,)), torch.randn(MOVES)
    samples, order = Samples(obs.numpy(), action.numpy(), target.numpy()), torch.randperm(MOVES)
    ends = torch.arange(PART, MOVES + 1, PART).numpy()

    def update() -> None:
        for rows in order.split(PART):
            x = obs[rows]
            for linear, norm in ((theirs[0], theirs[1]), (theirs[2], theirs[3])):
                x = F.relu(norm(linear(x)))
            value = theirs[4](x).gather(1, action[rows][:, None])[:, 0]
            optimiser.zero_grad()
            F.mse_loss(value, target[rows]).backward()
            nn.utils.clip_grad_norm_(theirs.parameters(), 10.0)
            optimiser.step()

    return lambda: fit(laid, mine, samples, order.numpy(), ends, 10.0), update


def measure() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows = {}
    for name, both in pairs().items():
        times: tuple[list[float], list[float]] = [], []
        for each in range(ROUNDS + 1):
            for work, seconds in zip(both, times, strict=True):
                began = time.process_time()
                for _ in range(REPEATS):
                    work()
                if each:  # the first round compiles and warms up
                    seconds.append((time.process_time() - began) / REPEATS)
        rows[name] = [median(seconds) for seconds in times]
        print(name, [round(1e6 * seconds) for seconds in rows[name]], flush=True)
    report.save("networks", {"machine": report.machine(("torch",)), "rows": rows})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", action="store_true")
    if not parser.parse_args().table:
        measure()
    rows = [
        [name, f"{1e6 * ours:,.0f}", f"{1e6 * theirs:,.0f}", f"**{theirs / ours:.1f}×**"]
        for name, (ours, theirs) in report.load("networks")["rows"].items()
    ]
    table = report.table(["", "Counterplay, µs", "PyTorch, µs", "faster"], rows)
    report.put("docs/training.md", "networks", table)


if __name__ == "__main__":
    main()
