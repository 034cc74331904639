/** What the HTTP contract's administration and reading calls take and answer, as a client sees it. */
export type ElectionRequest = {
  title: string;
  id?: string;
  allowedOrigins?: string[];
  /** Left out: ballots are recorded directly. What is left out of it is as the server has it. */
  buffering?: BufferingRequest;
};

export type BufferingRequest = { partitions?: number; ledgers?: string[] };

export type ContestRequest = {
  title: string;
  id?: string;
  method: "single-choice";
  options: string[];
  allowBlank: boolean;
  resultsVisible?: "live" | "final";
  opensAt?: string;
  closesAt?: string;
};

export type ElectionAnswer = {
  id: string;
  title: string;
  /** Null when ballots are recorded directly; ledgers by name. */
  buffering: { partitions: number; ledgers: string[] } | null;
};
