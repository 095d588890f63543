import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"
import * as Server from "../../src/chat/Server.js"
import * as Tcp from "../../src/transport/Tcp.js"
import type { TransportError } from "../../src/ports/Transport.js"
import * as FakeServer from "./FakeServer.js"

/**
 * What is wrong with a server. Lines are strings of bytes without their LF; stateful faults are made per connection.
 */
export interface Fault {
  /** Replaces a line from the server. */
  readonly down?: () => (line: string) => ReadonlyArray<string>
  /** Replaces a line from the client before the server sees it. */
  readonly up?: () => (line: string) => ReadonlyArray<string>
  /** Replaces the bytes of one read before they are cut into lines. */
  readonly read?: (bytes: Buffer) => Buffer
  /** Loses the bytes after a client's last LF. */
  readonly losesLastLine?: boolean
  /** How it ends connections: with a reset, or at once when the client ends its side. */
  readonly ends?: "reset" | "at once"
}

/** The real server behind a relay that adds the fault. */
export const make = (fault: Fault): Effect.Effect<Tcp.TcpAddress, TransportError, Scope.Scope> =>
  Effect.gen(function* () {
    const server = yield* Logger.withMinimumLogLevel(
      Server.start({ listen: [Tcp.listen("127.0.0.1", 0)] }),
      LogLevel.None
    )
    const port = server.address.port ?? 0
    return yield* FakeServer.make((client) => relay(client, Net.connect({ port, allowHalfOpen: true }), fault))
  })

const relay = (client: Net.Socket, server: Net.Socket, { down, ends, losesLastLine, read, up }: Fault) => {
  const upwards = cut(up?.(), (text) => server.write(text, "latin1"))
  const downwards = cut(down?.(), (text) => client.write(text, "latin1"))
  client.on("data", (bytes: Buffer) => upwards.push(read?.(bytes) ?? bytes))
  client.on("end", () => {
    if (losesLastLine !== true) upwards.end()
    server.end()
    if (ends === "at once") client.destroy()
  })
  client.on("close", () => server.destroy())
  server.on("data", (bytes: Buffer) => downwards.push(bytes))
  server.on("end", () => (ends === "reset" ? client.resetAndDestroy() : client.end()))
  server.on("error", () => client.destroy())
}

const cut = (change: ((line: string) => ReadonlyArray<string>) | undefined, write: (text: string) => void) => {
  let rest = ""
  return {
    push: (bytes: Buffer) => {
      if (change === undefined) return write(bytes.toString("latin1"))
      const lines = (rest + bytes.toString("latin1")).split("\n")
      rest = lines.pop() ?? ""
      const text = lines.flatMap(change).map((line) => `${line}\n`)
      if (text.length > 0) write(text.join(""))
    },
    end: () => {
      if (rest !== "") write(change?.(rest).join("\n") ?? rest)
    }
  }
}
