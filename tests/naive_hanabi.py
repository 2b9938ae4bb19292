"""Hanabi in plain Python: cards are (colour, rank), and what is known of one is what was said of it."""

from itertools import chain

from naive_envs import SplitMix


class NaiveHanabi:
    """One game."""

    def __init__(self, task, seed):
        self.task = task
        copies = {rank: 3 if rank == 0 else 1 if rank == task.ranks - 1 else 2 for rank in range(task.ranks)}
        self.kinds = [(c, r) for c in range(task.colours) for r in range(task.ranks)]
        self.copies = copies
        self.deck = SplitMix(seed).shuffled([card for card in self.kinds for _ in range(copies[card[1]])])
        self.size = len(self.deck)
        self.hands = [[self.draw() for _ in range(task.held)] for _ in range(task.players)]
        self.fires, self.gone = dict.fromkeys(range(task.colours), 0), []
        self.clues, self.lives, self.turn, self.left = task.clues, task.lives, 0, task.players
        self.last = None

    def draw(self):
        """Return a card, and what was said of it: (colour or rank, which, whether it is so)."""
        return self.deck.pop(0), set()

    def score(self):
        return sum(self.fires.values()) if self.lives else 0

    def over(self):
        return not self.lives or not self.left or self.score() == len(self.kinds)

    def moves(self):
        """Return all moves in their order."""
        p, h = self.task.players, self.task.held
        told = [
            (what, k, v)
            for what, n in ((0, self.task.colours), (1, self.task.ranks))
            for k in range(1, p)
            for v in range(n)
        ]
        return [
            *(("discard", k) for k in range(h)),
            *(("play", k) for k in range(h)),
            *(("tell", *one) for one in told),
        ]

    def allowed(self, move):
        if move[0] != "tell":
            return move[1] < len(self.hands[self.turn]) and (move[0] == "play" or self.clues < self.task.clues)
        _, what, offset, value = move
        target = self.hands[(self.turn + offset) % self.task.players]
        return self.clues > 0 and any(card[what] == value for card, _ in target)

    def legal(self):
        masks = []
        for n in range(self.task.players):
            acts = n == self.turn and not self.over()
            masks.append([self.allowed(move) if acts else k == 0 for k, move in enumerate(self.moves())])
        return masks

    def step(self, actions):
        """Return (reward, terminated, truncated)."""
        before, move, me = self.score(), self.moves()[actions[self.turn]], self.turn
        self.left -= not self.deck
        if move[0] == "tell":
            _, what, offset, value = move
            target = (me + offset) % self.task.players
            self.clues -= 1
            cards = [card[what] == value for card, _ in self.hands[target]]
            for said, (_, heard) in zip(cards, self.hands[target], strict=True):
                heard.add((what, value, said))
            self.last = (me, 2 + what, target, value, cards)
        else:
            card, _ = self.hands[me].pop(move[1])
            scored = move[0] == "play" and self.fires[card[0]] == card[1]
            gained = scored and card[1] == self.task.ranks - 1 and self.clues < self.task.clues
            if scored:
                self.fires[card[0]] += 1
                self.clues += gained
            else:
                self.gone.append(card)
                self.lives -= move[0] == "play"
                self.clues += move[0] == "discard"
            if self.deck:
                self.hands[me].append(self.draw())
            self.last = (me, 0 if move[0] == "play" else 1, move[1], card, scored, gained)
        self.turn = (me + 1) % self.task.players
        return float(self.score() - before), self.over(), False

    def one(self, size, at=None):
        return [float(k == at) for k in range(size)]

    def many(self, size, full):
        return [float(k < full) for k in range(size)]

    def index(self, card):
        return self.kinds.index(card)

    def cards(self, n):
        held = [self.one(len(self.kinds), self.index(card)) for card, _ in self.hands[n]]
        held += [self.one(len(self.kinds))] * (self.task.held - len(held))
        return list(chain(*held))

    def told(self, n):
        task, seen = self.task, []
        for card, heard in self.hands[n]:
            fits = [all((kind[what] == value) == said for what, value, said in heard) for kind in self.kinds]
            seen += map(float, fits)
            for what, size in ((0, task.colours), (1, task.ranks)):
                seen += self.one(size, card[what] if (what, card[what], True) in heard else None)
        return seen + [0.0] * ((task.held - len(self.hands[n])) * (len(self.kinds) + task.colours + task.ranks))

    def move(self, n):
        task, p = self.task, self.task.players
        sizes = [p, 4, p, task.colours, task.ranks, task.held, task.held, len(self.kinds), 2]
        parts = [[0.0] * size for size in sizes]
        if self.last:
            me, kind, *rest = self.last
            parts[0], parts[1] = self.one(p, (me - n) % p), self.one(4, kind)
            if kind >= 2:
                target, value, cards = rest
                parts[2], parts[1 + kind] = self.one(p, (target - n) % p), self.one(sizes[1 + kind], value)
                parts[5] = [*map(float, cards), *[0.0] * (task.held - len(cards))]
            else:
                place, card, *told = rest
                parts[6], parts[7] = self.one(task.held, place), self.one(len(self.kinds), self.index(card))
                parts[8] = list(map(float, told))
        return list(chain(*parts))

    def obs(self):
        task, p, seen = self.task, self.task.players, []
        for n in range(p):
            order = [(n + k) % p for k in range(p)]
            now = list(chain(*map(self.cards, order[1:])))
            now += [float(len(self.hands[k]) < task.held) for k in order]
            now += self.many(self.size - p * task.held, len(self.deck))
            for c in range(task.colours):
                now += self.one(task.ranks, self.fires[c] - 1)
            now += self.many(task.clues, self.clues) + self.many(task.lives, self.lives)
            for kind in self.kinds:
                now += self.many(self.copies[kind[1]], self.gone.count(kind))
            now += self.move(n) + list(chain(*map(self.told, order)))
            seen.append(now + self.one(p, (self.turn - n) % p) + self.one(p, n))
        return seen

    def state(self):
        return self.cards(0) + self.obs()[0]
