import * as Name from "../protocol/Name.js"
import * as Wire from "../protocol/Wire.js"
import * as Received from "./Received.js"

/** What became of a labelled line (protocol, section 7). */
export type Outcome =
  /** The server's kernel took all bytes of it for these recipients. */
  | { readonly _tag: "Written"; readonly names: ReadonlyArray<string> }
  /** These recipients did not get it and never will. */
  | (OutcomeReason & { readonly _tag: "Returned"; readonly names: ReadonlyArray<string> })
  /** The line itself was refused: none of its recipients gets it. */
  | (OutcomeReason & { readonly _tag: "Refused" })
  /** The connection ended before the server told; some of the recipients may have it. */
  | { readonly _tag: "Unknown" }

export interface OutcomeReason {
  /** The protocol's word: `offline`, `busy`; of a refused line its code, `bad-line`. */
  readonly reason: string
  /** After how many milliseconds the same line may succeed, if it may. */
  readonly retryMillis: number | undefined
  /** For people; it may change. */
  readonly text: string
}

/** A labelled line that waits for its outcomes. */
export interface AwaitedLine {
  /** How many recipients have none yet; counted down here. */
  due: number
  /** Takes the outcomes as they come; `isLast` when no other follows. */
  readonly told: (outcome: Outcome, isLast: boolean) => void
}

/** The labelled lines of one connection whose outcomes are not all known: numbers are their labels. */
export class Outcomes {
  private readonly awaited = new Map<number, AwaitedLine>()
  private last = 0
  /** Whether the connection is over: nothing more becomes known, and whoever expects something waits for ever. */
  hasEnded = false

  /** How many lines wait. */
  get size(): number {
    return this.awaited.size
  }

  /** A label for a line. */
  expect(awaited: AwaitedLine): string {
    this.last += 1
    this.awaited.set(this.last, awaited)
    return String(this.last)
  }

  /** Takes a line of the server's if it is the outcome of a line that waits for one. */
  tell(line: string): boolean {
    const label = labelOf(line)
    const awaited = this.awaited.get(label)
    if (awaited === undefined) return false
    const outcome = parse(line)
    awaited.due -= outcome._tag === "Refused" ? awaited.due : outcome.names.length
    const isLast = awaited.due <= 0
    if (isLast) this.awaited.delete(label)
    awaited.told(outcome, isLast)
    return true
  }

  /** The connection is over. */
  end(): void {
    if (this.hasEnded) return
    this.hasEnded = true
    const lines = [...this.awaited.values()]
    this.awaited.clear()
    for (const line of lines) line.told({ _tag: "Unknown" }, true)
  }
}

const writtenHead = "* written @"

const refusedLabel = /^! [^\s:@=]+ @([^\s:]+)/u

/** NaN if there is none. */
const labelOf = (line: string): number => {
  // By far the most frequent line of a sender in a hurry.
  if (line.startsWith(writtenHead)) return Number(line.slice(writtenHead.length, line.indexOf(" ", writtenHead.length)))
  return line.startsWith("! ") ? Number(refusedLabel.exec(line)?.[1]) : NaN
}

/** @param line one that has a label */
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
