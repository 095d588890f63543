import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { pair, type BufferSizes, type MemorySocket } from "./MemorySocket.js"
import { TransportError, type Address, type Listen, type ListenOptions } from "./Transport.js"

export type { MemorySocket }

/**
 * Connections inside one process, so that an application can test its chat without sockets. They behave like TCP, and
 * their deadlines follow Effect's clock, so that a test can use a `TestClock`. A test that ends while a socket is open
 * takes a second longer, because its `TestClock` no longer moves (`Server.ServerHandle.drain`).
 */
export interface Network {
  /** At most one server listens at a time; a second one fails with `EADDRINUSE`. */
  readonly listen: Listen
  /**
   * Fails with `ECONNREFUSED` while no server listens. The caller owns the socket: it must `attach` in the same turn,
   * and close it. Above the listener's hard limit, the connection breaks immediately.
   */
  readonly connect: Effect.Effect<MemorySocket, TransportError>
}

/** The network of `Endpoints.memory`. */
export class MemoryNetwork extends Context.Tag("a-chat/MemoryNetwork")<MemoryNetwork, Network>() {}

/** 64 KiB each by default. A small `readBytes` splits lines as a network may. */
export type NetworkOptions = Partial<BufferSizes>

/** The address of a server on this network. */
export const address: Address = { text: "memory", isLocal: true, isEncrypted: false }

/** Makes a network. Networks are separate: a client reaches only the server on its own. */
export const make = (options: NetworkOptions = {}): Effect.Effect<Network> =>
  Effect.sync(() => {
    const sizes = { bufferBytes: 65_536, readBytes: 65_536, ...options }
    let listening: ListenOptions | undefined = undefined
    let connections = 0
    let connected = 0

    const accept = ({ events, hardLimit }: ListenOptions): MemorySocket => {
      const [client, accepted] = pair(sizes, { remote: `memory:${++connected}` }, () => (connections -= 1))
      connections += 1
      if (connections > hardLimit) {
        accepted.reset()
        events.dropped()
      } else events.accepted(accepted)
      return client
    }

    return {
      listen: (server) =>
        Effect.gen(function* () {
          const resume = Effect.suspend(() => {
            if (listening !== undefined && listening !== server) return Effect.fail(inUse)
            listening = server
            return Effect.void
          })
          const suspend = Effect.sync(() => {
            if (listening === server) listening = undefined
          })
          yield* Effect.acquireRelease(resume, () => suspend)
          return { address, suspend, resume }
        }),
      connect: Effect.async<MemorySocket, TransportError>((resume) => {
        let client: MemorySocket | undefined = undefined
        const turn = setImmediate(() => {
          if (listening === undefined) return resume(Effect.fail(refused))
          client = accept(listening)
          return resume(Effect.succeed(client))
        })
        return Effect.sync(() => {
          clearImmediate(turn)
          client?.destroy()
        })
      })
    }
  })

const inUse = new TransportError({
  during: "Listen",
  reason: "cannot listen on memory: another server listens on this network",
  hint: "port-in-use",
  code: "EADDRINUSE"
})

const refused = new TransportError({
  during: "Connect",
  reason: "cannot connect to memory: no server listens on this network",
  hint: "no-server",
  code: "ECONNREFUSED"
})
