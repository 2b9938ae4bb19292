"""The strategy browser as one file that opens without a network: its page, with answers in place of a server."""

import json
import re
from collections import deque
from pathlib import Path
from typing import Any
from urllib.parse import quote

from counterplay.api.browse import Browser
from counterplay.api.browse_server import PAGE
from counterplay.engine.errors import UserError

MODULES = ("ask", "dom", "bar", "grid", "curves", "trainer", "holdem", "tree", "app")  # each after what it imports
_MOST = 24 * 2**20  # bytes of answers


def page(browser: Browser, nodes: int) -> tuple[str, int, bool]:
    """Return the page as text, how many decisions it holds, and whether these are all.

    Of each file there are the first decisions, level by level, at most so many and in a bound of bytes.
    """
    kept: dict[str, Any] = {"sources": json.loads(browser.answer("sources", {}))}
    count, room, whole = 0, _MOST, True
    for source in browser.sources:
        queue, seen, taken = deque([""]), {""}, 0
        while queue:
            if taken >= nodes or room <= 0:
                whole = False
                break
            at = queue.popleft()
            found = browser.answer("node", {"source": str(source.number), "at": at})
            told = json.loads(found)
            room, taken = room - len(found), taken + 1
            kept[f"node?source={source.number}&at={quote(at, safe='')}"] = told
            steps = [*told.get("line", [])[:1], told.get("next") or {}]
            for move in (move for step in steps for move in step.get("moves", [])):
                if move["kind"] in ("decision", "cards", "chance") and move["at"] not in seen:
                    seen.add(move["at"])
                    queue.append(move["at"])
            _more(browser, source.number, at, told, kept)
        count += taken
    return _joined(kept), count, whole


def _more(browser: Browser, number: int, at: str, told: dict[str, Any], kept: dict[str, Any]) -> None:
    """Keep what else is asked of a decision of hold'em: responses, blockers and ranges."""
    if told["kind"] != "decision" or "hands" not in told:
        return
    for what in ("response", "blockers", "range"):
        try:
            found = browser.answer(what, {"source": str(number), "at": at})
        except UserError:
            continue
        kept[f"{what}?source={number}&at={quote(at, safe='')}"] = json.loads(found)


def _joined(kept: dict[str, Any]) -> str:
    """Return the page with its styles, scripts and answers inside."""
    scripts = "const modules = {};\n" + "\n".join(_script(PAGE / f"{name}.js") for name in MODULES)
    data = json.dumps(kept, separators=(",", ":")).replace("<", "\\u003c")
    text = (PAGE / "index.html").read_text("utf-8")
    style = (PAGE / "style.css").read_text("utf-8")
    text = text.replace('<link rel="stylesheet" href="page/style.css">', f"<style>\n{style}</style>")
    inline = f'<script type="application/json" id="kept">{data}</script>\n<script type="module">\n{scripts}</script>'
    return text.replace('<script type="module" src="page/app.js"></script>', inline)


def _script(path: Path) -> str:
    """Return a module's text as a part of one script, with a scope of its own: what it exports is in `modules`."""
    text = path.read_text("utf-8")
    names = re.findall(r"^export (?:async )?(?:function|const) (\w+)", text, flags=re.MULTILINE)
    text = re.sub(r'^import (\{[^}]*\}) from "\./(\w+)\.js";$', r"const \1 = modules.\2;", text, flags=re.MULTILINE)
    text = re.sub(r"^export ", "", text, flags=re.MULTILINE)
    return f"modules.{path.stem} = await (async () => {{\n{text}return {{ {', '.join(names)} }};\n}})();"
