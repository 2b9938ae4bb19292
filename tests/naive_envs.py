"""Slow, plain counterparts of environments: one episode, Python numbers, sets of cells.

They draw the same random numbers in the same order as the kernels, so that every step can be compared.
"""

import numpy as np


class SplitMix:
    """SplitMix64 in Python's integers."""

    def __init__(self, state):
        self.state = int(state)

    def below(self, n):
        mask = 2**64 - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = self.state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & mask
        return ((z ^ (z >> 31)) >> 32) * n >> 32

    def shuffled(self, items):
        items = list(items)
        for k in reversed(range(len(items))):
            other = self.below(k + 1)
            items[k], items[other] = items[other], items[k]
        return items


class NaiveSwitch:
    """The switch riddle."""

    def __init__(self, task, seed):
        self.agents, self.draw = task.agents, SplitMix(seed)
        self.lit, self.been, self.days, self.over = False, set(), 0, False
        self.room = self.draw.below(self.agents)

    def obs(self):
        return [[float(n == self.room), float(n == self.room and self.lit)] for n in range(self.agents)]

    def legal(self):
        return [[True, n == self.room, n == self.room] for n in range(self.agents)]

    def step(self, actions):
        """Return (reward, terminated, truncated)."""
        self.days += 1
        self.been.add(self.room)
        action = actions[self.room]
        self.lit ^= action == 1
        self.room = self.draw.below(self.agents)
        reward = (1 if len(self.been) == self.agents else -1) if action == 2 else 0
        return reward, action == 2 or self.days == 4 * self.agents - 6, False


def beside(cell):
    """Return the cells right of, below, left of and above a cell."""
    row, col = cell
    return [(row, col + 1), (row + 1, col), (row, col - 1), (row - 1, col)]


class NaivePredatorPrey:
    """Predators and prey; who has left the grid has no cell."""

    def __init__(self, task, seed):
        self.task, self.draw, self.time = task, SplitMix(seed), 0
        self.predators, self.prey = {}, {}
        for group, number in ((self.predators, task.predators), (self.prey, task.prey)):
            for k in range(number):
                cell = self.somewhere()
                while cell in self.taken():
                    cell = self.somewhere()
                group[k] = cell

    def somewhere(self):
        row = self.draw.below(self.task.size)
        return row, self.draw.below(self.task.size)

    def taken(self):
        return {*self.predators.values(), *self.prey.values()}

    def inside(self, cell):
        return min(cell) >= 0 and max(cell) < self.task.size

    def grid(self, rows, cols):
        cells = [(row, col) for row in rows for col in cols]
        groups = (self.predators.values(), self.prey.values())
        return [float(cell in group) for cell in cells for group in groups]

    def state(self):
        return self.grid(range(self.task.size), range(self.task.size))

    def obs(self):
        s, seen = self.task.sight, []
        for n in range(self.task.predators):
            if n in self.predators:
                row, col = self.predators[n]
                seen.append(self.grid(range(row - s, row + s + 1), range(col - s, col + s + 1)))
            else:
                seen.append([0.0] * 2 * (2 * s + 1) ** 2)
        return seen

    def legal(self):
        masks = []
        for n in range(self.task.predators):
            if n in self.predators:
                around = beside(self.predators[n])
                masks.append([*map(self.inside, around), True, any(cell in self.prey.values() for cell in around)])
            else:
                masks.append([False] * 4 + [True, False])
        return masks

    def step(self, actions):
        """Return (reward, terminated, truncated)."""
        task, reward = self.task, 0.0
        for n in self.draw.shuffled(range(task.predators)):
            if n in self.predators and actions[n] < 4:
                cell = beside(self.predators[n])[actions[n]]
                if cell not in self.taken():
                    self.predators[n] = cell
        for p in self.draw.shuffled(range(task.prey)):
            if p not in self.prey:
                continue
            around = beside(self.prey[p])
            catching = [n for n, cell in self.predators.items() if actions[n] == 5 and cell in around]
            if len(catching) >= task.catchers:
                reward += task.prize
                del self.prey[p]
                for n in catching:
                    del self.predators[n]
                continue
            reward -= task.penalty if catching else 0.0
            free = [cell for cell in around if self.inside(cell) and cell not in self.taken()]
            if free:
                self.prey[p] = free[self.draw.below(len(free))]
        self.time += 1
        over = not self.predators or not self.prey
        return reward, over, not over and self.time == task.steps


def splitmix_seeds(seed, batch):
    """Return the states that an environment's episodes begin with, reset from that seed."""
    return np.random.default_rng(seed).integers(0, 2**64, batch, np.uint64)
