import type * as Fate from "./Fate.js"
import * as Name from "./Name.js"
import { listed, notice, refusal } from "./Reply.js"

/** The outcomes of messages (protocol, sections 3, 7 and 10). */

/** Why a message did not reach a recipient. */
export type UndeliveredReason =
  | "offline"
  | "disconnected"
  | "busy"
  | "slow"
  | "unreachable"
  | "full"
  | "unavailable"
  | "expired"
  | "removed"
  | "no-room"
  | "not-member"
  | "silenced"
  | "slow-mode"
  | "node-lost"

/** Why a line to an absent name returns. */
export type AbsentReason = "offline" | "no-room"

/** Why a line returns at once while its recipient makes no progress. */
export type JamReason = "busy" | "unavailable"

/** Whether a line returned for this reason is worth sending again after a while. */
export const isJam = (reason: UndeliveredReason): reason is JamReason => reason === "busy" || reason === "unavailable"

const undeliveredText: Record<UndeliveredReason, string> = {
  offline: "no recipient of that name is online",
  disconnected: "disconnected before the line was written, or before it was acknowledged",
  busy: "not reading at the moment",
  slow: "disconnected by the server because it was not reading",
  unreachable: "disconnected by the server because it did not answer; it may have read the line",
  full: "too many lines wait for this account; it must read some first",
  unavailable: "the server cannot store or deliver lines at the moment",
  expired: "was not read in time",
  removed: "the account was removed",
  "no-room": "there is no such room",
  "not-member": "you are not in this room; /join it first",
  silenced: "you may not write in this room for now",
  "slow-mode": "this room is in slow mode; wait before your next line",
  "node-lost": "the server that had the line was lost; the line may have arrived"
}

export const undeliveredReasons = Object.keys(undeliveredText)

export const isReason = (word: string): word is UndeliveredReason => Object.hasOwn(undeliveredText, word)

/** Reasons for which a line is returned immediately, without waiting in a queue. */
const refusedAtOnce: ReadonlySet<UndeliveredReason> = new Set([
  "offline",
  "busy",
  "unavailable",
  "no-room",
  "not-member",
  "silenced",
  "slow-mode"
])

/** Names suggested in the text of an `undelivered`. Few people would read more. */
const maxSuggested = 3

export const undelivered = (options: {
  readonly names: ReadonlyArray<string>
  readonly reason: UndeliveredReason
  /** The number of returned lines. */
  readonly count: number
  readonly label?: string | undefined
  readonly retryMillis?: number | undefined
  /** The name of a recipient that looks the same as this absent one, if there is one. */
  readonly lookAlike?: ((name: string) => string | undefined) | undefined
}): ReadonlyArray<string> => {
  const { count, label, lookAlike = () => undefined, names, reason, retryMillis } = options
  const retry = retryMillis === undefined ? "" : ` retry=${retryMillis}`
  // A single line that was refused has no count. Lines that return from a queue always have one.
  const isImmediate = refusedAtOnce.has(reason)
  const counted = (count > 1 || !isImmediate) && label === undefined
  const found = names.map(lookAlike)
  // A recipient may have logged in since: other clients are handled between a line and its reply.
  const addressed = new Set(found.some((name) => name !== undefined) ? names : [])
  const likes = found.map((name) => (name === undefined || addressed.has(name) ? undefined : name))
  const render = (joined: string, start: number, end: number) => {
    const present = [...new Set(likes.slice(start, end).flatMap((name) => name ?? []))]
    const like = present.length === 0 ? "" : ` like=${present.join("+")}`
    const suggestion = present.length === 0 ? "" : `; did you mean ${present.slice(0, maxSuggested).join(", ")}?`
    const params = `${joined} reason=${reason}${retry}${like}${counted ? ` count=${count}` : ""}`
    return refusal("undelivered", params, `${undeliveredText[reason]}${suggestion}`)(label)
  }
  return listed(names, render, (position) => likes[position]?.length ?? 0)
}

/**
 * The outcome of a labelled line for recipients that have it. The fate is the code.
 *
 * @param params each after a space
 */
export const delivered = (
  fate: Fate.Delivered,
  label: string,
  names: ReadonlyArray<string>,
  params = ""
): ReadonlyArray<string> => listed(names, (joined) => notice(fate, joined + params, fate, label))

/** Reports stored lines that no device of their recipient has got. */
export const returned = ({
  count,
  first,
  last,
  reason,
  recipient
}: {
  readonly recipient: string
  readonly reason: "expired" | "removed"
  readonly first: number
  readonly last: number
  readonly count: number
}): string =>
  refusal(
    "undelivered",
    `${Name.show(recipient)} reason=${reason} first=${first} last=${last} count=${count}`,
    undeliveredText[reason]
  )(undefined)

/** Reports that a device of the recipient has got all lines up to this one. */
export const given = (recipient: string, seq: number): string =>
  notice("delivered", `${recipient} seq=${seq}`, "given to a device")
