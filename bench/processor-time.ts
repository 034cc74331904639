/** What processes have taken of the processor and of memory, as Linux counts it (proc_pid_stat(5)). */
import { readdirSync, readFileSync } from "node:fs";

/** sysconf(_SC_CLK_TCK), which is 100 wherever Linux runs today. */
const TICKS_PER_SECOND = 100;

/** Of the fields behind the command's name: of the process, and of those children of it that have ended. */
const PARENT_FIELD = 1;
const TIME_FIELDS = [11, 12, 13, 14];
const RESIDENT_PAGES_FIELD = 21;
const PAGE_BYTES = 4096;

/** Seconds taken so far by a process and all that it started; what grows between two readings was taken in between. */
export function processorSeconds(root: number): number {
  const known = new Map<number, { parent: number; ticks: number }>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const fields = statOf(Number(name));
    if (fields === null) continue;
    const ticks = TIME_FIELDS.reduce((sum, field) => sum + fields[field]!, 0);
    known.set(Number(name), { parent: fields[PARENT_FIELD]!, ticks });
  }
  let ticks = 0;
  const family = [root];
  for (let pid = family.pop(); pid !== undefined; pid = family.pop()) {
    ticks += known.get(pid)?.ticks ?? 0;
    for (const [child, { parent }] of known) if (parent === pid) family.push(child);
  }
  return ticks / TICKS_PER_SECOND;
}

/** Resident now; 0 of a process that has ended. */
export function memoryBytes(pid: number): number {
  return (statOf(pid)?.[RESIDENT_PAGES_FIELD] ?? 0) * PAGE_BYTES;
}

/** Null for one that has ended. The command's name may have anything in it, parentheses too. */
function statOf(pid: number): number[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text
      .slice(text.lastIndexOf(")") + 2)
      .split(" ")
      .map(Number);
  } catch {
    return null;
  }
}
