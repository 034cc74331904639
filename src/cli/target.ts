/** Where the server is: from the flags, or from what a running `urna dev` left in its data folder. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { z } from "zod";
import type { Target } from "../client/administration.ts";
import { cannot } from "../runtime/file-fault.ts";
import { OPTIONS } from "../runtime/options.ts";
import { CommandFailed, UsedWrongly } from "./failure.ts";

export type TargetOptions = { url?: string; adminToken?: string; data: string };

/** A command that is patient with a server must have met it once: nobody waits for a slip in an address. */
export const REACH_TIMEOUT_MS = 2_000;

/** Written by `urna dev` while it runs, readable by its owner only. */
const devFile = z.object({ url: z.url(), adminToken: z.string(), databaseUrl: z.string(), pid: z.number() });

export function addTargetOptions(command: Command): Command {
  return command
    .addOption(OPTIONS.url())
    .addOption(new Option("--admin-token <token>", "the server's admin token").env("URNA_ADMIN_TOKEN"))
    .addOption(OPTIONS.data());
}

/**
 * The flags win. The admin token of `urna dev` is used for its own address only: it is nobody else's business.
 * Throws {@link CommandFailed} when there is no address.
 */
export function resolveTarget(options: TargetOptions): Target {
  const url = options.url === undefined ? undefined : serverAddress(options.url);
  if (url !== undefined && options.adminToken !== undefined) return { url, adminToken: options.adminToken };
  const dev = readDevFile(options.data);
  if (dev !== null && options.adminToken === undefined && (url ?? dev.url) === dev.url) {
    return { url: dev.url, adminToken: dev.adminToken };
  }
  const address = url ?? dev?.url;
  if (address !== undefined) return { url: address, adminToken: options.adminToken ?? null };
  throw new CommandFailed(
    `no server is known: start one with "urna dev", or set --url (URNA_URL) and --admin-token (URNA_ADMIN_TOKEN). ` +
      `Looked for ${join(options.data, "dev.json")}; --data (URNA_DATA) names another folder.`,
  );
}

/** The origin that --url names. Throws {@link UsedWrongly}: the contract's paths begin at the server's root. */
export function serverAddress(url: string): string {
  const { protocol, origin, href } = URL.canParse(url)
    ? new URL(url)
    : { protocol: "", origin: "", href: "" };
  if (/^https?:$/.test(protocol) && href === `${origin}/`) return origin;
  throw new UsedWrongly("--url (URNA_URL) must be like http://127.0.0.1:8080, with nothing behind the port");
}

/** What `urna dev` says about itself, or null when none left a file. */
export function readDevFile(dataFolder: string): z.infer<typeof devFile> | null {
  const path = join(dataFolder, "dev.json");
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw cannot("read", path, error);
  }
  try {
    const dev = devFile.parse(JSON.parse(text));
    return { ...dev, url: serverAddress(dev.url) };
  } catch {
    throw new CommandFailed(
      `${path} is not what urna dev writes: start urna dev again, or set --url (URNA_URL)`,
    );
  }
}
