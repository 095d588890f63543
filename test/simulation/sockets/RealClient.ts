import * as Net from "node:net"
import { setImmediate as turn } from "node:timers/promises"
import * as NodeTls from "node:tls"

export type Transport =
  | { readonly is: "tcp" | "tls"; readonly port: number; readonly ca: Buffer }
  | { readonly is: "unix"; readonly path: string }

/** A line that a client has sent: its text says who sent it, and which of all lines it is. */
export interface SentLine {
  readonly text: string
  readonly to: ReadonlyArray<string>
  readonly label: string | undefined
}

/** How a client ended its connection; undefined as long as it has not. */
export type Ending = "quit" | "half" | "reset"

/** One connection of a client, and everything that both sides have sent on it. */
export class RealClient {
  readonly sent: Array<SentLine> = []
  /** The whole lines from the server. */
  readonly lines: Array<string> = []
  ending: Ending | undefined = undefined
  /** Whether the server ended the connection in order; undefined while it is open. */
  isOrderly: boolean | undefined = undefined
  readonly closed: Promise<void>
  /** Whether the client has not read for a while. */
  hasPaused = false
  error: string | undefined = undefined
  private readonly socket: Net.Socket
  private rest = ""
  private messages = 0
  private hasEnd = false
  private isAmidLine = false

  constructor(
    readonly name: string,
    readonly transport: Transport,
    /** The words of `/hello`; undefined for none at all. */
    readonly words: string | undefined
  ) {
    this.socket = open(transport)
    this.socket.setEncoding("utf8").on("data", (text: string) => this.read(text))
    this.socket.on("error", ({ code }: NodeJS.ErrnoException) => (this.error = code)) // 'close' follows
    this.socket.on("end", () => {
      this.hasEnd = true
      this.socket.end()
    })
    this.closed = new Promise((resolve) => {
      this.socket.on("close", (hadError) => {
        this.isOrderly = this.hasEnd && !hadError
        resolve()
      })
    })
    this.write(`${name}\n${words === undefined ? "" : `/hello ${words}`.trimEnd() + "\n"}`)
  }

  get acknowledges(): boolean {
    return this.words?.includes("ack") === true
  }

  get isOpen(): boolean {
    return this.ending === undefined && !this.socket.destroyed
  }

  private read(text: string) {
    const lines = (this.rest + text).split("\n")
    this.rest = lines.pop() ?? ""
    let messages = 0
    for (const line of lines) {
      this.lines.push(line)
      if (line.startsWith("from ")) messages += 1
    }
    this.messages += messages
    if (messages > 0) this.acknowledge()
  }

  private acknowledge() {
    if (this.acknowledges && !this.isAmidLine) this.write(`/ack ${this.messages}\n`)
  }

  write(bytes: string) {
    if (this.isOpen) this.socket.write(bytes)
  }

  /** Writes bytes in two parts, a turn apart. */
  async writeInParts(bytes: string, at: number) {
    this.isAmidLine = true
    this.write(bytes.slice(0, at))
    await turn()
    this.write(bytes.slice(at))
    this.isAmidLine = false
    if (this.messages > 0) this.acknowledge()
  }

  pause() {
    this.hasPaused = true
    this.socket.pause()
  }

  resume() {
    this.socket.resume()
  }

  /** @param rest sent after it, which the server discards */
  quit(rest: string) {
    this.write(`/quit\n${rest}`)
    this.ending ??= "quit"
  }

  endHalf() {
    if (!this.isOpen) return
    this.ending = "half"
    this.socket.end()
  }

  /** Sends the beginning of a line and breaks the connection at once, so that the server finds both together. */
  reset(beginning: string) {
    if (!this.isOpen) return
    this.ending = "reset"
    // A Unix socket has no reset: for the server, the client ends in order, and the line counts.
    if (this.transport.is !== "unix") this.socket.write(beginning)
    if (this.transport.is === "tcp") this.socket.resetAndDestroy()
    else this.socket.destroy() // over TLS without its own end
  }

  destroy() {
    this.socket.destroy()
  }
}

const open = (transport: Transport): Net.Socket => {
  if (transport.is === "unix") return Net.connect({ path: transport.path, allowHalfOpen: true })
  const { ca, port } = transport
  const tcp = { host: "127.0.0.1", port, noDelay: true, allowHalfOpen: true }
  return transport.is === "tcp" ? Net.connect(tcp) : NodeTls.connect({ ...tcp, ca, servername: "localhost" })
}
