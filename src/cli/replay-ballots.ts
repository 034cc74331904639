/** What a cast vote record says as a ballot: whose it is, and its selections. */
import { createHash } from "node:crypto";
import { basename, dirname, resolve } from "node:path";
import type { Option } from "../election/contest.ts";
import type { Selections } from "../election/selections.ts";
import type { MalformedRecord, VoteRecord } from "./cast-vote-records.ts";

/** The words of the records for a rank left empty and for one with two marks or more. */
export const UNDERVOTE = "undervote";
export const OVERVOTE = "overvote";

/** Two selections, so that it is the server that refuses an overvote, and not this client. */
const OVERVOTE_SELECTIONS: Selections = [1, 2];
const ID_CHARACTERS_MAX = 60;
const CELL_CHARACTERS_MAX = 40;

export type RecordedChoice = { row: number; voter: string; selections: Selections; overvote: boolean };

/** Turns records into ballots, in order. Owner of the voters seen so far: a voter's second record is malformed. */
export class BallotReader {
  private readonly numberByTitle: Map<string, number>;
  private readonly rowByVoter = new Map<string, number>();

  constructor(
    private readonly voterPrefix: string,
    options: readonly Option[],
  ) {
    this.numberByTitle = new Map(options.map(({ number, title }) => [title, number]));
  }

  read(record: VoteRecord): RecordedChoice | MalformedRecord {
    const { row, choice } = record;
    const firstRow = this.rowByVoter.get(record.voter);
    if (firstRow !== undefined)
      return { row, fault: `voter ${shown(record.voter)} has a record in row ${firstRow}` };
    const selections = this.selectionsOf(choice);
    if (selections === null) return { row, fault: `the contest has no option "${shown(choice)}"` };
    this.rowByVoter.set(record.voter, row);
    return { row, voter: this.voterPrefix + record.voter, selections, overvote: choice === OVERVOTE };
  }

  private selectionsOf(choice: string): Selections | null {
    if (choice === UNDERVOTE) return [];
    if (choice === OVERVOTE) return OVERVOTE_SELECTIONS;
    const number = this.numberByTitle.get(choice);
    return number === undefined ? null : [number];
  }
}

/** As much of a cell as a line of a report takes, with nothing in it that a terminal would obey. */
export function shown(cell: string): string {
  const characters = [...cell.slice(0, 2 * CELL_CHARACTERS_MAX).replace(/\p{C}/gu, "\ufffd")];
  if (characters.length <= CELL_CHARACTERS_MAX) return characters.join("");
  return `${characters.slice(0, CELL_CHARACTERS_MAX - 1).join("")}…`;
}

/** The ids that a file's election and contest get, the same at every run; voters are prefixed so that two files' differ. */
export function namesOf(file: string): { election: string; contest: string; voterPrefix: string } {
  const base = basename(file).replace(/(\.csv)?(\.gz)?$/i, "");
  const folder = basename(dirname(resolve(file)));
  return { election: slug(folder), contest: slug(`${folder}-${base}`), voterPrefix: `${base}/` };
}

/** Lower-case letters, digits and single hyphens; a hash tells apart what is lost in that. */
function slug(text: string): string {
  const plain = text
    .normalize("NFKD")
    .toLowerCase()
    .replace(/\p{Mark}/gu, "")
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  if (plain !== "" && plain.length <= ID_CHARACTERS_MAX) return plain;
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 8);
  return `${plain.slice(0, ID_CHARACTERS_MAX - hash.length - 1)}-${hash}`.replace(/^-/, "");
}
