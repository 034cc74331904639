/** A real Chromium for tests: the system's when there is one, otherwise the one that npm brings. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, chromium } from "playwright-core";

const SYSTEM_BROWSERS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Nothing but the pages under test reaches the network, and nothing is left behind. */
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The caller closes it; the profile is a fresh folder that goes with it. Takes about 0.3 s, once 3 s to unpack. */
export async function openBrowser(): Promise<Browser> {
  const system = SYSTEM_BROWSERS.find((path) => existsSync(path));
  if (system !== undefined) return chromium.launch({ executablePath: system, args: FLAGS });
  const folder = unpackedBrowser();
  return chromium.launch({
    executablePath: join(folder, "chromium"),
    args: FLAGS,
    env: {
      ...process.env,
      // The libraries and fonts that a bare machine lacks come with the package.
      LD_LIBRARY_PATH: join(folder, "al2023", "lib"),
      FONTCONFIG_FILE: join(folder, "fonts.conf"),
    },
  });
}

/** Unpacks the npm package's browser beside it, once for every test run that follows. */
function unpackedBrowser(): string {
  const archive = dirname(dirname(dirname(fileURLToPath(import.meta.resolve("@sparticuz/chromium")))));
  const { version } = JSON.parse(readFileSync(join(archive, "package.json"), "utf8")) as { version: string };
  const cache = join(archive, "..", "..", ".cache");
  const folder = join(cache, `chromium-${version}`);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  const unpacking = mkdtempSync(join(cache, "unpacking-"));
  unpackInto(unpacking);
  writeFileSync(join(unpacking, "fonts.conf"), fontsConfiguration(folder));
  try {
    renameSync(unpacking, folder);
  } catch {
    // Another test run was faster, and has put the same files there.
    rmSync(unpacking, { recursive: true });
  }
  return folder;
}

/**
 * In a process of its own, because the package unpacks into the temporary folder, and its libraries only on what
 * it takes for Amazon Linux: both are environment variables.
 */
function unpackInto(folder: string): void {
  const script = `import chromium from "@sparticuz/chromium"; await chromium.executablePath();`;
  const { status, stderr } = spawnSync(process.execPath, ["-e", script], {
    cwd: dirname(fileURLToPath(import.meta.url)),
    env: { ...process.env, TMPDIR: folder, AWS_EXECUTION_ENV: "AWS_Lambda_nodejs22.x" },
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`Chromium could not be unpacked: ${stderr}`);
}

function fontsConfiguration(folder: string): string {
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>/usr/share/fonts</dir>
  <dir>${join(folder, "fonts")}</dir>
  <cachedir>${join(folder, "fonts-cache")}</cachedir>
</fontconfig>
`;
}
