import * as Mention from "../../client/Mention.js"
import * as PastReports from "../../client/PastReports.js"
import * as Received from "../../client/Received.js"
import * as RoomReports from "../../client/RoomReports.js"
import type { ChatState } from "./ChatState.js"
import type { Refused } from "./PageConnection.js"
import type { Conversation, Interest } from "./Conversation.js"
import { keyOfLine, type ReadConversation } from "./ReadConversation.js"
import type { UserRooms } from "./UserRooms.js"
import type { PageSending } from "./PageSending.js"
import type { NumberedLine, ShownLine } from "./Timeline.js"

/** Takes the lines of the server that answer no request. */
export class UnaskedLines {
  constructor(
    private readonly chat: ChatState,
    private readonly reading: ReadConversation,
    private readonly rooms: UserRooms,
    private readonly sending: PageSending
  ) {}

  take(received: Received.Received): void {
    switch (received._tag) {
      case "Message":
        return this.takeMessage(received)
      case "Notice":
        return this.takeNotice(received)
      case "Refused":
        return this.takeRefusal(received)
      case "Other":
        return undefined
    }
  }

  private takeMessage({ at, from, guest, room, seq, text, to }: Received.Message) {
    const { chat } = this
    const one = chat.at(room ?? from)
    const line = { kind: "message" as const, from, isOwn: from === chat.me, text, isGuest: guest, to }
    if (seq !== undefined && at !== undefined) {
      if (room === undefined) one.change({ isWithGuest: guest === true })
      return this.takeKept(one, { ...line, key: keyOfLine(one.name, seq, at), seq, at })
    }
    const shown: ShownLine = { ...line, key: chat.nextKey(), at: chat.now() }
    chat.addUnkept(one, shown)
    this.arrived(one, shown)
  }

  private takeKept(one: Conversation, line: NumberedLine) {
    if (one.timeline.keep(line)) this.arrived(one, line)
  }

  /** A line has come that was not there before. */
  private arrived(one: Conversation, line: ShownLine) {
    const { chat, reading } = this
    const { at, from, isOwn, seq, text } = line
    const isMention = !isOwn && Mention.find(text, chat.me).length > 0
    const interest: Interest = isOwn ? "own" : isMention ? "mention" : "plain"
    const isUnread = one.arrived(at, seq, interest)
    reading.arrived(one)
    one.show()
    if (!isUnread) return
    const isShown = chat.current.peek() === one.name
    const isSeen = isShown && chat.options.isLooking()
    if (isShown) chat.latest.value = line
    const { isMuted, newAfter } = one.state.peek()
    if (isShown && !isSeen && newAfter === undefined && seq !== undefined) one.change({ newAfter: seq - 1 })
    if (!isSeen && (isMention || (!isMuted && !one.isRoom))) {
      chat.options.onNews({ conversation: one.name, from, text })
    }
  }

  private takeNotice(notice: Extract<Received.Received, { readonly _tag: "Notice" }>) {
    const { chat } = this
    if (this.sending.delivered(notice)) return
    const copy = PastReports.copyIn(notice)
    if (copy !== undefined) return this.takeCopy(copy)
    const receipt = Received.receiptIn(notice)
    if (receipt !== undefined) return this.takeReceipt(receipt)
    const mark = PastReports.readMarkIn(notice)
    if (mark !== undefined) return void chat.conversations.find(mark.conversation)?.readUpTo(mark.seq)
    const roomNotice = RoomReports.roomNoticeIn(notice)
    if (roomNotice !== undefined) return this.rooms.take(roomNotice)
    const { code, words } = notice
    if (code === "joined") chat.present.value = new Set([...chat.present.peek(), ...words])
    if (code === "left") chat.present.value = new Set([...chat.present.peek()].filter((name) => !words.includes(name)))
  }

  /** Another device of the account has sent a line. */
  private takeCopy({ at, conversation, seq, text }: PastReports.CopyReport) {
    const key = keyOfLine(conversation, seq, at)
    const own = { kind: "message", from: this.chat.me, isOwn: true, state: "stored" } as const
    this.takeKept(this.chat.at(conversation), { ...own, key, text, seq, at })
  }

  private takeReceipt({ name, seq }: Received.Receipt) {
    const one = this.chat.at(name)
    if (seq <= one.state.peek().delivered) return
    one.change({ delivered: seq })
    this.chat.settings.change(name, { delivered: seq })
  }

  private takeRefusal(refused: Refused) {
    const { chat } = this
    if (this.sending.refused(refused)) return
    const gap = Received.gapIn(refused)
    if (gap !== undefined) return this.takeGap(gap)
    const returned = Received.returnIn(refused)
    if (returned !== undefined) return this.takeReturn(returned)
    // After a fatal one, the end of the connection says why.
    if (!refused.fatal && refused.code !== "slow-down") chat.complain(refused.text)
  }

  private takeGap({ conversation, first, last }: Received.Gap) {
    const one = this.chat.at(conversation)
    one.timeline.skip(last)
    const count = last - first + 1
    this.chat.say(one, "note", count === 1 ? "One line is no longer kept" : `${count} lines are no longer kept`)
  }

  /** Lines of the user come back although they were stored. */
  private takeReturn({ conversation, count, first, last, reason }: Received.ReturnedLines) {
    const one = this.chat.at(conversation)
    const why = reason === "removed" ? "the account was removed" : "not read in time"
    const isReturned = ({ isOwn, seq = 0 }: ShownLine) => isOwn && seq >= first && seq <= last
    one.timeline.change(isReturned, (line) => ({ ...line, state: "failed", why }))
    one.change({ isListed: true })
    this.chat.say(one, "trouble", `${count === 1 ? "One line" : `${count} lines`} came back: ${why}`)
  }
}
