// The panels: each has a question for Python, and shows the answer.

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function button(text, onclick) {
  return element("button", { type: "button", textContent: text, onclick });
}

function table(titles, rows, left) {
  const head = element("tr", {}, ...titles.map((title) => element("th", { scope: "col", textContent: title })));
  const body = rows.map((row) =>
    element("tr", {}, ...row.map((cell, k) => {
      const made = element(k ? "td" : "th", { textContent: cell });
      if (!k) made.scope = "row";
      if (left.includes(titles[k])) made.className = "left";
      return made;
    })),
  );
  return element("div", { className: "scroll" }, element("table", {}, element("thead", {}, head), element("tbody", {}, ...body)));
}

export function costTable(panel, costs) {
  if (!costs.titles) {
    panel.replaceChildren(element("p", { className: "note", textContent: "No network yet." }));
    return;
  }
  panel.replaceChildren(
    table(costs.titles, costs.rows, costs.left),
    element("p", { className: "note", textContent: costs.statement }),
  );
}

/** A picture, which Python draws with all names escaped, and a button that saves it. */
function picture(svg, name) {
  const parsed = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
  const save = button("Save SVG", () => {
    const url = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
    element("a", { href: url, download: `${name}.svg` }).click();
    URL.revokeObjectURL(url);
  });
  return element("figure", {}, document.importNode(parsed, true), save);
}

function bars({ titles, layers }) {
  const head = element("tr", {}, ...["layer", "map", ...titles].map((textContent) => element("th", { textContent, scope: "col" })));
  const rows = layers.map((layer) => {
    const cells = layer.bars.map((bar) => {
      const cell = element("td", { className: "bar", textContent: bar.text, title: bar.exact });
      cell.style.setProperty("--share", bar.share.toFixed(4));
      return cell;
    });
    const name = element("th", { scope: "row" }, element("code", { textContent: layer.spec }), element("small", { textContent: layer.name }));
    return element("tr", {}, name, element("td", { className: "left", textContent: layer.map }), ...cells);
  });
  return element("div", { className: "scroll" }, element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)));
}

function size(panel) {
  return Math.max(320, Math.min(1000, Math.floor(panel.clientWidth) - 8));
}

async function rewritten(panel, result, { editor }) {
  if (result.error) return element("pre", { className: "problem", textContent: result.error });
  const lines = result.diff.map((line) => {
    const kind = { "+": "added", "-": "removed" }[line[0]] ?? "";
    return element("span", { className: kind, textContent: `${line}\n` });
  });
  return element("div", { className: "rewritten" },
    element("p", {}, element("code", { textContent: result.equation })),
    ...result.notes.map((textContent) => element("p", { className: "note", textContent })),
    element("pre", { className: "diff" }, ...lines),
    button("Take it", () => editor.replace(result.text)));
}

function showRewrites(panel, { rewrites }, context) {
  if (!rewrites.length) {
    panel.replaceChildren(element("p", { className: "note", textContent: "No rewrite of the paper applies to this network." }));
    return;
  }
  const shown = element("div", {});
  const entries = rewrites.map((each) => {
    const choose = button(each.pass, async () => {
      const result = await context.python.ask("rewrite", { name: context.name, applied: each.pass });
      shown.replaceChildren(await rewritten(panel, result, context));
      shown.scrollIntoView({ block: "nearest" });
    });
    choose.title = each.equation;
    return element("li", {}, choose, element("span", { className: "note", textContent: ` × ${each.relative}${each.section ? `, Section ${each.section}` : ""}` }));
  });
  panel.replaceChildren(
    element("p", { className: "note", textContent: "Each keeps the cost about the same; the factor is that of all MACs." }),
    element("ul", { className: "rewrites" }, ...entries), shown);
}

function showCode(panel, { code }, { say, name }) {
  const copy = button("Copy", async () => {
    await navigator.clipboard.writeText(code);
    say(`The module of ${name} is in the clipboard.`);
  });
  panel.replaceChildren(copy, element("pre", { className: "code", textContent: code }));
}

/** A field for the most MACs, and below it the networks that no other beats; a click opens one. */
function frontOf(python, editor) {
  const most = element("input", { type: "number", min: "0", step: "any", placeholder: "any" });
  const found = element("div", { className: "front" });
  const find = async (event) => {
    event.preventDefault();
    found.replaceChildren(element("p", { className: "note", textContent: "Comparing…" }));
    const answer = await python.ask("front", { millions: most.value === "" ? null : most.valueAsNumber });
    if (answer.error) {
      found.replaceChildren(element("p", { className: "note", textContent: answer.error }));
      return;
    }
    const { titles, networks, left, rails } = answer;
    const listed = table(titles, networks.map(({ title, cells }) => [title, ...cells]), []);
    listed.querySelectorAll("tbody th").forEach((head, k) =>
      head.replaceChildren(button(networks[k].title, () => editor.replace(networks[k].spec))));
    const more = left ? ` ${left} more are left out.` : "";
    const what = networks.length
      ? `No other network of the space is deeper with less memory and fewer parameters. Rails: ${rails}. No accuracy was measured.${more}`
      : `No network keeps to the bound, and to the rails: ${rails}.`;
    found.replaceChildren(...(networks.length ? [listed] : []), element("p", { className: "note", textContent: what }));
  };
  const label = element("label", { textContent: "Million MACs at most " });
  label.append(most);
  return element("div", {}, element("form", { className: "pins", onsubmit: find }, label, element("button", { textContent: "Show the front" })), found);
}

/** The size of a space, and its choices: a click pins one. */
function showSpace(panel, { name, designs, extremes, choices }, { editor, python }) {
  const rows = extremes.map(([metric, least, most]) => [metric, least.toLocaleString("en"), most.toLocaleString("en")]);
  const pins = choices.map((choice) => {
    const options = choice.options.slice(0, 40).map((option) =>
      button(option, () => {
        for (const other of panel.querySelectorAll("button")) other.disabled = true; // their places move
        editor.change({ from: choice.from, to: choice.to, insert: option });
      }));
    return element("p", { className: "pins" }, element("code", { textContent: `${choice.name} = ` }), ...options);
  });
  panel.replaceChildren(
    element("p", { textContent: `${name} is a space of ${designs.toLocaleString("en")} networks.` }),
    table(["cost", "least", "most"], rows, []),
    element("p", { className: "note", textContent: "Pin a choice by a click. `ctcdsl search` finds every network within a budget." }),
    ...pins, frontOf(python, editor));
}

const named = (name) => ({ name });
const sized = (name, panel) => ({ name, width: size(panel) });

export const VIEWS = [
  { id: "cost", title: "Cost" },
  {
    id: "layers", title: "Layers", ask: "pictures", argument: sized,
    show: (panel, found) => panel.replaceChildren(bars(found)),
  },
  {
    id: "diagram", title: "Diagram", ask: "pictures", argument: sized,
    show(panel, found, { name }) {
      const none = element("p", { className: "note", textContent: "The network has too many layers for a picture." });
      panel.replaceChildren(found.diagram ? picture(found.diagram, name) : none);
    },
  },
  {
    id: "memory", title: "Memory", ask: "pictures", argument: sized,
    show(panel, found, { name }) {
      const text = `A training step of ${found.images} images holds ${found.peak} at its peak: forward, backward, SGD with momentum.`;
      panel.replaceChildren(element("p", { className: "note", textContent: text }), picture(found.memory, `${name}-memory`));
    },
  },
  { id: "space", title: "Space", ask: "space", space: true, argument: () => ({}), show: showSpace },
  { id: "rewrites", title: "Rewrites", ask: "rewrites", argument: named, show: showRewrites },
  { id: "code", title: "PyTorch", ask: "generate", argument: named, show: showCode },
];
