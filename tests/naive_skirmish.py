"""The skirmish in plain Python: units are objects."""

import math

import numpy as np
from naive_envs import SplitMix

from counterplay.games.envs.skirmish import STATS


class Soldier:
    """A unit."""

    def __init__(self, kind, home, draw):
        self.kind, self.own = kind, kind
        self.most, self.damage, self.pause, self.reach, self.sight, self.speed, self.radius = STATS[kind].tolist()
        self.x, self.y = home + 4 * (draw.unit() - 0.5), 16 + 4 * (draw.unit() - 0.5)
        self.health, self.wait, self.target, self.heading = self.most, 0.0, None, (0.0, 0.0)

    def alive(self):
        return self.health > 0

    def to(self, other):
        return math.hypot(other.x - self.x, other.y - self.y)

    def itself(self):
        if not self.alive():
            return [0.0] * 10
        kind = [float(k == self.kind) for k in range(6)]
        return [self.health / self.most, self.wait / self.pause, (self.x - 16) / 16, (self.y - 16) / 16, *kind]

    def sees(self, other, ours):
        if not (self.alive() and other.alive() and self.to(other) <= self.sight):
            return [0.0] * 11
        last = other.wait / other.pause if ours else float(self.to(other) <= 6)
        offset = (other.x - self.x) / self.sight, (other.y - self.y) / self.sight
        return [1.0, *offset, other.health / other.most, last, *(float(k == other.kind) for k in range(6))]


class NaiveSkirmish:
    """One episode."""

    def __init__(self, task, seed):
        self.task, self.time, draw = task, 0, SplitMix(seed)
        team, enemy = task.sides
        self.team = [Soldier(kind, 8.0, draw) for kind in team]
        self.enemy = [Soldier(kind, 24.0, draw) for kind in enemy]

    def obs(self):
        seen = []
        for one in self.team:
            others = [one.sees(other, True) for other in self.team if other is not one]
            seen.append(np.concatenate([one.itself(), *others, *(one.sees(foe, False) for foe in self.enemy)]))
        return np.array(seen)

    def state(self):
        return np.concatenate([*(one.itself() for one in self.team + self.enemy), [self.time / self.task.steps]])

    def legal(self):
        masks = []
        for one in self.team:
            aims = [one.alive() and foe.alive() and one.to(foe) <= 6 for foe in self.enemy]
            masks.append([not one.alive(), *[one.alive()] * 5, *aims])
        return masks

    def order(self, actions):
        ways = {2: (0.0, 1.0), 3: (0.0, -1.0), 4: (1.0, 0.0), 5: (-1.0, 0.0)}
        for one, action in zip(self.team, actions, strict=True):
            one.target = self.enemy[action - 6] if action >= 6 else None
            one.heading = ways.get(int(action), (0.0, 0.0))
        for foe in self.enemy:
            near = [one for one in self.team if one.alive() and foe.to(one) <= foe.sight]
            foe.target, far = min(near, key=foe.to, default=None), math.hypot(8 - foe.x, 16 - foe.y)
            foe.heading = ((8 - foe.x) / far, (16 - foe.y) / far) if far > 1 else (0.0, 0.0)

    def tick(self):
        every = self.team + self.enemy
        walks, blows = {}, []
        for one in every:
            if not one.alive():
                continue
            one.wait = max(one.wait - 0.125, 0.0)
            dx, dy = one.heading
            if one.target:
                if not one.target.alive():
                    continue
                far = one.to(one.target)
                if far <= one.reach:
                    if one.wait == 0:
                        blows.append((one.target, one.damage))
                        one.wait = one.pause
                    continue
                dx, dy = (one.target.x - one.x) / far, (one.target.y - one.y) / far
            walks[one] = one.x + dx * one.speed * 0.125, one.y + dy * one.speed * 0.125
        for one, (x, y) in walks.items():
            one.x, one.y = x, y
        for one, damage in blows:
            one.health = max(one.health - damage, 0.0)
        for k, one in enumerate(every):
            for other in every[:k]:
                far = one.to(other)
                over = one.radius + other.radius - far
                if one.alive() and other.alive() and over > 0:
                    dx, dy = (other.x - one.x) / far, (other.y - one.y) / far
                    one.x, one.y = one.x - dx * over / 2, one.y - dy * over / 2
                    other.x, other.y = other.x + dx * over / 2, other.y + dy * over / 2
        for one in every:
            one.x, one.y = min(max(one.x, 0.0), 32.0), min(max(one.y, 0.0), 32.0)

    def step(self, actions):
        """Return (reward, terminated, truncated)."""
        self.order(actions)
        before = sum(foe.health / foe.most for foe in self.enemy)
        for _ in range(4):
            self.tick()
        left = sum(foe.health / foe.most for foe in self.enemy)
        stands = any(one.alive() for one in self.team)
        reward = (before - left) / len(self.enemy) + (stands and left == 0)
        self.time += 1
        over = not stands or left == 0
        return reward, over, not over and self.time == self.task.steps
