"""Boards of cells: foragers, predators, robots among shelves, cooks. Rows count from above, as in the arrays."""

from collections.abc import Sequence

from counterplay.engine.scene import Circle, Line, Rectangle, Scene, Shape, Text, cells_of

_WAYS = ((0, 1), (0, -1), (-1, 0), (1, 0))  # up, down, left, right


def foraging(size: int, players: Sequence[tuple[int, int, int]], food: Sequence[tuple[int, int, int]]) -> Scene:
    """Return players (their number, and level) and food (its level), each as row, column and level."""
    things: list[Shape] = []
    for row, column, level in food:
        x, y = column + 0.5, size - row - 0.5
        things += [Circle(x, y, 0.38, "goal"), Text(x, y, 0.42, str(level))]
    for n, (row, column, level) in enumerate(players):
        x, y = column + 0.5, size - row - 0.5
        things += [Rectangle(x - 0.42, y - 0.42, 0.84, 0.84, "agent"), Text(x, y + 0.06, 0.46, str(level))]
        things.append(Text(x, y - 0.3, 0.17, f"agent {n}"))
    told = "Squares are agents with their levels, circles are food with its level."
    return cells_of(size, size, things, (told, f"food left: {len(food)}"))


def hunt(
    size: int, predators: Sequence[tuple[int, int, int]], prey: Sequence[tuple[int, int]], told: Sequence[str]
) -> Scene:
    """Return predators, as number, row and column, and prey, as row and column."""
    things: list[Shape] = [Circle(column + 0.5, size - row - 0.5, 0.3, "rival") for row, column in prey]
    for n, row, column in predators:
        x, y = column + 0.5, size - row - 0.5
        things += [Rectangle(x - 0.4, y - 0.4, 0.8, 0.8, "agent"), Text(x, y, 0.45, str(n))]
    return cells_of(size, size, things, told)


def warehouse(
    rows: int,
    columns: int,
    goals: Sequence[tuple[int, int]],
    shelves: Sequence[tuple[int, int, bool]],
    robots: Sequence[tuple[int, int, int, bool]],
) -> Scene:
    """Return goals, shelves and whether each is asked for, robots with their ways (0 to 3) and whether they carry."""
    things: list[Shape] = []
    for row, column in goals:
        things.append(Rectangle(column + 0.02, rows - row - 0.98, 0.96, 0.96, "goal"))
        things.append(Text(column + 0.5, rows - row - 0.5, 0.35, "G"))
    for row, column, asked in shelves:
        role = "asked" if asked else "other"
        things.append(Rectangle(column + 0.1, rows - row - 0.9, 0.8, 0.8, role))
    for n, (row, column, way, carries) in enumerate(robots):
        x, y, (dx, dy) = column + 0.5, rows - row - 0.5, _WAYS[way]
        things += [
            Circle(x, y, 0.36, "agent"),
            Line(((x + 0.2 * dx, y + 0.2 * dy), (x + 0.5 * dx, y + 0.5 * dy)), "ink", 0.12),
        ]
        things.append(Text(x, y, 0.34, str(n)))
        if carries:
            things.append(Rectangle(x - 0.45, y - 0.45, 0.9, 0.9, "ink", hollow=True))
    told = "Circles are robots, squares are shelves, strong ones are asked for; a frame is around who carries one."
    return cells_of(rows, columns, things, (told,))


def kitchen(
    rows: Sequence[str], things_on: Sequence[Sequence[str]], cooks: Sequence[tuple[int, int, int, str]]
) -> Scene:
    """Return a kitchen of cells (` ` floor, X counter, P pot, O onions, D dishes, S hatch), what is on each, and cooks.

    A cook is row, column, way (0 to 3: up, down, right, left) and what it holds.
    """
    high, names = len(rows), {"P": "pot", "O": "onions", "D": "dishes", "S": "serve"}
    roles = {"P": "ink", "O": "yellow", "D": "white", "S": "goal"}
    things: list[Shape] = []
    for r, row in enumerate(rows):
        for c, kind in enumerate(row):
            if kind != " ":
                low = high - 1 - r
                things.append(Rectangle(c + 0.02, low + 0.02, 0.96, 0.96, "wall"))
                if kind in names:
                    things.append(Rectangle(c + 0.12, low + 0.36, 0.76, 0.5, roles[kind], hollow=kind == "P"))
                    things.append(Text(c + 0.5, low + 0.18, 0.22, names[kind]))
                things.append(Text(c + 0.5, low + (0.6 if kind in names else 0.5), 0.24, things_on[r][c]))
    for n, (r, c, way, held) in enumerate(cooks):
        x, y, (dx, dy) = c + 0.5, high - r - 0.5, ((0, 1), (0, -1), (1, 0), (-1, 0))[way]
        things += [Circle(x, y, 0.38, "rival" if n else "agent"), Text(x, y + 0.08, 0.34, str(n))]
        things.append(Line(((x + 0.28 * dx, y + 0.28 * dy), (x + 0.5 * dx, y + 0.5 * dy)), "ink", 0.1))
        things.append(Text(x, y - 0.2, 0.19, held))
    return cells_of(high, len(rows[0]), things)
