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

MODULES = (
    "ask",
    "dom",
    "bar",
    "grid",
    "difference",
    "curves",
    "trainer",
    "holdem",
    "tree",
    "app",
)  # each after what it imports
_MOST = 24 * 2**20  # bytes of answers
_REPORTS = 8  # ends of streets of a file whose cards to come are reported: each is as much work as fifty decisions
_ON = ("decision", "cards", "chance")  # kinds of nodes that something follows


def page(browser: Browser, nodes: int) -> tuple[str, int, bool]:
    """Return the page as text, how many decisions it holds, and whether these are all.

    Of each file there are the first decisions, level by level, at most so many and in a bound of bytes.
    """
    kept: dict[str, Any] = {"sources": json.loads(browser.answer("sources", {}))}
    count, room, whole = 0, _MOST, True
    for source in browser.sources:
        queue, seen, taken, reports = deque([""]), {""}, 0, 0
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
            ways = [move["at"] for step in steps for move in step.get("moves", []) if move["kind"] in _ON]
            listed = [row["at"] for row in told["rows"]] if told["kind"] == "list" else []
            for way in dict.fromkeys([*ways, *listed]):
                if way not in seen:
                    seen.add(way)
                    queue.append(way)
            _more(browser, source.number, at, told, kept)
            if told["kind"] == "cards" and told["next"]["due"] == 1 and reports < _REPORTS:
                reports += 1
                room -= _keep(browser, "runouts", source.number, at, kept)
        count += taken
    return _joined(kept), count, whole


def _more(browser: Browser, number: int, at: str, told: dict[str, Any], kept: dict[str, Any]) -> None:
    """Keep what else is asked of a decision of hold'em: responses, blockers and ranges."""
    if told["kind"] != "decision" or "hands" not in told:
        return
    for what in ("response", "blockers", "range"):
        _keep(browser, what, number, at, kept)


def _keep(browser: Browser, what: str, number: int, at: str, kept: dict[str, Any]) -> int:
    """Keep an answer, where the file has it, and return its bytes."""
    try:
        found = browser.answer(what, {"source": str(number), "at": at})
    except UserError:
        return 0
    kept[f"{what}?source={number}&at={quote(at, safe='')}"] = json.loads(found)
    return len(found)


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
