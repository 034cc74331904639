/** Any links between any processes are cut, and any processes frozen, for any time; several at once. */
import type { Fault, Stage } from "./fault.ts";

export const anyLinkCut: Fault = {
  name: "any-link-cut-loses-nothing",
  async run(stage) {
    const { random } = stage;
    const cuts = Array.from({ length: random.whole(3, 6) }, () => cutOnce(stage, random.fork()));
    await Promise.all(cuts);
    await stage.voters.acknowledge(30);
  },
};

export const bufferedAnyLinkCut: Fault = {
  ...anyLinkCut,
  name: "buffered-any-link-cut-loses-nothing",
  buffered: true,
};

async function cutOnce(stage: Stage, random: Stage["random"]): Promise<void> {
  const { network, ledgers, roles, brokers } = stage.cluster;
  const { nodes } = random.one(ledgers);
  const node = random.one(nodes);
  const how = random.one(["held", "severed", "frozen"] as const);
  const others = [...nodes, ...roles, ...(how === "frozen" ? (brokers?.all ?? []) : [])];
  const other = random.one(others.filter((process) => process !== node));
  await stage.lasts(random.whole(0, 1_000));
  stage.event(how === "frozen" ? `${other.name} is frozen` : `${node.name} – ${other.name} is ${how}`);
  if (how === "frozen") other.freeze();
  else if (how === "held") network.hold(node.name, other.name);
  else network.sever(node.name, other.name);
  await stage.lasts(random.whole(50, 1_500));
  if (how === "frozen") other.thaw();
  else network.release(node.name, other.name);
}
