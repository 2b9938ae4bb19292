"""Slow, plain oracles for learners with policies: loops over episodes, steps, agents and actions."""

from math import exp, log

import numpy as np
from naive_learners import lambda_returns, n_step, own_returns, random_episodes
from naive_lives import life


def some_episodes(spec, rng, count=5, lone=0.3):
    """Return random episodes, one of them of the full length; at a share `lone` agents have one legal action."""
    while True:
        episodes = random_episodes(rng, spec, count)
        if episodes.filled.shape[1] == spec.limit and not episodes.filled.all(axis=1).all():
            break
    single = rng.random(episodes.action.shape) < lone
    if spec.lives:
        single &= episodes.alive[:, :-1]
    only = np.arange(spec.actions) == episodes.action[..., None]
    episodes.legal[:, :-1][single & episodes.filled[..., None]] = only[single & episodes.filled[..., None]]
    return episodes


def softmax(logits, legal, epsilon=0.0):
    """Return probabilities over the legal actions, mixed with the uniform ones."""
    highest = max(x for x, fits in zip(logits, legal, strict=True) if fits)
    weights = [exp(x - highest) if fits else 0.0 for x, fits in zip(logits, legal, strict=True)]
    return [
        (1 - epsilon) * weight / sum(weights) + epsilon * fits / sum(legal)
        for weight, fits in zip(weights, legal, strict=True)
    ]


def steps_of(episodes):
    """Yield every step that was taken, as (episode, step)."""
    for b, row in enumerate(episodes.filled):
        for t, taken in enumerate(row):
            if taken:
                yield b, t


def reward_of(episodes, b, t, n):
    """Return what an agent was paid: its own reward, or the team's."""
    return float(episodes.reward[b, t] if episodes.reward.ndim == 2 else episodes.reward[b, t, n])


def returns_of(episodes, values, gamma, trace=None, ahead=None):
    """Return {(b, t, k): return} by values [B, T + 1, K] of the states."""
    found = {}
    for b, row in enumerate(episodes.filled):
        length = int(row.sum())
        for k in range(values.shape[-1]):
            rewards = [reward_of(episodes, b, t, k) for t in range(length)]
            following = [float(values[b, t + 1, k]) for t in range(length)]
            over = bool(episodes.terminated[b, length - 1])

            def worth(rewards, following, over):
                if ahead:
                    return n_step(rewards, following, over, gamma, ahead)
                return lambda_returns(rewards, following, over, gamma, trace)

            alive, ended = life(episodes, b)
            if values.shape[-1] == 1 < alive.shape[1]:  # of the team
                numbers = dict(enumerate(worth(rewards, following, over)))
            else:
                numbers = own_returns((worth, gamma), rewards, following, over, alive[:, k], ended[:, k])
            found |= {(b, t, k): number for t, number in numbers.items()}
    return found


def choices_of(episodes):
    """Yield every agent's step at which it had more than one legal action, as (episode, step, agent)."""
    for b, t in steps_of(episodes):
        for n in range(episodes.legal.shape[2]):
            if sum(episodes.legal[b, t, n]) > 1 and life(episodes, b)[0][t, n]:
                yield b, t, n


def entropy(shares):
    """Return the entropy of probabilities."""
    return -sum(p * log(p) for p in shares if p > 0)


def ppo_loss(episodes, old, new, s, epsilon=0.0):
    """Return (loss, value loss, entropy, KL estimate) of PPO by Schulman et al. 2017, eq. 7.

    `old` and `new` are pairs of logits [B, T + 1, N, A] and of values [B, T + 1, K] in the units of rewards, before the
    update and now. Values keep their units: the oracle is for critics without a scale.
    """
    logits, values = old
    width = values.shape[-1]
    target = returns_of(episodes, values, s.gamma, s.gae_lambda, s.n_step)
    gains = {(b, t, n): target[b, t, n % width] - float(values[b, t, n % width]) for b, t, n in choices_of(episodes)}
    gains = {at: x * (s.pessimism if x < 0 else 1) for at, x in gains.items()}
    if s.scale_advantages:
        mean = sum(gains.values()) / len(gains) if s.pessimism == 1 else 0.0
        deviation = (sum((x - mean) ** 2 for x in gains.values()) / len(gains)) ** 0.5
        gains = {at: (x - mean) / deviation for at, x in gains.items()}
    surrogate = spread = divergence = 0.0
    for (b, t, n), gain in gains.items():
        action, legal = episodes.action[b, t, n], episodes.legal[b, t, n]
        before = softmax(logits[b, t, n], legal, epsilon)
        after = softmax(new[0][b, t, n], legal, epsilon)
        ratio = after[action] / before[action]
        held = min(max(ratio, 1 - s.ratio_clip), 1 + s.ratio_clip)
        surrogate += min(ratio * gain, held * gain) / len(gains)
        spread += entropy(after) / len(gains)
        divergence += (ratio - 1 - log(ratio)) / len(gains)
    errors = []
    for (b, t, k), goal in target.items():
        was, now = float(values[b, t, k]), float(new[1][b, t, k])
        error = (now - goal) ** 2
        if s.value_clip:
            near = was + min(max(now - was, -s.value_clip), s.value_clip)
            error = max(error, (near - goal) ** 2)
        errors.append(error * (s.pessimism if now > goal else 1))
    value_loss = sum(errors) / len(errors)
    return value_loss - surrogate - s.entropy * spread, value_loss, spread, divergence


def coma_loss(episodes, logits, values, target_values, last, s, epsilon):
    """Return (loss, value loss, entropy) of COMA by Foerster et al. 2018, eq. 4, 6 and 7.

    `logits` is [B, T + 1, N, A]; `values(b, t, joint action)` and `target_values` give [N, A]; `last[b]` is the joint
    action after the end of episode b. For who has left, the team is worth what is said of those who stay.
    """
    errors, gain, spread, count = [], 0.0, 0.0, len(list(choices_of(episodes)))
    for b, row in enumerate(episodes.filled):
        length = int(row.sum())
        joint, (alive, _) = [*episodes.action[b, :length], last[b]], life(episodes, b)
        for n in range(episodes.legal.shape[2]):
            rewards = [reward_of(episodes, b, t, n) for t in range(length)]
            following = []
            for t in range(1, length + 1):
                said = [target_values(b, t, joint[t])[m][joint[t][m]] for m in range(len(joint[t]))]
                stay = [m for m in range(len(said)) if alive[t, m]]
                following.append(said[n] if n in stay else sum(said[m] for m in stay) / max(len(stay), 1))
            over = bool(episodes.terminated[b, length - 1])
            goals = lambda_returns(rewards, following, over, s.gamma, s.td_lambda)
            for t in range(length):
                if not alive[t, n]:
                    continue
                worth = values(b, t, joint[t])[n]
                errors.append((worth[joint[t][n]] - goals[t]) ** 2)
                if sum(episodes.legal[b, t, n]) < 2:
                    continue
                shares = softmax(logits[b, t, n], episodes.legal[b, t, n], epsilon)
                expected = sum(share * float(q) for share, q in zip(shares, worth, strict=True))
                gain += (worth[joint[t][n]] - expected) * log(shares[joint[t][n]]) / count
                spread += entropy(shares) / count
    value_loss = sum(errors) / len(errors)
    return value_loss - gain - s.entropy * spread, value_loss, spread
