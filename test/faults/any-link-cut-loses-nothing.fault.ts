/** Any links between any processes are cut, and any processes frozen, for any time; several at once. */
import type { Process } from "./cluster/cluster.ts";
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
  const { network } = stage.cluster;
  const how = random.one(["held", "severed", "frozen"] as const);
  const [one, other] = pairOf(stage, random);
  await stage.lasts(random.whole(0, 1_000));
  stage.event(how === "frozen" ? `${other.name} is frozen` : `${one.name} – ${other.name} is ${how}`);
  if (how === "frozen") other.freeze();
  else if (how === "held") network.hold(one.name, other.name);
  else network.sever(one.name, other.name);
  await stage.lasts(random.whole(50, 1_500));
  if (how === "frozen") other.thaw();
  else network.release(one.name, other.name);
}

/** Two with a link between them. What brokers have among themselves is one system's own matter, and is not cut here. */
function pairOf({ cluster }: Stage, random: Stage["random"]): [Process, Process] {
  const { ledgers, roles, brokers } = cluster;
  if (brokers !== null && random.chance(1 / 3)) {
    return shuffled(
      [random.one(brokers.all), random.one(roles.filter(({ role }) => role !== "results"))],
      random,
    );
  }
  const { nodes } = random.one(ledgers);
  const node = random.one(nodes);
  return [node, random.one([...nodes, ...roles].filter((process) => process !== node))];
}

function shuffled([one, other]: [Process, Process], random: Stage["random"]): [Process, Process] {
  return random.chance(0.5) ? [one, other] : [other, one];
}
