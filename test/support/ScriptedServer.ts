import * as Effect from "effect/Effect"
import type * as Net from "node:net"
import * as Tcp from "../../src/transport/Tcp.js"
import * as FakeServer from "./FakeServer.js"

const acceptAll = (): string | undefined => undefined

/**
 * A server that says hello and takes messages, but reports outcomes, breaks or refuses logins only when a test says so.
 */
export const scriptedServer = Effect.gen(function* () {
  const taken: Array<string> = []
  let requests = 0
  const sockets: Array<Net.Socket> = []
  const looking = new Set<() => void>()
  let login = acceptAll
  const address = yield* FakeServer.make((socket) => {
    sockets.push(socket)
    socket.on("end", () => socket.end())
    socket.setEncoding("utf8").on("data", (text: string) => {
      for (const line of text.split("\n").slice(0, -1)) {
        const refusal = line === "alice" ? login() : undefined
        if (refusal !== undefined) {
          socket.end(`${refusal}\n`)
          return
        }
        if (/^\/hello\b/u.test(line))
          socket.write("* hello achat=1 name=alice max-line=65536 max-recipients=1000: hi\n")
        const token = /^alice: (hello\? \S+)/u.exec(line)?.[1]
        if (token !== undefined) socket.write(`from alice: ${token}\n`)
        if (line.endsWith(" /who")) requests += 1
        else if (line.startsWith("@")) taken.push(line)
      }
      for (const look of looking) look()
    })
  })
  const looked = <A>(found: () => A | undefined) =>
    Effect.async<A>((resume) => {
      const look = () => {
        const value = found()
        if (value === undefined) return
        looking.delete(look)
        resume(Effect.succeed(value))
      }
      looking.add(look)
      look()
    })
  const takes = (count: number) => looked<ReadonlyArray<string>>(() => (taken.length < count ? undefined : [...taken]))
  const last = () => sockets[sockets.length - 1]
  return {
    socket: Tcp.connect(address),
    takes,
    /** Waits until the client has sent `/who` this often, on all connections together. */
    isAsked: (count: number) => looked(() => (requests < count ? undefined : requests)),
    /** Sends a line to the client that connected last. */
    says: (line: string) => Effect.sync(() => last()?.write(`${line}\n`)),
    breaks: Effect.sync(() => last()?.resetAndDestroy()),
    connections: () => sockets.length,
    /** Decides how the next logins are answered: with a refusal, or not at all. */
    answers: (refusal: () => string | undefined) => Effect.sync(() => (login = refusal))
  }
})
