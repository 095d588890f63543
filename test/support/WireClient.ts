import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { readFileSync } from "node:fs"
import * as Net from "node:net"
import * as NodeTls from "node:tls"
import type { Address } from "../../src/transport/Transport.js"
import * as Certificates from "./Certificates.js"

/** How long anything that must happen may take; it runs out only where a test fails. */
const patience = 10_000

/** How the stream of the server ended: in order, or with the error that broke it. */
export type Ending = "end" | "ECONNRESET" | "EPIPE" | "destroyed"

/** A raw chat client: it knows bytes and lines, and nothing of the protocol but LF and how to write to itself. */
export class WireClient {
  name = ""
  /** Lines that came and were not taken yet. */
  readonly lines: Array<string> = []
  /** Bytes behind the last LF. */
  partial = ""
  bytesReceived = 0
  /** Reads no faster than this, in bytes a second: after each read it rests. */
  pace = Infinity
  private ending: Ending | undefined = undefined
  private readonly watchers = new Set<() => void>()
  private barriers = 0

  constructor(
    private readonly socket: Net.Socket,
    /** What carries it. */
    private readonly raw = socket
  ) {
    socket.on("data", (bytes: Buffer) => {
      this.bytesReceived += bytes.length
      const cut = (this.partial + bytes.toString("latin1")).split("\n")
      this.partial = cut.pop() as string // a split has at least one part
      for (const line of cut) this.lines.push(Buffer.from(line, "latin1").toString("utf8"))
      if (this.pace < Infinity) {
        socket.pause()
        setTimeout(() => socket.resume(), (bytes.length * 1000) / this.pace)
      }
      this.changed()
    })
    socket.on("end", () => {
      this.ending ??= "end"
      // As programs do: what the server has ended is ended here, too.
      socket.end()
      this.changed()
    })
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.ending ??= error.code as Ending
      this.changed()
    })
    socket.on("close", () => {
      this.ending ??= "destroyed"
      this.changed()
    })
  }

  /** Hands bytes to the system; does not wait until it took them. */
  send(bytes: string | Uint8Array): Effect.Effect<void> {
    return Effect.sync(() => {
      this.socket.write(bytes)
    })
  }

  /** How many bytes this side's kernel has not taken, since the server does not read. */
  get untaken(): number {
    return this.socket.writableLength
  }

  get hasEnded(): boolean {
    return this.ending !== undefined
  }

  /** Waits until `look` finds something; looks again whenever something happens to this client. */
  until<A>(what: string, look: () => A | undefined): Effect.Effect<A> {
    const failure = new Error() // here, so that its stack shows the test
    return Effect.async<A>((resume) => {
      const watch = () => {
        const found = look()
        if (found === undefined && this.ending === undefined) return
        stop()
        if (found === undefined) resume(this.fail(failure, `${what}, but the connection ended: ${this.ending}`))
        else resume(Effect.succeed(found))
      }
      const deadline = setTimeout(() => {
        stop()
        resume(this.fail(failure, `${what}, within ${patience} ms`))
      }, patience)
      const stop = () => {
        clearTimeout(deadline)
        this.watchers.delete(watch)
      }
      this.watchers.add(watch)
      watch()
      return Effect.sync(stop)
    })
  }

  /** The next line. */
  get line(): Effect.Effect<string> {
    return this.until("a line", () => this.lines.shift())
  }

  /**
   * Takes the next lines, which must be these. One without a colon stands for every line with that head: codes and
   * parameters are the contract, the text behind them is not.
   */
  expect(...expected: ReadonlyArray<string>): Effect.Effect<void> {
    const failure = new Error()
    return Effect.forEach(
      expected,
      (wanted) =>
        Effect.flatMap(
          this.until(JSON.stringify(shorten(wanted)), () => this.lines.shift()),
          (line) => {
            if ((wanted.includes(":") ? line : headOf(line)) === wanted) return Effect.void
            this.lines.unshift(line)
            return this.fail(failure, JSON.stringify(shorten(wanted)))
          }
        ),
      { discard: true }
    )
  }

  /**
   * A message to oneself: when it is back, everything before it has been dealt with. It must be the next line, so
   * this also proves that nothing else came.
   */
  get barrier(): Effect.Effect<void> {
    const text = `barrier ${++this.barriers}`
    return Effect.zipRight(this.send(`${this.name}: ${text}\n`), this.expect(`from ${this.name}: ${text}`))
  }

  /** Takes lines up to one that is exactly this, which is left out. */
  takeUntil(last: string): Effect.Effect<ReadonlyArray<string>> {
    return this.until(JSON.stringify(last), () => {
      const at = this.lines.indexOf(last)
      return at < 0 ? undefined : this.lines.splice(0, at + 1).slice(0, -1)
    })
  }

  /** Takes as many lines. */
  takeLines(count: number): Effect.Effect<ReadonlyArray<string>> {
    return this.until(`${count} lines`, () => (this.lines.length < count ? undefined : this.lines.splice(0, count)))
  }

  /** Shuts the sending half down. */
  get end(): Effect.Effect<void> {
    return Effect.sync(() => {
      this.socket.end()
    })
  }

  /** Breaks the connection. */
  get reset(): Effect.Effect<void> {
    return Effect.sync(() => {
      this.raw.resetAndDestroy()
    })
  }

  get pause(): Effect.Effect<void> {
    return Effect.sync(() => {
      this.socket.pause()
    })
  }

  get resume(): Effect.Effect<void> {
    return Effect.sync(() => {
      this.socket.resume()
    })
  }

  /** Waits for the end of the server's stream and tells how it ended. */
  get closed(): Effect.Effect<Ending> {
    return this.until("the end", () => this.ending)
  }

  /** All lines up to the end of the stream, which must be in order. */
  get rest(): Effect.Effect<ReadonlyArray<string>> {
    const failure = new Error()
    return Effect.flatMap(this.closed, (ending) =>
      ending === "end" ? Effect.sync(() => this.lines.splice(0)) : this.fail(failure, `an end in order, not ${ending}`)
    )
  }

  destroy() {
    // Node crashes when a TLS socket is destroyed behind the one that carries it.
    if (!this.raw.destroyed) this.socket.destroy()
  }

  private changed() {
    for (const watch of this.watchers) watch()
  }

  private fail(failure: Error, wanted: string) {
    const came = this.lines.length === 0 ? "nothing" : this.lines.slice(0, 5).map(shorten).join("\n  ")
    failure.message = `${this.name || "a client"} expected ${wanted}; came instead:\n  ${came}`
    return Effect.die(failure)
  }
}

/** What stands before the first colon. */
export const headOf = (line: string) => line.slice(0, Math.max(0, line.indexOf(":")))

const shorten = (line: string) => (line.length > 200 ? `${line.slice(0, 200)}… (${line.length})` : line)

export interface ConnectOptions {
  readonly localAddress?: string
  /** What else a TLS client says of itself, such as its certificate. */
  readonly tls?: NodeTls.ConnectionOptions
}

/** Connects; the end of the scope destroys what is left of the connection. Fails with the system's code. */
export const connect = (
  address: Address,
  { localAddress, tls }: ConnectOptions = {}
): Effect.Effect<WireClient, string, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<WireClient, string>((resume) => {
      const where =
        address._tag === "Unix"
          ? { path: address.path }
          : address._tag === "Memory" || address._tag === "Inherited"
            ? { path: "" }
            : { host: address.host, port: address.port }
      const from = localAddress === undefined ? {} : { localAddress }
      const socket = Net.connect({ ...where, ...from, allowHalfOpen: true, noDelay: true })
      const failed = (error: NodeJS.ErrnoException) => resume(Effect.fail(error.code ?? String(error)))
      socket.once("error", failed)
      socket.once("connect", () => {
        if (address._tag !== "Tls") return resume(Effect.succeed(new WireClient(socket)))
        const ca = readFileSync(Certificates.path("ca"))
        const secured = NodeTls.connect({ socket, host: "localhost", servername: "localhost", ca, ...tls })
        secured.once("error", failed)
        secured.once("secureConnect", () => resume(Effect.succeed(new WireClient(secured, socket))))
        return
      })
    }),
    (client) => Effect.sync(() => client.destroy())
  )

/** A client that has logged in. */
export const join = (address: Address, name: string): Effect.Effect<WireClient, string, Scope.Scope> =>
  Effect.tap(connect(address), (client) => {
    client.name = name
    return Effect.zipRight(client.send(`${name}\n`), client.barrier)
  })

/** A client that has logged in and said `/hello`. */
export const greet = (address: Address, name: string): Effect.Effect<WireClient, string, Scope.Scope> =>
  Effect.tap(join(address, name), (client) => Effect.zipRight(client.send("/hello\n"), client.line))
