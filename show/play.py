"""Play games from their rules: some seats by a strategy, the others by whoever is asked."""

from collections.abc import Callable, Container, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError
from counterplay.engine.rules import CHANCE, LEAF, DealtRules, Rules, histories, is_dealt
from counterplay.engine.text import count
from counterplay.engine.tree import Tree
from counterplay.engine.wording import spoken
from counterplay.show.text import HEADING, Paint
from counterplay.solvers.reach import IMPOSSIBLE, NEVER_REACHED, RARELY_REACHED, marks


class Decision(NamedTuple):
    """A decision as it comes up in a game."""

    player: int
    hand: str  # "" in games without a private deal
    seen: str  # the public history in words, or all that the player sees where there are no hands
    actions: tuple[str, ...]
    odds: tuple[float, ...]  # what the strategy does here
    note: str  # "never reached", or whatever makes that say little
    chosen: int  # -1 until it is taken
    label: str = ""  # what the player sees, as the rules have it


class Finished(NamedTuple):
    """A game that is over."""

    hands: tuple[str, ...]  # () in games without a private deal
    decisions: tuple[Decision, ...]
    payoffs: tuple[float, ...]
    state: Any = None


class Meant(NamedTuple):
    """What an answer is taken for that names no action: one of these, with these probabilities."""

    actions: tuple[int, ...]
    shares: tuple[float, ...]
    exact: bool  # it is another name of the action, and nothing need be said


class Opponent(NamedTuple):
    """Who plays a solution, what to say first, what payoffs do not count, and how to write them.

    `best` is what perfect play against it would earn in each seat; None where nobody can tell. `taken` gives, for a
    label and an answer, what the answer is taken for where it names no action, None where it is nothing that could be;
    it raises `ValueError` for what the rules do not allow. `stakes` says, for a label, what there is to win and to pay.
    """

    policy: "Policy"
    intro: str
    share: float
    number: Callable[[float], str]
    best: Sequence[float] | None
    view: Callable[[int, str], Sequence[str]] | None = None  # what a player sees, as a picture in place of its text
    shown: Callable[[Any], Sequence[str]] | None = None  # the last state of a game, as a picture
    taken: Callable[[str, str], Meant | None] | None = None
    stakes: Callable[[str], str] | None = None


class Policy(Protocol):
    """A strategy of every player."""

    @property
    def rules(self) -> Rules | DealtRules:
        """Return the game that it plays."""

    @property
    def names(self) -> Sequence[str]:
        """Return what the players are called."""

    def odds(self, player: int, label: str, lane: int, actions: tuple[str, ...]) -> tuple[float, ...]:
        """Return the probability of each action, after what the player sees and with the hand in that lane."""

    def note(self, player: int, label: str, lane: int | None) -> str:
        """Say where these probabilities say little; without a lane, of all hands together."""


class Book:
    """A strategy, looked up by what a player sees."""

    def __init__(self, rules: Rules | DealtRules, tree: Tree, strategy: npt.NDArray[np.float64]):
        self.rules, self.source, self.strategy = rules, tree, strategy
        self.names = tuple(f"player {p}" for p in range(rules.players))
        self.index = {key: i for i, key in enumerate(zip(tree.owner.tolist(), tree.labels, strict=True))}

    def odds(self, player: int, label: str, lane: int, actions: tuple[str, ...]) -> tuple[float, ...]:
        """Return the probability of each action; raises `ValueError` where the strategy has no such decision."""
        i = self.index.get((player, label))
        if i is None or self.source.actions[i] != actions:
            raise UserError(f"the solution has no decision of player {player} at {label!r}: it is of other rules")
        odds = self.strategy[self.source.first[i] : self.source.first[i + 1], lane]
        return tuple((odds / odds.sum()).tolist())

    @cached_property
    def _notes(self) -> list[list[str]]:
        return marks(self.source, self.strategy)[1]

    def note(self, player: int, label: str, lane: int | None) -> str:
        """Say where nobody goes, or hardly ever; without a lane, of all hands together."""
        notes = self._notes[self.index[player, label]]
        if lane is not None:
            return notes[lane]
        said = {text for text in notes if text != IMPOSSIBLE}
        return "" if "" in said else RARELY_REACHED if RARELY_REACHED in said else NEVER_REACHED


def play_game(
    policy: Policy,
    asked: Container[int],
    ask: Callable[[Decision], int],
    tell: Callable[[int, str, str], None],
    rng: np.random.Generator,
) -> Finished:
    """Play one game; `ask` takes the decisions of the seats in `asked` where there is a choice, the policy all others.

    `tell` hears every public event as player (or CHANCE), move, and what makes the policy say little there; where there
    are no hands, nothing is known to be public, and `ask` is told all that its player sees.
    """
    game, rules = policy.rules, histories(policy.rules)
    state: Any = rules.root()
    history = ""
    decisions: list[Decision] = []
    while (turn := rules.turn(state)) != LEAF:
        moves = tuple(rules.moves(state))
        public, guess = is_dealt(game) and len(state[0]) == game.players, ""
        if turn == CHANCE:
            move = int(rng.choice(len(moves), p=rules.chance(state)))
        else:
            hand, label, lane = "", rules.sees(state, turn), 0
            seen = label
            if is_dealt(game):
                lane = state[0][turn]
                hand, label, seen = game.hands(turn)[lane], game.sees(state[1]), history
            odds, note = policy.odds(turn, label, lane, moves), policy.note(turn, label, lane) if len(moves) > 1 else ""
            decision = Decision(turn, hand, seen, moves, odds, note, -1, label)
            by_hand = turn in asked and len(moves) > 1
            if not by_hand and note and (public_note := policy.note(turn, label, None)):
                guess = public_note
            move = ask(decision) if by_hand else int(rng.choice(len(moves), p=decision.odds))
            decisions.append(decision._replace(chosen=move))
        if public:
            history = spoken(history, moves[move], turn == CHANCE)
            tell(turn, moves[move], guess)
        state = rules.play(state, move)
    hands = tuple(game.hands(p)[h] for p, h in enumerate(state[0])) if is_dealt(game) else ()
    return Finished(hands, tuple(decisions), tuple(rules.payoffs(state)), state)


def action_named(answer: str, actions: Sequence[str]) -> int | None:
    """Return the action of that name, or the only one that begins with it."""
    names = [a.lower() for a in actions]
    if answer in names:
        return names.index(answer)
    fits = [i for i, name in enumerate(names) if answer and name.startswith(answer)]
    return fits[0] if len(fits) == 1 else None


def explained(hand: Finished, me: int, names: Sequence[str]) -> Iterator[str]:
    """Yield who held what, and what the strategy does at each decision; `me` is whom it is told to."""
    if hand.hands:
        held = (f"{'you' if p == me else names[p]} {h}" for p, h in enumerate(hand.hands))
        yield f"  hands: {', '.join(held)}"
    for d in hand.decisions:
        odds = ", ".join(f"{a} {100 * x:.1f}%" for a, x in zip(d.actions, d.odds, strict=True) if x >= 0.0005)
        who = "you" if d.player == me else names[d.player]
        when = (f"after {d.seen}" if d.seen else "first to act") if hand.hands else f"seeing {d.seen}"
        said = f"{odds}; {d.note}" if d.note else odds
        yield f"  {who}, {when}: {d.actions[d.chosen]} (the solution: {said})"


class Session:
    """A terminal at which a person plays a solution: what is asked and told goes through standard input and output."""

    def __init__(
        self,
        opponent: Opponent,
        say: Callable[[str], None],
        hear: Callable[[str], str],
        heading: Paint,
        rng: np.random.Generator,
    ):
        self.opponent, self.say, self.hear, self.heading, self.rng = opponent, say, hear, heading, rng
        self.names = opponent.policy.names
        self.me = 0

    def ask(self, decision: Decision) -> int:
        """Return what the person chooses; raises `EOFError` where it leaves."""
        if decision.hand:
            stakes = "" if self.opponent.stakes is None else f"; {self.opponent.stakes(decision.label)}"
            self.say(f"  you hold {decision.hand}{', after ' if decision.seen else ''}{decision.seen}{stakes}")
        elif self.opponent.view is not None:
            for line in self.opponent.view(decision.player, decision.seen):
                self.say(f"  {line}")
        else:
            self.say(f"  you see {decision.seen}")
        while True:
            answer = self.hear(f"  {' / '.join(decision.actions)}? ")
            try:
                choice = self._taken(decision, answer)
            except UserError as error:
                self.say(f"  {error}")
                continue
            if choice is not None:
                return choice
            if answer in ("q", "quit"):
                raise EOFError
            self.say("  Type one of these, or the beginning of just one; q leaves, ? works after the hand.")

    def _taken(self, decision: Decision, answer: str) -> int | None:
        """Return the action that an answer names or, said first, is taken for; None where it is none."""
        actions = decision.actions
        if self.opponent.taken is None or answer in [a.lower() for a in actions]:
            return action_named(answer, actions)
        meant = self.opponent.taken(decision.label, answer)
        if meant is None:
            return action_named(answer, actions)
        k = int(self.rng.choice(len(meant.actions), p=meant.shares))
        if not meant.exact:
            how = f" ({100 * meant.shares[k]:.0f} %)" if len(meant.actions) > 1 else ", the nearest there is"
            self.say(f"  {answer} is taken as {actions[meant.actions[k]]}{how}")
        return meant.actions[k]

    def tell(self, player: int, move: str, note: str) -> None:
        """Say what the others did, and what was dealt."""
        if player != self.me:
            guess = f" (a guess: the solution has this {note})" if note else ""
            self.say(f"  {self.names[player]}: {move}{guess}" if player >= 0 else f"  dealt: {move}")

    def goes_on(self, hand: Finished) -> bool:
        """Explain a hand as long as that is asked for; return whether another one is wanted."""
        prompt = "  Enter goes on, ? shows the solution's view, q leaves: "
        answer = self.hear(prompt)
        while answer not in ("", "q", "quit"):
            if answer in ("?", "reveal"):
                for line in explained(hand, self.me, self.names):
                    self.say(line)
            answer = self.hear(prompt)
        return not answer


def play_session(session: Session, seat: int | None, hands: int | None) -> None:
    """Play hands until the person leaves, or so many."""
    total, played, perfect = 0.0, 0, 0.0
    number, best = session.opponent.number, session.opponent.best
    try:
        while hands is None or played < hands:
            session.me = played % len(session.names) if seat is None else seat
            session.say(session.heading(f"\nHand {played + 1}: you are {session.names[session.me]}", HEADING))
            hand = play_game(session.opponent.policy, (session.me,), session.ask, session.tell, session.rng)
            earned = hand.payoffs[session.me] + session.opponent.share
            played, total = played + 1, total + earned
            perfect += 0.0 if best is None else best[session.me]
            for line in () if session.opponent.shown is None else session.opponent.shown(hand.state):
                session.say(f"  {line}")
            session.say(f"  you get {number(earned)}; {number(total)} in {count(played, 'hand')}")
            if not session.goes_on(hand):
                break
    except EOFError:
        session.say("")
    if played:
        average = f"you got {number(total / played)} a hand in {count(played, 'hand')}"
        could = "" if best is None else f"; perfect play against this solution would average {number(perfect / played)}"
        session.say(f"\n{average}{could}.")
