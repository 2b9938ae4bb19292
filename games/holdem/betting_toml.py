"""What may be bet, as tables of a spot file."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from counterplay.engine.errors import UserError
from counterplay.games.holdem.betting import PLAYERS, RIVER, STREETS, BettingRules, FixedLimit, Menu, NoLimit
from counterplay.games.holdem.sizes import BetSize, Role, parse_sizes
from counterplay.games.holdem.values import Chips, as_chips, as_number, as_table, as_text, as_whole, check_keys, quote

_ONLY_NO_LIMIT = ("bets", "add_allin", "force_allin", "raise_cap", "min_bet", "rounding")
_ROLES: tuple[Role, ...] = ("bet", "raise", "lead")


def read_betting(data: Mapping[str, Any], first: int, aggressor: str) -> BettingRules:
    """Return the rules of betting that a file's data describe for a subgame from street number `first` on."""
    last = as_text(data.get("last", STREETS[RIVER]), "last")
    if last not in STREETS:
        raise UserError(f"last must be the street that ends the game ({', '.join(STREETS)}), not {last!r}")
    if STREETS.index(last) < first:
        raise UserError(f"last is the {last}, and the board has the cards of the {STREETS[first]}")
    frame = STREETS.index(last), _blinds(data, first)
    if "limit" in data:
        for key in _ONLY_NO_LIMIT:
            if key in data:
                raise UserError(f"a spot with [limit] has no {key!r}: every bet of a street has one size")
        return _fixed_limit(as_table(data, "limit", (*STREETS, "cap")), first, *frame)
    if "bets" in data:
        return _no_limit(data, first, aggressor, *frame)
    raise UserError(f'a spot needs bet sizes, such as [bets.{STREETS[first]}] with bet = ["50%", "all-in"]')


def _blinds(data: Mapping[str, Any], first: int) -> tuple[Chips, Chips]:
    given = data.get("blinds", [0, 0])
    if not isinstance(given, list | tuple) or len(given) != 2:
        raise UserError(f"blinds must be the small one and the big one, such as [1, 2], not {given!r}")
    if first > 0 and "blinds" in data:
        raise UserError(f"blinds are posted before the flop, and the board has the cards of the {STREETS[first]}")
    return as_chips(given[0], "the small blind"), as_chips(given[1], "the big blind")


def _fixed_limit(limit: Mapping[str, Any], first: int, last: int, blinds: tuple[Chips, Chips]) -> FixedLimit:
    bets = [as_chips(limit[street], f"limit.{street}") if street in limit else None for street in STREETS]
    for street, bet in zip(STREETS, bets, strict=True):
        if bet is not None and bet <= 0:
            raise UserError(f"limit.{street} must be more than no chips, not {bet}")
    played = tuple(bet if first <= i <= last else None for i, bet in enumerate(bets))
    return FixedLimit(played, as_whole(limit.get("cap", 4), "limit.cap"), last, blinds)


def _no_limit(data: Mapping[str, Any], first: int, aggressor: str, last: int, blinds: tuple[Chips, Chips]) -> NoLimit:
    sizes: dict[str, tuple[BetSize, ...]] = {}  # by the name of the key, "bets.river.ip.raise"
    _read_sizes(data["bets"], "bets", (*STREETS, *PLAYERS), sizes)
    useless = [f"bets.{STREETS[first]}.lead", f"bets.{STREETS[first]}.oop.lead"]
    if first == last:
        useless += ["bets.lead", "bets.oop.lead"]
    for where in useless if aggressor != "ip" else ():
        if where in sizes:
            raise UserError(
                f"{where} is for after OOP called a bet, but the subgame starts on the {STREETS[first]}: "
                'say aggressor = "ip" if IP bet last before, or put the sizes under bet'
            )
    menus = list[tuple[Menu, Menu] | None]()
    for i, street in enumerate(STREETS):
        menus.append(_menus(street, sizes, i > first or aggressor == "ip") if first <= i <= last else None)
    return NoLimit(
        tuple(menus),
        _threshold(data.get("add_allin", 0), "add_allin"),
        _threshold(data.get("force_allin", 0), "force_allin"),
        as_whole(data["raise_cap"], "raise_cap") if "raise_cap" in data else None,
        as_chips(data.get("min_bet", 1), "min_bet"),
        last,
        blinds,
        as_chips(data.get("rounding", 1), "rounding"),
    )


def _read_sizes(given: object, where: str, inner: Iterable[str], sizes: dict[str, tuple[BetSize, ...]]) -> None:
    """Collect the sizes of a table and of those inside it."""
    if not isinstance(given, dict):
        raise UserError(f'{where} must be a table with bet, raise and lead, such as bet = ["50%"], not {given!r}')
    player = where.rpartition(".")[2]
    roles = [role for role in _ROLES if role != "lead" or player != "ip"]
    if "lead" in given and player == "ip":
        raise UserError(f"{where}.lead cannot be: only OOP, who acts first, can lead")
    check_keys(given, (*roles, *inner), where)
    for key, value in given.items():
        name = f"{where}.{key}"
        if key in STREETS:
            _read_sizes(value, name, PLAYERS, sizes)
        elif key in PLAYERS:
            _read_sizes(value, name, (), sizes)
        else:
            try:
                sizes[name] = parse_sizes(value, key)
            except ValueError as error:
                raise UserError(f"{name}: {error}") from None


def _menus(street: str, sizes: Mapping[str, tuple[BetSize, ...]], leads: bool) -> tuple[Menu, Menu] | None:
    """Return what both players may bet on a street, None if nothing says so."""

    def find(role: Role, player: str) -> tuple[BetSize, ...] | None:
        places = [f"bets.{street}.{player}", f"bets.{street}", f"bets.{player}", "bets"]
        if role != "lead":
            other = PLAYERS[1 - PLAYERS.index(player)]
            places += [f"bets.{street}.{other}", f"bets.{other}"]
        return next((sizes[f"{place}.{role}"] for place in places if f"{place}.{role}" in sizes), None)

    menus = list[Menu]()
    for player in PLAYERS:
        bet, raises = find("bet", player), find("raise", player)
        if bet is None:
            return None
        if raises is None:
            raises = tuple(size for size in bet if size.kind != "c")
        menus.append(Menu(bet, raises, find("lead", player) if leads and player == "oop" else None))
    return menus[0], menus[1]


def _threshold(value: object, name: str) -> Fraction:
    """Read a multiple of the pot, as a number (1.5) or as a per cent ("150%")."""
    if not isinstance(value, str):
        return as_number(value, name)
    try:
        ratio = as_number(float(value.strip().removesuffix("%")), name)
    except ValueError:
        raise UserError(f"{name} must be a multiple of the pot, such as 1.5 or '150%', not {value!r}") from None
    return ratio / 100 if value.strip().endswith("%") else ratio


def write_betting(betting: BettingRules) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Return the lines at the top and the tables, by name, from which `read_betting` reads equal rules."""
    lines, tables = list[str](), list[tuple[str, list[str]]]()
    if betting.last != RIVER:
        lines.append(f"last = {quote(STREETS[betting.last])}")
    if any(betting.blinds):
        lines.append(f"blinds = {list(betting.blinds)}")
    if isinstance(betting, FixedLimit):
        rows = [f"{street} = {bet}" for street, bet in zip(STREETS, betting.bets, strict=True) if bet is not None]
        return lines, [("limit", [*rows, f"cap = {betting.cap}"])]
    for name in ("add_allin", "force_allin"):
        if ratio := getattr(betting, name):
            lines.append(f"{name} = {Decimal(ratio.numerator) / Decimal(ratio.denominator):f}")
    if betting.raise_cap is not None:
        lines.append(f"raise_cap = {betting.raise_cap}")
    if betting.min_bet != 1:
        lines.append(f"min_bet = {betting.min_bet}")
    if betting.rounding != 1:
        lines.append(f"rounding = {betting.rounding}")
    for street, pair in zip(STREETS, betting.menus, strict=True):
        if pair is not None and pair[0]._replace(lead=None) == pair[1]:
            tables.append((f"bets.{street}", _write_menu(pair[0])))
        else:
            tables += [
                (f"bets.{street}.{player}", _write_menu(menu))
                for player, menu in zip(PLAYERS, pair or (), strict=False)
            ]
    return lines, tables


def _write_menu(menu: Menu) -> list[str]:
    given = {"bet": menu.bet, "raise": menu.raises, "lead": menu.lead}
    return [
        f"{role} = [{', '.join(quote(str(size)) for size in sizes)}]"
        for role, sizes in given.items()
        if sizes is not None
    ]
