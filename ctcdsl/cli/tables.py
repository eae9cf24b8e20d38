"""Tables as text, Markdown and CSV."""

from __future__ import annotations

from ctcdsl.metrics.tables import Table


def as_text(table: Table) -> str:
    """Columns aligned for a terminal, a line under the titles."""
    grid = [table.titles, *table.rows]
    widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
    lines = ["  ".join(_cells(table, row, widths)).rstrip() for row in grid]
    lines.insert(1, "  ".join("─" * width for width in widths))
    return "\n".join(lines) + "\n"


def as_markdown(table: Table) -> str:
    """A Markdown table, aligned in its source too."""
    grid = [tuple(cell.replace("|", "\\|") for cell in row) for row in (table.titles, *table.rows)]
    widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
    lines = [f"| {' | '.join(_cells(table, row, widths))} |" for row in grid]
    rule = (
        "-" * (width + 2) if title in table.left else "-" * (width + 1) + ":"
        for title, width in zip(table.titles, widths, strict=True)
    )
    lines.insert(1, f"|{'|'.join(rule)}|")
    return "\n".join(lines) + "\n"


def as_csv(table: Table) -> str:
    """Comma-separated values, numbers without thousands separators."""
    import csv
    import io

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.titles)
    for row in table.rows:
        writer.writerow(
            cell if title in table.left else cell.replace(",", "")
            for title, cell in zip(table.titles, row, strict=True)
        )
    return out.getvalue()


def _cells(table: Table, row: tuple[str, ...], widths: list[int]) -> list[str]:
    return [
        cell.ljust(width) if title in table.left else cell.rjust(width)
        for title, cell, width in zip(table.titles, row, widths, strict=True)
    ]
