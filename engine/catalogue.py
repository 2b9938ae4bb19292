"""What a text names: games, environments, learners and solvers are each a `Catalogue` of entries.

A text is a name with or without parameters (`leduc(ranks=3)`), a class or function of one's own with its module
(`package.module:Class(a=1)`), or whatever the catalogue's readers take (a file, `openspiel:NAME`). Packages register
entries of their own for good through entry points (`counterplay.games`, `counterplay.envs`, `counterplay.learners`).
"""

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple, cast

from counterplay.engine import spec
from counterplay.engine.errors import UserError

_OWN = re.compile(r"[A-Za-z_]\w*(\.\w+)*:[A-Za-z_]\w*")  # package.module:Class
_NOTHING: Mapping[str, object] = MappingProxyType({})
_MANY = 30  # names, which nobody reads where one is close to what was meant


class Entry(NamedTuple):
    """A thing that goes by a name: `target` is the dataclass, class or function `package.module:attribute`."""

    name: str
    target: str
    summary: str = ""
    examples: tuple[str, ...] = ()
    preset: Mapping[str, object] = _NOTHING  # parameters that the name itself sets

    def load(self) -> Callable[..., Any]:
        """Import and return the target; raises `ValueError` where it cannot be imported or is no such thing."""
        loaded: Callable[..., Any] = load_object(self.target)
        return loaded


class Reader(NamedTuple):
    """A kind of text that is no name of an entry: `target(text)` reads those with the prefix and the ending."""

    target: str
    form: str  # how such a text is written: "openspiel:NAME"
    prefix: str = ""
    suffix: str = ""
    own: str = ""  # `package.module:function` that tells of a text whether reading it imports what is somebody's own

    def reads(self, text: str) -> bool:
        """Tell whether a text is of this kind."""
        return text.startswith(self.prefix) and text.lower().endswith(self.suffix)


@dataclass(frozen=True)
class Catalogue:
    """Entries of one kind, and the ways from a text to what it names and back.

    `adopt` (`package.module:attribute`) makes what is somebody's own fit, and the things of `base`, a catalogue whose
    names serve here too.
    """

    kind: str  # "game", as in messages
    entries: tuple[Entry, ...]
    group: str = ""  # of entry points
    readers: tuple[Reader, ...] = ()
    base: "Catalogue | None" = None
    adopt: str = ""
    hint: str = ""  # `package.module:function` that says of a name which is none what it is called here, or nothing
    takes_own: bool = True  # whether `package.module:Class` names one too

    def __iter__(self) -> Iterator[Entry]:
        """Iterate over the entries, those of other packages last."""
        return iter((*self.entries, *self.registered))

    def __len__(self) -> int:
        """Return how many entries there are."""
        return len(self.entries) + len(self.registered)

    @cached_property
    def registered(self) -> tuple[Entry, ...]:
        """The entries that installed packages register; a name of our own cannot be taken, and a broken one is none."""
        if not self.group:
            return ()
        from importlib.metadata import distributions

        ours = {entry.name for entry in self.entries} | set(() if self.base is None else self.base.names)
        found: dict[str, Entry] = {}
        for package in distributions():
            try:
                points = [(p.name, p.value) for p in package.entry_points if p.group == self.group]
                name = str(package.metadata["Name"])
            except Exception:  # whatever a damaged package throws: it must not take ours with it
                continue
            for point, value in points:
                if point not in ours and point.isidentifier() and _OWN.fullmatch(value.strip()):
                    found.setdefault(point, Entry(point, value.strip(), f"from {name}", (point,)))
        return tuple(found[name] for name in sorted(found))

    @property
    def names(self) -> list[str]:
        """The names of all entries."""
        return [entry.name for entry in self]

    def find(self, name: str) -> Entry:
        """Return the entry of that name, or one for `package.module:Class`.

        What stands in brackets after the name is left alone. Raises `ValueError` with the closest and all names of
        this catalogue if there is none, or of very many with the closest alone.
        """
        name = name.partition("(")[0].strip()
        for entry in self:
            if entry.name == name:
                return entry
        if self.takes_own and is_own(name):
            if name.startswith("counterplay.") and name not in {entry.target for entry in self}:
                raise UserError(f"{name} is of Counterplay itself, and no {self.kind}: those go by their names")
            return Entry(name, name, examples=(name,))
        if said := load_object(self.hint)(name) if self.hint else "":
            raise UserError(f"there is no {self.kind} {name[:80]!r} here: {said}")
        forms = [reader.form for reader in self.readers] + ["package.module:Class for one's own"] * self.takes_own
        names, base = self.names, [] if self.base is None else self.base.names
        near = spec.suggestion(name, names + base)
        if near and len(names + base) > _MANY:
            raise UserError(f"there is no {self.kind} {name[:80]!r}{near}")
        said = f"the {self.kind}s are {', '.join(names)}"
        said += f", and every {self.base.kind}" if self.base is not None else ""
        said += f"; and {', '.join(forms)}" if forms else ""
        raise UserError(f"there is no {self.kind} {name[:80]!r}{near}; {said}")

    def reader(self, text: str) -> Reader | None:
        """Return who reads a text that names no entry."""
        return next((reader for reader in self.readers if reader.reads(text)), None)

    def knows(self, text: str) -> bool:
        """Tell whether a text is one of this catalogue's, rightly or not in what it says further."""
        text = text.strip()
        name = text.partition("(")[0].strip()
        return self.reader(text) is not None or name in self.names

    def make(self, thing: Any, *, own: bool = True) -> Any:
        """Return what a text names, or what an object in place of a text is here; raises `ValueError`.

        Without `own`, as for texts from files, nothing is imported that the user has neither named nor installed as an
        entry.
        """
        if not isinstance(thing, str):
            return load_object(self.adopt)(thing)
        text = thing.strip()
        if not own:
            self.check_own(text)
        if (reader := self.reader(text)) is not None:
            return load_object(reader.target)(text)
        if (base := self._base_of(text)) is not None:
            return self.make(base.make(text))
        name, parameters = spec.parse(text)
        entry = self.find(name)
        if entry in self.entries:
            return spec.build(entry.load(), name, {**entry.preset, **parameters})
        try:
            made = spec.build(entry.load(), name, parameters)
            if isinstance(made, str):
                raise UserError(f"{name} is no {self.kind}: it gives a text, {made[:40]!r}")
            return self.make(made)
        except UserError:
            raise
        except (Exception, SystemExit) as error:  # somebody else's code may throw anything
            raise UserError(f"{name} cannot be made: {type(error).__name__}: {error}") from error

    def _base_of(self, text: str) -> "Catalogue | None":
        """Return the base if a text is one of its names, and none of ours."""
        ours = self.base is None or text.partition("(")[0].strip() in self.names
        return None if ours or self.base is None or not self.base.knows(text) else self.base

    def imports_own(self, text: str) -> bool:
        """Tell whether making what a text names imports somebody's own module that is not registered here."""
        text = text.strip()
        if (reader := self.reader(text)) is not None:
            return bool(reader.own and load_object(reader.own)(text))
        if (base := self._base_of(text)) is not None:
            return base.imports_own(text)
        return is_own(text) and text.partition("(")[0].strip() not in {entry.target for entry in self.registered}

    def check_own(self, text: str) -> None:
        """Raise `ValueError` for what is somebody's own, which a file must not make us import."""
        if self.imports_own(text):
            raise UserError(f"{text} is somebody's own {self.kind}, and no file makes us import it: name it yourself")

    def same_own(self, text: str, kept: str) -> bool:
        """Tell whether a text from a file names what the user's text names, one's own, with the same parameters.

        Nothing is made, and nothing imported but what the user named.
        """
        try:
            (name, given), (other, before) = spec.parse(text), spec.parse(kept)
            if name != other or not is_own(name):
                return False
            made = self.find(name).load()
            return spec.completed(made, name, given) == spec.completed(made, name, before)
        except (ValueError, TypeError, NameError):  # of a text that is none, and of parameters without annotations
            return False

    def spec_of(self, made: Any) -> str | None:
        """Return the shortest text from which `make` makes an equal thing, or None if there is none.

        What readers made says itself how it is written (`spec_text()`); the rest is built again from its fields.
        """
        if hasattr(made, "spec_text"):
            return cast("str | None", made.spec_text())
        for entry in self.entries:
            if (text := spec.unparse(entry.load(), entry.name, made)) is not None:
                return text
        path = class_path(type(made))
        if path.startswith(("__main__:", "builtins:", "counterplay.")) or not _OWN.fullmatch(path):
            return None
        name = next((entry.name for entry in self.registered if entry.target == path), path)
        return spec.unparse(type(made), name, made)


def is_own(text: str) -> bool:
    """Tell whether a text names a class or a function by its module, with or without parameters."""
    return _OWN.fullmatch(text.partition("(")[0].strip()) is not None


def class_path(kind: type) -> str:
    """Return the text by which a class can be found again, `package.module:Class`."""
    return f"{kind.__module__}:{kind.__qualname__}"


def import_here(module: str) -> ModuleType:
    """Import a module that the user names, from the current folder if it is nowhere else."""
    here, added = os.getcwd(), False
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)
        added = True
    try:
        return import_module(module)
    finally:
        if added:
            sys.path.remove(here)


def load_object(path: str) -> Any:
    """Import `package.module` of `package.module:attribute` and return the attribute.

    The current folder is searched too. Raises `ValueError` for one's own that is not there, and whatever the module
    itself raises.
    """
    module, _, attribute = path.partition(":")
    if module.partition(".")[0] == "counterplay":
        try:
            return getattr(import_module(module), attribute)
        except ModuleNotFoundError as error:
            if error.name == "torch":
                raise UserError('learners need PyTorch: pip install "counterplay[learn]"') from None
            if str(error.name).startswith("counterplay"):
                raise UserError(f"cannot import {module!r}: there is no such module") from None
            raise
        except AttributeError:
            raise UserError(f"the module {module!r} has no {attribute!r}") from None
    if module.partition(".")[0] in sys.stdlib_module_names:
        raise UserError(f"{path} is of Python's own library, and nothing here can be made of it")
    try:
        loaded = import_here(module)
    except ModuleNotFoundError as error:
        if error.name is not None and (module == error.name or module.startswith(f"{error.name}.")):
            raise UserError(f"cannot import {module!r}: there is no such module, here or installed") from None
        raise UserError(f"cannot import {module!r}: {error}") from error
    except (Exception, SystemExit) as error:  # somebody else's code may throw anything
        raise UserError(f"cannot import {module!r}: {type(error).__name__}: {error}") from error
    if not hasattr(loaded, attribute):
        raise UserError(f"the module {module!r} has no {attribute!r}")
    found = getattr(loaded, attribute)
    if not callable(found):
        raise UserError(f"{path} is no class and no function, but {type(found).__name__}")
    return found
