/** Every fault of the suite, in the order in which they are run. */
import { anyLinkCut } from "./any-link-cut-loses-nothing.fault.ts";
import { anyProcessKilled } from "./any-process-killed-loses-nothing.fault.ts";
import { driftedSettings } from "./drifted-settings-stop-acknowledging.fault.ts";
import { endedWait } from "./ended-wait-is-no-acknowledgement.fault.ts";
import type { Fault } from "./fault.ts";
import { fullDisk } from "./full-disk-refuses-only.fault.ts";
import { isolatedMajority, isolatedMajorityReplaced } from "./isolated-majority-is-not-replaced.fault.ts";
import { isolatedPrimary, thawedPrimary } from "./isolated-primary-acknowledges-nothing.fault.ts";
import { laggingStandby, laggingStandbyPromoted } from "./lagging-standby-is-not-promoted.fault.ts";
import { nothingFails } from "./nothing-fails-nothing-is-lost.fault.ts";
import { phantom } from "./phantom-is-not-acknowledged.fault.ts";
import { powerLost } from "./power-lost-loses-nothing.fault.ts";
import { primaryKilled } from "./primary-killed-loses-nothing.fault.ts";
import { redisLost } from "./redis-lost-stale-or-lying-is-harmless.fault.ts";
import { twiceThePeak } from "./twice-the-peak-refuses-only.fault.ts";
import { withoutStandbys } from "./without-standbys-nothing-is-acknowledged.fault.ts";

export const FAULTS: readonly Fault[] = [
  nothingFails,
  anyProcessKilled,
  anyLinkCut,
  primaryKilled,
  endedWait,
  phantom,
  withoutStandbys,
  driftedSettings,
  laggingStandby,
  laggingStandbyPromoted,
  isolatedPrimary,
  thawedPrimary,
  isolatedMajority,
  isolatedMajorityReplaced,
  twiceThePeak,
  fullDisk,
  powerLost,
  redisLost,
];
