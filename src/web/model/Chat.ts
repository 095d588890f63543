import { batch } from "@preact/signals-core"
import * as PastReports from "../../client/PastReports.js"
import * as RoomReports from "../../client/RoomReports.js"
import { ChatState, type ChatStateOptions, reasonOf } from "./ChatState.js"
import { PageConnection, type End, type Login, namesIn, RequestFailed, type ServerFacts } from "./PageConnection.js"
import type { OpenLineSocket } from "./Ports.js"
import { ReadConversation } from "./ReadConversation.js"
import { Reconnection } from "./Reconnection.js"
import { UserRooms } from "./UserRooms.js"
import * as RoomTexts from "./RoomTexts.js"
import { PageSending } from "./PageSending.js"
import * as Sentence from "./Sentence.js"
import { UnaskedLines } from "./UnaskedLines.js"
import * as Typed from "./Typed.js"

export interface ChatOptions extends ChatStateOptions {
  readonly open: OpenLineSocket
  readonly login: Login
  /** Whether the user was logged in before, so that a name in use is likely their own. */
  readonly wasUp: boolean
  /** Called after each login. */
  readonly onUp: (facts: ServerFacts) => void
  /** Whether the user has logged out in any tab of this browser since this chat was made. */
  readonly hasLoggedOut: () => boolean
  /** Called once, when the chat has stopped because another tab has logged out. */
  readonly onLoggedOut: () => void
}

/** How often the page asks who is present, since a notice may have been dropped; in milliseconds. */
const presenceMillis = 300_000

/** The lines that a search finds at most. */
const maxFound = 50

/** What a search has found. */
export interface SearchResult {
  /** Newest first. */
  readonly lines: ReadonlyArray<PastReports.PastLine>
  /** Some lines were not searched, because the server cannot read them. */
  readonly isDamaged: boolean
}

/** What one user sees and does, over all connections. It does not know how that looks. */
export class Chat extends ChatState {
  readonly rooming: UserRooms
  readonly sending: PageSending
  readonly reading: ReadConversation
  private readonly lines: UnaskedLines
  private readonly reconnection: Reconnection
  private cancelAttempt: (() => void) | undefined = undefined
  private login: Login
  private wasUp: boolean
  private isStopped = false

  constructor(private readonly own: ChatOptions) {
    super(own.login.name, own)
    this.login = own.login
    this.wasUp = own.wasUp
    this.reconnection = new Reconnection(own.timers.random)
    this.rooming = new UserRooms(this)
    this.sending = new PageSending(this, (conversation) => this.reading.arrived(conversation))
    this.reading = new ReadConversation(this, {
      refreshMembers: (room) => void this.rooming.refreshMembers(room),
      settled: (name) => this.sending.settled(name),
      onPage: (conversation, lines) => this.sending.recognise(conversation, lines)
    })
    this.lines = new UnaskedLines(this, this.reading, this.rooming, this.sending)
  }

  /** Connects, unless the chat is over. */
  start(): void {
    this.cancelAttempt?.()
    this.cancelAttempt = undefined
    if (this.isOver()) return
    this.link.value = { _tag: "Connecting" }
    const { open, timers } = this.own
    // A connection that was given up says no more.
    const ifCurrent = (run: () => void) => {
      if (this.connection === connection) batch(run)
    }
    const connection: PageConnection = new PageConnection(open, this.login, timers, {
      greeted: () => {},
      up: (facts) => ifCurrent(() => this.up(facts)),
      line: (received) => ifCurrent(() => this.lines.take(received)),
      ended: (end) => ifCurrent(() => this.ended(end))
    })
    this.connection = connection
  }

  /**
   * Connects at once if the page waits for the next attempt. Otherwise finds out whether the connection still lives.
   */
  wake(): void {
    if (this.link.peek()._tag === "Away") this.start()
    else this.connection?.wake()
  }

  /** The user has come back to the window. */
  look(): void {
    this.connection?.look()
  }

  /** Leaves for good: `start` and `useLogin` do nothing any more, as a request that fails just now may call them. */
  stop(why: string, code: string): void {
    this.isStopped = true
    this.isChanging = false
    this.leave()
    this.link.value = { _tag: "Stopped", why, code }
  }

  /**
   * Leaves for good, and removes what the browser has kept of the user, before it returns. Fails if the server does not
   * say that it has forgotten this device.
   */
  logOut(): Promise<void> {
    const { connection } = this
    const { device } = this
    const isAsked = connection !== undefined && device !== undefined && this.isOnline
    if (isAsked) this.connection = undefined // it ends by itself
    this.stop("", "logged-out")
    this.forget()
    if (isAsked) return connection.forgetDevice(device)
    return device === undefined ? Promise.resolve() : Promise.reject(new RequestFailed("cut-off", "no connection"))
  }

  /** The device of the account that this browser is; undefined for a guest. */
  get device(): string | undefined {
    return this.login.device
  }

  /** Whether the chat has stopped for good. It stops now if another tab has logged out. */
  isOver(): boolean {
    if (!this.isStopped && this.own.hasLoggedOut()) {
      this.stop("", "logged-out")
      this.own.onLoggedOut()
    }
    return this.isStopped
  }

  /** Logs in differently from now on, such as with the token of this device. */
  useLogin(login: Login): void {
    this.keepLogin(login)
    if (this.isOver()) return
    const { connection } = this
    this.isChanging = true
    this.link.value = { _tag: "Connecting" }
    const change = () => {
      if (this.connection !== connection || this.isStopped) return
      this.leave()
      this.start()
    }
    if (connection === undefined) change()
    else connection.whenIdle(change)
  }

  /** The same from the next connection on. */
  keepLogin(login: Login): void {
    this.login = login
  }

  /**
   * Resolves after the login of this attempt, and fails with the reason if it is refused or the server is not reached.
   */
  loggedIn(): Promise<void> {
    return new Promise((settle, fail) => {
      const stop = this.link.subscribe((link) => {
        if (link._tag === "Connecting") return
        // Not at once: the effect is not yet there to be stopped.
        queueMicrotask(() => stop())
        if (!("why" in link)) return settle()
        const { code, why } = link._tag === "Stopped" ? link : { code: "cut-off", why: link.why }
        fail(new RequestFailed(code, why === "" ? "the server was not reached" : why))
      })
    })
  }

  /** Removes everything that the browser has kept of this user, before it returns. */
  override forget(): void {
    super.forget()
    this.sending.clear()
  }

  override forgetTab(): void {
    super.forgetTab()
    this.reading.forget()
    this.rooming.forget()
  }

  keepDraft(name: string, draft: string): void {
    this.at(name).change({ draft })
    this.settings.change(name, { draft })
  }

  toggleMuted(name: string): void {
    const isMuted = !this.at(name).state.peek().isMuted
    this.at(name).change({ isMuted })
    this.settings.change(name, { isMuted })
  }

  /** Joins a room, and shows it. */
  async join(room: string): Promise<void> {
    await this.rooming.join(room)
    this.reading.open(room)
  }

  send(to: string, lines: ReadonlyArray<string>): void {
    batch(() => {
      this.at(to).change({ isListed: true, newAfter: undefined })
      if (this.current.peek() === to) this.reading.goToEnd()
      this.sending.send(to, lines)
    })
  }

  /** Handles what was typed in a conversation. Returns what only the window can do. */
  type(text: string, conversation: string): Typed.Typed | undefined {
    const typed = Typed.parse(text, conversation)
    const fail = (why: string) => void this.say(this.at(conversation), "trouble", Sentence.of(why))
    const attempt = (done: Promise<void>) => {
      done.catch((error: unknown) => fail(reasonOf(error)))
      return undefined
    }
    switch (typed._tag) {
      case "Say":
        return void this.send(conversation, typed.lines)
      case "Write":
        this.reading.open(typed.name)
        return typed.text === "" ? undefined : void this.send(typed.name, [typed.text])
      case "Join":
        return attempt(this.join(typed.room))
      case "Leave":
        return attempt(this.rooming.leave(conversation))
      case "Mute":
        return void this.toggleMuted(conversation)
      case "Command":
        return void this.command(typed.line, conversation)
      case "Mistake":
        return fail(typed.text)
      default:
        return typed
    }
  }

  /** Sends a command of the user, and shows the reply in the conversation. Returns whether the server did it. */
  async command(line: string, conversation: string): Promise<boolean> {
    const one = this.at(conversation)
    try {
      const lines = await this.ask(line, line === "devices" ? "end" : "line")
      batch(() => {
        for (const received of lines) {
          if (RoomReports.roomNoticeIn(received) !== undefined) this.lines.take(received)
          else if (received._tag === "Notice" && received.code === "device") {
            this.say(one, "note", RoomTexts.device(received))
          }
        }
      })
      return true
    } catch (error) {
      this.say(one, "trouble", Sentence.of(reasonOf(error)))
      return false
    }
  }

  /** Looks for lines with these words, newest first: in one conversation, or in all. */
  async search(text: string, conversation: string | undefined): Promise<SearchResult> {
    const place = conversation === undefined ? "" : `in=${conversation} `
    const lines = await this.ask(`search ${place}limit=${maxFound} ${text}`, "end")
    return {
      lines: lines.flatMap((line) => PastReports.pastIn(line) ?? []),
      isDamaged: lines.some((line) => PastReports.endIn(line)?.damaged !== undefined)
    }
  }

  private up(facts: ServerFacts) {
    if (this.isOver()) return
    this.wasUp = true
    this.isChanging = false
    this.facts.value = facts
    this.link.value = { _tag: "Online" }
    if (this.settings.useLog(facts.log)) for (const one of this.conversations.all) one.restart()
    this.own.onUp(facts)
    void this.setClock()
    void this.refresh(facts)
    void this.sending.connected(facts)
  }

  /** Before the page knows the time of its own lines, what others have written today has to be under Today. */
  private async setClock() {
    const at = await this.own.serverTime?.().catch(() => undefined)
    if (at !== undefined) this.compareClocks(at)
  }

  private ended(end: End) {
    const { refused } = end
    const { timers } = this.own
    this.connection = undefined
    this.isChanging = false
    this.disconnected()
    if (refused !== undefined && !this.mayPass(refused)) {
      const code = refused.values.get("reason") ?? refused.code
      this.link.value = { _tag: "Stopped", why: refused.text, code }
      return
    }
    const millis = this.reconnection.next(end)
    this.link.value = { _tag: "Away", why: refused?.text ?? "", until: timers.now() + millis }
    this.cancelAttempt = timers.after(millis, () => this.start())
  }

  /** Whether a later attempt may succeed. The server may not have noticed yet that the last connection has ended. */
  private mayPass({ code, retryMillis }: NonNullable<End["refused"]>): boolean {
    return retryMillis !== undefined || (this.wasUp && code === "login-in-use")
  }

  private leave() {
    this.cancelAttempt?.()
    this.cancelAttempt = undefined
    const { connection } = this
    this.connection = undefined
    connection?.quit()
    this.disconnected()
  }

  private disconnected() {
    this.present.value = new Set()
    this.sending.disconnected()
    this.rooming.disconnected()
    this.reading.previews.disconnected()
  }

  /** Asks for what the page has to know after each login. */
  private async refresh({ rooms }: ServerFacts) {
    const { connection } = this
    try {
      const [rejoined] = await Promise.all([
        this.isOfAccount || rooms === undefined ? [] : this.rooming.joinAgain(),
        this.refreshPresence(),
        rooms === undefined ? undefined : this.rooming.refresh(),
        this.isOfAccount && rooms !== undefined ? this.refreshConversations() : undefined
      ])
      batch(() => this.reading.connected(rejoined))
    } catch (error) {
      if (this.connection === connection && error instanceof RequestFailed) this.complain(error.message)
    }
  }

  private async refreshPresence() {
    const { connection } = this
    this.present.value = new Set(namesIn(await this.ask("who", "names")))
    this.own.timers.after(presenceMillis, () => {
      if (this.connection === connection) this.refreshPresence().catch(() => undefined)
    })
  }

  private async refreshConversations() {
    const lines = await this.ask("conversations", "end")
    batch(() => {
      for (const line of lines) {
        const report = PastReports.conversationIn(line)
        if (report === undefined) continue
        const one = this.at(report.conversation)
        one.change({ isWithGuest: report.guest === true })
        one.learn(report)
      }
    })
  }
}
