/** Election files: an election and its contests as YAML or JSON, checked whole, faults named with their line. */
import { isNode, LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import type { ContestRequest, ElectionRequest } from "../client/contract.ts";

const time = z.iso.datetime({ offset: true, error: "must be a time like 2026-05-09T20:15:00Z" });

const contest = z.strictObject({
  title: z.string().min(1),
  id: z.string().min(1).optional(),
  method: z.literal("single-choice").default("single-choice"),
  options: z.array(z.string().min(1)).min(1),
  allowBlank: z.boolean().default(false),
  resultsVisible: z.enum(["live", "final"]).optional(),
  opensAt: time.optional(),
  closesAt: time.optional(),
});

const electionFile = z.strictObject({
  title: z.string().min(1),
  id: z.string().min(1).optional(),
  allowedOrigins: z.array(z.string().min(1)).optional(),
  contests: z.array(contest).default([]),
});

export type ElectionFile = { election: ElectionRequest; contests: ContestRequest[] };

/** Like line 4, `contests[0].options: expected array`. */
export type ElectionFileFault = { line: number; text: string };

/** Reads both formats: JSON is YAML. */
export function parseElectionFile(text: string): ElectionFile | { faults: ElectionFileFault[] } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    return {
      faults: document.errors.map(({ message, pos }) => ({
        line: lines.linePos(pos[0]).line,
        text: message,
      })),
    };
  }
  const read = electionFile.safeParse(document.toJS() ?? {});
  if (!read.success) {
    const lineOf = (path: PropertyKey[]) => {
      const node = nearestNode(document, path);
      return node?.range ? lines.linePos(node.range[0]).line : 1;
    };
    const faults = read.error.issues.flatMap((issue) => describeIssue(issue, lineOf));
    return { faults: faults.sort((a, b) => a.line - b.line) };
  }
  const { contests, ...election } = read.data;
  return { election: withoutUndefined(election), contests: contests.map(withoutUndefined) };
}

function describeIssue(
  issue: z.core.$ZodIssue,
  lineOf: (path: PropertyKey[]) => number,
): ElectionFileFault[] {
  if (issue.code !== "unrecognized_keys") {
    const what = issue.message.replace(/^Invalid input: /, "");
    return [{ line: lineOf(issue.path), text: `${placeOf(issue.path)}: ${what}` }];
  }
  const known = Object.keys((issue.path[0] === "contests" ? contest : electionFile).shape);
  return issue.keys.map((key) => {
    const path = [...issue.path, key];
    return { line: lineOf(path), text: `${placeOf(path)}: unknown field, there are: ${known.join(", ")}` };
  });
}

/** `contests[0].title` */
function placeOf(path: PropertyKey[]): string {
  if (path.length === 0) return "the file";
  return path.reduce<string>((place, key) => {
    if (typeof key === "number") return `${place}[${key}]`;
    return place === "" ? String(key) : `${place}.${String(key)}`;
  }, "");
}

/** The node at the path, or of the closest parent that is in the file. */
function nearestNode(document: ReturnType<typeof parseDocument>, path: PropertyKey[]) {
  for (let length = path.length; length >= 0; length--) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    if (isNode(node)) return node;
  }
  return null;
}

/** Optional fields that are not in the file are absent, as the contract has them. */
function withoutUndefined<Fields extends object>(
  fields: Fields,
): { [Key in keyof Fields]: Exclude<Fields[Key], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}
