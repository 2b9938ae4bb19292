"""The solution of a phantom game that is solved without a tree, in its factored form.

Of decisions that the board's symmetries take to each other the form has one, which stands for all of them: they are
played alike. Labels are made when they are asked for, since there may be millions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.api.export import claims
from counterplay.api.solution import FACTORED, Solution, not_comparable
from counterplay.api.solved import Solved
from counterplay.api.tree_solution import Infoset
from counterplay.engine import arguments
from counterplay.engine.attempts import children, depths, locate
from counterplay.engine.batches import Batch, attempts_in, batch_of, batches, images, odds
from counterplay.engine.compiling import tell
from counterplay.engine.errors import UserError
from counterplay.engine.factored import FactoredForm
from counterplay.engine.factored_size import admit_factored, describe_factored, factored_size
from counterplay.engine.phantom import factored_form
from counterplay.engine.rules import Phantom, is_phantom
from counterplay.engine.store import write
from counterplay.engine.strategy import is_profile
from counterplay.engine.system import available
from counterplay.engine.text import as_json, size
from counterplay.games.in_the_dark import IN_VAIN, NOTHING, read, written
from counterplay.show.text import check_player
from counterplay.solvers.reach import factored_reach, note
from counterplay.solvers.value import Judgement, judge

_COLUMNS = ("player", "infoset", "hand", "action", "probability", "reach", "note")  # as of games with a tree
_ROW = 400  # bytes that a row as a dictionary takes
_LONG = 5.0  # seconds from which on building is worth a word
_QUICK = 9  # cells up to which a form is built in seconds, unless the game is abrupt
_MANY, _TEXT = 1_000_000, 75  # rows from which on the size of a text is told, and about what each takes
_PIECE = 4096  # rows of text that are handed on together

Attempts = Sequence[tuple[int, bool]]


class Marked(NamedTuple):
    """An information set, how often a game gets there if all play the solution, and a note."""

    infoset: Infoset
    reach: float
    note: str


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class FactoredSolution(Solved):
    """The solution of a phantom game that is solved without a tree.

    `strategy` is [S], a probability for each sequence of `form`, which has one decision for all that are mirror images
    of each other. It cannot be written to: `strategy.copy()` can, and `counterplay.judge(solution, changed)` measures
    it. An information set goes by the cells that its player tried, in order, those in vain with an x: "b2 a1x", and
    "start" before the first. Iterating over the solution gives each `Infoset`. Two solutions are equal if they are the
    same object.
    """

    infosets: int  # mirror images counted

    kind = FACTORED
    certain = True  # two players and zero-sum

    def is_mix(self) -> bool:
        """Tell whether the strategy is one: probabilities that sum to one at every information set."""
        form = factored_form(self.phantom)
        return len(self.strategy) == form.sequences and is_profile(form, self.strategy)

    @cached_property
    def phantom(self) -> Phantom:
        """Return the game's rules; raises `ValueError` as `made`, and where they are of another kind of game."""
        rules = self.made()
        if not is_phantom(rules):
            raise UserError(f"the rules of {self.game} are not those that this solution was made for")
        return rules

    @cached_property
    def form(self) -> FactoredForm:
        """Return the game's factored form, built again; raises `ValueError` if the strategy does not fit it."""
        return rebuilt(self.phantom, self)

    @cached_property
    def _children(self) -> npt.NDArray[np.uint32]:
        return children(self.form)

    def _place(self, player: int, tried: Attempts) -> tuple[int, npt.NDArray[np.int8]] | None:
        """Return a player's decision after such attempts, and the symmetry that takes cells there; None without."""
        form, after = self.form, self._children  # what is wrong with these is told
        try:
            return locate(form, player, tried, after)
        except UserError:
            return None

    @cached_property
    def reached(self) -> npt.NDArray[np.float64]:
        """Return how often a game gets to each decision of the form, or to a mirror image of it, [D]."""
        return factored_reach(self.phantom, self.form, self.strategy)

    def find(self, *where: str, player: int | None = None) -> tuple[int, Attempts]:
        """Return the player and the attempts that a label names, or OpenSpiel's string; raises `ValueError` as `at`."""
        if not where or not all(isinstance(part, str) for part in where):
            raise UserError("an information set is named by what was tried: at('b2 a1x', player=0), or at('start')")
        if player is not None:
            player = arguments.player(player, self.players)
        text = " ".join(where).strip()
        if "\n" in text:
            from counterplay.games.foreign.dark_openspiel import attempts_of

            player, tried = attempts_of(self.phantom, " ".join(where))
        else:
            tried = read(self.phantom.names, text)
        owners = [p for p in range(2) if player in (None, p) and self._place(p, tried) is not None]
        if not owners:
            whose = "nobody decides" if player is None else f"player {player} never decides"
            raise UserError(f"{whose} after {text!r}: no play of the other's leads there, or the game is over")
        if len(owners) > 1:
            raise UserError(f"players 0 and 1 both have an information set {text!r}: say whose, with player=")
        return owners[0], tried

    def odds(self, player: int, tried: Attempts) -> npt.NDArray[np.float64] | None:
        """Return the probability of each cell after these attempts of a player, [C]; None where it never decides."""
        found = self._place(player, tried)
        if found is None:
            return None
        decision, turn = found
        row: npt.NDArray[np.float64] = odds(self.form, self.strategy, batch_of(self.form, player, decision))[0, turn]
        return row

    def reach(self, *where: str, player: int | None = None) -> float:
        """Return how often a game gets to an information set, named as for `at`, if all play the solution."""
        return self.reach_of(*self.find(*where, player=player))

    def reach_of(self, player: int, tried: Attempts) -> float:
        """Return how often a game gets to a player's decision after such attempts; 0 where there is none."""
        found = self._place(player, tried)
        return 0.0 if found is None else float(self._alone([found[0]])[0])

    def _alone(self, decisions: Any) -> npt.NDArray[np.float64]:
        """Return how often a game gets to each of these decisions, their mirror images not counted."""
        share: npt.NDArray[np.float64] = self.reached[decisions] / self.form.share[self.form.parent[decisions]]
        return share

    def at(self, *where: str, player: int | None = None) -> dict[str, float]:
        """Return the probability of each action at an information set.

        `where` is its label, "b2 a1x", or OpenSpiel's information-state string. Most labels are both players': `player`
        says whose. Raises `ValueError` for what does not exist.
        """
        return self.mix(*self.find(*where, player=player))

    def mix(self, player: int, tried: Attempts) -> dict[str, float]:
        """Return the probability of each action after these attempts of a player; raises `ValueError` as `at`."""
        row = self.odds(player, tried)
        if row is None:
            label = written(self.phantom.names, tried)
            raise UserError(f"the solution has no decision of player {player} at {label!r}: it is of other rules")
        return _named(self.phantom.names, tried, row.tolist())

    def __getitem__(self, where: str | tuple[int, str]) -> dict[str, float]:
        """Return the probability of each action at a label, or at (player, label); raises `ValueError` as `at`."""
        if isinstance(where, tuple) and len(where) == 2:
            return self.at(where[1], player=where[0])
        return self.at(where)  # what is no label is refused there

    def __contains__(self, where: object) -> bool:
        """Tell whether an information set goes by a label, or by (player, label)."""
        player, label = where if isinstance(where, tuple) and len(where) == 2 else (None, where)
        if not isinstance(label, str) or player not in (None, 0, 1):
            return False
        try:
            tried = read(self.phantom.names, label)
        except UserError:
            return False
        return any(player in (None, p) and self._place(p, tried) is not None for p in range(2))

    def __len__(self) -> int:
        """Return the number of information sets, mirror images counted."""
        return self.infosets

    def __iter__(self) -> Iterator[Infoset]:
        """Iterate over all information sets, player by player, mirror images one after another."""
        for batch in batches(self.form):
            for *_, infoset in self._unfolded(batch):
                yield infoset

    def _unfolded(self, batch: Batch) -> Iterator[tuple[int, Infoset]]:
        """Yield the information sets that decisions of a batch stand for, each with its number in the batch."""
        names, probabilities = self.phantom.names, odds(self.form, self.strategy, batch)
        words = [name + IN_VAIN * in_vain for name in names for in_vain in (False, True)]  # by what batches hold
        parts = [
            (new.tolist(), tried.tolist(), probabilities[:, np.argsort(turn)].tolist())
            for turn, new, tried in images(self.form, batch)
        ]
        for i in range(len(batch.tried)):
            for new, tried, rows in parts:
                if new[i]:
                    codes = [code for code in tried[i] if code >= 0]
                    label = " ".join([words[code] for code in codes]) or NOTHING
                    known = {names[code >> 1] for code in codes}
                    mix = {name: x for name, x in zip(names, rows[i], strict=True) if name not in known}
                    yield i, Infoset(batch.player, "", label, label, mix)

    def marked(
        self, player: int | None = None, limit: int | None = None, after: Attempts | None = None
    ) -> Iterator[Marked]:
        """Yield information sets with how often they are reached: all of them, or the first of each player by that.

        With a limit there are so many of each player, one for all of its mirror images. `after` some attempts of a
        player there are those alone that come after, and each once.
        """
        if limit is None and after is None:
            for batch in batches(self.form):
                if player in (None, batch.player):
                    often = self._alone(np.arange(batch.first, batch.first + len(batch.tried))).tolist()
                    for i, infoset in self._unfolded(batch):
                        yield Marked(infoset, often[i], note(often[i]))
            return
        for p in range(self.players) if player is None else (player,):
            decisions, turn = self._below(p, after or ())
            often = self._alone(decisions)
            first = np.argsort(-often, kind="stable")[:limit]
            for decision, reach in zip(decisions[first].tolist(), often[first].tolist(), strict=True):
                yield Marked(self._seen(p, decision, turn), reach, note(reach))

    def _below(self, player: int, tried: Attempts) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the decisions of the form after some attempts, and the symmetry that takes theirs back to these."""
        found = self._place(player, tried)
        if found is None:
            return np.zeros(0, np.int64), np.arange(self.form.group.shape[1])
        depth, (top, turn) = depths(self.form), found
        later = np.flatnonzero(depth[top + 1 : int(self.form.begin[player + 1])] <= depth[top])
        end = top + 1 + int(later[0]) if len(later) else int(self.form.begin[player + 1])
        return np.arange(top + 1 if tried else top, end), np.argsort(turn)

    def _seen(self, player: int, decision: int, turn: npt.NDArray[np.int64]) -> Infoset:
        """Return a decision of the form as an information set, on a board that a symmetry has turned."""
        batch = batch_of(self.form, player, decision)
        tried = [(int(turn[cell]), in_vain) for cell, in_vain in attempts_in(batch.tried[0].tolist())]
        row = odds(self.form, self.strategy, batch)[0, np.argsort(turn)]
        label = written(self.phantom.names, tried)
        return Infoset(player, "", label, label, _named(self.phantom.names, tried, row.tolist()))

    def rows(self) -> list[dict[str, Any]]:
        """Return a dictionary for each action of each information set, as `pandas.DataFrame` takes them.

        Raises `ValueError` where there are more than memory holds; `marked` yields them one by one, the most often
        reached first with a limit.
        """
        self._check_room("the list")
        return list(self._rows(None, None))

    def to_dict(self) -> dict[tuple[int, str], dict[str, float]]:
        """Return the strategy as a dictionary: (player, label) to action to probability; `judge` takes it back.

        Raises `ValueError` where it is more than memory holds.
        """
        self._check_room("the dictionary")
        return {(infoset.player, infoset.label): infoset.strategy for infoset in self}

    def _check_room(self, what: str) -> None:
        needed, free = int(self.actions) * _ROW, available()
        if needed > free:
            raise UserError(
                f"{what} would have {self.actions:,} entries, about {size(needed)}, and {size(free)} are free: "
                "marked(limit=1000) yields the information sets that are reached most often"
            )

    @cached_property
    def actions(self) -> int:
        """Return the number of actions at all information sets, mirror images counted."""
        return int(self.form.share[2:].sum(dtype=np.int64))

    def _rows(self, player: int | None, limit: int | None) -> Iterator[dict[str, Any]]:
        for infoset, often, said in self.marked(player, limit):
            head = {"player": infoset.player, "infoset": infoset.label, "hand": ""}
            for action, probability in infoset.strategy.items():
                yield {**head, "action": action, "probability": probability, "reach": often, "note": said}

    def judge(self) -> Judgement:
        """Measure the strategy again, from the rules: value and best response of every player, exactly."""
        return judge(self.form, self.strategy)

    def is_of(self, rules: Phantom) -> bool:
        """Tell whether the solution is of a game, by its board, its rules and what it pays."""
        check_size(mine := self.phantom, self)
        same = mine.names == rules.names and mine.abrupt == rules.abrupt
        alike = same and np.array_equal(mine.ends(), rules.ends())
        return alike and np.array_equal(mine.symmetries(), rules.symmetries())

    def against(self, other: "FactoredSolution") -> tuple[tuple[float, ...], ...]:
        """Return the exact expected payoffs of both players with this strategy in one seat and `other` in the other.

        Entry p is the payoffs with this strategy in seat p. Raises `ValueError` if the games differ.
        """
        if not isinstance(other, Solution):
            raise UserError(f"against takes a solution, as solve and load return it, not {type(other).__name__}")
        if not isinstance(other, FactoredSolution) or not self.is_of(other.phantom):
            raise not_comparable(self, other)
        second = int(self.form.first[self.form.begin[1]])  # sequences of the second player follow
        seated = [np.concatenate([a.strategy[:second], b.strategy[second:]]) for a, b in ((self, other), (other, self))]
        return tuple(judge(self.form, profile).value for profile in seated)

    def export(
        self, to: str = "csv", *, line: str | None = None, player: int | str | None = None, limit: int | None = None
    ) -> str:
        """Return the whole strategy, or a player's, as text: as `pieces` has it, all at once."""
        return "".join(self.pieces(to, line=line, player=player, limit=limit))

    def pieces(
        self, to: str = "csv", *, line: str | None = None, player: int | str | None = None, limit: int | None = None
    ) -> Iterator[str]:
        """Return the strategy as text, piece by piece: "csv" has a line for each action, "json" an object a set.

        With a limit it is so many information sets of each player, those that are reached most often, one for all of
        its mirror images. Raises `ValueError` for other formats, a player that does not exist, and a line of play.
        """
        if line is not None:
            raise UserError(f"a line of play (--node) is for hold'em spots, and this solution is of {self.game}")
        if to not in ("csv", "json"):
            raise UserError(f"solutions are exported to csv or json, not to {to!r}")
        seat = check_player(player, self.players)
        if limit is not None:
            arguments.whole("limit", limit, 1)
        elif self.actions > _MANY:
            tell(
                f"{self.actions:,} rows, about {size(self.actions * _TEXT)} of text; a limit of 1,000 (--limit) is the "
                "1,000 information sets of each player that are reached most often"
            )
        return self._csv(seat, limit) if to == "csv" else self._json(seat, limit)

    def _csv(self, player: int | None, limit: int | None) -> Iterator[str]:
        text, size = [",".join(_COLUMNS) + "\n"], 0
        names = {name: _field(name) for name in self.phantom.names}
        for infoset, often, said in self.marked(player, limit):
            head, tail = f"{infoset.player},{_field(infoset.label)},,", f",{often!r},{said}\n"
            text += [f"{head}{names[action]},{x!r}{tail}" for action, x in infoset.strategy.items()]
            size += len(infoset.strategy)
            if size > _PIECE:
                yield "".join(text)
                text, size = [], 0
        yield "".join(text)

    def _json(self, player: int | None, limit: int | None) -> Iterator[str]:
        head = as_json({**claims(self), "infosets": []}, indent=1)
        yield head.removesuffix("[]\n}") + "["
        before = ""
        for infoset, often, said in self.marked(player, limit):
            entry = {"player": infoset.player, "infoset": infoset.label, "hand": "", "strategy": infoset.strategy}
            yield f"{before}\n  {as_json({**entry, 'reach': often, 'note': said})}"
            before = ","
        yield "\n ]\n}\n"

    def save(self, path: str | Path) -> None:
        """Write the solution to one file, whole or not at all."""
        arrays = {"strategy": self.strategy, **{f"state.{name}": array for name, array in self.state.items()}}
        header = {"kind": FACTORED, **self.header(), "infosets": self.infosets}
        write(arguments.path("path", path), arrays, header)

    def to_openspiel(self) -> Any:
        """Return the strategy as a policy of OpenSpiel's own game; needs the extra `openspiel`.

        On small boards it is a `pyspiel.TabularPolicy`, on others a Python policy that looks up a state when it is
        asked, `action_probabilities(state)`.
        """
        from counterplay.games.foreign.dark_openspiel import dark_policy

        return dark_policy(self.phantom, self.odds, self.infosets)


def whole(form: FactoredForm) -> int:
    """Return how many information sets the decisions of a form stand for."""
    return int(form.share[form.parent].sum(dtype=np.int64))


def _field(text: str) -> str:
    """Return a text as CSV has it: in quotes where it has a comma, a quote or a line end."""
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\r\n') else text


def _named(names: tuple[str, ...], tried: Attempts, row: Sequence[float]) -> dict[str, float]:
    """Return the probabilities of the cells that were not tried, by name."""
    known = {cell for cell, _ in tried}
    return {name: row[cell] for cell, name in enumerate(names) if cell not in known}


def check_size(rules: Phantom, solution: FactoredSolution) -> UserError:
    """Raise `ValueError` where a solution is of another size than rules; return it, to be raised for other reasons.

    Nothing is built. A decision stands for as many information sets as there are symmetries at the most, and has a
    probability for one cell at least, so that a file with few of these cannot claim to be of a large game.
    """
    other = UserError(f"the rules of {solution.game} are not those that this solution was made for")
    if len(rules.names) > _QUICK or rules.abrupt:
        counted = factored_size(rules)
        ratio = solution.infosets / counted.infosets
        if not (ratio == 1 if counted.exact else 0.5 < ratio < 2):
            raise other
        if len(solution.strategy) * counted.symmetries < solution.infosets:
            raise other
        admit_factored(rules)
        if counted.seconds > _LONG:
            tell(f"building the game of the solution: {describe_factored(counted)}")
    return other


def rebuilt(rules: Phantom, solution: FactoredSolution) -> FactoredForm:
    """Return the form of rules if a solution is of their game; raises `ValueError` if not.

    A file may name a game far larger than its strategy is: one that takes long to build is counted first.
    """
    other = check_size(rules, solution)
    form = factored_form(rules)
    fits = len(solution.strategy) == form.sequences and whole(form) == solution.infosets
    if not fits or not is_profile(form, solution.strategy):
        raise other
    return form
