"""How long compiling takes, by the kernel that it begins with: processor seconds until all that follows is compiled.

A hash of the types of its arguments stands behind a kernel. `python benchmarks/compiling.py --write` writes this table,
starting from an empty cache.
"""

SECONDS = {
    "counterplay.agents.nn.adam.follow 61702aeb": 2.5,
    "counterplay.agents.nn.dense.forwards a3dbdc1a": 1.4,
    "counterplay.agents.nn.networks._rescale 50cd5092": 4.9,
    "counterplay.agents.team._find_rows ba9c5281": 5.9,
    "counterplay.agents.traversal._spread 7dc1fbb9": 0.4,
    "counterplay.agents.traversal._up 6cde7687": 8.2,
    "counterplay.engine.phantom_walks.list_legal 0c422f98": 21.7,
    "counterplay.engine.sweeps._measure 63314b90": 4.5,
    "counterplay.engine.sweeps._measure 9666d464": 5.6,
    "counterplay.games.envs.cartpole._look 9071b6c6": 0.1,
    "counterplay.games.envs.cartpole._play ccd3b354": 0.3,
    "counterplay.games.envs.encoding._count 00e9debe": 2.4,
    "counterplay.games.envs.matrix._play 4fb900b4": 0.5,
    "counterplay.games.envs.mixtures._add b74afc6a": 0.3,
    "counterplay.games.envs.tree._advance dfda6554": 0.7,
    "counterplay.games.envs.tree._deal fbb09c0b": 0.9,
    "counterplay.games.envs.tree_table.begin 40c1137d": 1.2,
    "counterplay.games.holdem.canonical._boards ca11f65b": 22.8,
    "counterplay.games.holdem.lanes._count bfef9512": 6.3,
    "counterplay.games.holdem.strength._strengths c3e39ad1": 0.3,
    "counterplay.solvers.mccfr.sample 5983bcff": 6.9,
    "counterplay.solvers.stepped.walk 1d5f47ae": 29.4,
    "counterplay.solvers.stepped.walk c443229e": 9.8,
    "counterplay.solvers.stepped.walk d8f47b84": 10.8,
    "counterplay.solvers.streets.sampled.train de0fed78": 31.3,
    "counterplay.solvers.streets.walk.walk 7261bdd4": 12.2,
    "counterplay.solvers.streets.walk.walk 78a6e469": 13.5,
}
