import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { once } from "node:events"
import * as Net from "node:net"
import { createInterface } from "node:readline"
import type { Address } from "../../src/transport/Transport.js"

/** A server of a few lines on a free port, and the sockets that it accepted are closed with the scope. */
export const make = (
  serve: (socket: Net.Socket) => void
): Effect.Effect<Address & { _tag: "Tcp" }, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const sockets = new Set<Net.Socket>()
      const server = Net.createServer({ allowHalfOpen: true }, (socket) => {
        sockets.add(socket)
        socket.on("error", () => {})
        serve(socket)
      })
      server.listen(0, "127.0.0.1")
      await once(server, "listening")
      return { server, sockets }
    }),
    ({ server, sockets }) =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        for (const socket of sockets) socket.destroy()
      })
  ).pipe(
    Effect.map(({ server }) => {
      const bound = server.address()
      return { _tag: "Tcp", host: "127.0.0.1", port: typeof bound === "object" ? (bound?.port ?? 0) : 0 }
    })
  )

/** Sends every byte back. */
export const echo = make((socket) => socket.pipe(socket))

/**
 * What the original a-chat does: the first line is the login, every other `names: text`. Nobody who is absent is
 * told of, there is no command, and nobody is refused.
 */
export const original = Effect.suspend(() => {
  const peers = new Map<string, Net.Socket>()
  return make((socket) => {
    let name: string | undefined = undefined
    const lines = createInterface({ input: socket })
    lines.on("line", (line) => {
      if (name === undefined) {
        name = line.trim()
        peers.set(name, socket)
        return
      }
      const [head = "", ...text] = line.split(":")
      if (text.length === 0) return
      for (const to of head.split(",")) peers.get(to.trim())?.write(`from ${name}: ${text.join(":").trim()}\n`)
    })
    lines.on("close", () => socket.end())
  })
})
