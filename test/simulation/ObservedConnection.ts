import { closeReasons, isExpulsion, type CloseReason } from "../../src/protocol/CloseReason.js"
import { uncounted } from "../support/Uncounted.js"
import * as AckModel from "./AckModel.js"
import type { History, LogLine, Wire } from "./History.js"
import type { Doubt } from "./LineMeaning.js"
import * as OperatorModel from "./OperatorModel.js"
import * as ProtocolModel from "./ProtocolModel.js"
import { decode } from "./WireText.js"

/** A message to a client. The line is without its parameters. */
interface ReceivedMessage {
  readonly is: "from"
  readonly line: string
  readonly params: ReadonlyArray<string>
  /** Whether the server can know that the kernel took it. */
  readonly isKnown: boolean
}

/** A line to a client that the server's kernel took whole. */
export type Received =
  | ReceivedMessage
  | {
      readonly is: "undelivered"
      /** Present names that look the same as these. */
      readonly like: ReadonlyArray<string>
      readonly label: string | undefined
      readonly names: ReadonlyArray<string>
      readonly reason: string
      readonly count: number
      readonly line: string
    }
  | {
      readonly is: "delivered"
      readonly fate: string
      readonly label: string
      readonly names: ReadonlyArray<string>
      readonly line: string
    }
  | { readonly is: "notice"; readonly line: string }
  | { readonly is: "bye"; readonly line: string }
  | { readonly is: "answer"; readonly line: string }

/** When a connection could be addressed, and when it had its name: surely, and at most. */
export interface Presence {
  readonly maybe: ProtocolModel.Span
  readonly surely: ProtocolModel.Span
  readonly maybeNamed: ProtocolModel.Span
  readonly surelyNamed: ProtocolModel.Span
}

/** A connection, with everything derived from its history. */
export interface ObservedConnection {
  readonly wire: Wire
  readonly reason: CloseReason | undefined
  readonly log: LogLine | undefined
  readonly lines: ReadonlyArray<ProtocolModel.HeardLine>
  readonly received: ReadonlyArray<Received>
  /** According to the log, which has no `closed` of it yet if the process was killed. */
  readonly hasLoggedIn: boolean
  /** Its login name. */
  readonly name: string | undefined
  /** It broke so soon after its login that it may or may not have had its name. */
  readonly isUncertain: boolean
  readonly presence: Presence | undefined
  /** Whether it said `/hello send-only` before its login. */
  readonly isSendOnly: Doubt
  /** When the operator disconnected it, unless it had ended before. */
  readonly expulsion: ProtocolModel.Span | undefined
  readonly acknowledged: AckModel.Acknowledged
  /** The longest time, in milliseconds, in which its kernel had bytes and took none. */
  readonly longestStall: number
  /** It received everything that was sent to it. */
  readonly endedInOrder: boolean
}

/** Reasons for which a connection ends only after everything queued for it. */
const orderly: ReadonlyArray<CloseReason> = [
  "left",
  "quit",
  "shutdown",
  "bad-login",
  "login-in-use",
  "login-timeout",
  "full"
]

export const sessions = (history: History): ReadonlyArray<ObservedConnection> => {
  const logs = new Map<unknown, LogLine>()
  const loggedIn = new Set<unknown>()
  for (const log of history.logs) {
    if (log.message === "connection closed") logs.set(log.fields["remote"], log)
    if (log.message === "logged in") loggedIn.add(log.fields["remote"])
  }
  const expulsions = OperatorModel.expulsions(history, logs)
  const lines = ProtocolModel.lines(history, expulsions)
  return history.wires.map((wire) => ({
    ...session(history, wire, lines.get(wire) ?? [], logs.get(wire.remote), expulsions.get(wire)),
    hasLoggedIn: loggedIn.has(wire.remote)
  }))
}

const session = (
  history: History,
  wire: Wire,
  lines: ReadonlyArray<ProtocolModel.HeardLine>,
  log: LogLine | undefined,
  expulsion: ProtocolModel.Span | undefined
): Omit<ObservedConnection, "hasLoggedIn"> => {
  const reason = closeReasons.find((one) => one === log?.fields["reason"])
  const login = lines.find(({ meaning }) => meaning.is === "login")
  const asked = login?.meaning.is === "login" ? login.meaning.name : undefined
  const logged = log?.fields["name"]
  // The operator ends the input first: no login is handled after that.
  const broke = log !== undefined && reason !== undefined && !orderly.includes(reason) && !isExpulsion(reason)
  const isUncertain =
    login !== undefined &&
    logged === undefined &&
    (broke
      ? ProtocolModel.settledBy(history, login.span.to) >= log.turn
      : history.killed !== undefined && log === undefined)
  const name = typeof logged === "string" ? logged : isUncertain ? asked : undefined
  return {
    wire,
    log,
    reason,
    lines,
    received: received(wire),
    name,
    isUncertain,
    presence:
      login === undefined || name === undefined
        ? undefined
        : presence(history, wire, lines, login, isUncertain, expulsion),
    isSendOnly: login?.meaning.is === "login" ? login.meaning.isSendOnly : "no",
    expulsion,
    acknowledged: AckModel.ofWire(history, wire, lines, log, expulsion),
    longestStall: Math.max(0, ...wire.stalls.map(({ from, to }) => to - from)),
    endedInOrder: reason !== undefined && orderly.includes(reason)
  }
}

const presence = (
  history: History,
  wire: Wire,
  lines: ReadonlyArray<ProtocolModel.HeardLine>,
  login: ProtocolModel.HeardLine,
  isUncertain: boolean,
  expulsion: ProtocolModel.Span | undefined
): Presence => {
  const isSendOnly = login.meaning.is === "login" ? login.meaning.isSendOnly : "no"
  const quits = lines.filter(({ meaning }) => meaning.is === "quit")
  const quit = quits[0]
  const sureQuit = quits.find(({ maySlow }) => !maySlow)
  const ended = wire.ended && ProtocolModel.spanOf(history, wire, wire.ended)
  const broken = first(wire.gone?.turn, wire.writeBroke?.turn, wire.destroyed?.turn, wire.closed?.turn)
  // While the server waits for a write, it notices the end when that fails.
  const noticed = Math.max(first(wire.gone?.turn, wire.destroyed?.turn, wire.closed?.turn), wire.writeBroke?.turn ?? 0)
  const over = ProtocolModel.settledBy(history, noticed)
  const from = login.span.from
  const maybe =
    isSendOnly === "yes" ? ProtocolModel.never : { from, to: first(sureQuit?.span.to, ended?.to, over, expulsion?.to) }
  const maybeNamed = { from, to: over }
  if (isUncertain) return { maybe, maybeNamed, surely: ProtocolModel.never, surelyNamed: ProtocolModel.never }
  const surelyFrom = login.span.to + 1
  return {
    maybe,
    maybeNamed,
    surely:
      isSendOnly === "no"
        ? {
            from: surelyFrom,
            to: first(quit?.span.from, ended?.from, broken, history.drainAsked?.turn, expulsion?.from)
          }
        : ProtocolModel.never,
    surelyNamed: { from: surelyFrom, to: broken }
  }
}

/** Whether it was refused as banned when it was accepted. */
export const isTurnedAway = ({ reason, wire }: ObservedConnection): boolean =>
  wire.closed?.turn === wire.accepted.turn &&
  (reason === "banned" || (reason === undefined && wire.taken.startsWith("! banned ")))

const first = (...turns: ReadonlyArray<number | undefined>) => Math.min(...turns.map((turn) => turn ?? Infinity))

/** Cuts the taken bytes into lines. A line that was not taken whole was not written. */
const received = ({ known, taken }: Wire): ReadonlyArray<Received> => {
  let end = 0
  return taken
    .split("\n")
    .slice(0, -1)
    .flatMap((line) => {
      end += line.length + 1
      const isKnown = end <= known
      return uncounted(line).map((one) => receivedLine(one, isKnown))
    })
}

const receivedLine = (line: string, isKnown: boolean): Received => {
  const [, sender, params = "", rest] = /^(from [^ :]+)((?: [^ :]+)*)(:.*)$/su.exec(line) ?? []
  if (sender !== undefined && rest !== undefined) {
    return { is: "from", line: sender + rest, params: params.split(" ").slice(1), isKnown }
  }
  if (/^\* (?:joined|left|closing) /.test(line)) return { is: "notice", line }
  if (line.startsWith("* bye")) return { is: "bye", line }
  const [, fate, of = "", to] = /^\* (written|received) @(\S+) ([^:]+): /.exec(line) ?? []
  if (fate !== undefined) return { is: "delivered", fate, label: of, names: namesIn(to), line }
  const found =
    /^! undelivered (?:@(\S+) )?(.+?) reason=(\w+)(?: retry=\d+)?(?: like=([^ :]+))?(?: count=(\d+))?: /.exec(line)
  if (found === null) return { is: "answer", line }
  const [, label, names, reason = "", likes, count = "1"] = found
  const like = likes === undefined ? [] : likes.split("+").map(decode)
  return { is: "undelivered", label, names: namesIn(names), reason, like, count: Number(count), line }
}

const namesIn = (wire = "") => wire.split(", ").map(decode)
