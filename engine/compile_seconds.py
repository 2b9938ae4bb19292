"""How long compiling takes, by the kernel that it begins with: processor seconds until all that follows is compiled.

Written by `python benchmarks/compiling.py --write`, which starts from an empty cache.
"""

SECONDS = {
    "counterplay.engine.sweeps._measure": 4.0,
}
