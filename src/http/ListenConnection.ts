import { slowDownMillis } from "../client/GreetingPause.js"
import * as Login from "../client/Login.js"
import * as Received from "../client/Received.js"
import type { MemorySocket } from "../ports/MemorySocket.js"
import * as Wire from "../protocol/Wire.js"
import * as HttpRefusal from "./HttpRefusal.js"
import type { RequestIdentity } from "./Identity.js"
import { OwnPace } from "./OwnPace.js"

/** What a connection that listens reports: first `ready` or `refused`, then `lines` until `ended`. */
export interface ListenEvents {
  /** The client is logged in, and in its rooms. */
  readonly ready: () => void
  /** It is not, and the connection is over. */
  readonly refused: (why: HttpRefusal.HttpRefusal) => void
  /**
   * Lines in wire form, except replies and notices.
   *
   * @param bytes what they and the lines that were left out have taken on the connection
   */
  readonly lines: (lines: ReadonlyArray<string>, bytes: number) => void
  /** The connection has ended, in whichever way. */
  readonly ended: () => void
}

export interface ListenStreamOptions {
  readonly socket: MemorySocket
  readonly identity: RequestIdentity
  /** The rooms to enter. */
  readonly rooms: ReadonlyArray<string>
  /** The words of its `/hello`. */
  readonly words: ReadonlyArray<string>
  /**
   * Whether the server waits until what it has written is confirmed. A message may come before the replies about the
   * rooms, which come only once it is confirmed: so it makes the client ready.
   */
  readonly needsConfirmation: boolean
  readonly events: ListenEvents
}

/**
 * A connection to the chat that gets messages. Not a `LineConnection`: that acknowledges a line when the next one is
 * asked for, and a stream only when its client shows that it has the line.
 */
export class ListenConnection {
  private isReady = false
  private isOver = false
  /** Rooms whose reply is to come. */
  private missing = 0
  /** Rooms that came too fast. */
  private tooFast: Array<string> = []
  /** Replies to `/hello` that have come. */
  private hellos = 0
  private readonly login: string
  private readonly pace = new OwnPace()
  private timer: NodeJS.Timeout | undefined = undefined
  private rest = ""
  /** What came before the client was ready: an account is given its waiting lines with the login. */
  private early: Array<string> = []

  constructor(private readonly options: ListenStreamOptions) {
    const { identity, socket, words } = options
    socket.attach({ data: (bytes) => this.read(bytes), end: () => this.end(), closed: () => this.end() })
    this.login = identity.secret === undefined ? identity.login : `${identity.login}: ${identity.secret}`
    socket.write(Wire.encode(`${["/hello", ...words].join(" ")}\n${this.login}\n/hello\n`))
  }

  /**
   * Breaks the connection: what was not acknowledged, or not confirmed, returns to its senders or waits for the next.
   */
  break(): void {
    this.isOver = true
    clearTimeout(this.timer)
    this.options.socket.reset()
  }

  /** The first `messages` messages on this connection are processed. */
  acknowledge(messages: number): void {
    if (!this.isOver) this.options.socket.write(`/ack ${messages}\n`)
  }

  private read(bytes: Uint8Array) {
    const { events, needsConfirmation, socket } = this.options
    // Always a Buffer; declared as Uint8Array because the library's declarations must not need the types of Node.
    const text = this.rest + (bytes as Buffer).toString("latin1")
    const end = text.lastIndexOf("\n") + 1
    this.rest = text.slice(end)
    if (end === 0) return
    const lines: Array<string> = []
    for (const line of Wire.lines(text.slice(0, end))) {
      if (this.isOver) return
      if (!this.isAnswer(line)) lines.push(line)
    }
    if (this.isOver) return
    if (needsConfirmation && lines.length > 0) this.ready()
    if (this.isReady) return events.lines(lines, end)
    if (needsConfirmation) return socket.confirm(end)
    for (const line of lines) this.early.push(line)
  }

  /** Whether a line is a reply or a notice, of which a stream has none but the announcement of a shutdown. */
  private isAnswer(wire: string): boolean {
    if (wire.startsWith("from ") || wire.startsWith("* sent ")) return false
    const received = Received.parse(Wire.decode(wire))
    if (received._tag === "Notice") {
      if (received.label !== undefined) this.answered()
      else if (received.code === "hello" && !this.isReady) this.greeted(received.values.has("name"))
      return received.code !== "closing"
    }
    if (received._tag !== "Refused") return true
    const { code, fatal, label, retryMillis, text, values } = received
    const mayWait = !this.isReady || label !== undefined
    if (mayWait && code === "slow-down" && !fatal && this.waits(retryMillis ?? slowDownMillis, label)) return true
    if (this.isReady) return false
    if (label !== undefined) {
      const room = received.words[1] ?? ""
      this.refuse(HttpRefusal.ofRefusedCommand(values.get("reason") ?? code, retryMillis, `${room}: ${text}`))
      return true
    }
    if (fatal || code === "slow-down") {
      this.refuse(HttpRefusal.ofLogin(new Login.LoginRefused({ code, retryMillis, text })))
      return true
    }
    return false
  }

  /**
   * Whether a line that came too fast is sent again: at a rate below the lines of the login and of the rooms, one at a
   * time. If not even the first line was accepted, the login may have been, without its words.
   */
  private waits(retryMillis: number, label: string | undefined): boolean {
    if (this.hellos === 0) return false
    const room = label === undefined ? undefined : joinOf(this.options.rooms, Number(label.slice(joinLabel.length)))
    if (room !== undefined) this.tooFast.push(room)
    // The other rooms of the same write: they follow one after another.
    if (room !== undefined && this.timer !== undefined) return true
    if (!this.pace.refused(retryMillis)) return false
    this.later(() => (room === undefined ? this.options.socket.write("/hello\n") : this.joinNext()))
    return true
  }

  private joinNext() {
    const next = this.tooFast.shift()
    if (next !== undefined) this.options.socket.write(next)
  }

  /** Runs something after the pause that the server has asked for, instead of what was to run before. */
  private later(run: () => void) {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => {
      this.timer = undefined
      run()
    }, this.pace.millis)
  }

  private greeted(isNamed: boolean) {
    this.hellos += 1
    if (isNamed) return this.loggedIn()
    // The reply to the first line; or the login has come too fast.
    if (this.hellos === 1) return
    const { socket } = this.options
    this.later(() => {
      socket.write(Wire.encode(`${this.login}\n`))
      this.later(() => socket.write("/hello\n"))
    })
  }

  private loggedIn() {
    const { rooms, socket } = this.options
    clearTimeout(this.timer)
    this.timer = undefined
    this.pace.accepted()
    this.missing = rooms.length
    if (rooms.length === 0) return this.ready()
    socket.write(rooms.map((_, index) => joinOf(rooms, index)).join(""))
  }

  private answered() {
    if (this.missing === 0) return
    this.missing -= 1
    this.pace.accepted()
    if (this.tooFast.length > 0 && this.timer === undefined) this.later(() => this.joinNext())
    if (this.missing === 0) this.ready()
  }

  /** The lines of the read that made it ready follow those that came before. */
  private ready() {
    if (this.isReady) return
    this.isReady = true
    const { events } = this.options
    events.ready()
    if (this.early.length > 0) events.lines(this.early, 0)
    this.early = []
  }

  private refuse(why: HttpRefusal.HttpRefusal) {
    this.break()
    this.options.events.refused(why)
  }

  private end() {
    if (this.isOver) return
    this.isOver = true
    clearTimeout(this.timer)
    if (this.isReady) this.options.events.ended()
    else this.options.events.refused(HttpRefusal.lost("the server closed the connection"))
  }
}

const joinLabel = "room."

const joinOf = (rooms: ReadonlyArray<string>, index: number): string =>
  Wire.encode(`@${joinLabel}${index} /join ${rooms[index] ?? ""}\n`)
