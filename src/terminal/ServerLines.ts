import * as KeptText from "../client/KeptText.js"
import * as PastReports from "../client/PastReports.js"
import * as Received from "../client/Received.js"
import * as Requests from "../client/Requests.js"
import type { ConversationLog } from "./ConversationLog.js"
import type { ConversationReader } from "./ConversationReader.js"
import type { LineKind } from "./NumberedConversations.js"
import type { Marks } from "./Display.js"
import * as Format from "./Format.js"
import * as Mention from "../client/Mention.js"
import type { People } from "./People.js"
import { PresenceNotices } from "./PresenceNotices.js"
import type { RequestQueue } from "./RequestQueue.js"
import type { RoomLines } from "./RoomLines.js"
import { moment, type Transcript } from "./Transcript.js"

/** Labels of the three kinds of `/who`: at the start, after a reconnect (for completions only), and from the user. */
export const startLabel = "start"
export const countLabel = "count"
export const whoLabel = "who"
/** Label of the `/ping` that checks whether the server is alive. */
export const aliveLabel = "alive"

type Notice = Extract<Received.Received, { readonly _tag: "Notice" }>
type Refused = Extract<Received.Received, { readonly _tag: "Refused" }>

export interface ServerLinesOptions {
  readonly marks: Marks
  readonly people: People
  readonly transcript: Transcript
  readonly log: ConversationLog
  readonly reader: ConversationReader
  readonly rooms: RoomLines
  readonly requests: RequestQueue
  /** Called with each message that the user should notice: in a room, only those that mention them. */
  readonly onMessage: (message: Received.Message, isMention: boolean) => void
  /** Called when an account has got lines of this one. */
  readonly onReceipt: (receipt: Received.Receipt) => void
  /** Called when users have joined or left, which is shown after a delay. */
  readonly onPresence: () => void
  /** Called when the server has accepted or refused the password that the user has typed. */
  readonly onPassword: (isTaken: boolean) => void
  /** Whether users who join and leave are shown. */
  readonly showsJoins: () => boolean
  /** Monotonic milliseconds. */
  readonly now: () => number
}

/** Scripts connect, send and leave within this time. */
export const settleMillis = 4_000

/** Shows the server's lines. */
export class ServerLines {
  private readonly presence = new PresenceNotices(settleMillis)
  /** The reconnect delay that the server announced before it shut down; undefined if it announced none. */
  returnMillis: number | undefined = undefined
  /** The server has logged this client out, so it does not reconnect by itself. */
  isLoggedOut = false
  /** Names received so far of a reply to `/who`, which may take several lines. */
  private listed: Array<string> = []

  constructor(private readonly options: ServerLinesOptions) {}

  take(received: Received.Received): void {
    const { marks, reader, requests, rooms, transcript } = this.options
    if (requests.postponed(received) !== undefined || reader.take(received) || rooms.take(received)) return
    switch (received._tag) {
      case "Message":
        this.takeMessage(received)
        break
      case "Notice":
        this.takeNotice(received)
        break
      case "Refused":
        if (received.code === "logged-out") this.isLoggedOut = true
        if (received.code === "refused") this.options.onPassword(false)
        this.takeRefusal(received)
        break
      case "Other":
        transcript.print(Format.quiet(received.line, marks))
    }
  }

  private takeRefusal(refused: Refused) {
    const { marks, reader, rooms, transcript } = this.options
    const gap = Received.gapIn(refused)
    if (gap !== undefined && !reader.missing(gap)) return
    // Another client of the same address may have used up the rate. Even a refusal proves that the server is alive.
    if (refused.label === aliveLabel || rooms.refused(refused)) return
    transcript.print(Format.failed(showRefusal(refused), marks))
  }

  private takeMessage(message: Received.Message) {
    const { log, marks, onMessage, people, reader, rooms, transcript } = this.options
    const { from, room } = message
    const isIgnored = people.isIgnored(from)
    const isOwn = from === people.own
    const mentions = isOwn || isIgnored ? [] : Mention.find(Format.shownText(message.text), people.own)
    const isMention = mentions.length > 0
    const print = () => transcript.printAt(message.at, Format.said(message, marks, mentions))
    const kind = isIgnored ? "uncounted" : isOwn ? "own" : isMention ? "mention" : "counted"
    const isNews = this.showMessage(message, kind, print)
    if (isIgnored) return
    if (room === undefined) {
      this.presence.wrote(from)
      people.wrote(from, message.to)
    } else {
      rooms.wrote(room, from)
      people.speak(from)
    }
    log.received(message)
    const calls = room === undefined || isMention
    if (isNews && !isOwn && calls && !reader.isMuted(room ?? from)) onMessage(message, isMention)
  }

  /** Shows a message now, or once the user enters its conversation; returns whether it is unread. */
  private showMessage({ at, from, guest, room, seq }: Received.Message, kind: LineKind, print: () => void): boolean {
    const { reader } = this.options
    const conversation = room ?? from
    if (seq !== undefined && at !== undefined && reader.canLoad(conversation)) {
      const isWithGuest = room === undefined && guest === true
      return reader.arrived({ conversation, seq, at, isWithGuest }, kind, print)
    }
    // Nothing could show it later.
    if (kind !== "uncounted") print()
    return true
  }

  private takeCopy(notice: Notice, conversation: string) {
    const { log, marks, reader, transcript } = this.options
    const copy = PastReports.copyIn(notice)
    const print = () => transcript.printAt(copy?.at, Format.copied(conversation, notice.text, marks))
    if (copy === undefined || !reader.canLoad(conversation)) print()
    else reader.arrived({ ...copy, isWithGuest: false }, "own", print)
    log.sent({ to: [conversation], text: notice.text }, [{ _tag: "Written", names: [conversation], code: "stored" }])
  }

  /** Call for each new connection: drops an unfinished reply from the previous one. */
  connected(): void {
    this.returnMillis = undefined
    this.isLoggedOut = false
    this.listed = []
  }

  /** Shows the users who have joined or left since the last call. */
  showPresence(): void {
    this.printPresence(this.presence.takeAll())
  }

  /** Shows those whose change has lasted for a while; returns whether others wait. */
  showSettledPresence(): boolean {
    this.printPresence(this.presence.takeSettled(this.options.now()))
    const areOthersInRooms = this.options.rooms.showSettledPresence()
    return !this.presence.isEmpty || areOthersInRooms
  }

  private printPresence(text: string) {
    const { marks, showsJoins, transcript } = this.options
    if (text !== "" && showsJoins()) transcript.print(Format.quiet(text, marks))
  }

  private takeNotice(notice: Notice) {
    const { marks, now, onPresence, people, transcript } = this.options
    const [word = ""] = notice.words
    switch (notice.code) {
      case "joined":
      case "left": {
        if (word === "") break
        const isNews = notice.code === "joined" ? people.joined(word) : people.left(word)
        if (!isNews || people.isIgnored(word) || word === people.own) break
        if (this.presence.isEmpty) onPresence()
        this.presence[notice.code](word, now())
        break
      }
      case "closing": {
        const grace = Math.ceil(Number(notice.values.get("grace")) / 1000)
        const within = Number.isFinite(grace) ? `, in ${grace} s at most` : ""
        transcript.print(Format.failed(`the server shuts down${within}`, marks))
        people.ending()
        this.returnMillis = Received.returnMillis(notice)
        break
      }
      case "bye":
        // The end of the connection is shown when it happens. This shows only unexpected reasons.
        if (!["quit", "shutdown"].includes(notice.values.get("reason") ?? "")) {
          transcript.print(Format.failed(`the server ends the connection: ${showReport(notice)}`, marks))
        }
        break
      case "pong":
        if (notice.label !== aliveLabel) transcript.print(Format.quiet(showReport(notice), marks))
        break
      case "sent":
        this.takeCopy(notice, word)
        break
      case "delivered": {
        const receipt = Received.receiptIn(notice)
        if (receipt !== undefined) this.options.onReceipt(receipt)
        break
      }
      case "who":
        this.takeWho(notice, Number(word))
        break
      case "device": {
        const device = Requests.deviceIn(notice)
        transcript.print(Format.quiet(device === undefined ? showReport(notice) : showDevice(device), marks))
        break
      }
      case "registered":
        this.options.reader.registered()
        this.takePassword(notice)
        break
      case "password-changed":
        this.takePassword(notice)
        break
      default:
        transcript.print(Format.quiet(showReport(notice), marks))
    }
  }

  private takePassword(notice: Notice) {
    const { marks, onPassword, transcript } = this.options
    onPassword(true)
    transcript.print(Format.quiet(showReport(notice), marks))
  }

  private takeWho({ label, text }: Notice, count: number) {
    this.listed.push(...text.split(", ").filter((name) => name !== ""))
    if (this.listed.length < count) return
    const all = this.listed
    this.listed = []
    this.options.people.listed(all)
    const { marks, transcript } = this.options
    if (label !== countLabel) transcript.print(Format.who(all, label === startLabel ? maxAtStart : Infinity, marks))
  }
}

/** The most users named at the start. */
const maxAtStart = 20

const showRefusal = (refused: Refused): string => {
  const gap = Received.gapIn(refused)
  if (gap !== undefined) return KeptText.gap(gap)
  const returned = Received.returnIn(refused)
  return returned === undefined ? showReport(refused) : KeptText.returned(returned)
}

const showDevice = ({ hasToken, isHere, name, seen }: Requests.AccountDevice): string =>
  `device ${name}: ${isHere ? "here" : `last here ${moment(seen)}`}${hasToken ? ", has a token" : ""}`

const showReport = ({ code, text, values, words }: Notice | Refused): string => {
  const parameters = [...words, ...[...values].map(([key, value]) => `${key}=${value}`)].join(" ")
  return `${code}${parameters === "" ? "" : ` ${parameters}`}: ${text}`
}
