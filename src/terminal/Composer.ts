import type { MessageFate } from "../client/Client.js"
import type { Receipt } from "../client/Received.js"
import * as RoomReports from "../client/RoomReports.js"
import * as ComposerView from "./ComposerView.js"
import type { ConversationReader } from "./ConversationReader.js"
import type { NumberedConversations } from "./NumberedConversations.js"
import type { CurrentRecipients } from "./CurrentRecipients.js"
import type { ConversationLog } from "./ConversationLog.js"
import type { Marks } from "./Display.js"
import * as Format from "./Format.js"
import * as Help from "./Help.js"
import type { LiveView } from "./LiveRegion.js"
import type { Navigation } from "./Navigation.js"
import { NewPassword } from "./NewPassword.js"
import { Outgoing, type MessageId } from "./Outgoing.js"
import type { People } from "./People.js"
import type { Entered, Paste, Prompt } from "./Prompt.js"
import type { RequestQueue } from "./RequestQueue.js"
import * as RoomLines from "./RoomLines.js"
import { StoredMessages } from "./StoredMessages.js"
import { whoLabel } from "./ServerLines.js"
import type { Transcript } from "./Transcript.js"
import * as TypedLine from "./TypedLine.js"

export interface ComposerOptions {
  readonly marks: Marks
  readonly people: People
  readonly prompt: Prompt
  readonly transcript: Transcript
  readonly log: ConversationLog
  readonly conversations: NumberedConversations
  readonly recipients: CurrentRecipients
  readonly reader: ConversationReader
  readonly navigation: Navigation
  readonly requests: RequestQueue
  readonly bell: TypedLine.Extent
  readonly notify: TypedLine.Extent
  /** Whether there is any way to notify the user. */
  readonly canNotify: boolean
  /** Monotonic milliseconds. */
  readonly now: () => number
  /** Called when there is something to send. */
  readonly wake: () => void
  /** Called when a message has all its outcomes. */
  readonly onSettled: () => void
  /** Called when a stored message waits to be received. */
  readonly onStored: () => void
}

/** Turns what the user enters into messages and commands, and shows their outcomes. */
export class Composer {
  readonly outgoing: Outgoing
  phase: ComposerView.ComposerPhase = { _tag: "Login" }
  isLeaving = false
  bell: TypedLine.Extent
  notify: TypedLine.Extent
  /** Whether users who join and leave are shown. */
  showsJoins = true
  readonly newPassword: NewPassword
  private readonly receipts = new StoredMessages((settled, isReceived) => {
    const { marks, transcript } = this.options
    transcript.print(Format.settled(this.shown(settled), marks, isReceived))
  })
  private doubted: ComposerView.DoubtedLine | undefined = undefined

  constructor(private readonly options: ComposerOptions) {
    this.bell = options.bell
    this.notify = options.notify
    this.newPassword = new NewPassword({ ...options, request: (line) => this.request(line) })
    this.outgoing = new Outgoing((name) => options.people.isExpected(name))
  }

  /** Sends messages that were held for users who are back, or no longer expected. */
  release(): void {
    if (this.outgoing.release()) this.options.wake()
  }

  private get to(): ReadonlyArray<string> {
    return this.options.recipients.to
  }

  /**
   * Whether a line needs a second Enter, because it would leave the conversation for a name that was never here: `TODO:
   * fix the build` is more likely a text.
   */
  doubts(line: string): boolean {
    if (this.doubted?.line === line) return false
    const strangers = this.strangers(this.parse(line))
    this.doubted = strangers.length === 0 ? undefined : { line, strangers }
    return strangers.length > 0
  }

  private strangers(meaning: TypedLine.Meaning): ReadonlyArray<string> {
    if ((meaning._tag !== "Say" && meaning._tag !== "Turn") || this.to.length === 0) return []
    const { conversations, people } = this.options
    return meaning.to.filter(
      (name) => !this.to.includes(name) && !people.mayExist(name) && conversations.find(name) === undefined
    )
  }

  /** Returns whether the user wants to leave. */
  enter(entered: Entered): boolean {
    switch (entered._tag) {
      case "Line":
        this.doubted = undefined
        return this.execute(this.parse(entered.line))
      case "Lines":
        this.enterPaste(entered.lines, entered.isHeaded)
        return false
      case "Secret":
        this.newPassword.answer(entered.secret)
        return false
      case "Resend":
        this.outgoing.resend()
        this.options.wake()
        return false
      case "Drop": {
        const { log, marks, transcript } = this.options
        for (const message of this.outgoing.drop()) {
          log.sent(message, [{ _tag: "Unknown", names: message.to }])
          transcript.print(Format.pending(this.shown(message), marks, unknownNote))
        }
        return false
      }
    }
  }

  private parse(line: string): TypedLine.Meaning {
    const { conversations, people, reader } = this.options
    const isKnown = (name: string) => people.isKnown(name) || conversations.find(name) !== undefined
    const { lastOthers, lastSender } = people
    return TypedLine.parse(line, { to: this.to, lastSender, lastOthers, isKnown, hasRooms: reader.isOn })
  }

  private execute(meaning: TypedLine.Meaning): boolean {
    const { marks, navigation, reader, requests, transcript } = this.options
    switch (meaning._tag) {
      case "Say":
        this.say(meaning.to, meaning.text)
        break
      case "Turn":
        this.turn(meaning.to)
        break
      case "Who":
        this.askWho()
        break
      case "Help":
        transcript.print(...Help.rows(marks, reader.isOn))
        break
      case "Join":
        if (this.phase._tag !== "Here") transcript.print(Format.failed("not connected", marks))
        else requests.ask(RoomLines.joinLabel, `/join ${meaning.room}`)
        break
      case "Go":
        navigation.goTo(meaning.name)
        break
      case "Earlier":
        this.earlier()
        break
      case "Search":
        if (this.phase._tag !== "Here") transcript.print(Format.failed("not connected", marks))
        else reader.search(meaning.text)
        break
      case "Mute":
        navigation.mute(meaning.name)
        break
      case "NewPassword":
        this.newPassword.ask(meaning.command, this.phase)
        break
      case "Command":
        this.request(`@${RoomLines.askedLabel} ${meaning.line}`)
        break
      case "Quit":
        return true
      case "Ignore":
        this.ignore(meaning.names)
        break
      case "Extent":
        if (meaning.what === "notify" && !this.options.canNotify) {
          transcript.print(Format.failed("this terminal shows no notifications; --notify runs a command", marks))
          break
        }
        this[meaning.what] = meaning.extent
        transcript.print(Format.quiet(`${meaning.what} ${meaning.extent}`, marks))
        break
      case "Switch":
        if (meaning.what === "time") transcript.withTime = meaning.on
        else this.showsJoins = meaning.on
        transcript.print(Format.quiet(`${meaning.what} ${meaning.on ? "on" : "off"}`, marks))
        break
      case "Mistake":
        transcript.print(Format.failed(meaning.text, marks))
    }
    return false
  }

  private say(to: ReadonlyArray<string>, text: string) {
    this.turn(to)
    this.outgoing.add(to, text)
    this.options.wake()
  }

  private turn(to: ReadonlyArray<string>) {
    this.options.navigation.address(to)
    this.options.people.addressed(to.filter((name) => !RoomReports.isRoom(name)))
  }

  /** Shows earlier lines of the conversation. */
  earlier(): void {
    const { marks, reader, transcript } = this.options
    if (!reader.earlier()) transcript.print(Format.quiet("no earlier lines are kept for you here", marks))
  }

  /** Pasted lines are text, whatever they contain: a log is full of `error: ...`. */
  private enterPaste(lines: ReadonlyArray<string>, isHeaded: boolean) {
    const [first = "", ...rest] = lines
    const meaning = this.parse(isHeaded || this.to.length === 0 ? first : ` ${first}`)
    if (meaning._tag === "Say" || meaning._tag === "Turn") {
      this.execute(meaning)
      for (const line of rest) this.say(this.to, line)
      return
    }
    const { marks, transcript } = this.options
    const why = "write `name: ` and paste after it"
    transcript.print(Format.failed(`none of the ${lines.length} lines were sent; ${why}`, marks))
  }

  private askWho() {
    this.request(`@${whoLabel} /who`, "this server does not report who is connected")
  }

  /** Sends a line to which the server replies. */
  private request(line: string, why = "this server has no such command") {
    const { marks, transcript } = this.options
    const { phase } = this
    if (phase._tag !== "Here") return transcript.print(Format.failed("not connected", marks))
    if (!phase.reportsOutcomes) return transcript.print(Format.failed(why, marks))
    return this.options.requests.add(line)
  }

  private ignore(names: ReadonlyArray<string>) {
    const { marks, people, transcript } = this.options
    const remark = (text: string) => transcript.print(Format.quiet(text, marks))
    for (const name of names) {
      remark(
        people.toggleIgnored(name) ? `${name} is ignored; /ignore ${name} undoes it` : `${name} is no longer ignored`
      )
    }
    const { ignoredNames } = people
    if (names.length === 0)
      remark(ignoredNames.length === 0 ? "no one is ignored" : `ignored: ${ignoredNames.join(", ")}`)
  }

  /**
   * Records the outcomes of a message. If the server refused it while shutting down, or as too fast, it waits for the
   * next connection.
   */
  settle(id: MessageId, fates: ReadonlyArray<MessageFate>): void {
    if (fates.some(isRefusedForNow)) return this.outgoing.putBack(id)
    const settled = this.outgoing.settle(id, fates)
    this.options.onSettled()
    if (settled === undefined) return
    this.options.log.sent(settled, settled.fates)
    if (this.receipts.settle(settled, this.options.now())) this.options.onStored()
    for (const fate of settled.fates) {
      if (fate._tag === "Returned" && fate.reason === "offline") this.options.people.missed(fate.names)
      if (fate._tag === "Written" && fate.seq !== undefined) this.stored(fate.names, fate.seq, fate.at ?? 0)
    }
    const { prompt, recipients } = this.options
    const isNoOne = recipients.settle(settled.to, settled.fates)
    // A line being typed is meant for the recipients that the prompt shows.
    if (isNoOne && prompt.editor.text === "") this.options.navigation.back()
  }

  private stored([name = ""]: ReadonlyArray<string>, seq: number, at: number) {
    this.options.reader.sent(name, seq, at)
  }

  /** Handles a receipt: an account has got messages of the user. */
  received(receipt: Receipt): void {
    const { marks, transcript } = this.options
    const later = this.receipts.take(receipt)
    if (later > 0) transcript.print(Format.receivedLater(receipt.name, later, marks))
  }

  /** Shows stored messages that have waited long enough to be received; returns whether others still wait. */
  showStored(now = this.options.now()): boolean {
    return this.receipts.showLate(now)
  }

  /** The message was sent to a server that reports no outcomes. */
  sent(id: MessageId, to: ReadonlyArray<string>, text: string): void {
    this.outgoing.forget(id)
    this.options.log.sent({ to, text }, [{ _tag: "Sent" }])
    this.options.onSettled()
    this.options.transcript.print(Format.sent(to, this.shown({ text }).text, this.options.marks))
  }

  private shown<Message extends { readonly text: string }>(message: Message): Message {
    return Format.ownAction(message, this.options.people.own)
  }

  /** The message cannot be sent. */
  refuse(id: MessageId, why: string): void {
    const message = this.outgoing.forget(id)
    if (message !== undefined) this.options.log.sent(message, [{ _tag: "Unsent" }])
    this.options.onSettled()
    this.options.transcript.print(Format.failed(`not sent: ${why}`, this.options.marks))
  }

  /** Shows the messages that were not sent, and those whose outcome remains unknown. */
  showRest(): void {
    const { log, marks, transcript } = this.options
    this.showStored(Infinity)
    for (const message of this.outgoing.all) {
      const isUnsent = message.phase === "waiting" && message.mayHaveArrived !== true
      const note = isUnsent ? "was not sent" : unknownNote
      log.sent(message, [isUnsent ? { _tag: "Unsent" } : { _tag: "Unknown", names: message.to }])
      transcript.print(Format.pending(this.shown(isUnsent ? message : { ...message, phase: "unknown" }), marks, note))
    }
  }

  /** The rows drawn below the scrollback. */
  get view(): LiveView {
    const { paste } = this.options.prompt
    const { doubted, isLeaving, outgoing, phase, receipts } = this
    return ComposerView.make(
      {
        outgoing,
        stored: receipts.messages,
        phase,
        isLeaving,
        to: this.to,
        unread: this.options.navigation.unread,
        doubted,
        paste: paste === undefined ? undefined : { lines: paste.lines.length, ...this.addresseesOf(paste) }
      },
      this.options
    )
  }

  private addresseesOf({ isHeaded, lines }: Paste) {
    const meaning = isHeaded || this.to.length === 0 ? this.parse(lines[0] ?? "") : undefined
    return {
      to: meaning?._tag === "Say" || meaning?._tag === "Turn" ? meaning.to : this.to,
      strangers: meaning === undefined ? [] : this.strangers(meaning)
    }
  }
}

const isRefusedForNow = (fate: MessageFate) =>
  fate._tag === "Refused" && (fate.reason === "closing" || fate.reason === "slow-down")

/** The note on a message whose outcome is unknown. */
const unknownNote = "may or may not have arrived"
