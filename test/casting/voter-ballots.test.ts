/** Voters' own ballots, found where their partition is drained to. */
import { expect, test } from "bun:test";
import { VoterBallots } from "../../src/casting/voter-ballots.ts";
import { PostgresBallotFinder } from "../../src/postgres/ballot-finder.ts";
import { BufferedLedgers } from "../support/buffered-ledgers.ts";
import { ballotOf, batchOf, createContest, streamWriter } from "../support/record.ts";

test("a voter's ballot is looked for in its own ledger alone, and never guessed", async () => {
  await using ledgers = await BufferedLedgers.open([0, 1]);
  const contest = await ledgers.contest();
  const [home, further] = ledgers.ledgers.map(
    ({ pool }) => new PostgresBallotFinder(pool, { timeoutMs: 10_000, askersMax: 10, keysMax: 10 }),
  );
  const own = new VoterBallots(
    new Map([
      [0, home!],
      [1, further!],
    ]),
  );
  for (const partition of [0, 1, 2, 3]) {
    const ballot = ledgers.ballot(contest, partition, 1, { selections: [3] });
    expect(await own.find(contest, ballot.voterKey)).toBeNull();
    ledgers.append(partition, ballot);
    await ledgers.drain();
    expect(await own.find(contest, ballot.voterKey)).toMatchObject({ nonce: ballot.nonce, selections: [3] });
  }

  // The home ledger's answers need no other one.
  const alone = new VoterBallots(new Map([[0, home!]]));
  const { voterKey } = ledgers.ballot(contest, 0, 1);
  expect(await alone.find(contest, voterKey)).toMatchObject({ voterKey });
  expect(alone.find(contest, ledgers.ballot(contest, 1, 1).voterKey)).rejects.toThrow("ledger 1 is needed");

  // Ballots that are not buffered are the home ledger's, whoever's they are.
  const direct = await createContest(ledgers.store);
  await using writer = streamWriter(ledgers.ledgers[0]!.connectionString);
  await writer.connect();
  const ballot = { ...ballotOf(direct, "a voter"), voterKey: ledgers.ballot(contest, 1, 1).voterKey };
  await writer.record(await writer.openStream(), batchOf([ballot]));
  expect(await alone.find(direct, ballot.voterKey)).toMatchObject({ nonce: ballot.nonce });
});
