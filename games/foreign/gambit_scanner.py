"""Reading a Gambit file token by token, with mistakes named by file and line."""

import re
from collections.abc import Sequence
from fractions import Fraction
from math import isfinite
from typing import NamedTuple, NoReturn

from counterplay.engine.errors import UserError


class Token(NamedTuple):
    """`kind` is one of: text (quoted), brace, word, end."""

    kind: str
    text: str
    line: int


_TOKEN = re.compile(r'\s+|,|"(?P<text>(?:[^"\\]|\\.)*)"|(?P<brace>[{}])|(?P<word>[^\s,{}"]+)', re.DOTALL)


_QUOTED = 40  # characters of a token in a message


class Scanner:
    """Tokens of a file, taken one by one; what is not as expected raises `ValueError` with file and line."""

    def __init__(self, file: str, text: str):
        self.file = file
        self.tokens: list[Token] = []
        self.at = 0
        line, place = 1, 0
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None:
                raise UserError(f"{file}, line {line}: a quotation mark is not closed")
            if match.lastgroup:
                found = match[match.lastgroup]
                found = re.sub(r"\\(.)", r"\1", found) if match.lastgroup == "text" else found
                self.tokens.append(Token(match.lastgroup, found, line))
            line += match[0].count("\n")
            place = match.end()
        self.tokens.append(Token("end", "", line))

    def peek(self) -> Token:
        return self.tokens[self.at]

    def is_brace(self, which: str) -> bool:
        return self.peek()[:2] == ("brace", which)

    def take(self, what: str, kind: str) -> str:
        token = self.peek()
        if token.kind != kind:
            self.fail(f"expected {what}")
        self.at += 1
        return token.text

    def fail(self, problem: str) -> NoReturn:
        token = self.tokens[self.at]
        word = token.text if len(token.text) <= _QUOTED else f"{token.text[:_QUOTED]}..."
        shown = {"end": "the end of the file", "text": f'"{word}"'}.get(token.kind, word)
        raise UserError(f"{self.file}, line {token.line}: {problem}, found {shown}")

    def wrong(self, problem: str) -> NoReturn:
        """Refuse what the last token taken says."""
        raise UserError(f"{self.file}, line {self.tokens[max(self.at - 1, 0)].line}: {problem}")

    def quoted(self, what: str) -> str:
        return self.take(f"{what}, in quotation marks", "text")

    def word(self, what: str, allowed: Sequence[str]) -> str:
        if self.peek().text not in allowed:
            self.fail(f"expected {what}")
        return self.take(what, "word")

    def open(self, what: str) -> None:
        if not self.is_brace("{"):
            self.fail(f"expected {{ before {what}")
        self.at += 1

    def close(self, what: str) -> bool:
        """Take a closing brace if one is next; refuse the end of the file."""
        if self.peek().kind == "end":
            self.fail(f"expected }} after {what}")
        if not self.is_brace("}"):
            return False
        self.at += 1
        return True

    def integer(self, what: str, low: int, high: int | None = None) -> int:
        wanted = f"{what}, an integer from {low}" + (f" to {high}" if high is not None else "")
        text = self.peek().text
        if not re.fullmatch(r"\d{1,9}", text) or int(text) < low or (high is not None and int(text) > high):
            self.fail(f"expected {wanted}")
        return int(self.take(wanted, "word"))

    def number(self, what: str) -> float:
        text = self.peek().text
        try:
            value = float(Fraction(text)) if "/" in text else float(text)
        except (ValueError, ZeroDivisionError, OverflowError):
            self.fail(f"expected {what}, a number such as -1, 0.5 or 1/3")
        if not isfinite(value):
            self.fail(f"expected {what}, a finite number")
        self.take(what, "word")
        return value

    def names(self, what: str) -> tuple[str, ...]:
        self.open(what)
        names: list[str] = []
        while not self.close(what):
            names.append(self.quoted(what))
        return tuple(names)

    def payoffs(self, players: int, *, named: bool = False) -> tuple[float, ...]:
        """Take payoffs in braces, with the name of their outcome first where `named`."""
        self.open("payoffs")
        if named:
            self.quoted("the name of the outcome")
        values: list[float] = []
        while not self.close("payoffs"):
            values.append(self.number("a payoff"))
        if len(values) != players:
            self.wrong(f"expected {players} payoffs, one a player, found {len(values)}")
        return tuple(values)

    def comment(self) -> None:
        if self.peek().kind == "text":
            self.at += 1

    def end(self, after: str) -> None:
        if self.peek().kind != "end":
            self.fail(f"expected nothing after {after}")
