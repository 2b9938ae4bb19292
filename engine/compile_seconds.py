"""How long compiling takes, by the kernel that it begins with: processor seconds until all that follows is compiled.

A hash of the types of its arguments stands behind a kernel. `python benchmarks/compiling.py --write` writes this table,
starting from an empty cache.
"""

SECONDS = {
    "counterplay.agents.nn.networks._rescale 50cd5092": 6.9,
    "counterplay.engine.sweeps._measure 63314b90": 4.7,
    "counterplay.engine.sweeps._measure 9666d464": 5.0,
    "counterplay.games.envs.matrix._play 4fb900b4": 0.4,
    "counterplay.games.holdem.strength._strengths c3e39ad1": 1.6,
    "counterplay.solvers.streets.walk.walk 19689dde": 9.1,
    "counterplay.solvers.streets.walk.walk 83883176": 10.5,
}
