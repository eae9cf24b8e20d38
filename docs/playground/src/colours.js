// The colours of the language: the patterns that every highlighter of ctcdsl uses.

import { RangeSetBuilder } from "@codemirror/state";
import { Decoration, ViewPlugin } from "@codemirror/view";

const MARKS = new Map();

function mark(role) {
  const name = `ctc-${role.replace(/ /g, "-")}`;
  if (!MARKS.has(name)) MARKS.set(name, Decoration.mark({ class: name }));
  return MARKS.get(name);
}

/** An extension that colours what is in view by `patterns`, pairs of roles and an expression. */
export function colours(patterns) {
  const compiled = patterns.map(([roles, source]) => [roles, new RegExp(source, "dmy")]);

  function decorate(view) {
    const builder = new RangeSetBuilder();
    for (const { from, to } of view.visibleRanges) {
      const text = view.state.doc.sliceString(0, to);
      let at = view.state.doc.lineAt(from).from;
      while (at < to) {
        const found = firstMatch(text, at);
        if (found === null) at += 1;
        else {
          for (const [start, end, role] of found.parts) if (role) builder.add(start, end, mark(role));
          at = found.end;
        }
      }
    }
    return builder.finish();
  }

  function firstMatch(text, at) {
    for (const [roles, expression] of compiled) {
      expression.lastIndex = at;
      const match = expression.exec(text);
      if (match === null || match[0] === "") continue;
      const end = at + match[0].length;
      if (roles.length === 1) return { end, parts: [[at, end, roles[0]]] };
      const parts = roles.map((role, k) => [...match.indices[k + 1], role]);
      return { end, parts };
    }
    return null;
  }

  return ViewPlugin.fromClass(
    class {
      constructor(view) {
        this.decorations = decorate(view);
      }
      update(update) {
        if (update.docChanged || update.viewportChanged) this.decorations = decorate(update.view);
      }
    },
    { decorations: (plugin) => plugin.decorations },
  );
}
