/** What `spillway logs` reads: the latest lines of the log, and those that follow. */

/** A source of log lines. Each is one JSON object as text, without a line break. */
export interface LogFeed {
  /** The lines kept, oldest first; with a call's id, only those about it. */
  recent(callId: string | undefined): readonly string[];
  /** Hears every further line until the returned function is called. */
  follow(callId: string | undefined, hear: (line: string) => void): () => void;
}
