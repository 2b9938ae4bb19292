"""What environments' kernels share; apart from `env`, which does without Numba, so that worker processes start fast."""

import numpy as np
import numpy.typing as npt

from counterplay.engine.jit import inlined


@inlined
def lawful(
    actions: npt.NDArray[np.int64],  # [B, N]
    legal: npt.NDArray[np.bool_],  # [B, N, A]
    terminated: npt.NDArray[np.bool_],  # [B]
    truncated: npt.NDArray[np.bool_],  # [B]
) -> bool:
    """Return whether every action of a running episode is legal: kernels ask before they change anything."""
    for b in range(np.uint64(len(actions))):
        if not (terminated[b] or truncated[b]):
            for n in range(np.uint64(actions.shape[1])):
                a = np.uint64(actions[b, n])  # a negative one becomes huge
                if a >= np.uint64(legal.shape[2]) or not legal[b, n, a]:
                    return False
    return True
