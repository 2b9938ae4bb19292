"""Our games as Python games of OpenSpiel, so that its algorithms and its tests run on them."""

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.rules import CHANCE, LEAF, DealtRules, Rules, histories
from counterplay.engine.tree import Tree, compile_tree
from counterplay.games.foreign.openspiel import OpenSpiel, game, import_pyspiel


def information_key(player: int, label: str) -> str:
    """Return the information-state string of a registered game; OpenSpiel's policies tell players apart by it."""
    return f"Player {player}: {label}"


def numbered(labels: Sequence[str]) -> list[tuple[str, int]]:
    """Return each label with the number of equal ones before it."""
    return [(label, labels[:i].count(label)) for i, label in enumerate(labels)]


def action_numbers(tree: Tree) -> dict[tuple[str, int], int]:
    """Return OpenSpiel's action for each move of a game: one number for a label wherever it occurs."""
    numbers: dict[tuple[str, int], int] = {}
    for labels in tree.actions:
        for move in numbered(labels):
            numbers.setdefault(move, len(numbers))
    return numbers


def register(rules: Rules | DealtRules | str) -> Any:
    """Return the rules, or the game of that spec, as a `pyspiel.Game` written in Python.

    The game is registered under a short name made from the rules, so that `pyspiel.load_game` knows it from then on
    in this process. An imported game is returned as it is.
    """
    spiel = import_pyspiel()
    if isinstance(rules, str):
        from counterplay.games import make

        return register(make(rules))
    if isinstance(rules, OpenSpiel):
        return game(rules.text)
    digest = hashlib.sha256(repr(rules).encode()).hexdigest()[:8]
    name = f"counterplay_{type(rules).__name__.lower()}_{digest}"
    if name not in spiel.registered_names():
        _register(name, rules)
    return spiel.load_game(name)


def _register(name: str, rules: Rules | DealtRules) -> None:
    spiel = import_pyspiel()
    tree = compile_tree(rules)
    info, sums = _game_info(tree, len(action_numbers(tree)))
    kind = spiel.GameType
    constant = np.ptp(sums) <= 1e-9
    utility = kind.Utility.ZERO_SUM if tree.zero_sum else kind.Utility.CONSTANT_SUM
    decisions = tree.infoset[tree.player >= 0]
    perfect = tree.lanes == 1 and len(np.unique(decisions)) == len(decisions)
    game_type = kind(
        short_name=name,
        long_name=repr(rules),
        dynamics=kind.Dynamics.SEQUENTIAL,
        chance_mode=kind.ChanceMode.EXPLICIT_STOCHASTIC if info.max_chance_outcomes else kind.ChanceMode.DETERMINISTIC,
        information=kind.Information.PERFECT_INFORMATION if perfect else kind.Information.IMPERFECT_INFORMATION,
        utility=utility if constant else kind.Utility.GENERAL_SUM,
        reward_model=kind.RewardModel.TERMINAL,
        max_num_players=tree.players,
        min_num_players=tree.players,
        provides_information_state_string=True,
        provides_information_state_tensor=False,
        provides_observation_string=True,
        provides_observation_tensor=False,
    )
    spiel.register_game(game_type, _game_class(histories(rules), game_type, info, action_numbers(tree)))


def _game_info(tree: Tree, actions: int) -> tuple[Any, npt.NDArray[np.float64]]:
    """Return the sizes and bounds that OpenSpiel asks for, and the sum of all players' payoffs wherever play ends."""
    possible = tree.weights[0] > 0
    endings = np.unique(np.stack([tree.outcome, tree.stake], axis=1), axis=0)
    paid = tree.payoffs[:, :, possible][endings[:, 0].astype(int)] * endings[:, 1, None, None]  # [endings, P, deals]
    sums = paid.sum(axis=1).ravel()
    depth = np.zeros(len(tree.player), np.int64)
    for node in range(1, len(depth)):
        depth[node] = depth[tree.parent[node]] + (tree.player[tree.parent[node]] >= 0)
    drawn = tree.slot[1:][tree.player[tree.parent[1:]] == CHANCE] + 1
    hands = max(map(len, tree.hands)) if tree.lanes > 1 else 0
    info = import_pyspiel().GameInfo(
        num_distinct_actions=actions,
        max_chance_outcomes=max(hands, int(drawn.max(initial=0))),
        num_players=tree.players,
        min_utility=float(paid.min()),
        max_utility=float(paid.max()),
        utility_sum=float(sums[0]) if np.ptp(sums) <= 1e-9 else None,
        max_game_length=int(depth.max()),
    )
    return info, sums


@dataclass(frozen=True)
class _Position:
    """Where a registered game stands."""

    state: Any  # ours
    memory: tuple[str, ...]  # [P] what each player saw and did when it last acted
    path: tuple[str, ...]  # all that happened: OpenSpiel's algorithms take a state's string for its history

    def __deepcopy__(self, memo: dict[int, Any]) -> "_Position":
        """Return itself: OpenSpiel clones a Python state by copying all it holds, and this never changes."""
        return self


def _information(rules: Rules, position: _Position, player: int) -> str:
    """Return the player's information-state string: what it sees when it acts, else what it last saw and did."""
    if rules.turn(position.state) == player:
        return information_key(player, rules.sees(position.state, player))
    return f"Player {player} waits: {position.memory[player]}"


def _game_class(rules: Rules, game_type: Any, info: Any, numbers: dict[tuple[str, int], int]) -> Any:
    """Return the subclass of `pyspiel.Game`; a closure, since the base classes need OpenSpiel to be installed."""
    spiel = import_pyspiel()
    StateBase: Any = spiel.State
    GameBase: Any = spiel.Game
    names = [label for label, _ in numbers]

    @functools.lru_cache(maxsize=4096)
    def actions_of(moves: tuple[str, ...]) -> dict[int, int]:
        """Return the index of each of OpenSpiel's actions among these moves, actions in ascending order."""
        return dict(sorted((numbers[move], i) for i, move in enumerate(numbered(moves))))

    class State(StateBase):  # type: ignore[misc]
        def __init__(self, game: Any):
            super().__init__(game)
            self.position = _Position(rules.root(), ("",) * rules.players, ())

        def current_player(self) -> int:
            turn = rules.turn(self.position.state)
            if turn == LEAF:
                return int(spiel.PlayerId.TERMINAL)
            return int(spiel.PlayerId.CHANCE) if turn == CHANCE else turn

        def _legal_actions(self, player: int) -> list[int]:
            return list(actions_of(tuple(rules.moves(self.position.state))))

        def chance_outcomes(self) -> list[tuple[int, float]]:
            return [(i, p) for i, p in enumerate(rules.chance(self.position.state)) if p > 0]

        def _apply_action(self, action: int) -> None:
            state, memory = self.position.state, self.position.memory
            turn, moves = rules.turn(state), tuple(rules.moves(state))
            move = action if turn == CHANCE else actions_of(moves)[action]
            label, repeat = numbered(moves)[move]
            if turn != CHANCE:
                memory = (*memory[:turn], f"{rules.sees(state, turn)} > {label}", *memory[turn + 1 :])
            path = (*self.position.path, f"{label} #{repeat}" if repeat else label)
            self.position = _Position(rules.play(state, move), memory, path)

        def _action_to_string(self, player: int, action: int) -> str:
            return rules.moves(self.position.state)[action] if player == spiel.PlayerId.CHANCE else names[action]

        def is_terminal(self) -> bool:
            return rules.turn(self.position.state) == LEAF

        def returns(self) -> list[float]:
            return list(map(float, rules.payoffs(self.position.state))) if self.is_terminal() else [0.0] * rules.players

        def __str__(self) -> str:
            return ", ".join(self.position.path)

    class Observer:
        """What a player knows, as a string; there is no tensor."""

        def __init__(self) -> None:
            self.tensor: Any = None
            self.dict: Any = {}

        def set_from(self, state: Any, player: int) -> None:
            pass

        def string_from(self, state: Any, player: int) -> str:
            return _information(rules, state.position, player)

    class Game(GameBase):  # type: ignore[misc]
        def __init__(self, params: Any = None):
            super().__init__(game_type, info, params or {})

        def new_initial_state(self) -> Any:
            return State(self)

        def make_py_observer(self, iig_obs_type: Any = None, params: Any = None) -> Any:
            return Observer()

    return Game
