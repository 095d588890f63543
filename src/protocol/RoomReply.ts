import { listed, notice } from "./Reply.js"

/** The server's reports about rooms (protocol, section 11). */

/** A room, as `/join` and `/rooms` show it. Strings are in wire form. */
export interface RoomFacts {
  readonly name: string
  readonly members: number
  /** The number of the last line. */
  readonly last: number
  readonly isLocked: boolean
  /** The name of the owner's account. */
  readonly owner: string | undefined
  readonly topic: string
}

/** @param isIn whether the client is in the room */
export const room = (
  { isLocked, last, members, name, owner, topic }: RoomFacts,
  isIn: boolean,
  label: string | undefined
): string => {
  const params = [
    name,
    `members=${members}`,
    `last=${last}`,
    ...(isIn ? ["in=yes"] : []),
    ...(isLocked ? ["locked=yes"] : []),
    ...(owner === undefined ? [] : [`owner=${owner}`])
  ]
  return notice("room", params.join(" "), topic, label)
}

export const rooms = (
  all: ReadonlyArray<{ readonly facts: RoomFacts; readonly isIn: boolean }>,
  label: string | undefined
): ReadonlyArray<string> => [
  ...all.map(({ facts, isIn }) => room(facts, isIn, label)),
  notice("end", `rooms count=${all.length}`, "all rooms", label)
]

/**
 * @param names the members, present ones first
 * @param here the number of present members
 */
export const members = (
  name: string,
  names: ReadonlyArray<string>,
  here: number,
  label: string | undefined
): ReadonlyArray<string> => [
  ...listed(names, (joined) => notice("members", `${name} ${names.length} here=${here}`, joined, label)),
  notice("end", `members ${name}`, "all members", label)
]

export const joined = (name: string, member: string, isGuest: boolean): string =>
  notice("joined", `${name} ${member}${isGuest ? " guest=yes" : ""}`, "is in the room")

/** @param by the member that removed them */
export const left = (name: string, member: string, by?: string, label?: string): string =>
  notice("left", `${name} ${member}${by === undefined ? "" : ` by=${by}`}`, "is no longer in the room", label)

/** @param by the member that set it; empty if nobody has */
export const topic = (name: string, by: string, text: string, label?: string): string =>
  notice("topic", by === "" ? name : `${name} ${by}`, text, label)

/** A room passes to another owner. */
export const owner = (name: string, member: string, label?: string): string =>
  notice("owner", `${name} ${member}`, "owns the room from now on", label)

// Actions of owners and the operator. `by` is the name of the one that acts.

/** The name of the server's operator, which no client can have. */
export const operator = "*operator"

/** Sent to the invited account. */
export const invited = (name: string, by: string): string =>
  notice("invited", `${name} ${by}`, "invites you; you can /join this room")

/** Sent to the client that has invited it. */
export const hasInvited = (name: string, account: string, by: string, label?: string): string =>
  notice("invited", `${name} ${account} by=${by}`, "can join the room", label)

export const locked = (name: string, by: string, isLocked: boolean, label?: string): string =>
  isLocked
    ? notice("locked", `${name} ${by}`, "the room is for invited accounts from now on", label)
    : notice("unlocked", `${name} ${by}`, "the room is open to everybody", label)

/** @param until the wall clock, in milliseconds since 1970 */
export const silenced = (name: string, member: string, by: string, until: number, label?: string): string =>
  notice("silenced", `${name} ${member} by=${by} until=${until}`, "may not write in the room for now", label)

export const unsilenced = (name: string, member: string, by: string, label?: string): string =>
  notice("unsilenced", `${name} ${member} by=${by}`, "may write in the room again", label)

/** @param millis the minimum time between two lines of a member; 0 if the limit is lifted */
export const slow = (name: string, by: string, millis: number, label?: string): string =>
  notice("slow", `${name} ${by} millis=${millis}`, "the shortest time between two lines of a member", label)
