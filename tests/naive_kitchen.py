"""Overcooked in plain Python: one kitchen, sets of places, words for things."""

from collections import deque

import numpy as np

from counterplay.games.envs.overcooked import LAYOUTS

WAYS = [(0, -1), (0, 1), (1, 0), (-1, 0)]


class NaiveKitchen:
    """A kitchen; places are (column, row), a soup is ("soup", onions), a pot a dictionary."""

    def __init__(self, task, seed):
        rows = LAYOUTS[task.layout]
        self.task, self.time = task, 0
        self.wide, self.high = len(rows[0]), len(rows)
        self.mark = {(x, y): mark for y, row in enumerate(rows) for x, mark in enumerate(row)}
        self.at = [next(place for place, mark in self.mark.items() if mark == str(n)) for n in (1, 2)]
        self.mark |= dict.fromkeys(self.at, " ")
        self.facing, self.held = [0, 0], [None, None]
        self.counters = {}
        self.pots = {place: {"onions": 0, "ticks": None} for place in self.places("P")}

    def places(self, mark):
        """Return where that is, column by column."""
        return sorted(place for place, found in self.mark.items() if found == mark)

    def ahead(self, n, way=None):
        step = WAYS[self.facing[n] if way is None else way]
        return self.at[n][0] + step[0], self.at[n][1] + step[1]

    def ready(self, pot):
        return pot["ticks"] == 20

    def interact(self, n, used):
        place, held, shaped = self.ahead(n), self.held[n], self.task.shaped
        mark = self.mark[place]
        if mark == "X":
            if held and place not in self.counters:
                self.counters[place], self.held[n] = held, None
            elif not held and place in self.counters:
                self.held[n] = self.counters.pop(place)
        elif mark == "O" and not held:
            self.held[n] = "onion"
        elif mark == "D" and not held:
            useful = self.held.count("dish") < used and "dish" not in self.counters.values()
            self.held[n] = "dish"
            return 3 * shaped if useful else 0
        elif mark == "P":
            pot = self.pots[place]
            if not held and self.task.manual and pot["onions"] and pot["ticks"] is None:
                pot["ticks"] = 0
            elif held == "dish" and self.ready(pot):
                self.held[n] = ("soup", pot["onions"])
                self.pots[place] = {"onions": 0, "ticks": None}
                return 5 * shaped
            elif held == "onion" and pot["ticks"] is None and pot["onions"] < 3:
                pot["onions"] += 1
                self.held[n] = None
                return 3 * shaped
        elif mark == "S" and isinstance(held, tuple):
            self.held[n] = None
            return 20 if held[1] == 3 else 0
        return 0

    def step(self, actions):
        """Return (reward, terminated, truncated)."""
        reward = 0
        used = sum(pot["ticks"] is not None or pot["onions"] in (1, 2) for pot in self.pots.values())
        for n in range(2):
            if actions[n] == 5:
                reward += self.interact(n, used)
        to = list(self.at)
        for n in range(2):
            if actions[n] < 4:
                self.facing[n] = int(actions[n])
                if self.mark[self.ahead(n)] == " ":
                    to[n] = self.ahead(n)
        if to[0] != to[1] and to != self.at[::-1]:
            self.at = to
        for pot in self.pots.values():
            if pot["ticks"] is None and pot["onions"] == 3 and not self.task.manual:
                pot["ticks"] = 0
            if pot["ticks"] is not None:
                pot["ticks"] = min(pot["ticks"] + 1, 20)
        self.time += 1
        return float(np.float32(reward)), False, self.time == self.task.steps

    def legal(self):
        return [[True] * 6] * 2

    def obs(self):
        return [self.grid(n) if self.task.view == "grid" else self.vector(n) for n in range(2)]

    def state(self):
        first, second = self.obs()
        return first if self.task.view == "grid" else first + second

    def grid(self, n):
        seen = np.zeros((self.wide, self.high, 26))
        for k, other in ((n, 0), (1 - n, 1)):
            seen[self.at[k]][other] = 1
            seen[self.at[k]][2 + 4 * other + self.facing[k]] = 1
        for mark, layer in (("P", 10), ("X", 11), ("O", 12), ("D", 14), ("S", 15)):
            for place in self.places(mark):
                seen[place][layer] = 1
        things = list(self.counters.items()) + [(self.at[k], self.held[k]) for k in range(2) if self.held[k]]
        for place, thing in things:
            if isinstance(thing, tuple):
                seen[place][18], seen[place][21] = thing[1], 1
            else:
                seen[place][{"onion": 23, "dish": 22}[thing]] = 1
        for place, pot in self.pots.items():
            if pot["ticks"] is None:
                seen[place][16] = pot["onions"]
            else:
                seen[place][18], seen[place][20] = pot["onions"], 20 - pot["ticks"]
                seen[place][21] = self.ready(pot)
        seen[..., 25] = self.task.steps - self.time < 40
        return seen.ravel().tolist()

    def reach(self, n):
        """Return in how many steps a cook alone comes beside each place."""
        found, steps, front = {}, {self.at[n]: 0}, deque([self.at[n]])
        while front:
            x, y = front.popleft()
            for dx, dy in WAYS:
                place = x + dx, y + dy
                found.setdefault(place, steps[x, y])
                if self.mark[place] == " " and place not in steps:
                    steps[place] = steps[x, y] + 1
                    front.append(place)
        return found

    def vector(self, n):
        side, other, reach = 1.0 / max(self.wide, self.high), 1 - n, self.reach(n)

        def offset(place):
            return [(place[0] - self.at[n][0]) * side, (place[1] - self.at[n][1]) * side]

        def kind(thing):
            return 3 if isinstance(thing, tuple) else (None, "onion", "dish").index(thing)

        def cook(k):
            return np.eye(4)[self.facing[k]].tolist() + np.eye(4)[kind(self.held[k])].tolist()

        faced = self.ahead(n)
        mark = self.mark[faced]
        index = {" ": 0, "P": 5, "O": 6, "D": 7, "S": 8}.get(mark, 1 + kind(self.counters.get(faced)))
        told = [self.at[n][0] * side, self.at[n][1] * side, *cook(n)]
        told += np.eye(10)[9 if faced == self.at[other] else index].tolist()
        told += [*offset(self.at[other]), *cook(other)]
        for place, pot in self.pots.items():
            cooks = pot["ticks"] is not None
            told += [*offset(place), place in reach, pot["onions"] / 3, cooks and not self.ready(pot)]
            told += [(20 - pot["ticks"]) / 20 if cooks else 0, self.ready(pot)]
        lying = [[place for place, thing in sorted(self.counters.items()) if kind(thing) == k] for k in (1, 2, 3)]
        free = [place for place in self.places("X") if place not in self.counters]
        for places in (*map(self.places, "ODS"), *lying, free):
            near = [place for place in places if place in reach]
            told += [*offset(min(near, key=reach.get)), 1] if near else [0, 0, 0]
        return np.array([*told, self.time / self.task.steps], np.float32).tolist()
