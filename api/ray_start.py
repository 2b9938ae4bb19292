"""Joining a Ray cluster, for whoever has work for it."""

import os
from typing import Any

from counterplay.engine.errors import UserError

AHEAD = 2  # tasks a core that wait on the cluster, so that none stands idle


def connect(address: str, what: str) -> Any:
    """Join the cluster at an address ("local": one that is started here), and return the module of Ray.

    Raises `ValueError` where Ray is missing, which `what` needs, or no cluster is there.
    """
    try:
        import ray
    except ModuleNotFoundError:
        raise UserError(f'{what} on many machines need Ray: pip install "counterplay[ray]"') from None
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # Ray's future default, which it warns of
    try:
        ray.init(
            address,
            log_to_driver=False,
            logging_level="ERROR",
            include_dashboard=False if address == "local" else None,
        )
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        raise UserError(f"there is no Ray cluster at {address[:200]!r} ({str(error)[:200]})") from error
    return ray


def room(ray: Any) -> int:
    """Return how many tasks of one core a cluster is given at a time."""
    return AHEAD * max(int(ray.cluster_resources().get("CPU", 1)), 1)


def words(error: Exception) -> str:
    """Return the last line of what Ray says went wrong."""
    lines = str(error).strip().splitlines()
    return lines[-1][:200] if lines else type(error).__name__
