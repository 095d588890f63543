import * as PastReports from "../client/PastReports.js"
import type { Gap, Received } from "../client/Received.js"
import * as RoomReports from "../client/RoomReports.js"
import * as PastReply from "../protocol/PastReply.js"
import type { NumberedConversations, LineKind, LinePlace } from "./NumberedConversations.js"
import type { Marks } from "./Display.js"
import * as Format from "./Format.js"
import { PagePrinter } from "./PagePrinter.js"
import { type PastPage, type PageReason, Pages } from "./Pages.js"
import type { People } from "./People.js"
import type { RequestQueue } from "./RequestQueue.js"
import { readLabel } from "./RoomLines.js"
import type { Transcript } from "./Transcript.js"

export interface ConversationReaderOptions {
  readonly marks: Marks
  readonly people: People
  readonly transcript: Transcript
  readonly conversations: NumberedConversations
  /** The names that the next line goes to: their conversations are in sight. */
  readonly current: () => ReadonlyArray<string>
  readonly requests: RequestQueue
  /** The rows of the terminal. */
  readonly rows: () => number
  /** Called when the user turns out to be no longer in a room. */
  readonly onGone: (room: string) => void
  /** Called when a read mark has moved, so that it can be reported soon. */
  readonly onRead: () => void
}

/** The features of the connection. */
export interface ReaderConnection {
  /** Whether the server has rooms, and sends past lines. */
  readonly hasRooms: boolean
  /** Whether the client has logged in to an account, which can read its direct conversations. */
  readonly isOfAccount: boolean
}

/** The rows reserved around a page. */
const otherRows = 6
const minPage = 5

/** The most conversations that a server lists. */
const maxListed = 1_000

/** The most lines that wait for a page. Further ones are loaded again after it has arrived. */
const maxHeld = 1_000

/** A conversation that the user has gone to. */
interface Visit {
  readonly name: string
  /** The read mark when the user entered the conversation. */
  readonly read: number
}

/** A line that arrived while a page of its conversation was being loaded. */
interface HeldLine {
  readonly seq: number
  readonly print: () => void
}

/**
 * Shows the lines of the current conversation, and counts those of all others. Kept lines are shown only in their
 * conversation: on entering one, the user sees its last lines, which the server sends.
 */
export class ConversationReader {
  private connection: ReaderConnection | undefined = undefined
  private hasRooms = false
  private isArranged = false
  private readonly pages = new Pages()
  private readonly printer: PagePrinter
  private visit: Visit | undefined = undefined
  /** The rooms in a reply to `/conversations` that has not ended yet. */
  private readonly listedRooms = new Set<string>()
  /** Conversations whose pages will be requested on the next connection. */
  private readonly wanted = new Set<string>()
  private readonly held = new Map<string, Array<HeldLine>>()
  /** Gaps in conversations that are not in view. */
  private readonly gaps = new Map<string, Gap>()
  /** The numbers of the user's own lines that are in the scrollback although earlier lines have not arrived yet. */
  private readonly own = new Map<string, Set<number>>()
  /** Read marks that were not reported to the server yet. */
  private readonly reads = new Map<string, number>()

  constructor(private readonly options: ConversationReaderOptions) {
    this.printer = new PagePrinter(options)
  }

  /** Whether the server has rooms and sends past lines; while the client is disconnected, whether the last one did. */
  get isOn(): boolean {
    return this.hasRooms
  }

  /** Whether the user is connected as a guest. */
  get isOfGuest(): boolean {
    return this.connection?.isOfAccount === false
  }

  connected(connection: ReaderConnection): void {
    this.list(connection)
    const wanted = [...this.wanted].filter((name) => this.isInSight(name))
    this.wanted.clear()
    for (const name of wanted) this.load(name, "entry")
    if (this.reads.size > 0) this.options.onRead()
  }

  /** The user now has an account. */
  registered(): void {
    if (this.connection?.hasRooms === true) this.list({ ...this.connection, isOfAccount: true })
  }

  private list(connection: ReaderConnection) {
    this.connection = connection
    this.hasRooms = connection.hasRooms
    this.listedRooms.clear()
    if (connection.hasRooms && connection.isOfAccount) this.options.requests.ask("conversations", "/conversations")
  }

  /** The connection has ended: shows the lines that waited for a page, which will not arrive. */
  disconnected(): void {
    for (const name of this.options.current()) if (this.pages.isLoading(name)) this.wanted.add(name)
    this.connection = undefined
    this.pages.clear()
    for (const name of this.held.keys()) this.release(name)
  }

  private isInSight(name: string): boolean {
    return this.options.current().includes(name)
  }

  /**
   * Shows or counts a kept line that has arrived.
   *
   * @param print shows the line
   * @returns whether the user has not read it yet
   */
  arrived(place: LinePlace, kind: LineKind, print: () => void): boolean {
    const { conversation: name, seq } = place
    const { conversations } = this.options
    const isUnread = conversations.arrived(place, kind)
    if (!this.isInSight(name) || kind === "uncounted") return isUnread
    if (this.pages.isLoading(name)) this.hold(name, { seq, print })
    else this.show(name, { seq, print })
    return isUnread
  }

  private show(name: string, { print, seq }: HeldLine) {
    const { conversations } = this.options
    if (seq <= (conversations.find(name)?.shown ?? 0)) return
    this.shown(name, seq, seq)
    print()
  }

  /** The lines from `first` to `last` are in the scrollback, and perhaps the user's own lines after them. */
  private shown(name: string, first: number, last: number) {
    const { conversations } = this.options
    conversations.show(name, first, last)
    const own = this.own.get(name)
    if (own === undefined) return
    let { shown = 0 } = conversations.find(name) ?? {}
    while (own.delete(shown + 1)) shown += 1
    conversations.show(name, first, shown)
    for (const seq of own) if (seq <= shown) own.delete(seq)
    if (own.size === 0) this.own.delete(name)
  }

  private hold(name: string, line: HeldLine) {
    const held = this.held.get(name)
    if (held === undefined) this.held.set(name, [line])
    else if (held.length < maxHeld) held.push(line)
    else this.wanted.add(name)
  }

  private release(name: string) {
    const held = this.held.get(name) ?? []
    this.held.delete(name)
    for (const line of held) this.show(name, line)
  }

  /** A line of the user was stored and shown. */
  sent(name: string, seq: number, at: number): void {
    const { conversations } = this.options
    if (!this.isOn) return
    conversations.arrived({ conversation: name, seq, at, isWithGuest: false }, "own")
    const { shown = 0 } = conversations.find(name) ?? {}
    if (seq <= shown) return
    const own = this.own.get(name) ?? new Set()
    if (own.size < maxHeld) own.add(seq)
    this.own.set(name, own)
    // An earlier line may still be on its way.
    if (seq === shown + 1) this.shown(name, seq, seq)
  }

  /** Enters a conversation: shows its last lines. */
  enter(name: string): void {
    const { conversations } = this.options
    const { read } = conversations.enter(name)
    this.visit = { name, read }
    this.load(name, "entry")
  }

  /** The user writes to these names: shows the unread lines of their conversations. */
  address(names: ReadonlyArray<string>): void {
    for (const name of names) if ((this.options.conversations.find(name)?.unread ?? 0) > 0) this.enter(name)
  }

  /** Requests earlier lines; returns whether there are any to request. */
  earlier(): boolean {
    const [name] = this.options.current()
    if (name === undefined || !this.canLoad(name)) return false
    this.load(name, "earlier")
    return true
  }

  /** The user is in a room again after a break: shows the lines of the meantime. */
  missed(name: string): void {
    const { last = 0, shown = 0 } = this.options.conversations.find(name) ?? {}
    if (!this.isInSight(name) || last <= shown) return
    this.load(name, last - shown > PastReply.maxPageLines ? "entry" : "missed")
  }

  search(text: string): void {
    this.options.requests.ask(this.pages.request("search", text), `/search ${text}`)
  }

  /** Whether the server sends past lines of a conversation. */
  canLoad(name: string): boolean {
    return this.hasRooms && (this.connection?.isOfAccount === true || RoomReports.isRoom(name))
  }

  private load(name: string, reason: Exclude<PageReason, "search">) {
    const { conversations, requests, rows } = this.options
    if (this.connection === undefined) return void this.wanted.add(name)
    if (!this.canLoad(name) || this.pages.isLoading(name, reason)) return
    const { first = 0, shown = 0 } = conversations.find(name) ?? {}
    const size = Math.min(PastReply.maxPageLines, Math.max(minPage, rows() - otherRows))
    const range = {
      entry: `limit=${size}`,
      earlier: `${first > 0 ? `before=${first} ` : ""}limit=${size}`,
      missed: `after=${shown} limit=${PastReply.maxPageLines}`
    }[reason]
    requests.ask(this.pages.request(reason, name, shown), `/history ${name} ${range}`)
  }

  /** Whether the last lines of a conversation are on their way. */
  isLoading(name: string): boolean {
    return this.pages.isLoading(name, "entry")
  }

  /** Handles a line from the server if it is part of a page, or about a conversation; returns whether it is. */
  take(received: Received): boolean {
    const taken = this.pages.take(received)
    if (taken === undefined) return this.takeFacts(received)
    if (taken === "part") return true
    const { marks, transcript } = this.options
    if ("refusal" in taken) {
      const { text, values } = taken.refusal
      transcript.print(Format.failed(`${taken.of}: ${values.get("reason") ?? taken.refusal.code}: ${text}`, marks))
    } else if (taken.reason === "search") this.printer.found(taken)
    else this.showPage(taken)
    if (taken.reason !== "search") this.release(taken.of)
    if (this.wanted.delete(taken.of)) this.load(taken.of, "entry")
    return true
  }

  private takeFacts(received: Received): boolean {
    const { conversations } = this.options
    const facts = PastReports.conversationIn(received)
    if (facts !== undefined) conversations.learn({ name: facts.conversation, last: facts.last, read: facts.read })
    if (facts !== undefined && RoomReports.isRoom(facts.conversation)) this.listedRooms.add(facts.conversation)
    const mark = PastReports.readMarkIn(received)
    if (mark !== undefined) conversations.readUpTo(mark.conversation, mark.seq)
    const end = PastReports.endIn(received)
    if (end?.what === "conversations") this.listedAll(end.count ?? maxListed)
    return facts !== undefined || mark !== undefined || end?.what === "conversations"
  }

  /**
   * The server has listed the conversations: a room that is missing is one that the user has left on another device.
   */
  private listedAll(count: number) {
    const { conversations, onGone } = this.options
    // The server sorts by the last lines, an order in which a room's number would keep changing.
    if (!this.isArranged) conversations.arrange()
    this.isArranged = true
    const gone = conversations.rooms.filter((room) => !this.listedRooms.has(room))
    this.listedRooms.clear()
    if (count < maxListed) for (const room of gone) onGone(room)
  }

  private showPage(page: PastPage) {
    const { conversations } = this.options
    const { lines, of: name, reason } = page
    // The user has moved on.
    if (!this.isInSight(name)) return
    const { first, last } = page
    const read = this.visit?.name === name ? this.visit.read : 0
    if (reason === "entry") {
      this.printer.entry(page, read, this.gaps.get(name))
      this.gaps.delete(name)
    } else if (reason === "earlier") this.printer.earlier(page, read)
    else {
      const { shown = 0 } = conversations.find(name) ?? {}
      const own = this.own.get(name)
      this.printer.lines(lines.filter(({ seq }) => seq > shown && own?.has(seq) !== true))
      this.printer.damaged(page.damaged)
    }
    if (last > 0) this.shown(name, first, reason === "earlier" ? 0 : last)
    if (reason !== "earlier") this.acted()
    // A server that reports more lines but sends none is not asked again.
    const isFurther = (conversations.find(name)?.shown ?? 0) > page.after
    if (reason === "missed" && page.hasMore && isFurther) this.load(name, "missed")
  }

  /** Whether the user does not want to be notified of a conversation. */
  isMuted(name: string): boolean {
    return this.options.conversations.find(name)?.isMuted === true
  }

  /** Records that lines of a conversation are gone. Returns whether that is shown now. */
  missing(gap: Gap): boolean {
    if (!this.isOn || this.isInSight(gap.conversation)) return true
    this.gaps.set(gap.conversation, gap)
    return false
  }

  /** The user is at the keyboard: the lines in view count as read. */
  acted(): void {
    const { conversations, current, onRead } = this.options
    if (!this.isOn) return
    for (const name of current()) {
      const { shown = 0 } = conversations.find(name) ?? {}
      if (!conversations.readUpTo(name, shown)) continue
      this.reads.set(name, shown)
      onRead()
    }
  }

  /** Reports the read marks that have moved. */
  report(): void {
    const { requests } = this.options
    if (this.connection === undefined) return
    if (this.connection.isOfAccount) {
      for (const [name, seq] of this.reads) requests.askAs(readLabel, `/read ${name} ${seq}`)
    }
    this.reads.clear()
  }

  /** The user has left a room. */
  left(name: string): void {
    this.wanted.delete(name)
    this.held.delete(name)
    this.gaps.delete(name)
    this.own.delete(name)
    this.reads.delete(name)
  }
}
