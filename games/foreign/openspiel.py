"""OpenSpiel games as rules: `openspiel:NAME(params)` in OpenSpiel's own syntax (Lanctot et al. 2019).

A state wraps a `pyspiel.State` that is never changed: moves apply to clones. Simultaneous games go through OpenSpiel's
own turn-based conversion. The way back (policies, registration) is `to_openspiel`.
"""

import contextlib
import difflib
import functools
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from counterplay.engine.errors import UserError
from counterplay.engine.rules import CHANCE, LEAF

MAX_PLAYERS = 10
PREFIX = "openspiel:"


class SpielState:
    """A `pyspiel.State` with what is asked of it more than once; treat it as immutable."""

    __slots__ = ("actions", "odds", "seen", "state", "turn")

    def __init__(self, state: Any):
        self.state = state
        self.turn: int
        self.odds: Sequence[float] = ()
        self.actions: Sequence[int] = ()
        self.seen: str | None = None
        player = state.current_player()
        if player >= 0:
            self.turn = player
            self.actions = state.legal_actions()
        elif state.is_chance_node():
            self.turn = CHANCE
            self.actions, self.odds = zip(*state.chance_outcomes(), strict=True)
        else:
            self.turn = LEAF


@dataclass(frozen=True)
class OpenSpiel:
    """A game of OpenSpiel; `text` names it as OpenSpiel prints it, such as `kuhn_poker(players=3)`.

    Use `load`, which checks the text and refuses what cannot be solved. Information sets are OpenSpiel's
    information-state strings and moves its action strings.
    """

    text: str

    @property
    def players(self) -> int:
        return int(game(self.text).num_players())

    def spec_text(self) -> str:
        """Return the spec of the game."""
        return PREFIX + self.text

    def numbers(self) -> dict[str, int]:
        """Return the game's whole numbers above 1, by parameter: what might be smaller."""
        given = game(self.text).get_parameters()
        return {name: x for name, x in given.items() if isinstance(x, int) and not isinstance(x, bool) and x > 1}

    def changed(self, name: str, value: int) -> "OpenSpiel":
        """Return the game with another value of a parameter; raises `ValueError` as `load`."""
        given = game(self.text).get_parameters() | {name: value}
        if any(isinstance(x, dict) for x in given.values()):
            raise UserError(f"{self.text} is made of another game")
        return load(f"{self.text.partition('(')[0]}({','.join(f'{key}={x}' for key, x in given.items())})")

    def root(self) -> SpielState:
        return SpielState(game(self.text).new_initial_state())

    def turn(self, state: SpielState) -> int:
        return state.turn

    def moves(self, state: SpielState) -> Sequence[str]:
        if state.turn == CHANCE:
            return _labels(state.state, CHANCE, state.actions)
        return _known(self.text, state.state, state.turn, self.sees(state, state.turn), state.actions)

    def chance(self, state: SpielState) -> Sequence[float]:
        return state.odds

    def play(self, state: SpielState, move: int) -> SpielState:
        return SpielState(state.state.child(state.actions[move]))

    def expander(
        self, add: Callable[[int, str, tuple[str, ...]], int]
    ) -> tuple[Any, Callable[[Any], tuple[int, Any, Any]]]:
        """Return the first `pyspiel.State` and a function that makes each state its own first child."""
        known: list[dict[str, tuple[int, Sequence[int]]]] = [{} for _ in range(self.players)]
        find = [found.get for found in known]
        lists: dict[tuple[int, ...], Sequence[int]] = {}  # equal actions are kept once, which keeps them in the cache

        def expand(state: Any) -> tuple[int, Any, Any]:
            turn = state.current_player()
            if turn >= 0:
                try:
                    label = state.information_state_string()
                except RuntimeError as error:
                    raise _no_information(self.text, error) from None
                actions = state.legal_actions()
                found = find[turn](label)
                if found is None or found[1] != actions:
                    number = add(turn, label, _labels(state, turn, actions))
                    kept = lists.setdefault(tuple(actions), actions[:])
                    found = known[turn][label] = number, kept
                what = found[0]
            elif turn == CHANCE:
                outcomes = state.chance_outcomes()
                actions, what = [a for a, _ in outcomes], [p for _, p in outcomes]
            else:
                return LEAF, state.returns(), 1.0
            children = [*map(state.child, actions[:0:-1]), state]
            state.apply_action(actions[0])  # which spares a copy
            return turn, what, children

        return game(self.text).new_initial_state(), expand

    def payoffs(self, state: SpielState) -> Sequence[float]:
        return tuple(state.state.returns())

    def sees(self, state: SpielState, player: int) -> str:
        if player != state.turn:
            return _information(self.text, state.state, player)
        if state.seen is None:
            state.seen = _information(self.text, state.state, player)
        return state.seen


def _information(text: str, state: Any, player: int) -> str:
    try:
        return str(state.information_state_string(player))
    except RuntimeError as error:
        raise _no_information(text, error) from None


def _no_information(text: str, error: Exception) -> UserError:
    return UserError(f"OpenSpiel has no information-state strings in {text}: {summary(error)}")


def _known(text: str, state: Any, player: int, label: str, actions: Sequence[int]) -> tuple[str, ...]:
    """Return a decision's action strings; they are slow, and there are many fewer information sets than states."""
    known = _known_labels(text)
    found = known.get((player, label))
    if found is None or found[0] != actions:
        found = known[player, label] = (actions, _labels(state, player, actions))
    return found[1]


def _labels(state: Any, player: int, actions: Sequence[int]) -> tuple[str, ...]:
    """Return OpenSpiel's action strings, told apart by the action's number where two are equal."""
    labels = [state.action_to_string(player, a) for a in actions]
    if len(set(labels)) < len(labels):
        labels = [
            f"{label} #{a}" if labels.count(label) > 1 else label for label, a in zip(labels, actions, strict=True)
        ]
    return tuple(labels)


@functools.lru_cache(maxsize=4)
def _known_labels(text: str) -> dict[tuple[int, str], tuple[Sequence[int], tuple[str, ...]]]:
    """Return the action strings seen so far in a game, with the actions they stand for, by player and information."""
    return {}


def import_pyspiel() -> Any:
    """Return the module, or raise `ValueError` that says how to install it."""
    try:
        import pyspiel
    except ImportError:
        raise UserError('OpenSpiel games need the open_spiel package: pip install "counterplay[openspiel]"') from None
    return pyspiel


@functools.lru_cache(maxsize=16)
def game(text: str) -> Any:
    """Return the sequential `pyspiel.Game` of a text that `load` has accepted."""
    loaded = import_pyspiel().load_game(text)
    return loaded if _is(loaded, "dynamics", "SEQUENTIAL") else import_pyspiel().convert_to_turn_based(loaded)


def _is(loaded: Any, field: str, value: str) -> bool:
    return getattr(loaded.get_type(), field).name == value  # type: ignore[no-any-return]


def read(text: str) -> OpenSpiel:
    """Return the rules of a spec, `openspiel:NAME(parameter=value, ...)`; raises `ValueError` as `load`."""
    return load(text.strip().removeprefix(PREFIX))


def load(text: str) -> OpenSpiel:
    """Return the rules of a game in OpenSpiel's syntax, such as `liars_dice(numdice=1)`.

    Raises `ValueError` where OpenSpiel is not installed, does not know the game or a parameter, or crashes, and for
    games that cannot be solved as a tree: chance by sampling only, no information-state strings, mean-field games, and
    games that are not for 2 to 10 players. Size and perfect recall show when the tree is compiled.
    """
    spiel = import_pyspiel()
    text = _normal(text)
    known = {t.short_name: t for t in spiel.registered_games()}
    if "python_" in text and any(name.startswith("python_") and name not in known for name in _names(text)):
        with contextlib.suppress(ImportError):
            import open_spiel.python.games  # noqa: F401  registers OpenSpiel's games written in Python
        known = {t.short_name: t for t in spiel.registered_games()}
    _check(text, known)
    if "(" in text:
        _try_out(text)
    try:
        with quiet():
            loaded = spiel.load_game(text)
    except Exception as error:
        raise UserError(f"OpenSpiel refuses {text!r}: {summary(error)}") from None
    name = text.partition("(")[0]
    if _is(loaded, "dynamics", "MEAN_FIELD"):
        raise UserError(f"{name} is a mean-field game; only games of finitely many players can be solved here")
    if _is(loaded, "chance_mode", "SAMPLED_STOCHASTIC"):
        raise UserError(f"{name} draws chance by sampling only; its probabilities must be explicit to solve it")
    if not 2 <= loaded.num_players() <= MAX_PLAYERS:
        raise UserError(f"games must be for 2 to {MAX_PLAYERS} players; {text} is for {loaded.num_players()}")
    if not loaded.get_type().provides_information_state_string:
        raise UserError(f"{name} has no information-state strings in OpenSpiel, which tell who knows what")
    rules = OpenSpiel(_canonical(text, str(loaded)))
    try:
        with quiet():
            rules.root()
    except Exception as error:
        raise UserError(f"OpenSpiel cannot start {text!r}: {summary(error)}") from None
    return rules


@functools.lru_cache(maxsize=256)
def _try_out(text: str) -> None:
    """Raise `ValueError` if a game ends the process that starts it, as hanabi(players=0) does, in one of its own."""
    code = "import pyspiel, sys; pyspiel.load_game(sys.argv[1]).new_initial_state().legal_actions()"
    done = subprocess.run([sys.executable, "-c", code, text], capture_output=True, check=False)
    if done.returncode < 0:  # ended by a signal; what it complains of in Python, it does here too
        raise UserError(f"OpenSpiel crashes as it starts {text!r}; a parameter must be out of its range")


def _canonical(text: str, printed: str) -> str:
    """Return the game as OpenSpiel prints it, or the text where OpenSpiel cannot read that (it drops some games)."""
    try:
        with quiet():
            return printed if str(import_pyspiel().load_game(printed)) == printed else text
    except Exception:
        return text


def _normal(text: str) -> str:
    return re.sub(r"\s*([(),=])\s*", r"\1", text.strip())


def _names(text: str) -> list[str]:
    """Return the names of the game and of the games in its parameters, outermost first."""
    return re.findall(r"(?:^|=)([^(),=]+)(?=\(|$)", text)


def _check(text: str, known: dict[str, Any]) -> None:
    """Raise `ValueError` unless names, parameters and brackets are right; OpenSpiel overlooks some mistakes."""
    rest = _check_game(text, known, text)
    if rest:
        raise UserError(f"{text!r} goes on after its closing bracket with {rest!r}; write NAME(parameter=value, ...)")


def _check_game(part: str, known: dict[str, Any], text: str) -> str:
    """Check a game at the start of `part` and return what follows it."""
    match = re.match(r"[^(),=]*", part)
    name = match.group() if match else ""
    if name not in known:
        close = difflib.get_close_matches(name, known, 3, 0.5) or difflib.get_close_matches(name, known, 3, 0.3)
        hint = f"; close names are {', '.join(close)}" if close else ""
        raise UserError(f"OpenSpiel has no game {name!r}{hint}")
    rest = part[len(name) :]
    if not rest.startswith("("):
        return rest
    rest = rest[1:]
    allowed = known[name].parameter_specification
    given: set[str] = set()
    while not rest.startswith(")"):
        match = re.match(r"([^(),=]*)=([^(),]*)", rest)
        if match is None:
            raise UserError(f"{text!r} has a parameter that is not parameter=value, or a bracket too few")
        key, value = match.groups()
        if key not in allowed:
            names = ", ".join(sorted(allowed)) or "none"
            raise UserError(f"{name} has no parameter {key!r} in OpenSpiel; its parameters are {names}")
        if key in given:
            raise UserError(f"{name} has the parameter {key!r} twice; give it once")
        default = allowed[key]
        if isinstance(default, int) and default >= 0 and re.fullmatch(r"-\d*[1-9]\d*", value):
            # OpenSpiel's goofspiel with fewer cards than none writes beyond its memory, and crashes some time later.
            raise UserError(f"{name} takes no negative {key}, such as {value}; by default it is {default}")
        given.add(key)
        rest = rest[match.end() :]
        if rest.startswith("("):
            rest = _check_game(value + rest, known, text)
        if rest.startswith(","):
            rest = rest[1:]
        elif not rest.startswith(")"):
            raise UserError(f"{text!r} has no closing bracket after {value!r}")
    return rest[1:]


def summary(error: BaseException) -> str:
    """Return the first sentence of OpenSpiel's message without its source file."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return re.sub(r"^\S+\.(?:cc|h):\d+:?\s*", "", lines[0]).strip()[:200]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep OpenSpiel from printing its errors: they are raised too, and the sentence is ours."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
