"""Checks of games: that one is well formed, and that two are the same."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from counterplay.api.testing.plain import Key, line_of
from counterplay.engine import strategy
from counterplay.engine.errors import UserError
from counterplay.engine.form import sequence_form
from counterplay.engine.rules import (
    CHANCE,
    LEAF,
    Histories,
    has_arrays,
    has_frontier,
    has_future,
    histories,
    is_dealt,
    is_phantom,
)
from counterplay.engine.tree import compile_tree, same_game
from counterplay.games import GAMES
from counterplay.solvers.value import judge, judge_table

NODES = 200_000  # states that a check visits; of larger games it visits plays that are drawn
_OFFERS = ("deals", "event", "odds", "table", "frontier", "shape", "expander", "future")


class _Plain:
    """A game without anything that it need not offer."""

    def __init__(self, game: Any) -> None:
        self._game = game

    def __getattr__(self, name: str) -> Any:
        if name in _OFFERS:
            raise AttributeError(name)
        return getattr(self._game, name)


def check_game(game: Any, *, zero_sum: bool | None = None, most: int = NODES, seed: int = 0) -> None:
    """Raise `AssertionError` where a game is not well formed, with the line of play that shows it.

    `game` is whatever `counterplay.solve` takes. Every state is asked for its turn, moves, odds, payoffs and what is
    seen: labels are texts and differ, odds are probabilities of the moves, payoffs are a finite number a player (and
    sum to zero, with `zero_sum=True`), an information set has the same moves everywhere, no player forgets what it saw
    and did, and asking twice gives the same. What a game offers beyond its plain rules (whole tables, a frontier,
    equal futures, a factored form) must say what these say. Of a game of more than `most` states, plays are drawn.
    """
    rules = GAMES.make(game)
    plain = histories(rules)
    walk = _Walk(plain, rules.players, zero_sum)
    whole = walk.all(most)
    if not whole:
        walk.some(np.random.default_rng(seed), most)
    if whole:
        try:
            _check_offers(rules, most)
        except UserError as error:
            raise AssertionError(f"what it offers beside its plain rules makes no tree: {error}") from error


class _Walk:
    """States visited, and what was said of information sets so far."""

    def __init__(self, game: Any, players: int, zero_sum: bool | None) -> None:
        self.game, self.players, self.zero_sum = game, players, zero_sum
        self.moves: dict[Key, tuple[tuple[str, ...], list[int]]] = {}
        self.memory: dict[Key, tuple[tuple[tuple[str, str], ...], list[int]]] = {}

    def all(self, most: int) -> bool:
        """Visit every state; return False where they are more than so many."""
        memories = ((),) * self.players
        stack: list[tuple[Any, list[int], tuple[Any, ...]]] = [(self.game.root(), [], memories)]
        count = 0
        while stack:
            state, path, seen = stack.pop()
            count += 1
            if count > most:
                return False
            for i, p, after in self.look(state, path, seen):
                if p != 0:
                    stack.append((self.play(state, path, i), [*path, i], after))
        return True

    def some(self, rng: np.random.Generator, most: int) -> None:
        """Visit so many states, on plays that are drawn."""
        while most > 0:
            state, path, seen = self.game.root(), list[int](), ((),) * self.players
            while ways := self.look(state, path, seen):
                most -= 1
                can = [way for way in ways if way[1] != 0]
                i, _, seen = can[int(rng.integers(len(can)))]
                state, path = self.play(state, path, i), [*path, i]
            most -= 1

    def fail(self, path: Sequence[int], what: str) -> AssertionError:
        return AssertionError(f"after {line_of(self.game, path)}: {what}")

    def play(self, state: Any, path: Sequence[int], i: int) -> Any:
        """Return the state after a move, once the state before it is seen to stay as it was."""
        turn, moves = self.game.turn(state), list(self.game.moves(state))
        after = self.game.play(state, i)
        if self.game.turn(state) != turn or list(self.game.moves(state)) != moves:
            raise self.fail(path, f"play(state, {i}) changes the state that it is given, and states must not change")
        return after

    def look(self, state: Any, path: list[int], seen: tuple[Any, ...]) -> list[tuple[int, float, Any]]:
        """Check a state; return its moves, each with its chance (1 of a decision) and what is remembered after it."""
        game = self.game
        turn = game.turn(state)
        if turn == LEAF:
            self._paid(state, path)
            return []
        if turn != CHANCE and not 0 <= turn < self.players:
            raise self.fail(path, f"turn is {turn!r}, which is no player, CHANCE or LEAF")
        moves = tuple(game.moves(state))
        if not moves:
            raise self.fail(path, "there is no move")
        if not all(isinstance(move, str) for move in moves):
            raise self.fail(path, f"moves must be texts, not {moves!r}")
        if turn == CHANCE:
            odds = list(game.chance(state))
            if len(odds) != len(moves):
                raise self.fail(path, f"chance gives {len(odds)} probabilities for {len(moves)} moves")
            if not (min(odds) >= 0 and abs(sum(odds) - 1) <= 1e-9):
                raise self.fail(path, f"the probabilities of chance are {odds}, and sum to {sum(odds):.12g}")
            return [(i, p, seen) for i, p in enumerate(odds)]
        if len(set(moves)) < len(moves):
            raise self.fail(path, f"two moves of player {turn} share a label: {moves}")
        label = game.sees(state, turn)
        if not isinstance(label, str):
            raise self.fail(path, f"sees must be a text, not {label!r}")
        self._infoset((turn, label), moves, seen[turn], path)
        return [
            (i, 1.0, (*seen[:turn], (*seen[turn], (label, move)), *seen[turn + 1 :])) for i, move in enumerate(moves)
        ]

    def _paid(self, state: Any, path: list[int]) -> None:
        paid = tuple(self.game.payoffs(state))
        if len(paid) != self.players or not all(map(math.isfinite, paid)):
            raise self.fail(path, f"payoffs must be {self.players} finite numbers, not {paid}")
        if self.zero_sum and abs(sum(paid)) > 1e-9 * max(1.0, *map(abs, paid)):
            raise self.fail(path, f"payoffs {paid} do not sum to zero")
        if tuple(self.game.payoffs(state)) != paid:
            raise self.fail(path, "asked twice, it pays differently")

    def _infoset(self, key: Key, moves: tuple[str, ...], memory: tuple[Any, ...], path: list[int]) -> None:
        player, label = key
        known, where = self.moves.setdefault(key, (moves, path))
        if known != moves:
            raise self.fail(
                path,
                f"player {player} sees {label!r} and has the moves {moves}, but with the same in sight it has "
                f"{known} after {line_of(self.game, where)}",
            )
        before, where = self.memory.setdefault(key, (memory, path))
        if before != memory:
            raise self.fail(
                path,
                f"player {player} sees {label!r} and has seen and done {list(memory)}, but with the same in sight it "
                f"has seen and done {list(before)} after {line_of(self.game, where)}: it forgets (imperfect recall)",
            )


def _check_offers(rules: Any, most: int) -> None:
    """Raise `AssertionError` where what a game offers beside its plain rules says something else."""
    tree = compile_tree(rules, max_nodes=most + 1)
    offers = {
        "its whole tables (DealtArrays)": is_dealt(rules) and has_arrays(rules),
        "its frontier": has_frontier(rules),
        "its futures": is_dealt(rules) and has_future(rules),
        "its expander": hasattr(rules, "expander"),
    }
    if any(offers.values()):
        told = " and ".join(name for name, has in offers.items() if has)
        assert same_game(tree, compile_tree(_Plain(rules))), f"{told} do not say what its plain rules say"
    table = strategy.random(tree, np.random.default_rng(0))
    forms = {"the sequence form": judge_table(sequence_form(tree), table)}
    if is_dealt(rules):
        apart = compile_tree(Histories(rules))
        rows = {(int(o), name): i for i, (o, name) in enumerate(zip(apart.owner, apart.labels, strict=True))}
        flat = strategy.uniform(apart)
        for i, (owner, label) in enumerate(zip(tree.owner.tolist(), tree.labels, strict=True)):
            for lane, hand in enumerate(tree.hands[owner]):
                at = rows.get((owner, f"{hand} {label}".strip()))
                if at is not None:
                    flat[apart.first[at] : apart.first[at + 1], 0] = table[tree.first[i] : tree.first[i + 1], lane]
        forms["hand by hand"] = judge_table(sequence_form(apart), flat)
    if is_phantom(rules):
        forms["the factored form"] = _factored(rules, table, tree)
    wanted = forms.pop("the sequence form")
    for name, found in forms.items():
        close = np.allclose(found.value, wanted.value, atol=1e-9) and np.allclose(found.best, wanted.best, atol=1e-9)
        assert close, f"a random strategy is worth {wanted} by its tree and {found} {name}"


def _factored(rules: Any, table: Any, tree: Any) -> Any:
    """Return what a table over the tree is worth by the factored form."""
    from counterplay.api.factored_strategies import as_vector
    from counterplay.api.testing.plain import to_profile

    labels = {(int(o), name): acts for o, name, acts in zip(tree.owner, tree.labels, tree.actions, strict=True)}
    given = {key: dict(zip(labels[key], odds, strict=True)) for key, odds in to_profile(tree, table).items()}
    form, sigma, _ = as_vector(given, rules)
    return judge(form, sigma)


def check_same_game(one: Any, other: Any, *, label: Callable[[str], str] | None = None) -> None:
    """Raise `AssertionError` where two encodings are not of the same game, with the line of play that shows it.

    Both are walked side by side: the same players act, chances and payoffs are equal, and what a player cannot tell
    apart in the one it cannot tell apart in the other. Moves go together by their labels, or where these are others by
    their order; information sets may be called anything. `label` takes a label of chance in the `other` game to that in
    the `one`: several that become the same, such as two suits of a rank that never matter, are walked as one.
    """
    first, second = (histories(GAMES.make(game)) for game in (one, other))
    if first.players != second.players:
        raise AssertionError(f"one game is for {first.players} players, the other for {second.players}")
    there: dict[Key, Key] = {}
    back: dict[Key, Key] = {}
    stack: list[tuple[Any, list[Any], list[int]]] = [(first.root(), [second.root()], [])]
    while stack:
        state, others, path = stack.pop()
        where = f"after {line_of(first, path)}: "
        turn = first.turn(state)
        for twin in others:
            if second.turn(twin) != turn:
                raise AssertionError(f"{where}{_name(turn)} in one game, {_name(second.turn(twin))} in the other")
        if turn == LEAF:
            paid = list(first.payoffs(state))
            for twin in others:
                if not np.allclose(paid, list(second.payoffs(twin)), rtol=0, atol=1e-9):
                    raise AssertionError(f"{where}one game pays {paid}, the other {list(second.payoffs(twin))}")
            continue
        if turn != CHANCE:
            for twin in others:
                mine, theirs = (turn, first.sees(state, turn)), (turn, second.sees(twin, turn))
                if there.setdefault(theirs, mine) != mine:
                    raise AssertionError(
                        f"{where}player {turn} sees {mine[1]!r}, but the other game does not tell it from "
                        f"{there[theirs][1]!r}: there both are {theirs[1]!r}"
                    )
                if label is None and back.setdefault(mine, theirs) != theirs:
                    raise AssertionError(
                        f"{where}player {turn} sees {mine[1]!r}, which is two things in the other game, "
                        f"{back[mine][1]!r} and {theirs[1]!r}"
                    )
        ways = list(_pairs(first, state, second, others, where, label if turn == CHANCE else None))
        stack += [(first.play(state, i), twins, [*path, i]) for i, twins in ways]


def _name(turn: int) -> str:
    return {CHANCE: "chance moves", LEAF: "play is over"}.get(turn, f"player {turn} acts")


def _pairs(
    first: Any, state: Any, second: Any, others: list[Any], where: str, label: Callable[[str], str] | None
) -> Iterator[tuple[int, list[Any]]]:
    """Yield each move of a state with the states of the other game after it."""
    moves, by_chance = list(first.moves(state)), first.turn(state) == CHANCE
    mine = list(first.chance(state)) if by_chance else [1.0] * len(moves)
    following: list[list[Any]] = [[] for _ in moves]
    for twin in others:
        names = [label(name) if label else name for name in second.moves(twin)]
        theirs = list(second.chance(twin)) if by_chance else [1.0] * len(names)
        some = [(i, p) for i, p in enumerate(theirs) if p > 0]
        ours = [i for i, p in enumerate(mine) if p > 0]
        if set(names) >= {moves[i] for i in ours} and (label or len(set(names)) == len(names)):
            at = {i: moves.index(names[i]) for i, _ in some if names[i] in moves}
        else:
            at = {i: k for (i, _), k in zip(some, ours, strict=False)}
        sums = [0.0] * len(moves)
        for i, p in some:
            if i not in at:
                raise AssertionError(f"{where}the other game also has {names[i]!r}; one game has {moves}")
            sums[at[i]] += p
            following[at[i]].append(second.play(twin, i))
        if not np.allclose(sums, mine, rtol=0, atol=1e-9):
            what = f"chances {mine}, the other {sums}" if by_chance else f"moves {moves}, the other {names}"
            raise AssertionError(f"{where}one game has the {what}")
    yield from ((i, twins) for i, twins in enumerate(following) if twins)
