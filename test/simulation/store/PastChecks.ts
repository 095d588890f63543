import type { AccountId } from "../../../src/ports/StoreAccounts.js"
import type { Report } from "../Checks.js"
import { accounts } from "./Clients.js"
import type { TakenLine, TakenReply } from "./Received.js"
import type { Logged } from "./SimulatedStore.js"
import type { AskedCommand, Sitting } from "./StoreHistory.js"
import type { StoreModel } from "./StoreModel.js"

/** What clients find that look back is what is kept, and of rooms that they are in; read marks do not move back. */
export const check = (model: StoreModel, report: Report) => {
  const marks: Array<Mark> = []
  for (const [sitting, lines] of model.taken) {
    const reader = new Reader(model, sitting, report)
    for (const line of lines) reader.take(line)
    marks.push(...reader.marks)
  }
  checkMarks(model, marks, report)
}

/** How far an account has read, as the server has reported to it. */
interface Mark {
  readonly account: AccountId
  readonly name: string
  readonly seq: number
  readonly asked: number
  readonly turn: number
  readonly where: string
}

/** A line of a reply, and the line of the log that it shows. */
interface Past {
  readonly name: string
  readonly entry: Logged
}

/** Follows the replies to one connection. */
class Reader {
  readonly marks: Array<Mark> = []
  /** The rooms that it is in, as a guest. */
  private readonly rooms = new Set<string>()
  private isGuest: boolean
  private readonly pages = new Map<string, Array<Past>>()

  constructor(
    private readonly model: StoreModel,
    private readonly sitting: Sitting,
    private readonly report: Report
  ) {
    this.isGuest = !sitting.isAccount
  }

  take(line: TakenLine) {
    const { asked, client } = this.sitting
    if (line.line.startsWith("* registered ")) this.isGuest = false
    if (line.is === "left" && line.name === client.name) this.rooms.delete(line.room)
    if (line.is !== "reply") return
    const command = asked.get(line.label)
    if (command === undefined) return
    const [name = ""] = line.rest.split(" ", 1)
    if (line.code === "room" && command.line.startsWith("/join ")) this.rooms.add(name)
    else if (line.code === "past") this.past(line, command)
    else if (line.code === "end" && name === "history") this.page(line, command)
    else if (line.code === "end" && name === "search") this.found(line, command)
    else if (line.code === "read" || line.code === "conversation") this.mark(line, command, name)
  }

  private get account(): AccountId | undefined {
    return this.isGuest ? undefined : this.model.accountOf(this.sitting)
  }

  private where({ line }: TakenReply) {
    return `${this.sitting.client.name} on ${this.sitting.socket.remote}: ${line}`
  }

  private past(reply: TakenReply, command: AskedCommand) {
    const { model, report } = this
    const where = this.where(reply)
    const [, name = "", author, seq, at, text] =
      /^(\S+) (\S+)(?: guest=yes)? seq=(\d+) at=(\d+): (.*)$/u.exec(reply.rest) ?? []
    const entry = model.history.store.log.find(
      (one) =>
        one.line.text === text &&
        one.line.author === author &&
        one.seq === Number(seq) &&
        one.at === Number(at) &&
        this.isIn(one, name)
    )
    if (entry === undefined) return report("a line was shown that is not stored", where)
    if (entry.flushed.turn > reply.turn) report("a line was shown before it was flushed", where)
    if (name.startsWith("#")) {
      if (!this.mayRead(entry, name, command, reply))
        report("a line of a room was shown to a client that was not in it", where)
      if (entry.removed !== undefined && entry.removed.turn < command.turn)
        report("a line was shown that is not kept", where)
    }
    const page = this.pages.get(reply.label)
    if (page === undefined) this.pages.set(reply.label, [{ name, entry }])
    else page.push({ name, entry })
  }

  /** Whether a line is in the conversation that has this name for the reader. */
  private isIn(entry: Logged, name: string): boolean {
    const { account, model } = this
    if (name.startsWith("#")) return model.roomOf(entry) === name
    return account !== undefined && model.conversationsWith(account, name).includes(entry.conversation)
  }

  /** Whether the reader was in the room at some time between its command and the reply. */
  private mayRead({ conversation }: Logged, name: string, asked: AskedCommand, reply: TakenReply): boolean {
    const { account, model } = this
    if (account === undefined) return this.rooms.has(name)
    return model.history.store.memberships.some(
      (one) => one.account === account && one.room === conversation && one.from <= reply.turn && one.to >= asked.turn
    )
  }

  /** The lines of a conversation that were kept all the time between a command and its reply. */
  private kept(name: string, { turn: from }: AskedCommand, { turn: until }: TakenReply): ReadonlyArray<Logged> {
    const { account, model } = this
    const { log, memberships } = model.history.store
    const isThere = memberships.find(
      (one) => one.account === account && one.name === name && one.from < from && one.to > until
    )
    if (account !== undefined && name.startsWith("#") && isThere === undefined) return []
    return log.filter(
      (entry) =>
        this.isIn(entry, name) &&
        (isThere === undefined || isThere.room === entry.conversation) &&
        entry.flushed.turn < from &&
        (entry.removed === undefined || entry.removed.turn > until) &&
        (model.history.store.endedRooms.get(entry.conversation) ?? Infinity) > until
    )
  }

  /** A page has all lines that are kept, from the first to the last one that it could have. */
  private page(end: TakenReply, command: AskedCommand) {
    const { pages, report } = this
    const seqs = (pages.get(end.label) ?? []).map(({ entry }) => entry.seq)
    const [, name = "", after] = /^\/history (\S+)(?: after=(\d+))?/u.exec(command.line) ?? []
    if (seqs.some((seq, index) => seq <= (seqs[index - 1] ?? 0)))
      report("a page is out of order", `${this.where(end)} ${seqs.join()}`)
    const hasMore = end.rest.includes(" more=yes")
    const first = after === undefined ? (hasMore ? (seqs[0] ?? Infinity) : 0) : Number(after) + 1
    const last = after !== undefined && hasMore ? (seqs.at(-1) ?? 0) : Infinity
    const missing = this.kept(name, command, end).find(({ seq }) => seq >= first && seq <= last && !seqs.includes(seq))
    if (missing !== undefined)
      report("a page leaves out a line that is kept", `${this.where(end)} ${missing.seq} of ${seqs.join()}`)
  }

  /** A search in one conversation finds all lines that are kept. */
  private found(end: TakenReply, command: AskedCommand) {
    const { pages, report } = this
    const found = (pages.get(end.label) ?? []).map(({ entry }) => entry)
    const [, name, word] = /^\/search(?: in=(\S+))? limit=100 (\d+)$/u.exec(command.line) ?? []
    const hasWord = ({ line }: Logged) => line.text.split(/[^0-9a-z]+/u).includes(word ?? "")
    const wrong = found.find((entry) => !hasWord(entry))
    if (wrong !== undefined) report("a line was found without the word", `${this.where(end)} ${wrong.line.text}`)
    if (name === undefined || found.length >= 100) return
    const missing = this.kept(name, command, end).find((entry) => hasWord(entry) && !found.includes(entry))
    if (missing !== undefined) report("a line was not found that is kept", `${this.where(end)} ${missing.line.text}`)
  }

  private mark(reply: TakenReply, { line, turn }: AskedCommand, name: string) {
    const { account, marks, model, report } = this
    const where = this.where(reply)
    const seq = Number(/ (?:seq|read)=(\d+)/u.exec(reply.rest)?.[1])
    if (account === undefined) return report("a guest has a read mark", where)
    const wasIn = model.history.store.memberships.some(
      (one) => one.account === account && one.name === name && one.from <= reply.turn && one.to >= turn
    )
    if (name.startsWith("#") && !wasIn) report("a client was told of a room that it was not in", `${where} (${line})`)
    marks.push({ account, name, seq, asked: turn, turn: reply.turn, where })
  }
}

/** A mark that was asked for after another one was known is not before it, while the account is in the room. */
const checkMarks = (model: StoreModel, marks: ReadonlyArray<Mark>, report: Report) => {
  const { memberships } = model.history.store
  for (const mark of marks) {
    const isRoom = mark.name.startsWith("#")
    // A conversation with a guest may have ended, and another one begun.
    if (!isRoom && !accounts.includes(mark.name)) continue
    const earlier = marks.find(
      ({ account, asked, name, seq, turn }) =>
        account === mark.account &&
        name === mark.name &&
        turn < mark.asked &&
        seq > mark.seq &&
        (!isRoom ||
          memberships.some(
            (one) => one.account === account && one.name === name && one.from < asked && one.to > mark.turn
          ))
    )
    if (earlier !== undefined) report("a read mark has moved back", `${earlier.where}, and then ${mark.where}`)
  }
}
