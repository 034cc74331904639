/** The doctor of several ledgers: every check of each, by its name, and that each is the one that it is named as. */
import { afterAll, afterEach, beforeAll, expect, spyOn, test } from "bun:test";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { doctorCommand } from "../../src/cli/doctor.ts";
import { BufferedLedgers } from "../support/buffered-ledgers.ts";

let ledgers: BufferedLedgers;
beforeAll(async () => {
  ledgers = await BufferedLedgers.open([0, 1]);
});
afterAll(() => ledgers[Symbol.asyncDispose]());
afterEach(() => {
  process.exitCode = 0;
});

type Check = { check: string; ok: boolean; found: string; mend: string };

/** In this process, as if in an environment without settings. */
async function examine(further: string): Promise<{ exit: number; checks: Check[] }> {
  const out = spyOn(console, "log").mockImplementation(() => undefined);
  const [home] = ledgers.ledgers;
  const flags = ["--data", join(tmpdir(), "nothing-here"), "--database-url", home!.connectionString];
  process.exitCode = 0;
  await doctorCommand().parseAsync([...flags, "--ledgers", further, "--json"], { from: "user" });
  const { checks } = JSON.parse(String(out.mock.calls[0]![0]));
  out.mockRestore();
  return { exit: Number(process.exitCode), checks };
}

test("every check is made of each ledger, and each is the ledger of its name", async () => {
  const { checks } = await examine(`ledger-1=${ledgers.ledgers[1]!.connectionString}`);
  const prefix = "ledger ledger-1: ";
  const ofFurther = checks.filter(({ check }) => check.startsWith(prefix));
  const ofHome = checks.filter(({ check }) => !check.startsWith(prefix));
  expect(ofFurther.map(({ check }) => check.slice(prefix.length))).toEqual([
    ...ofHome.map(({ check }) => check),
    "identity",
  ]);
  expect(ofFurther.at(-1)).toMatchObject({ ok: true, found: "ledger number 1 of this deployment" });
});

test("another database, and one that does not answer, are told", async () => {
  const wrong = await examine(`ledger-1=${ledgers.ledgers[0]!.connectionString}`);
  expect(wrong.exit).toBe(1);
  expect(wrong.checks.filter(({ ok }) => !ok)).toMatchObject([
    { check: "ledger ledger-1: identity", found: expect.stringContaining("it is ledger ledger-0") },
  ]);
  const gone = await examine("ledger-1=postgres://urna:secret@127.0.0.1:1/urna");
  expect(gone.exit).toBe(1);
  const reachable = gone.checks.find(({ check }) => check === "ledger ledger-1: 127.0.0.1:1 reachable");
  expect(reachable).toMatchObject({ ok: false, mend: expect.stringContaining("URNA_LEDGERS") });
  expect(JSON.stringify(gone)).not.toContain("secret");
});
