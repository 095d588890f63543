import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as NodeTls from "node:tls"
import type { Socket, TransportError } from "../../src/ports/Transport.js"
import * as Tls from "../../src/transport/Tls.js"
import * as Certificates from "./Certificates.js"
import { eventually } from "./Eventually.js"

/** Both ends of TLS connections, for the tests of `Tls`. */

/** An accepted socket, and the events that it has reported. */
export interface Seen {
  readonly socket: Socket
  readonly events: Array<string>
  text: string
  error: TransportError | undefined
}

export const watch = (socket: Socket, onData: (seen: Seen) => void = () => {}): Seen => {
  const seen: Seen = { socket, events: [], text: "", error: undefined }
  socket.attach({
    data: (bytes) => {
      seen.text += Buffer.from(bytes).toString("latin1")
      if (seen.events.at(-1) !== "data") seen.events.push("data")
      onData(seen)
    },
    end: () => seen.events.push("end"),
    closed: (error) => {
      seen.error = error
      seen.events.push("closed")
    }
  })
  return seen
}

/** Waits until the connection is gone. */
export const over = (seen: Seen) => eventually(() => seen.events.includes("closed"), "the connection did not close")

/** A TLS listener that records what it accepted and what failed. */
export const listening = (options: Partial<Tls.TlsListenOptions> & { readonly onData?: (seen: Seen) => void } = {}) =>
  Effect.gen(function* () {
    const accepted = new Array<Seen>()
    const failures = new Array<string>()
    const credentials = options.credentials ?? (yield* Tls.credentials(Certificates.pair("server")))
    const { address } = yield* Tls.listen("127.0.0.1", 0, { ...options, credentials })({
      hardLimit: 1000,
      events: {
        accepted: (socket) => accepted.push(watch(socket, options.onData)),
        dropped: () => {},
        failed: ({ reason }) => failures.push(reason)
      }
    })
    yield* Effect.addFinalizer(() => Effect.sync(() => accepted.forEach(({ socket }) => socket.destroy())))
    const port = address.port ?? 0
    const first = Effect.map(
      eventually(() => accepted.length > 0, "no connection was accepted"),
      () => accepted[0] as Seen // there is one
    )
    return { accepted, failures, port, first }
  })

/** A plain TCP connection, and the text that it has received. */
export const dial = (port: number) =>
  Effect.acquireRelease(
    Effect.async<{ readonly socket: Net.Socket; text: string; closedAfter: number | undefined }>((resume) => {
      const began = performance.now()
      const socket = Net.connect({ port, host: "127.0.0.1", allowHalfOpen: true }, () =>
        resume(Effect.succeed(dialled))
      )
      const dialled = { socket, text: "", closedAfter: undefined as number | undefined }
      socket.on("data", (bytes) => (dialled.text += bytes.toString("latin1")))
      socket.on("end", () => socket.end())
      socket.on("error", () => {})
      socket.on("close", () => (dialled.closedAfter = performance.now() - began))
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

/** A TLS client made with Node alone; `ended` says how its connection ended. */
export const client = (port: number, options: NodeTls.ConnectionOptions = {}) =>
  Effect.acquireRelease(
    Effect.async<{ readonly tls: NodeTls.TLSSocket; readonly raw: Net.Socket; text: string; ended: string }, string>(
      (resume) => {
        const raw = Net.connect({ port, host: "127.0.0.1", allowHalfOpen: true }, () => {
          const ca = Fs.readFileSync(Certificates.path("ca"))
          const tls = NodeTls.connect({ socket: raw, servername: "localhost", ca, ...options })
          const made = { tls, raw, text: "", ended: "" }
          tls.on("data", (bytes: Buffer) => (made.text += bytes.toString("latin1")))
          tls.on("end", () => (made.ended ||= "end"))
          tls.on("close", () => (made.ended ||= "close"))
          tls.on("error", (error: NodeJS.ErrnoException) => {
            made.ended ||= error.code ?? String(error)
            resume(Effect.fail(made.ended))
          })
          tls.once("secureConnect", () => resume(Effect.succeed(made)))
        })
        raw.on("error", () => {})
      }
    ),
    ({ raw, tls }) =>
      Effect.sync(() => {
        tls.destroy()
        raw.destroy()
      })
  )

/** The reason of the failure. */
export const refused = (effect: Effect.Effect<unknown, TransportError, Scope.Scope>) =>
  Effect.scoped(Effect.map(Effect.flip(effect), ({ reason }) => reason))
