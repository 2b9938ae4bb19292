"""Slow, plain oracles for agents that come and go while others play on, and random episodes of theirs."""

import numpy as np


def with_lives(rng, episodes):
    """Return episodes in which agents come late, leave early (by the rules or for time), or are away for a while."""
    batch, rows, agents = episodes.legal.shape[:3]
    alive = np.ones((batch, rows, agents), bool)
    ended = np.zeros_like(alive)
    legal, action = episodes.legal.copy(), episodes.action.copy()
    for b, length in enumerate(episodes.filled.sum(axis=1)):
        over = bool(episodes.terminated[b, length - 1])
        for n in range(agents):
            kind, t = rng.integers(6), int(rng.integers(1, length + 1))
            if kind == 0:  # the rules end its game
                alive[b, t:, n], ended[b, t:, n] = False, True
            elif kind == 1 and t < length:  # time runs out for it alone
                alive[b, t:, n] = False
            elif kind == 2:  # it comes late
                alive[b, : min(t, length - 1), n] = False
            elif kind == 3 and t < length - 1:  # it is away for a while
                alive[b, t : t + 1, n], ended[b, t : t + 1, n] = False, True
        if over:
            alive[b, length] = False
        alive[b, length + 1 :] = ended[b, length + 1 :] = False
        for t in range(length + 1):
            for n in range(agents):
                late = t and alive[b, t - 1, n] and not ended[b, t, n]  # what it saw last still has a value
                if not alive[b, t, n] and not late:
                    legal[b, t, n] = np.arange(legal.shape[3]) == 0
                if t < length and not alive[b, t, n]:
                    action[b, t, n] = legal[b, t, n].argmax()
    return episodes._replace(alive=alive, ended=ended, legal=legal, action=action)


def life(episodes, b):
    """Return who is alive and whose game has ended in one episode, [T + 1][N]; `episodes` may be a learner's batch."""
    length = int(episodes.filled[b].sum())
    if episodes.alive is None:
        shape = length + 1, episodes.action.shape[2]
        return np.ones(shape, bool), np.zeros(shape, bool)
    return tuple(
        np.array([[*map(bool, row)] for row in part[b, : length + 1]]) for part in (episodes.alive, episodes.ended)
    )
