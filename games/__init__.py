"""The catalogue of games, and the way from a game's text to its rules and back.

A new game is one file in this folder and one `Entry` here; modules are imported when a game of theirs is asked for. A
hold'em spot is an entry like any other.
"""

from counterplay.engine.catalogue import Catalogue, Entry, Reader

_ENTRIES = (
    Entry(
        "kuhn",
        "counterplay.games.kuhn:Kuhn",
        "Kuhn poker: one card each, one bet, two to ten players",
        ("kuhn", "kuhn(players=3)", "kuhn(ranks=6)"),
    ),
    Entry(
        "leduc",
        "counterplay.games.leduc:Leduc",
        "Leduc poker and its larger kin: limit betting, board cards, any deck",
        (
            "leduc",
            "leduc(players=3)",
            "leduc(ranks=4, suits=3, hole=2, raises=1)",
            "leduc(board=(1, 1), bets=(1, 2, 2), raises=1)",
        ),
    ),
    Entry(
        "rhode_island",
        "counterplay.games.rhode_island:RhodeIsland",
        "Rhode Island hold'em: one card each, two board cards, hands of three, limit betting",
        (
            "rhode_island(ranks=3, suits=2, raises=1)",
            "rhode_island(ranks=2, suits=3, raises=2, bets=(1, 2, 2), ante=1)",
        ),
    ),
    Entry(
        "limit_holdem",
        "counterplay.games.limit_holdem:LimitHoldem",
        "Heads-up limit hold'em: blinds, four streets, every card by itself; walked in steps",
        (
            "limit_holdem(ranks=3, suits=2, hole=1, board=(1, 1), bets=(2, 2, 4), raises=2)",
            "limit_holdem(ranks=3, suits=2, board=(2,), bets=(2, 4), raises=3)",
        ),
    ),
    Entry(
        "liars_dice",
        "counterplay.games.liars_dice:LiarsDice",
        "Liar's dice: hidden dice, rising bids, one call",
        ("liars_dice(faces=4)", "liars_dice(dice=2, faces=2, wild=false)", "liars_dice(players=3, faces=2)"),
    ),
    Entry(
        "goofspiel",
        "counterplay.games.goofspiel:Goofspiel",
        "Goofspiel: simultaneous bids of a hand of cards for a row of prizes",
        (
            "goofspiel",
            "goofspiel(cards=3, order=random, hidden=false, returns=point_difference)",
            "goofspiel(cards=3, players=3, order=ascending, returns=total_points)",
        ),
    ),
    Entry(
        "phantom_tic_tac_toe",
        "counterplay.games.phantom_tic_tac_toe:PhantomTicTacToe",
        "Phantom tic-tac-toe: nobody sees the other's stones, and who tries a taken cell tries another",
        ("phantom_tic_tac_toe",),
    ),
    Entry(
        "dark_hex",
        "counterplay.games.dark_hex:DarkHex",
        "Dark hex: join two sides of a board without seeing the other's stones",
        ("dark_hex", "dark_hex(size=2)", "dark_hex(size=2, abrupt=true)", "dark_hex(size=(2, 4))"),
    ),
    Entry(
        "pushfold",
        "counterplay.games.pushfold:PushFold",
        "Push or fold before the flop: heads-up hold'em with short stacks, 169 hands each; ICM",
        ("pushfold", "pushfold(stack=6, ante=0.1)", "pushfold(stacks=(6, 9), payouts=(50, 30, 20), others=(12,))"),
    ),
    Entry(
        "one_card",
        "counterplay.games.one_card:one_card",
        "One-card poker: two-player Kuhn poker from a deck of any size",
        ("one_card", "one_card(cards=5)"),
    ),
    Entry(
        "rock_paper_scissors",
        "counterplay.games.matrix:rock_paper_scissors",
        "Rock paper scissors: the winner gets 1 from the loser",
        ("rock_paper_scissors",),
    ),
    Entry(
        "matching_pennies",
        "counterplay.games.matrix:matching_pennies",
        "Matching pennies: row wins if both show the same side",
        ("matching_pennies",),
    ),
    Entry(
        "prisoners_dilemma",
        "counterplay.games.matrix:prisoners_dilemma",
        "Prisoners' dilemma: to defect is best, and worst for both",
        ("prisoners_dilemma",),
    ),
    Entry(
        "shapley",
        "counterplay.games.matrix:shapley",
        "Shapley's game: fictitious play circles for ever",
        ("shapley",),
    ),
    Entry(
        "normal_form",
        "counterplay.games.matrix:normal_form",
        "A normal-form game from its payoffs: of the first of two players, or of all",
        ("normal_form(payoffs=(2, -1, -1, 1))", "normal_form(payoffs=(3, 2, 0, 0, 0, 0, 2, 3), shape=(2, 2))"),
    ),
    Entry(
        "matrix",
        "counterplay.games.matrix:load",
        "A normal-form game of any number of players, from a payoff file (.toml)",
        ("matrix(file='examples/battle_of_the_sexes.toml')",),
    ),
    Entry(
        "gambit",
        "counterplay.games.foreign.gambit:load",
        "A game from a Gambit file: extensive form (.efg) or normal form (.nfg)",
        ("gambit(file='examples/beer_quiche.efg')", "gambit(file='examples/three_voters.nfg')"),
    ),
    Entry(
        "holdem",
        "counterplay.games.holdem.named:holdem",
        "A hold'em spot: a river, a turn, a flop, or from the blinds on; files (.toml) have more keys",
        (
            "holdem(board='Ks 9d 4c 7h 2s', oop='TT+,AKs', ip='99-66,AQs', pot=60, stack=170, bets='75%')",
            "examples/river_a.toml",
        ),
    ),
)

GAMES = Catalogue(
    kind="game",
    group="counterplay.games",
    entries=_ENTRIES,
    readers=(
        Reader("counterplay.games.foreign.openspiel:read", "openspiel:NAME", prefix="openspiel:"),
        Reader("counterplay.games.foreign.gambit:read", "gambit:FILE", prefix="gambit:"),
        Reader("counterplay.games.foreign.gambit:read", "files ending in .efg", suffix=".efg"),
        Reader("counterplay.games.foreign.gambit:read", ".nfg", suffix=".nfg"),
        Reader("counterplay.games.toml_files:read", "or .toml", suffix=".toml"),
    ),
    adopt="counterplay.games.adopt:as_game",
    hint="counterplay.games.foreign.names:hint_of_game",
)
find, make, spec_of = GAMES.find, GAMES.make, GAMES.spec_of
