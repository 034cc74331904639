/** Whether somebody is silent, or this process has not listened. */
import { setImmediate as nextTurn } from "node:timers/promises";

const LOOK_MS = 250;

/**
 * Calls `late` when nothing was heard for `silentMs`, unless what is returned has been called before. It looks every
 * 250 ms, and a look that comes late counts as one that came in time: what arrived meanwhile lies unread, and says
 * nothing of whoever sent it. So a process without enough processor time waits longer, for as many looks.
 */
export function afterSilence(silentMs: number, late: () => void): () => void {
  let leftMs = silentMs;
  let isOver = false;
  let timer: NodeJS.Timeout;
  const look = () => {
    const lookMs = Math.min(LOOK_MS, leftMs);
    timer = setTimeout(async () => {
      leftMs -= lookMs;
      if (leftMs > 0) return look();
      // One turn may be over before anything is read.
      for (let turns = 0; turns < 2; turns++) await nextTurn();
      if (!isOver) late();
    }, lookMs);
  };
  look();
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}
