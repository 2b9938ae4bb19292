"""Slow, plain counterparts of environments: one episode, Python numbers, sets of cells.

They draw the same random numbers in the same order as the kernels, so that every step can be compared.
"""

import math

import numpy as np


class SplitMix:
    """SplitMix64 in Python's integers."""

    def __init__(self, state):
        self.state = int(state)

    def bits(self):
        mask = 2**64 - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = self.state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & mask
        return z ^ (z >> 31)

    def below(self, n):
        return (self.bits() >> 32) * n >> 32

    def unit(self):
        return (self.bits() >> 11) / 2**53

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


class NaiveSolo:
    """An environment of one agent from where an episode begins; children say what a step does."""

    def __init__(self, task, now):
        self.task, self.now, self.time = task, [float(x) for x in now], 0

    def step(self, action):
        """Return (reward, terminated, truncated)."""
        reward, over = self.move(action)
        self.time += 1
        return reward, over, not over and self.time == self.task.spec.limit


class NaiveCartPole(NaiveSolo):
    """Barto, Sutton and Anderson's equations: the pole's acceleration first, then the cart's."""

    def obs(self):
        return self.now

    def move(self, action):
        x, dx, angle, turn = self.now
        cart, pole, half, tick = 1.0, 0.1, 0.5, 0.02
        force = 10.0 if action == 1 else -10.0
        inner = (-force - pole * half * turn**2 * math.sin(angle)) / (cart + pole)
        lean = (9.8 * math.sin(angle) + math.cos(angle) * inner) / (
            half * (4 / 3 - pole * math.cos(angle) ** 2 / (cart + pole))
        )
        faster = (force + pole * half * (turn**2 * math.sin(angle) - lean * math.cos(angle))) / (cart + pole)
        self.now = [x + tick * dx, dx + tick * faster, angle + tick * turn, turn + tick * lean]
        return 1.0, abs(self.now[0]) > 2.4 or abs(self.now[2]) > 24 * math.pi / 360


class NaivePendulum(NaiveSolo):
    """A rod of mass and length 1, which turns by its weight and a torque."""

    def obs(self):
        return [math.cos(self.now[0]), math.sin(self.now[0]), self.now[1]]

    def move(self, action):
        angle, turn = self.now
        torque = 2 * action
        wrapped = math.atan2(math.sin(angle), math.cos(angle))
        inertia = 1 / 3
        turn_after = turn + 0.05 * (10 * math.sin(angle) / 2 + torque) / inertia
        turn_after = max(-8, min(8, turn_after))
        self.now = [angle + 0.05 * turn_after, turn_after]
        return -(wrapped**2 + 0.1 * turn**2 + 0.001 * torque**2), False


class NaiveMountainCar(NaiveSolo):
    """The car in both forms."""

    def obs(self):
        return self.now

    def move(self, action):
        place, speed = self.now
        speed += action * 0.0015 if self.task.continuous else (action - 1) * 0.001
        speed -= 0.0025 * math.cos(3 * place)
        speed = max(-0.07, min(0.07, speed))
        place += speed
        if place <= -1.2:
            place, speed = -1.2, max(speed, 0.0)
        self.now = [min(place, 0.6), speed]
        out = place >= (0.45 if self.task.continuous else 0.5) and speed >= 0
        if self.task.continuous:
            return 100 * out - 0.1 * action**2, out
        return -1.0, out


class NaiveSwingUp(NaiveSolo):
    """A uniform rod on a cart: both accelerations from Lagrange's equations, solved as a linear system."""

    def obs(self):
        x, dx, angle, turn = self.now
        return [x, dx, math.cos(angle), math.sin(angle), turn]

    def move(self, action):
        x, dx, angle, turn = self.now
        mass, rod, long = 1.0, 0.5, 0.6
        sin, cos = math.sin(angle), math.cos(angle)
        sides = [[mass, -rod * long * cos / 2], [-rod * long * cos / 2, rod * long**2 / 3]]
        push = 10 * action - 0.1 * dx - rod * long * turn**2 * sin / 2
        faster, lean = np.linalg.solve(sides, [push, rod * 9.82 * long * sin / 2]).tolist()
        self.now = [x + 0.01 * dx, dx + 0.01 * faster, angle + 0.01 * turn, turn + 0.01 * lean]
        reward = (math.cos(self.now[2]) + 1) / 2 * math.cos(self.now[0] / 2.4 * math.pi / 2)
        return reward, abs(self.now[0]) > 2.4


class NaiveCorridor:
    """The corridor; `exchanged` are the places (from 0) where the actions are."""

    def __init__(self, task, seed, exchanged=()):
        self.task, self.exchanged, self.place, self.time = task, exchanged, 1, 0

    def obs(self):
        return [[1.0] * (self.place + 1) + [0.0] * (self.task.length - self.place - 1)]

    def legal(self):
        return [[True, True]]

    def step(self, actions):
        on = bool(actions[0]) != (self.place in self.exchanged)
        to = self.place + (1 if on else -1)
        reward = 1.0 if to == self.task.length else float(np.float32(self.task.crumb)) if to < 0 else 0.0
        self.place, self.time = min(max(to, 0), self.task.length - 1), self.time + 1
        return reward, False, self.time == self.task.spec.limit


class NaiveWatchRepair:
    """RUDDER's watches; normal numbers by Box and Muller."""

    PRICE, REPAIR, DELIVERY = (18, 28, 31, 59), ((1, 2), (4, 2), (5, 2), (24.5, 1)), (0.5, 2.5, 4.5, 18)

    def __init__(self, task, seed):
        self.task, self.draw = task, SplitMix(seed)
        self.brand, self.repaired, self.jams, self.flats, self.time = self.draw.below(4), False, 0, 0, 0

    def obs(self):
        brand = [float(k == self.brand) for k in range(4)]
        share = float(np.float32(self.time / self.task.steps))
        return [[float(self.repaired), float(self.jams), float(self.flats), *brand, share]]

    def legal(self):
        return [[self.time == 0, True]]

    def normal(self, mean, deviation):
        size = math.sqrt(-2 * math.log(1 - self.draw.unit()))
        return mean + deviation * size * math.cos(2 * math.pi * self.draw.unit())

    def step(self, actions):
        reward = 0.0
        if self.time == 0 and actions[0] == 0:
            self.repaired = True
            reward -= self.normal(*self.REPAIR[self.brand])
        self.jams += self.draw.unit() < 0.1
        self.flats += self.draw.unit() < 0.05
        self.time += 1
        over = self.time == self.task.steps
        if over and self.repaired:
            reward += self.PRICE[self.brand] - 0.1 * self.jams - 7 * self.flats
            reward -= self.normal(self.DELIVERY[self.brand], 1.5)
        return float(np.float32(reward)), over, False
