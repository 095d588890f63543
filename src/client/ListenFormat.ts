import * as Name from "../protocol/Name.js"
import * as Wire from "../protocol/Wire.js"
import * as Acknowledgement from "./Acknowledgement.js"
import { type KeptPlace, type LastSeen, placeOf } from "./LastSeen.js"
import * as Received from "./Received.js"

export interface MessageFilterOptions {
  /** Senders whose messages to let through; all of them if empty. */
  readonly from: ReadonlyArray<string>
  /** Number of messages to let through; no limit if undefined. */
  readonly count: number | undefined
  /** The kept messages that were handled before; undefined if none are kept for this client. */
  readonly seen?: LastSeen | undefined
  /** Whether the lines that report a gap are let through, too. */
  readonly withGaps?: boolean
}

/** Picks messages out of what a server sends, one block of whole lines at a time. */
export interface LineFilter {
  /** Number of messages still to be let through. */
  readonly left: number
  /** Number of messages handled, let through or not. Those after the last one let through do not count. */
  handled: number
  /** The kind of server; only an a-chat server sends parameters after a name. */
  server: Received.ServerKind
  /** Called when another connection begins. */
  readonly connected: () => void
  /**
   * Returns the lines of a block to let through, each with its LF; both in wire form (`Wire`).
   *
   * @param report called with every line that is not a message
   */
  readonly take: (block: string, report: (received: Received.Received) => void) => string
  /** The places of the kept messages that were handled since the last call. */
  readonly takePlaces: () => ReadonlyArray<KeptPlace>
}

/**
 * Picks messages by their senders. Consecutive messages are sliced in one
 * piece, because a million may arrive in a second.
 */
export class MessageFilter implements LineFilter {
  left: number
  handled = 0
  server: Received.ServerKind = "original"
  /** The starts of lines to let through, in wire form: without parameters, and with them. */
  private readonly leads: ReadonlyArray<string>
  private readonly leadsOfParams: ReadonlyArray<string>
  /** The places of the kept messages that were handled since `takePlaces`. */
  private places: Array<KeptPlace> = []

  constructor(private readonly options: MessageFilterOptions) {
    this.left = options.count ?? Infinity
    const names = options.from.map((name) => Name.normalise(Wire.trim(Wire.encode(name))))
    this.leads = names.length === 0 ? [messageStart] : names.map((name) => `${messageStart}${name}:`)
    this.leadsOfParams = names.map((name) => `${messageStart}${name} `)
  }

  connected(): void {
    this.server = "original"
  }

  take(block: string, report: (received: Received.Received) => void): string {
    const { seen } = this.options
    if (seen !== undefined) return this.takeKept(block, seen, report)
    let taken = ""
    let from = 0
    let at = 0
    while (at < block.length && this.left > 0) {
      const next = block.indexOf("\n", at) + 1
      const isMessage = block.startsWith(messageStart, at)
      if (isMessage) this.handled += 1
      if (isMessage && this.wants(block, at)) this.left -= 1
      else {
        if (from < at) taken += block.slice(from, at)
        from = next
        if (!isMessage) this.report(Wire.decode(block.slice(at, next - 1)), report)
      }
      at = next
    }
    return taken + block.slice(from, at)
  }

  /** `take` line by line, without repeats. */
  private takeKept(block: string, seen: LastSeen, report: (received: Received.Received) => void): string {
    let taken = ""
    for (let at = 0, next = 0; at < block.length && this.left > 0; at = next) {
      next = block.indexOf("\n", at) + 1
      if (!block.startsWith(messageStart, at)) {
        const line = Wire.decode(block.slice(at, next - 1))
        this.report(line, report)
        if (this.options.withGaps === true && line.startsWith(gapStart)) taken += block.slice(at, next)
        continue
      }
      this.handled += 1
      const place = placeOf(Received.parse(Wire.decode(block.slice(at, next - 1))))
      if (place !== undefined) {
        if (seen.isRepeat(place)) continue
        seen.passed(place)
        this.places.push(place)
      }
      if (!this.wants(block, at)) continue
      this.left -= 1
      taken += block.slice(at, next)
    }
    return taken
  }

  takePlaces(): ReadonlyArray<KeptPlace> {
    const { places } = this
    if (places.length > 0) this.places = []
    return places
  }

  private report(line: string, report: (received: Received.Received) => void) {
    if (Acknowledgement.isMessage(line)) this.handled += 1
    report(Received.parse(line))
  }

  private wants(block: string, at: number): boolean {
    for (const lead of this.leads) if (block.startsWith(lead, at)) return true
    if (this.server === "original") return false
    for (const lead of this.leadsOfParams) if (block.startsWith(lead, at)) return true
    return false
  }
}

const messageStart = "from "

const gapStart = "! gap "

/** The same lines without the numbers and times of kept messages, which are only for programs. */
export const withoutNumbers = (lines: string): string =>
  lines.replaceAll(/^from ([^ :\n]+(?: #[^ :\n]+)?)(?: guest=yes)? seq=\d+ at=\d+:/gmu, "from $1:")

/**
 * Formats messages as JSON, one object per line.
 *
 * @param lines whole lines in wire form, as `MessageFilter` returns them
 */
export const toJson = (lines: string, arrival: Date, server: Received.ServerKind): string => {
  const arrived = arrival.toISOString()
  const text = Wire.decode(lines)
  let json = ""
  let lastHead = ""
  let lead = ""
  let end = ""
  for (let start = 0, next = 0; start < text.length; start = next) {
    next = text.indexOf("\n", start) + 1
    if (text.startsWith(gapStart, start)) {
      const gap = Received.gapIn(Received.parse(text.slice(start, next - 1)))
      if (gap !== undefined) json += `${JSON.stringify({ gap: gap.conversation, first: gap.first, last: gap.last })}\n`
      continue
    }
    const line = text.slice(start + messageStart.length, text[next - 2] === "\r" ? next - 2 : next - 1)
    const colon = line.indexOf(":")
    const head = line.slice(0, colon)
    if (head !== lastHead || lead === "") {
      lastHead = head
      const { at, from, ...params } = Received.parseHead(head, server)
      lead = `{"from":${JSON.stringify(from)},"text":`
      end = `,"at":"${at === undefined ? arrived : new Date(at).toISOString()}"${Object.entries(params)
        .map(([key, value]) => `,"${key}":${JSON.stringify(value)}`)
        .join("")}}\n`
    }
    json += lead + JSON.stringify(line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1)) + end
  }
  return json
}
