"""Where magnetic PPO stops in Leduc poker: exact parts in place of learned ones, one after another.

    python benchmarks/magnet.py        # print a line for each row: about four minutes of one core

Mirror descent with a uniform magnet whose weight falls, on the tree. What is exact is worked out by sweeps; networks
are asked once for each decision, and games are sampled by a kernel. docs/game_learning.md tells what was found.
"""

import time
from copy import deepcopy
from typing import Any, NamedTuple

import report

report.one_thread()

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from numba import njit  # noqa: E402
from torch import nn  # noqa: E402

from counterplay.engine.form import sequence_form  # noqa: E402
from counterplay.games.envs import make_env  # noqa: E402
from counterplay.games.envs.encoding import behaviour_strategy, encode, observations  # noqa: E402
from counterplay.solvers import value  # noqa: E402

torch.set_num_threads(1)
TREE: Any = make_env("leduc").tree
SEEN, CODE, FORM = observations(TREE), encode(TREE), sequence_form(TREE)
ORDER = np.argsort(SEEN.infoset * 3 + SEEN.hand)  # decision infoset * 3 + hand
OBS, LEGAL, OWNER = torch.tensor(SEEN.obs[ORDER]), SEEN.legal[ORDER], SEEN.player[ORDER]
ACTIONS = LEGAL.shape[1]


class Row(NamedTuple):
    """One trial."""

    name: str
    network: bool  # the policy is a network, not a table
    held: int  # updates near the last policy; 0: one step of gradient
    advantage: str  # exact, cards (exact where games went), all (of both hands), traced
    updates: int
    start: float = 1.0  # the magnet's weight in chips, and what it falls to
    end: float = 0.15
    step: tuple[float, float] = (0.05, 0.02)  # of mirror descent, first and last
    rate: tuple[float, float] = (2e-3, 5e-4)  # of Adam
    games: int = 1024
    trace: float = 0.9
    critic: bool = False  # learned, not exact, with as many updates as the policy
    average: float = 0.0  # how far an average of the network's parameters moves to them; 0: none is taken


ROWS = (
    Row("table, closed form", False, 0, "exact", 3000, end=0.1, step=(0.05, 0.02)),
    Row("network, one step of gradient", True, 0, "exact", 6000, end=0.1),
    Row("network, held", True, 10, "exact", 1200, end=0.15, step=(0.05, 0.05)),
    Row("network, held, cards sampled", True, 5, "cards", 2000),
    Row("network, held, cards sampled, critic of both hands", True, 5, "all", 2000),
    Row("network, held, games sampled", True, 5, "traced", 2000),
    Row("the same, critic learned", True, 3, "traced", 5600, 0.7, 0.2, (0.02, 0.0065), (1e-3, 3.2e-4), 2048, 1, True),
    Row(
        "the same, ten updates, averaged",
        True,
        10,
        "traced",
        4000,
        0.7,
        0.12,
        (0.02, 0.004),
        (1e-3, 2e-4),
        2048,
        1,
        True,
        0.002,
    ),
)


def _children() -> tuple[Any, Any]:
    child, pay = np.full((len(TREE.player), ACTIONS), -1), np.zeros((len(TREE.player), 3, 3))
    for node in range(1, len(TREE.player)):
        up = TREE.parent[node]
        row = TREE.first[TREE.infoset[up]] + TREE.slot[node]
        child[up, CODE.number[row] if TREE.player[up] >= 0 else TREE.slot[node]] = node
    for node in np.flatnonzero(TREE.player == -2).tolist():
        leaf = TREE.infoset[node]
        pay[node] = TREE.payoffs[TREE.outcome[leaf], 0] * TREE.stake[leaf]
    return child, pay


CHILD, PAY = _children()
PLAYER, INFOSET, WEIGHT = (part.astype(np.int64) for part in (TREE.player, TREE.infoset, TREE.weight))
CHANCE = TREE.weights
STATES = np.argwhere((PLAYER >= 0)[:, None, None] & (CHANCE[WEIGHT] > 0))  # [S, 3] node and both hands
NUMBER = np.zeros((len(PLAYER), 3, 3), np.int64)
NUMBER[tuple(STATES.T)] = np.arange(len(STATES))
_BOTH = [SEEN.obs[ORDER][INFOSET[n] * 3 + (x, y)[PLAYER[n]]] for n, x, y in STATES]
STATE = torch.tensor(
    np.hstack([_BOTH, np.eye(3, dtype=np.float32)[STATES[:, 1]], np.eye(3, dtype=np.float32)[STATES[:, 2]]])
)


@njit
def exact(sig, player, infoset, child, pay, W, wt):  # type: ignore[no-untyped-def]
    """Return values of actions and chances at decisions, own and others', and values of histories and actions there."""
    N, A = len(player), 5
    V = pay.copy()
    Q = np.zeros((N, A, 3, 3))
    R = np.ones((N, 2, 3))
    for n in range(N):
        for a in range(A):
            c = child[n, a]
            if c >= 0:
                R[c] = R[n]
                if player[n] >= 0:
                    for h in range(3):
                        R[c, player[n], h] *= sig[infoset[n] * 3 + h, a]
    for n in range(N - 1, -1, -1):
        if player[n] == -2:
            continue
        V[n] = 0.0
        for a in range(A):
            c = child[n, a]
            if c < 0:
                continue
            for x in range(3):
                for y in range(3):
                    q = V[c, x, y]
                    Q[n, a, x, y] = q
                    if player[n] >= 0:
                        p = sig[infoset[n] * 3 + (x if player[n] == 0 else y), a]
                    else:
                        p = W[wt[c], x, y] / W[wt[n], x, y] if W[wt[n], x, y] > 0 else 0.0
                    V[n, x, y] += p * q
    sets = 0
    for n in range(N):
        if player[n] >= 0:
            sets = max(sets, infoset[n] + 1)
    q = np.zeros((sets * 3, A))
    own = np.zeros(sets * 3)
    opp = np.zeros(sets * 3)
    for n in range(N):
        p = player[n]
        if p < 0:
            continue
        for h in range(3):
            k = infoset[n] * 3 + h
            own[k] = R[n, p, h]
            z = 0.0
            for g in range(3):
                x = h if p == 0 else g
                y = g if p == 0 else h
                m = W[wt[n], x, y] * R[n, 1 - p, g]
                z += m
                for a in range(A):
                    q[k, a] += m * Q[n, a, x, y] * (1 if p == 0 else -1)
            opp[k] = z
            if z > 0:
                for a in range(A):
                    q[k, a] /= z
    return q, own, opp, V, Q


@njit
def play(sig, player, infoset, child, pay, W, wt, games, seed):  # type: ignore[no-untyped-def]
    """Return moves, [M, 7]: game, node, both hands, decision, action, player; and what games pay player 0."""
    np.random.seed(seed)  # noqa: NPY002 - in a kernel
    out = np.zeros((games * 9, 7), np.int64)
    rew = np.zeros(games)
    m = 0
    for g in range(games):
        # deal
        u = np.random.random()  # noqa: NPY002 - in a kernel
        x = 0
        y = 0
        for c in range(9):
            u -= W[0, c // 3, c % 3]
            x = c // 3
            y = c % 3
            if u < 0:
                break
        n = 0
        while player[n] != -2:
            u = np.random.random()  # noqa: NPY002 - in a kernel
            a = -1
            c = -1
            if player[n] >= 0:
                k = infoset[n] * 3 + (x if player[n] == 0 else y)
                for b in range(5):
                    if child[n, b] >= 0:
                        u -= sig[k, b]
                        a = b
                        if u < 0:
                            break
                out[m, 0] = g
                out[m, 1] = n
                out[m, 2] = x
                out[m, 3] = y
                out[m, 4] = k
                out[m, 5] = a
                out[m, 6] = player[n]
                m += 1
            else:
                for b in range(3):
                    if child[n, b] >= 0 and W[wt[n], x, y] > 0 and W[wt[child[n, b]], x, y] > 0:
                        u -= W[wt[child[n, b]], x, y] / W[wt[n], x, y]
                        a = b
                        if u < 0:
                            break
            n = child[n, a]
        rew[g] = pay[n, x, y]
    return out[:m], rew


GAME = (PLAYER, INFOSET, CHILD, PAY, CHANCE, WEIGHT)


def softmax(logits: Any) -> Any:
    """Return policies, 0 where an action is not legal."""
    shares = np.exp(np.where(LEGAL, logits - np.where(LEGAL, logits, -np.inf).max(1, keepdims=True), -np.inf))
    return shares / shares.sum(1, keepdims=True)


def exploitability(sigma: Any) -> float:
    """Return that of a policy over decisions."""
    back = np.empty_like(sigma)
    back[ORDER] = sigma
    return value.judge_table(FORM, behaviour_strategy(TREE, back)).exploitability


def mlp(inputs: int, outputs: int) -> nn.Sequential:
    """Return two hidden layers of 64; a small last one for policies."""
    net = nn.Sequential(nn.Linear(inputs, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, outputs))
    for part in net:
        if isinstance(part, nn.Linear):
            nn.init.orthogonal_(part.weight, 2**0.5 if outputs == 1 or part.out_features == 64 else 0.01)
            nn.init.zeros_(part.bias)
    return net


def advantages(row: Row, sigma: Any, critic: Any, rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """Return weights of decisions, [D], advantages, [D, A], and what the critic should learn: counts and targets."""
    q, own, others, _, history = exact(sigma, *GAME)
    gained = q - (sigma * q).sum(1, keepdims=True)
    if row.advantage == "exact":
        return own * others / (own * others).sum(), gained, None
    moves, paid = play(sigma, *GAME, row.games, int(rng.integers(1 << 31)))
    game, node, x, y, at, action, player = moves.T
    count = len(moves)
    weight = np.bincount(at, minlength=len(sigma)) / count
    if row.advantage == "cards":
        return weight, gained, None
    sign, own_q, total = np.where(player == 0, 1, -1), history[node, :, x, y], np.zeros_like(sigma)
    worth = (sigma[at] * own_q).sum(1)
    if row.critic:
        with torch.no_grad():
            worth = 7 * critic(STATE)[:, 0].double().numpy()[NUMBER[node, x, y]]
    if row.advantage == "all":
        np.add.at(total, at, (own_q - worth[:, None]) * sign[:, None] * LEGAL[at])
        return weight, total / np.maximum(count * weight, 1)[:, None], None
    last = np.append(game[1:] != game[:-1], True)
    traced = np.where(last, paid[game], np.roll(worth, -1)) - worth
    for move in range(count - 2, -1, -1):
        if not last[move]:
            traced[move] += row.trace * traced[move + 1]
    np.add.at(total, (at, action), traced * sign)
    found = total / np.maximum(sigma, 1e-9) / np.maximum(count * weight, 1)[:, None]
    found = np.where(LEGAL & (weight > 0)[:, None], found - (sigma * found).sum(1, keepdims=True), 0)
    state = NUMBER[node, x, y]
    met = np.bincount(state, minlength=len(STATE))
    return weight, found, (met, np.bincount(state, traced + worth, len(STATE)) / np.maximum(met, 1) / 7)


def trial(row: Row, seed: int) -> tuple[float, float | None]:
    """Return the exploitability of the last policy, and of the average if one is taken."""
    torch.manual_seed(seed)
    rng, legal = np.random.default_rng(seed), torch.tensor(LEGAL)
    net, critic, logits = mlp(OBS.shape[1], ACTIONS), mlp(STATE.shape[1], 1), np.zeros(LEGAL.shape)
    average = deepcopy(net)
    adam, learns = (torch.optim.Adam(part.parameters(), lr=2e-3) for part in (net, critic))
    for update in range(row.updates):
        done = update / row.updates
        magnet, eta, rate = (a * (b / a) ** done for a, b in ((row.start, row.end), row.step, row.rate))
        if row.network:
            with torch.no_grad():
                logits = net(OBS).double().numpy()
        sigma = softmax(logits)
        weight, gained, lesson = advantages(row, sigma, critic, rng)
        log = np.where(LEGAL, np.log(np.maximum(sigma, 1e-12)), 0)
        if not row.network:
            logits = (log + eta * gained) / (1 + eta * magnet)
            continue
        adam.param_groups[0]["lr"] = rate
        pull = gained - magnet * log if not row.held else (log + eta * gained) / (1 + eta * magnet)
        goal, counts = torch.tensor(pull, dtype=torch.float32), torch.tensor(weight, dtype=torch.float32)[:, None]
        for _ in range(max(1, row.held)):
            now = F.log_softmax(net(OBS).masked_fill(~legal, -1e9), 1)
            near = torch.where(legal, now - goal if row.held else -goal, 0.0)
            loss = (counts * now.exp() * near).sum() / (eta if row.held else 1)
            adam.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            adam.step()
        if row.critic:
            met, target = (torch.tensor(part, dtype=torch.float32) for part in lesson)
            learns.param_groups[0]["lr"] = 2 * rate
            for _ in range(row.held):
                loss = (met * (critic(STATE)[:, 0] - target).square()).sum() / met.sum()
                learns.zero_grad()
                loss.backward()
                learns.step()
        with torch.no_grad():
            for mean, now in zip(average.parameters(), net.parameters(), strict=True):
                mean.lerp_(now, max(row.average, 1 / (update + 1)))
    if not row.network:
        return exploitability(softmax(logits)), None
    last, mean = (exploitability(softmax(part(OBS).detach().double().numpy())) for part in (net, average))
    return last, mean if row.average else None


def main() -> None:
    for row in ROWS:
        began = time.process_time()
        last, mean = trial(row, 0)
        averaged = "" if mean is None else f" average {mean:.3f}"
        print(f"{row.name:52s} {row.end:5.2f} {last:.3f}{averaged} {time.process_time() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
