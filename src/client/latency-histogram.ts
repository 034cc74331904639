/** Latencies counted in fixed buckets: constant memory and constant cost, whatever is recorded. */

/** Buckets an octave; a bucket is at most 1/128 as wide as the values in it. */
const STEPS = 128;
const STEP_BITS = 7;
/** 2^26 µs is 67 s, longer than any request is waited for. */
const OCTAVES_MAX = 26;

/** Values are milliseconds, kept to a microsecond or within 0.8 %, whichever is more. */
export class LatencyHistogram {
  private readonly counts = new Float64Array((OCTAVES_MAX - STEP_BITS + 1) * STEPS);
  count = 0;
  maxMs = 0;

  record(milliseconds: number): void {
    this.counts[bucketOf(milliseconds * 1000)]!++;
    this.count++;
    if (milliseconds > this.maxMs) this.maxMs = milliseconds;
  }

  /** The value that this share (0 to 1) of the recorded values does not exceed; 0 when there are none. */
  percentileMs(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.count));
    let seen = 0;
    for (let bucket = 0; bucket < this.counts.length; bucket++) {
      seen += this.counts[bucket]!;
      if (seen >= rank) return Math.min(highestIn(bucket) / 1000, this.maxMs);
    }
    return this.maxMs;
  }
}

/** Below 128 µs every microsecond has its bucket; above, every octave has 128 of them. */
function bucketOf(microseconds: number): number {
  const value = Math.max(0, Math.min(Math.floor(microseconds), 2 ** OCTAVES_MAX - 1));
  if (value < STEPS) return value;
  const octave = 31 - Math.clz32(value) - STEP_BITS;
  return (octave + 1) * STEPS + ((value >>> octave) - STEPS);
}

function highestIn(bucket: number): number {
  if (bucket < STEPS) return bucket + 1;
  const octave = Math.floor(bucket / STEPS) - 1;
  return ((bucket % STEPS) + STEPS + 1) * 2 ** octave;
}
