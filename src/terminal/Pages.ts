import * as PastReports from "../client/PastReports.js"
import type * as Received from "../client/Received.js"

/** The reason for requesting past lines. */
export type PageReason =
  /** The user has gone to the conversation. */
  | "entry"
  /** The user wants to see earlier lines. */
  | "earlier"
  /** The client was disconnected, and missed the lines of that time. */
  | "missed"
  | "search"

/** Past lines that the server has sent, the oldest first. */
export interface PastPage {
  readonly reason: PageReason
  /** A room, or the name of another user; for a search the text. */
  readonly of: string
  /** The `after` of the request; 0 without one. */
  readonly after: number
  readonly lines: ReadonlyArray<PastReports.PastLine>
  /** Whether there are more in the direction of the request. */
  readonly hasMore: boolean
  /** The first number and the last of a page, those of `damaged` lines included; 0 if it is empty. */
  readonly first: number
  readonly last: number
  /** Lines that the server cannot read; undefined if there are none, and without numbers for a search. */
  readonly damaged: ReadonlyArray<PastReports.NumberRange> | undefined
}

/** A page that was requested. */
interface Requested {
  readonly reason: PageReason
  readonly of: string
  readonly after: number
  readonly lines: Array<PastReports.PastLine>
}

/** A server sends no more lines than this at once (protocol, section 12). */
const maxLines = 100

const prefix = "show-"

/** The requests for past lines on one connection. */
export class Pages {
  private readonly requested = new Map<string, Requested>()
  private last = 0

  /** Returns the label of the request for a page. */
  request(reason: PageReason, of: string, after = 0): string {
    this.last += 1
    const label = `${prefix}${this.last}`
    this.requested.set(label, { reason, of, after, lines: [] })
    return label
  }

  /** Whether a page of that conversation is being loaded, for any reason or for `why`. */
  isLoading(name: string, why?: PageReason): boolean {
    for (const { of, reason } of this.requested.values()) {
      if (of === name && (why === undefined ? reason !== "search" : reason === why)) return true
    }
    return false
  }

  /**
   * Handles a line from the server if it is part of a reply: returns the page that it completes, or the refused
   * request. Undefined for any other line.
   */
  take(received: Received.Received): PastPage | "part" | PageRefusal | undefined {
    if (!("label" in received) || received.label === undefined) return undefined
    const requested = this.requested.get(received.label)
    if (requested === undefined) return undefined
    const { after, lines, of, reason } = requested
    const line = PastReports.pastIn(received)
    if (line !== undefined) {
      if (lines.length < maxLines) lines.push(line)
      return "part"
    }
    this.requested.delete(received.label)
    if (received._tag === "Refused") return { reason, of, refusal: received }
    const end = PastReports.endIn(received)
    const { first = lines[0]?.seq ?? 0, last = lines.at(-1)?.seq ?? 0 } = end ?? {}
    const inOrder = reason === "search" ? lines.toReversed() : lines
    return { reason, of, after, lines: inOrder, hasMore: end?.hasMore === true, first, last, damaged: end?.damaged }
  }

  /** The connection has ended: no page will arrive. */
  clear(): void {
    this.requested.clear()
  }
}

/** The server has refused to send the page. */
export interface PageRefusal {
  readonly reason: PageReason
  readonly of: string
  readonly refusal: Extract<Received.Received, { readonly _tag: "Refused" }>
}
