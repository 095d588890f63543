import * as PastReports from "../client/PastReports.js"
import type { Received } from "../client/Received.js"
import * as RoomReports from "../client/RoomReports.js"
import type { NumberedConversations } from "./NumberedConversations.js"
import type { Marks } from "./Display.js"
import * as Format from "./Format.js"
import type { People } from "./People.js"
import { PresenceNotices } from "./PresenceNotices.js"
import type { RequestQueue } from "./RequestQueue.js"
import { span } from "./Row.js"
import type { Transcript } from "./Transcript.js"

/** The prefixes of labels of the program's requests: the members and the topic of a room, and joining it again. */
export const membersLabel = "room-members"
export const topicLabel = "room-topic"
export const againLabel = "room-again"
/** The start of the labels of read marks, which the program reports. */
export const readLabel = "read"
/** Label of a command that the user has typed: its reply is shown in any conversation. */
export const askedLabel = "asked"
/** Label of the `/join` that the user has typed. */
export const joinLabel = "room-join"

type Refused = Extract<Received, { readonly _tag: "Refused" }>

export interface RoomLinesOptions {
  readonly marks: Marks
  readonly people: People
  readonly transcript: Transcript
  readonly conversations: NumberedConversations
  readonly requests: RequestQueue
  /** How long a member stays in a room, or away, before the change is shown. */
  readonly settleMillis: number
  readonly isInSight: (name: string) => boolean
  readonly isGuest: () => boolean
  readonly showsJoins: () => boolean
  /** Called when the user is in a room, because they have typed `/join`. */
  readonly onJoin: (room: string) => void
  /** Called when the user is in a room again, after a break. */
  readonly onAgain: (room: string) => void
  /** Called when the user is no longer in a room. */
  readonly onLeave: (room: string) => void
  /** Called when members have joined or left, which is shown after a delay. */
  readonly onPresence: () => void
  /** Monotonic milliseconds. */
  readonly now: () => number
}

/** The most rows or names of a reply that are shown; others are only counted. */
const maxRooms = 200
const maxNames = 500

/** The most members of a room. Bounded, because the server chooses them. */
const maxMembers = 10_000

/** Shows the server's reports about rooms, and tracks their members. */
export class RoomLines {
  private readonly members = new Map<string, Set<string>>()
  private readonly presence = new Map<string, PresenceNotices>()
  /** Names received so far of a reply to `/members`, which may take several lines. */
  private listed: Array<string> = []
  private rooms = 0

  constructor(private readonly options: RoomLinesOptions) {}

  /** The known members of a room. */
  membersOf(room: string): Iterable<string> {
    return this.members.get(room) ?? []
  }

  /** Whether the members of a room have been requested on this connection. */
  knows(room: string): boolean {
    return this.members.has(room)
  }

  /** A new connection: the known facts may have changed. */
  connected(): void {
    this.members.clear()
    this.presence.clear()
    this.listed = []
    this.rooms = 0
  }

  /** Requests the details that are shown when the user enters a room. */
  expect(room: string): void {
    this.members.set(room, new Set())
  }

  /** Handles the refusal of one of the program's requests; returns whether it need not be shown. */
  refused({ label = "", values }: Refused): boolean {
    const { requests } = this.options
    if (label.startsWith(againLabel)) {
      const [, room = ""] = requests.command(label)?.split(" ") ?? []
      this.gone(room, values.get("reason"))
      return true
    }
    return label.startsWith(membersLabel) || label.startsWith(topicLabel) || label.startsWith(readLabel)
  }

  /** The user turns out to be no longer in a room. */
  gone(room: string, why = ""): void {
    const { conversations, marks, onLeave, transcript } = this.options
    if (!conversations.leave(room)) return
    transcript.print(Format.failed(`you are not in ${room} any more${why === "" ? "" : `: ${why}`}`, marks))
    onLeave(room)
  }

  /** Handles a line from the server if it is about rooms; returns whether it is. */
  take(received: Received): boolean {
    const label = "label" in received ? received.label : undefined
    const room = RoomReports.roomIn(received)
    if (room !== undefined) this.takeRoom(room, label)
    const members = RoomReports.membersIn(received)
    if (members !== undefined) this.takeMembers(members, label)
    const notice = RoomReports.roomNoticeIn(received)
    if (notice !== undefined) this.takeNotice(notice, label)
    const end = PastReports.endIn(received)
    if (end !== undefined) this.takeEnd(end.what)
    return (room ?? members ?? notice ?? end) !== undefined
  }

  private takeRoom(report: RoomReports.RoomReport, label: string | undefined) {
    const { conversations, onAgain, onJoin } = this.options
    const { last, room, topic } = report
    if (label === joinLabel || label?.startsWith(againLabel) === true) {
      conversations.join({ name: room, last })
      conversations.describe(room, topic)
      return label === joinLabel ? onJoin(room) : onAgain(room)
    }
    this.rooms += 1
    if (this.rooms <= maxRooms) this.print(describe(report))
  }

  private takeMembers({ count, here, names, room }: RoomReports.MembersReport, label: string | undefined) {
    if (label?.startsWith(membersLabel) === true) {
      const known = this.members.get(room) ?? new Set()
      for (const name of names) if (known.size < maxMembers) known.add(name)
      this.members.set(room, known)
      return
    }
    this.listed.push(...names.slice(0, Math.max(0, maxMembers - this.listed.length)))
    if (names.length > 0 && this.listed.length < Math.min(count, maxMembers)) return
    const all = this.listed
    this.listed = []
    const { marks, transcript } = this.options
    transcript.print(Format.members(room, all.slice(0, here), all.slice(here), maxNames, marks))
  }

  private takeEnd(what: string) {
    if (what !== "rooms") return
    if (this.rooms === 0) this.print("no rooms; /join #NAME makes one")
    if (this.rooms > maxRooms) this.print(`and ${this.rooms - maxRooms} more`)
    this.rooms = 0
  }

  private takeNotice(notice: RoomReports.RoomNotice, label: string | undefined) {
    const { room } = notice
    const isAsked = label === askedLabel
    switch (notice._tag) {
      case "Joined":
        for (const name of notice.names) this.joined(room, name)
        break
      case "Left":
        for (const name of notice.names) this.left(room, name, notice.by, isAsked)
        break
      case "Topic":
        this.options.conversations.describe(room, notice.topic)
        if (label?.startsWith(topicLabel) !== true) this.printIn(room, topicText(notice), isAsked)
        break
      case "Owner":
        this.printIn(room, `${notice.name} owns ${room}`, isAsked)
        break
      case "Locked":
        this.printIn(room, lockedText(room, notice.isLocked), isAsked)
        break
      case "Slow":
        this.printIn(room, slowText(room, notice.millis), isAsked)
        break
      case "Silenced":
        this.printIn(room, silencedText(notice), isAsked || notice.name === this.options.people.own)
        break
      case "Invited":
        this.print(
          isAsked ? `${notice.by} may join ${room}` : `${whoIs(notice.by)} invites you to ${room}; /join ${room}`
        )
    }
  }

  private joined(room: string, name: string) {
    const { conversations, isInSight, now, people } = this.options
    // Joined on another device of the account.
    if (name === people.own) return void conversations.join({ name: room, last: 0 })
    const members = this.members.get(room)
    if (members !== undefined && members.size < maxMembers) members.add(name)
    if (isInSight(room) && !people.isIgnored(name)) this.presenceIn(room).joined(name, now())
  }

  private left(room: string, name: string, by: string | undefined, isAsked: boolean) {
    const { conversations, isGuest, isInSight, marks, now, onLeave, people, requests, transcript } = this.options
    if (name === people.own) {
      // A guest has registered, and the store failed to make the account a member: the client joins again.
      if (by === undefined && !isAsked && isGuest() && conversations.rooms.includes(room)) {
        return requests.askAs(againLabel, `/join ${room}`)
      }
      this.members.delete(room)
      this.presence.delete(room)
      if (!conversations.leave(room)) return
      if (by === undefined || by === name) this.print(`you have left ${room}`)
      else transcript.print(Format.failed(`${whoIs(by)} has removed you from ${room}`, marks))
      return onLeave(room)
    }
    this.members.get(room)?.delete(name)
    if (!(isInSight(room) || isAsked) || people.isIgnored(name)) return
    if (by !== undefined) this.print(`${whoIs(by)} has removed ${name} from ${room}`)
    else this.presenceIn(room).left(name, now())
  }

  private presenceIn(room: string): PresenceNotices {
    const known = this.presence.get(room)
    if (known !== undefined) return known
    const made = new PresenceNotices(this.options.settleMillis)
    this.presence.set(room, made)
    this.options.onPresence()
    return made
  }

  /** A member has written, so their joining need not be shown. */
  wrote(room: string, name: string): void {
    this.presence.get(room)?.wrote(name)
    const members = this.members.get(room)
    if (members !== undefined && members.size < maxMembers) members.add(name)
  }

  /** Shows members who have joined and stayed, or left and stayed away; returns whether others wait. */
  showSettledPresence(): boolean {
    const { isInSight, now, showsJoins } = this.options
    for (const [room, presence] of this.presence) {
      const text = presence.takeSettled(now())
      if (text !== "" && showsJoins() && isInSight(room)) this.print(`${room}: ${text}`)
      if (presence.isEmpty) this.presence.delete(room)
    }
    return this.presence.size > 0
  }

  /** Shows an event in a room if the room is in view, or if the event concerns the user. */
  private printIn(room: string, text: string, isForUser: boolean) {
    if (isForUser || this.options.isInSight(room)) this.print(text)
  }

  private print(text: string) {
    this.options.transcript.print([span(`${this.options.marks.quiet} ${text}`, "quiet")])
  }
}

/** `#ops: 5 members, you are in it, locked, owned by carol: Deployments` */
const describe = ({ isIn, isLocked, members, owner, room, topic }: RoomReports.RoomReport): string => {
  const facts = [
    members === 1 ? "1 member" : `${members} members`,
    ...(isIn ? ["you are in it"] : []),
    ...(isLocked ? ["locked"] : []),
    ...(owner === undefined ? [] : [`owned by ${owner}`])
  ]
  return `${room}: ${facts.join(", ")}${topic === "" ? "" : `: ${topic}`}`
}

const topicText = ({ name, room, topic }: Extract<RoomReports.RoomNotice, { readonly _tag: "Topic" }>): string => {
  if (topic === "") return `${room} has no topic; /topic TEXT sets one`
  return `topic of ${room}${name === undefined ? "" : `, by ${whoIs(name)}`}: ${topic}`
}

/** The server's operator has no name. */
const whoIs = (name = "someone"): string => (name === "*operator" ? "the operator" : name)

const lockedText = (room: string, isLocked: boolean): string =>
  `${room} is ${isLocked ? "locked: only invited accounts can join" : "open to all"}`

const slowText = (room: string, millis: number): string =>
  millis === 0
    ? `${room}: members may write as often as they like`
    : `${room}: members may write once in ${Math.ceil(millis / 1000)} s`

const silencedText = ({ by, name, room, until }: Extract<RoomReports.RoomNotice, { readonly _tag: "Silenced" }>) => {
  const whose = by === undefined ? "" : `, by ${whoIs(by)}`
  if (until === undefined) return `${room}: ${name} may write again${whose}`
  return `${room}: ${name} is silenced${until === Infinity ? "" : ` until ${timeOf(until)}`}${whose}`
}

/** A time of day, in local time. */
const timeOf = (at: number): string => {
  const time = new Date(at)
  return [time.getHours(), time.getMinutes()].map((part) => String(part).padStart(2, "0")).join(":")
}
