"""The flags by which a command line describes a hold'em spot: what each takes, and what it says."""

SPOT_FLAGS = {
    "board": (str, "CARDS", 'With "solve holdem": three to five cards, "Ks 9d 4c 7h 2s"; "" before the flop.'),
    "oop": (str, "RANGE", 'Hands of the player out of position, "TT+,AKs,KQo:0.5".'),
    "ip": (str, "RANGE", "Hands of the player in position."),
    "pot": (int, "CHIPS", "Chips in the middle."),
    "stack": (int, "CHIPS", "Chips behind, of each player."),
    "bets": (str, "SIZES", 'Sizes of bets, "33%,75%,all-in"; "none" for none.'),
    "raises": (str, "SIZES", "Sizes of raises, if not those of bets."),
    "leads": (str, "SIZES", "Sizes of bets out of position into the last aggressor."),
    "limit": (str, "CHIPS", "Limit poker: the bet, or one for each street (from the flop, if there is a board)."),
    "rake": (str, "RAKE", 'Per cent of the pot, and a cap in chips: "5%,3".'),
    "variant": (str, "NAME", "holdem, short (six-plus) or royal (twenty cards, ten to ace)."),
    "last": (str, "STREET", "The street that ends the game: flop, turn or river."),
    "blinds": (str, "CHIPS", 'Before the flop: the small blind, of the player in position, and the big one, "1,2".'),
}
