import * as Outcomes from "../client/Outcomes.js"

/** The outcomes of a request that sends, in JSON, and the status that sums them up. */

/** What became of one line for one recipient. */
export interface SendOutcome {
  /** The number of the line in the request, from 1. */
  readonly line: number
  readonly to: string
  /** `written`, `received`, `stored`, `returned`, `refused` or `unknown`. */
  readonly outcome: string
  /** Why it was returned or refused: a reason or a code of the protocol. */
  readonly reason?: string | undefined
  /** Milliseconds after which the same line may succeed. */
  readonly retry?: number | undefined
  /** For people. */
  readonly text?: string | undefined
  /** Where it is stored: the number in its conversation, and the time. */
  readonly seq?: number | undefined
  readonly at?: string | undefined
  /** It had been stored before, by a request with the same `Idempotency-Key`. */
  readonly again?: true | undefined
}

export const of = (
  line: number,
  outcome: Outcomes.Outcome,
  names: ReadonlyArray<string>
): ReadonlyArray<SendOutcome> => {
  const what = describe(outcome)
  return names.map((to) => ({ line, to, ...what }))
}

const describe = (outcome: Outcomes.Outcome): Omit<SendOutcome, "line" | "to"> => {
  switch (outcome._tag) {
    case "Written": {
      const { again, at, code = "written", seq } = outcome
      return { outcome: code, seq, at: at === undefined ? undefined : new Date(at).toISOString(), again }
    }
    case "Returned":
    case "Refused": {
      const { reason, retryMillis, text } = outcome
      const isReturned = outcome._tag === "Returned" && reason !== Outcomes.labelUsed
      return { outcome: isReturned ? "returned" : "refused", reason, retry: retryMillis, text }
    }
    case "Unknown":
      return { outcome: "unknown", text: "the connection ended before the outcome was known" }
  }
}

/** Refusals of lines and the statuses that stand for them; the first one in a request decides. */
const refusals: ReadonlyArray<readonly [reason: string, status: number]> = [
  ["closing", 503],
  ["slow-down", 429],
  ["too-long", 413],
  [Outcomes.labelUsed, 422]
]

/**
 * The status of a request: 200 if every line was written, received or stored for every recipient. What the client
 * cannot know decides before what was refused, and that before what was returned.
 *
 * @param isWaiting whether the request was to wait for outcomes; if not, returned lines do not concern it
 */
export const statusOf = (outcomes: ReadonlyArray<SendOutcome>, isWaiting: boolean): number => {
  if (outcomes.some(({ outcome }) => outcome === "unknown")) return 502
  const refused = outcomes.filter(({ outcome }) => outcome === "refused")
  if (refused.length > 0) {
    return refusals.find(([code]) => refused.some(({ reason }) => reason === code))?.[1] ?? 400
  }
  if (!isWaiting) return 202
  return outcomes.some(({ outcome }) => outcome === "returned") ? 409 : 200
}

/** Seconds after which the lines that were not accepted may be sent again; undefined if no time would help. */
export const retryAfterOf = (status: number, outcomes: ReadonlyArray<SendOutcome>): number | undefined => {
  if (status !== 429 && status !== 503) return undefined
  const waits = outcomes.flatMap(({ outcome, retry }) => (outcome === "refused" && retry !== undefined ? [retry] : []))
  return Math.max(1, Math.ceil(Math.max(0, ...waits) / 1000))
}

/**
 * Milliseconds after which lines may be sent again if none of them was accepted, because they came too fast. Undefined
 * for any other outcomes, and if the pause would be longer than a second, which no rate of a single client requires.
 */
export const pauseOf = (outcomes: ReadonlyArray<SendOutcome>): number | undefined => {
  if (outcomes.length === 0 || !outcomes.every(({ reason }) => reason === "slow-down")) return undefined
  const pause = Math.max(...outcomes.map(({ retry = 0 }) => retry))
  return pause <= longestPause ? pause : undefined
}

const longestPause = 1000
