/** A column of numbers that grows: a typed array of which a prefix is in use. */

type Numbers = Uint8Array | Uint32Array | Int32Array | Float64Array;

const CAPACITY_MIN = 1024;

export class Column<Values extends Numbers> {
  private values: Values;
  private used = 0;

  constructor(private readonly allocate: (capacity: number) => Values) {
    this.values = allocate(CAPACITY_MIN);
  }

  get length(): number {
    return this.used;
  }

  /** Zero outside of what is in use. */
  at(place: number): number {
    return this.values[place] ?? 0;
  }

  set(place: number, value: number): void {
    this.values[place] = value;
  }

  push(value: number): void {
    this.reserve(1);
    this.values[this.used++] = value;
  }

  append(values: ArrayLike<number>): void {
    this.reserve(values.length);
    this.values.set(values, this.used);
    this.used += values.length;
  }

  /** Doubling, so that a value is copied once or twice on average however many there will be. */
  private reserve(count: number): void {
    if (this.used + count <= this.values.length) return;
    const grown = this.allocate(Math.max(this.used + count, this.values.length * 2));
    grown.set(this.values);
    this.values = grown;
  }
}
