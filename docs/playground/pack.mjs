// Packs Python for the browser: `node pack.mjs SITE OUT` runs pack.py in the interpreter of the page.
//
// SITE is a folder with the installed packages and bridge.py; OUT gets stdlib.zip and site.bin.

import fs from "node:fs";
import path from "node:path";
import { loadPyodide } from "pyodide";

const [site, out] = process.argv.slice(2);
fs.mkdirSync(out, { recursive: true });
const python = await loadPyodide();
for (const [name, folder] of Object.entries({ "/in": site, "/out": out })) {
  python.FS.mkdirTree(name);
  python.mountNodeFS(name, path.resolve(folder));
}
python.runPython(fs.readFileSync(path.join(import.meta.dirname, "pack.py"), "utf8"));
