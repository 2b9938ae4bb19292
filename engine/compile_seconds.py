"""How long compiling takes, by the kernel that it begins with: processor seconds until all that follows is compiled.

A hash of the types of its arguments stands behind a kernel. `python benchmarks/compiling.py --write` writes this table,
starting from an empty cache.
"""

SECONDS = {
    "counterplay.agents.nn.networks._rescale 50cd5092": 7.9,
    "counterplay.agents.team._find_rows ba9c5281": 7.2,
    "counterplay.engine.phantom_walks.list_legal 0c422f98": 29.9,
    "counterplay.engine.sweeps._measure 63314b90": 5.0,
    "counterplay.engine.sweeps._measure 9666d464": 5.9,
    "counterplay.games.envs.matrix._play 4fb900b4": 0.7,
    "counterplay.games.holdem.lanes._count bfef9512": 6.4,
    "counterplay.games.holdem.strength._strengths c3e39ad1": 1.8,
    "counterplay.solvers.mccfr.sample 5983bcff": 9.4,
    "counterplay.solvers.stepped.walk 1d5f47ae": 32.5,
    "counterplay.solvers.stepped.walk c443229e": 10.8,
    "counterplay.solvers.stepped.walk d8f47b84": 16.0,
    "counterplay.solvers.streets.walk.walk 806db901": 9.6,
    "counterplay.solvers.streets.walk.walk b86460b6": 9.6,
}
