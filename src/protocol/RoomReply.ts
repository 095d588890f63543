import { listed, notice } from "./Reply.js"

/** What the server says about rooms (protocol, section 11). */

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
 * @param names the members, those first that are present
 * @param here how many of them are present
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

/** @param by who has removed the member */
export const left = (name: string, member: string, by?: string, label?: string): string =>
  notice("left", `${name} ${member}${by === undefined ? "" : ` by=${by}`}`, "is no longer in the room", label)

/** @param by who set it; empty if nobody has */
export const topic = (name: string, by: string, text: string, label?: string): string =>
  notice("topic", by === "" ? name : `${name} ${by}`, text, label)

/** A room passes to another owner. */
export const owner = (name: string, member: string): string =>
  notice("owner", `${name} ${member}`, "owns the room from now on")
