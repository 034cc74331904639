/** Further ledgers as commands read them: each is what its name says, or nothing is read at all. */
import type { CountedLedger } from "../auditing/recount-ledger.ts";
import { type LedgerIdentity, selectIdentities, verifyLedger } from "../postgres/ledger-identity.ts";
import { openForReading, PostgresRecountSource } from "../postgres/recount-source.ts";
import type { Session, SessionOptions } from "../postgres/session.ts";
import type { DurabilityCheck } from "../recording/durability.ts";
import type { NamedLedger } from "../runtime/options.ts";
import { CommandFailed } from "./failure.ts";

const SESSION: SessionOptions = {
  applicationName: "urna command",
  connectTimeoutMs: 5_000,
  lockTimeoutMs: 30_000,
};

export type FurtherLedger = { ledger: CountedLedger; host: string; standby: boolean };

/** Which ledgers those of these names are, by what the home ledger says. Throws where it knows one of them not. */
export async function identitiesOf(home: Session, named: readonly NamedLedger[]): Promise<LedgerIdentity[]> {
  if (named.length === 0) return [];
  const names = named.map(({ name }) => name);
  return (await selectIdentities(home, names)).map((identity, i) => {
    if (identity !== null) return identity;
    throw new CommandFailed(`the home ledger knows no ledger ${names[i]}: see --ledgers (URNA_LEDGERS)`);
  });
}

/** Whether each of those databases is the ledger of its name in this deployment. */
export async function identityChecks(
  homeUrl: string,
  named: readonly NamedLedger[],
): Promise<DurabilityCheck[]> {
  const mend =
    "name the database that urna admin made this ledger in --ledgers (URNA_LEDGERS); a new one is made by urna admin";
  return Promise.all(
    named.map(async (ledger): Promise<DurabilityCheck> => {
      const check = `ledger ${ledger.name}: identity`;
      try {
        await using opened = new AsyncDisposableStack();
        const home = opened.use((await openForReading(homeUrl, SESSION)).session);
        const [further] = await openFurther(opened, home, [ledger]);
        return { check, ok: true, found: `ledger number ${further!.ledger.number} of this deployment`, mend };
      } catch (error) {
        return { check, ok: false, found: (error as Error).message, mend };
      }
    }),
  );
}

export async function openFurther(
  opened: AsyncDisposableStack,
  home: Session,
  named: readonly NamedLedger[],
): Promise<FurtherLedger[]> {
  const further: FurtherLedger[] = [];
  for (const [i, identity] of (await identitiesOf(home, named)).entries()) {
    const { name, number } = identity;
    try {
      const { session, standby } = await openForReading(named[i]!.databaseUrl, SESSION);
      opened.use(session);
      await verifyLedger(session, identity);
      const source = new PostgresRecountSource(session);
      further.push({ ledger: { number, name, source }, host: session.host, standby });
    } catch (error) {
      throw new CommandFailed(`ledger ${name}: ${(error as Error).message}`, { cause: error });
    }
  }
  return further;
}
