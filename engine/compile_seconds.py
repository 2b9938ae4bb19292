"""How long compiling takes, by the kernel that it begins with: processor seconds until all that follows is compiled.

A hash of the types of its arguments stands behind a kernel. `python benchmarks/compiling.py --write` writes this table,
starting from an empty cache.
"""

SECONDS = {
    "counterplay.agents.networks._rescale 50cd5092": 8.6,
    "counterplay.agents.team._find_rows ba9c5281": 6.1,
    "counterplay.engine.sweeps._measure 63314b90": 5.4,
    "counterplay.engine.sweeps._measure 9666d464": 5.7,
    "counterplay.games.envs.matrix._play 4fb900b4": 0.6,
    "counterplay.games.holdem.strength._strengths c3e39ad1": 1.8,
    "counterplay.solvers.streets.open_street 88e15737": 57.5,
    "counterplay.solvers.streets.open_street 937bad59": 64.3,
    "counterplay.solvers.streets.visit_root 8384f82f": 17.0,
}
