"""Points in a terminal: the numbers of some on a grid of characters, dots for the others."""

from __future__ import annotations

from collections.abc import Sequence

from ctcdsl.drawing.axes import Scale, number, scale

Points = Sequence[tuple[float, float]]
WIDTH, HEIGHT = 72, 20
"""Columns and lines of the grid."""


def chart(numbered: Points, others: Points, titles: tuple[str, str]) -> str:
    """A chart of points; `titles` are those of the axes across and up.

    The `numbered` are shown with their numbers, from 1, and above the dots of the others. Of
    those that touch one another the first is shown.
    """
    every = [*numbered, *others]
    across = scale([x for x, _ in every], 0, WIDTH - 1, most=6)
    along = scale([y for _, y in every], HEIGHT - 1, 0, most=6)
    grid = [[" "] * WIDTH for _ in range(HEIGHT)]
    for x, y in others:
        grid[round(along(y))][round(across(x))] = "·"
    taken: set[tuple[int, int]] = set()
    for index, (x, y) in enumerate(numbered, start=1):
        _place(grid, taken, round(across(x)), round(along(y)), str(index))
    labels = {round(along(tick)): number(tick) for tick in along.ticks}
    margin = max(map(len, labels.values()))
    lines = [f"{'':{margin}}  {titles[1]}"]
    lines += [
        f"{labels.get(k, ''):>{margin}} {'┤' if k in labels else '│'}{''.join(row).rstrip()}"
        for k, row in enumerate(grid)
    ]
    lines += _axis(across, margin)
    lines.append(f"{titles[0]:>{margin + 2 + WIDTH}}")
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _place(
    grid: list[list[str]], taken: set[tuple[int, int]], column: int, row: int, text: str
) -> None:
    """Write a number so that it begins at its place, or ends there at the right edge."""
    start = min(column, WIDTH - len(text))
    cells = {(row, start + k) for k in range(len(text))}
    if taken & {(row, start + k) for k in range(-1, len(text) + 1)}:
        return  # two numbers side by side would be one
    taken |= cells
    grid[row][start : start + len(text)] = text


def _axis(across: Scale, margin: int) -> list[str]:
    ticks = {round(across(tick)): number(tick) for tick in across.ticks}
    line = "".join("┴" if k in ticks else "─" for k in range(WIDTH))
    labels = ""
    for column, text in ticks.items():
        start = max(0, column - len(text) // 2)
        if start > len(labels) or not labels:
            labels = f"{labels:{start}}{text}"
    return [f"{'':{margin}} └{line}", f"{'':{margin}}  {labels}"]
