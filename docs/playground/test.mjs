// Uses the playground in a browser: `node test.mjs PAGE.html BROWSER [FOLDER]`.
//
// FOLDER gets screenshots, and what Python answers about the built-in networks, as answers.json.
//
// The page opens from the disk, and any request but its own fails the test.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [file, executablePath, folder] = process.argv.slice(2);
const address = pathToFileURL(path.resolve(file)).href;
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--js-flags=--expose-gc"] });
const trouble = [];

async function open(options = {}, url = address) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, offline: true, ...options });
  const page = await context.newPage();
  page.on("pageerror", (error) => trouble.push(String(error)));
  page.on("console", (message) => message.type() === "error" && trouble.push(message.text()));
  page.on("request", (request) => {
    if (!/^(data|blob):/.test(request.url()) && request.url().split("#")[0] !== address) trouble.push(request.url());
  });
  const begun = performance.now();
  await page.goto(url);
  await page.waitForSelector("html[data-ready]", { timeout: 120_000 });
  return { page, seconds: (performance.now() - begun) / 1000 };
}

/** Write a text and wait for its check. */
async function write(page, text) {
  const before = await page.getAttribute("html", "data-version");
  await page.click(".cm-content");
  await page.keyboard.press("Control+A");
  await page.evaluate((pasted) => {
    const data = new DataTransfer();
    data.setData("text/plain", pasted);
    document.querySelector(".cm-content").dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
  }, text);
  await page.waitForFunction((old) => document.documentElement.dataset.version !== old, before);
}

const cells = (page) => page.locator("#panel-cost tbody tr").first().locator("th, td").allTextContents();
const problems = (page) => page.locator("#problems pre").allTextContents();
const panel = (page, id) => page.locator(`#panel-${id}`);

async function show(page, id) {
  await page.click(`#tab-${id}`);
  await panel(page, id).locator("> *").first().waitFor();
}

const { page, seconds } = await open();

// What is there at first: colours, the map at the line's end, costs relative to A.
assert.deepEqual((await cells(page)).slice(0, 4), ["E", "11", "846,271,168", "0.9898"]);
assert.equal(await page.locator(".map-label").last().textContent(), "256x18x18");
assert.ok((await page.locator(".ctc-header").count()) >= 5);

// An error, with the command line's text, and its fix by a click.
await write(page, "(7,64)/2 3/3 (2 128)x4 gap fc\n");
const [shown] = await problems(page);
assert.match(shown, /^error\[CTC002\]: expected `,` or `\)`, found `128`\n --> playground\.ctc:1:17/);
const fix = page.locator("#problems button").first();
assert.match(await fix.textContent(), /replace a space by `,`/);
await fix.click();
await page.waitForFunction(() => !document.querySelector("#problems .error"));
assert.match(await page.locator(".cm-content").textContent(), /\(2,128\)x4/);

// Completion and hover, by the language server's functions.
await write(page, "net N\nsty");
await page.click(".cm-line >> nth=1");
await page.keyboard.press("End");
await page.keyboard.press("Control+Space");
await page.locator(".cm-tooltip-autocomplete >> text=style").first().waitFor();
await page.keyboard.press("Escape");

// A network of the gallery, all panels, a rewrite that is taken, and the module.
await page.selectOption("#gallery", "A");
await page.waitForFunction(() => document.querySelector("#panel-cost th[scope=row]")?.textContent === "A");
await page.hover(".cm-line >> text=3x224x224");
await show(page, "layers");
assert.match(await panel(page, "layers").textContent(), /stage1\.conv/);
await show(page, "diagram");
assert.equal(await panel(page, "diagram").locator("svg").count(), 1);
await show(page, "memory");
assert.match(await panel(page, "memory").textContent(), /977\.8 MB at its peak/);
await show(page, "rewrites");
await panel(page, "rewrites").locator("button", { hasText: "depth-for-size:stage=3,to=2" }).click();
assert.match(await panel(page, "rewrites").locator(".added").first().textContent(), /\(2,256\)/);
await panel(page, "rewrites").locator("button", { hasText: "Take it" }).click();
await page.waitForFunction(() => document.querySelector("#panel-cost td:nth-of-type(1)")?.textContent === "8");
await show(page, "code");
await page.locator("#panel-code pre").waitFor();
assert.match(await panel(page, "code").textContent(), /class A\(nn\.Module\):/);

// A space: its size, and a choice that is pinned by a click.
await write(page, "net S\nlet w = 16..96 by 16\nlet d = 2 | 3\n(7,64)/2 3/3 (3,w)x(d) gap fc\n");
await show(page, "space");
await panel(page, "space").locator("text=of 12 networks").waitFor();
assert.equal(await page.locator("#problems .error").count(), 0);
const front = panel(page, "space").locator(".front");
await panel(page, "space").locator("input").fill("250");
await panel(page, "space").locator("button", { hasText: "Show the front" }).click();
await front.locator("tbody tr").first().waitFor();
if (folder) await page.screenshot({ path: path.join(folder, "playground-front.png"), fullPage: true });
await front.locator("tbody button").first().click();
await page.waitForFunction(() => document.querySelector("#panel-cost th[scope=row]")?.textContent === "S");
await write(page, "net S\nlet w = 16..96 by 16\nlet d = 2 | 3\n(7,64)/2 3/3 (3,w)x(d) gap fc\n");
await show(page, "space");
await panel(page, "space").locator("text=of 12 networks").waitFor();
await panel(page, "space").locator("button", { hasText: /^96$/ }).click();
await panel(page, "space").locator("text=of 2 networks").waitFor();
await panel(page, "space").locator("button", { hasText: /^3$/ }).click();
await page.waitForFunction(() => document.querySelector("#panel-cost th[scope=row]")?.textContent === "S");
await show(page, "code");

// Tabs by the keyboard.
await page.focus("#tab-code");
await page.keyboard.press("ArrowRight");
assert.equal(await page.getAttribute("#tab-cost", "aria-selected"), "true");

// A link holds the text; a damaged one says so.
const text = "net Ünïcode\n# 🙂\n(3,8) (3,16)/2 gap fc\n";
await write(page, text);
await page.click("#share");
await page.waitForFunction(() => location.hash.startsWith("#spec="));
const link = page.url();
const other = await open({}, link);
assert.equal((await other.page.locator(".cm-line").allTextContents())[1], "# 🙂");
await other.page.context().close();
const damaged = await open({}, `${address}#spec=AAAA`);
assert.match(await damaged.page.textContent("#said"), /damaged/);
await damaged.page.context().close();

// Two hundred edits: the time of each, and what they leave behind.
await write(page, "(7,64)/2 3/3 (2,128)x4 2/2 (2,256)x6\n");
const pages = () => page.evaluate(() => (gc(), performance.memory.usedJSHeapSize));
const start = await pages();
const times = [];
for (let edit = 0; edit < 200; edit += 1) {
  times.push(await page.evaluate((number) => new Promise((resolve) => {
    const root = document.documentElement;
    const begun = performance.now();
    new MutationObserver((_, observer) => {
      observer.disconnect();
      resolve(performance.now() - begun);
    }).observe(root, { attributes: true, attributeFilter: ["data-version"] });
    document.querySelector(".cm-content").focus();
    document.execCommand("insertText", false, number % 2 ? " " : "#");
  }), edit));
}
const grown = (await pages()) - start;
assert.ok(grown < 20e6, `200 edits left ${grown} bytes`);
times.sort((a, b) => a - b);

const phone = await open({ viewport: { width: 390, height: 844 }, colorScheme: "dark" });
assert.ok(await phone.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "the page is too wide for a phone");
if (folder) {
  await page.selectOption("#gallery", "resnet18");
  await show(page, "diagram");
  await page.waitForTimeout(500);
  await page.screenshot({ path: path.join(folder, "playground-1280.png") });
  fs.writeFileSync(path.join(folder, "answers.json"), JSON.stringify(await page.evaluate(async () => {
    const answers = {};
    for (const { name } of (await ask("start")).specs) {
      const { text } = await ask("spec", { name });
      const checked = await ask("check", { text, baseline: "A" });
      const modules = checked.costs.names.map((network) => ask("generate", { name: network }));
      answers[name] = [checked, ...(await Promise.all(modules))];
    }
    return answers;
  })));
  await show(phone.page, "layers");
  await phone.page.screenshot({ path: path.join(folder, "playground-390.png"), fullPage: true });
}
await browser.close();
assert.deepEqual(trouble, []);
console.log(`first check after ${seconds.toFixed(1)} s; a keystroke takes ${times[100].toFixed(1)} ms (median of 200),`
  + ` ${times[190].toFixed(1)} ms for one in twenty; they left ${(grown / 1e6).toFixed(1)} MB`);
