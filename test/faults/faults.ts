/** Every fault of the suite, in the order in which they are run. */
import { anyLinkCut, bufferedAnyLinkCut } from "./any-link-cut-loses-nothing.fault.ts";
import { anyProcessKilled, bufferedAnyProcessKilled } from "./any-process-killed-loses-nothing.fault.ts";
import { brokerKilled } from "./buffered/broker-killed-loses-nothing.fault.ts";
import { bufferedEndedWait } from "./buffered/buffered-ended-wait-is-no-acknowledgement.fault.ts";
import { bufferedPhantom } from "./buffered/buffered-phantom-is-not-acknowledged.fault.ts";
import { bufferedPrimaryKilled } from "./buffered/buffered-primary-killed-loses-nothing.fault.ts";
import { closingUnderLoad } from "./buffered/closing-under-load-counts-every-promise.fault.ts";
import { cutOffGateway } from "./buffered/cut-off-gateway-promises-nothing.fault.ts";
import { cutOffRecorder } from "./buffered/cut-off-recorder-doubles-nothing.fault.ts";
import { deletedRecords } from "./buffered/deleted-records-stop-their-partition.fault.ts";
import { driftedSettingsBuffered } from "./buffered/drifted-settings-stop-recording.fault.ts";
import { driftedTopic } from "./buffered/drifted-topic-stops-accepting.fault.ts";
import { frozenGateway } from "./buffered/frozen-gateway-promises-nothing-behind-the-barrier.fault.ts";
import { frozenRecorder } from "./buffered/frozen-recorder-doubles-nothing.fault.ts";
import { fullBroker } from "./buffered/full-broker-refuses-only.fault.ts";
import { ledgerDown } from "./buffered/ledger-down-delays-its-own-only.fault.ts";
import { oneBrokerLeft } from "./buffered/one-broker-left-refuses-only.fault.ts";
import { recordersRolled } from "./buffered/recorders-rolled-lose-nothing.fault.ts";
import { recreatedTopic } from "./buffered/recreated-topic-stops-its-partitions.fault.ts";
import { shortenedLog } from "./buffered/shortened-log-stops-its-partition.fault.ts";
import { strangeRecords } from "./buffered/strange-records-are-quarantined.fault.ts";
import { withoutStandbysBuffered } from "./buffered/without-standbys-nothing-is-recorded.fault.ts";
import { driftedSettings } from "./drifted-settings-stop-acknowledging.fault.ts";
import { endedWait } from "./ended-wait-is-no-acknowledgement.fault.ts";
import type { Fault } from "./fault.ts";
import { fullDisk } from "./full-disk-refuses-only.fault.ts";
import { isolatedMajority, isolatedMajorityReplaced } from "./isolated-majority-is-not-replaced.fault.ts";
import { isolatedPrimary, thawedPrimary } from "./isolated-primary-acknowledges-nothing.fault.ts";
import { laggingStandby, laggingStandbyPromoted } from "./lagging-standby-is-not-promoted.fault.ts";
import { bufferedNothingFails, nothingFails } from "./nothing-fails-nothing-is-lost.fault.ts";
import { phantom } from "./phantom-is-not-acknowledged.fault.ts";
import { powerLost } from "./power-lost-loses-nothing.fault.ts";
import { primaryKilled } from "./primary-killed-loses-nothing.fault.ts";
import { redisLost } from "./redis-lost-stale-or-lying-is-harmless.fault.ts";
import { bufferedTwiceThePeak, twiceThePeak } from "./twice-the-peak-refuses-only.fault.ts";
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
  bufferedNothingFails,
  bufferedAnyProcessKilled,
  bufferedAnyLinkCut,
  brokerKilled,
  oneBrokerLeft,
  fullBroker,
  driftedTopic,
  cutOffGateway,
  frozenRecorder,
  cutOffRecorder,
  recordersRolled,
  bufferedPrimaryKilled,
  bufferedEndedWait,
  bufferedPhantom,
  withoutStandbysBuffered,
  driftedSettingsBuffered,
  ledgerDown,
  bufferedTwiceThePeak,
  strangeRecords,
  closingUnderLoad,
  frozenGateway,
  deletedRecords,
  recreatedTopic,
  shortenedLog,
  fullDisk,
  powerLost,
  redisLost,
];
