import { expect, test } from "bun:test";
import { Administration } from "../../src/client/administration.ts";
import { BallotTemplate, NonceCounter } from "../../src/client/ballot-template.ts";
import { originOf } from "../../src/client/connection.ts";
import type { BufferingRequest } from "../../src/client/contract.ts";
import { LoadGenerator, type LoadPlan, Measurement } from "../../src/client/load-generator.ts";
import { measureLoad } from "../../src/client/load-measurement.ts";
import { PlaceSet } from "../../src/client/place-set.ts";
import { TokenStock } from "../../src/client/token-stock.ts";
import { ADMIN_TOKEN, problem, startUrnaPeer, type UrnaPeer } from "./urna-peer.ts";

async function peerWithContest(buffering?: BufferingRequest): Promise<UrnaPeer> {
  const peer = startUrnaPeer();
  const urna = new Administration({ url: peer.url, adminToken: ADMIN_TOKEN });
  const election = { id: "load", title: "Load" };
  await urna.createElection(buffering === undefined ? election : { ...election, buffering });
  await urna.createContest("load", {
    id: "load",
    title: "Load",
    method: "single-choice",
    options: ["a", "b", "c"],
    allowBlank: false,
  });
  return peer;
}

function generatorFor(peer: UrnaPeer, plan: Partial<LoadPlan> = {}): LoadGenerator {
  return new LoadGenerator({
    url: peer.url,
    contest: "load",
    options: 3,
    connections: 8,
    ratePerSecond: null,
    evidence: "recorded",
    ...plan,
  });
}

let voters = 0;
function stockOf(tokens: number): TokenStock {
  const stock = new TokenStock();
  stock.add(Array.from({ length: tokens }, () => `voter-${++voters}`));
  return stock;
}

const durableOf = ({ durable, durableLate }: Measurement) => durable + durableLate;

test("every ballot counted is on the peer's ledger, of its own voter, and spread over the options", async () => {
  await using peer = await peerWithContest();
  const generator = generatorFor(peer);
  const measurement = new Measurement();
  await generator.run(stockOf(500), 10_000, measurement);
  generator.close();
  const { ballots } = peer.contests.get("load")!;
  expect(durableOf(measurement)).toBe(500);
  expect(ballots.size).toBe(500);
  const voted = new Set([...ballots.values()].map(({ selections }) => selections[0]));
  expect(voted).toEqual(new Set([1, 2, 3]));
  expect(measurement.clockMs).toBeLessThan(10_000);
  expect(measurement.unproved + measurement.unknown).toBe(0);
});

test("the clock ends a run, and what is answered after it is counted apart", async () => {
  await using peer = await peerWithContest();
  const generator = generatorFor(peer);
  const measurement = new Measurement();
  await generator.run(stockOf(200_000), 300, measurement);
  generator.close();
  expect(measurement.clockMs).toBeGreaterThanOrEqual(299);
  expect(measurement.clockMs).toBeLessThan(1_000);
  expect(measurement.durable).toBe(measurement.latency.count);
  expect(durableOf(measurement)).toBe(peer.contests.get("load")!.ballots.size);
});

test("at a fixed rate, ballots are cast when due, and waiting for a slow server counts as latency", async () => {
  await using peer = await peerWithContest();
  const generator = generatorFor(peer, { ratePerSecond: 200, connections: 4 });
  const measurement = new Measurement();
  await generator.run(stockOf(1_000), 500, measurement);
  expect(durableOf(measurement)).toBeGreaterThanOrEqual(90);
  expect(durableOf(measurement)).toBeLessThanOrEqual(101);

  // The process, peer included, stands still for 200 ms: 40 ballots fall due meanwhile.
  const stalled = new Measurement();
  setTimeout(() => Bun.sleepSync(200), 100);
  await generator.run(stockOf(1_000), 600, stalled);
  generator.close();
  expect(stalled.latency.percentileMs(0.9)).toBeGreaterThan(50);
});

test("of a buffered contest an accepted ballot counts, if its place in the log is no other's", async () => {
  await using peer = await peerWithContest({ partitions: 3 });
  const generator = generatorFor(peer, { evidence: "accepted" });
  const measurement = new Measurement();
  await generator.run(stockOf(500), 10_000, measurement);
  expect(durableOf(measurement)).toBe(500);
  expect(measurement.latency.count).toBe(measurement.durable);
  expect(peer.contests.get("load")!.log!.entries).toHaveLength(500);

  const places = [0, 4_095, 4_096, 4_096].map((offset) => `{"partition":7,"offset":${offset}}`);
  const answers = [...places, '{"partition":7}', "{}"];
  peer.fault = () => new Response(`{"status":"accepted","receipt":${answers.shift()}}`, { status: 202 });
  const again = new Measurement();
  await generator.run(stockOf(6), 10_000, again);
  expect([durableOf(again), again.unproved]).toEqual([3, 3]);

  // A ballot that claims to be recorded already is none that was accepted.
  peer.fault = () => new Response('{"receipt":{"partition":8,"offset":1}}', { status: 201 });
  const recorded = new Measurement();
  await generator.run(stockOf(1), 10_000, recorded);
  generator.close();
  expect([durableOf(recorded), Object.fromEntries(recorded.answers)]).toEqual([0, { 201: 1 }]);
});

test("a receipt that names another's place is not counted", async () => {
  await using peer = await peerWithContest();
  const same = {
    contest: "load",
    leaf: "",
    nonce: "",
    selections: [1],
    stream: 1,
    seq: 1,
    index: 1,
    recordedAt: "",
  };
  peer.fault = () => Response.json({ status: "recorded", receipt: same }, { status: 201 });
  const generator = generatorFor(peer);
  const measurement = new Measurement();
  await generator.run(stockOf(50), 5_000, measurement);
  generator.close();
  expect(durableOf(measurement)).toBe(1);
  expect(measurement.unproved).toBe(49);
});

test("refusals are counted by code, unknown outcomes apart, and a server that is not well is given a rest", async () => {
  await using peer = await peerWithContest();
  peer.fault = (request) => {
    if (request <= 8) return problem(503, "not_recorded", { "retry-after": "0.05" });
    if (request <= 16) return problem(503, "outcome_unknown", { "retry-after": "0.05" });
    return request <= 20 ? problem(409, "contest_not_open") : undefined;
  };
  const generator = generatorFor(peer);
  const measurement = new Measurement();
  await generator.run(stockOf(60), 5_000, measurement);
  generator.close();
  expect(Object.fromEntries(measurement.answers)).toEqual({
    "503 not_recorded": 8,
    "503 outcome_unknown": 8,
    "409 contest_not_open": 4,
    "201": 40,
  });
  expect(measurement.unknown).toBe(8);
  expect([measurement.latency.count, measurement.refusalLatency.count]).toEqual([measurement.durable, 20]);
});

test("at a fixed rate refusals hold nobody back: the next ballot is cast when it is due", async () => {
  await using peer = await peerWithContest();
  peer.fault = () => problem(503, "not_recorded", { "retry-after": "3" });
  const generator = generatorFor(peer, { ratePerSecond: 200, connections: 2 });
  const measurement = new Measurement();
  await generator.run(stockOf(1_000), 500, measurement);
  generator.close();
  expect(measurement.answers.get("503 not_recorded")).toBeGreaterThanOrEqual(90);
});

test("a caster that rests while one round ends and the next begins casts once in it", async () => {
  await using peer = await peerWithContest();
  peer.fault = (request) => {
    if (request === 1) return problem(503, "not_recorded", { "retry-after": "0.15" });
    return undefined;
  };
  const generator = generatorFor(peer, { connections: 1 });
  const first = new Measurement();
  await generator.run(stockOf(10), 100, first);
  const second = new Measurement();
  await generator.run(stockOf(200_000), 150, second);
  generator.close();
  expect(durableOf(first)).toBe(0);
  expect(durableOf(second)).toBe(peer.contests.get("load")!.ballots.size);
});

test("a lost connection makes its ballot unknown and the rest goes on", async () => {
  await using peer = await peerWithContest();
  let proxied = 0;
  using proxy = Bun.listen<{ upstream: Promise<import("bun").Socket> }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        const upstream = Bun.connect({
          hostname: "127.0.0.1",
          port: Number(new URL(peer.url).port),
          socket: { data: (_, chunk) => void socket.write(chunk) },
        });
        socket.data = { upstream };
      },
      async data(socket, chunk) {
        if (++proxied === 5) socket.terminate();
        else (await socket.data.upstream).write(chunk);
      },
    },
  });
  const generator = generatorFor(peer, { url: `http://127.0.0.1:${proxy.port}` });
  const measurement = new Measurement();
  await generator.run(stockOf(40), 5_000, measurement);
  generator.close();
  expect(measurement.unknown).toBe(1);
  expect(measurement.answers.get("no answer")).toBe(1);
  expect(durableOf(measurement)).toBe(39);
});

test("rounds add up while the clock stands still for minting, and a dead server ends the run", async () => {
  await using peer = await peerWithContest();
  const generator = generatorFor(peer, { ratePerSecond: 100 });
  let minted = 0;
  const mint = async (tokens: number) => {
    minted += tokens;
    await Bun.sleep(100);
    return stockOf(Math.min(tokens, 20));
  };
  const { warmUp, measured } = await measureLoad(generator, 500, 100, mint, () => {});
  expect(measured.clockMs).toBeGreaterThanOrEqual(499);
  expect(measured.clockMs).toBeLessThan(700);
  expect(durableOf(warmUp) + durableOf(measured)).toBe(peer.contests.get("load")!.ballots.size);
  expect(minted).toBeGreaterThan(100);
  await peer[Symbol.asyncDispose]();
  const dead = await measureLoad(generator, 60_000, 100, mint, () => {});
  expect(dead.measured.answered).toBe(0);
  generator.close();
});

test("a filled template is the ballot's request, with a nonce of its own", () => {
  const nonces = new NonceCounter();
  const template = new BallotTemplate(originOf("http://127.0.0.1:80"), "load", nonces);
  const seen = new Set<string>();
  for (const [token, option] of [
    ["abc", 1],
    ["abcd", 9],
    ["xyzw", 2],
  ] as const) {
    const request = Buffer.from(template.fill(Buffer.from(token), option)).toString();
    const [head, body] = request.split("\r\n\r\n");
    expect(head).toContain(`\r\nAuthorization: Bearer ${token}\r\n`);
    expect(head).toEndWith(`Content-Length: ${body!.length}`);
    const { selections, nonce } = JSON.parse(body!) as { selections: number[]; nonce: string };
    expect(selections).toEqual([option]);
    expect(Buffer.from(nonce, "base64url")).toHaveLength(16);
    expect(Buffer.from(nonce, "base64url").toString("base64url")).toBe(nonce);
    seen.add(nonce);
  }
  const other = new BallotTemplate(originOf("http://127.0.0.1:80"), "load", nonces);
  for (let i = 0; i < 5_000; i++)
    seen.add(
      Buffer.from(other.fill(Buffer.from("t"), 1))
        .toString()
        .slice(-24, -2),
    );
  expect(seen.size).toBe(5_003);
});

test("a stock gives every token once, in the order of minting", () => {
  const stock = new TokenStock();
  stock.add(["a", "bcd"]);
  stock.add([]);
  stock.add(["ef"]);
  const taken = Array.from({ length: 4 }, () => stock.take()).map(
    (token) => token && Buffer.from(token).toString(),
  );
  expect(taken).toEqual(["a", "bcd", "ef", null]);
});

test("a place is new once", () => {
  const places = new PlaceSet();
  expect([places.add(1, 1, 0), places.add(1, 1, 5_000), places.add(1, 2, 0), places.add(2, 1, 0)]).toEqual([
    true,
    true,
    true,
    true,
  ]);
  expect([places.add(1, 1, 0), places.add(1, 1, 5_000), places.add(1, 2, 0)]).toEqual([false, false, false]);
});
