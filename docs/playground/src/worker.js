// Python in a thread of its own: starts it from bytes that the page sends, and answers questions.

import createPyodideModule from "pyodide/pyodide.asm.mjs";
import { loadPyodide } from "pyodide/pyodide.mjs";

const HERE = "https://playground.invalid/"; // never asked: `fetch` answers from what the page sent

async function unzipped(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function unpack(python, bytes) {
  const end = bytes.indexOf(10);
  let at = end + 1;
  for (const [name, size] of JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)))) {
    const path = `/site/${name}`;
    python.FS.mkdirTree(path.slice(0, path.lastIndexOf("/")));
    python.FS.writeFile(path, bytes.subarray(at, at + size));
    at += size;
  }
}

async function start({ wasm, stdlib, site, lock }) {
  const [code, library, packages] = await Promise.all([wasm, stdlib, site].map(unzipped));
  const files = {
    "pyodide.asm.wasm": new Response(code, { headers: { "Content-Type": "application/wasm" } }),
    "python_stdlib.zip": new Response(library),
  };
  self.fetch = async (url) => files[String(url).slice(HERE.length)] ?? Response.error();
  const python = await loadPyodide({
    createPyodideModule,
    indexURL: HERE,
    packageBaseUrl: HERE,
    lockFileContents: lock,
    env: { HOME: "/home", XDG_CACHE_HOME: "/site/cache" },
  });
  unpack(python, packages);
  return python.runPython(`
import sys
sys.path.insert(0, "/site")
from bridge import ask
ask
`);
}

let ask;

self.onmessage = async ({ data: { id, files, question, argument } }) => {
  try {
    if (files) {
      ask = await start(files);
      self.postMessage({ id, answer: JSON.parse(ask("start", "{}")) });
    } else {
      self.postMessage({ id, answer: JSON.parse(ask(question, JSON.stringify(argument))) });
    }
  } catch (failure) {
    self.postMessage({ id, failure: String(failure) });
  }
};
