"""Machine code of a walker: kept for the next process, and compiled anew where the game's own functions are edited."""

import json
import os
import subprocess
import sys

import pytest

GAME = """
from typing import NamedTuple

from counterplay.engine import stepped
from counterplay.engine.rules import CHANCE, LEAF


class Coin(NamedTuple):
    players: int = 2
    words: int = 2
    widest: int = 2
    depth: int = 2
    prize: float = 1.0


@stepped.helper
def gain(game, state):
    return game.prize * (1 if state[1] == 3 else -1)


def setup(game, state):
    state[0] = state[1] = 0


def turn(game, state):
    return LEAF if state[0] == 2 else state[0]


def moves(game, state):
    return 2


def chance(game, state, move):
    return 1.0


def play(game, state, move):
    state[1] += (move + 1) * (state[0] + 1)
    state[0] += 1


def payoff(game, state, player):
    return gain(game, state) if player == 0 else -gain(game, state)


def key(game, state):
    return 1


stepped.register(Coin, setup=setup, turn=turn, moves=moves, chance=chance, play=play, payoff=payoff, key=key)
"""
WALKER = """
from counterplay.engine.jit import jit
from counterplay.engine.raw import raw
from counterplay.engine.rules import LEAF
from counterplay.engine.stepped import moves, payoff, play, setup, turn


@jit
def play_out(rules, room):
    game, state = raw(rules), raw(room)
    setup(game, state)
    while turn(game, state) != LEAF:
        play(game, state, moves(game, state) - 1)
    return payoff(game, state, 0)
"""
MAIN = """
import json
import numpy as np
from coin import Coin
from walker import play_out

print(json.dumps({"value": play_out(Coin(), np.zeros(2, np.int64)), "missed": bool(play_out.stats.cache_misses)}))
"""


@pytest.mark.slow
def test_an_edit_of_a_game_compiles_its_walker_anew(tmp_path):
    def call(text):
        (tmp_path / "coin.py").write_text(text)
        (tmp_path / "walker.py").write_text(WALKER)
        path = os.pathsep.join([str(tmp_path), *sys.path])
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": path}
        ran = subprocess.run([sys.executable, "-c", MAIN], env=environment, capture_output=True, text=True, check=True)
        return json.loads(ran.stdout)

    first = call(GAME)
    assert first == {"value": -1.0, "missed": True}
    assert call(GAME) == first | {"missed": False}
    edited = call(GAME.replace("state[1] == 3", "state[1] == 6"))  # in a helper
    assert edited["missed"]
    assert edited["value"] == 1.0
    other = call(GAME.replace("return gain(game, state) if player == 0 else -gain(game, state)", "return 7.0"))
    assert other["missed"]
    assert other["value"] == 7.0
    assert call(GAME) == first | {"missed": False}  # back again: nothing was lost


def test_a_game_in_the_script_itself_is_compiled_each_time(tmp_path):
    """Its type would be read back as another one of the same name."""
    (tmp_path / "walker.py").write_text(WALKER)
    (tmp_path / "script.py").write_text(GAME + MAIN.replace("from coin import Coin\n", ""))
    path = os.pathsep.join([str(tmp_path), *sys.path])
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": path}
    for _ in range(2):
        command = [sys.executable, tmp_path / "script.py"]
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert json.loads(ran.stdout) == {"value": -1.0, "missed": True}
