"""Tables as HTML, for notebooks and reports."""

from __future__ import annotations

from html import escape

from ctcdsl.metrics.tables import Table


def as_html(table: Table, *, caption: str = "") -> str:
    """A table with its caption; numbers align to the right. No styles of its own but that."""
    lines = ["<table>"]
    if caption:
        lines.append(f"<caption>{escape(caption)}</caption>")
    lines.append(f"<thead>{_row(table, table.titles, 'th')}</thead>")
    lines.append("<tbody>")
    lines += [_row(table, row, "td") for row in table.rows]
    lines += ["</tbody>", "</table>"]
    return "\n".join(lines)


def _row(table: Table, cells: tuple[str, ...], tag: str) -> str:
    tags = (
        f'<{tag} style="text-align: {"left" if title in table.left else "right"}">'
        f"{escape(cell)}</{tag}>"
        for title, cell in zip(table.titles, cells, strict=True)
    )
    return f"<tr>{''.join(tags)}</tr>"
