"""Games of stones in the dark: their rules beside OpenSpiel's, their positions, and their symmetries."""

import random

import numpy as np
import pytest

from counterplay.engine.form import sequence_form
from counterplay.engine.rules import GOES_ON, LEAF, is_factored, is_phantom
from counterplay.engine.size import SHORT
from counterplay.engine.strategy import uniform
from counterplay.engine.tree import compile_tree
from counterplay.games import make, spec_of
from counterplay.games.dark_hex import DarkHex
from counterplay.games.foreign.to_openspiel import counterpart, from_policy, to_game, to_policy
from counterplay.games.in_the_dark import InTheDark
from counterplay.games.phantom_tic_tac_toe import PhantomTicTacToe
from counterplay.solvers.value import judge_table

BOARDS = [PhantomTicTacToe(), PhantomTicTacToe(abrupt=True)]
BOARDS += [DarkHex(size, abrupt) for size in (2, (2, 3), (3, 2), 3, (3, 4)) for abrupt in (False, True)]


def says(board):
    return f"{type(board).__name__}-{board.rows}x{board.columns}-{'abrupt' if board.abrupt else 'classical'}"


@pytest.mark.parametrize("board", BOARDS, ids=says)
def test_random_play_as_in_openspiel(board):
    """Play both side by side: who moves, what it may do, what it knows and what is paid is the same.

    What a player knows is compared with OpenSpiel's tensors: its strings of classical dark hex say more.
    """
    pyspiel = pytest.importorskip("pyspiel")
    theirs, draw = pyspiel.load_game(counterpart(board).text), random.Random(says(board))
    known, told = {}, {}
    for _ in range(100):
        state, other = board.root(), theirs.new_initial_state()
        while (turn := board.turn(state)) != LEAF:
            assert turn == other.current_player()
            moves = board.moves(state)
            assert [board.names.index(move) for move in moves] == other.legal_actions()
            mine, other_s = (turn, board.sees(state, turn)), (turn, tuple(other.information_state_tensor(turn)))
            assert known.setdefault(mine, other_s) == other_s
            assert told.setdefault(other_s, mine) == mine
            move = draw.randrange(len(moves))
            state = board.play(state, move)
            other.apply_action(other.legal_actions()[move])
        assert other.is_terminal()
        assert list(board.payoffs(state)) == other.returns()


@pytest.mark.parametrize("abrupt", [False, True])
def test_every_play_of_a_small_board_as_in_openspiel(abrupt):
    pyspiel = pytest.importorskip("pyspiel")
    board = DarkHex(2, abrupt)
    tree, theirs = compile_tree(board), to_game(board)
    rng = np.random.default_rng(3)
    table = np.concatenate([rng.dirichlet(np.ones(n)) for n in np.diff(tree.first)])[:, None]
    policy, judgement = to_policy(board, tree, table), judge_table(sequence_form(tree), table)
    value = pyspiel.expected_returns(theirs.new_initial_state(), policy, -1, True)
    assert judgement.value == pytest.approx(value, abs=1e-12)
    np.testing.assert_allclose(from_policy(board, tree, policy), table)
    nash_conv = pyspiel.nash_conv(theirs, policy, True)
    if abrupt:
        assert judgement.nash_conv == pytest.approx(nash_conv, abs=1e-9)
    else:  # there a best response may also count the other's attempts
        assert judgement.nash_conv <= nash_conv + 1e-9


def test_a_policy_that_counts_the_others_attempts_is_none_here():
    pyspiel = pytest.importorskip("pyspiel")
    board = DarkHex(2)
    tree = compile_tree(board)
    table = dict(to_policy(board, tree, uniform(tree)).policy_table())
    key = next(key for key in table if key == "x.\n..\n3\n0,0 ")  # x has a1, and the other has tried two cells
    table[key] = [(action, float(action == 1)) for action, _ in table[key]]
    with pytest.raises(ValueError, match="which OpenSpiel tells apart and this game does not"):
        from_policy(board, tree, pyspiel.TabularPolicy(table))


def played(board, draw):
    """Return the stones of a random play, in order, as cells; players take turns."""
    state, order = board.root(), []
    while board.turn(state) != LEAF:
        before = state.stones
        state = board.play(state, draw.randrange(len(board.moves(state))))
        order += [max(a ^ b for a, b in zip(before, state.stones, strict=True)).bit_length() - 1]
        order = [cell for cell in order if cell >= 0]
    return order, board.payoffs(state)[0]


@pytest.mark.parametrize("board", [b for b in BOARDS if not b.abrupt], ids=says)
def test_positions_end_as_the_rules_say(board):
    ends, draw = board.ends(), random.Random(2)
    assert ends.dtype == np.int8
    assert ends.shape == (3 ** len(board.names),)
    assert is_phantom(board)
    for _ in range(50):
        order, paid = played(board, draw)
        position = 0
        for k, cell in enumerate(order):
            assert ends[position] == GOES_ON
            position += 3**cell * (1 + k % 2)
        assert ends[position] == paid


@pytest.mark.parametrize("board", BOARDS, ids=says)
def test_symmetries_are_a_group_that_changes_no_end(board):
    turns, cells = board.symmetries(), len(board.names)
    assert turns[0].tolist() == list(range(cells))
    every = {tuple(turn.tolist()) for turn in turns}
    assert len(every) == len(turns) == (8 if isinstance(board, PhantomTicTacToe) else 2)
    assert all(tuple(a[b].tolist()) in every for a in turns for b in turns)
    ends, position = board.ends(), np.arange(3**cells)
    stones = position[:, None] // 3 ** np.arange(cells) % 3
    for turn in turns:
        np.testing.assert_array_equal(ends[(stones * 3**turn).sum(axis=1)], ends)


def test_hex_is_joined_by_six_neighbours():
    """Of all fillings of a board exactly one player joins its sides; and cells that only touch by a corner do not."""
    board, cells = DarkHex((2, 3)), 6
    full = (1 << cells) - 1
    for stones in range(1 << cells):
        assert bool(board.won(0, stones)) != bool(board.won(1, full ^ stones))
    cell = {name: 1 << k for k, name in enumerate(DarkHex().names)}
    assert DarkHex().won(0, cell["b1"] | cell["a2"] | cell["a3"])
    assert not DarkHex().won(0, cell["a1"] | cell["b2"] | cell["b3"])
    assert DarkHex().won(1, cell["a2"] | cell["b1"] | cell["c1"])


def test_what_a_player_sees():
    board = PhantomTicTacToe()
    state = board.root()
    assert board.sees(state, 0) == "start"
    for move in ("b2", "b2", "a1", "c3"):
        state = board.play(state, board.moves(state).index(move))
    assert board.sees(state, 0) == "b2 c3"
    assert board.sees(state, 1) == "b2x a1"
    assert board.moves(state) == ("b1", "c1", "a2", "c2", "a3", "b3", "c3")
    abrupt = PhantomTicTacToe(abrupt=True)
    state = abrupt.root()
    for mover, move in enumerate(("b2", "b2", "a1")):
        assert abrupt.turn(state) == mover % 2
        state = abrupt.play(state, abrupt.moves(state).index(move))


@pytest.mark.parametrize("abrupt", [False, True])
def test_trees_of_small_boards_are_small(abrupt):
    class Row(InTheDark):
        """A board that nobody wins: no tree of so many cells is larger."""

        rows, columns = 1, 5

        def __init__(self):
            self.abrupt = abrupt

        def won(self, player, stones):
            return stones != stones

    assert not is_factored(Row())
    assert is_factored(DarkHex((2, 3)))
    assert len(compile_tree(Row()).player) <= SHORT


@pytest.mark.parametrize(
    ("text", "game", "spec"),
    [
        ("dark_hex(size=(3, 3))", DarkHex(), "dark_hex"),
        ("dark_hex(size=(2, 3), abrupt=true)", DarkHex((2, 3), True), "dark_hex(size=(2, 3), abrupt=true)"),
        ("phantom_tic_tac_toe(abrupt=false)", PhantomTicTacToe(), "phantom_tic_tac_toe"),
    ],
)
def test_specs(text, game, spec):
    assert make(text) == game
    assert spec_of(game) == spec


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dark_hex(size=1)", "size must be 2 to 8, not 1"),
        ("dark_hex(size=three)", "size must be 2 to 8, not 'three'"),
        ("dark_hex(size=(2, 3, 4))", r"rows and columns such as \(2, 3\), not \(2, 3, 4\)"),
        ("dark_hex(size=(2, 9))", "each of size must be 2 to 8, not 9"),
        ("phantom_tic_tac_toe(abrupt=2)", "abrupt must be true or false"),
    ],
)
def test_boards_that_do_not_exist(text, said):
    with pytest.raises(ValueError, match=said):
        make(text)


def test_too_many_positions_are_refused():
    with pytest.raises(ValueError, match="a board of 25 cells has too many positions to list; at most 16 cells"):
        DarkHex(5).ends()
