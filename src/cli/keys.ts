/** `urna keys`: makes the secrets file and rotates its token keys. Prints ids, never secrets. */
import { join } from "node:path";
import { Command } from "commander";
import { drawSecret, parseSecrets, pepperId, type SecretsText, type TokenKey } from "../admission/secrets.ts";
import {
  createSecretsFile,
  drawSecrets,
  readSecretsFile,
  writeSecretsFile,
} from "../admission/secrets-file.ts";
import { OPTIONS } from "../runtime/options.ts";
import { CommandFailed, EXIT_HELP } from "./failure.ts";

type KeysFlags = { secretsFile?: string; data: string; json?: boolean };

export function keysCommand(): Command {
  return new Command("keys")
    .description("make the pepper and the token keys, and rotate the token keys")
    .addCommand(keysAction("init", "draw a pepper and a first token key; never overwrites", initKeys))
    .addCommand(keysAction("show", "name the pepper and the token keys by their ids", showKeys))
    .addCommand(keysAction("add", "draw a further token key, which verifies and does not mint yet", addKey))
    .addCommand(
      keysAction("promote", "make a token key the one that mints", promoteKey).argument("<id>", KEY_ID),
    )
    .addCommand(
      keysAction("retire", "remove a token key that does not mint", retireKey).argument("<id>", KEY_ID),
    )
    .addHelpText("after", HELP);
}

const EXAMPLES: Record<string, string> = {
  init: " --secrets-file secrets.json",
  promote: " 1f0c9a3e",
  retire: " 1f0c9a3e",
};

const KEY_ID = "the token key's id, as urna keys show prints it";

const HELP = `
The file is --secrets-file, or secrets.json in urna dev's data folder. What is in it, who needs it, and what its loss
means: docs/operations/secrets.md.

To rotate: add, and hand the file to every gateway and admin; promote, and hand it to every admin; retire when the
last token of the old key has expired.`;

function keysAction(
  name: string,
  description: string,
  run: (file: string, id: string) => SecretsText,
): Command {
  return new Command(name)
    .description(description)
    .addOption(OPTIONS.secretsFile())
    .addOption(OPTIONS.data())
    .option("--json", "print JSON, for machines")
    .addHelpText("after", `\n${EXIT_HELP}\n\nExample:\n  urna keys ${name}${EXAMPLES[name] ?? ""}`)
    .action((...given: unknown[]) => {
      const command = given.at(-1) as Command;
      const { secretsFile, data, json } = command.opts<KeysFlags>();
      const file = secretsFile ?? join(data, "secrets.json");
      print(file, run(file, command.args[0] ?? ""), json ?? false);
    });
}

function initKeys(file: string): SecretsText {
  const text = drawSecrets();
  try {
    createSecretsFile(file, text);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    throw new CommandFailed(
      `${file} is there already, and the elections made with its pepper need it: choose another --secrets-file`,
    );
  }
  return text;
}

function showKeys(file: string): SecretsText {
  return readSecretsFile(file);
}

function addKey(file: string): SecretsText {
  const text = readSecretsFile(file);
  return replaced(file, { ...text, tokenKeys: [...text.tokenKeys, drawSecret()] });
}

/** The first key mints; the others keep their order. */
function promoteKey(file: string, id: string): SecretsText {
  const text = readSecretsFile(file);
  const at = placeOf(text, id);
  const promoted = text.tokenKeys[at]!;
  return replaced(file, { ...text, tokenKeys: [promoted, ...text.tokenKeys.filter((_, i) => i !== at)] });
}

function retireKey(file: string, id: string): SecretsText {
  const text = readSecretsFile(file);
  const at = placeOf(text, id);
  if (text.tokenKeys.length === 1) throw new CommandFailed(`${id} is the last token key: add another first`);
  if (at === 0) throw new CommandFailed(`${id} is the key that mints: promote another first`);
  return replaced(file, { ...text, tokenKeys: text.tokenKeys.filter((_, i) => i !== at) });
}

function placeOf(text: SecretsText, id: string): number {
  const ids = parseSecrets(text).tokenKeys.map(idOf);
  const at = ids.indexOf(id.toLowerCase());
  if (at === -1) throw new CommandFailed(`there is no token key ${id}: the ids are ${ids.join(", ")}`);
  return at;
}

function replaced(file: string, text: SecretsText): SecretsText {
  writeSecretsFile(file, text);
  return text;
}

function idOf({ id }: TokenKey): string {
  return id.toString("hex");
}

function print(file: string, text: SecretsText, asJson: boolean): void {
  const { pepper, tokenKeys } = parseSecrets(text);
  const shown = {
    file,
    pepper: pepperId(pepper).toString("hex"),
    tokenKeys: tokenKeys.map((key, i) => ({ id: idOf(key), mints: i === 0 })),
  };
  if (asJson) {
    console.log(JSON.stringify(shown));
    return;
  }
  console.log(`${file}\n  pepper     ${shown.pepper}`);
  for (const { id, mints } of shown.tokenKeys) {
    console.log(`  token key  ${id}  ${mints ? "mints and verifies" : "verifies"}`);
  }
}
