/** Guards: what is taken for a commit. */
import type { Guard } from "../guard.ts";

const UNREPLICATED = "test/postgres/unreplicated.test.ts";

export const COMMIT: Guard[] = [
  {
    name: "warnings",
    without: "a WARNING makes the outcome unknown",
    file: "src/postgres/durable-commit.ts",
    text: "if (warnings.length === 0) return;",
    becomes: "if (warnings.length >= 0) return;",
    noticedBy: [UNREPLICATED, "a wait ended by pg_cancel_backend"],
  },
  {
    name: "warnings-arrive",
    without: "client_min_messages=warning in the session",
    file: "src/postgres/session.ts",
    text: '"client_min_messages=warning"',
    becomes: '"client_min_messages=error"',
    noticedBy: [UNREPLICATED, "a wait ended by pg_cancel_backend"],
  },
  {
    name: "lost-answer-is-no-commit",
    without: "a lost connection or a time-out during COMMIT is unknown",
    file: "src/postgres/durable-commit.ts",
    text: `    session.destroy();
    return { outcome: "unknown", error: error as Error };`,
    becomes: `    session.destroy();
    return { outcome: "committed", value };`,
    noticedBy: [UNREPLICATED, "without an answer in time the outcome is unknown"],
  },
  {
    name: "lost-answer-is-no-rollback",
    without: "a statement without an answer may be committed",
    file: "src/postgres/durable-commit.ts",
    text: 'const isRolledBack = commit.status === "fulfilled" && commit.value === "ROLLBACK";',
    becomes: 'const isRolledBack = commit.status !== "fulfilled" || commit.value === "ROLLBACK";',
    noticedBy: ["test/postgres/durable-commit.test.ts", "a statement that was cut off"],
  },
  {
    name: "commit-tag",
    without: "a COMMIT that answers ROLLBACK is none",
    file: "src/postgres/durable-commit.ts",
    text: 'if (tag !== "COMMIT") return',
    becomes: 'if (tag === "") return',
    noticedBy: ["test/postgres/durable-commit.test.ts", "a COMMIT that answers ROLLBACK"],
  },
  {
    name: "commit-time-out",
    without: "a commit has a time-out",
    file: "src/postgres/durable-commit.ts",
    text: `    session.destroy();
  }, timeoutMs);`,
    becomes: "  }, timeoutMs);",
    noticedBy: ["test/postgres/durable-commit.test.ts", "a statement that was cut off"],
  },
  {
    name: "synchronous-commit",
    without: "synchronous_commit=on in the session: local",
    file: "src/postgres/session.ts",
    text: '["synchronous_commit=on"]',
    becomes: '["synchronous_commit=local"]',
    noticedBy: [UNREPLICATED, "a session records with synchronous_commit=on"],
  },
  {
    name: "synchronous-commit-is-set",
    without: "synchronous_commit=on in the session: hoped for",
    file: "src/postgres/session.ts",
    text: '...(options.asConfigured ? [] : ["synchronous_commit=on"]),',
    becomes: "",
    noticedBy: [UNREPLICATED, "a session records with synchronous_commit=on"],
  },
  {
    name: "primary",
    without: "pg_is_in_recovery is asked: a standby is taken for the primary",
    file: "src/postgres/session.ts",
    text: "if (row?.standby !== false) throw",
    becomes: "if (row === undefined) throw",
    noticedBy: ["test/postgres/session.test.ts", "a standby that answers is not taken for the primary"],
  },
];
