"""The command line's part for looking at strategies in a browser."""

from pathlib import Path

import click

from counterplay.engine.errors import UserError
from counterplay.show.terminal import say


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--export", "page", metavar="PAGE.html", help="Write one file that opens without a network instead.")
@click.option("--nodes", type=click.IntRange(min=1), default=200, show_default=True, help="Decisions a file in that.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Listen there; a free port otherwise.")
@click.option("--no-open", is_flag=True, help="Print the address, and open no browser.")
@click.option("--game", metavar="GAME", help="Your own game, package.module:Class, whose solutions FILEs are.")
def view(files: tuple[str, ...], page: str | None, nodes: int, port: int, no_open: bool, game: str | None) -> None:
    """Look at the strategies in FILEs, or at the curves of runs in folders, on a page in the web browser.

    Of hold'em there is a grid of hands with what is done, worth, and may become of them; of other games a tree of
    decisions. The page is served on this machine alone, under an address that is printed, until Ctrl-C.
    """
    from counterplay.api.browse import Browser

    if page is not None:
        from counterplay.engine.writing import check_writable

        if Path(page).suffix not in (".html", ".htm"):
            raise UserError(f"the page is HTML: write it to {Path(page).with_suffix('.html')}")
        check_writable(Path(page))
    browser = Browser(files, game)
    if page is not None:
        from counterplay.api import browse_export
        from counterplay.engine.writing import write_text

        text, count, whole = browse_export.page(browser, nodes)
        write_text(Path(page), text)
        more = "all of them" if whole else "the first ones; --nodes N keeps more"
        say(f"{page} holds {count:,} decisions and ends of streets, {more}. Open it in a web browser.")
        return
    from counterplay.api.browse_server import Server

    with Server(browser, port) as server:
        say(f"{server.url}\nCtrl-C stops.")
        if not no_open:
            import webbrowser

            webbrowser.open(server.url)
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            say("\nstopped")


COMMANDS = (view,)
