import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as ValidationError from "@effect/cli/ValidationError"
import * as AcceptLoop from "../../chat/AcceptLoop.js"
import * as ChatOptions from "../../chat/Options.js"
import type { Descriptors } from "../../transport/Descriptors.js"
import * as Flags from "../settings/Flags.js"

/** What a server may be limited to: each limit with its range; the defaults are the chat's own. */

const KiB = 2 ** 10
const MiB = 2 ** 20
const GiB = 2 ** 30
const seconds = 1000
const minutes = 60 * seconds

const ranges = {
  maxConnections: { min: 1, max: 100_000 },
  maxConnectionsPerAddress: { min: 1, max: 100_000, off: true },
  connectsPerAddress: { min: 1, max: 1_000_000, off: true },
  ratePerAddress: { min: 1, max: 10_000_000, off: true },
  burstPerAddress: { min: 1, max: 10_000_000 },
  maxLine: { min: 64, max: MiB },
  maxRecipients: { min: 1, max: 100_000 },
  loginTimeout: { min: 100, max: 10 * minutes },
  holdTimeout: { min: 10, max: 10 * minutes },
  stallTimeout: { min: 100, max: 60 * minutes },
  grace: { min: 0, max: 10 * minutes },
  returnAfter: { min: 0, max: 60 * minutes },
  outboxLines: { min: 16, max: 10_000_000 },
  outboxBytes: { min: KiB, max: GiB },
  maxOutcomes: { min: 1, max: 10_000_000 },
  rate: { min: 1, max: 1_000_000, off: true }
} satisfies Record<string, Flags.Range>

/** Descriptors that are for nobody's connection: listeners, probes, a file that is read. */
const reservedDescriptors = 16

const { defaults } = ChatOptions

const countOrOff = (value: number) => (value === 0 ? "off" : Flags.showCount(value))

export const flags = {
  maxConnections: Flags.count(
    "max-connections",
    {
      about: "Connections served at once; the next one is refused",
      fallback: "what the descriptor limit (ulimit -n) leaves, less a sixteenth to answer those who are refused"
    },
    ranges.maxConnections
  ),
  maxConnectionsPerAddress: Flags.count(
    "max-connections-per-address",
    {
      about: "Connections served at once from one address (of IPv6: from one /64 network)",
      fallback: countOrOff(defaults.maxConnectionsPerAddress)
    },
    ranges.maxConnectionsPerAddress
  ),
  connectsPerAddress: Flags.count(
    "connects-per-address",
    { about: "New connections a minute from one address", fallback: countOrOff(defaults.connectsPerAddress) },
    ranges.connectsPerAddress
  ),
  ratePerAddress: Flags.count(
    "rate-per-address",
    {
      about: "Lines a second that all clients from one address may send together",
      fallback: countOrOff(defaults.ratePerAddress)
    },
    ranges.ratePerAddress
  ),
  burstPerAddress: Flags.count(
    "burst-per-address",
    {
      about: "Lines that they may send at once before --rate-per-address counts",
      fallback: Flags.showCount(defaults.burstPerAddress)
    },
    ranges.burstPerAddress
  ),
  limitLoopback: Flags.toggle(
    "limit-loopback",
    "Let the limits per address hold for this machine's own addresses, too"
  ),
  maxLine: Flags.bytes(
    "max-line",
    { about: "Longest line, in bytes without its end", fallback: Flags.showBytes(defaults.maxLineBytes) },
    ranges.maxLine
  ),
  maxRecipients: Flags.count(
    "max-recipients",
    { about: "Most recipients of one line", fallback: Flags.showCount(defaults.maxRecipients) },
    ranges.maxRecipients
  ),
  loginTimeout: Flags.duration(
    "login-timeout",
    { about: "Time from connecting to a login", fallback: Flags.showDuration(defaults.loginTimeout) },
    ranges.loginTimeout
  ),
  holdTimeout: Flags.duration(
    "hold-timeout",
    {
      about: "Time for which a recipient that takes nothing holds its senders back; then they are told that it is busy",
      fallback: Flags.showDuration(defaults.holdTimeout)
    },
    ranges.holdTimeout
  ),
  stallTimeout: Flags.duration(
    "stall-timeout",
    {
      about: "Time after which a recipient that takes nothing is closed; no shorter than --hold-timeout",
      fallback: Flags.showDuration(defaults.stallTimeout)
    },
    ranges.stallTimeout
  ),
  grace: Flags.duration(
    "grace",
    {
      about: "Time to deliver what was accepted, after SIGTERM or SIGINT",
      fallback: Flags.showDuration(defaults.grace)
    },
    ranges.grace
  ),
  returnAfter: Flags.duration(
    "return-after",
    {
      about: "When clients that said /hello are told to come back after a shutdown began; spread over as much again",
      fallback: Flags.showDuration(defaults.returnAfter)
    },
    ranges.returnAfter
  ),
  outboxLines: Flags.count(
    "outbox-lines",
    {
      about: "Lines that wait for one recipient before its senders are held back",
      fallback: Flags.showCount(defaults.outboxLines)
    },
    ranges.outboxLines
  ),
  outboxBytes: Flags.bytes(
    "outbox-bytes",
    {
      about: "Bytes that wait for one recipient before its senders are held back",
      fallback: Flags.showBytes(defaults.outboxBytes)
    },
    ranges.outboxBytes
  ),
  maxOutcomes: Flags.count(
    "max-outcomes",
    {
      about: "Outcomes of labelled lines that one client may be waiting for before it is held back",
      fallback: Flags.showCount(defaults.maxOutcomes)
    },
    ranges.maxOutcomes
  ),
  rate: Flags.count(
    "rate",
    { about: "Lines a second that one client may send", fallback: countOrOff(defaults.rate) },
    ranges.rate
  )
}

export type Given = { readonly [Name in keyof typeof flags]: Flags.Value<(typeof flags)[Name]> }

/** The limits that were given; the chat has defaults for the others. */
export const resolve = (given: Given): Effect.Effect<Partial<ChatOptions.Options>, ValidationError.ValidationError> => {
  const hold = Flags.valueOr(given.holdTimeout, defaults.holdTimeout)
  const stall = Flags.valueOr(given.stallTimeout, defaults.stallTimeout)
  if (Duration.lessThan(stall, hold)) {
    const [shown, limit] = [stall, hold].map(Flags.showDuration)
    return Effect.fail(Flags.invalid(`--stall-timeout: ${shown} is shorter than --hold-timeout, ${limit}`))
  }
  return Effect.succeed({
    ...entry("maxConnections", given.maxConnections),
    ...entry("maxConnectionsPerAddress", given.maxConnectionsPerAddress),
    ...entry("connectsPerAddress", given.connectsPerAddress),
    ...entry("ratePerAddress", given.ratePerAddress),
    ...entry("burstPerAddress", given.burstPerAddress),
    ...entry("limitLoopback", given.limitLoopback),
    ...entry("maxLineBytes", given.maxLine),
    ...entry("maxRecipients", given.maxRecipients),
    ...entry("loginTimeout", given.loginTimeout),
    ...entry("holdTimeout", given.holdTimeout),
    ...entry("stallTimeout", given.stallTimeout),
    ...entry("grace", given.grace),
    ...entry("returnAfter", given.returnAfter),
    ...entry("outboxLines", given.outboxLines),
    ...entry("outboxBytes", given.outboxBytes),
    ...entry("maxOutcomes", given.maxOutcomes),
    ...entry("rate", given.rate)
  })
}

const entry = <Name extends keyof ChatOptions.Options>(
  name: Name,
  given: Option.Option<Flags.Given<ChatOptions.Options[Name]>>
): Partial<ChatOptions.Options> => (Option.isSome(given) ? { [name]: given.value.value } : {})

/**
 * How many connections may be served: as many as wanted, or else as allowed, but never more than there are descriptors
 * for, since above that the system closes connections without a word.
 */
export const connections = (wanted: number | undefined, descriptors: Pick<Descriptors, "limit" | "open">): number => {
  const left = descriptors.limit - descriptors.open - reservedDescriptors
  const most = left - AcceptLoop.refusalSlots(left)
  return Math.max(ranges.maxConnections.min, Math.min(wanted ?? ranges.maxConnections.max, most))
}
