// Builds the playground: `node build.mjs SITE OUT` writes the folder OUT and the file OUT.html.
//
// SITE is a folder with ctcdsl and the packages that it needs. The file opens from a disk; the folder
// is for a server, and smaller. Neither asks anything of another server.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = import.meta.dirname;
const [site, out] = process.argv.slice(2).map((folder) => path.resolve(folder));
const packed = `${out}-packed`;

fs.copyFileSync(path.join(here, "bridge.py"), path.join(site, "bridge.py"));
execFileSync(process.execPath, [path.join(here, "pack.mjs"), site, packed], { stdio: "inherit" });

const pyodide = path.join(here, "node_modules", "pyodide");
const lock = JSON.parse(fs.readFileSync(path.join(pyodide, "pyodide-lock.json"), "utf8"));
const options = { bundle: true, minify: true, format: "esm", target: "es2022", write: false, legalComments: "none" };

async function bundled(name, more = {}) {
  const result = await build({ ...options, ...more, entryPoints: [path.join(here, "src", name)] });
  return result.outputFiles[0].text;
}

const script = await bundled("main.js", { define: { LOCK: JSON.stringify({ info: lock.info, packages: {} }) } });
const worker = await bundled("worker.js", { external: ["node:*", "ws", "fs", "crypto", "child_process"] });
const style = await bundled("style.css");
const parts = {
  wasm: gzipSync(fs.readFileSync(path.join(pyodide, "pyodide.asm.wasm")), { level: 9 }),
  stdlib: gzipSync(fs.readFileSync(path.join(packed, "stdlib.zip")), { level: 9 }),
  site: gzipSync(fs.readFileSync(path.join(packed, "site.bin")), { level: 9 }),
};

const template = fs.readFileSync(path.join(here, "src", "index.html"), "utf8");

/** The page with its places filled; `$` in a text stands for itself. */
function page(places) {
  return Object.entries(places).reduce((html, [name, text]) => html.replace(name, () => text), template);
}

const digest = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
const policy = (scripts) =>
  `default-src 'none'; script-src ${scripts} 'wasm-unsafe-eval'; worker-src 'self' data:; connect-src 'self';` +
  " style-src 'self' 'unsafe-inline'; img-src data: blob:";

fs.rmSync(out, { recursive: true, force: true });
fs.mkdirSync(out, { recursive: true });
const files = {
  "index.html": page({
    POLICY: policy("'self'"),
    STYLE: '<link rel="stylesheet" href="style.css">',
    PARTS: "",
    SCRIPT: '<script type="module" src="playground.js"></script>',
  }),
  "style.css": style,
  "playground.js": script,
  "worker.js": worker,
  ...Object.fromEntries(Object.entries(parts).map(([name, bytes]) => [`${name}.bin`, bytes])),
};
for (const [name, content] of Object.entries(files)) fs.writeFileSync(path.join(out, name), content);

const inline = (name, bytes) => `<script type="text/plain" id="part-${name}">${Buffer.from(bytes).toString("base64")}</script>`;
const closed = script.replace(/<\/script/g, "<\\/script");
fs.writeFileSync(
  `${out}.html`,
  page({
    POLICY: policy(`${digest(closed)} data:`),
    STYLE: `<style>${style}</style>`,
    PARTS: [...Object.entries(parts), ["worker", worker]].map(([name, bytes]) => inline(name, bytes)).join("\n"),
    SCRIPT: `<script type="module">${closed}</script>`,
  }),
);
fs.rmSync(packed, { recursive: true });

const zipped = Object.entries(files).map(([name, content]) => [name, gzipSync(content, { level: 9 }).length]);
for (const [name, size] of zipped) console.log(`${(size / 1e6).toFixed(2).padStart(6)} MB  ${name}`);
console.log(`${(zipped.reduce((sum, [, size]) => sum + size, 0) / 1e6).toFixed(2).padStart(6)} MB  gzipped in all`);
