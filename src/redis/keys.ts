/** Names of keys and channels: each deployment's own, so that several may use one Redis. */

/** All begin with `urna:`; `owner` is the deployment's uuid, or one of its ledgers. No two need be on the same node of a cluster. */
export function keyOf(owner: string, name: string): string {
  return ["urna", owner, name].join(":");
}
