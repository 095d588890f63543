import { batch } from "@preact/signals-core"
import type * as PastReports from "../../client/PastReports.js"
import type { ChatState } from "./ChatState.js"
import type { Conversation } from "./Conversation.js"
import { PastLoader } from "./PastLoader.js"
import { Previews } from "./Previews.js"
import type { NumberedLine } from "./Timeline.js"

/** How long a read mark waits for others, in milliseconds. */
const readMillis = 400

/** How long a line may be late before the page asks for it, in milliseconds. */
const lateMillis = 1_500

/** The lines in memory: of the conversation in sight, and of each other. */
const maxShown = 12_000
const maxHidden = 400

export interface ReadConversationOptions {
  readonly refreshMembers: (room: Conversation) => void
  readonly settled: (conversation: string) => Promise<void>
  readonly onPage: (conversation: Conversation, lines: ReadonlyArray<NumberedLine>) => void
}

/** Which conversation the user reads, which of its lines are loaded, and up to which it was read. */
export class ReadConversation {
  readonly previews: Previews
  private readonly history: PastLoader
  /** The read marks that the server does not know yet. */
  private readonly marks = new Map<string, number>()
  private isMarkDue = false

  constructor(
    private readonly chat: ChatState,
    private readonly options: ReadConversationOptions
  ) {
    this.history = new PastLoader({
      canLoad: (conversation) => chat.canLoad(conversation),
      ask: (command) => chat.ask(command, "end"),
      settled: ({ name }) => options.settled(name),
      maxLines: () => chat.facts.peek()?.maxHistory ?? 0,
      show: (line) => this.past(line),
      onPage: options.onPage
    })
    this.previews = new Previews({
      timers: chat.options.timers,
      canLoad: (conversation) => chat.canLoad(conversation),
      isPaced: () => chat.facts.peek()?.isPaced === true,
      last: (conversation) => this.history.last(conversation)
    })
    const shown = chat.options.tab.read(this.key)
    if (shown !== undefined) this.open(shown)
  }

  /** Shows a conversation. */
  open(name: string): void {
    const { chat } = this
    batch(() => {
      this.close()
      const one = chat.at(name)
      const { read, unread } = one.state.peek()
      one.change({ isListed: true, newAfter: unread > 0 ? read : undefined })
      chat.current.value = name
      chat.options.tab.write(this.key, name)
      if (chat.isOnline) this.load(one)
    })
  }

  /** Shows no conversation. */
  close(): void {
    const { chat } = this
    const { shown } = chat
    chat.current.value = undefined
    chat.latest.value = undefined
    chat.options.tab.write(this.key, undefined)
    if (shown === undefined) return
    shown.change({ newAfter: undefined })
    if (!shown.timeline.isAtEnd) shown.timeline.clear()
    shown.timeline.trim(maxHidden)
    shown.show()
  }

  /** Forgets what the tab has kept. */
  forget(): void {
    this.chat.options.tab.write(this.key, undefined)
  }

  /** Shows a line that was found. */
  async goTo(name: string, seq: number): Promise<void> {
    if (this.chat.current.peek() !== name) this.open(name)
    const one = this.chat.at(name)
    await this.history.around(one, seq)
  }

  /** Shows the last lines again, after a jump to others. */
  goToEnd(): void {
    const { shown } = this.chat
    if (shown === undefined || shown.timeline.isAtEnd) return
    shown.timeline.clear()
    shown.show()
    void this.history.latest(shown)
  }

  loadEarlier(): void {
    const { shown } = this.chat
    if (shown !== undefined) void this.history.earlier(shown)
  }

  loadLater(): void {
    const { shown } = this.chat
    if (shown !== undefined) void this.history.later(shown)
  }

  /** Loads again what could not be loaded. */
  loadAgain(): void {
    const { shown } = this.chat
    if (shown !== undefined) void (shown.timeline.isLoaded ? this.history.earlier(shown) : this.history.latest(shown))
  }

  /** The user has seen the last lines of the conversation in sight. */
  sawEnd(): void {
    const { chat } = this
    const { shown } = chat
    if (shown === undefined || !shown.timeline.isAtEnd) return
    if (shown.readAll() && (shown.isRoom || chat.isOfAccount)) this.marks.set(shown.name, shown.state.peek().read)
    this.report()
  }

  /**
   * After a new login: loads what is in sight, and what has come meanwhile.
   *
   * @param rejoined rooms of which a guest was given nothing while it was away; an account is given what it has missed
   */
  connected(rejoined: ReadonlyArray<Conversation>): void {
    const { shown } = this.chat
    if (shown !== undefined) this.load(shown)
    for (const one of this.chat.conversations.all) {
      if (!one.timeline.isLoaded || one.state.peek().last <= one.timeline.last) continue
      if (rejoined.includes(one)) void this.history.fill(one)
      else this.expectLate(one)
    }
    this.report()
  }

  /** A line has come to a conversation: drops the oldest above the limit. */
  arrived(one: Conversation): void {
    one.timeline.trim(this.chat.current.peek() === one.name ? maxShown : maxHidden)
    if (one.timeline.hasHole) this.expectLate(one)
  }

  private load(one: Conversation) {
    if (one.isRoom) this.options.refreshMembers(one)
    if (!one.timeline.isLoaded) void this.history.latest(one)
    else if (one.timeline.hasHole) void this.history.fill(one)
  }

  /** Lines before the last one have not come: asks for them, unless they come soon. */
  private expectLate(one: Conversation) {
    this.chat.options.timers.after(lateMillis, () => {
      const isLate = one.timeline.hasHole || one.state.peek().last > one.timeline.last
      if (isLate && one.timeline.isLoaded) void this.history.fill(one)
    })
  }

  /** Reports the read marks that have moved, a few at once. */
  private report() {
    if (this.isMarkDue || this.marks.size === 0) return
    this.isMarkDue = true
    this.chat.options.timers.after(readMillis, () => {
      this.isMarkDue = false
      // After the next login otherwise.
      if (!this.chat.isOnline) return
      if (this.chat.isOfAccount) {
        for (const [name, seq] of this.marks) this.chat.ask(`read ${name} ${seq}`).catch(() => undefined)
      }
      this.marks.clear()
    })
  }

  private past({ at, conversation, from, guest, seq, text, to }: PastReports.PastLine): NumberedLine {
    const isOwn = from === this.chat.me
    const state = isOwn ? { state: "stored" as const } : {}
    const key = keyOfLine(conversation, seq, at)
    return { key, kind: "message", from, isOwn, text, at, seq, isGuest: guest, to, ...state }
  }

  private get key() {
    return `a-chat.current.${this.chat.me}`
  }
}

/** The key of a kept line. Its number can mean another line once the name has passed to another user. */
export const keyOfLine = (conversation: string, seq: number, at: number): string => `${conversation} ${seq} ${at}`
