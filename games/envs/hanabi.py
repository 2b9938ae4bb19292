"""Hanabi for two to five players, with the rules and the observations of the Hanabi Learning Environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.env import EnvSpec, Step, blank, choices, illegal
from counterplay.engine.errors import UserError
from counterplay.engine.keeping import Part, copies, fitting, put_back
from counterplay.engine.random import seeds
from counterplay.engine.scene import Scene
from counterplay.games.envs.hanabi_table import Rules, Table, deal, show, step
from counterplay.games.scenes import cards

MOST = 5  # colours, ranks, players and cards in a hand

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Hanabi:
    """Players who see all cards but their own build fireworks (Bard et al., AIJ 2020; the rules of their environment).

    There are three cards of the lowest rank in each colour, one of the highest, two of the others. Who has the turn
    discards a card of the own hand, which regains a clue; plays one, which continues its colour's fireworks or costs a
    life; or spends a clue, and tells another player all of its cards of a colour or of a rank. To finish a colour
    regains a clue, too. `hand=0` is five cards, or four with four players or more. The reward is what the score rises
    by, and the score is the number of cards played; once all lives are lost it is 0, so that all is paid back, but
    with `keeps`, which is to learn by. Then, with the highest score, or after one more turn of each once the deck is
    empty, the rules end the episode.

    Actions are numbered as in the original: discard each place of the hand, play each, tell the next player each
    colour, the one after, and so on, then ranks likewise. Who has to wait has action 0 alone, which nobody hears of.

    An observation is the original's canonical encoding, of H cards in a hand, c colours and r ranks, D cards in all:

    | numbers | what they are |
    | --- | --- |
    | (P - 1) H c r, P | the cards of the others, from the next player on; who lacks a card |
    | D - P H, c r, clues, lives | cards in the deck (so many ones); fireworks; clues and lives left (so many ones) |
    | D | what was discarded: so many ones of each card |
    | 2 P + 4 + c + r + 2 H + c r + 2 | the last move: by whom (from the observer on), kind, told whom, colour, rank, \
which cards; place, card, whether it scored, whether it regained a clue |
    | P H (c r + c + r) | of each card, own ones first: what it can be by what was told; colour and rank told |
    | P, P | whose turn it is, from the observer on; the observer's seat (both are not in the original) |

    The state is the hand of player 0 as H c r numbers, and what player 0 observes.
    """

    players: int = 2
    colours: int = 5
    ranks: int = 5
    hand: int = 0
    clues: int = 8
    lives: int = 3
    keeps: bool = False

    def __post_init__(self) -> None:
        if not 2 <= self.players <= MOST:
            raise UserError(f"players must be 2 to {MOST}, not {self.players}")
        if not 1 <= self.colours <= MOST or not 1 <= self.ranks <= MOST:
            raise UserError(f"colours and ranks must be 1 to {MOST}, not {self.colours} and {self.ranks}")
        if not 0 <= self.hand <= MOST:
            raise UserError(f"hand must be 1 to {MOST} cards, or 0 for what the rules say, not {self.hand}")
        if not 1 <= self.clues <= 50 or not 1 <= self.lives <= 50:
            raise UserError(f"clues and lives must be 1 to 50, not {self.clues} and {self.lives}")
        if self.players * self.held > len(self.deck):
            raise UserError(f"{self.players} hands of {self.held} cards need more than the {len(self.deck)} that exist")

    @property
    def held(self) -> int:
        """H, how many cards a hand has."""
        return self.hand or (5 if self.players < 4 else 4)

    @property
    def copies(self) -> list[int]:
        """Return how many cards of each rank and colour there are."""
        return [3 if rank == 0 else 1 if rank == self.ranks - 1 else 2 for rank in range(self.ranks)]

    @property
    def deck(self) -> list[int]:
        """Return all cards, each colour x ranks + rank."""
        return [c * self.ranks + r for c in range(self.colours) for r, n in enumerate(self.copies) for _ in range(n)]

    @property
    def spec(self) -> EnvSpec:
        p, h, c, r = self.players, self.held, self.colours, self.ranks
        cards, deck = c * r, len(self.deck)
        seen = (p - 1) * h * cards + p + deck - p * h + cards + self.clues + self.lives + deck
        seen += 2 * p + 4 + c + r + 2 * h + cards + 2 + p * h * (cards + c + r) + 2 * p
        return EnvSpec(
            agents=p,
            actions=2 * h + (p - 1) * (c + r),
            observation=seen,
            state=h * cards + seen,
            limit=self.clues + c + 2 * (deck - p * h) + p,  # no clue is told that was not there or regained
            in_turn=True,
        )

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """What each agent's actions are called, [N][A]; cards count from 1, the oldest."""
        places = range(1, self.held + 1)
        own = [f"{does} card {k}" for does in ("discard", "play") for k in places]
        said = [cards.COLOURS[: self.colours], [f"rank {rank + 1}" for rank in range(self.ranks)]]
        return tuple(
            (
                *own,
                *(
                    f"tell {(n + k) % self.players} {what}"
                    for part in said
                    for k in range(1, self.players)
                    for what in part
                ),
            )
            for n in range(self.players)
        )

    def start(self, batch: int) -> "HanabiEnv":
        return HanabiEnv(self, batch)


class HanabiEnv:
    """B games of Hanabi."""

    def __init__(self, task: Hanabi, batch: int) -> None:
        self.spec, self.batch, self._task = task.spec, batch, task
        p, h, c, r = task.players, task.held, task.colours, task.ranks
        self._shown = shown = blank(self.spec, batch)
        shapes = ((len(task.deck),), (p, h), (p, h), (c,), (c * r,), (5,), (9,))
        self._table = table = Table(*(np.zeros((batch, *shape), np.int32) for shape in shapes))
        self._states = np.zeros(batch, np.uint64)
        self._copies = np.tile(np.array(task.copies, np.int32), c)  # of each card
        self._rules = Rules(r, task.clues, task.lives, task.keeps, self._copies)
        bounds: dict[str, tuple[Any, Any]] = {
            "deck": (0, c * r - 1),
            "hands": (-1, c * r - 1),
            "known": (0, 2**12 - 1),
            "fires": (0, r),
            "gone": (0, self._copies),
            "tally": (
                np.array((0, 0, 0, p * h, 0)),
                np.array((p - 1, task.clues, task.lives, len(task.deck), p)),
            ),
            "last": (
                np.array((-1, 0, 0, 0, 0, 0, 0, 0, 0)),
                np.array((p - 1, 3, p - 1, max(c, r) - 1, 2**h - 1, h - 1, c * r - 1, 1, 1)),
            ),
        }
        self._parts = {
            name: Part(getattr(table, name), np.float64(least), np.float64(most))
            for name, (least, most) in bounds.items()
        } | {"reward": Part(shown.reward)}

    def reset(self, rng: np.random.Generator) -> Step:
        return self.renew(np.ones(self.batch, np.bool_), rng)

    def renew(self, which: npt.NDArray[np.bool_], rng: np.random.Generator) -> Step:
        which, shown, task = fitting(which, self.batch), self._shown, self._task
        self._states[which] = seeds(rng, self.batch)[which]
        for array in (shown.reward, shown.terminated, self._table.fires, self._table.gone, self._table.last):
            array[which] = 0
        self._table.deck[which] = task.deck
        self._table.tally[which] = (0, task.clues, task.lives, 0, task.players)
        deal(which, self._states, self._table, task.ranks)
        self._look(which)
        return shown

    def _look(self, which: Flags) -> None:
        shown = self._shown
        show(which, self._table, self._rules, shown.obs, shown.state, shown.legal, shown.terminated)

    def step(self, actions: npt.NDArray[Any]) -> Step:
        shown = self._shown
        actions = choices(actions, shown)
        on = ~shown.terminated
        if not step(actions, self._table, self._rules, shown.legal, shown.reward, shown.terminated, shown.truncated):
            raise illegal(actions, shown)
        self._look(on)
        return shown

    def keep(self) -> dict[str, npt.NDArray[Any]]:
        return copies(self._parts)

    def resume(self, kept: Mapping[str, npt.NDArray[Any]]) -> Step:
        before, table, task = self.keep(), self._table, self._task
        put_back(self._parts, kept)
        full = np.bincount(task.deck, minlength=task.colours * task.ranks)
        whole = all(np.array_equal(np.bincount(deck, minlength=len(full)), full) for deck in table.deck)
        if not whole or ((table.hands[..., :-1] < 0) & (table.hands[..., 1:] >= 0)).any():
            put_back(self._parts, before)
            raise UserError(
                "deck of a game that was kept holds each card as often as the game does; hands have no gaps"
            )
        _, _, lives, _, left = table.tally.T
        done = table.fires.sum(axis=1) == task.colours * task.ranks
        self._shown.terminated[:] = (lives == 0) | (left == 0) | done
        self._look(np.ones(self.batch, np.bool_))
        return self._shown

    def scene(self, episode: int) -> Scene:
        """Return all hands, below each card what its holder was told of it, and the fireworks."""
        table, task = self._table, self._task

        def card(k: int, known: int) -> cards.Card:
            if k < 0:
                return cards.Card(0, 0)
            colour, rank = divmod(k, task.ranks)
            told = [cards.COLOURS[colour]] * (known >> 10 & 1) + [str(rank + 1)] * (known >> 11 & 1)
            return cards.Card(colour, rank + 1, " ".join(told))

        turn, clues, lives, dealt, _ = table.tally[episode].tolist()
        pairs = zip(table.hands[episode].tolist(), table.known[episode].tolist(), strict=True)
        hands = [[card(k, known) for k, known in zip(*pair, strict=True)] for pair in pairs]
        gone = [
            f"{cards.COLOURS[k // task.ranks]} {k % task.ranks + 1}" + (f" x{n}" if n > 1 else "")
            for k, n in enumerate(table.gone[episode].tolist())
            if n
        ]
        tokens = f"clues: {clues}, lives: {lives}, cards in the deck: {len(task.deck) - dealt}"
        told = [tokens, f"discarded: {', '.join(gone) or 'nothing'}"]
        return cards.hanabi(hands, turn, table.fires[episode].tolist(), told)

    def render(self, episode: int) -> str:
        """Return hands (and what may be known), fireworks, discards, tokens."""
        table, task = self._table, self._task
        names = "RYGWB"

        def card(k: int) -> str:
            return f"{names[k // task.ranks]}{k % task.ranks + 1}" if k >= 0 else "--"

        turn, clues, lives, dealt, _ = table.tally[episode].tolist()
        lines = [
            f"{'>' if n == turn else ' '} player {n}: {' '.join(map(card, hand))}"
            for n, hand in enumerate(table.hands[episode].tolist())
        ]
        fires = " ".join(f"{names[c]}{n}" for c, n in enumerate(table.fires[episode].tolist()))
        gone = " ".join(card(k) for k, n in enumerate(table.gone[episode].tolist()) for _ in range(n))
        lines.append(f"fireworks: {fires}, clues: {clues}, lives: {lives}, deck: {len(task.deck) - dealt}")
        return "\n".join([*lines, f"discarded: {gone}", f"reward: {self._shown.reward[episode]:g}"])
