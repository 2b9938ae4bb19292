"""What a spot is, in a few lines: stakes, what both players may hold once the board is dealt, and what may be bet."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from counterplay.engine.text import count
from counterplay.games.holdem.betting import PLAYERS, STREETS, BettingRules, FixedLimit, Menu, NoLimit
from counterplay.games.holdem.ranges import parse_range
from counterplay.games.holdem.sizes import BetSize
from counterplay.games.holdem.spot import Spot


def facts(spot: Spot) -> list[tuple[str, str]]:
    """Return names and texts: the spot, its stakes, the hands of both players, and the sizes of each street."""
    return [("spot", spot.name), ("stakes", stakes(spot)), *_hands(spot), *_sizes(spot)]


def stakes(spot: Spot) -> str:
    """Return what is in the middle and behind, and what the house takes."""
    small, big = spot.betting.blinds
    pot = f"pot {spot.pot}" if spot.pot or not big else ""
    blinds = f"blinds {small} and {big}" if big else ""
    deep = "" if big else f" (SPR {spr(spot):.3g})"
    rake = spot.rake
    cap = "" if np.isinf(rake.cap) else f" up to {rake.cap:g}"
    house = f"rake {rake.percent:g} %{cap}" if rake.taken else "no rake"
    first = f" · {'OOP' if spot.aggressor == 'oop' else 'IP'} bet last" if spot.aggressor else ""
    return f"{', '.join(x for x in (pot, blinds) if x)}, stacks {spot.stack}{deep} · {house}{first}"


def spr(spot: Spot) -> float:
    """Return the ratio of stack to pot."""
    return float(spot.stack) / float(spot.middle)


def figures(spot: Spot) -> dict[str, Any]:
    """Return the same for JSON."""
    rake = spot.rake
    return {
        "pot": spot.middle,
        "stack": spot.stack,
        "spr": spr(spot),
        "rake": {"percent": rake.percent, "cap": None if np.isinf(rake.cap) else rake.cap},
        "combos": [int((weights > 0).sum()) for weights in spot.weights],
        "sizes": [text for _, text in _sizes(spot)],
    }


def _hands(spot: Spot) -> Iterator[tuple[str, str]]:
    """Yield how many combos both ranges have, and how many cards on the board take."""
    for name, text, weights in zip(PLAYERS, spot.ranges, spot.weights, strict=True):
        left, written = int((weights > 0).sum()), int(((parse_range(text) > 0) & spot.deck.free()).sum())
        taken = f" of {written}, the board takes {written - left}" if spot.board else ""
        whole = "" if np.isin(weights, (0.0, 1.0)).all() else f"; {weights.sum():.1f} by weight"
        yield f"{name.upper()}'s range", f"{left} combos{taken}{whole}"


def _sizes(spot: Spot) -> Iterator[tuple[str, str]]:
    """Yield the sizes of each street that is played, streets with the same ones together."""
    betting = spot.betting
    texts: dict[str, list[str]] = {}
    for street in range(STREETS.index(spot.street), betting.last + 1):
        texts.setdefault(_of_street(betting, street), []).append(STREETS[street])
    for text, streets in texts.items():
        yield _together(streets), text
    if isinstance(betting, NoLimit):
        limits = [
            f"all-in added up to {100 * float(betting.add_allin):g}% of the pot" if betting.add_allin else "",
            f"all-in where a call leaves up to {100 * float(betting.force_allin):g}%" if betting.force_allin else "",
            "" if betting.raise_cap is None else f"at most {count(betting.raise_cap, 'raise')} a street",
            "" if betting.min_bet == 1 else f"bets of {betting.min_bet} at least",
            "" if betting.rounding == 1 else f"bets rounded to {betting.rounding}",
        ]
        if any(limits):
            yield "limits", ", ".join(text for text in limits if text)


def _together(streets: list[str]) -> str:
    """Return a short name of some streets: "flop-river" where they follow one another."""
    if len(streets) == 1:
        return streets[0]
    if STREETS.index(streets[-1]) - STREETS.index(streets[0]) == len(streets) - 1:
        return f"{streets[0]}-{streets[-1]}"
    return ", ".join(streets) if len(streets) == 2 else "other streets"


def _of_street(betting: BettingRules, street: int) -> str:
    if isinstance(betting, FixedLimit):
        return f"limit, bets and raises by {betting.bets[street]}, at most {betting.cap} a street"
    oop, ip = betting.menus[street] or (Menu(), Menu())
    if oop._replace(lead=None) == ip:
        return _of_menu(oop)
    return f"OOP {_of_menu(oop)}; IP {_of_menu(ip)}"


def _of_menu(menu: Menu) -> str:
    said = [_listed("bet", menu.bet)]
    if menu.bet or menu.raises:
        said.append(_listed("raise", menu.raises))
    if menu.lead is not None:
        said.append(_listed("lead", menu.lead))
    return " · ".join(said)


def _listed(name: str, sizes: tuple[BetSize, ...]) -> str:
    return f"{name} {', '.join(map(str, sizes))}" if sizes else f"no {name}s"


def without_raises(spot: Spot) -> list[str]:
    """Return the streets on which a player may bet and the other cannot raise, as sizes in chips are for bets alone."""
    betting = spot.betting
    if isinstance(betting, FixedLimit) or betting.raise_cap == 0:
        return []
    streets = range(STREETS.index(spot.street), betting.last + 1)
    return [STREETS[s] for s in streets if any(m.bet and not m.raises for m in betting.menus[s] or ())]
