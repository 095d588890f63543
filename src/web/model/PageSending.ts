import { batch, signal } from "@preact/signals-core"
import * as Received from "../../client/Received.js"
import * as RoomReports from "../../client/RoomReports.js"
import type { ChatState } from "./ChatState.js"
import { namesIn, type Refused, type ServerFacts } from "./PageConnection.js"
import type { Conversation } from "./Conversation.js"
import { maxOutboxLines, PageOutbox, type OutboxLine } from "./PageOutbox.js"
import type { NumberedLine, LineState, ShownLine } from "./Timeline.js"

/** More than a label takes, with its `@` and blank. */
const maxLabelBytes = 40

/** What the user writes, until the server has said what became of it. */
export class PageSending {
  private readonly outbox: PageOutbox
  /** The lines that wait for the server, or were not delivered. */
  private readonly waiting = signal<ReadonlyArray<OutboxLine>>([])
  /** Whether it is decided what becomes of lines of earlier connections. */
  private isReady = false
  private pausedUntil = 0
  private readonly settling = new Map<string, Array<() => void>>()

  constructor(
    private readonly chat: ChatState,
    /** Called with each outcome of a line. */
    private readonly onOutcome: (conversation: Conversation) => void
  ) {
    this.outbox = new PageOutbox(chat.options.memory, `a-chat.outbox.${chat.me}`)
    this.show()
    for (const { to } of this.outbox.all) chat.at(to).change({ isListed: true })
  }

  send(to: string, lines: ReadonlyArray<string>): void {
    const { chat, outbox } = this
    for (const text of lines) {
      if (outbox.isFull) {
        const why = `${maxOutboxLines} lines wait for the server already; this one was not kept`
        chat.say(chat.at(to), "trouble", `${why}: ${text}`)
      } else outbox.add(to, text, chat.now(), this.whyNot(to, text))
    }
    this.flush()
  }

  /** Sends a line again that was not delivered. */
  again(label: string): void {
    this.outbox.again(label, this.chat.now())
    this.flush()
  }

  /** Gives up a line that was not delivered. */
  discard(label: string): void {
    this.outbox.remove(label)
    this.show()
  }

  /** The lines of a conversation that have no outcome yet, or were not delivered. */
  in(conversation: string): ReadonlyArray<ShownLine> {
    return this.waiting.value
      .filter(({ to }) => to === conversation)
      .map(({ at, label, state, text, why }) => ({ ...this.own(text), key: label, at, state, why }))
  }

  get isEmpty(): boolean {
    return this.outbox.all.length === 0
  }

  /** Removes what the browser has kept. */
  clear(): void {
    this.outbox.clear()
    this.show()
  }

  disconnected(): void {
    this.isReady = false
    this.outbox.disconnected()
    for (const settle of [...this.settling.values()].flat()) settle()
    this.settling.clear()
  }

  /** Decides what becomes of lines that were sent on an earlier connection, and sends the others. */
  async connected(facts: ServerFacts): Promise<void> {
    const { chat, outbox } = this
    const { connection } = chat
    const isOnce = facts.words.has("once")
    const names = [...new Set(outbox.all.filter(({ wasSent }) => wasSent).map(({ to }) => to))]
    const accounts = isOnce ? await this.accountsAmong(names.filter((name) => !RoomReports.isRoom(name))) : noNames
    if (chat.connection !== connection) return
    batch(() => {
      outbox.connected((to) => isOnce && (RoomReports.isRoom(to) || accounts.has(to)))
      this.isReady = true
      for (const name of this.settling.keys()) this.checkSettled(name)
      this.flush()
    })
  }

  /** Resolves once no line to this conversation has an outcome to come from an earlier connection. */
  settled(name: string): Promise<void> {
    if (this.isReady && !this.outbox.isSettling(name)) return Promise.resolve()
    return new Promise((settle) => void this.settling.set(name, [...(this.settling.get(name) ?? []), settle]))
  }

  /** Takes the success of a line; returns whether it is one. */
  delivered({ code, label, values }: Received.Report): boolean {
    const { chat, outbox } = this
    const sent = label === undefined ? undefined : outbox.find(label)
    if (sent === undefined) return false
    outbox.remove(sent.label)
    const [seq, at] = [Received.numberIn(values.get("seq")), Received.numberIn(values.get("at"))]
    if (at !== undefined && values.get("again") !== "yes") chat.compareClocks(at)
    const one = chat.at(sent.to)
    const state: LineState = code === "received" ? "received" : "stored"
    const line: ShownLine = { ...this.own(sent.text), key: sent.label, at: at ?? sent.at, state }
    if (seq !== undefined && at !== undefined) one.timeline.keep({ ...line, seq, at })
    else chat.addUnkept(one, line)
    one.arrived(line.at, seq, "own")
    this.settle(one)
    return true
  }

  /** Takes the failure of a line; returns whether it is one. */
  refused({ code, label, retryMillis = 0, text, values }: Refused): boolean {
    const { chat, outbox } = this
    const sent = label === undefined ? undefined : outbox.find(label)
    if (sent === undefined) return false
    if (code === "slow-down") this.slowDown(sent, retryMillis)
    else {
      const like = values.get("like")
      const suggestion = like === undefined || text.includes(like) ? "" : `; did you mean ${like}?`
      outbox.fail(sent.label, `${text}${suggestion}`)
      this.settle(chat.at(sent.to))
    }
    return true
  }

  /** A line that may or may not have arrived may be among those that a room has. */
  recognise(one: Conversation, lines: ReadonlyArray<NumberedLine>): void {
    const news = lines.filter(({ isOwn, seq }) => isOwn && seq > one.timeline.last)
    for (const { text } of news) {
      const isFound = (line: OutboxLine) => line.to === one.name && line.state === "unknown" && line.text === text
      const found = this.outbox.all.find(isFound)
      if (found !== undefined) this.discard(found.label)
    }
  }

  private own(text: string) {
    return { kind: "message" as const, from: this.chat.me, isOwn: true, text }
  }

  private settle(one: Conversation) {
    one.show()
    this.checkSettled(one.name)
    this.flush()
    this.onOutcome(one)
  }

  private checkSettled(name: string) {
    if (this.outbox.isSettling(name)) return
    for (const settle of this.settling.get(name) ?? []) settle()
    this.settling.delete(name)
  }

  private flush() {
    const { connection, facts, options } = this.chat
    if (connection !== undefined && this.isReady && options.timers.now() >= this.pausedUntil) {
      const taken = this.outbox.take(facts.peek()?.isPaced === true)
      for (const { label, text, to } of taken) connection.message(label, to, text)
    }
    this.show()
  }

  private show() {
    this.waiting.value = this.outbox.all
  }

  /** The server takes lines more slowly. */
  private slowDown({ label }: OutboxLine, retryMillis: number) {
    const { timers } = this.chat.options
    this.outbox.postpone(label)
    this.pausedUntil = Math.max(this.pausedUntil, timers.now() + retryMillis)
    timers.after(retryMillis + 1, () => this.flush())
  }

  /** Why a line can never be sent. */
  private whyNot(to: string, text: string): string | undefined {
    const { maxLineBytes = Infinity } = this.chat.facts.peek() ?? {}
    const bytes = new TextEncoder().encode(`${to}: ${text}`).length + maxLabelBytes
    return bytes > maxLineBytes ? `the line is too long: ${bytes} bytes, of ${maxLineBytes}` : undefined
  }

  private async accountsAmong(names: ReadonlyArray<string>): Promise<ReadonlySet<string>> {
    try {
      return names.length === 0
        ? noNames
        : new Set(namesIn(await this.chat.ask(`accounts ${names.join(", ")}`, "names")))
    } catch {
      // Without an answer, no recipient counts as an account, and the user decides about these lines.
      return noNames
    }
  }
}

const noNames: ReadonlySet<string> = new Set()
