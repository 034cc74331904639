/** What repeats, forged tokens and bodies that are no ballots cost: a half and 99 % of the requests, beside ballots alone. */
import { thousands } from "../src/cli/progress.ts";
import { ballotRequest } from "../src/client/ballot-request.ts";
import { type Origin, originOf } from "../src/client/connection.ts";
import type { ContestAnswer } from "../src/election/answers.ts";
import { Arguments } from "./arguments.ts";
import { DevServer } from "./dev-server.ts";
import { type Compared, type Contender, inTurns, type Sample, spreadWords } from "./in-turns.ts";
import { PreparedLoad, type PreparedRequest } from "./prepared-load.ts";
import { print, type Report } from "./report.ts";

const USAGE = `bun bench/attacks.ts [--shares 50,99] [--connections 256] [--seconds 3] [--rounds 3] [--json]

  --shares       so many of a hundred requests are no voter's first ballot
  --connections  each with one request under way
  --seconds      of one sample
  --rounds       samples of each`;

const asked = Arguments.read(USAGE, { shares: "50,99", connections: "256", seconds: "3", rounds: "3" });
const SECONDS = asked.number("seconds");
/** More than any of them answers. */
const PER_SECOND_MAX = 60_000;
/** Voters whose ballots are repeated: so many that none asks too often. */
const RECORDED_BEFORE = 20_000;
const OPTIONS = 5;
/** Of ballots alone. */
const GOAL = 0.9;

/** An attacker's request, of a ballot that is recorded. */
type Attack = {
  name: string;
  expects: number;
  request: (recorded: PreparedRequest, token: string) => Uint8Array;
};

await using server = await DevServer.start();
const origin: Origin = originOf(server.url);
const contest = await server.contest(OPTIONS);

const ATTACKS: readonly Attack[] = [
  { name: "repeats", expects: 200, request: (recorded) => recorded.bytes },
  { name: "forged tokens", expects: 401, request: (_, token) => requestOf(forged(token)) },
  { name: "no JSON", expects: 400, request: (_, token) => malformed(requestOf(token)) },
];

const before = await ballots(contest, RECORDED_BEFORE);
const tokens = await server.mint(contest, RECORDED_BEFORE);
await record(before);
const contenders: Contender[] = [
  { name: "ballots alone", measure: () => measure(null, 0) },
  ...ATTACKS.flatMap((attack) =>
    asked
      .numbers("shares")
      .map((share) => ({ name: `${share} % ${attack.name}`, measure: () => measure(attack, share) })),
  ),
];
const compared = await inTurns(contenders, asked.number("rounds"), (name, { perSecond }) =>
  console.error(`${name.padEnd(20)} ${thousands(Math.round(perSecond)).padStart(8)}/s`),
);
print([reportOf(compared)], asked.json);

async function measure(attack: Attack | null, share: number): Promise<Sample> {
  const count = PER_SECOND_MAX * SECONDS;
  const fresh = await ballots(contest, Math.ceil((count * (100 - share)) / 100));
  const attacking = attack === null ? [] : attacks(attack);
  const requests = mixed(fresh, attacking, share, count);
  const load = { connections: asked.number("connections"), milliseconds: SECONDS * 1000 };
  const { perSecond, refused, sent, latency } = await PreparedLoad.run(origin, requests, load);
  const p99 = latency.get(201)?.percentileMs(0.99) ?? Number.NaN;
  return { perSecond, p99, refused: refused / sent };
}

/** So many of a hundred are `attacking`, evenly among the others; those come again and again. */
function mixed(
  fresh: readonly PreparedRequest[],
  attacking: readonly PreparedRequest[],
  share: number,
  count: number,
): PreparedRequest[] {
  let taken = 0;
  return Array.from({ length: count }, (_, i) => {
    const isFresh = Math.floor(((i + 1) * (100 - share)) / 100) > taken;
    return isFresh ? fresh[taken++]! : attacking[i % attacking.length]!;
  });
}

function attacks({ request, expects }: Attack): PreparedRequest[] {
  return before.map((recorded, i) => ({ bytes: request(recorded, tokens[i]!), expects }));
}

async function ballots(of: ContestAnswer, count: number): Promise<PreparedRequest[]> {
  return (await server.mint(of, count)).map((token) => ({ bytes: requestOf(token), expects: 201 }));
}

function requestOf(token: string): Buffer {
  const nonce = crypto.getRandomValues(Buffer.alloc(16)).toString("base64url");
  return ballotRequest(origin, { contest: contest.id, token, selections: [1], nonce });
}

function forged(token: string): string {
  return `${token.slice(0, -1)}${token.endsWith("A") ? "B" : "A"}`;
}

/** As long as before. */
function malformed(request: Buffer): Buffer {
  request[request.lastIndexOf("{")] = 0x5b;
  return request;
}

async function record(requests: readonly PreparedRequest[]): Promise<void> {
  const load = { connections: 50, milliseconds: 60_000 };
  const { refused } = await PreparedLoad.run(origin, requests, load);
  if (refused > 0) throw new Error("not all ballots that are to be repeated were recorded");
}

function reportOf(all: readonly Compared[]): Report {
  const rows = all.map(({ name, figures, of }, i) => [
    ...[name, spreadWords(figures.perSecond)],
    i === 0 ? "" : `${spreadWords(of["ballots alone"]!, 2)}×`,
    ...[figures.p99!.median.toFixed(1), `${(figures.refused!.median * 100).toFixed(2)} %`],
  ]);
  return {
    title: "Repeats and attacks",
    how:
      `Requests on ${thousands(asked.number("connections"))} connections, ${asked.number("rounds")} rounds of ${SECONDS} s. ` +
      "A repeat is a recorded ballot's request sent again, and answered with its receipt; p99 is of voters' first ballots among them.",
    columns: ["requests", "answers/s", "of ballots alone", "first ballots' p99 ms", "answered 503"],
    rows,
    chart: {
      ...{ unit: "answers a second, of ballots alone", digits: 2, goal: GOAL },
      bars: all.map(({ name, of }) => ({ name, value: of["ballots alone"]! })),
    },
  };
}
