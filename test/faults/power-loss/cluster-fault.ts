/** The fault for a cluster: some of its nodes lose power at once, and get it back. */
import * as powerLoss from "./power-loss.ts";
import type { Survival } from "./survival.ts";
import type { Loss } from "./take-back.ts";

/** One node as the fault needs it, however it is run. */
export type PoweredNode = {
  readonly dataFolder: string;
  /** Starts the postmaster with these variables added to its environment; need not wait until it is up. */
  start(environment: Record<string, string>): Promise<void>;
  /** SIGKILLs all of its processes, and resolves when there are none. A supervisor must not start it again. */
  kill9(): Promise<void>;
};

/** Of a disk that takes its time, so that the power often fails between a write and its flush. */
const FLUSH_MS = 5;

/** Starts nodes so that they can lose power; they must have been started so from the last power loss on. */
export async function powerOn(nodes: readonly PoweredNode[], flushMs = FLUSH_MS): Promise<void> {
  await Promise.all(nodes.map((node) => node.start(powerLoss.environment(node.dataFolder, flushMs))));
}

/** Cuts the power of all these nodes at one moment; they stay down. What each lost, in the order of `nodes`. */
export async function cutPower(nodes: readonly PoweredNode[], survival: Survival): Promise<Loss[]> {
  for (const node of nodes) powerLoss.cut(node.dataFolder);
  await Promise.all(nodes.map((node) => node.kill9()));
  return nodes.map((node) => powerLoss.fail(node.dataFolder, survival));
}
