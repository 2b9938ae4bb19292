"""How many requests a second the strategy browser's server answers, on one core: decisions asked anew, and again.

`python benchmarks/view.py SOLUTION.cps [SECONDS]`; server and client share the process, so both are in the figure.
"""

import sys
import threading
import time
from http.client import HTTPConnection
from json import loads
from urllib.parse import quote

from counterplay.api.browse import Browser
from counterplay.api.browse_server import Server


def lines(browser, most=400):
    """Return the decisions of a solution, level by level."""
    found, queue = [], [""]
    while queue and len(found) < most:
        at = queue.pop(0)
        told = loads(browser.answer("node", {"at": at}))
        found.append(at)
        queue += [m["at"] for m in (told.get("next") or {"moves": []})["moves"] if m["kind"] == "decision"]
    return found


def rate(server, wanted, seconds):
    """Return requests a second over a connection that is kept, the lines one after another, again and again."""
    connection = HTTPConnection("127.0.0.1", server.server_port)
    begin, clock, done = time.process_time(), time.perf_counter(), 0
    while time.perf_counter() - clock < seconds and done < len(wanted) * 100:
        connection.request("GET", f"/{server.token}/api/node?at={quote(wanted[done % len(wanted)])}")
        response = connection.getresponse()
        response.read()
        assert response.status == 200
        done += 1
    return done / (time.process_time() - begin), done


def main():
    """Print both rates."""
    file, seconds = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 10.0
    wanted = lines(Browser([file]))  # kernels are loaded, too
    with Server(Browser([file])) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        rate(server, wanted[:1], 0.1)
        fresh, done = once(server, wanted)
        print(f"{done} decisions asked the first time: {fresh:.0f} a second of a core")
        again, done = rate(server, wanted, seconds)
        print(f"{done} requests for what is known: {again:.0f} a second of a core")
        server.shutdown()


def once(server, wanted):
    """Return the rate of asking each line once."""
    connection = HTTPConnection("127.0.0.1", server.server_port)
    begin = time.process_time()
    for at in wanted:
        connection.request("GET", f"/{server.token}/api/node?at={quote(at)}")
        connection.getresponse().read()
    return len(wanted) / (time.process_time() - begin), len(wanted)


if __name__ == "__main__":
    main()
