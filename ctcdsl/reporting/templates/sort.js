"use strict";
// A click on a title sorts by its column: the first time upwards, then the other way round.
for (const table of document.querySelectorAll(".ctcdsl-report table.sorts")) {
  const body = table.tBodies[0];
  [...table.tHead.rows[0].cells].forEach((title, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...title.childNodes);
    title.append(button);
    button.addEventListener("click", () => {
      const down = title.getAttribute("aria-sort") === "ascending";
      for (const other of title.parentNode.cells) other.removeAttribute("aria-sort");
      title.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].map((row, place) => ({ row, place, key: key(row.cells[column]) }));
      rows.sort((one, other) => compare(one.key, other.key, down) || one.place - other.place);
      body.append(...rows.map(({ row }) => row));
    });
  });
}
function key(cell) {
  const value = cell.dataset.value;
  if (value === undefined) return cell.textContent;
  return value === "" ? null : Number(value);
}
function compare(one, other, down) {
  if (one === null || other === null) return (one === null) - (other === null); // blanks are last
  const order = typeof one === "string" ? one.localeCompare(other, "en", { numeric: true }) : one - other;
  return down ? -order : order;
}
// On paper nothing can be unfolded.
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll(".ctcdsl-report details")) details.open = true;
});
