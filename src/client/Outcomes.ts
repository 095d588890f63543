import * as Name from "../protocol/Name.js"
import * as Wire from "../protocol/Wire.js"
import * as Received from "./Received.js"

/** What became of a labelled line (protocol, section 7). */
export type Outcome =
  /** The kernel took all its bytes for these recipients. */
  | { readonly _tag: "Written"; readonly names: ReadonlyArray<string> }
  /** It was returned for these recipients, and will never be written. */
  | (OutcomeReason & { readonly _tag: "Returned"; readonly names: ReadonlyArray<string> })
  /** The line was refused as a whole: no recipient gets it. */
  | (OutcomeReason & { readonly _tag: "Refused" })
  /** The connection ended before the outcome came; some recipients may have it. */
  | { readonly _tag: "Unknown" }

export interface OutcomeReason {
  /** The reason on the wire, `offline` or `busy`; for a refused line its code, such as `bad-line`. */
  readonly reason: string
  /** Milliseconds after which the same line may succeed; undefined if it never will. */
  readonly retryMillis: number | undefined
  /** For people; the wording may change. */
  readonly text: string
}

/** A labelled line that waits for outcomes. */
export interface AwaitedLine {
  /** Number of recipients without an outcome; `Outcomes` counts it down. */
  due: number
  /** Takes each outcome as it comes; `isLast` if no other follows. */
  readonly accept: (outcome: Outcome, isLast: boolean) => void
}

/** The labelled lines of one connection that wait for outcomes. Their labels are numbers. */
export class Outcomes {
  private readonly awaited = new Map<number, AwaitedLine>()
  private last = 0
  /** Whether the connection has ended. No outcome comes any more, and a line expected from now on would wait for ever. */
  hasEnded = false

  /** Number of lines that wait. */
  get size(): number {
    return this.awaited.size
  }

  /** Registers a line and returns its label. */
  expect(awaited: AwaitedLine): string {
    this.last += 1
    this.awaited.set(this.last, awaited)
    return String(this.last)
  }

  /** Takes a line from the server if it is an outcome that is waited for; returns whether it is. */
  accept(line: string): boolean {
    const label = labelOf(line)
    const awaited = this.awaited.get(label)
    if (awaited === undefined) return false
    const outcome = parse(line)
    awaited.due -= outcome._tag === "Refused" ? awaited.due : outcome.names.length
    const isLast = awaited.due <= 0
    if (isLast) this.awaited.delete(label)
    awaited.accept(outcome, isLast)
    return true
  }

  /** The connection has ended: whatever still waits is unknown. */
  end(): void {
    if (this.hasEnded) return
    this.hasEnded = true
    const lines = [...this.awaited.values()]
    this.awaited.clear()
    for (const line of lines) line.accept({ _tag: "Unknown" }, true)
  }
}

const writtenHead = "* written @"

const refusedLabel = /^! [^\s:@=]+ @([^\s:]+)/u

/** NaN if the line has none. */
const labelOf = (line: string): number => {
  // By far the most frequent line when a client sends a lot.
  if (line.startsWith(writtenHead)) return Number(line.slice(writtenHead.length, line.indexOf(" ", writtenHead.length)))
  return line.startsWith("! ") ? Number(refusedLabel.exec(line)?.[1]) : NaN
}

/** @param line a line with a label */
const parse = (line: string): Exclude<Outcome, { readonly _tag: "Unknown" }> => {
  const received = line.startsWith(writtenHead) ? undefined : Received.parse(line)
  if (received?._tag !== "Refused") {
    const names = line.slice(line.indexOf(" ", writtenHead.length) + 1, line.indexOf(":"))
    return { _tag: "Written", names: names.includes(",") ? names.split(", ") : [names] }
  }
  const { code, retryMillis, text, values, words } = received
  return code === "undelivered"
    ? { _tag: "Returned", names: words, reason: values.get("reason") ?? code, retryMillis, text }
    : { _tag: "Refused", reason: code, retryMillis, text }
}

/** Recipients as the server counts them: trimmed, in NFC, none empty and none twice (protocol, section 3). */
export const distinct = (recipients: ReadonlyArray<string>): ReadonlyArray<string> => [
  ...new Set(
    recipients.map((name) => Wire.decode(Name.normalise(Wire.trim(Wire.encode(name))))).filter((name) => name !== "")
  )
]
