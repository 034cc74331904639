/** Further ledgers: those besides the home ledger that buffered elections' ballots are recorded in. */
import { HOME_LEDGER } from "../election/buffering.ts";
import { writeWal } from "../postgres/ballots.ts";
import { commitOrThrow } from "../postgres/durable-commit.ts";
import {
  type LedgerIdentity,
  numberLedger,
  selectIdentities,
  selectIdentity,
  verifyLedger,
} from "../postgres/ledger-identity.ts";
import { isPassing } from "../postgres/passing.ts";
import { systemClock } from "../runtime/clock.ts";
import type { Log } from "../runtime/log.ts";
import type { NamedLedger } from "../runtime/options.ts";
import type { Service } from "../runtime/service.ts";
import {
  HOME_LEDGER_NAME,
  type LedgerAccess,
  openCluster,
  sessionOptions,
  TRANSACTION_TIMEOUT_MS,
} from "./ledger.ts";
import { setUpLedger } from "./schema.ts";

/** A ledger that ballots are recorded in: the home ledger or a further one. */
export type OpenLedger = Pick<LedgerAccess, "databaseUrl" | "session" | "pool" | "finder" | "gate"> & {
  number: number;
  name: string;
};

export type FurtherLedgersOptions = { roleName: string; overrideGate: boolean; log: Log };

const SET_UP_AGAIN_MS = 2_000;

/**
 * All ledgers, the home ledger first. One that does not answer is open all the same: whoever needs it is told so then,
 * and nobody else notices. A database that is not the ledger of that name is never used.
 */
export async function openLedgers(
  opened: AsyncDisposableStack,
  home: LedgerAccess,
  named: readonly NamedLedger[],
  { roleName, overrideGate, log }: FurtherLedgersOptions,
): Promise<OpenLedger[]> {
  const identities = named.length === 0 ? [] : await identitiesOf(home, named);
  const further = identities.map(async (identity, i) => {
    const { databaseUrl } = named[i]!;
    const session = {
      ...sessionOptions(`urna ${roleName}`),
      verify: (each: Parameters<typeof verifyLedger>[0]) => verifyLedger(each, identity),
    };
    const { name, number } = identity;
    const cluster = await openCluster(opened, {
      ...{ name, databaseUrl, session, overrideGate, log, gates: home.gates },
    });
    return { ...cluster, databaseUrl, number, name };
  });
  return [{ ...home, number: HOME_LEDGER, name: HOME_LEDGER_NAME }, ...(await Promise.all(further))];
}

async function identitiesOf(home: LedgerAccess, named: readonly NamedLedger[]): Promise<LedgerIdentity[]> {
  const names = named.map(({ name }) => name);
  const identities = await home.pool.use((session) => selectIdentities(session, names));
  return identities.map((identity, i) => {
    if (identity !== null) return identity;
    throw new Error(
      `ledger ${names[i]} is not known here yet: start \`urna admin\` with the same --ledgers (URNA_LEDGERS), which sets it up`,
    );
  });
}

/**
 * Numbers the ledgers of those names and makes each one. Those that do not answer now are set up later, by the service:
 * the others need not wait for them.
 */
export async function setUpFurtherLedgers(
  home: LedgerAccess,
  named: readonly NamedLedger[],
  log: Log,
): Promise<Service> {
  const { deployment } = (await home.pool.use(selectIdentity))!;
  const missing = new Map<string, () => Promise<unknown>>();
  for (const { name, databaseUrl } of named) {
    const number = await home.pool.use((session) =>
      commitOrThrow(session, TRANSACTION_TIMEOUT_MS, async () => {
        await writeWal(session);
        return numberLedger(session, name);
      }),
    );
    missing.set(name, () => setUpLedger(databaseUrl, { number, name, deployment }, log));
  }
  const setUpMissing = async () => {
    for (const [name, setUp] of missing) {
      try {
        await setUp();
        missing.delete(name);
      } catch (error) {
        if (!isPassing(error)) throw error;
        log.error({ err: error }, `ledger ${name} can't be set up yet`);
      }
    }
  };
  await setUpMissing();
  return {
    name: "ledgers",
    run: async (signal) => {
      while (missing.size > 0 && !signal.aborted) {
        await systemClock.pause(SET_UP_AGAIN_MS, signal);
        await setUpMissing();
      }
    },
  };
}
