"""Games as text: `leduc(ranks=3, board=(3, 1))` is a name and the keyword arguments of whatever builds the game.

A *factory* is a dataclass, or a function, whose parameters are annotated with bool, int, float, str or a tuple of one
of them (`tuple[int, ...]`). Its annotations and defaults are all that a spec is checked against. The name may be that
of a module and what is in it, `package.module:Class`; `engine.catalogue` says what names mean.
"""

import ast
import difflib
import inspect
import keyword
import math
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

from counterplay.engine.errors import UserError

T = TypeVar("T")

_KINDS: dict[Any, str] = {bool: "true or false", int: "an integer", float: "a number", str: "a word or a quoted text"}


class Spec(NamedTuple):
    """A parsed spec. A bare word among the values is text."""

    name: str
    parameters: dict[str, object]


def parse(text: str) -> Spec:
    """Read `name` or `name(parameter=value, ...)`; raise `ValueError` for anything else."""
    form = "write a name such as leduc, or a name with parameters such as leduc(ranks=3)"
    head, bracket, rest = text.strip().partition("(")
    module, colon, attribute = head.strip().partition(":")
    if colon and all(part.isidentifier() for part in (*module.split("."), attribute)):  # package.module:Class(...)
        return Spec(head.strip(), parse(f"{attribute}{bracket}{rest}").parameters)
    if not text.strip():
        raise UserError(f"the spec is empty; {form}")
    if text.strip().endswith((".cps", ".cpn")):
        raise UserError(f"{text.strip()[:80]!r} is a file that Counterplay writes, and no name here; {form}")
    try:
        node = _parsed(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        if bare := re.search(r"(\w+)\s*=\s*(\d\w*[A-Za-z]\w*)\s*[,)]", text[:1000]):
            form = f'a word that begins with a digit is quoted: {bare[1]}="{bare[2][:40]}"'
        raise UserError(f"cannot read {text[:80]!r}; {form}") from None
    if isinstance(node, ast.Name):
        return Spec(node.id, {})
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise UserError(f"cannot read {text[:80]!r}; {form}")
    name, parameters = node.func.id, dict[str, object]()
    if node.args or any(k.arg is None for k in node.keywords):
        raise UserError(f"{name} takes its parameters by name: write {name}(parameter=value), not {text.strip()[:80]}")
    for given in node.keywords:
        assert given.arg is not None
        if given.arg in parameters:
            raise UserError(f"{name} is given the parameter {given.arg!r} twice")
        parameters[given.arg] = _literal(given.arg, given.value)
    return Spec(name, parameters)


def _parsed(text: str) -> ast.Expression:
    """Return the syntax of an expression; what Python warns of in a user's text is no news of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text.strip(), mode="eval")


def _literal(name: str, node: ast.expr) -> object:
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float | str):
        return node.value
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        value = _literal(name, node.operand)
        if isinstance(value, int | float):
            return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.Tuple | ast.List):
        return tuple(_literal(name, item) for item in node.elts)
    raise UserError(
        f"{name} must be a number, a word, a quoted text or numbers such as (3, 1), not {ast.unparse(node)}"
    )


def split(text: str) -> list[str]:
    """Return the specs in a text with commas between them; commas in brackets belong to a spec."""
    parts, depth = [""], 0
    for letter in text:
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(letter, 0)
        if letter == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def literal(text: str) -> object:
    """Return what a text from the command line means: a number (1e5 is an integer), or the text itself."""
    try:
        value = ast.literal_eval(_parsed(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return text.strip()
    if isinstance(value, float) and "." not in text and value.is_integer():
        return int(value)
    return value if isinstance(value, int | float) else text.strip()


def build(factory: Callable[..., T], name: str, given: Mapping[str, object]) -> T:
    """Check the parameters against the factory's and call it.

    Raises `ValueError` for an unknown or missing parameter, a value of the wrong type, and whatever the factory itself
    refuses, with `name` before it.
    """
    try:
        parameters, kinds = inspect.signature(factory).parameters, get_type_hints(factory)
    except (TypeError, ValueError, NameError) as error:
        raise UserError(f"{name} does not say what its parameters are: {error}") from None
    for parameter in given:
        if parameter not in parameters:
            takes = f"it takes {', '.join(parameters)}" if parameters else "it takes none"
            raise UserError(f"{name} has no parameter {parameter!r}{suggestion(parameter, parameters)}; {takes}")
    for parameter, about in parameters.items():
        open_ended = about.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        if about.default is inspect.Parameter.empty and parameter not in given and not open_ended:
            raise UserError(f"{name} needs the parameter {parameter!r}: {_kind(kinds.get(parameter, Any))}")
    values = {p: _convert(name, p, value, kinds.get(p, Any)) for p, value in given.items()}
    try:
        return factory(**values)
    except ValueError as error:
        raise UserError(f"{name}: {error}") from None


def completed(factory: Callable[..., object], name: str, given: Mapping[str, object]) -> dict[str, object]:
    """Return all parameters that a factory is called with, those that are not given too; nothing is made.

    Raises `ValueError` for a value of the wrong type.
    """
    kinds = get_type_hints(factory)
    values = {p: about.default for p, about in inspect.signature(factory).parameters.items()}
    return values | {p: _convert(name, p, value, kinds.get(p, Any)) for p, value in given.items()}


def describe(factory: Callable[..., object]) -> str:
    """Return a factory's parameters and their defaults, as a spec writes them; `...` where there is no default."""
    parameters = inspect.signature(factory).parameters.values()
    return ", ".join(
        f"{p.name}={'...' if p.default is inspect.Parameter.empty else _write(p.default)}" for p in parameters
    )


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return ' (did you mean ...?)' if one of the known words is close to this one, else nothing."""
    close = difflib.get_close_matches(word, list(known), 1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _kind(kind: Any) -> str:
    if get_origin(kind) is tuple:
        examples = {int: "(3, 1)", float: "(0.5, 1)", str: "('a', 'b')", bool: "(true, false)"}
        one = examples[get_args(kind)[0]]
        return f"a list such as {one}"
    return _KINDS.get(kind, "a value")


def _convert(name: str, parameter: str, value: object, kind: Any) -> object:
    """Return the value as that kind (an integer serves as a float), or raise `ValueError`.

    Of kinds that a spec does not know, as one's own classes may have, any value will do.
    """
    if kind not in _KINDS and get_origin(kind) is not tuple:
        return value
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):  # a number of NumPy's
        value = value.item()
    if get_origin(kind) is tuple and isinstance(value, tuple | list):
        return tuple(_convert(name, f"each of {parameter}", item, get_args(kind)[0]) for item in value)
    if kind is bool and value in ("true", "false"):
        return value == "true"
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        if _finite(value):
            return float(value)
    elif get_origin(kind) is None and isinstance(value, kind) and isinstance(value, bool) == (kind is bool):
        return value
    raise UserError(f"{name}: {parameter} must be {_kind(kind)}, not {value!r}")


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond the range of floats
        return False


def unparse(factory: Callable[..., T], name: str, game: object) -> str | None:
    """Return the shortest spec by which this factory builds a game equal to `game`, or None if it cannot.

    A parameter's value is the game's attribute of that name; it is left out where the game comes out equal without it.
    """
    parameters = inspect.signature(factory).parameters
    if not all(hasattr(game, parameter) for parameter in parameters):
        return None
    values = {parameter: getattr(game, parameter) for parameter in parameters}

    def builds(values: dict[str, Any]) -> bool:
        try:
            return factory(**values) == game
        except (ValueError, TypeError):
            return False

    if not builds(values):
        return None
    for parameter in parameters:
        fewer = {key: value for key, value in values.items() if key != parameter}
        if builds(fewer):
            values = fewer
    return f"{name}({', '.join(f'{key}={_write(value)}' for key, value in values.items())})" if values else name


def _write(value: object) -> str:
    if isinstance(value, str) and value.isidentifier() and not keyword.iskeyword(value):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"({', '.join(map(_write, value))}{',' if len(value) == 1 else ''})"
    return repr(value)
