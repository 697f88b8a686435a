/** How a process of a job failed, as it is left in the store for the others. */
export interface FailureReport {
  /** The rank that failed; null when who reports does not know one (a launcher that could not start a process). */
  rank: number | null;
  name: string;
  message: string;
  code: string | null;
  stack: string | null;
  /** The machine and process that failed; '' and -1 when nobody could ask it: it fell silent. */
  host: string;
  pid: number;
  /** Milliseconds since 1970. */
  time: number;
}
