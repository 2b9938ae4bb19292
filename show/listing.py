"""What goes by a name, as lists and explanations."""

import inspect
import shlex
from collections.abc import Iterable, Iterator
from textwrap import wrap
from typing import Any

from counterplay.engine import size
from counterplay.engine.catalogue import Catalogue, Entry
from counterplay.engine.env import EnvSpec
from counterplay.engine.errors import UserError
from counterplay.engine.factored_size import admit_factored, describe_factored
from counterplay.engine.rules import is_factored, is_rules
from counterplay.engine.spec import describe
from counterplay.engine.stepped import is_steppable
from counterplay.engine.text import count
from counterplay.engine.text import size as size_in_words
from counterplay.show.text import DIM, HEADING, Paint

_NAME, _TEXT = 20, 21  # columns of a name, and where the text begins

OTHER_GAMES = (
    "",
    "Games of OpenSpiel go by openspiel:NAME, such as openspiel:tiny_hanabi;",
    "Gambit files (.efg, .nfg), payoff files (.toml) and hold'em spots (.toml) go by their path,",
    "and a game of your own by package.module:Class.",
    "'counterplay games NAME' explains a game.",
)
OTHER_ENVS = (
    "",
    "Every turn-based game is one too ('counterplay games'): its players are the agents. So is every",
    "environment of PettingZoo: pettingzoo:mpe2.simple_spread_v3(N=3), and one of your own is named",
    "package.module:Class.",
    "'counterplay envs NAME' explains one.",
)


def quoted(text: str) -> str:
    """Return an argument as the shell wants it, in double quotes where it needs any."""
    return text if shlex.quote(text) == text else f'"{text}"' if not set(text) & set('"$`\\!') else shlex.quote(text)


def entries(catalogue: Iterable[Entry], width: int, paint: Paint, command: str = "") -> Iterator[str]:
    """Yield a line or two of each entry, its parameters, and the shortest example with parameters after a command."""
    for entry in catalogue:
        first, *rest = wrap(f"{entry.name:<{_NAME}} {entry.summary}", width, subsequent_indent=" " * _TEXT)
        yield paint(entry.name, HEADING) + first[len(entry.name) :]
        yield from rest
        if takes := _parameters(entry):
            yield from (paint(line, DIM) for line in indented(takes, _TEXT, width))
        if command:
            example = min((e for e in entry.examples if "(" in e), key=len, default=entry.name)
            example = min((e for e in entry.examples if e.endswith(".toml")), default=example)
            yield f"{'':<{_NAME}} {command} {quoted(example)}"


def _parameters(entry: Entry) -> str:
    try:
        return describe(entry.load())
    except Exception as error:  # somebody else's that cannot be imported
        return f"cannot be imported: {error}"


def explanation(entry: Entry, command: str, width: int, paint: Paint) -> Iterator[str]:
    """Yield all that there is to say of an entry, with examples of its use by a command."""
    factory = entry.load()
    yield paint(entry.summary or entry.name, HEADING)
    yield ""
    yield from (inspect.getdoc(factory) or "").splitlines()
    if takes := describe(factory):
        yield from ("", "Parameters and their defaults:")
        yield from indented(takes, 2, width)
    yield from ("", "Examples:")
    yield from (f"  {command} {quoted(example)}" for example in entry.examples)


def shape(spec: EnvSpec) -> str:
    """Return what an environment is like in one line."""
    actions = f"{count(spec.actions, 'number')} each" if spec.continuous else count(spec.actions, "action")
    if spec.parts:
        actions = f"{len(spec.parts)} choices each of {', '.join(map(str, spec.parts))}"
    paid = "one reward for the team" if spec.team else "a reward for each"
    return f"{count(spec.agents, 'agent')}, {actions}, {paid}, at most {count(spec.limit, 'step')}"


def task(name: str, made: Any, paint: Paint) -> Iterator[str]:
    """Yield what an environment that is none of ours is like: a game, one of PettingZoo's, somebody's own."""
    yield paint(f"{name}: {shape(made.spec)}", HEADING)
    yield from ("", f"  counterplay train LEARNER {quoted(name)}")


def indented(text: str, indent: int, width: int) -> list[str]:
    """Return a text cut into lines with blanks before each."""
    return wrap(text, width, initial_indent=" " * indent, subsequent_indent=" " * indent)


def learners(catalogue: Catalogue, paint: Paint) -> Iterator[str]:
    """Yield a line of each learner, without importing any."""
    for entry in catalogue:
        yield paint(f"{entry.name:<13}", HEADING) + entry.summary


def size_of(made: Any) -> Iterator[str]:
    """Yield how large a game or a hold'em spot is, and whether it fits."""
    if not is_rules(made):
        from counterplay.games.holdem.places import least_bytes

        yield f"Size: {size_in_words(2 * least_bytes(made))} of tables at least, half of that in 16 bits (--compress)"
        return
    if is_factored(made):
        try:
            yield f"Size: {describe_factored(admit_factored(made))}"
            whole = "whole, without a tree, by every variant of CFR and mmd; "
        except UserError as error:
            yield f"Size: too large to solve as a whole: {error}"
            whole = ""
        yield from _ways(made, whole)
        return
    found = size.estimate(made)
    reason = size.refusal(found)
    yield f"Size: {size.describe(found)}{'' if reason is None else f'; too large to solve as a whole: {reason}'}"
    yield from _ways(made, "as a tree, by every algorithm; " if reason is None else "")


def _ways(made: Any, whole: str) -> Iterator[str]:
    """Yield in which ways a game can be solved; `whole` says how it is where it fits."""
    try:
        steps = "in compiled steps" if is_steppable(made) and made.steps() else "in plain Python, slowly"
    except ValueError as error:
        yield f"Ways: {whole}not in steps: {error}"
        return
    limit = ", within --memory" if whole else ""
    yield f"Ways: {whole}{steps}, {size.walked(made)}{limit}"
