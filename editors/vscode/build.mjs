// Writes dist/: the extension in one file, and the grammar that ctcdsl generates.
import { copyFile, mkdir, rm } from "node:fs/promises";
import { build } from "esbuild";

await rm("dist", { recursive: true, force: true });
await mkdir("dist");
await build({
  entryPoints: ["extension.js"],
  outfile: "dist/extension.js",
  bundle: true,
  minify: true,
  platform: "node",
  target: "node18",
  external: ["vscode"],
});
await copyFile("../../grammar/ctc.tmLanguage.json", "dist/ctc.tmLanguage.json");
await copyFile("../../LICENSE", "LICENSE");
