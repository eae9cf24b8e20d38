// Starts `ctcdsl lsp` for .ctc files and talks to it over standard input and output.
const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

/** @type {LanguageClient | undefined} */
let client;

async function start() {
  const settings = vscode.workspace.getConfiguration("ctcdsl");
  const command = settings.get("path", "ctcdsl");
  client = new LanguageClient(
    "ctcdsl",
    "CTC",
    { command, args: ["lsp"] },
    {
      documentSelector: [{ language: "ctc" }],
      initializationOptions: { inlayHints: settings.get("inlayHints") },
      synchronize: { configurationSection: "ctcdsl" },
    },
  );
  try {
    await client.start();
  } catch (error) {
    client = undefined;
    const choice = await vscode.window.showErrorMessage(
      `Cannot start \`${command} lsp\`: ${error.message ?? error}. Install it with ` +
        "`pip install 'ctcdsl[lsp]'`, or set its full path.",
      "Open settings",
    );
    if (choice !== undefined) {
      await vscode.commands.executeCommand("workbench.action.openSettings", "ctcdsl.path");
    }
  }
}

async function stop() {
  const running = client;
  client = undefined;
  await running?.stop();
}

async function restart() {
  await stop();
  await start();
}

exports.activate = async (context) => {
  context.subscriptions.push(
    vscode.commands.registerCommand("ctcdsl.restart", restart),
    vscode.workspace.onDidChangeConfiguration(async (event) => {
      if (event.affectsConfiguration("ctcdsl.path")) {
        await restart();
      }
    }),
  );
  await start();
};

exports.deactivate = stop;
