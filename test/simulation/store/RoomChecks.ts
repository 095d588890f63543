import type { Report } from "../Checks.js"
import type { ConversationId } from "../../../src/ports/StoreLines.js"
import type { TakenGap, TakenLine, TakenMessage, TakenReply } from "./Received.js"
import type { Logged } from "./SimulatedStore.js"
import { lastRooms, type Sitting } from "./StoreHistory.js"
import type { StoreModel } from "./StoreModel.js"

/** Guests in rooms get what is stored while they are there, and who has left gets nothing more. */
export const check = (model: StoreModel, report: Report) => {
  for (const [sitting, lines] of model.taken) {
    if (!sitting.isAccount) new GuestInRooms(model, sitting, report).check(lines)
    if (model.accountOf(sitting) !== undefined) checkAfterLeft(model, sitting, lines, report)
    checkRoomsAtRest(model, sitting, lines, report)
  }
}

/** What a guest knows of a room that it is in. */
interface Place {
  /** Undefined until the guest got a line of it. */
  id: ConversationId | undefined
  /** The number of the last line that the guest was given, or that is from before its join. */
  seq: number
  /** It is not known whether the guest has left meanwhile. */
  isUnsure: boolean
}

/** Follows what a guest takes: that it has joined, lines, gaps, and that it has left. */
class GuestInRooms {
  private readonly rooms = new Map<string, Place>()

  constructor(
    private readonly model: StoreModel,
    private readonly sitting: Sitting,
    private readonly report: Report
  ) {}

  check(lines: ReadonlyArray<TakenLine>) {
    const { asked, client } = this.sitting
    for (const line of lines) {
      if (line.line.startsWith("* registered ")) return
      if (line.is === "reply" && asked.get(line.label)?.line.startsWith("/join ") === true) this.joined(line)
      else if (line.is === "left" && line.name === client.name) this.rooms.delete(line.room)
      else if (line.is === "message" && line.room !== undefined) this.message(line, line.room)
      else if (line.is === "gap" && line.name.startsWith("#")) this.gap(line)
    }
    this.checkEnd(lines)
  }

  private get where() {
    return `${this.sitting.client.name} on ${this.sitting.socket.remote}`
  }

  private joined({ code, rest }: TakenReply) {
    const [, name, last] = /^(\S+) members=\d+ last=(\d+)/u.exec(rest) ?? []
    if (code !== "room" || name === undefined) return
    const before = this.rooms.get(name)
    if (before === undefined) this.rooms.set(name, { id: undefined, seq: Number(last), isUnsure: false })
    // A client whose queue is full does not learn that it was removed.
    else before.isUnsure = this.mayMissNotices
  }

  private get mayMissNotices() {
    const { outboxBytes, outboxLines } = this.model.history.schedule.setting
    return outboxLines < 10_000 || outboxBytes < 100_000 || this.sitting.socket.wire.isSlow
  }

  private message(message: TakenMessage, room: string) {
    const { model, report, sitting } = this
    const where = `${this.where}: ${message.line}`
    const entry = model.entry(message, (one) => model.roomOf(one) === room && one.line.author === message.name)
    if (entry === undefined) return report("a line of a room was given that is not stored", where)
    const { flushed, seq } = entry
    if (message.turn < flushed.turn) report("a line was given before it was flushed", where)
    if (message.numbers !== undefined && message.numbers.seq !== seq)
      report("a line was given with other numbers", where)
    if (sitting.said.some(({ text }) => text === message.text))
      report("a line of a room came back to the client that sent it", where)
    const place = this.rooms.get(room)
    if (place === undefined) return report("a line of a room was given to a guest that was not in it", where)
    if (seq <= place.seq) report("a guest was given an older line of a room", where)
    const skipped = place.isUnsure ? undefined : this.missing(room, place, seq)
    if (skipped !== undefined) report("a line of a room was passed over", `${skipped.seq} before ${where}`)
    Object.assign(place, { id: entry.conversation, seq, isUnsure: false })
  }

  private gap({ first, last, line, name }: TakenGap) {
    const place = this.rooms.get(name)
    if (place === undefined) return this.report("a gap was reported of a room", `${this.where}: ${line}`)
    const skipped = place.isUnsure ? undefined : this.missing(name, place, first)
    if (skipped !== undefined) this.report("a line of a room was passed over", `${skipped.seq} before ${line}`)
    const kept = this.linesOf(name, place).find(
      ({ removed, seq }) => seq >= first && seq <= last && removed === undefined
    )
    if (kept !== undefined) this.report("a gap was reported where lines are kept", `${this.where}: ${line}`)
    place.seq = Math.max(place.seq, last)
  }

  /** A line that the guest should have been given before another one. */
  private missing(room: string, place: Place, before: number): Logged | undefined {
    const { said } = this.sitting
    return this.linesOf(room, place).find(
      ({ line, seq }) => seq > place.seq && seq < before && !said.some(({ text }) => text === line.text)
    )
  }

  /** The lines of the room that the guest is in. Numbers of rooms with one name never begin again. */
  private linesOf(name: string, { id }: Place): ReadonlyArray<Logged> {
    const { model } = this
    return model.history.store.log.filter(
      (one) => model.roomOf(one) === name && (id ?? one.conversation) === one.conversation
    )
  }

  /** When everything has come to rest, a guest that is still there has got all lines. */
  private checkEnd(lines: ReadonlyArray<TakenLine>) {
    for (const name of roomsAtRest(lines) ?? []) {
      const place = this.rooms.get(name)
      if (place === undefined) this.report("a guest is in a room that it has not joined", `${this.where}: ${name}`)
      else {
        const lost = place.isUnsure ? undefined : this.missing(name, place, Infinity)
        if (lost !== undefined)
          this.report("a stored line of a room was never given to a guest", `${this.where}: ${lost.line.text}`)
      }
    }
  }
}

/** The rooms that a client is in at the end; undefined if it has not been told. */
const roomsAtRest = (lines: ReadonlyArray<TakenLine>): ReadonlyArray<string> | undefined => {
  const replies = lines.filter((line) => line.is === "reply").filter(({ label }) => label === lastRooms)
  if (!replies.some(({ code }) => code === "end")) return undefined
  return replies.flatMap(({ rest }) => /^(\S+) members=.* in=yes/u.exec(rest)?.[1] ?? [])
}

/** After the notice that its account has left a room, a connection gets no line from before that. */
const checkAfterLeft = (model: StoreModel, sitting: Sitting, lines: ReadonlyArray<TakenLine>, report: Report) => {
  const account = model.accountOf(sitting)
  const { ends, store } = model.history
  const started = ends.find(({ life }) => life === sitting.life - 1)?.turn ?? 0
  const left = new Map<string, number>()
  for (const line of lines) {
    // As a guest, it was another member.
    if (line.line.startsWith("* registered ")) left.clear()
    if (line.is === "left" && line.name === sitting.client.name) left.set(line.room, (left.get(line.room) ?? 0) + 1)
    if (line.is !== "message" || line.room === undefined) continue
    const times = left.get(line.room) ?? 0
    if (account === undefined || times === 0) continue
    const own = store.memberships.filter((one) => one.account === account && one.name === line.room)
    const later = own.filter(({ to }) => to >= started)
    if (later.filter(({ to }) => to < Infinity).length < times)
      report(
        "a client was told more often that it has left a room than it has",
        `${sitting.socket.remote}: ${line.room}`
      )
    const mayRead = later.slice(times)
    const entry = model.entry(line, (one) => model.roomOf(one) === line.room)
    const membership = entry && model.membership(account, entry)
    if (membership !== undefined && !mayRead.includes(membership))
      report("a line of a room was given to a client that has left it", `${sitting.socket.remote}: ${line.line}`)
  }
}

/** A device of an account is in the rooms that the store says. */
const checkRoomsAtRest = (model: StoreModel, sitting: Sitting, lines: ReadonlyArray<TakenLine>, report: Report) => {
  const account = model.accountOf(sitting)
  const told = account === undefined ? undefined : roomsAtRest(lines)
  if (told === undefined) return
  const { memberships } = model.history.store
  const own = memberships.filter((one) => one.account === account && one.to === Infinity).map(({ name }) => name)
  if (told.toSorted().join() !== own.toSorted().join())
    report(
      "a device is in other rooms than the store says",
      `${sitting.socket.remote}: ${told.join()} and ${own.join()}`
    )
}
