"""Our strategies as OpenSpiel policies: of its own game where it has the same one, else of a registered Python game."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError
from counterplay.engine.rules import CHANCE, LEAF, DealtRules, Rules, histories, is_dealt, join_label
from counterplay.engine.strategy import check, uniform
from counterplay.engine.tree import Tree
from counterplay.games.dark_hex import DarkHex
from counterplay.games.foreign.openspiel import OpenSpiel, SpielState, game, import_pyspiel
from counterplay.games.foreign.register_openspiel import action_numbers, information_key, numbered, register
from counterplay.games.goofspiel import Goofspiel
from counterplay.games.kuhn import Kuhn
from counterplay.games.leduc import Leduc
from counterplay.games.liars_dice import LiarsDice
from counterplay.games.matrix import Matrix, matching_pennies, rock_paper_scissors
from counterplay.games.phantom_tic_tac_toe import PhantomTicTacToe


class Counterpart(NamedTuple):
    """OpenSpiel's name of a game of ours, and how chance there translates: decisions have the same order in both."""

    text: str
    draws: int  # how many chance outcomes of theirs make one of ours
    label: Callable[[tuple[int, ...]], str]  # our label of those outcomes


def counterpart(rules: Rules | DealtRules) -> Counterpart | None:
    """Return OpenSpiel's own version of a game, or None where it has none."""
    match rules:
        case Kuhn(players=n, ranks=ranks) if ranks == n + 1:
            return Counterpart(f"kuhn_poker(players={n})", 1, lambda card: rules.hands(0)[card[0]])
        case Leduc(players=n) if rules == Leduc(players=n):
            # Cards are numbered rank by rank, two suits each; suits never count.
            return Counterpart(f"leduc_poker(players={n})", 1, lambda card: rules.hands(0)[card[0] // 2])
        case LiarsDice(players=2, dice=dice, faces=faces, wild=True):
            joint = "" if faces <= 9 else ","
            return Counterpart(
                f"liars_dice(dice_sides={faces},numdice={dice})",
                dice,
                lambda rolls: joint.join(str(roll + 1) for roll in sorted(rolls)),
            )
        case Goofspiel(cards=cards, players=n, order=order, hidden=True, returns=returns):
            # With open bids OpenSpiel's information states forget the order of one's own bids.
            text = f"imp_info=True,num_cards={cards},players={n},points_order={order},returns_type={returns}"
            return Counterpart(f"goofspiel({text})", 1, lambda prize: str(prize[0] + 1))
        case PhantomTicTacToe(abrupt=abrupt):
            version = "abrupt" if abrupt else "classical"
            return Counterpart(f"phantom_ttt(gameversion={version},obstype=reveal-nothing)", 0, str)
        case DarkHex(rows=rows, columns=columns, abrupt=abrupt):
            # OpenSpiel's strings of classical dark hex, unlike its tensors, also tell how many attempts both have made.
            text = f"gameversion={'adh' if abrupt else 'cdh'},num_cols={columns},num_rows={rows},obstype=reveal-nothing"
            return Counterpart(f"dark_hex({text})", 0, str)
        case Matrix() if rules == rock_paper_scissors():
            return Counterpart("matrix_rps()", 0, str)
        case Matrix() if rules == matching_pennies():
            return Counterpart("matrix_mp()", 0, str)
    return None


def to_game(rules: Rules | DealtRules) -> Any:
    """Return the sequential `pyspiel.Game` of the rules: the imported game, its counterpart, or a registered one."""
    import_pyspiel()
    if isinstance(rules, OpenSpiel):
        return game(rules.text)
    pair = counterpart(rules)
    return game(pair.text) if pair else register(rules)


def to_policy(rules: Rules | DealtRules, tree: Tree, strategy: npt.NDArray[np.float64]) -> Any:
    """Return a strategy, [R, W], of the rules' tree as a `pyspiel.TabularPolicy` of `to_game(rules)`.

    Its keys are that game's information-state strings. Raises `ValueError` where the strategy does not fit the tree.
    """
    spiel = import_pyspiel()
    check(tree, strategy)
    table: dict[str, list[tuple[int, float]]] = {}
    for key, infoset, lane, actions in _entries(rules, tree):
        probabilities = strategy[tree.first[infoset] : tree.first[infoset + 1], lane].tolist()
        entry = list(zip(actions, probabilities, strict=True))
        if table.setdefault(key, entry) != entry:
            raise UserError(f"OpenSpiel calls two information sets {key!r}, and the strategy differs between them")
    return spiel.TabularPolicy(table)


def information_states(rules: Rules | DealtRules, tree: Tree) -> dict[str, tuple[int, int]]:
    """Return the information set and the lane of each of OpenSpiel's information-state strings."""
    import_pyspiel()
    return {key: (infoset, lane) for key, infoset, lane, _ in _entries(rules, tree)}


def _identity(game: Any) -> tuple[str, dict[str, Any]]:
    """Return a game's name and all its parameters, defaults too; of one made turn-based those of what is inside."""
    name, parameters = str(game.get_type().short_name), dict(game.get_parameters())
    inner = parameters.get("game")
    if name == "turn_based_simultaneous_game" and isinstance(inner, dict):
        return str(inner["name"]), {key: value for key, value in inner.items() if key != "name"}
    return name, parameters


def from_policy(rules: Rules | DealtRules, tree: Tree, policy: Any) -> npt.NDArray[np.float64]:
    """Return a policy of OpenSpiel's, of `to_game(rules)`, as a strategy of the tree, [R, W].

    A policy is a `pyspiel.TabularPolicy` or anything with `action_probabilities(state)`, of C++ or Python. Raises
    `ValueError` where it says nothing of an information state.
    """
    import_pyspiel()
    whose = getattr(policy, "game", None)
    if whose is not None and hasattr(whose, "new_initial_state"):
        ours = to_game(rules)
        if _identity(whose) != _identity(ours):
            raise UserError(f"the policy is of another game of OpenSpiel's, {whose}, and this one is {ours}")
    try:
        table, strategy = _policy_table(rules, policy), uniform(tree)
    except Exception as error:  # whatever a policy of another game throws
        raise UserError(f"the policy does not fit this game: {type(error).__name__}: {error}") from error
    known, said = set[str](), dict[tuple[int, int], tuple[str, list[float]]]()
    for key, infoset, lane, actions in _entries(rules, tree):
        if key not in table:
            raise UserError(f"the policy says nothing of OpenSpiel's information state {key!r}")
        known.add(key)
        odds = [table[key].get(action, 0.0) for action in actions]
        first, before = said.setdefault((infoset, lane), (key, odds))
        if before != odds:
            raise UserError(
                f"the policy differs between {first!r} and {key!r}, which OpenSpiel tells apart and this game does not"
            )
        strategy[tree.first[infoset] : tree.first[infoset + 1], lane] = odds
    if others := table.keys() - known:
        raise UserError(
            f"the policy is of another game: this one has no information state {min(others)!r}, such as it speaks of"
        )
    return strategy


def _policy_table(rules: Rules | DealtRules, policy: Any) -> dict[str, dict[int, float]]:
    """Return what a policy does at each information state, by action; one without a table is asked state by state."""
    if hasattr(policy, "policy_table"):
        return {key: dict(odds) for key, odds in policy.policy_table().items()}
    table: dict[str, dict[int, float]] = {}
    stack = [to_game(rules).new_initial_state()]
    while stack:
        state = stack.pop()
        if state.is_terminal():
            continue
        if not state.is_chance_node():
            key = state.information_state_string()
            if key not in table:
                odds = policy.action_probabilities(state)
                table[key] = dict(odds) if not isinstance(odds, dict) else odds
        stack.extend(state.child(action) for action in state.legal_actions())
    return table


def _entries(rules: Rules | DealtRules, tree: Tree) -> "Entries":
    pair = counterpart(rules)
    if isinstance(rules, OpenSpiel):
        return _imported(rules, tree)
    return _registered(rules, tree) if pair is None else _side_by_side(rules, tree, pair)


Entries = Iterator[tuple[str, int, int, Sequence[int]]]  # information-state string, infoset, lane, OpenSpiel's actions


def _imported(rules: OpenSpiel, tree: Tree) -> Entries:
    """Yield the entries of an imported game from one state of each information set."""
    decisions = np.flatnonzero(tree.player >= 0)
    _, first = np.unique(tree.infoset[decisions], return_index=True)
    wanted = np.zeros(len(tree.player), bool)
    for node in decisions[first]:
        while node >= 0 and not wanted[node]:
            wanted[node] = True
            node = tree.parent[node]
    seen: set[int] = set()
    path: list[tuple[int, SpielState]] = []  # the states above the current node, the root first
    for node in np.flatnonzero(wanted).tolist():
        while path and path[-1][0] != tree.parent[node]:
            path.pop()
        state = rules.play(path[-1][1], int(tree.slot[node])) if path else rules.root()
        path.append((node, state))
        infoset = int(tree.infoset[node])
        if state.turn >= 0 and infoset not in seen:
            seen.add(infoset)
            yield rules.sees(state, state.turn), infoset, 0, state.actions


def _places(rules: Rules | DealtRules, tree: Tree) -> dict[tuple[int, str], tuple[int, int]]:
    """Return the information set and the lane of each player's information, named as `histories(rules)` names it."""
    dealt = is_dealt(rules)
    return {
        (owner, join_label(hand, label) if dealt else label): (infoset, lane)
        for infoset, (owner, label) in enumerate(zip(tree.owner.tolist(), tree.labels, strict=True))
        for lane, hand in enumerate(tree.hands[owner])
    }


def _side_by_side(rules: Rules | DealtRules, tree: Tree, pair: Counterpart) -> Entries:
    """Yield the entries of a game by walking all histories of OpenSpiel's game, and ours at their side."""
    ours, places = histories(rules), _places(rules, tree)
    seen: dict[str, tuple[int, int]] = {}
    stack: list[tuple[Any, Any, tuple[int, ...]]] = [(ours.root(), game(pair.text).new_initial_state(), ())]
    while stack:
        mine, theirs, drawn = stack.pop()
        turn = ours.turn(mine)
        if turn != (LEAF if theirs.is_terminal() else max(theirs.current_player(), CHANCE)):
            raise UserError(f"{rules!r} is not OpenSpiel's {pair.text}: after {theirs.history()} another player acts")
        if turn == LEAF:
            if not np.allclose(theirs.returns(), ours.payoffs(mine), rtol=0, atol=1e-9):
                raise UserError(f"{rules!r} is not OpenSpiel's {pair.text}: {theirs.history()} pays otherwise")
        elif turn == CHANCE:
            moves = ours.moves(mine)
            for action in theirs.legal_actions():
                draws = (*drawn, action)
                if len(draws) < pair.draws:
                    stack.append((mine, theirs.child(action), draws))
                else:
                    stack.append((ours.play(mine, moves.index(pair.label(draws))), theirs.child(action), ()))
        else:
            actions = theirs.legal_actions()
            key = theirs.information_state_string()
            place = places[turn, ours.sees(mine, turn)]
            if key not in seen:
                seen[key] = place
                yield key, *place, actions
            elif seen[key] != place:
                raise UserError(f"{rules!r} is not OpenSpiel's {pair.text}: {key!r} is two information sets of ours")
            stack.extend((ours.play(mine, i), theirs.child(action), ()) for i, action in enumerate(actions))


def _registered(rules: Rules | DealtRules, tree: Tree) -> Entries:
    numbers = action_numbers(tree)
    for (owner, label), (infoset, lane) in _places(rules, tree).items():
        yield information_key(owner, label), infoset, lane, [numbers[move] for move in numbered(tree.actions[infoset])]
