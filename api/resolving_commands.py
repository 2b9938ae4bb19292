"""The command line's part for re-solving blueprints of hold'em."""

from typing import Any

from counterplay.engine.errors import UserError
from counterplay.show.terminal import paint, put, put_json


def evaluate_resolved(
    game: str, file: str, street: str | None, gadget: str | None, iterations: int | None, as_json: bool
) -> None:
    """Print what the blueprint in a file is worth in a game where it solves the streets from one on anew."""
    import counterplay
    from counterplay.api.resolving_spots import ITERATIONS, resolve_blueprint
    from counterplay.show import bucket_pages, resolving_pages
    from counterplay.show.live import display

    plan = counterplay.load(file)
    if street is None:
        raise UserError("say from which street on the blueprint solves anew: --from river, or --from turn")
    options: dict[str, Any] = {} if gadget is None else {"gadget": gadget}
    with display(f"Re-solving {game}") as live:
        tell = bucket_pages.telling(game, live)
        found = resolve_blueprint(
            plan, street, game=game, iterations=iterations or ITERATIONS, on_progress=tell, **options
        )
    if as_json:
        put_json({"file": file, **found.figures()})
    else:
        put(resolving_pages.page(found, paint))
