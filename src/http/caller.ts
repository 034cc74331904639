/** Who calls: the network address that limits are counted by. */
import { isIPv4, isIPv6 } from "node:net";

/** Loopback, private, link-local: whoever stands before this role, or a neighbour, and not one caller. */
const OWN =
  /^(127\.|10\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|::1$|f[cd]|fe[89ab])/i;

/**
 * Null when nobody knows: limits are not counted then. `forwarded` is what the edge wrote, of which its own addition
 * is the last; what comes before that is anybody's claim.
 */
export function callerOf(socketAddress: string, forwarded: string | null): string | null {
  const named = forwarded === null ? null : addressIn(forwarded.slice(forwarded.lastIndexOf(",") + 1).trim());
  if (named !== null) return groupOf(named);
  const address = addressIn(socketAddress);
  return address === null || OWN.test(address) ? null : groupOf(address);
}

/** As some edges write it, too: in brackets, or with a port behind it. */
function addressIn(text: string): string | null {
  const bare = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  const [, mapped] = /^::ffff:([\d.]+)$/i.exec(bare) ?? [];
  if (mapped !== undefined) return isIPv4(mapped) ? mapped : null;
  return isIPv4(bare) || isIPv6(bare) ? bare : null;
}

/** An IPv6 customer has at least a /64 of their own. */
function groupOf(address: string): string {
  if (isIPv4(address)) return address;
  const [head = "", tail] = address.split("%")[0]!.toLowerCase().split("::");
  const heads = head === "" ? [] : head.split(":");
  const tails = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros =
    tail === undefined ? [] : new Array<string>(Math.max(0, 8 - heads.length - tails.length)).fill("0");
  const groups = [...heads, ...zeros, ...tails].slice(0, 4);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(":")}::/64`;
}
