/** Terms: a number with the words that show where it comes from, so that a plan can be checked by hand. */

export type Term = { value: number; text: string };

export const term = (value: number, unit = "", name = ""): Term => ({
  value,
  text: `${name === "" ? "" : `${name} `}${number(value)}${unit}`,
});

/** Processor time of a ballot; its value is in seconds. */
export const micros = (value: number): Term => ({ value: value / 1e6, text: `${number(value)} µs` });

export const times = (...terms: readonly Term[]): Term => ({
  value: terms.reduce((product, { value }) => product * value, 1),
  text: terms.map(({ text }) => text).join(" × "),
});

export const over = (dividend: Term, divisor: Term): Term => ({
  value: dividend.value / divisor.value,
  text: `${dividend.text} ÷ ${divisor.text}`,
});

export const plus = (...terms: readonly Term[]): Term => ({
  value: terms.reduce((sum, { value }) => sum + value, 0),
  text: terms.map(({ text }) => text).join(" + "),
});

/** By how little a number may be over a whole one: that is the arithmetic's own. */
const ROUNDING = 1e-9;

/** The next whole number, and `least` where that is more; the words say both. */
export function wholes(wanted: Term, least = 1): Term {
  const up = Math.ceil(wanted.value * (1 - ROUNDING));
  const text = `${wanted.text} = ${number(wanted.value)}`;
  if (up >= least) return { value: up, text: up === wanted.value ? text : `${text}, rounded up` };
  return { value: least, text: `${text}, and ${least} at least` };
}

/** The largest of them, whose words say why. */
export function largest(terms: readonly Term[]): Term {
  return terms.reduce((most, each) => (each.value > most.value ? each : most));
}

/** Whole numbers with their thousands, others with three digits that count. */
export function number(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en-US");
  return String(Number(value.toPrecision(3)));
}

const STEPS = ["", "k", "M", "G", "T", "P"];

/** `1.25 TB`, in steps of 1,000. */
export function bytes(value: number, per = ""): string {
  const step = value < 1 ? 0 : Math.min(Math.floor(Math.log10(value) / 3), STEPS.length - 1);
  return `${number(Number((value / 1000 ** step).toPrecision(3)))} ${STEPS[step]}B${per}`;
}
