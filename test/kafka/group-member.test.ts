/** Members of a group share the topics' partitions, whatever becomes of them. */
import { expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { offsetFetchV9 } from "@platformatic/kafka";
import { Coordinator } from "../../src/kafka/coordinator.ts";
import { eventually } from "../support/eventually.ts";
import { sharedKafka } from "../support/kafka/shared.ts";
import { makeTopic, open, RunningMember, uniqueName } from "./support.ts";

const PARTITIONS = 4;

const ALL = Array.from({ length: PARTITIONS }, (_, i) => i);

test("two members share a topic's partitions; who is left when one leaves has all", async () => {
  const address = await sharedKafka();
  const { name } = await makeTopic(address, PARTITIONS);
  const group = uniqueName();
  await using one = new RunningMember(address, group, [name]);
  await eventually("the first has all", one.has(PARTITIONS));
  await using other = new RunningMember(address, group, [name]);
  await eventually("they share", () => one.has(2)() && other.has(2)());
  expect([...one.partitions, ...other.partitions].sort()).toEqual(ALL);
  await one.leave();
  await eventually("the other has all", other.has(PARTITIONS));
});

test("a topic that is subscribed to later is shared too, and one that no longer is is given up", async () => {
  const address = await sharedKafka();
  const [first, second] = [await makeTopic(address, 1), await makeTopic(address, 2)];
  await using one = new RunningMember(address, uniqueName(), []);
  one.member.subscribe([first.name]);
  await eventually("it has the first", one.has(1));
  one.member.subscribe([first.name, second.name]);
  await eventually("it has both", one.has(3));
  one.member.subscribe([second.name]);
  await eventually("it has the second", one.has(2));
  expect(one.assigned.map(({ topic }) => topic)).toEqual([second.name, second.name]);
  one.member.subscribe([]);
  await eventually("it has none", one.has(0));
  one.member.subscribe([first.name]);
  await eventually("it has the first again", one.has(1));
});

test("how far partitions were drained is told to the group, whatever the order", async () => {
  const address = await sharedKafka();
  const { name } = await makeTopic(address, 2);
  const group = uniqueName();
  await using cluster = open(address);
  await using one = new RunningMember(address, group, [name]);
  await eventually("it has both", one.has(2));
  one.member.drained({ topic: name, partition: 0 }, 7);
  one.member.drained({ topic: name, partition: 1 }, 5);
  one.member.drained({ topic: name, partition: 0 }, 9);
  const asked = [{ groupId: group, topics: [{ name, partitionIndexes: [0, 1] }] }];
  const committed = async () => {
    const answer = await new Coordinator(cluster, group).ask((connection) =>
      offsetFetchV9.api.async(
        connection,
        asked.map((each) => ({ ...each, memberId: null, memberEpoch: -1 })) as never,
        false,
      ),
    );
    const { partitions } = answer.groups[0]!.topics[0]!;
    return partitions.map(({ committedOffset }) => Number(committedOffset)).join();
  };
  await eventually("the group knows", async () => (await committed()) === "9,5");
});

test("one that is frozen past its session loses its partitions to the other, and shares them again once thawed", async () => {
  const address = await sharedKafka();
  const { name } = await makeTopic(address, PARTITIONS);
  const group = uniqueName();
  await using one = new RunningMember(address, group, [name]);
  await eventually("it has all", one.has(PARTITIONS));
  const args = [join(import.meta.dir, "group-member-process.ts"), address, group, name];
  const other = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const told: string[] = [];
  createInterface(other.stdout).on("line", (line) => told.push(line));
  try {
    await eventually("they share", () => one.has(2)() && told.at(-1)?.match(/\d/g)?.length === 2);
    other.kill("SIGSTOP");
    await eventually("the first has all", one.has(PARTITIONS));
    const before = told.length;
    other.kill("SIGCONT");
    await eventually("they share again", () => one.has(2)() && told.at(-1)?.match(/\d/g)?.length === 2);
    // It was told that it had lost them, before it was given some again.
    expect(told[before]).toBe("[]");
    const theirs = JSON.parse(told.at(-1)!) as number[];
    expect([...one.partitions, ...theirs].sort()).toEqual(ALL);
  } finally {
    const ended = once(other, "exit");
    other.kill("SIGKILL");
    await ended;
  }
});

test("since when no coordinator answers, and why, is known until one does", async () => {
  const address = await sharedKafka();
  const { name } = await makeTopic(address, 1);
  await using nowhere = new RunningMember("kafka://127.0.0.1:1", uniqueName(), [name]);
  const trouble = await eventually("it knows that nobody answers", () => nowhere.member.retrying);
  expect(trouble!.error.message).toContain("no Kafka broker answers");
  const later = await eventually("it tried again", () => {
    const { retrying } = nowhere.member;
    return retrying !== trouble ? retrying : null;
  });
  expect(later!.sinceMs).toBe(trouble!.sinceMs);
  await using one = new RunningMember(address, uniqueName(), [name]);
  await eventually("it has it", one.has(1));
  expect(one.member.retrying).toBeNull();
});
