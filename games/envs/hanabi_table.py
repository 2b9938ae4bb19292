"""The kernels of Hanabi: dealing, moves, and what players observe."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.jit import Index, inlined, jit
from counterplay.engine.legal import lawful
from counterplay.engine.random import U64, below

TURN, CLUES, LIVES, DEALT, LEFT = range(5)  # whose turn, tokens, lives, cards dealt, turns once the deck is empty
PLAYER, KIND, TARGET, VALUE, CARDS, PLACE, CARD, SCORED, GAINED = range(9)  # what the last move was
PLAY, DISCARD, COLOUR, RANK = range(4)  # kinds of moves, as observations number them
NONE = -1
_RANKS = 5  # where in what is known of a card its ranks begin; its colours stand before them
_TOLD = 10  # where it says that the colour was told, and after it that the rank was

I32 = npt.NDArray[np.int32]
F32 = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


class Table(NamedTuple):
    """Where games stand: c colours, K kinds of cards, D cards, P players with H cards each."""

    deck: I32  # [B, D] cards in the order in which they are dealt
    hands: I32  # [B, P, H] cards, oldest first; -1: none
    known: I32  # [B, P, H] bits: colours and ranks that it can be, whether they were told
    fires: I32  # [B, c] cards played
    gone: I32  # [B, K] cards discarded
    tally: I32  # [B, 5]
    last: I32  # [B, 9] the last move; its player -1: none yet


class Rules(NamedTuple):
    """What the arrays do not tell."""

    ranks: int
    clues: int
    lives: int
    keeps: bool  # a lost game keeps its score
    copies: I32  # [K] how many cards of a kind there are


@jit
def deal(which: Flags, states: U64, table: Table, ranks: int) -> None:
    """Shuffle the decks of some games (Fisher and Yates), and deal from them, player after player."""
    cards, one = np.uint64(table.deck.shape[1]), np.uint64(1)
    all_ = ((1 << table.fires.shape[1]) - 1) | (((1 << ranks) - 1) << _RANKS)
    for b in range(np.uint64(len(which))):
        if not which[b]:
            continue
        for done in range(cards - one):
            here = cards - one - done
            other = below(states, b, here + one)
            table.deck[b, here], table.deck[b, other] = table.deck[b, other], table.deck[b, here]
        table.last[b, PLAYER] = NONE
        top = np.uint64(0)
        for p in range(np.uint64(table.hands.shape[1])):
            for k in range(np.uint64(table.hands.shape[2])):
                table.hands[b, p, k] = table.deck[b, top]
                table.known[b, p, k] = all_
                top += one
        table.tally[b, DEALT] = top


@jit
def step(
    actions: npt.NDArray[np.int64],
    table: Table,
    rules: Rules,
    legal: Flags,
    reward: F32,  # [B]
    terminated: Flags,
    truncated: Flags,
) -> bool:
    """Play one step of each running game; return False, and play none, if an action is not legal."""
    if not lawful(actions, legal, terminated, truncated):
        return False
    fires, tally, last = table.fires, table.tally, table.last
    players, held, colours = table.hands.shape[1], table.hands.shape[2], table.fires.shape[1]
    for b in range(np.uint64(len(actions))):
        reward[b] = 0.0
        if terminated[b]:
            continue
        turn = np.uint64(tally[b, TURN])
        action = actions[b, turn]
        before = 0
        for c in range(np.uint64(colours)):
            before += fires[b, c]
        if tally[b, DEALT] == table.deck.shape[1]:
            tally[b, LEFT] -= np.int32(1)
        for k in range(np.uint64(last.shape[1])):
            last[b, k] = 0
        last[b, PLAYER] = turn
        score: Any = before
        if action < 2 * held:
            score += _lay(b, turn, np.uint64(action % held), action >= held, table, rules)
        else:
            action -= 2 * held
            by_rank = action >= (players - 1) * colours
            action -= (players - 1) * colours if by_rank else 0
            values = rules.ranks if by_rank else colours
            target = np.uint64((np.int64(turn) + 1 + action // values) % players)
            _tell(b, target, action % values, by_rank, table, rules.ranks)
        tally[b, TURN] = (np.int64(turn) + 1) % players
        reward[b] = score - before if tally[b, LIVES] > 0 or rules.keeps else -before
        full = score == colours * rules.ranks
        terminated[b] = (tally[b, LIVES] == 0) | full | (tally[b, LEFT] == 0)
    return True


@inlined
def _lay(b: Index, turn: Index, place: Index, play: bool, table: Table, rules: Rules) -> int:
    """Play or discard a card, and draw another; return how many points that makes."""
    hands, known, tally, last = table.hands, table.known, table.tally, table.last
    one, end = np.uint64(1), np.uint64(hands.shape[2]) - np.uint64(1)
    card = np.int64(hands[b, turn, place])
    colour = np.uint64(card // rules.ranks)
    last[b, KIND] = PLAY if play else DISCARD
    last[b, PLACE], last[b, CARD] = place, card
    points = 0
    if play and table.fires[b, colour] == card % rules.ranks:
        table.fires[b, colour] += np.int32(1)
        last[b, SCORED] = 1
        points = 1
        if table.fires[b, colour] == rules.ranks and tally[b, CLUES] < rules.clues:
            tally[b, CLUES] += np.int32(1)
            last[b, GAINED] = 1
    else:
        table.gone[b, np.uint64(card)] += np.int32(1)
        tally[b, LIVES if play else CLUES] += np.int32(-1 if play else 1)
    for k in range(place, end):
        hands[b, turn, k], known[b, turn, k] = hands[b, turn, k + one], known[b, turn, k + one]
    hands[b, turn, end] = NONE
    if tally[b, DEALT] < table.deck.shape[1]:
        hands[b, turn, end] = table.deck[b, np.uint64(tally[b, DEALT])]
        known[b, turn, end] = ((1 << table.fires.shape[1]) - 1) | (((1 << rules.ranks) - 1) << _RANKS)
        tally[b, DEALT] += np.int32(1)
    return points


@inlined
def _tell(b: Index, target: Index, value: int, by_rank: bool, table: Table, ranks: int) -> None:
    """Tell a player which of its cards have a colour, or a rank, and hence which have not."""
    table.tally[b, CLUES] -= np.int32(1)
    first, every = (_RANKS, (1 << ranks) - 1) if by_rank else (0, (1 << table.fires.shape[1]) - 1)
    which: Any = 0
    for k in range(np.uint64(table.hands.shape[2])):
        card = np.int64(table.hands[b, target, k])
        if card >= 0:
            if (card % ranks if by_rank else card // ranks) == value:
                which |= 1 << np.int64(k)
                table.known[b, target, k] &= ~((every ^ (1 << value)) << first)
                table.known[b, target, k] |= 1 << (_TOLD + (1 if by_rank else 0))
            else:
                table.known[b, target, k] &= ~((1 << value) << first)
    last = table.last
    last[b, KIND] = RANK if by_rank else COLOUR
    last[b, TARGET], last[b, VALUE], last[b, CARDS] = target, value, which


@jit
def show(which: Flags, table: Table, rules: Rules, obs: F32, state: F32, legal: Flags, terminated: Flags) -> None:
    """Write what the players of some games observe, the state, and what is legal; nothing is once a game is over."""
    players, held, kinds = np.uint64(obs.shape[1]), np.uint64(table.hands.shape[2]), np.uint64(table.gone.shape[1])
    for b in range(np.uint64(len(which))):
        if not which[b]:
            continue
        for n in range(players):
            _observe(b, n, table, rules, obs)
            for a in range(np.uint64(legal.shape[2])):
                legal[b, n, a] = False
            if n == np.uint64(table.tally[b, TURN]) and not terminated[b]:
                _allow(b, n, table, rules, legal)
            else:
                legal[b, n, 0] = True
        i: Any = np.uint64(0)
        for k in range(held):
            for card in range(kinds):
                state[b, i + card] = 1.0 if table.hands[b, 0, k] == np.int64(card) else 0.0
            i += kinds
        for k in range(np.uint64(obs.shape[2])):
            state[b, i + k] = obs[b, 0, k]


@inlined
def _allow(b: Index, n: Index, table: Table, rules: Rules, legal: Flags) -> None:
    players, held = np.uint64(table.hands.shape[1]), np.uint64(table.hands.shape[2])
    colours, ranks = np.uint64(table.fires.shape[1]), np.uint64(rules.ranks)
    clues = table.tally[b, CLUES]
    for k in range(held):
        there = table.hands[b, n, k] >= 0
        legal[b, n, k] = there and clues < rules.clues
        legal[b, n, held + k] = there
    if clues > 0:
        first = held + held
        for offset in range(players - np.uint64(1)):
            target = (n + np.uint64(1) + offset) % players
            for k in range(held):
                card = table.hands[b, target, k]
                if card >= 0:
                    legal[b, n, first + offset * colours + np.uint64(card) // ranks] = True
                    legal[
                        b, n, first + (players - np.uint64(1)) * colours + offset * ranks + np.uint64(card) % ranks
                    ] = True


@inlined
def _observe(b: Index, n: Index, table: Table, rules: Rules, obs: F32) -> None:
    """Write what a player observes, section by section (`Hanabi`)."""
    hands, tally, one = table.hands, table.tally, np.uint64(1)
    players, held = np.uint64(hands.shape[1]), np.uint64(hands.shape[2])
    colours, kinds, ranks = np.uint64(table.fires.shape[1]), np.uint64(table.gone.shape[1]), np.uint64(rules.ranks)
    cards = np.uint64(table.deck.shape[1])
    for k in range(np.uint64(obs.shape[2])):
        obs[b, n, k] = 0.0
    i: Any = np.uint64(0)
    for offset in range(one, players):
        for k in range(held):
            card = hands[b, (n + offset) % players, k]
            if card >= 0:
                obs[b, n, i + np.uint64(card)] = 1.0
            i += kinds
    for offset in range(players):
        if hands[b, (n + offset) % players, held - one] < 0:
            obs[b, n, i + offset] = 1.0
    i += players
    for k in range(cards - np.uint64(tally[b, DEALT])):
        obs[b, n, i + k] = 1.0
    i += cards - players * held
    for c in range(colours):
        if table.fires[b, c] > 0:
            obs[b, n, i + np.uint64(table.fires[b, c]) - one] = 1.0
        i += ranks
    for k in range(np.uint64(tally[b, CLUES])):
        obs[b, n, i + k] = 1.0
    i += np.uint64(rules.clues)
    for k in range(np.uint64(tally[b, LIVES])):
        obs[b, n, i + k] = 1.0
    i += np.uint64(rules.lives)
    for card in range(kinds):
        for k in range(np.uint64(table.gone[b, card])):
            obs[b, n, i + k] = 1.0
        i += np.uint64(rules.copies[card])
    i = _last(b, n, i, table, ranks, obs)
    for offset in range(players):
        p = (n + offset) % players
        for k in range(held):
            card, known = hands[b, p, k], np.int64(table.known[b, p, k])
            if card >= 0:
                for j in range(kinds):
                    can = (known >> np.int64(j // ranks)) & (known >> np.int64(_RANKS + np.int64(j % ranks))) & 1
                    obs[b, n, i + j] = can
                obs[b, n, i + kinds + np.uint64(card) // ranks] = (known >> _TOLD) & 1
                obs[b, n, i + kinds + colours + np.uint64(card) % ranks] = (known >> (_TOLD + 1)) & 1
            i += kinds + colours + ranks
    obs[b, n, i + (np.uint64(tally[b, TURN]) + players - n) % players] = 1.0
    obs[b, n, i + players + n] = 1.0


@inlined
def _last(b: Index, n: Index, i: Index, table: Table, ranks: Index, obs: F32) -> Index:
    """Write the last move; return where the next section begins."""
    last, players, held = table.last, np.uint64(table.hands.shape[1]), np.uint64(table.hands.shape[2])
    colours, kinds = np.uint64(table.fires.shape[1]), np.uint64(table.gone.shape[1])
    target = i + players + np.uint64(4)
    colour = target + players
    rank = colour + colours
    shown = rank + ranks
    place = shown + held
    card = place + held
    if last[b, PLAYER] >= 0:
        kind = last[b, KIND]
        obs[b, n, i + (np.uint64(last[b, PLAYER]) + players - n) % players] = 1.0
        obs[b, n, i + players + np.uint64(kind)] = 1.0
        if kind >= COLOUR:
            obs[b, n, target + (np.uint64(last[b, TARGET]) + players - n) % players] = 1.0
            obs[b, n, (colour if kind == COLOUR else rank) + np.uint64(last[b, VALUE])] = 1.0
            for k in range(held):
                obs[b, n, shown + k] = (last[b, CARDS] >> np.int64(k)) & 1
        else:
            obs[b, n, place + np.uint64(last[b, PLACE])] = 1.0
            obs[b, n, card + np.uint64(last[b, CARD])] = 1.0
            obs[b, n, card + kinds] = last[b, SCORED]
            obs[b, n, card + kinds + np.uint64(1)] = last[b, GAINED]
    return card + kinds + np.uint64(2)
