import type { StoredLine } from "../../../src/ports/StoreLines.js"
import { isCounted } from "../ClientAcks.js"
import type { Sitting } from "./StoreHistory.js"

/** A line that a client's kernel took whole, and what it says about kept lines. */
export interface Taken {
  readonly line: string
  readonly turn: number
  readonly at: number
  /** The client surely has it: it has acknowledged it or, without `ack`, its kernel has taken it. */
  readonly isConfirmed: boolean
  /** Since when the server surely knows that; `Infinity` if it may not. */
  readonly knownAt: number
}

/** `from alice guest=yes seq=1 at=2: text`, `from alice #ops seq=1 at=2: text`, and `* sent bob seq=1 at=2: text`. */
export interface TakenMessage extends Taken {
  readonly is: "message"
  readonly isCopy: boolean
  /** The author; for a copy, whom it was sent to. */
  readonly name: string
  /** The room of the line; undefined for a direct one. */
  readonly room: string | undefined
  readonly text: string
  readonly numbers: Pick<StoredLine, "seq" | "at"> | undefined
}

/** `! gap bob first=1 last=2: …`. */
export interface TakenGap extends Taken {
  readonly is: "gap"
  readonly name: string
  readonly first: number
  readonly last: number
}

/** `! undelivered bob reason=expired first=1 last=2 count=2: …`. */
export interface TakenReturn extends Taken {
  readonly is: "return"
  readonly name: string
  readonly reason: string
  readonly first: number
  readonly last: number
  readonly count: number
}

/** `* stored @k bob seq=1 at=2: …`, and `! undelivered @k bob reason=unavailable: …`. */
export interface TakenOutcome extends Taken {
  readonly is: "outcome"
  readonly label: string
  /** The fate, or the reason for which the line was not delivered. */
  readonly outcome: string
  /** Empty for a refusal. */
  readonly names: ReadonlyArray<string>
  readonly numbers: Pick<StoredLine, "seq" | "at"> | undefined
  readonly isAgain: boolean
}

/** `* delivered bob seq=1: …`. */
export interface TakenReceipt extends Taken {
  readonly is: "receipt"
  readonly name: string
  readonly seq: number
}

/** A line of the reply to a command: `* room @c12 #ops members=1 last=2: …`. */
export interface TakenReply extends Taken {
  readonly is: "reply"
  readonly label: string
  readonly code: string
  /** What follows the label. */
  readonly rest: string
}

/** `* left #ops bob by=alice: …`. */
export interface TakenLeft extends Taken {
  readonly is: "left"
  readonly room: string
  readonly name: string
}

export type TakenLine =
  | TakenMessage
  | TakenGap
  | TakenReturn
  | TakenOutcome
  | TakenReceipt
  | TakenReply
  | TakenLeft
  | (Taken & { is: "other" })

/** Cuts what a client has taken into lines. */
export const takenBy = (sitting: Sitting): ReadonlyArray<TakenLine> => {
  const { acknowledged, opaque, socket, words } = sitting
  const { taken, takes } = socket.wire
  const hasAcks = words.includes("ack")
  const lines: Array<TakenLine> = []
  const unknown: Array<{ knownAt: number; readonly counted: number }> = []
  let counted = 0
  let end = 0
  let take = 0
  for (const line of taken.split("\n").slice(0, -1)) {
    end += line.length + 1
    while ((takes[take]?.end ?? Infinity) < end) take += 1
    if (isCounted(line)) counted += 1
    const { at = Infinity, turn = Infinity } = takes[take] ?? {}
    const isConfirmed = !hasAcks || !isCounted(line) || counted <= acknowledged
    const knownAt = hasAcks || opaque ? Infinity : at
    const parsed = parse({ line, turn, at, isConfirmed, knownAt })
    lines.push(parsed)
    if (!hasAcks) continue
    const pong = /^\* pong: a(\d+)$/u.exec(line)
    if (isCounted(line)) unknown.push(Object.assign(parsed, { counted }))
    // The server has handled an acknowledgement before it has answered the ping after it.
    else if (pong !== null) {
      while ((unknown[0]?.counted ?? Infinity) <= Number(pong[1])) Object.assign(unknown.shift() ?? {}, { knownAt: at })
    }
  }
  return lines
}

const parse = (taken: Taken): TakenLine => {
  const { line } = taken
  const message = /^(?:from|(\* sent)) ([^ :]+)(?: (#[^ :]+))?((?: [a-z]+=[^ :]+)*): (.*)$/u.exec(line)
  if (message !== null) {
    const [, copy, name = "", inRoom, params = "", text = ""] = message
    const isCopy = copy !== undefined
    const room = isCopy && name.startsWith("#") ? name : inRoom
    return { ...taken, is: "message", isCopy, name, room, text, numbers: numbersIn(params) }
  }
  const left = /^\* left (?:@\S+ )?(#[^ :]+) ([^ :]+)/u.exec(line)
  if (left !== null) return { ...taken, is: "left", room: left[1] ?? "", name: left[2] ?? "" }
  const reply = /^[!*] ([a-z-]+) @(c\d+):? (.*)$/u.exec(line)
  if (reply !== null) {
    const [, code = "", label = "", rest = ""] = reply
    return { ...taken, is: "reply", code, label, rest }
  }
  const gap = /^! gap (\S+) first=(\d+) last=(\d+): /u.exec(line)
  if (gap !== null) return { ...taken, is: "gap", name: gap[1] ?? "", first: Number(gap[2]), last: Number(gap[3]) }
  const returned = /^! undelivered ([^@ ]\S*) reason=(\w+) first=(\d+) last=(\d+) count=(\d+): /u.exec(line)
  if (returned !== null) {
    const [, name = "", reason = "", first, last, count] = returned
    return { ...taken, is: "return", name, reason, first: Number(first), last: Number(last), count: Number(count) }
  }
  const receipt = /^\* delivered ([^@ ]\S*) seq=(\d+): /u.exec(line)
  if (receipt !== null) return { ...taken, is: "receipt", name: receipt[1] ?? "", seq: Number(receipt[2]) }
  const outcome = /^[!*] ([a-z-]+) @(\S+?)(?: ([^=:]+?))?((?: [a-z]+=[^ :]+)*): /u.exec(line)
  if (outcome !== null) {
    const [, code = "", label = "", names, params = ""] = outcome
    return {
      ...taken,
      is: "outcome",
      label,
      outcome: code === "undelivered" ? (/ reason=([\w-]+)/u.exec(params)?.[1] ?? "") : code,
      names: names === undefined ? [] : names.split(", "),
      numbers: numbersIn(params),
      isAgain: params.includes(" again=yes")
    }
  }
  return { ...taken, is: "other" }
}

const numbersIn = (params: string) => {
  const found = / seq=(\d+) at=(\d+)/u.exec(params)
  return found === null ? undefined : { seq: Number(found[1]), at: Number(found[2]) }
}
