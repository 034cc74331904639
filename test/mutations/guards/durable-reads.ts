// biome-ignore-all lint/suspicious/noTemplateCurlyInString: code is quoted here
/** Guards: that nothing is told out of a row that may be on no standby. */
import type { Guard } from "../guard.ts";

const UNREPLICATED = "test/postgres/unreplicated.test.ts";

export const DURABLE_READS: Guard[] = [
  {
    name: "durable-reads-write",
    without: "writeWal writes WAL",
    file: "src/postgres/ballots.ts",
    text: "SELECT pg_logical_emit_message(true, 'urna', ''), ${DURABILITY_SETTINGS} AS settings",
    becomes: "SELECT ${DURABILITY_SETTINGS} AS settings",
    noticedBy: [UNREPLICATED, "the phantom"],
  },
  {
    name: "own-ballot-is-durable",
    without: "looking a voter's ballot up waits for the standby",
    file: "src/postgres/ballot-finder.ts",
    text: "await writeWal(session);",
    becomes: "",
    noticedBy: [UNREPLICATED, "the phantom"],
  },
  {
    name: "verified-receipt-is-durable",
    without: "verifying a receipt waits for the standby",
    file: "src/postgres/leaf-finder.ts",
    text: "await writeWal(session);",
    becomes: "",
    noticedBy: [
      "test/auditing/verify-receipt.test.ts",
      "nothing is told of a receipt that no standby may have",
    ],
  },
  {
    name: "final-is-durable",
    without: "a contest's end is read durably the first time",
    file: "src/postgres/contest-store.ts",
    text: "if (!contests.map(endOf).some(isNews)) return contests;",
    becomes: "if (contests.length > 0) return contests;",
    noticedBy: [UNREPLICATED, "a final contest is not called final before the standby knows"],
  },
  {
    name: "sealed-is-durable",
    without: "a seal that a writer ran into waits for the standby",
    file: "src/postgres/stream-writer.ts",
    text: "const seen = await commitDurably(session, this.options.attemptTimeoutMs, writeWal);",
    becomes: "const seen = { outcome: 'committed' as const, error };",
    noticedBy: [UNREPLICATED, "a seal is not told of before the standby knows"],
  },
  {
    name: "resolved-is-durable",
    without: "a block found at its place waits for the standby",
    file: "src/postgres/stream-writer.ts",
    text: `      await writeWal(session);
      const place`,
    becomes: "      const place",
    noticedBy: [UNREPLICATED, "a block that is visible and not replicated"],
  },
  {
    name: "counted-by-the-primary",
    without: "a count waits for the standby",
    file: "src/postgres/ledger-work.ts",
    text: "await commitOrThrow(session, this.timeoutMs, writeWal);",
    becomes: "",
    noticedBy: ["test/postgres/unreplicated.test.ts", "a count is told only once a standby has confirmed"],
  },
];
