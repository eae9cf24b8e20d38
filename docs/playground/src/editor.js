// The editor: diagnostics with their fixes, completion, hover, and the maps at the ends of lines.

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState, StateEffect, StateField } from "@codemirror/state";
import {
  Decoration, EditorView, WidgetType, drawSelection, highlightActiveLine, hoverTooltip, keymap, lineNumbers,
} from "@codemirror/view";
import { colours } from "./colours.js";
import { markdown } from "./markdown.js";

class MapLabel extends WidgetType {
  constructor(text, tip) {
    super();
    this.text = text;
    this.tip = tip;
  }
  eq(other) {
    return other.text === this.text && other.tip === this.tip;
  }
  toDOM() {
    const label = document.createElement("span");
    label.className = "map-label";
    label.textContent = this.text;
    label.title = this.tip;
    return label;
  }
}

const setMaps = StateEffect.define();
const maps = StateField.define({
  create: () => Decoration.none,
  update(labels, transaction) {
    for (const effect of transaction.effects) {
      if (effect.is(setMaps)) {
        const size = transaction.state.doc.length;
        return Decoration.set(
          effect.value
            .filter(({ at }) => at <= size)
            .map(({ at, text, tip }) => Decoration.widget({ widget: new MapLabel(text, tip), side: 1 }).range(at)),
          true,
        );
      }
    }
    return labels.map(transaction.changes);
  },
  provide: (field) => EditorView.decorations.from(field),
});

const SEVERITIES = { error: "error", warning: "warning", note: "info" };

function shown(diagnostic, size) {
  return {
    from: Math.min(diagnostic.from, size),
    to: Math.min(diagnostic.to, size),
    severity: SEVERITIES[diagnostic.severity],
    source: diagnostic.code,
    message: [diagnostic.message, ...diagnostic.notes, ...diagnostic.hints.map((hint) => `hint: ${hint}`)].join("\n"),
    actions: diagnostic.fixes.map((fix) => ({ name: fix.title, apply: (view) => applyFix(view, fix) })),
  };
}

export function applyFix(view, { from, to, insert }) {
  view.dispatch({ changes: { from, to, insert }, userEvent: "input.fix" });
  view.focus();
}

/** Make the editor in `parent`; `changed(text)` hears of every change, `python` answers. */
export function makeEditor(parent, text, changed, python) {
  const coloured = new Compartment();

  async function complete(context) {
    const word = context.matchBefore(/[\w-]*/);
    if (!context.explicit && word.from === word.to) return null;
    await python.checked();
    const { from, words } = await python.ask("complete", { at: context.pos });
    return {
      from,
      options: words.map(({ text, kind, summary }) => ({ label: text, detail: kind, info: summary })),
      validFor: /^[\w-]*$/,
    };
  }

  const hover = hoverTooltip(async (view, at) => {
    await python.checked();
    const found = await python.ask("hover", { at });
    if (!found.markdown) return null;
    return {
      pos: found.from,
      end: found.to,
      create() {
        const dom = document.createElement("div");
        dom.className = "hover";
        dom.append(markdown(found.markdown));
        return { dom };
      },
    };
  });

  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: text,
      extensions: [
        lineNumbers(), history(), drawSelection(), highlightActiveLine(), closeBrackets(), lintGutter(), maps, hover,
        autocompletion({ override: [complete] }),
        highlightSelectionMatches(),
        keymap.of([
          ...closeBracketsKeymap, ...completionKeymap, ...lintKeymap, ...searchKeymap, ...historyKeymap, ...defaultKeymap,
        ]),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": "network as rows of layers" }),
        EditorView.updateListener.of((update) => update.docChanged && changed(update.state.doc.toString())),
        coloured.of([]),
      ],
    }),
  });

  return {
    view,
    text: () => view.state.doc.toString(),
    replace(text) {
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
    },
    change: (change) => applyFix(view, change),
    colour: (patterns) => view.dispatch({ effects: coloured.reconfigure(colours(patterns)) }),
    show(answer) {
      const size = view.state.doc.length;
      view.dispatch(setDiagnostics(view.state, answer.diagnostics.map((each) => shown(each, size))));
      view.dispatch({ effects: setMaps.of(answer.maps) });
    },
  };
}
