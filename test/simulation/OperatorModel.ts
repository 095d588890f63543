import { isExpulsion, type CloseReason } from "../../src/protocol/CloseReason.js"
import type { History, LogLine, OperatorAct, Wire } from "./History.js"
import type * as ProtocolModel from "./ProtocolModel.js"
import type { OperatorStep } from "./Step.js"
import { looksLike } from "./WireText.js"

/** Whom the operator's acts concern, and who is banned at a time, according to the protocol. */

/** Whether a subject, as in `a-chat ban`, concerns the clients of a host. */
export const isAddressOf = (subject: string, host: string): boolean => {
  const [, address = "", bits = "32"] = /^address=([^/]*)(?:\/(\d+))?$/u.exec(subject) ?? []
  return address !== "" && numberOf(address) >>> (32 - Number(bits)) === numberOf(host) >>> (32 - Number(bits))
}

const numberOf = (address: string) => address.split(".").reduce((sum, byte) => sum * 256 + Number(byte), 0)

/** Whether a subject concerns the clients with a name. */
export const isNameOf = (subject: string, name: string): boolean =>
  subject.startsWith("name=") && looksLike(subject.slice("name=".length), name)

/** The subject of a step; a kick has the name of a client. */
const subjectOf = (step: OperatorStep) => (step.do === "kick" ? `name=${step.name}` : step.subject)

/** Whether an act may have disconnected clients of a host, or with a name. */
export const isAgainst = ({ step }: OperatorAct, host: string, name: string | undefined): boolean =>
  step.do !== "unban" && (isAddressOf(subjectOf(step), host) || (name !== undefined && isNameOf(subjectOf(step), name)))

/**
 * The turns in which the operator disconnected clients that were connected: not before `from`, and by `to`. Without an
 * entry, no act concerned the client, or it had ended before.
 */
export const expulsions = (
  { acts, wires }: History,
  logs: ReadonlyMap<unknown, LogLine>
): ReadonlyMap<Wire, ProtocolModel.Span> => {
  const found = new Map<Wire, ProtocolModel.Span>()
  if (acts.length === 0) return found
  for (const wire of wires) {
    const log = logs.get(wire.remote)
    const over = log?.turn ?? Infinity
    const later = acts.filter(({ count, order, turn }) => count > 0 && order > wire.accepted.order && turn <= over)
    const byAddress = later.find(({ step }) => isAgainstHost(step, wire.host))
    const name = log?.fields["name"]
    const concerned = later.filter(({ step }) => isAgainstHost(step, wire.host) || mayNameHolder(step, log, name))
    const [first] = concerned
    if (first === undefined) continue
    const isSure = isExpulsion(log?.fields["reason"] as CloseReason | undefined)
    const last = isSure ? (concerned.at(-1)?.turn ?? Infinity) : Infinity
    const surelyByAddress = byAddress !== undefined && byAddress.turn < over ? byAddress.turn : Infinity
    found.set(wire, { from: first.turn, to: Math.min(last, surelyByAddress) })
  }
  return found
}

const isAgainstHost = (step: OperatorStep, host: string) => step.do === "ban" && isAddressOf(subjectOf(step), host)

/** Without a log line the name is not known. */
const mayNameHolder = (step: OperatorStep, log: LogLine | undefined, name: unknown) =>
  step.do !== "unban" &&
  (typeof name === "string"
    ? isNameOf(subjectOf(step), name)
    : log === undefined && subjectOf(step).startsWith("name="))

/**
 * When the last ban ends that these acts leave for whoever is concerned, on the monotonic clock: `Infinity` for never,
 * and
 * `-Infinity` without a ban. A ban that is over still has its end here.
 */
export const bannedUntil = (acts: ReadonlyArray<OperatorAct>, concerns: (subject: string) => boolean): number => {
  const ends = new Map<string, number>()
  for (const { clock, step } of acts) {
    if (step.do === "kick") continue
    const key = [...ends.keys()].find((other) => isSameSubject(other, step.subject)) ?? step.subject
    if (step.do === "ban") ends.set(key, clock + step.millis)
    else ends.delete(key)
  }
  return Math.max(-Infinity, ...[...ends].map(([subject, end]) => (concerns(subject) ? end : -Infinity)))
}

/** When the last ban ends that concerned the address of a connection at its accept. */
export const addressBannedUntil = ({ acts }: History, { accepted, host }: Wire): number =>
  bannedUntil(
    acts.filter(({ order }) => order < accepted.order),
    (subject) => isAddressOf(subject, host)
  )

/** Names that look the same have one ban. */
export const isSameSubject = (one: string, other: string): boolean =>
  one === other || (other.startsWith("name=") && isNameOf(one, other.slice("name=".length)))
