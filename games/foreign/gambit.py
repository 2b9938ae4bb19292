"""Games from Gambit's files: extensive form (.efg) and normal form (.nfg), as the Gambit manual describes them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count, product
from math import prod
from typing import Any, NamedTuple

from counterplay.engine.errors import UserError
from counterplay.engine.files import read_text
from counterplay.engine.rules import CHANCE, LEAF
from counterplay.games.foreign.gambit_scanner import Scanner
from counterplay.games.matrix import MAX_PROFILES, Matrix

_ROUNDED = 1e-5  # chance probabilities may be this far from summing to one: files hold them with six decimals


class GambitNode(NamedTuple):
    """A node of an extensive form. `payoffs` are those of all outcomes on the way here, its own included."""

    turn: int
    infoset: str
    moves: tuple[str, ...]
    odds: tuple[float, ...]
    children: tuple[int, ...]
    payoffs: tuple[float, ...]


@dataclass(frozen=True)
class ExtensiveForm:
    """A game given as its tree; a state is the index of a node, and the root is 0."""

    names: tuple[str, ...]
    nodes: tuple[GambitNode, ...] = field(repr=False)
    file: str = field(default="", compare=False)

    @property
    def players(self) -> int:
        return len(self.names)

    def root(self) -> int:
        return 0

    def turn(self, state: int) -> int:
        return self.nodes[state].turn

    def moves(self, state: int) -> Sequence[str]:
        return self.nodes[state].moves

    def chance(self, state: int) -> Sequence[float]:
        return self.nodes[state].odds

    def play(self, state: int, move: int) -> int:
        return self.nodes[state].children[move]

    def payoffs(self, state: int) -> Sequence[float]:
        return self.nodes[state].payoffs

    def sees(self, state: int, player: int) -> str:
        """Return the name of the information set, with its number where the name alone is empty or not unique."""
        return self.nodes[state].infoset


def read(text: str) -> ExtensiveForm | Matrix:
    """Return the game of a spec, `gambit:FILE` or the file; raises `ValueError` as `load`."""
    try:
        return load(text.removeprefix("gambit:"))
    except ValueError as error:
        raise UserError(f"gambit: {error}") from None


def from_pygambit(game: Any) -> ExtensiveForm | Matrix:
    """Return the rules of a `pygambit.Game`, as Gambit writes it to a file."""
    write = getattr(game, "to_efg", None) or partial(game.write, "efg")
    written = write()
    return parse(written.decode() if isinstance(written, bytes) else str(written), "the pygambit game")


def load(file: str) -> ExtensiveForm | Matrix:
    """Read a Gambit file, .efg or .nfg by its first word; raise `ValueError` that names the line of a mistake."""
    return parse(read_text(file, "a Gambit file"), file)


def parse(text: str, file: str) -> ExtensiveForm | Matrix:
    """Return the game in the text of a Gambit file; `file` is what messages call it. Raises `ValueError`."""
    if not text.lstrip().startswith(("EFG", "NFG")):  # what else is in it is nobody's business
        raise UserError(f'{file}, line 1: expected a Gambit file, which begins with "EFG 2 R" or "NFG 1 R"')
    reader = Scanner(file, text)
    kind = reader.word('a Gambit file, which begins with "EFG 2 R" or "NFG 1 R"', ("EFG", "NFG"))
    version = "2" if kind == "EFG" else "1"
    reader.word(f"version {version}", (version,))
    reader.word("R or D, the kind of numbers", ("R", "D"))
    reader.quoted("the title of the game")
    return _extensive(reader) if kind == "EFG" else _normal(reader)


def _unique(names: Sequence[str], numbers: Iterable[int]) -> tuple[str, ...]:
    """Return the names, with their numbers where they are empty or not unique (or could be mistaken for such)."""
    times = Counter(names)
    return tuple(
        name if name and times[name] == 1 and "#" not in name else f"{name} #{number}".strip()
        for name, number in zip(names, numbers, strict=False)
    )


class _Infoset(NamedTuple):
    name: str
    moves: tuple[str, ...]
    odds: tuple[float, ...]


class _Draft(NamedTuple):
    """A node while its children are being read."""

    turn: int
    number: int  # of the information set
    branches: int
    children: list[int]
    payoffs: tuple[float, ...]


def _extensive(reader: Scanner) -> ExtensiveForm:
    """Read the players and the tree, whose nodes stand in preorder."""
    names = reader.names("names of players")
    if not names:
        reader.wrong("expected the names of the players")
    reader.comment()
    infosets: dict[tuple[int, int], _Infoset] = {}
    outcomes: dict[int, tuple[float, ...]] = {0: (0.0,) * len(names)}
    found: list[_Draft] = []
    unfinished: list[_Draft] = []
    while unfinished or not found:
        kind = reader.word("a node: c (chance), p (player) or t (terminal)", ("c", "p", "t"))
        reader.quoted("the name of the node")
        turn, number, branches = LEAF, 0, 0
        if kind != "t":
            turn = reader.integer("the player", 1, len(names)) - 1 if kind == "p" else CHANCE
            number = reader.integer("the number of the information set", 1)
            branches = len(_infoset(reader, infosets, turn, number).moves)
        gain = _outcome(reader, outcomes, len(names))
        if unfinished:
            unfinished[-1].children.append(len(found))
            gain = tuple(a + b for a, b in zip(unfinished[-1].payoffs, gain, strict=True))
        found.append(_Draft(turn, number, branches, [], gain))
        unfinished.append(found[-1])
        while unfinished and len(unfinished[-1].children) == unfinished[-1].branches:
            unfinished.pop()
    reader.end("the tree")
    labels: dict[tuple[int, int], str] = {(LEAF, 0): ""}
    for turn in range(CHANCE, len(names)):
        keys = [key for key in infosets if key[0] == turn]
        unique = _unique([infosets[key].name for key in keys], [number for _, number in keys])
        labels.update(zip(keys, unique, strict=True))
    infosets[LEAF, 0] = _Infoset("", (), ())
    nodes = []
    for draft in found:
        key = (draft.turn, draft.number)
        _, moves, odds = infosets[key]
        nodes.append(GambitNode(draft.turn, labels[key], moves, odds, tuple(draft.children), draft.payoffs))
    return ExtensiveForm(_unique(names, count(1)), tuple(nodes), reader.file)


def _infoset(reader: Scanner, known: dict[tuple[int, int], _Infoset], turn: int, number: int) -> _Infoset:
    """Read the name and actions of an information set, which may be left out where they were given before."""
    before = known.get((turn, number))
    name = reader.quoted("the name of the information set") if reader.peek().kind == "text" else ""
    if not reader.is_brace("{"):
        if before is None:
            reader.fail("expected { before the actions of a new information set")
        return before
    reader.open("actions")
    moves, odds = [], []
    while not reader.close("actions"):
        moves.append(reader.quoted("an action"))
        if turn == CHANCE:
            odds.append(reader.number("the probability of the action"))
    if not moves:
        reader.wrong("expected at least one action")
    if turn == CHANCE:
        if min(odds) < 0 or abs(sum(odds) - 1) > _ROUNDED:
            reader.wrong(f"probabilities must be non-negative and sum to 1, not {sum(odds):.9g}")
        odds = [p / sum(odds) for p in odds]
    read = _Infoset(name, _unique(moves, count(1)), tuple(odds))
    if before is not None and read[1:] != before[1:]:
        whose = "of chance" if turn == CHANCE else f"of player {turn + 1}"
        reader.wrong(f"information set {number} {whose} has other actions than before: {', '.join(before.moves)}")
    known[turn, number] = before or read
    return known[turn, number]


def _outcome(reader: Scanner, known: dict[int, tuple[float, ...]], players: int) -> tuple[float, ...]:
    """Read the outcome of a node: its number, and name and payoffs, which may be left out where given before."""
    number = reader.integer("the number of the outcome, 0 for none", 0)
    if reader.peek().kind == "text":
        reader.quoted("the name of the outcome")
    if not reader.is_brace("{"):
        if number not in known:
            reader.fail(f"expected {{ before the payoffs of outcome {number}")
        return known[number]
    payoffs = reader.payoffs(players)
    if known.setdefault(number, payoffs) != payoffs:
        reader.wrong(f"outcome {number} has other payoffs than before")
    return payoffs


def _normal(reader: Scanner) -> Matrix:
    """Read the players, their strategies by number or by name, and the payoffs, outright or through outcomes."""
    names = reader.names("names of players")
    if not names:
        reader.wrong("expected the names of the players")
    reader.open("numbers or names of strategies")
    actions: list[tuple[str, ...]] = []
    while not reader.close("strategies"):
        if reader.is_brace("{"):
            actions.append(_unique(reader.names("names of strategies"), count(1)))
        else:
            size = reader.integer("a number of strategies", 1)
            actions.append(tuple(str(k + 1) for k in range(min(size, MAX_PROFILES + 1))))
    if len(actions) != len(names) or not all(actions):
        reader.wrong(f"expected strategies for {len(names)} players, at least one each")
    profiles = prod(map(len, actions))
    if profiles > MAX_PROFILES:
        reader.wrong(f"{profiles:,} profiles of strategies are too many; at most {MAX_PROFILES:,} fit")
    reader.comment()
    listed = _outcome_list(reader, len(names)) if reader.is_brace("{") else None
    rows: list[tuple[float, ...]] = []
    for _ in range(profiles):
        if listed is None:
            rows.append(tuple(reader.number(f"{profiles} x {len(names)} payoffs") for _ in names))
        else:
            rows.append(listed[reader.integer(f"{profiles} outcomes", 0, len(listed) - 1)])
    reader.end("the payoffs")
    # In the file the first player's strategy changes fastest, in `Matrix` the last player's.
    sizes = [len(labels) for labels in actions]
    steps = [prod(sizes[:p]) for p in range(len(sizes))]
    order = (sum(a * s for a, s in zip(profile, steps, strict=True)) for profile in product(*map(range, sizes)))
    return Matrix(tuple(actions), tuple(rows[i] for i in order), _unique(names, count(1)), reader.file)


def _outcome_list(reader: Scanner, players: int) -> list[tuple[float, ...]]:
    """Read the named outcomes of a normal form; the first returned is number 0, which pays nothing."""
    reader.open("outcomes")
    outcomes: list[tuple[float, ...]] = [(0.0,) * players]
    while not reader.close("outcomes"):
        outcomes.append(reader.payoffs(players, named=True))
    return outcomes
