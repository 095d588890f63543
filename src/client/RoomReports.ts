import { numberIn, type Received, type Report } from "./Received.js"

/** A server's reports about rooms. Each function is total: undefined means that the line is about something else. */

/** A room, as in the replies to `/join` and `/rooms`. */
export interface RoomReport {
  /** With its `#`. */
  readonly room: string
  readonly members: number
  /** The number of its last line; 0 if there is none. */
  readonly last: number
  /** Whether the client is in the room. Only `/rooms` reports it; after `/join` it always is. */
  readonly isIn: boolean
  readonly isLocked: boolean
  /** The account that owns the room; undefined if a guest created it. */
  readonly owner: string | undefined
  /** The topic; empty if there is none. */
  readonly topic: string
}

/** The room in a line: `* room #ops members=N last=SEQ in=yes locked=yes owner=NAME: TOPIC`. */
export const roomIn = (received: Received): RoomReport | undefined => {
  const report = noticeOf(received, "room")
  const room = roomOf(report)
  if (report === undefined || room === undefined) return undefined
  const { values } = report
  return {
    room,
    members: numberIn(values.get("members")) ?? 0,
    last: numberIn(values.get("last")) ?? 0,
    isIn: values.get("in") === "yes",
    isLocked: values.get("locked") === "yes",
    owner: values.get("owner"),
    topic: report.text
  }
}

/** Members of a room, which may be listed in several lines. */
export interface MembersReport {
  readonly room: string
  /** All members of the room. */
  readonly count: number
  /** How many of them are present. They come first. */
  readonly here: number
  /** The members that this line lists. */
  readonly names: ReadonlyArray<string>
}

/** The members in a line: `* members #ops N here=M: alice, bob`. */
export const membersIn = (received: Received): MembersReport | undefined => {
  const report = noticeOf(received, "members")
  const room = roomOf(report)
  const count = numberIn(report?.words[1])
  if (report === undefined || room === undefined || count === undefined) return undefined
  const names = report.text.split(", ").filter((name) => name !== "")
  return { room, count, here: numberIn(report.values.get("here")) ?? 0, names }
}

/** Something that has happened in a room. `names` and `name` are those of clients and accounts. */
export type RoomNotice =
  | {
      readonly _tag: "Joined"
      readonly room: string
      readonly names: ReadonlyArray<string>
      readonly areGuests: boolean
    }
  | {
      readonly _tag: "Left"
      readonly room: string
      readonly names: ReadonlyArray<string>
      /** The member that has removed them; undefined if they have left by themselves. */
      readonly by: string | undefined
    }
  | { readonly _tag: "Topic"; readonly room: string; readonly name: string | undefined; readonly topic: string }
  | { readonly _tag: "Owner"; readonly room: string; readonly name: string }
  | { readonly _tag: "Locked"; readonly room: string; readonly isLocked: boolean }
  | {
      readonly _tag: "Silenced"
      readonly room: string
      readonly name: string
      readonly by: string | undefined
      /** In milliseconds since 1970; undefined if the member may write again. */
      readonly until: number | undefined
    }
  /** The minimum time between two lines of one member has changed. */
  | {
      readonly _tag: "Slow"
      readonly room: string
      /** In milliseconds; 0 for none. */
      readonly millis: number
    }
  /** This client's account is invited to a locked room. */
  | { readonly _tag: "Invited"; readonly room: string; readonly by: string | undefined }

/** The notice about a room in a line: `* joined #ops NAME`, `* topic #ops NAME: TEXT`, and so on. */
export const roomNoticeIn = (received: Received): RoomNotice | undefined => {
  if (received._tag !== "Notice") return undefined
  const { code, text, values, words } = received
  const room = roomOf(received)
  if (room === undefined) return undefined
  const [, ...names] = words
  const [name] = names
  switch (code) {
    case "joined":
      return name === undefined ? undefined : { _tag: "Joined", room, names, areGuests: values.get("guest") === "yes" }
    case "left":
      return name === undefined ? undefined : { _tag: "Left", room, names, by: values.get("by") }
    case "topic":
      return { _tag: "Topic", room, name, topic: text }
    case "owner":
      return name === undefined ? undefined : { _tag: "Owner", room, name }
    case "locked":
    case "unlocked":
      return { _tag: "Locked", room, isLocked: code === "locked" }
    case "silenced":
    case "unsilenced": {
      if (name === undefined) return undefined
      const until = code === "silenced" ? (numberIn(values.get("until")) ?? Infinity) : undefined
      return { _tag: "Silenced", room, name, by: values.get("by"), until }
    }
    case "slow":
      return { _tag: "Slow", room, millis: numberIn(values.get("millis")) ?? 0 }
    case "invited":
      return { _tag: "Invited", room, by: name }
    default:
      return undefined
  }
}

/** Whether a name is that of a room. */
export const isRoom = (name: string): boolean => name.startsWith("#")

/** A `*` line with this code. */
export const noticeOf = (received: Received, code: string): Report | undefined =>
  received._tag === "Notice" && received.code === code ? received : undefined

/** The room that a report is about: its first word. */
const roomOf = (report: Report | undefined) => {
  const [room] = report?.words ?? []
  return room !== undefined && isRoom(room) ? room : undefined
}
