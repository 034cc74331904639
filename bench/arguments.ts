/** What a measurement is asked for: options with defaults, `--json`, and `--help`. */
import { parseArgs } from "node:util";

export class Arguments<Name extends string> {
  private constructor(
    private readonly texts: Readonly<Record<Name, string>>,
    /** For bench/main.ts; otherwise tables. */
    readonly json: boolean,
  ) {}

  /** Of the command line. Prints `usage` and ends the process when it is asked for. Throws for options that there are not. */
  static read<Name extends string>(usage: string, defaults: Readonly<Record<Name, string>>): Arguments<Name> {
    const options = Object.fromEntries(
      Object.entries<string>(defaults).map(([name, text]) => [
        name,
        { type: "string" as const, default: text },
      ]),
    );
    const flag = { type: "boolean" as const, default: false };
    const { json, help, ...texts } = parseArgs({ options: { ...options, json: flag, help: flag } }).values;
    if (help) {
      console.log(usage);
      process.exit(0);
    }
    return new Arguments(texts as Record<Name, string>, json as boolean);
  }

  text(name: Name): string {
    return this.texts[name];
  }

  number(name: Name): number {
    return this.numbers(name)[0]!;
  }

  /** Separated by commas. Throws where one is no number. */
  numbers(name: Name): number[] {
    return this.texts[name].split(",").map((text) => {
      const number = Number(text);
      if (text.trim() === "" || Number.isNaN(number)) throw new Error(`--${name} is no number: ${text}`);
      return number;
    });
  }
}
