"""The examples of the catalogue's environments, as tests go through them."""

import pytest

from counterplay.games.envs import ENVS

LONG = ("hanabi", "skirmish")  # their kernels take seconds to compile
QUICK = [text for entry in ENVS if entry.name not in LONG for text in entry.examples]
EXAMPLES = [
    *QUICK,
    *(pytest.param(text, marks=pytest.mark.slow) for name in LONG for text in ENVS.find(name).examples),
]
