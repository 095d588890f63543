import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { readFileSync } from "node:fs"
import * as Net from "node:net"
import * as NodeTls from "node:tls"
import { LineClient } from "../../scripts/line-client.mjs"
import type { Address } from "../../src/ports/Transport.js"
import * as Certificates from "./Certificates.js"
import { uncounted } from "./Uncounted.js"
import * as WebSocketStream from "./WebSocketStream.js"

/** How long an expected event may take, in milliseconds. Only a failing test waits this long. */
const patience = 30_000

/** How the server's stream ended: in order, or with the error that broke it. */
export type Ending = NonNullable<LineClient["ending"]>

/** A raw chat client: it knows bytes and lines, and nothing of the protocol but LF and how to write to itself. */
export class WireClient extends LineClient {
  name = ""
  /** Lines that arrived and were not taken yet. */
  readonly lines: Array<string> = []
  /** Reads at most this many bytes per second: it pauses after each read. */
  pace = Infinity
  private readonly watchers = new Set<() => void>()
  private barriers = 0

  constructor(
    socket: Net.Socket,
    /** The TCP or Unix socket below a TLS socket. */
    private readonly raw = socket
  ) {
    super(socket)
    socket.on("data", (bytes: Buffer) => {
      if (this.pace === Infinity) return
      socket.pause()
      setTimeout(() => socket.resume(), (bytes.length * 1000) / this.pace)
    })
  }

  protected override received(line: string) {
    this.lines.push(...uncounted(line))
  }

  protected override changed() {
    for (const watch of this.watchers) watch()
  }

  /** Hands bytes to the kernel, without waiting until it has taken them. */
  send(bytes: string | Uint8Array): Effect.Effect<void> {
    return Effect.sync(() => {
      this.socket.write(bytes)
    })
  }

  /** Bytes that this side's kernel has not taken because the server does not read. */
  get untaken(): number {
    return this.socket.writableLength
  }

  get hasEnded(): boolean {
    return this.ending !== undefined
  }

  /**
   * Waits until `look` returns a value; calls it again after every read and at the end. Fails if nothing comes for some
   * time: on a busy machine, many lines may take any time.
   */
  until<A>(what: string, look: () => A | undefined): Effect.Effect<A> {
    const failure = new Error() // created here, so that its stack shows the test
    return Effect.async<A>((resume) => {
      const watch = () => {
        deadline.refresh()
        const found = look()
        if (found === undefined && this.ending === undefined) return
        stop()
        if (found === undefined) resume(this.fail(failure, `${what}, but the connection ended: ${this.ending}`))
        else resume(Effect.succeed(found))
      }
      const deadline = setTimeout(() => {
        stop()
        resume(this.fail(failure, `${what}, and nothing came for ${patience} ms`))
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
   * Takes the next lines, which must be these. An expectation without a colon matches every line with that head: codes
   * and parameters are the contract, the text after them is not.
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
   * Sends a message to itself. When it arrives, the server has handled everything sent before. It must be the next
   * line, which also proves that nothing else came.
   */
  get barrier(): Effect.Effect<void> {
    const text = `barrier ${++this.barriers}`
    return Effect.zipRight(this.send(`${this.name}: ${text}\n`), this.expect(`from ${this.name}: ${text}`))
  }

  /** Takes all lines before one that equals `last`, and drops that line. */
  takeUntil(last: string): Effect.Effect<ReadonlyArray<string>> {
    return this.until(JSON.stringify(last), () => {
      const at = this.lines.indexOf(last)
      return at < 0 ? undefined : this.lines.splice(0, at + 1).slice(0, -1)
    })
  }

  /** Takes the next `count` lines. */
  takeLines(count: number): Effect.Effect<ReadonlyArray<string>> {
    return this.until(`${count} lines`, () => (this.lines.length < count ? undefined : this.lines.splice(0, count)))
  }

  /** Shuts down the sending side. */
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

  /** Waits for the end of the server's stream and returns how it ended. */
  get closed(): Effect.Effect<Ending> {
    return this.until("the end", () => this.ending)
  }

  /** All lines up to the end of the stream, which must end in order. */
  get rest(): Effect.Effect<ReadonlyArray<string>> {
    const failure = new Error()
    return Effect.flatMap(this.closed, (ending) =>
      ending === "end" ? Effect.sync(() => this.lines.splice(0)) : this.fail(failure, `an end in order, not ${ending}`)
    )
  }

  destroy() {
    // Node crashes when a TLS socket is destroyed after the socket below it.
    if (!this.raw.destroyed) this.socket.destroy()
  }

  private fail(failure: Error, wanted: string) {
    const came = this.lines.length === 0 ? "nothing" : this.lines.slice(0, 5).map(shorten).join("\n  ")
    failure.message = `${this.name || "a client"} expected ${wanted}; came instead:\n  ${came}`
    return Effect.die(failure)
  }
}

/** The part of a line before its first colon. */
export const headOf = (line: string) => line.slice(0, Math.max(0, line.indexOf(":")))

const shorten = (line: string) => (line.length > 200 ? `${line.slice(0, 200)}… (${line.length})` : line)

export interface ConnectOptions {
  readonly localAddress?: string
  /** More options of a TLS client, such as its certificate. */
  readonly tls?: NodeTls.ConnectionOptions
}

/** Connects. The end of the scope destroys the connection. Fails with the system's error code. */
export const connect = (
  address: Address,
  { localAddress, tls }: ConnectOptions = {}
): Effect.Effect<WireClient, string, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<WireClient, string>((resume) => {
      const where =
        "path" in address
          ? { path: String(address.path), host: "", port: 0 }
          : { host: address.host ?? "", port: address.port ?? 0 }
      const from = localAddress === undefined ? {} : { localAddress }
      const socket = Net.connect({ ...where, ...from, allowHalfOpen: true, noDelay: true })
      const failed = (error: NodeJS.ErrnoException) => resume(Effect.fail(error.code ?? String(error)))
      socket.once("error", failed)
      socket.once("connect", () => {
        const ready = (stream: Net.Socket) => {
          if (!isWeb(address)) return resume(Effect.succeed(new WireClient(stream, socket)))
          const request = WebSocketStream.upgradeRequest(`${where.host}:${where.port}`)
          return WebSocketStream.open(
            stream,
            request,
            // It has all of a socket that the tests need.
            (opened) => resume(Effect.succeed(new WireClient(opened as unknown as Net.Socket, socket))),
            (response) => resume(Effect.fail(response))
          )
        }
        if (!address.isEncrypted) return ready(socket)
        const ca = readFileSync(Certificates.path("ca"))
        const secured = NodeTls.connect({ socket, host: "localhost", servername: "localhost", ca, ...tls })
        secured.once("error", failed)
        secured.once("secureConnect", () => ready(secured))
        return
      })
    }),
    (client) => Effect.sync(() => client.destroy())
  )

/** Whether the chat is a WebSocket there. */
const isWeb = ({ text }: Address) => text.startsWith("http")

/** Connects and logs in. */
export const join = (address: Address, name: string): Effect.Effect<WireClient, string, Scope.Scope> =>
  Effect.tap(connect(address), (client) => {
    client.name = name
    return Effect.zipRight(client.send(`${name}\n`), client.barrier)
  })

/** Connects, logs in and sends `/hello`. */
export const greet = (address: Address, name: string): Effect.Effect<WireClient, string, Scope.Scope> =>
  Effect.tap(join(address, name), (client) => Effect.zipRight(client.send("/hello\n"), greeting(client)))

/** Takes the answer to `/hello`. Messages may come before it. */
const greeting = (client: WireClient) =>
  client.until("the answer to /hello", () => {
    const place = client.lines.findIndex((line) => line.startsWith("* hello "))
    return place < 0 ? undefined : client.lines.splice(place, 1)[0]
  })

/** Makes an account, and leaves. */
export const register = (address: Address, name: string, password: string): Effect.Effect<void, string> =>
  Effect.gen(function* () {
    const client = yield* connect(address)
    yield* client.send(`${name}\n/register ${password}\n/quit\n`)
    yield* client.expect(`* registered ${name}`)
    yield* client.rest
  }).pipe(Effect.scoped)

/** Waits until a client of that name is logged in, without a login of its own. */
export const present = (address: Address, name: string): Effect.Effect<void, string> =>
  Effect.gen(function* () {
    const asking = yield* connect(address)
    yield* Effect.repeat(Effect.zipRight(asking.send("/who\n"), asking.line), {
      until: (names) =>
        names
          .slice(headOf(names).length + 2)
          .split(", ")
          .includes(name),
      schedule: Schedule.spaced("20 millis")
    })
  }).pipe(Effect.scoped)
