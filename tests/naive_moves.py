"""Slow, plain oracles for replay of moves and for learners from it, one number after the other, in double precision.

Of the learners they share the parameters alone, and the random numbers, which are drawn again in the same order.
"""

import math

import naive_learners as naive
import numpy as np


def moves_of(episodes, gamma, ahead):
    """Return every move: its episode, its step, its reward, its discount, and the row that shows what followed."""
    found = []
    for b in range(len(episodes.filled)):
        length = int(episodes.filled[b].sum())
        for t in range(length):
            end = min(t + ahead, length)
            reward = sum(gamma ** (u - t) * episodes.reward[b, u].astype(float) for u in range(t, end))
            over = bool(episodes.terminated[b, end - 1])
            found.append((b, t, reward, 0.0 if over else gamma ** (end - t), end))
    return found


def leaf(shares, goal):
    """Return the first leaf at which the sum from the first one on exceeds a number."""
    total = 0.0
    for place, share in enumerate(shares):
        total += share
        if total > goal:
            return place
    return max(place for place, share in enumerate(shares) if share > 0)


def rows_of(seen):
    """Yield each move of a batch as plain arrays, by name."""
    for r in range(len(seen.obs)):
        yield {
            name: None if part is None else part[r].double().numpy() if part.is_floating_point() else part[r].numpy()
            for name, part in seen._asdict().items()
        }


def says(network, rows):
    """Return what agents' networks say of what each sees, [N][K]."""
    return naive.agents_of(network, [rows], None)[1][0]


# Values of actions.


def action_values(network, obs):
    """Return logits [N][A][Z] of `ValueNetwork`, or values where Z is 1."""
    p = naive.parameters(network)
    for name in ("first", "second", "out", "value"):
        if f"{name}.mean_weight" in p:
            spread = p[f"{name}.noise_in"][:, :, None] * p[f"{name}.noise_out"][:, None]
            p[f"{name}.weight"] = p[f"{name}.mean_weight"] + p[f"{name}.spread_weight"] * spread
            p[f"{name}.bias"] = p[f"{name}.mean_bias"] + p[f"{name}.spread_bias"] * p[f"{name}.noise_out"]
    found = []
    for n in range(len(obs)):
        x = naive.linear(p, "first", obs[n], n) + (p["ids"][n] if "ids" in p else 0.0)
        x = naive.relu(naive.linear(p, "second", naive.relu(x), n))
        each = naive.linear(p, "out", x, n).reshape(network.actions, -1)
        if "value.weight" in p:
            each = naive.linear(p, "value", x, n) + each - each.mean(axis=0)
        found.append(each)
    return found


def softmax(logits):
    shares = np.exp(logits - logits.max())
    return shares / shares.sum()


def projected(share, values, support):
    """Return a distribution over atoms of one over other values (Bellemare et al. 2017, algorithm 1)."""
    found, step = np.zeros(len(support)), support[1] - support[0]
    for p, value in zip(share, values, strict=True):
        b = (min(max(value, support[0]), support[-1]) - support[0]) / step
        b = min(b, len(support) - 1.0)  # rounding
        low, high = math.floor(b), math.ceil(b)
        if low == high:
            found[low] += p
        else:
            found[low] += p * (high - b)
            found[high] += p * (b - low)
    return found


def dqn_loss(learner, seen):
    """Return the loss and the errors, [R][N], of DQN and what was added to it."""
    settings, agents, total, errors = learner.settings, range(learner.spec.agents), 0.0, []
    support = np.linspace(settings.value_low, settings.value_high, settings.atoms) if settings.atoms else None

    def value(logits):
        return logits[0] if support is None else softmax(logits) @ support

    for row in rows_of(seen):
        said = action_values(learner.networks["agents"], row["obs"])
        after = action_values(learner.targets["agents"], row["next_obs"])
        judge = action_values(learner.networks["agents"], row["next_obs"]) if settings.double else after
        errors.append([])
        for n in agents:
            chosen = said[n][row["action"][n]]
            best = naive.best_legal([value(logits) for logits in judge[n]], row["next_legal"][n])
            reward, discount = row["reward"][n % len(row["reward"])], row["discount"][0]
            if support is None:
                error = chosen[0] - (reward + discount * after[n][best][0])
                part = error**2
            else:
                goal = projected(softmax(after[n][best]), reward + discount * support, support)
                error = part = -(goal * np.log(softmax(chosen))).sum()
            total += row["weight"][0] * part
            errors[-1].append(error)
    return total / np.size(errors), errors


# Critics of actions.


def one_hot(action, actions):
    return np.eye(actions)[action]


def worth(network, central, seen, own, others):
    """Return what a critic says of each agent's own action, [N]; a central one is told the others' too."""
    obs, state = seen
    rows = []
    for n in range(len(obs)):
        if central:
            joint = [own[i] if i == n else others[i] for i in range(len(obs))]
            rows.append(np.concatenate([state, *joint]))
        else:
            rows.append(np.concatenate([obs[n], own[n]]))
    return np.array([said[0] for said in says(network, rows)])


def critics_of(learner, modules):
    return [modules[f"critic{k}"] for k in range(learner.settings.critics)]


def reward_of(row, n):
    return row["reward"][n % len(row["reward"])]


def ddpg_loss(learner, seen, rng, acting):
    """Return the loss of DDPG, TD3 and their central kinds, with the actors' part or without."""
    s, spec = learner.settings, learner.spec
    agents, rows = range(spec.agents), list(rows_of(seen))
    shape = (len(rows), spec.agents, spec.actions)
    if not spec.continuous:
        drawn = rng.gumbel(size=shape)
    elif s.target_noise > 0:
        drawn = np.clip(s.target_noise * rng.standard_normal(shape, np.float32), -s.target_clip, s.target_clip)
    else:
        drawn = np.zeros(shape)
    mine = rng.gumbel(size=shape) if acting and not spec.continuous else None
    total = policy = penalty = 0.0
    for r, row in enumerate(rows):
        said = says(learner.targets["agents"], row["next_obs"])
        if spec.continuous:
            action = [np.clip(np.tanh(said[n]) + drawn[r, n], -1, 1) for n in agents]
            acted = row["action"]
        else:
            legal = row["next_legal"]
            action = [one_hot(naive.best_legal(said[n] + drawn[r, n], legal[n]), spec.actions) for n in agents]
            acted = [one_hot(row["action"][n], spec.actions) for n in agents]
        there, here = (row["next_obs"], row["next_state"]), (row["obs"], row["state"])
        after = np.min([worth(c, s.central, there, action, action) for c in critics_of(learner, learner.targets)], 0)
        for critic in critics_of(learner, learner.networks):
            now = worth(critic, s.central, here, acted, acted)
            for n in agents:
                goal = reward_of(row, n) + row["discount"][0] * after[n]
                total += row["weight"][0] * (now[n] - goal) ** 2
        if acting:
            said = says(learner.networks["agents"], row["obs"])
            if spec.continuous:
                own = [np.tanh(said[n]) for n in agents]
            else:
                picks = [naive.best_legal(said[n] + mine[r, n], row["legal"][n]) for n in agents]
                own = [one_hot(pick, spec.actions) for pick in picks]
            policy -= sum(worth(learner.networks["critic0"], s.central, here, own, acted))
            penalty += s.penalty * sum((said[n] ** 2).mean() for n in agents)
    return (total + policy + penalty) / (len(rows) * spec.agents)


def drawn_number(said, noise):
    """Return tanh of a normally distributed number vector, and how dense that is, as a logarithm."""
    mean, log = np.split(said, 2)
    log = np.clip(log, -5, 2)
    before = mean + np.exp(log) * noise
    action = np.tanh(before)
    normal = (-0.5 * noise**2 - log - 0.5 * math.log(2 * math.pi)).sum()
    return action, normal - np.log(1 - action**2).sum()


def sac_loss(learner, seen, rng, sampled=None):
    """Return the loss of SAC and MASAC; `sampled` is what others do next where agents choose, [R][N]."""
    s, spec, n_agents = learner.settings, learner.spec, learner.spec.agents
    agents, rows = range(n_agents), list(rows_of(seen))
    alpha = np.exp(learner.temperatures.log.detach().double().numpy())
    shape = (len(rows), n_agents, spec.actions)
    noises = [rng.standard_normal(shape, np.float32) for _ in range(2)] if spec.continuous else None
    total = policy = tuned = 0.0

    def least(modules, seen_there, own, others):
        return np.min([worth(c, s.central, seen_there, own, others) for c in critics_of(learner, modules)], 0)

    def choices(modules, seen_there, logits, legal, others):
        """Return policies and values, [N][A] each, over what is legal."""
        shares, values = [], []
        for n in agents:
            shares.append(softmax(np.where(legal[n], logits[n], -1e9)))
            eye = np.eye(spec.actions)
            values.append(
                [
                    least(modules, seen_there, [eye[a] if i == n else others[i] for i in agents], others)[n]
                    for a in range(spec.actions)
                ]
            )
        return shares, values

    for r, row in enumerate(rows):
        there, here = (row["next_obs"], row["next_state"]), (row["obs"], row["state"])
        actor = learner.networks["agents"]
        said, then = says(actor, row["obs"]), says(actor, row["next_obs"])
        if spec.continuous:
            acted = row["action"]
            pairs = [drawn_number(then[n], noises[0][r, n]) for n in agents]
            action = [pair[0] for pair in pairs]
            after = least(learner.targets, there, action, action) - alpha * [pair[1] for pair in pairs]
            mine = [drawn_number(said[n], noises[1][r, n]) for n in agents]
            worths = least(learner.networks, here, [pair[0] for pair in mine], acted)
            policy += sum(alpha[n] * mine[n][1] - worths[n] for n in agents)
            wanted = [s.number_entropy * spec.actions for n in agents]
            entropy = [-pair[1] for pair in mine]
        else:
            acted = [one_hot(row["action"][n], spec.actions) for n in agents]
            others = [one_hot(sampled[r][n], spec.actions) for n in agents]
            shares, values = choices(learner.targets, there, then, row["next_legal"], others)
            after = [
                sum(p * (v - alpha[n] * math.log(p)) for p, v in zip(shares[n], values[n], strict=True) if p > 0)
                for n in agents
            ]
            shares, values = choices(learner.networks, here, said, row["legal"], acted)
            policy += sum(
                p * (alpha[n] * math.log(p) - v)
                for n in agents
                for p, v in zip(shares[n], values[n], strict=True)
                if p > 0
            )
            entropy = [-sum(p * math.log(p) for p in shares[n] if p > 0) for n in agents]
            wanted = [s.choice_entropy * math.log(row["legal"][n].sum()) for n in agents]
        tuned += sum(math.log(alpha[n]) * (entropy[n] - wanted[n]) for n in agents)
        for critic in critics_of(learner, learner.networks):
            now = worth(critic, s.central, here, acted, acted)
            for n in agents:
                goal = reward_of(row, n) + row["discount"][0] * after[n]
                total += row["weight"][0] * (now[n] - goal) ** 2
    return (total + policy + (tuned if s.tune else 0.0)) / (len(rows) * n_agents)
