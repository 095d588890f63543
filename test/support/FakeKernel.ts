import * as Effect from "effect/Effect"
import type { Finding, ReachabilityProbe } from "../../src/ports/Reachability.js"
import type { Socket } from "../../src/ports/Transport.js"

interface Connection {
  /** Bytes that the server's kernel has taken. */
  handed: number
  /** Bytes that the peer's kernel has acknowledged while it was not alive. */
  acknowledged: number
  state: "alive" | "silent" | "full"
  /** What the server's kernel has sent without an answer. */
  attempts: number
  /** For how long the server's kernel knows of that. */
  silentMillis: number
}

/** The kernels around a memory server: a test decides which peers have vanished, and which do not read. */
export class FakeKernel implements ReachabilityProbe {
  /** How many times the server has asked. */
  checks = 0
  /** The server's kernel gives no answer, or the question is a defect. */
  fails: "not" | "unknown" | "defect" = "not"
  private readonly connections = new Map<Socket, Connection>()

  /** For `MemoryServerOptions.wrap`: counts what the server writes. */
  readonly wrap = (socket: Socket): Socket => {
    const connection: Connection = { handed: 0, acknowledged: 0, state: "alive", attempts: 0, silentMillis: 0 }
    const wrapped = new Proxy(socket, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target)
        if (typeof value !== "function") return value
        if (key === "write") {
          return (bytes: string) => {
            connection.handed += bytes.length
            return target.write(bytes)
          }
        }
        return value.bind(target) as unknown
      }
    })
    this.connections.set(wrapped, connection)
    return wrapped
  }

  /** The peer with this number, in the order of the accepts, starting at 1. */
  private peer(number: number): Connection {
    const connection = [...this.connections.values()][number - 1]
    if (connection === undefined) throw new Error(`there is no connection ${number}`)
    return connection
  }

  /** The peer is gone: from now on nothing is acknowledged. */
  vanish(number: number) {
    Object.assign(this.peer(number), {
      state: "silent",
      acknowledged: this.peer(number).handed,
      attempts: 0,
      silentMillis: 0
    })
  }

  /** The peer is there, but its kernel takes nothing, and says so. */
  fill(number: number) {
    this.vanish(number)
    this.peer(number).state = "full"
  }

  /** A peer whose kernel took nothing is gone, and the server's kernel knows it by probes that were not answered. */
  leaveProbes(number: number, silentMillis: number) {
    Object.assign(this.peer(number), { state: "silent", silentMillis })
  }

  /** A vanished peer acknowledges some more bytes, and is silent again. */
  acknowledge(number: number, bytes: number) {
    const peer = this.peer(number)
    Object.assign(peer, { acknowledged: peer.acknowledged + bytes, attempts: 0 })
  }

  /** The peer acknowledges everything. */
  comeBack(number: number) {
    this.peer(number).state = "alive"
  }

  readonly handed = (socket: Socket) => this.connections.get(socket)?.handed

  readonly check = (sockets: ReadonlyArray<Socket>) =>
    Effect.sync(() => {
      this.checks += 1
      if (this.fails === "defect") throw new Error("a defect in the probe")
      const found = new Map<Socket, Finding>()
      if (this.fails === "unknown") return new Map(sockets.map((socket) => [socket, "unknown" as const]))
      for (const socket of sockets) {
        const connection = this.connections.get(socket)
        if (connection === undefined || connection.state === "alive") continue
        const { acknowledged, handed } = connection
        if (handed === acknowledged) continue
        if (connection.state === "silent") connection.attempts += 1
        found.set(socket, {
          unacknowledged: handed - acknowledged,
          acknowledged: { atLeast: acknowledged, atMost: acknowledged },
          attempts: connection.attempts,
          silentMillis: connection.silentMillis
        })
      }
      return found
    })
}
