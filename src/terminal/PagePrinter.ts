import * as KeptText from "../client/KeptText.js"
import * as PastReports from "../client/PastReports.js"
import type { Gap } from "../client/Received.js"
import * as RoomReports from "../client/RoomReports.js"
import type { NumberedConversations } from "./NumberedConversations.js"
import type { Marks } from "./Display.js"
import * as Format from "./Format.js"
import * as Mention from "../client/Mention.js"
import type { PastPage } from "./Pages.js"
import type { People } from "./People.js"
import type { Row } from "./Row.js"
import type { Transcript } from "./Transcript.js"

export interface PagePrinterOptions {
  readonly marks: Marks
  readonly people: People
  readonly transcript: Transcript
  readonly conversations: NumberedConversations
}

/** Shows past lines in the scrollback, with the time of each. */
export class PagePrinter {
  constructor(private readonly options: PagePrinterOptions) {}

  /**
   * Shows the last lines of a conversation that the user has entered.
   *
   * @param read the user's read mark, which is shown before the first unread line; 0 for none
   * @param gap lines that are gone
   */
  entry({ damaged, first, hasMore, lines, of: name }: PastPage, read: number, gap: Gap | undefined): void {
    const { conversations, marks, transcript } = this.options
    const { topic = "" } = conversations.find(name) ?? {}
    transcript.print(Format.rule(name, marks))
    if (topic !== "") this.remark(`topic: ${topic}`)
    if (gap !== undefined) transcript.print(Format.failed(KeptText.gap(gap), marks))
    // Damaged lines of the page do not precede it.
    const before = first - 1 - read
    if (hasMore && before > 0) this.remark(`${before} unread lines before these; PageUp shows them`)
    this.lines(lines, read)
    this.damaged(damaged)
  }

  /** Shows lines before those that the user has seen. */
  earlier({ damaged, hasMore, lines, of: name }: PastPage, read: number): void {
    const { marks, transcript } = this.options
    if (lines.length === 0 && damaged === undefined) return this.remark(`nothing came before in ${name}`)
    transcript.print(Format.rule(hasMore ? `earlier in ${name}` : `the beginning of ${name}`, marks))
    this.lines(lines, read)
    this.damaged(damaged)
    return transcript.print(Format.rule("end", marks))
  }

  /** Shows the results of a search. */
  found({ damaged, lines, of: text }: PastPage): void {
    const { marks, transcript } = this.options
    transcript.print(Format.rule(`search: ${text}`, marks))
    this.lines(lines)
    this.remark(lines.length === 0 ? "nothing found" : `${lines.length} found`)
    if (damaged !== undefined) this.remark("the server cannot search some lines, because its disk is damaged")
  }

  /** Names the lines of a page that the server cannot read. */
  damaged(ranges: PastPage["damaged"]): void {
    if (ranges === undefined) return
    this.remark(`the server cannot read lines ${PastReports.textOfRanges(ranges)}, because its disk is damaged`)
  }

  lines(lines: ReadonlyArray<PastReports.PastLine>, read = 0): void {
    const { marks, people, transcript } = this.options
    let isMarked = read === 0 || (lines[0]?.seq ?? 0) > read + 1
    for (const line of lines) {
      if (people.isIgnored(line.from)) continue
      if (!isMarked && line.seq > read) {
        isMarked = true
        transcript.print(Format.rule("new", marks))
      }
      transcript.printAt(line.at, this.rowOf(line))
    }
  }

  private rowOf({ conversation, ...line }: PastReports.PastLine): Row {
    const { marks, people } = this.options
    if (line.from === people.own && conversation !== people.own) {
      const { text } = Format.ownAction(line, people.own)
      return Format.stored([conversation], text, marks)
    }
    const mentions = Mention.find(Format.shownText(line.text), people.own)
    const room = RoomReports.isRoom(conversation) ? { room: conversation } : {}
    return Format.said({ _tag: "Message", ...line, ...room }, marks, mentions)
  }

  private remark(text: string) {
    this.options.transcript.print(Format.quiet(text, this.options.marks))
  }
}
