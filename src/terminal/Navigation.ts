import * as RoomReports from "../client/RoomReports.js"
import type { ConversationReader } from "./ConversationReader.js"
import type { NumberedConversations, KnownConversation } from "./NumberedConversations.js"
import type { CurrentRecipients } from "./CurrentRecipients.js"
import type { Marks } from "./Display.js"
import * as Format from "./Format.js"
import type { ConversationMove, Prompt } from "./Prompt.js"
import type { RequestQueue } from "./RequestQueue.js"
import * as RoomInput from "./RoomInput.js"
import * as RoomLines from "./RoomLines.js"
import { span, type Row } from "./Row.js"
import type { Transcript } from "./Transcript.js"

export interface NavigationOptions {
  readonly marks: Marks
  readonly transcript: Transcript
  readonly prompt: Prompt
  readonly conversations: NumberedConversations
  readonly recipients: CurrentRecipients
  readonly reader: ConversationReader
  readonly rooms: RoomLines.RoomLines
  readonly requests: RequestQueue
  /** Called when the user has muted or unmuted a conversation. */
  readonly onMute: () => void
}

/** Switches between conversations. Text that was typed but not sent stays with its conversation. */
export class Navigation {
  /** Whether the user has gone to a conversation before, and so knows how. */
  private hasGone = false

  constructor(private readonly options: NavigationOptions) {}

  /** Returns whether the server has rooms. */
  go(to: ConversationMove): boolean {
    const { conversations, reader } = this.options
    if (!reader.isOn) return false
    const found =
      to === "unread"
        ? this.nextUnread
        : typeof to === "number"
          ? conversations.listed[to - 1]
          : conversations.neighbour(this.only, to === "next" ? 1 : -1)
    if (found !== undefined && found.name !== this.only) this.enter(found.name)
    return true
  }

  /** If the key is pressed again before a conversation is shown, this is the one after it. */
  private get nextUnread(): KnownConversation | undefined {
    const { conversations, reader } = this.options
    return conversations.unread((name) => this.isInSight(name) || reader.isLoading(name))[0]
  }

  /** Goes to the conversation that the user has typed. */
  goTo(typed: string): void {
    const { conversations } = this.options
    if (typed === "") return this.print(...this.list())
    const name = conversations.meant(typed)?.name ?? typed
    if (conversations.find(name) !== undefined || !RoomReports.isRoom(name)) return this.enter(name)
    const how = RoomInput.isRoomName(name) ? `you are not in ${name}; /join ${name}` : `"${name}" is not a room`
    return this.print(Format.failed(how, this.options.marks))
  }

  /** Goes to a conversation, and shows its last lines. */
  enter(name: string): void {
    const { conversations, prompt, reader, recipients } = this.options
    const { only } = this
    this.hasGone = true
    recipients.turn([name])
    if (only !== name) {
      const draft = prompt.exchange(conversations.find(name)?.draft ?? "")
      if (only !== undefined) conversations.keepDraft(only, draft)
    }
    this.expectRoom(name)
    reader.enter(name)
  }

  /** The user has written to these names. */
  address(to: ReadonlyArray<string>): void {
    const { reader, recipients } = this.options
    const before = recipients.to
    recipients.turn(to)
    for (const name of to) this.expectRoom(name)
    reader.address(to.filter((name) => !before.includes(name)))
  }

  /** A new connection: the known facts about the room may have changed. */
  connected(): void {
    for (const name of this.options.recipients.to) this.expectRoom(name)
  }

  /** Requests the topic and the members of a room, once for each connection. */
  private expectRoom(room: string) {
    const { requests, rooms } = this.options
    if (!RoomReports.isRoom(room) || rooms.knows(room)) return
    rooms.expect(room)
    requests.askAs(RoomLines.topicLabel, `/topic ${room}`)
    requests.askAs(RoomLines.membersLabel, `/members ${room}`)
  }

  /** Continues the previous conversation. */
  back(): void {
    const { reader, recipients } = this.options
    recipients.back()
    reader.address(recipients.to)
  }

  /** The user is no longer in a room: continues the previous conversation. */
  left(room: string): void {
    const { reader, recipients } = this.options
    const isHere = this.isInSight(room)
    reader.left(room)
    recipients.leave(room)
    if (isHere) reader.address(recipients.to)
  }

  /** Mutes or unmutes a conversation. */
  mute(typed: string): void {
    const { conversations, marks, onMute } = this.options
    const name = conversations.meant(typed)?.name
    if (name === undefined) return this.print(Format.failed(`there is no conversation ${typed}`, marks))
    const isMuted = conversations.toggleMuted(name)
    onMute()
    const text = isMuted ? `${name} is muted; /mute ${name} undoes it` : `${name} is no longer muted`
    return this.print(Format.quiet(text, marks))
  }

  /** The conversations with unread lines, for the row above the prompt; undefined if there are none. */
  get unread(): Row | undefined {
    const { conversations, marks, reader } = this.options
    if (!reader.isOn) return undefined
    const unread = conversations.unread((name) => this.isInSight(name))
    return unread.length === 0 ? undefined : Format.unread(unread, this.hasGone ? "" : "Alt-A or /go shows them", marks)
  }

  private list(): ReadonlyArray<Row> {
    const { conversations, marks } = this.options
    const { listed } = conversations
    if (listed.length === 0) return [Format.quiet("no conversations yet; /join #ops, or write `bob: text`", marks)]
    return listed.slice(0, maxListed).map((one, index) => this.listedRow(one, index + 1))
  }

  private listedRow({ isMuted, mentions, name, unread }: KnownConversation, place: number): Row {
    const notes = [
      ...(unread > 0 && !this.isInSight(name) ? [`${unread} unread`] : []),
      ...(mentions > 0 && !this.isInSight(name) ? ["mentions you"] : []),
      ...(isMuted ? ["muted"] : [])
    ]
    const { marks } = this.options
    const note = notes.length === 0 ? "" : ` ${marks.dash} ${notes.join(", ")}`
    return [span(`${String(place).padStart(3)} `, "quiet"), ...Format.named(name), span(note, "quiet")]
  }

  /** The only recipient of the next line; undefined if there are several, or none. */
  private get only(): string | undefined {
    const { to } = this.options.recipients
    return to.length === 1 ? to[0] : undefined
  }

  private isInSight(name: string): boolean {
    return this.options.recipients.to.includes(name)
  }

  private print(...rows: ReadonlyArray<Row>) {
    this.options.transcript.print(...rows)
  }
}

/** The most conversations that are listed. Others are found only by their names. */
const maxListed = 200
