import * as PastReports from "./PastReports.js"
import * as Received from "./Received.js"
import * as RoomReports from "./RoomReports.js"
import * as PastReply from "../protocol/PastReply.js"

/**
 * The lines of rooms over all connections of a client, in order, without gaps and without repeats.
 *
 * A guest is a member of a room only while it is connected. On each connection it joins again, and reads the missed
 * lines from the room's log; lines that arrive meanwhile wait. An account needs this only to begin in the past: its
 * device has a place in the log, where the server continues.
 */

/** The place where a client begins in a room. By default after the last line. */
export interface RoomStart {
  /** The number of the line before the first. */
  readonly after?: number | undefined
  /** The time of the first line, in milliseconds since 1970. */
  readonly since?: number | undefined
}

/** A client's place in a room. */
interface RoomPlace extends RoomStart {
  /** Whether the client has been in the room before, and has got its lines up to this place. */
  readonly wasIn: boolean
}

/** The rooms that a client follows, over all its connections. */
export class FollowedRooms {
  private readonly places = new Map<string, RoomPlace>()
  /** The last lines of rooms that are not followed, because the reply to `/join` may be late. */
  private readonly others = new Map<string, number>()
  private log: string | undefined = undefined

  /** Begins to follow a room with the next connection. */
  follow(room: string, start: RoomStart = {}): void {
    this.places.set(room, { ...start, wasIn: false })
  }

  /** Records that the client has joined the room on this connection, after the line with this number. */
  joined(room: string, last: number): void {
    this.places.set(room, { after: Math.max(last, this.others.get(room) ?? 0), wasIn: true })
    this.others.delete(room)
  }

  unfollow(room: string): void {
    this.places.delete(room)
  }

  get names(): ReadonlyArray<string> {
    return [...this.places.keys()]
  }

  place(room: string): RoomPlace | undefined {
    return this.places.get(room)
  }

  /** The past of the room has been read: further lines are new. */
  isIn(room: string): void {
    const place = this.places.get(room)
    if (place !== undefined) this.places.set(room, { ...place, wasIn: true })
  }

  /** Records that the program has got this line, and all before it. */
  passed(room: string, seq: number): void {
    const place = this.places.get(room)
    if (place !== undefined) this.places.set(room, { ...place, after: Math.max(seq, place.after ?? 0) })
    else if (this.others.size < maxOthers || this.others.has(room)) this.others.set(room, seq)
  }

  /** Sets the server's log id. Numbers of another log mean nothing. */
  useLog(log: string | undefined): void {
    if (this.log !== undefined && this.log !== log) {
      this.others.clear()
      for (const room of this.names) this.follow(room)
    }
    this.log = log
  }
}

/** The most such rooms. No client is in more. */
const maxOthers = 1000

/** The most lines that wait while the past is read. If more arrive, the rest of the past becomes a gap. */
const maxHeld = 10_000

export interface RoomFeedOptions<Item> {
  readonly rooms: FollowedRooms
  /** The client's own name. */
  readonly name: string
  /** Whether the client is a device of an account. */
  readonly isOfAccount: boolean
  /** Sends a line in ordinary text, without its LF. */
  readonly post: (line: string) => void
  /** Makes the item for a line that the server has sent in another form. */
  readonly item: (line: string) => Item
  /** Called with each item that `take` does not return. */
  readonly drop: (item: Item) => void
}

/** A line of a room that arrived before the past was read. */
interface HeldLine<Item> {
  readonly seq: number
  readonly item: Item
}

interface OpenRoom<Item> {
  readonly room: string
  /** `live`: lines are passed on as they arrive. */
  phase: "joining" | "past" | "live"
  held: Array<HeldLine<Item>>
  /** The lines of a page after a gap in their numbers: only the end of the page names the damaged lines. */
  page: Array<PastReports.PastLine>
  /** The number of the line before the page. */
  before: number
  /** The number of the last line when the client joined. */
  last: number
  /** Whether the client has been in the room on an earlier connection. */
  readonly isAgain: boolean
}

/** The rooms on one connection. Takes every line of the server, in order. */
export class RoomFeed<Item> {
  private readonly open = new Map<string, OpenRoom<Item>>()
  private readonly asked = new Map<string, { readonly room: OpenRoom<Item>; readonly line: string }>()
  private labels = 0

  constructor(private readonly options: RoomFeedOptions<Item>) {}

  /** Joins the rooms that are followed. Call once the client is logged in and has greeted with `seq`. */
  start(): void {
    const { isOfAccount, rooms } = this.options
    for (const name of rooms.names) {
      const isAgain = rooms.place(name)?.wasIn === true
      // An account stays a member while it is away, and the server continues at its device's place.
      if (isAgain && isOfAccount) continue
      const room: OpenRoom<Item> = { room: name, phase: "joining", held: [], page: [], before: 0, last: 0, isAgain }
      this.open.set(name, room)
      this.ask(room, `/join ${name}`)
    }
  }

  /** Whether the past of all rooms has been read. */
  get isLive(): boolean {
    for (const { phase } of this.open.values()) if (phase !== "live") return false
    return true
  }

  /** The items to pass on when this line arrives: none, the line, or lines that have waited for it. */
  take(line: string, item: Item): ReadonlyArray<Item> {
    if (line.startsWith("from ")) {
      // Nearly all lines are direct messages.
      if (!line.includes(" #")) return [item]
      const message = Received.parse(line)
      return message._tag === "Message" ? this.takeMessage(message, item) : [item]
    }
    const received = Received.parse(line)
    if (received._tag !== "Notice" && received._tag !== "Refused") return [item]
    const question = received.label === undefined ? undefined : this.asked.get(received.label)
    if (question !== undefined) {
      this.options.drop(item)
      return this.takeReply(received, question)
    }
    this.watch(received)
    return [item]
  }

  private takeMessage({ room: name, seq }: Received.Message, item: Item): ReadonlyArray<Item> {
    if (name === undefined || seq === undefined) return [item]
    const room = this.open.get(name)
    if (room === undefined || room.phase === "live") return this.pass(name, seq, item)
    room.held.push({ seq, item })
    return room.held.length > maxHeld ? this.cutShort(room) : []
  }

  /** Passes a line on, unless the client has it. */
  private pass(room: string, seq: number, item: Item): ReadonlyArray<Item> {
    const { drop, rooms } = this.options
    if (seq <= (rooms.place(room)?.after ?? 0)) {
      drop(item)
      return []
    }
    rooms.passed(room, seq)
    return [item]
  }

  private takeReply(
    received: Received.Received & { readonly _tag: "Notice" | "Refused" },
    { line, room }: { readonly room: OpenRoom<Item>; readonly line: string }
  ): ReadonlyArray<Item> {
    if (received._tag === "Refused") return this.takeRefusal(received, room, line)
    const past = PastReports.pastIn(received)
    if (past !== undefined) return this.takePast(past, room)
    const joined = RoomReports.roomIn(received)
    const end = PastReports.endIn(received)
    if (joined === undefined && end === undefined) return []
    this.asked.delete(received.label ?? "")
    if (room.phase === "live") return []
    return joined === undefined ? this.takeEnd(room, end) : this.takeJoined(room, joined.last)
  }

  private takeJoined(room: OpenRoom<Item>, last: number): ReadonlyArray<Item> {
    const { isOfAccount, rooms } = this.options
    room.last = last
    const place = rooms.place(room.room)
    const { after, since } = place ?? {}
    // The client has left meanwhile, or its account begins at its device's place.
    if (place === undefined || (isOfAccount && after === undefined && since === undefined)) return this.goLive(room)
    if (last > (after ?? (since === undefined ? Infinity : 0))) {
      this.readOn(room, place)
      return []
    }
    rooms.passed(room.room, after ?? last)
    return this.goLive(room)
  }

  /** A page has ended: passes it on, and reads the next one, if any. */
  private takeEnd(room: OpenRoom<Item>, end: PastReports.EndReport | undefined): ReadonlyArray<Item> {
    const { rooms } = this.options
    const items = this.passPage(room, end)
    const place = rooms.place(room.room)
    if (place === undefined) return [...items, ...this.goLive(room)]
    const { after } = place
    if (end?.hasMore === true && after !== undefined && after > room.before) {
      this.readOn(room, place)
      return items
    }
    // A server that reports more lines but sends none would be asked the same question forever.
    const rest = end?.hasMore === true ? this.gapUpTo(room, room.last) : []
    rooms.passed(room.room, after ?? room.last)
    return [...items, ...rest, ...this.goLive(room)]
  }

  private readOn(room: OpenRoom<Item>, { after, since }: RoomStart) {
    room.phase = "past"
    room.before = after ?? 0
    const from = after === undefined ? `since=${since}` : `after=${after}`
    this.ask(room, `/history ${room.room} ${from} limit=${PastReply.maxPageLines}`)
  }

  private takePast(past: PastReports.PastLine, room: OpenRoom<Item>): ReadonlyArray<Item> {
    if (room.phase === "live") return []
    const { after } = this.options.rooms.place(room.room) ?? {}
    const isNext = room.page.length === 0 && past.seq === (after ?? -1) + 1
    room.page.push(past)
    // No a-chat server sends longer pages. The limit bounds the memory that a malicious one can fill.
    return isNext || room.page.length > PastReply.maxPageLines ? this.passPage(room) : []
  }

  /** Passes on the lines of a page that have arrived, with gaps in place of missing lines. */
  private passPage(room: OpenRoom<Item>, end?: PastReports.EndReport): ReadonlyArray<Item> {
    const { item, name, rooms } = this.options
    const { page } = room
    room.page = []
    const damaged = end?.damaged ?? []
    const items: Array<Item> = []
    for (const past of page) {
      const place = rooms.place(room.room)
      if (place === undefined) return items
      if (past.seq <= (place.after ?? 0)) continue
      items.push(...this.missing(room, past.seq - 1, damaged))
      rooms.passed(room.room, past.seq)
      // No client gets its own lines back.
      if (!room.isAgain || past.from !== name) items.push(item(messageLine(past)))
    }
    const { last } = end ?? {}
    if (last === undefined) return items
    // The last lines of a page may be damaged, or even all of them.
    items.push(...this.missing(room, last, damaged))
    rooms.passed(room.room, last)
    return items
  }

  /**
   * The gaps after the lines that the client has got, up to this number. Lines that are no longer kept are a gap only
   * if the client was in the room before: a client may begin at the number of a line that was removed long ago.
   */
  private missing(
    room: OpenRoom<Item>,
    upTo: number,
    damaged: ReadonlyArray<PastReports.NumberRange>
  ): ReadonlyArray<Item> {
    const { after } = this.options.rooms.place(room.room) ?? {}
    if (room.isAgain && after !== undefined) return this.gapUpTo(room, upTo)
    return damaged.flatMap(({ first, last }) => {
      const [from, to] = [Math.max(first, (after ?? 0) + 1), Math.min(last, upTo)]
      return from > to ? [] : [this.options.item(gapLine(room.room, from, to))]
    })
  }

  /** The lines up to this number, which the client will not get, as a gap. */
  private gapUpTo({ room }: OpenRoom<Item>, last: number): ReadonlyArray<Item> {
    const { after = 0 } = this.options.rooms.place(room) ?? {}
    return last > after ? [this.options.item(gapLine(room, after + 1, last))] : []
  }

  private takeRefusal(
    refused: Received.Received & { readonly _tag: "Refused" },
    room: OpenRoom<Item>,
    line: string
  ): ReadonlyArray<Item> {
    this.asked.delete(refused.label ?? "")
    if (refused.code === "slow-down" || refused.retryMillis !== undefined) {
      setTimeout(() => this.ask(room, line), Math.max(leastPauseMillis, refused.retryMillis ?? 0)).unref()
      return []
    }
    const [command = ""] = line.slice(1).split(" ", 1)
    if (command === "join") this.options.rooms.unfollow(room.room)
    const reason = refused.code === "refused" ? refused.values.get("reason") : refused.code
    const report = this.options.item(`! refused ${command} ${room.room} reason=${reason}: ${refused.text}`)
    return [report, ...this.cutShort(room)]
  }

  /** Passes on the waiting lines, although the past before them was not read. */
  private cutShort(room: OpenRoom<Item>): ReadonlyArray<Item> {
    const page = this.passPage(room)
    const [first] = room.held
    const after = this.options.rooms.place(room.room)?.after
    const gap = first === undefined || after === undefined ? [] : this.gapUpTo(room, first.seq - 1)
    return [...page, ...gap, ...this.goLive(room)]
  }

  /** Passes on the waiting lines. */
  private goLive(room: OpenRoom<Item>): ReadonlyArray<Item> {
    room.phase = "live"
    this.options.rooms.isIn(room.room)
    const { held } = room
    room.held = []
    return held.flatMap(({ item, seq }) => this.pass(room.room, seq, item))
  }

  /** Handles other lines about a room. */
  private watch(received: Received.Received) {
    const { name, rooms } = this.options
    const gap = Received.gapIn(received)
    if (gap !== undefined && RoomReports.isRoom(gap.conversation)) rooms.passed(gap.conversation, gap.last)
    const notice = RoomReports.roomNoticeIn(received)
    if (notice?._tag === "Left" && notice.names.includes(name)) rooms.unfollow(notice.room)
  }

  private ask(room: OpenRoom<Item>, line: string) {
    const label = `achat-room.${(this.labels += 1)}`
    this.asked.set(label, { room, line })
    this.options.post(`@${label} ${line}`)
  }
}

/** The shortest pause before a line is sent again, in milliseconds. */
const leastPauseMillis = 10

const gapLine = (room: string, first: number, last: number) =>
  `! gap ${room} first=${first} last=${last}: lines that this client was not given`

/** The original message of a past line. */
const messageLine = ({ at, auto, conversation, from, guest, seq, text, to }: PastReports.PastLine): string => {
  const params = [
    ...(to === undefined ? [] : [`to=${to.join("+")}`]),
    ...(auto === true ? ["auto=yes"] : []),
    ...(guest === true ? ["guest=yes"] : []),
    `seq=${seq}`,
    `at=${at}`
  ]
  return `from ${from} ${conversation} ${params.join(" ")}: ${text}`
}
