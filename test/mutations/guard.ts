/** A guard of docs/invariants.md, what takes it out, and the test that goes red then. */
export type Guard = {
  name: string;
  /** What is taken out, for people. */
  without: string;
  file: string;
  text: string;
  becomes: string;
  /** The cheapest test that notices, by its file and by words of its title, or of its group's. */
  noticedBy: readonly [file: string, title: string];
};
