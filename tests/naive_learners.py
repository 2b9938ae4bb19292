"""Slow, plain oracles for the learners: one number after the other, in double precision, from the definitions.

They share with the learners only the parameters, read out of the modules by name; no module of a learner is called.
"""

import math

import numpy as np
import torch
from naive_lives import life, with_lives

from counterplay.agents.rollout import Episodes
from counterplay.api.testing.returns_plain import lambda_returns, n_step, own_returns
from counterplay.engine.env import EnvSpec

torch.set_num_threads(1)  # networks are small


def random_episodes(rng: np.random.Generator, spec: EnvSpec, batch: int) -> Episodes:
    """Return episodes of random lengths, numbers and legal actions, about half of them truncated."""
    steps, agents = spec.limit, spec.agents
    lengths = rng.integers(1, steps + 1, batch)
    filled = np.arange(steps) < lengths[:, None]
    legal = rng.random((batch, steps + 1, agents, spec.actions)) < 0.6
    legal[..., 0] |= ~legal.any(axis=-1)
    action = (rng.random(legal.shape) * legal)[:, :-1].argmax(axis=-1)
    reward = rng.normal(size=(batch, steps) if spec.team else (batch, steps, agents))
    terminated = (np.arange(steps) == lengths[:, None] - 1) & (rng.random(batch) < 0.5)[:, None]
    shown = np.arange(steps + 1) <= lengths[:, None]
    longest = int(lengths.max())
    found = Episodes(
        (rng.normal(size=(batch, steps + 1, agents, spec.observation)) * shown[:, :, None, None])[
            :, : longest + 1
        ].astype(np.float32),
        (rng.normal(size=(batch, steps + 1, spec.state)) * shown[:, :, None])[:, : longest + 1].astype(np.float32),
        (legal & shown[:, :, None, None])[:, : longest + 1],
        (action * filled[:, :, None])[:, :longest],
        np.where(filled if spec.team else filled[..., None], reward, 0)[:, :longest].astype(np.float32),
        terminated[:, :longest],
        filled[:, :longest],
    )
    return with_lives(rng, found) if spec.lives else found


# Networks, from their parameters.


def parameters(module):
    return {name: tensor.detach().double().numpy() for name, tensor in module.state_dict().items()}


def relu(x):
    return np.maximum(x, 0.0)


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def linear(p, name, x, copy=0):
    """Return a layer of x: weights [C, I, K] of `Dense`, with `copy` going round, or [K, I] as PyTorch has them."""
    weight, bias = p[f"{name}.weight"], p.get(f"{name}.bias")
    if weight.ndim == 3:
        return x @ weight[copy % len(weight)] + bias[copy % len(bias)]
    return weight @ x + (0.0 if bias is None else bias)


def gru(p, name, x, memory, copy):
    """Return a gated recurrent unit's next memory (Cho et al. 2014, in the form that `nn.GRU` documents)."""
    copy %= len(p[f"{name}.bias_in"])
    inward = x @ p[f"{name}.weight_in"][copy] + p[f"{name}.bias_in"][copy]
    back = memory @ p[f"{name}.weight_hidden"][copy] + p[f"{name}.bias_hidden"][copy]
    (r, z, n), (rr, zz, nn) = np.split(inward, 3), np.split(back, 3)
    update, new = sigmoid(z + zz), np.tanh(n + sigmoid(r + rr) * nn)
    return (1 - update) * new + update * memory


def agents_of(network, obs, last):
    """Return what agents see in one episode, [T][N] hidden layers and [T][N] action values, step by step."""
    p = parameters(network)
    shared = len(p["first.weight"]) == 1
    memory = [np.zeros(network.hidden) for _ in range(network.agents)]
    hidden, values = [], []
    for t in range(len(obs)):
        hidden.append([])
        values.append([])
        for n in range(network.agents):
            x = linear(p, "first", obs[t][n], n)
            if "ids" in p:
                x = x + p["ids"][n]
            if "last.weight" in p:
                rows = len(p["last.weight"]) // (1 if shared else network.agents)
                x = x + p["last.weight"][(0 if shared else n * rows) + last[t][n] + 1]
            x = relu(x)
            if "second.weight" in p:
                x = relu(linear(p, "second", x, n))
            else:
                x = memory[n] = gru(p, "memory", x, memory[n], n)
            q = linear(p, "out", x, n)
            if "value.weight" in p:
                q = q - q.mean() + linear(p, "value", x, n)
            hidden[-1].append(x)
            values[-1].append(q)
    return hidden, values


def qmix(mixer, values, state):
    """Return QMIX's value of one state (Rashid et al. 2018, figure 2)."""
    p = parameters(mixer)

    def two(name):
        return linear(p, f"{name}.1", relu(linear(p, f"{name}.0", state)))

    weight, out = np.abs(two("weight")).reshape(len(values), -1), np.abs(two("weight_out"))
    bias = linear(p, "bias.0", state)
    total = two("bias_out")[0]
    for k in range(len(bias)):
        x = sum(values[n] * weight[n, k] for n in range(len(values))) + bias[k]
        total += out[k] * (x if x > 0 else math.exp(x) - 1)
    return total


def mixed(name, mixer, values, state):
    return sum(values) if name == "vdn" else qmix(mixer, values, state)


def joint_value(network, state, action, hidden, here=None):
    """Return QTRAN's Q_jt of one joint action; of the counterfactual network, a list of each agent's [A] values.

    Nothing is seen of agents that are not `here`, [N].
    """
    p = parameters(network)
    agents, with_features = len(action), "feature.weight" in p
    actions = len(p["action.weight"]) // (1 if with_features else agents)

    def each(n):
        if with_features:
            return relu(p["action.weight"][action[n]] + linear(p, "feature", hidden[n]))
        return p["action.weight"][n * actions + action[n]]

    def out(seen):
        return linear(p, "rest.out", relu(linear(p, "rest.layers.0", relu(seen))))

    def joined(those):
        those = [n for n in those if here is None or here[n]]
        total = sum((each(n) for n in those), np.zeros(p["state.bias"].shape[-1]))
        return linear(p, "join", total) if with_features else total

    at = linear(p, "state", state)
    if "ids" not in p:
        return out(at + joined(range(agents)))[0]
    found = []
    for i in range(agents):
        own = p["ids"][i] + (linear(p, "own", hidden[i]) if with_features else 0.0)
        found.append(out(at + own + joined([n for n in range(agents) if n != i])))
    return found


def state_value(network, state, hidden):
    """Return QTRAN's V_jt of one state."""
    p = parameters(network)
    seen = linear(p, "state", state)
    if "feature.weight" in p:
        width = p["state.bias"].shape[-1]
        seen = seen + linear(p, "join", sum((relu(linear(p, "feature", h)) for h in hidden), np.zeros(width)))
    return linear(p, "rest.out", relu(linear(p, "rest.layers.0", relu(seen))))[0]


# Losses of learners from replay.


def best_legal(values, legal):
    return max((a for a in range(len(values)) if legal[a]), key=lambda a: (values[a], -a))


def looked_ahead(settings, reward, after, terminated, lives=None):
    if lives is not None:

        def ahead(*facts):
            return looked_ahead(settings, *facts)

        return own_returns((ahead, settings.gamma), reward, after, terminated, *lives)
    if settings.td_lambda > 0:
        return lambda_returns(reward, after, terminated, settings.gamma, settings.td_lambda)
    return n_step(reward, after, terminated, settings.gamma, settings.n_step)


def episodes_of(batch):
    """Yield each episode: its number, length, and what was seen, without padding."""
    for b in range(len(batch.filled)):
        length = int(batch.filled[b].sum())
        last = None if batch.last is None else batch.last[b, : length + 1].tolist()
        yield (
            b,
            length,
            batch.obs[b, : length + 1].double().numpy(),
            last,
            batch.state[b, : length + 1].double().numpy(),
            batch.legal[b, : length + 1].numpy(),
            batch.action[b, :length].tolist(),
            batch.reward[b, :length].double().numpy(),
            bool(batch.terminated[b, length - 1]),
        )


def q_loss(learner, batch):
    """Return the loss and the TD errors [B][T], or [B][T][N], of Q-learning with or without a mixer."""
    settings, spec = learner.settings, learner.spec
    total, count, errors = 0.0, 0, []
    for b, length, obs, last, states, legal, action, reward, terminated in episodes_of(batch):
        _, values = agents_of(learner.networks["agents"], obs, last)
        _, target = agents_of(learner.targets["agents"], obs, last)
        agents, (alive, ended) = range(spec.agents), life(batch, b)
        now = [[values[t][n][action[t][n]] for n in agents] for t in range(length)]
        judge = values if settings.double else target
        after = [[target[t][n][best_legal(judge[t][n], legal[t][n])] for n in agents] for t in range(1, length + 1)]
        if settings.mixer == "none":
            paid = [reward if spec.team else reward[:, n] for n in agents]
            goals = [
                looked_ahead(settings, paid[n], [row[n] for row in after], terminated, (alive[:, n], ended[:, n]))
                for n in agents
            ]
            error = [[now[t][n] - goals[n][t] if alive[t][n] else 0.0 for n in agents] for t in range(length)]
            parts = [error[t][n] for t in range(length) for n in agents if alive[t][n]]
        else:
            name, mixer, slow = settings.mixer, learner.networks["mixer"], learner.targets["mixer"]
            now = [[now[t][n] * alive[t][n] for n in agents] for t in range(length)]
            after = [[after[t][n] * alive[t + 1][n] for n in agents] for t in range(length)]
            value = [mixed(name, slow, after[t], states[t + 1]) for t in range(length)]
            goal = looked_ahead(settings, reward, value, terminated)
            error = parts = [mixed(name, mixer, now[t], states[t]) - goal[t] for t in range(length)]
        weight = float(batch.weight[b])
        total += sum(weight * (settings.pessimism if e > 0 else 1.0) * e * e for e in parts)
        count += len(parts)
        errors.append(error)
    return total / count, errors


def qtran_parts(learner, batch):
    """Return L_td, L_opt and L_nopt (or L_nopt-min) of QTRAN (Son et al. 2019)."""
    settings, spec = learner.settings, learner.spec
    networks, targets = learner.networks, learner.targets
    alt = settings.counterfactual
    td = opt = nopt = 0.0
    count = 0
    for b, length, obs, last, states, legal, action, reward, terminated in episodes_of(batch):
        hidden, values = agents_of(networks["agents"], obs, last)
        slow_hidden, slow = agents_of(targets["agents"], obs, last)
        agents, weight, (alive, _) = range(spec.agents), float(batch.weight[b]), life(batch, b)
        judge = values if settings.double else slow
        after = []
        for t in range(1, length + 1):
            greedy = [best_legal(judge[t][n], legal[t][n]) for n in agents]
            found = joint_value(targets["joint"], states[t], greedy, slow_hidden[t], alive[t])
            here = [n for n in agents if alive[t][n]]
            after.append(sum(found[n][greedy[n]] for n in here) / max(len(here), 1) if alt else found)
        goal = looked_ahead(settings, reward, after, terminated)
        for t in range(length):
            greedy = [best_legal(values[t][n], legal[t][n]) for n in agents]
            here = [n for n in agents if alive[t][n]]
            v = state_value(networks["state"], states[t], [hidden[t][n] for n in here])
            played = joint_value(networks["joint"], states[t], action[t], hidden[t], alive[t])
            at_best = joint_value(networks["joint"], states[t], greedy, hidden[t], alive[t])
            most = sum(values[t][n][greedy[n]] for n in here)

            if alt:
                for i in here:
                    td += weight * (played[i][action[t][i]] - goal[t]) ** 2
                    opt += weight * (most - at_best[i][greedy[i]] + v) ** 2
                    gaps = []
                    for a in range(spec.actions):
                        if legal[t][i][a]:
                            instead = sum(values[t][n][a if n == i else action[t][n]] for n in here)
                            gaps.append(instead - played[i][a] + v)
                    nopt += weight * min(gaps) ** 2
                    count += 1
            else:
                td += weight * (played - goal[t]) ** 2
                opt += weight * (most - at_best + v) ** 2
                gap = sum(values[t][n][action[t][n]] for n in here) - played + v
                nopt += weight * min(gap, 0.0) ** 2
                count += 1
    return td / count, opt / count, nopt / count
