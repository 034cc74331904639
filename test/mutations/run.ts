/**
 * The mutation gate: takes out one guard at a time, in a copy, and shows which test goes red for it. Ends with 1 when
 * nothing notices, when a mutation no longer applies, or when its test is red without it.
 *
 *   bun test/mutations/run.ts [--only NAME]... [--json]
 */
import { parseArgs } from "node:util";
import type { Guard } from "./guard.ts";
import { GUARDS } from "./guards.ts";
import { Scratch } from "./scratch.ts";

const AT_ONCE = 2;

type Outcome = "noticed" | "SURVIVED" | "DOES NOT APPLY" | "RED WITHOUT IT" | "DOES NOT RUN";
type Result = Omit<Guard, "text" | "becomes" | "noticedBy"> & {
  test: string;
  outcome: Outcome;
  seconds: number;
};

/** By Ctrl-C. */
let isStopped = false;

const { values } = parseArgs({
  options: { only: { type: "string", multiple: true }, json: { type: "boolean", default: false } },
});

function chosen(): readonly Guard[] {
  const { only } = values;
  const unknown = only?.filter((name) => !GUARDS.some((guard) => guard.name === name)) ?? [];
  if (unknown.length > 0) {
    console.error(
      `no such guard: ${unknown.join(", ")}; there are ${GUARDS.map(({ name }) => name).join(", ")}`,
    );
    process.exit(2);
  }
  return only === undefined ? GUARDS : GUARDS.filter(({ name }) => only.includes(name));
}

/** Does all of it, two at a time, each worker in a copy of its own. */
async function forAll<T>(
  scratches: readonly Scratch[],
  things: readonly T[],
  work: (scratch: Scratch, thing: T) => Promise<void>,
): Promise<void> {
  const left = things.values();
  await Promise.all(
    scratches.map(async (scratch) => {
      for (const thing of left) {
        if (isStopped) return;
        await work(scratch, thing);
      }
    }),
  );
}

/** The guards whose test is not green while they are in place. */
async function redWithoutMutation(
  scratches: readonly Scratch[],
  guards: readonly Guard[],
): Promise<Set<Guard>> {
  const byFile = Map.groupBy(guards, ({ noticedBy: [file] }) => file);
  const wrong = new Set<Guard>();
  await forAll(scratches, [...byFile], async (scratch, [file, ofFile]) => {
    const titles = ofFile.map(({ noticedBy: [, title] }) => title);
    const run = await scratch.test(file, titles);
    for (const guard of ofFile) {
      const isIts = (title: string) => matches(title, guard);
      if (run.red.length > 0 || !run.green.some(isIts)) wrong.add(guard);
    }
    if (run.red.length > 0) console.error(run.output);
    console.error(`green without a mutation: ${file}${run.red.length > 0 ? ", NO" : ""}`);
  });
  return wrong;
}

/** A title is shown behind those of its groups. */
function matches(title: string, { noticedBy: [, words] }: Guard): boolean {
  return title.includes(words);
}

async function tried(scratch: Scratch, guard: Guard): Promise<Result> {
  const { name, without, file, noticedBy } = guard;
  const result = { name, without, file };
  try {
    return await scratch.changed(guard, async () => {
      const { red, green, output, seconds } = await scratch.test(noticedBy[0], [noticedBy[1]]);
      const test = red.find((title) => matches(title, guard));
      if (test !== undefined)
        return { ...result, test: `${noticedBy[0]}: ${test}`, outcome: "noticed", seconds };
      if (green.length === 0) console.error(output);
      const outcome = green.length > 0 ? "SURVIVED" : "DOES NOT RUN";
      return { ...result, test: noticedBy.join(": "), outcome, seconds };
    });
  } catch (error) {
    return { ...result, test: (error as Error).message, outcome: "DOES NOT APPLY", seconds: 0 };
  }
}

async function run(scratches: readonly Scratch[], guards: readonly Guard[]): Promise<Result[]> {
  const wrong = await redWithoutMutation(scratches, guards);
  const results = new Map<Guard, Result>();
  await forAll(scratches, guards, async (scratch, guard) => {
    const result = await tried(scratch, guard);
    results.set(guard, wrong.has(guard) ? { ...result, outcome: "RED WITHOUT IT" } : result);
    console.error(`${result.outcome}: ${guard.name}, ${result.seconds.toFixed(1)} s`);
  });
  return guards.flatMap((guard) => results.get(guard) ?? []);
}

function table(results: readonly Result[]): string {
  const rows = results.map(({ name, file, without, outcome, test, seconds }) => {
    const noticed = outcome === "noticed" ? test : `${outcome} (${test})`;
    return `| ${name} | ${file} | ${without} | ${noticed} | ${seconds.toFixed(1)} |`;
  });
  return ["| guard | file | taken out | red | s |", "|---|---|---|---|---|", ...rows].join("\n");
}

const guards = chosen();
const scratches: Scratch[] = [];
const cleanUp = () => Promise.all(scratches.map((scratch) => scratch[Symbol.asyncDispose]()));
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    isStopped = true;
    void cleanUp().finally(() => process.exit(130));
  });
}
for (let i = 0; i < Math.min(AT_ONCE, guards.length); i++) scratches.push(new Scratch());
const results = await run(scratches, guards).finally(cleanUp);
if (isStopped) process.exit(130);
const failed = results.filter(({ outcome }) => outcome !== "noticed");
console.log(values.json ? JSON.stringify(results, null, 2) : table(results));
console.error(`${results.length - failed.length} of ${results.length} guards are noticed when they are gone`);
process.exitCode = failed.length > 0 ? 1 : 0;
