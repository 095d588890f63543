import { batch } from "@preact/signals-core"
import * as RoomReports from "../../client/RoomReports.js"
import type { ChatState } from "./ChatState.js"
import { RequestFailed } from "./PageConnection.js"
import type { Conversation } from "./Conversation.js"
import { parseJson } from "./Ports.js"
import * as RoomTexts from "./RoomTexts.js"

/** The rooms of the user, and who is in them. */
export class UserRooms {
  constructor(private readonly chat: ChatState) {
    // They are in the list before the server is reached.
    for (const name of this.kept) chat.at(name).change({ isListed: true })
  }

  /** Enters a room, and creates it if there is none. */
  async join(room: string): Promise<void> {
    const [reply] = await this.chat.ask(`join ${room}`)
    const report = reply === undefined ? undefined : RoomReports.roomIn(reply)
    if (report === undefined) return
    batch(() => {
      const { isIn, isListed } = this.chat.at(room).state.peek()
      this.isIn(report)
      // What was written before the user came is read.
      this.chat.at(room).learn({ last: report.last, read: isIn && isListed ? 0 : report.last })
    })
  }

  async leave(room: string): Promise<void> {
    await this.chat.ask(`leave ${room}`)
    batch(() => this.isOut(this.chat.at(room)))
  }

  /** The rooms that the user is in or may enter. */
  async refresh(): Promise<void> {
    const { chat } = this
    const reports = (await chat.ask("rooms", "end")).flatMap((line) => RoomReports.roomIn(line) ?? [])
    batch(() => {
      chat.rooms.value = reports
      if (!chat.isOfAccount) return
      const own = reports.filter(({ isIn }) => isIn)
      for (const report of own) this.isIn(report)
      const names = new Set(own.map(({ room }) => room))
      for (const one of chat.conversations.all) if (one.isRoom && !names.has(one.name)) this.isOut(one)
    })
  }

  async refreshMembers(room: Conversation): Promise<void> {
    try {
      const lines = await this.chat.ask(`members ${room.name}`, "end")
      room.change({ members: lines.flatMap((line) => RoomReports.membersIn(line)?.names ?? []).toSorted(byName) })
    } catch {
      // The user has left the room, or the connection is gone: both are shown otherwise.
    }
  }

  /** A guest is in no room after a login: joins those again that it was in. */
  async joinAgain(): Promise<ReadonlyArray<Conversation>> {
    const { chat } = this
    const joined: Array<Conversation> = []
    for (const name of this.kept) {
      const one = chat.at(name)
      try {
        await this.join(name)
        joined.push(one)
      } catch (error) {
        if (!(error instanceof RequestFailed) || error.reason === "cut-off") throw error
        chat.say(one, "trouble", `You are not in ${name} any more: ${error.message}`)
        this.isOut(one)
      }
    }
    return joined
  }

  /** The connection has ended: who is in the rooms is not known any more. */
  disconnected(): void {
    for (const one of this.chat.conversations.all) {
      if (one.state.peek().members !== undefined) one.change({ members: undefined })
    }
  }

  take(notice: RoomReports.RoomNotice): void {
    const { chat } = this
    const one = chat.at(notice.room)
    switch (notice._tag) {
      case "Joined":
        return this.joined(one, notice.names)
      case "Left":
        return this.left(one, notice.names, notice.by)
      case "Topic":
        one.change({ topic: notice.topic })
        return chat.say(one, "note", RoomTexts.topic(notice.name, notice.topic))
      case "Owner":
        one.change({ owner: notice.name })
        return chat.say(one, "note", `${notice.name} owns the room now`)
      case "Locked":
        one.change({ isLocked: notice.isLocked })
        return chat.say(one, "note", RoomTexts.locked(notice.isLocked))
      case "Silenced":
        return chat.say(one, "note", RoomTexts.silenced(notice))
      case "Slow":
        return chat.say(one, "note", RoomTexts.slow(notice.millis))
      case "Invited":
        return this.invited(one, notice.by)
    }
  }

  /** Forgets what the tab has stored. */
  forget(): void {
    this.chat.options.tab.write(this.key, undefined)
  }

  private joined(one: Conversation, names: ReadonlyArray<string>) {
    const { isIn, isListed, members } = one.state.peek()
    // On another device of the account.
    if (names.includes(this.chat.me) && !(isIn && isListed)) this.refresh().catch(() => undefined)
    if (members !== undefined) one.change({ members: [...new Set([...members, ...names])].toSorted(byName) })
  }

  private left(one: Conversation, names: ReadonlyArray<string>, by: string | undefined) {
    const { chat } = this
    const { members } = one.state.peek()
    if (members !== undefined) one.change({ members: members.filter((name) => !names.includes(name)) })
    const isMe = names.includes(chat.me)
    if (by !== undefined && isMe) chat.say(one, "trouble", `${RoomTexts.whoIs(by)} has removed you from ${one.name}`)
    else if (by !== undefined) chat.say(one, "note", `${RoomTexts.whoIs(by)} has removed ${names.join(", ")}`)
    if (isMe) this.isOut(one)
  }

  private invited(one: Conversation, by: string | undefined) {
    const { chat } = this
    const { isIn, isListed } = one.state.peek()
    if (by === undefined) return
    // The reply to one's own invitation names the account that is invited.
    if (isListed && isIn) return chat.say(one, "note", `${by} is invited`)
    chat.invitation.value = { room: one.name, by }
    this.refresh().catch(() => undefined)
  }

  private isIn({ isLocked, owner, room, topic }: RoomReports.RoomReport) {
    const { invitation } = this.chat
    if (invitation.peek()?.room === room) invitation.value = undefined
    this.chat.at(room).change({ isIn: true, isListed: true, topic, owner, isLocked })
    this.keep()
  }

  private isOut(one: Conversation) {
    const isListed = this.chat.current.peek() === one.name
    one.change({ isIn: false, isListed, members: undefined, unread: 0, mentions: 0 })
    this.keep()
  }

  /** The rooms that the user was in. */
  private get kept(): ReadonlyArray<string> {
    const saved = parseJson(this.chat.options.tab.read(this.key))
    return Array.isArray(saved) ? saved.filter((name) => typeof name === "string" && RoomReports.isRoom(name)) : []
  }

  private keep() {
    const { chat } = this
    const rooms = chat.conversations.all.filter(({ isRoom, state }) => {
      const { isIn, isListed } = state.peek()
      return isRoom && isListed && isIn
    })
    chat.options.tab.write(this.key, JSON.stringify(rooms.map(({ name }) => name)))
  }

  private get key() {
    return `a-chat.rooms.${this.chat.me}`
  }
}

const byName = (one: string, other: string): number => one.localeCompare(other)
