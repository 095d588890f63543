import { computed, signal } from "@preact/signals-core"
import type * as Received from "../../client/Received.js"
import type { RoomReport } from "../../client/RoomReports.js"
import { type PageConnection, type ReplyEnd, RequestFailed, type ServerFacts } from "./PageConnection.js"
import { type Conversation, UserConversations } from "./Conversation.js"
import type { TextMemory, Timers } from "./Ports.js"
import * as Sentence from "./Sentence.js"
import { PageSettings } from "./PageSettings.js"
import type { ShownLine } from "./Timeline.js"
import { UnkeptLines } from "./UnkeptLines.js"

/** The state of the connection. */
export type LinkState =
  | { readonly _tag: "Connecting" | "Online" }
  /** Cut off: the next attempt is at this time of the browser's clock. */
  | { readonly _tag: "Away"; readonly why: string; readonly until: number }
  /** The page does not connect again by itself. */
  | { readonly _tag: "Stopped"; readonly why: string; readonly code: string }

/** What the user may be notified of while they look elsewhere. */
export interface News {
  readonly conversation: string
  readonly from: string
  readonly text: string
}

export interface Invitation {
  readonly room: string
  /** The owner of the room. */
  readonly by: string
}

export interface ChatStateOptions {
  readonly timers: Timers
  /** What all tabs of this browser share. */
  readonly memory: TextMemory
  /** What belongs to this tab. */
  readonly tab: TextMemory
  /** Whether the user looks at the page. */
  readonly isLooking: () => boolean
  readonly onNews: (news: News) => void
  /** Asks for the time of the server, in milliseconds since 1970, to about a second; undefined if that is not reached. */
  readonly serverTime?: (() => Promise<number | undefined>) | undefined
}

/** A greater difference between the clocks is taken into account, in milliseconds. */
const skewMillis = 5_000

/** What is known, over all connections of one user, and is shared by what changes it. */
export class ChatState {
  readonly link = signal<LinkState>({ _tag: "Connecting" })
  readonly facts = signal<ServerFacts | undefined>(undefined)
  readonly conversations = new UserConversations()
  /** The name of the conversation in sight. */
  readonly current = signal<string | undefined>(undefined)
  /** The names of those who are present. */
  readonly present = signal<ReadonlySet<string>>(new Set())
  /** Rooms that the user may enter. */
  readonly rooms = signal<ReadonlyArray<RoomReport>>([])
  /** The last line of another user that has come to the conversation in sight. */
  readonly latest = signal<ShownLine | undefined>(undefined)
  /** What the page says besides the conversations, until the user has read it. */
  readonly trouble = signal<string | undefined>(undefined)
  /**
   * The last invitation, until the user has accepted or closed it. The room stays among those that the user may enter.
   */
  readonly invitation = signal<Invitation | undefined>(undefined)
  /** Unread lines in conversations that are not muted, and mentions in all. */
  readonly unread = computed(() =>
    this.conversations.all.reduce((sum, { state }) => {
      const { isListed, isMuted, mentions, unread } = state.value
      return sum + (isListed ? (isMuted ? mentions : unread) : 0)
    }, 0)
  )
  readonly settings: PageSettings
  private readonly unkept: UnkeptLines
  /** Undefined while there is none. */
  connection: PageConnection | undefined = undefined
  /** Whether the page gives up its connection by itself, to log in differently. */
  protected isChanging = false
  /** A signal, because what is shown as today depends on it. */
  private readonly skew = signal(0)
  private keys = 0

  constructor(
    readonly me: string,
    readonly options: ChatStateOptions
  ) {
    this.settings = new PageSettings(options.memory, `a-chat.settings.${me}`)
    for (const name of this.settings.names) this.remember(name)
    this.unkept = new UnkeptLines(options.tab, `a-chat.unkept.${me}`)
    for (const { after, conversation, line } of this.unkept.all) {
      const one = this.at(conversation)
      one.timeline.add({ ...line, key: this.nextKey() }, after)
      one.change({ isListed: true, at: line.at })
      one.show()
    }
  }

  /** The time of the server, as far as it is known, in milliseconds since 1970. */
  now(): number {
    return this.options.timers.now() + this.skew.value
  }

  /** It was this time at the server just now: it has stored a line of this page, or was asked. */
  compareClocks(at: number): void {
    const difference = at - this.options.timers.now()
    this.skew.value = Math.abs(difference) > skewMillis ? difference : 0
  }

  get isOnline(): boolean {
    return this.link.peek()._tag === "Online"
  }

  get isOfAccount(): boolean {
    return this.facts.peek()?.device !== undefined
  }

  /**
   * Sends a command, without its `/`. Fails with `RequestFailed`. While the page logs in differently, which the user
   * does not see, the command waits for the next connection.
   */
  ask(command: string, end: ReplyEnd = "line"): Promise<ReadonlyArray<Received.Received>> {
    if (this.isChanging) return this.changed().then(() => this.ask(command, end))
    return this.connection === undefined
      ? Promise.reject(new RequestFailed("cut-off", "there is no connection to the server"))
      : this.connection.ask(command, end)
  }

  private changed(): Promise<void> {
    return new Promise((settle) => {
      const stop = this.link.subscribe(() => {
        if (this.isChanging) return
        // Not at once: the effect may not yet be there to be stopped.
        queueMicrotask(() => stop())
        settle()
      })
    })
  }

  /** The conversation in sight. */
  get shown(): Conversation | undefined {
    const name = this.current.peek()
    return name === undefined ? undefined : this.conversations.find(name)
  }

  at(name: string): Conversation {
    return this.conversations.find(name) ?? this.remember(name)
  }

  /** Whether the server sends past lines of a conversation now. */
  canLoad(conversation: Conversation): boolean {
    const isPossible = this.isOnline && this.facts.peek()?.rooms !== undefined
    return isPossible && (conversation.isRoom ? conversation.state.peek().isIn : this.isOfAccount)
  }

  /** A key for a line that no server keeps. */
  nextKey(): string {
    this.keys += 1
    return `n${this.keys}`
  }

  /** A message has come, or was delivered, that no server keeps. */
  addUnkept(one: Conversation, line: ShownLine): void {
    this.unkept.add({ conversation: one.name, after: one.timeline.end, line })
    one.timeline.add(line)
  }

  /** Removes what the browser has kept, in this tab and for all tabs. */
  forget(): void {
    this.forgetTab()
    this.settings.clear()
  }

  /** Removes what this tab has kept. */
  forgetTab(): void {
    this.unkept.clear()
  }

  /** Writes a line of the page itself into a conversation. */
  say(one: Conversation, kind: "note" | "trouble", text: string): void {
    one.timeline.add({ key: this.nextKey(), kind, from: "", isOwn: false, text, at: this.now() })
    one.show()
  }

  /** Says what went wrong, where the user is. */
  complain(text: string): void {
    const sentence = Sentence.of(text)
    if (this.shown === undefined) this.trouble.value = sentence
    else this.say(this.shown, "trouble", sentence)
  }

  /** A conversation with what the browser has kept of it. */
  private remember(name: string): Conversation {
    const one = this.conversations.at(name)
    const { delivered = 0, draft = "", isMuted = false } = this.settings.of(name)
    one.change({ delivered, draft, isMuted, isListed: !one.isRoom && draft !== "" })
    return one
  }
}

export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
