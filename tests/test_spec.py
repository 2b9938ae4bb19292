"""Specs as text: what is read, what is refused and how, and the way back."""

from dataclasses import dataclass

import pytest

from counterplay.engine.spec import build, parse, unparse
from counterplay.games import GAMES, make, spec_of
from counterplay.games.kuhn import Kuhn
from counterplay.games.leduc import Leduc


@dataclass(frozen=True)
class Sample:
    """Every kind of parameter; `size` 0 stands for twice the `count`."""

    count: int = 1
    size: int = 0
    rate: float = 0.5
    flag: bool = False
    word: str = "plain"
    row: tuple[int, ...] = (1,)
    steps: tuple[float, ...] = ()

    def __post_init__(self):
        if self.size == 0:
            object.__setattr__(self, "size", 2 * self.count)


def needs(file: str) -> str:
    """Return the argument, which is needed."""
    return file


@pytest.mark.parametrize(
    ("text", "name", "parameters"),
    [
        ("leduc", "leduc", {}),
        (" leduc ( ) ", "leduc", {}),
        ("leduc(ranks=3, suits=2)", "leduc", {"ranks": 3, "suits": 2}),
        ("leduc(board=(3,1))", "leduc", {"board": (3, 1)}),
        ("leduc(board=[3])", "leduc", {"board": (3,)}),
        ("x(a=-1, b=+2, c=-0.5, d=1e-3)", "x", {"a": -1, "b": 2, "c": -0.5, "d": 0.001}),
        ("x(a=True, b=word, c='two words')", "x", {"a": True, "b": "word", "c": "two words"}),
    ],
)
def test_parse(text, name, parameters):
    assert parse(text) == (name, parameters)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the spec is empty; write a name"),
        ("leduc(", "cannot read 'leduc\\('"),
        ("leduc leduc", "cannot read"),
        ("1", "cannot read '1'"),
        ("a.b(c=1)", "cannot read"),
        ("leduc(ranks=3)()", "cannot read"),
        ("leduc\0", "cannot read"),
        ("(" * 5000, "cannot read"),
        ("leduc(3)", "leduc takes its parameters by name"),
        ("leduc(**x)", "leduc takes its parameters by name"),
        ("leduc(ranks=3, ranks=4)", "'ranks' twice"),
        ("leduc(ranks=1+1)", "ranks must be a number, a word, a quoted text or numbers such as .*, not 1 \\+ 1"),
        ("leduc(ranks=open('x'))", "not open\\('x'\\)"),
        ("leduc(ranks=None)", "not None"),
        ("leduc(ranks={})", "not {}"),
        ("leduc(ranks=-'x')", "ranks must be"),
    ],
)
def test_what_parse_refuses(text, said):
    with pytest.raises(ValueError, match=said):
        parse(text)


@pytest.mark.parametrize(
    ("text", "game"),
    [
        ("x", Sample()),
        ("x(rate=2, flag=true, word=other)", Sample(rate=2.0, flag=True, word="other")),
        ("x(flag=False, word='a b', row=(), steps=(1, 0.5))", Sample(word="a b", row=(), steps=(1.0, 0.5))),
        ("x(count=3, size=6)", Sample(count=3)),
    ],
)
def test_build_and_back(text, game):
    name, parameters = parse(text)
    built = build(Sample, name, parameters)
    assert built == game
    assert [type(v) for v in vars(built).values()] == [type(v) for v in vars(game).values()]
    again = unparse(Sample, "x", built)
    assert build(Sample, *parse(again)) == game


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x(counts=1)", "x has no parameter 'counts' \\(did you mean 'count'\\?\\); it takes count, size, rate, flag,"),
        ("x(zzz=1)", "x has no parameter 'zzz'; it takes count"),
        ("x(count='a')", "x: count must be an integer, not 'a'"),
        ("x(count=1.0)", "count must be an integer, not 1.0"),
        ("x(count=True)", "count must be an integer, not True"),
        ("x(rate=word)", "rate must be a number, not 'word'"),
        ("x(rate=1e999)", "rate must be a number, not inf"),
        (f"x(rate={'9' * 400})", "rate must be a number, not 9"),
        ("x(flag=1)", "flag must be true or false, not 1"),
        ("x(word=1)", "word must be a word or a quoted text, not 1"),
        ("x(row=3)", "row must be a list such as \\(3, 1\\), not 3"),
        ("x(row=(1, 'a'))", "each of row must be an integer, not 'a'"),
    ],
)
def test_what_build_refuses(text, said):
    with pytest.raises(ValueError, match=said):
        build(Sample, *parse(text))


def test_a_parameter_without_default_is_needed():
    with pytest.raises(ValueError, match="y needs the parameter 'file': a word or a quoted text"):
        build(needs, "y", {})


@pytest.mark.parametrize(
    ("game", "text"),
    [
        (Sample(), "x"),
        (Sample(count=3), "x(count=3)"),
        (Sample(count=3, size=5), "x(count=3, size=5)"),
        (Sample(flag=True, word="two words", row=(1, 2)), "x(flag=true, word='two words', row=(1, 2))"),
        (Sample(word="if", rate=0.1, row=(5,)), "x(rate=0.1, word='if', row=(5,))"),
        (Sample(word="true"), "x(word=true)"),
        ("something else", None),
    ],
)
def test_unparse_is_short(game, text):
    assert unparse(Sample, "x", game) == text


@pytest.mark.parametrize(
    ("game", "text"),
    [
        (Kuhn(), "kuhn"),
        (Kuhn(players=3, ranks=4), "kuhn(players=3)"),
        (Kuhn(ranks=13), "kuhn(ranks=13)"),
        (Leduc(players=3, ranks=3), "leduc(players=3, ranks=3)"),
        (Leduc(board=(3, 1), bets=(1, 2, 2), suits=4), "leduc(suits=4, board=(3, 1), bets=(1, 2, 2))"),
        (make("shapley"), "shapley"),
    ],
)
def test_specs_of_games(game, text):
    assert spec_of(game) == text
    assert make(text) == game


def test_games_outside_the_catalogue_have_no_spec():
    assert spec_of(object()) is None
    assert spec_of(Sample()).partition(":")[2] == "Sample"  # a class of somebody's own goes by its module


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "ledoc",
            "there is no game 'ledoc' \\(did you mean 'leduc'\\?\\); the games are kuhn, leduc, .*openspiel:NAME",
        ),
        ("xyzzy(a=1)", "there is no game 'xyzzy'; the games are"),
        ("leduc(rank=3)", "leduc has no parameter 'rank' .*; it takes players, ranks, suits"),
        ("leduc(ranks='x')", "leduc: ranks must be an integer, not 'x'"),
        ("kuhn(players=1)", "kuhn: players must be 2 to 10, not 1"),
        ("shapley(size=3)", "shapley has no parameter 'size'; it takes none"),
        ("matrix", "matrix needs the parameter 'file'"),
        ("no/such.toml", "cannot read 'no/such.toml'"),
        ("no/such.efg", "cannot read 'no/such.efg'"),
        ("gambit:no/such", "cannot read 'no/such'"),
        ("gambit:", "cannot read ''"),
    ],
)
def test_what_make_refuses(text, said):
    with pytest.raises(ValueError, match=said):
        make(text)


def test_openspiel_games_go_both_ways():
    pytest.importorskip("pyspiel")
    game = make("openspiel:kuhn_poker(players=3)")
    assert game.players == 3
    assert make(spec_of(game)) == game


def test_all_entries_load():
    for entry in GAMES:
        assert callable(entry.load())
