"""What steps of an episode are worth, by definition: one number after the other.

An episode has T steps; `after[t]` is the value of the state that step t led to, and `over` tells whether the rules
ended the episode, after which nothing is worth anything (time running out does not).
"""

from collections.abc import Callable, Sequence

Numbers = Sequence[float]


def n_step(reward: Numbers, after: Numbers, over: bool, gamma: float, n: int) -> list[float]:
    """Return G[t] = r[t] + ... + gamma^(m-1) r[t+m-1] + gamma^m v, with m = n steps or as many as there are."""
    found = []
    for t in range(len(reward)):
        m = min(n, len(reward) - t)
        total = sum(gamma**k * reward[t + k] for k in range(m))
        ends = over and t + m == len(reward)
        found.append(total + (0.0 if ends else gamma**m * after[t + m - 1]))
    return found


def lambda_returns(reward: Numbers, after: Numbers, over: bool, gamma: float, trace: float) -> list[float]:
    """Return the mix of all n-step returns by definition: (1 - lambda) lambda^(n-1) of each, the rest of the longest.

    Sutton and Barto 2018, equation 12.3.
    """
    found = []
    for t in range(len(reward)):
        most = len(reward) - t
        ahead = [n_step(reward, after, over, gamma, n)[t] for n in range(1, most + 1)]
        mixed = sum((1 - trace) * trace ** (n - 1) * ahead[n - 1] for n in range(1, most))
        found.append(mixed + trace ** (most - 1) * ahead[-1])
    return found


def advantages(reward: Numbers, value: Numbers, after: Numbers, over: bool, gamma: float, trace: float) -> list[float]:
    """Return generalised advantages: sums of (gamma lambda)^k times the TD error of step t + k."""
    last = len(reward) - 1
    errors = [reward[t] + (0.0 if over and t == last else gamma * after[t]) - value[t] for t in range(len(reward))]
    return [sum((gamma * trace) ** (u - t) * errors[u] for u in range(t, last + 1)) for t in range(last + 1)]


def own_returns(
    ahead: tuple[Callable[..., list[float]], float],
    reward: Numbers,
    after: Numbers,
    over: bool,
    alive: Sequence[bool],
    ended: Sequence[bool],
) -> dict[int, float]:
    """Return {t: return} of one agent's steps, where agents come and go.

    `ahead` is what the steps of an episode are worth, a function of (rewards, values, over), and its discount. `alive`
    and `ended` are the agent's, [T + 1].
    """
    length = len(reward)
    of_steps, gamma = ahead

    def paid(t: int) -> float:  # from step t on, for an agent out of play then
        return reward[t] + gamma * worth(t) if t < length else 0.0

    def worth(t: int) -> float:  # the value of what step t led to
        if (over and t == length - 1) or ended[t + 1]:
            return paid(t + 1)
        return after[t]

    found, t = dict[int, float](), 0
    while t < length:
        if not alive[t]:
            t += 1
            continue
        end = t
        while end < length and alive[end]:
            end += 1
        steps = range(t, end)
        numbers = of_steps([reward[u] for u in steps], [worth(u) for u in steps], False)
        found |= dict(zip(steps, numbers, strict=True))
        t = end
    return found
