import * as RoomReports from "../client/RoomReports.js"

/** A conversation of the user: a room, or the direct messages exchanged with another user. */
export interface KnownConversation {
  /** `#ops`, or the name of the other user. */
  readonly name: string
  readonly isRoom: boolean
  /** Whether it has a number in the list. Old conversations without unread lines have none. */
  readonly isListed: boolean
  /** Whether its unread lines are not listed. */
  readonly isMuted: boolean
  /** The topic of a room, if it is known; otherwise empty. */
  readonly topic: string
  /** The highest known number of its lines. */
  readonly last: number
  /** The lines up to this number have been read, on any device of the account. */
  readonly read: number
  /** The lines up to this number are in the scrollback, or were skipped. */
  readonly shown: number
  /** The lowest line number in the scrollback since the user entered; 0 if there is none. */
  readonly first: number
  readonly unread: number
  /** The number of unread lines that mention the user. */
  readonly mentions: number
  /** The text that was typed there but not sent. */
  readonly draft: string
}

/** The server's facts about a conversation. */
export interface ConversationFacts {
  readonly name: string
  readonly last: number
  /** The read mark of the account; by default the known one. */
  readonly read?: number | undefined
}

/** The place of a line. */
export interface LinePlace {
  readonly conversation: string
  readonly seq: number
  /** When it was stored, in milliseconds since 1970. */
  readonly at: number
  /** Whether the conversation is one with a guest. */
  readonly isWithGuest: boolean
}

/** `own` lines count as read, and `uncounted` ones are of no interest to the user. */
export type LineKind = "own" | "uncounted" | "counted" | "mention"

/** More than a server lists, plus the rooms of a client. Bounded, because other users can begin conversations. */
const maxConversations = 2_000

/** Beyond this number, the conversation that was muted first is forgotten. */
const maxMuted = 1_000

type Mutable = { -readonly [Key in keyof KnownConversation]: KnownConversation[Key] } & {
  /**
   * The last line that has arrived, and whether the conversation is with a guest: another guest may get the same name.
   */
  arrived: number
  arrivedAt: number
  isWithGuest: boolean
}

/**
 * The conversations of the user, with their unread lines. A listed one keeps its number until the program ends, so that
 * a key always goes to the same one.
 */
export class NumberedConversations {
  private readonly known = new Map<string, Mutable>()
  private order: Array<Mutable> = []
  /** Including names that have not occurred in this run yet. */
  private readonly mutedNames = new Set<string>()
  private log = ""

  find(name: string): KnownConversation | undefined {
    return this.known.get(name)
  }

  /** All names, those with a number first. */
  get names(): ReadonlyArray<string> {
    const others = [...this.known.values()].filter(({ isListed }) => !isListed)
    return [...this.order, ...others].map(({ name }) => name)
  }

  /** Those with a number, from 1. */
  get listed(): ReadonlyArray<KnownConversation> {
    return this.order
  }

  get rooms(): ReadonlyArray<string> {
    return this.order.flatMap(({ isRoom, name }) => (isRoom ? [name] : []))
  }

  /** The conversation that the user means by a name, a number, a room's name without `#`, or the start of a name. */
  meant(typed: string): KnownConversation | undefined {
    const exact = this.known.get(typed) ?? this.known.get(`#${typed}`)
    if (exact !== undefined) return exact
    const place = /^[1-9]\d{0,3}$/u.test(typed) ? this.order[Number(typed) - 1] : undefined
    if (place !== undefined) return place
    const start = typed.toLowerCase()
    const all = this.names.map((name) => [name, name.toLowerCase()] as const)
    const [name] = all.find(([, one]) => one.startsWith(start) || one.startsWith(`#${start}`)) ?? []
    return name === undefined ? undefined : this.known.get(name)
  }

  /** The server lists the conversation. */
  learn({ last, name, read = 0 }: ConversationFacts): void {
    const one = this.at(name)
    const news = Math.max(0, last - one.last)
    one.last = Math.max(one.last, last)
    one.unread += news
    this.readUpTo(name, read)
    if (one.isRoom || one.unread > 0) this.list(one)
  }

  /** Renumbers them: rooms by name, then the others in the order in which they became known. */
  arrange(): void {
    const byName = this.order.filter((one) => one.isRoom).toSorted((a, b) => compare(a.name, b.name))
    this.order = [...byName, ...this.order.filter((one) => !one.isRoom)]
  }

  /** The user is in a room, and reads it from here on. Returns whether this is a change. */
  join({ last, name }: ConversationFacts): boolean {
    const isNews = this.known.get(name)?.isListed !== true
    if (isNews) this.learn({ name, last, read: last })
    else this.learn({ name, last })
    return isNews
  }

  /** The user is no longer in a room. Returns whether this is a change. */
  leave(name: string): boolean {
    this.order = this.order.filter((one) => one.name !== name)
    return this.known.delete(name)
  }

  /** Records a line that has arrived. Returns whether it is unread. */
  arrived({ at, conversation, isWithGuest, seq }: LinePlace, kind: LineKind): boolean {
    const one = this.at(conversation)
    const isOther = one.isWithGuest !== isWithGuest || (seq <= one.arrived && at > one.arrivedAt)
    if (isOther && one.arrived > 0) Object.assign(one, unnumbered)
    const isNew = seq > one.last
    if (isNew) one.last = seq
    Object.assign(one, { arrived: seq, arrivedAt: at, isWithGuest })
    this.list(one)
    if (kind === "own") this.readUpTo(conversation, seq)
    if (seq <= one.read || kind === "own" || kind === "uncounted") return false
    if (isNew) one.unread += 1
    if (kind === "mention") one.mentions += 1
    return true
  }

  /** Moves the read mark, only forward. Returns whether it has moved. */
  readUpTo(name: string, seq: number): boolean {
    const one = this.known.get(name)
    if (one === undefined || seq <= one.read) return false
    one.read = seq
    one.unread = Math.min(one.unread, Math.max(0, one.last - seq))
    if (one.unread === 0) one.mentions = 0
    return true
  }

  /** The lines from `first` to `last` are in the scrollback. */
  show(name: string, first: number, last: number): void {
    const one = this.at(name)
    one.last = Math.max(one.last, last)
    one.shown = Math.max(one.shown, last)
    one.first = one.first === 0 ? first : Math.min(one.first, first)
  }

  /** Enters a conversation. */
  enter(name: string): KnownConversation {
    const one = this.at(name)
    one.first = 0
    this.list(one)
    return one
  }

  describe(name: string, topic: string): void {
    const one = this.known.get(name)
    if (one !== undefined) one.topic = topic
  }

  keepDraft(name: string, draft: string): void {
    const one = this.known.get(name)
    if (one !== undefined) one.draft = draft
  }

  /** Mutes or unmutes a conversation; returns whether it is muted now. */
  toggleMuted(name: string): boolean {
    const one = this.at(name)
    one.isMuted = !one.isMuted
    this.mutedNames.delete(name)
    if (one.isMuted) this.mute(name)
    return one.isMuted
  }

  /** Adds the muted conversations of earlier runs. */
  useMuted(names: ReadonlyArray<string>): void {
    for (const name of names) this.mute(name)
  }

  /** The muted conversations, the most recently muted last. */
  get muted(): ReadonlyArray<string> {
    return [...this.mutedNames]
  }

  private mute(name: string) {
    const known = this.known.get(name)
    if (known !== undefined) known.isMuted = true
    this.mutedNames.add(name)
    if (this.mutedNames.size <= maxMuted) return
    for (const first of this.mutedNames) return void this.mutedNames.delete(first)
  }

  /** Sets the server's log id: numbers of another log mean nothing. */
  useLog(log = ""): void {
    if (log === this.log && log !== "") return
    this.log = log
    for (const one of this.known.values()) Object.assign(one, unnumbered)
  }

  /**
   * Conversations with unread lines that are not in view: first those that mention the user, then those with other
   * users, then rooms. A muted one is listed only if the user is mentioned.
   */
  unread(isInSight: (name: string) => boolean): ReadonlyArray<KnownConversation> {
    const all = this.order.filter(
      ({ isMuted, mentions, name, unread }) => (isMuted ? mentions > 0 : unread > 0) && !isInSight(name)
    )
    return all.toSorted((a, b) => importance(a) - importance(b))
  }

  /** The conversation next to the current one in the list; undefined if there is none. */
  neighbour(current: string | undefined, by: 1 | -1): KnownConversation | undefined {
    const { length } = this.order
    const at = this.order.findIndex(({ name }) => name === current)
    if (at < 0) return by === 1 ? this.order[0] : this.order[length - 1]
    return length < 2 ? undefined : this.order[(at + by + length) % length]
  }

  private list(one: Mutable) {
    if (one.isListed) return
    one.isListed = true
    this.order.push(one)
  }

  private at(name: string): Mutable {
    const known = this.known.get(name)
    if (known !== undefined) return known
    const isMuted = this.mutedNames.has(name)
    const about = { isRoom: RoomReports.isRoom(name), isListed: false, isMuted, topic: "", draft: "" }
    const one: Mutable = { ...unnumbered, ...about, name }
    this.known.set(name, one)
    if (this.known.size > maxConversations) this.forgetOne(one)
    return one
  }

  /** Forgets a conversation with a user, if possible one without unread lines. */
  private forgetOne(added: Mutable) {
    const others = [...this.known.values()].filter((one) => one !== added)
    const withUsers = others.filter((one) => !one.isRoom)
    const [forgotten] = [...withUsers.filter(({ unread }) => unread === 0), ...withUsers, ...others]
    if (forgotten !== undefined) this.leave(forgotten.name)
  }
}

const compare = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0)

const importance = ({ isRoom, mentions }: KnownConversation) => (mentions > 0 ? 0 : isRoom ? 2 : 1)

const unnumbered = {
  last: 0,
  read: 0,
  shown: 0,
  first: 0,
  unread: 0,
  mentions: 0,
  arrived: 0,
  arrivedAt: 0,
  isWithGuest: false
} as const
