/** A part of a processor for one process, as a container's limit gives it: Linux control groups, version 1 or 2; needs root. */
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export type ProcessorQuota = Disposable & {
  /** The process and its threads, those to come too. Must have ended before the quota is disposed of. */
  add(pid: number): void;
};

/** Short, so that it is like a slower processor: in Kubernetes' 100 ms a process stands still for most of each. */
const PERIOD_US = 10_000;
/** The quota is to be the limit, and not what else the machine does. */
const V1_WEIGHT_MAX = "262144";
const V2_WEIGHT_MAX = "10000";
const GROUP = `urna-bench-${process.pid}`;
const V1_ROOT = "/sys/fs/cgroup/cpu";
const V2_ROOT = "/sys/fs/cgroup";

/** `processors` may be a fraction. Throws where there is no control group to be had. */
export function processorQuota(processors: number): ProcessorQuota {
  const quotaUs = Math.round(processors * PERIOD_US);
  const isV1 = existsSync(join(V1_ROOT, "cpu.cfs_quota_us"));
  const group = join(isV1 ? V1_ROOT : V2_ROOT, GROUP);
  const write = (file: string, text: string) => writeFileSync(join(group, file), text);
  try {
    mkdirSync(group);
    if (isV1) {
      write("cpu.cfs_period_us", String(PERIOD_US));
      write("cpu.cfs_quota_us", String(quotaUs));
      write("cpu.shares", V1_WEIGHT_MAX);
    } else {
      writeFileSync(join(V2_ROOT, "cgroup.subtree_control"), "+cpu");
      write("cpu.max", `${quotaUs} ${PERIOD_US}`);
      write("cpu.weight", V2_WEIGHT_MAX);
    }
  } catch (error) {
    if (existsSync(group)) rmdirSync(group);
    const needs = "--gateway-cpus needs Linux, root and a cpu controller of control groups";
    throw new Error(`${needs}: ${(error as Error).message}`, { cause: error });
  }
  return {
    add: (pid) => write("cgroup.procs", String(pid)),
    [Symbol.dispose]: () => rmdirSync(group),
  };
}
