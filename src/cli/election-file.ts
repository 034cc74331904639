/** Election files: an election and its contests as YAML or JSON, checked whole, faults named with their line. */
import { type ErrorCode, isMap, isNode, isScalar, LineCounter, parseDocument, visit } from "yaml";
import { z } from "zod";
import type { ContestRequest, ElectionRequest } from "../client/contract.ts";
import { shapeFault } from "../runtime/shape-fault.ts";

const time = z.iso.datetime({ offset: true });

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

const buffering = z.strictObject({
  partitions: z.int().min(1).optional(),
  ledgers: z.array(z.string().min(1)).min(1).optional(),
});

const electionFile = z.strictObject({
  title: z.string().min(1),
  id: z.string().min(1).optional(),
  allowedOrigins: z.array(z.string().min(1)).optional(),
  buffering: buffering.optional(),
  contests: z.array(contest).default([]),
});

export type ElectionFile = { election: ElectionRequest; contests: ContestRequest[] };

/** Like line 4, column 5, `contests[0].options: it must be a list`. */
export type ElectionFileFault = { line: number; column: number; text: string };

/** The parser's words are for YAML's experts, and quote what may be any file. */
const YAML_FAULTS: Partial<Record<ErrorCode, string>> = {
  BAD_INDENT: "the indentation does not fit, or a bracket is not closed before",
  BAD_SCALAR_START: "a value that begins like this needs quotes",
  BAD_DQ_ESCAPE: "a backslash in double quotes is followed by what it can't be",
  BLOCK_AS_IMPLICIT_KEY: "a second colon in one line: put the value into quotes",
  BLOCK_IN_FLOW: "a comma is missing between the entries in brackets",
  DUPLICATE_KEY: "the same field is there twice",
  MISSING_CHAR: "a quote, a bracket or a colon is missing before this",
  MULTILINE_IMPLICIT_KEY: "a field and its colon must be on one line",
  MULTIPLE_DOCS: "a second document begins, and a file holds one election",
  TAB_AS_INDENT: "a tab can't indent: use spaces",
  UNEXPECTED_TOKEN: "this does not belong here: perhaps a comma or a quote is missing before it",
};

/** Reads both formats: JSON is YAML. */
export function parseElectionFile(text: string): ElectionFile | { faults: ElectionFileFault[] } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const [error] = document.errors;
  // Those after the first are its consequences.
  if (error !== undefined) {
    return {
      faults: [{ ...at(error.pos[0]), text: YAML_FAULTS[error.code] ?? "this is neither YAML nor JSON" }],
    };
  }
  const alias = danglingAlias(document);
  if (alias !== null) {
    return { faults: [{ ...at(alias), text: "an alias (*name) without its anchor (&name) before it" }] };
  }
  const read = electionFile.safeParse(document.toJS({ maxAliasCount: -1 }) ?? {}, { error: shapeFault });
  if (!read.success) {
    const placeIn: PlaceIn = (path, of) => {
      const node = (of === "key" && keyNode(document, path)) || nearestNode(document, path);
      return at(node?.range?.[0] ?? 0);
    };
    const faults = read.error.issues.flatMap((issue) => describeIssue(issue, placeIn));
    return { faults: faults.sort((a, b) => a.line - b.line || a.column - b.column) };
  }
  const { contests, buffering, ...others } = read.data;
  const election = withoutUndefined(others);
  return {
    election: buffering === undefined ? election : { ...election, buffering: withoutUndefined(buffering) },
    contests: contests.map(withoutUndefined),
  };
}

type PlaceIn = (path: PropertyKey[], of?: "key") => { line: number; column: number };

function describeIssue(issue: z.core.$ZodIssue, placeIn: PlaceIn): ElectionFileFault[] {
  if (issue.code !== "unrecognized_keys") {
    return [{ ...placeIn(issue.path), text: `${placeOf(issue.path)}: ${issue.message}` }];
  }
  const shapes: Record<PropertyKey, z.ZodObject> = { contests: contest, buffering };
  const known = Object.keys((shapes[issue.path[0] ?? ""] ?? electionFile).shape);
  return issue.keys.map((key) => {
    const path = [...issue.path, key];
    return {
      ...placeIn(path, "key"),
      text: `${placeOf(path)}: unknown field, there are: ${known.join(", ")}`,
    };
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

/** Where a field's name stands. */
function keyNode(document: ReturnType<typeof parseDocument>, path: PropertyKey[]) {
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const keys = isMap(parent) ? parent.items.map(({ key }) => key) : [];
  return keys.filter(isScalar).find(({ value }) => String(value) === path.at(-1));
}

/** Where the first alias is that stands for nothing; null when there is none. */
function danglingAlias(document: ReturnType<typeof parseDocument>): number | null {
  let offset: number | null = null;
  visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document) !== undefined) return undefined;
      offset = alias.range?.[0] ?? 0;
      return visit.BREAK;
    },
  });
  return offset;
}

/** Optional fields that are not in the file are absent, as the contract has them. */
function withoutUndefined<Fields extends object>(
  fields: Fields,
): { [Key in keyof Fields]: Exclude<Fields[Key], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}
