import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { once } from "node:events"
import * as Net from "node:net"
import { LineCutter } from "../../scripts/line-client.mjs"
import * as Tcp from "../../src/transport/Tcp.js"

/** A minimal server on a free port. The end of the scope closes it and its connections. */
export const make = (serve: (socket: Net.Socket) => void): Effect.Effect<Tcp.TcpAddress, never, Scope.Scope> =>
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
      return Tcp.address("127.0.0.1", typeof bound === "object" ? (bound?.port ?? 0) : 0)
    })
  )

/** Lines, or the end of the connection: in order, or by a reset. */
type Answer = ReadonlyArray<string> | "end" | "reset"

/** Answers each line of a client, the login among them, with other lines, or ends the connection. */
export const answering = (answer: (line: string) => Answer): Effect.Effect<Tcp.TcpAddress, never, Scope.Scope> =>
  make((socket) => {
    const cutter = new LineCutter((line) => {
      if (socket.writableEnded) return
      const answers = answer(line)
      if (answers === "reset") socket.resetAndDestroy()
      else if (answers === "end") socket.end()
      else if (answers.length > 0) socket.write(`${answers.join("\n")}\n`)
    })
    socket.setEncoding("utf8").on("data", (text: string) => cutter.push(text))
    socket.on("end", () => socket.end())
  })

/** Answers `/hello` like a server that reports outcomes, and leaves all other lines to `answer`. */
export const greeting =
  (answer: (line: string) => Answer) =>
  (line: string): Answer => {
    if (/^\/hello\b/u.test(line)) return ["* hello achat=1 name=alice max-line=1000 max-recipients=3: x"]
    return /: hello\? [\da-f-]{36}$/u.test(line) ? [`from ${line}`] : answer(line)
  }

/** Sends every byte back. */
export const echo = make((socket) => socket.pipe(socket))

/**
 * The original a-chat: the first line is the login, every other line is `names: text`. It has no commands, refuses
 * nothing, and does not report absent recipients.
 */
export const original = Effect.suspend(() => {
  const peers = new Map<string, Net.Socket>()
  return make((socket) => {
    let name: string | undefined = undefined
    const take = (line: string) => {
      if (name === undefined) {
        name = line
        if (!peers.has(name)) peers.set(name, socket)
        return
      }
      const [head = "", ...text] = line.split(":")
      if (text.length === 0) return
      for (const to of head.split(",")) peers.get(trim(to))?.write(`from ${name}: ${trim(text.join(":"))}\n`)
    }
    const cutter = new LineCutter((line) => take(line.replace(/\r$/u, "")))
    socket.setEncoding("utf8").on("data", (text: string) => cutter.push(text))
    const leave = () => {
      if (name !== undefined && peers.get(name) === socket) peers.delete(name)
    }
    socket.on("end", () => {
      if (cutter.rest !== "") take(cutter.rest)
      leave()
      socket.end()
    })
    socket.on("close", leave)
  })
})

/** Like Rust's `trim`, which keeps U+FEFF. */
const trim = (text: string) => text.replaceAll(/^\p{White_Space}+|\p{White_Space}+$/gu, "")
