"""What games and environments are called elsewhere, and what they are called here."""

_GAMES = {  # OpenSpiel's names, and common ones, of games that are ours too
    "kuhn_poker": "kuhn",
    "leduc_poker": "leduc",
    "leduc_holdem": "leduc",
    "rps": "rock_paper_scissors",
    "matrix_rps": "rock_paper_scissors",
    "matrix_mp": "matching_pennies",
    "matrix_pd": "prisoners_dilemma",
    "matrix_shapleys_game": "shapley",
    "prisoners_dilemma_game": "prisoners_dilemma",
    "universal_poker": "holdem",
    "texas_holdem": "holdem",
    "nlhe": "holdem",
    "perudo": "liars_dice",
    "push_fold": "pushfold",
}
_ENVS = {  # of lbforaging, MPE and PyMARL
    "lbf": "foraging",
    "lbforaging": "foraging",
    "level_based_foraging": "foraging",
    "simple_spread": "spread (or pettingzoo:mpe2.simple_spread_v3 itself)",
    "simple_adversary": "adversary (or pettingzoo:mpe2.simple_adversary_v3 itself)",
    "simple_crypto": "crypto (or pettingzoo:mpe2.simple_crypto_v3 itself)",
    "simple_push": "push (or pettingzoo:mpe2.simple_push_v3 itself)",
    "simple_reference": "reference (or pettingzoo:mpe2.simple_reference_v3 itself)",
    "simple_speaker_listener": "speaker_listener (or pettingzoo:mpe2.simple_speaker_listener_v4 itself)",
    "simple_line": "line (or pettingzoo:mpe2.simple_line_v1 itself)",
    "simple_formation": "formation (or pettingzoo:mpe2.simple_formation_v1 itself)",
    "simple_tag": "tag (or pettingzoo:mpe2.simple_tag_v3 itself)",
    "simple_world_comm": "world_comm (or pettingzoo:mpe2.simple_world_comm_v3 itself)",
    "mpe": "spread, tag, speaker_listener and others (or pettingzoo:mpe2.simple_spread_v3, and all others of mpe2)",
    "rware": "warehouse (or a Gymnasium id such as rware-tiny-2ag-v2)",
    "stag_hunt": "predator_prey",
    "switch_riddle": "switch",
    "twostep": "two_step",
    "matrix_games": "matrix_game",
}


def hint_of_game(name: str) -> str:
    """Return how a game that goes by this name elsewhere is named here, or nothing."""
    from counterplay.games.envs import ENVS

    if name in {entry.name for entry in ENVS.entries}:
        return f"it is an environment, to train a team in: 'counterplay train qmix {name}', 'counterplay envs {name}'"
    theirs = f"openspiel:{name}" if _in_openspiel(name) else ""
    if name in _GAMES:
        return f"it is {_GAMES[name]}{f', and OpenSpiel has it as {theirs}' if theirs else ''}"
    return f"it is one of OpenSpiel's, {theirs}" if theirs else ""


def hint_of_env(name: str) -> str:
    """Return how an environment that goes by this name elsewhere is named here, or nothing."""
    if name in _ENVS:
        return f"it is {_ENVS[name]}"
    base, _, version = name.rpartition("_v")
    if name.startswith("simple_") or (base and version.isdigit()):
        module = f"mpe2.{name}" if name.startswith("simple_") else f"FAMILY.{name}"
        whose = "MPE's, of the package mpe2," if name.startswith("simple_") else "PettingZoo's"
        return f"environments of PettingZoo go by their module; if it is {whose} it is pettingzoo:{module}"
    return hint_of_game(name)


def _in_openspiel(name: str) -> bool:
    try:
        import pyspiel
    except Exception:  # it is not installed, or does not load
        return False
    return name in pyspiel.registered_names()
