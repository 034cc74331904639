/** Which of a deployment's ledgers a database is: said once, and asked of whatever a name leads to. */
import { firstStreamOf, HOME_LEDGER } from "../election/buffering.ts";
import type { Session } from "./session.ts";

/** `deployment` is a uuid that the home ledger drew. */
export type LedgerIdentity = { number: number; name: string; deployment: string };

/** A database that is another ledger than the one that it was taken for. */
export class WrongLedgerError extends Error {
  readonly code = "wrong_ledger";
}

export async function selectIdentity(session: Session): Promise<LedgerIdentity | null> {
  const [row] = await session.query<LedgerIdentity>({
    text: "SELECT number, name, deployment FROM ledger_identity",
  });
  return row ?? null;
}

/** Makes it this ledger for good, unless it is one. Throws {@link WrongLedgerError} when it is another one. */
export async function becomeLedger(session: Session, wanted: LedgerIdentity): Promise<LedgerIdentity> {
  await session.query({ text: "LOCK TABLE ledger_identity IN EXCLUSIVE MODE" });
  const found = await selectIdentity(session);
  if (found !== null) return refuseOther(found, wanted);
  const [{ streams } = { streams: 0 }] = await session.query<{ streams: number }>({
    text: "SELECT count(*) AS streams FROM (SELECT FROM streams LIMIT 1)",
  });
  if (wanted.number !== HOME_LEDGER && streams > 0) {
    throw new WrongLedgerError(
      "it has recorded ballots by itself: a further ledger begins with an empty database",
    );
  }
  const { number, name, deployment } = wanted;
  await session.query(
    { text: "INSERT INTO ledger_identity (number, name, deployment) VALUES ($1, $2, $3)" },
    [number, name, deployment],
  );
  if (number !== HOME_LEDGER) {
    await session.query({
      text: `ALTER TABLE streams ALTER stream_id RESTART WITH ${firstStreamOf(number)}`,
    });
  }
  return wanted;
}

/** Throws {@link WrongLedgerError} unless it is that ledger. */
export async function verifyLedger(session: Session, wanted: LedgerIdentity): Promise<void> {
  const found = await selectIdentity(session);
  if (found === null) throw new WrongLedgerError("it is not set up as a ledger yet: urna admin does that");
  refuseOther(found, wanted);
}

function refuseOther(found: LedgerIdentity, wanted: LedgerIdentity): LedgerIdentity {
  const { number, name, deployment } = found;
  const isHome = number === HOME_LEDGER && wanted.number === HOME_LEDGER;
  if (isHome || (number === wanted.number && deployment === wanted.deployment)) return found;
  const of = deployment === wanted.deployment ? "this deployment" : "another deployment";
  throw new WrongLedgerError(`it is ledger ${name} of ${of}, and not ${wanted.name}`);
}

/** In the home ledger: the number of the ledger of that name, a new one if it has none. */
export async function numberLedger(session: Session, name: string): Promise<number> {
  await session.query({ text: "LOCK TABLE further_ledgers IN EXCLUSIVE MODE" });
  await session.query(
    {
      text: `
        INSERT INTO further_ledgers (number, name)
        SELECT coalesce(max(number), 0) + 1, $1 FROM further_ledgers ON CONFLICT (name) DO NOTHING`,
    },
    [name],
  );
  return (await selectLedgerNumbers(session)).get(name)!;
}

/** In the home ledger: who those of these names are, null for one that was never named. */
export async function selectIdentities(
  session: Session,
  names: readonly string[],
): Promise<(LedgerIdentity | null)[]> {
  const home = await selectIdentity(session);
  const numbers = await selectLedgerNumbers(session);
  return names.map((name) => {
    const number = numbers.get(name);
    return home === null || number === undefined ? null : { number, name, deployment: home.deployment };
  });
}

async function selectLedgerNumbers(session: Session): Promise<Map<string, number>> {
  const rows = await session.query<{ name: string; number: number }>({
    text: "SELECT name, number FROM further_ledgers",
  });
  return new Map(rows.map(({ name, number }) => [name, number]));
}
