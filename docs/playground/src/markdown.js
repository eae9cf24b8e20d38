// The Markdown of hovers: paragraphs, lists, blocks of code, `code`, **bold** and *emphasis*.

function inline(text, into) {
  for (const part of text.split(/(`[^`]+`|\*\*[^*]+\*\*|\*[^*]+\*)/)) {
    const kind = part.startsWith("`") ? "code" : part.startsWith("**") ? "strong" : part.startsWith("*") ? "em" : "";
    if (!kind || part.length < 3) into.append(part);
    else {
      const element = document.createElement(kind);
      element.textContent = part.slice(kind === "strong" ? 2 : 1, kind === "strong" ? -2 : -1);
      into.append(element);
    }
  }
}

/** A fragment of the page for a text in Markdown. Its parts are text: nothing becomes markup. */
export function markdown(text) {
  const fragment = document.createDocumentFragment();
  for (const block of text.split(/\n\n+|(?=```)/)) {
    if (!block.trim()) continue;
    if (block.startsWith("```")) {
      const pre = document.createElement("pre");
      pre.textContent = block.replace(/^```[^\n]*\n/, "").replace(/\n?```\s*$/, "");
      fragment.append(pre);
      continue;
    }
    const list = /^- /m.test(block) ? document.createElement("ul") : null;
    for (const line of block.split("\n")) {
      const element = document.createElement(line.startsWith("- ") ? "li" : "p");
      inline(line.replace(/^- /, ""), element);
      (line.startsWith("- ") && list ? list : fragment).append(element);
    }
    if (list) fragment.append(list);
  }
  return fragment;
}
