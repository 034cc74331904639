/** As a process without enough processor time: it does nothing else meanwhile, and its timers come late. */
export function beBusy(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}
