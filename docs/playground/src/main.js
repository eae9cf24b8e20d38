// The page: what is typed goes to Python, and what Python answers is shown.

import { applyFix, makeEditor } from "./editor.js";
import { linkTo, linked } from "./link.js";
import { Python } from "./python.js";
import { VIEWS, costTable } from "./views.js";

const FIRST = `net E
input 3x224x224
classes 1000
pad paper
maps 36 18
(7,64)/2 3/3 (2,128)x4 2/2 (2,256)x6
`;
const PAUSE = 200; // milliseconds without a change before pictures are drawn

const $ = (id) => document.getElementById(id);
const python = new Python();
globalThis.ask = (question, argument) => python.ask(question, argument); // for tests, and the curious
let started = false;
let version = 0; // of the text
let checking = Promise.resolve();
let answer = null;
let drawing = 0;

// ------------------------------------------------------------------ the text

function changed() {
  version += 1;
  if (started) check();
}

function check() {
  const mine = version;
  checking = python.ask("check", { text: editor.text(), baseline: $("baseline").value }).then((found) => {
    if (mine !== version) return; // another text is on its way
    answer = found;
    editor.show(found);
    showProblems(found.diagnostics);
    showNames(found.costs.names ?? []);
    document.documentElement.dataset.version = String(mine);
    costTable($("panel-cost"), found.costs);
    if (found.space && view.id === "cost") choose(VIEWS.find((each) => each.space));
    clearTimeout(drawing);
    drawing = setTimeout(draw, PAUSE);
  }, failed);
  return checking;
}

python.checked = () => checking;

const editor = makeEditor($("editor"), FIRST, changed, python);

function failed(error) {
  say(`A bug of ctcdsl, not of your text: ${error.message}`);
}

function say(text) {
  $("said").textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => ($("said").textContent = ""), 6000);
}

function showProblems(diagnostics) {
  const problems = diagnostics.map((diagnostic) => {
    const problem = document.createElement("div");
    problem.className = `problem ${diagnostic.severity}`;
    const text = document.createElement("pre");
    text.textContent = diagnostic.shown;
    problem.append(text);
    for (const fix of diagnostic.fixes) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = fix.title;
      button.onclick = () => applyFix(editor.view, fix);
      problem.append(button);
    }
    return problem;
  });
  $("problems").replaceChildren(...problems);
}

function showNames(names) {
  const select = $("network");
  const before = select.value;
  select.replaceChildren(...names.map((name) => new Option(name, name)));
  if (names.includes(before)) select.value = before;
  $("choice").hidden = names.length < 2;
}

// -------------------------------------------------------------------- views

let view = VIEWS[0];

async function draw() {
  const panel = $(`panel-${view.id}`);
  const name = $("network").value;
  if (!view.ask) return;
  if (view.space ? !answer?.space : !answer?.ok || !name) {
    delete panel.dataset.drawn;
    panel.replaceChildren(note(missing()));
    return;
  }
  const mine = version;
  const drawn = `${mine} ${name} ${panel.clientWidth}`;
  if (panel.dataset.drawn === drawn) return; // what a click has shown there stays
  try {
    const found = await python.ask(view.ask, view.argument(name, panel));
    if (mine !== version) return;
    panel.dataset.drawn = drawn;
    if (found.error) panel.replaceChildren(note(found.error));
    else view.show(panel, found, { name, python, editor, say });
  } catch (error) {
    failed(error);
  }
}

function missing() {
  if (answer?.space) return "The text stands for several networks: see Space, and pin its choices.";
  if (view.space && answer?.ok) return "A space has choices: `let w = 64 | 96 | 128`, `let d = 2..6`, `(<3|5>,w)`.";
  return "The text has errors: there is nothing to show until they are corrected.";
}

function note(text) {
  const element = document.createElement("p");
  element.className = "note";
  element.textContent = text;
  return element;
}

function makeTabs() {
  const list = document.querySelector("[role=tablist]");
  for (const each of VIEWS) {
    const tab = document.createElement("button");
    tab.type = "button";
    tab.role = "tab";
    tab.id = `tab-${each.id}`;
    tab.textContent = each.title;
    tab.setAttribute("aria-controls", `panel-${each.id}`);
    tab.onclick = () => choose(each);
    list.append(tab);
    const panel = document.createElement("div");
    panel.role = "tabpanel";
    panel.id = `panel-${each.id}`;
    panel.tabIndex = 0;
    panel.setAttribute("aria-labelledby", tab.id);
    $("panels").append(panel);
  }
  list.onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = VIEWS[(VIEWS.indexOf(view) + step + VIEWS.length) % VIEWS.length];
    choose(next);
    $(`tab-${next.id}`).focus();
  };
  choose(view);
}

function choose(chosen) {
  view = chosen;
  for (const each of VIEWS) {
    const active = each === chosen;
    const tab = $(`tab-${each.id}`);
    tab.ariaSelected = String(active);
    tab.tabIndex = active ? 0 : -1;
    $(`panel-${each.id}`).hidden = !active || !started;
  }
  if (started) draw();
}

// ------------------------------------------------------------------ buttons

const GROUPS = { paper: "He & Sun 2015", peers: "its peers", modern: "later networks", papers: "other papers", timm: "of timm" };

function showGallery(specs) {
  const gallery = $("gallery");
  gallery.replaceChildren(new Option("your own", ""));
  for (const [group, title] of Object.entries(GROUPS)) {
    const options = document.createElement("optgroup");
    options.label = title;
    for (const spec of specs.filter((each) => each.group === group)) {
      const option = new Option(spec.name, spec.name);
      option.title = spec.title;
      options.append(option);
    }
    if (options.children.length) gallery.append(options);
  }
  for (const group of gallery.querySelectorAll("optgroup")) $("baseline").append(group.cloneNode(true));
  $("baseline").value = "A";
}

$("gallery").onchange = async (event) => {
  if (!event.target.value) return;
  const { text } = await python.ask("spec", { name: event.target.value });
  editor.replace(text);
};
$("baseline").onchange = check;
$("network").onchange = draw;
$("format").onclick = async () => {
  await checking;
  const { text } = await python.ask("format");
  if (text) editor.replace(text);
  else say(answer?.ok ? "The text is in canonical form." : "The text has errors.");
};
$("share").onclick = async () => {
  const link = await linkTo(editor.text());
  history.replaceState(null, "", link);
  try {
    await navigator.clipboard.writeText(link);
    say("The link is in the clipboard: it holds the spec itself.");
  } catch {
    say("The link is in the address bar: it holds the spec itself.");
  }
};
$("save").onclick = () => {
  const file = document.createElement("a");
  file.href = URL.createObjectURL(new Blob([editor.text()], { type: "text/plain" }));
  file.download = `${$("network").value || "network"}.ctc`;
  file.click();
  URL.revokeObjectURL(file.href);
};
document.addEventListener("keydown", (event) => {
  if (event.shiftKey && event.altKey && event.code === "KeyF") {
    event.preventDefault();
    $("format").click();
  }
});

// -------------------------------------------------------------------- start

async function begin() {
  makeTabs();
  const shared = await linked();
  if (shared !== null) editor.replace(shared);
  const about = await python.start(LOCK);
  started = true;
  editor.colour(about.patterns);
  showGallery(about.specs);
  $("welcome").hidden = true;
  choose(view);
  await check();
  if (shared === null && location.hash.startsWith("#spec=")) say("The link is damaged: it holds no spec.");
  document.documentElement.dataset.ready = "yes";
}

begin().catch((error) => {
  $("progress").textContent = `Python did not start: ${error.message}`;
});
