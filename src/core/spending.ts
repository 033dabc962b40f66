/** What handing tasks over costs, and what they take. */

/** What the host sessions of a project have paid for handing its tasks over, about. */
export interface Paid {
  tokens: number;
  /** Epoch milliseconds: nothing was counted before. */
  sinceMs: number;
}
