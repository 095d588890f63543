import { signal } from "@preact/signals-core"
import * as RoomReports from "../../client/RoomReports.js"
import { type ShownLine, Timeline } from "./Timeline.js"

/** What the page knows of a conversation besides its lines. */
export interface ConversationState {
  /** Whether it is in the list. */
  readonly isListed: boolean
  /** Whether the user is in the room; true in a conversation with another user. */
  readonly isIn: boolean
  /** The other one is a guest, whose name others may have, too. */
  readonly isWithGuest: boolean
  readonly topic: string
  readonly owner: string | undefined
  readonly isLocked: boolean
  /** The members of a room; undefined until they were requested. */
  readonly members: ReadonlyArray<string> | undefined
  /** The greatest number of a line, as far as it is known, and the last one that the user has read on any device. */
  readonly last: number
  readonly read: number
  /** Lines up to this number were given to a device of the other one. */
  readonly delivered: number
  readonly unread: number
  /** The unread lines that mention the user. */
  readonly mentions: number
  readonly isMuted: boolean
  readonly draft: string
  /** When its last line was stored or came, in milliseconds since 1970. */
  readonly at: number
  /** The read mark when the user came here, after which lines are shown as new; undefined if none were. */
  readonly newAfter: number | undefined
  /** Loading earlier lines, or later ones; or why they did not come. */
  readonly loading: "latest" | "earlier" | "later" | undefined
  readonly failed: string | undefined
}

const initial: ConversationState = {
  isListed: false,
  isIn: true,
  isWithGuest: false,
  topic: "",
  owner: undefined,
  isLocked: false,
  members: undefined,
  last: 0,
  read: 0,
  delivered: 0,
  unread: 0,
  mentions: 0,
  isMuted: false,
  draft: "",
  at: 0,
  newAfter: undefined,
  loading: undefined,
  failed: undefined
}

/** `own` lines are read. */
export type Interest = "own" | "plain" | "mention"

/** A room, or what the user and another one write to each other. */
export class Conversation {
  readonly isRoom: boolean
  readonly timeline = new Timeline()
  /** The lines that are shown: those of the timeline. */
  readonly lines = signal<ReadonlyArray<ShownLine>>([])
  /** The last message, as far as it has come; undefined if none has. */
  readonly lastMessage = signal<ShownLine | undefined>(undefined)
  readonly state = signal(initial)
  /** The last message as the server has said, which may have come without those before it. */
  private past: ShownLine | undefined = undefined

  constructor(readonly name: string) {
    this.isRoom = RoomReports.isRoom(name)
  }

  change(by: Partial<ConversationState>): void {
    this.state.value = { ...this.state.peek(), ...by }
  }

  /** The timeline has changed. */
  show(): void {
    const { isAtEnd, lines } = this.timeline
    this.lines.value = lines
    // After a jump, the last line is a different one, which the list does not show.
    if (isAtEnd) this.lastMessage.value = this.later(lines.findLast(({ kind }) => kind === "message"))
  }

  /** The server says which message is the last one. The timeline does not get it, since those before it are missing. */
  learnLast(line: ShownLine): void {
    this.past = line
    this.lastMessage.value = this.later(this.lastMessage.peek())
  }

  /** By their times: the numbers of a name that has passed to another user begin again. */
  private later(line: ShownLine | undefined): ShownLine | undefined {
    const { past } = this
    return line === undefined || (past !== undefined && past.at > line.at) ? past : line
  }

  /** The server says how far the conversation goes, and how far the user has read it. */
  learn({ at = 0, last, read = 0 }: { readonly last: number; readonly read?: number; readonly at?: number }): void {
    const now = this.state.peek()
    const news = Math.max(0, last - now.last)
    const isListed = now.isListed || this.isRoom || last > read || at > 0
    this.change({ last: Math.max(now.last, last), unread: now.unread + news, at: Math.max(now.at, at), isListed })
    this.readUpTo(read)
  }

  /** A line has come, which has no number if no server keeps it. Returns whether the user has not read it yet. */
  arrived(at: number, seq: number | undefined, interest: Interest): boolean {
    const now = this.state.peek()
    const isNew = seq === undefined || seq > now.last
    const isUnread = interest !== "own" && (seq === undefined || seq > now.read)
    this.change({
      isListed: true,
      at: Math.max(now.at, at),
      last: Math.max(now.last, seq ?? 0),
      unread: now.unread + (isNew && isUnread ? 1 : 0),
      mentions: now.mentions + (isUnread && interest === "mention" ? 1 : 0)
    })
    if (interest === "own" && seq !== undefined) this.readUpTo(seq)
    return isUnread
  }

  /** The read mark only moves forward. Returns whether it has moved. */
  readUpTo(seq: number): boolean {
    const now = this.state.peek()
    if (seq <= now.read) return false
    const unread = Math.min(now.unread, Math.max(0, now.last - seq))
    this.change({ read: seq, unread, mentions: unread === 0 ? 0 : now.mentions })
    return true
  }

  /** The user has seen everything. Returns whether the read mark has moved. */
  readAll(): boolean {
    const now = this.state.peek()
    const hasMoved = this.readUpTo(now.last)
    if (now.unread > 0) this.change({ unread: 0, mentions: 0 })
    return hasMoved
  }

  /** The server has begun from nothing: the numbers mean nothing any more. */
  restart(): void {
    this.timeline.clear()
    this.past = undefined
    this.change({ last: 0, read: 0, delivered: 0, unread: 0, mentions: 0, newAfter: undefined })
    this.show()
  }
}

/** More than a server lists, and the rooms of a client. Bounded, because others begin them. */
const maxConversations = 2_000

/** All conversations of the user. */
export class UserConversations {
  private readonly known = new Map<string, Conversation>()
  private readonly list = signal<ReadonlyArray<Conversation>>([])

  get all(): ReadonlyArray<Conversation> {
    return this.list.value
  }

  find(name: string): Conversation | undefined {
    return this.known.get(name)
  }

  at(name: string): Conversation {
    const known = this.known.get(name)
    if (known !== undefined) return known
    const made = new Conversation(name)
    this.known.set(name, made)
    if (this.known.size > maxConversations) this.forgetOne(made)
    this.list.value = [...this.known.values()]
    return made
  }

  /** Forgets one with another user, if possible one in which nothing is unread. */
  private forgetOne(added: Conversation) {
    const others = [...this.known.values()].filter((one) => one !== added && !one.isRoom)
    const found = others.find(({ state }) => state.peek().unread === 0) ?? others[0]
    if (found !== undefined) this.known.delete(found.name)
  }
}
