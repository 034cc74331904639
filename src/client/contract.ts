/** What the HTTP contract's administration and reading calls take and answer, as a client sees it. */
export type ElectionRequest = { title: string; id?: string; allowedOrigins?: string[] };

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

export type ElectionAnswer = { id: string; title: string };
