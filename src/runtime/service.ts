/** Services and how a role runs them: run until signalled, then drain, people first. */

/** What works in the background while a role is up. */
export type Service = {
  name: string;
  /** Settles after {@link drain}; rejects only when going on would be wrong. */
  run(signal: AbortSignal): Promise<void>;
  /** Takes nothing new; run() settles when what there is has been finished. */
  drain?(): void;
};

/**
 * Runs the services until SIGINT or SIGTERM, then drains them in order, all within `drainMsMax`, having called
 * `onStopping` first. A second signal ends the process at once. Throws when a service failed.
 */
export async function runUntilSignalled(
  services: readonly Service[],
  drainMsMax: number,
  onStopping: () => void,
): Promise<void> {
  const ends = services.map(() => new AbortController());
  const runs = services.map((service, i) => service.run(ends[i]!.signal));
  const failures = services.map((service, i) =>
    runs[i]!.then(
      () => new Promise<never>(() => undefined),
      (error) => Promise.reject(new Error(`${service.name} failed: ${error.message}`, { cause: error })),
    ),
  );
  try {
    await Promise.race([signalled(), ...failures]);
  } finally {
    onStopping();
    const endMs = performance.now() + drainMsMax;
    for (const [i, service] of services.entries()) {
      service.drain?.();
      ends[i]!.abort();
      await settledWithin(runs[i]!, Math.max(0, endMs - performance.now()));
    }
  }
}

function signalled(): Promise<void> {
  return new Promise((resolve) => {
    let count = 0;
    const onSignal = () => {
      count++;
      if (count > 1) process.exit(130);
      resolve();
    };
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
  });
}

async function settledWithin(run: Promise<void>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([run.catch(() => undefined), timeout]);
  clearTimeout(timer);
}
