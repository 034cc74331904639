/**
 * A gateway freezes with appends in hand while a contest closes, and thaws behind the barriers. What it appended ahead of them
 * counts, what it appends behind them does not, and it can't know which is which: it promises neither.
 */
import { closeContest, untilFinal } from "../contest.ts";
import type { Fault } from "../fault.ts";

const PER_SECOND = 300;

export const frozenGateway: Fault = {
  buffered: true,
  name: "frozen-gateway-promises-nothing-behind-the-barrier",
  async run(stage) {
    const { cluster, random, contest } = stage;
    const brokers = cluster.brokers!;
    const frozen = random.one(cluster.gateways);
    const closesAtMs = await closeContest(cluster, contest);
    stage.isClosed = true;
    const freezesAtMs = closesAtMs + random.whole(-400, 400);
    // A leader that answers nothing for a moment keeps appends in hand, and ballots waiting behind them.
    const leader = await brokers.leader(contest.topic, random.whole(0, contest.partitions - 1));
    await stage.lasts(freezesAtMs - 700 - Date.now());
    using crowd = stage.crowd();
    const rush = crowd.rush(PER_SECOND, 700);
    await stage.lasts(freezesAtMs - 300 - Date.now());
    stage.event(`${leader.name} freezes`);
    leader.freeze();
    await stage.lasts(freezesAtMs - Date.now());
    stage.event(`${frozen.name} freezes`);
    frozen.freeze();
    leader.thaw();
    await untilFinal(cluster, contest);
    stage.event(`the contest is final, ${frozen.name} thaws`);
    frozen.thaw();
    await rush;
  },
};
