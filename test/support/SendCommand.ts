import * as Effect from "effect/Effect"
import type { StandaloneOptions } from "../../src/chat/Server.js"
import * as Tcp from "../../src/transport/Tcp.js"
import * as LocalServer from "./LocalServer.js"
import * as Program from "./Program.js"
import * as WireClient from "./WireClient.js"

/** `a-chat send` under test: a server, and a client that receives. */

/** The arguments for a server on this address. */
export const at = ({ port }: Tcp.TcpAddress) => ["send", "--port", `${port}`]

/** A server in the test's own process, with the client bob. `send` and `pipe` run `a-chat send` against it. */
export const withBob = (options: Partial<StandaloneOptions> = {}) => Effect.flatMap(LocalServer.start(options), joined)

/** The built server, which can be killed, with the client bob. */
export const programWithBob = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const server = yield* Program.startServer(args)
    const address = Tcp.address("127.0.0.1", Number(server.port))
    return { ...(yield* joined({ address, port: server.port })), server }
  })

const joined = ({ address, port }: Pick<LocalServer.LocalServer, "address" | "port">) =>
  Effect.gen(function* () {
    const client = yield* WireClient.join(address, "bob")
    const received = () => client.lines.map((line) => `${line}\n`).join("")
    const bob = {
      /** Everything that bob has received. */
      received,
      /** Waits until that matches; returns the first group, or the whole match. */
      receives: (pattern: RegExp) =>
        client.until(String(pattern), () => {
          const found = pattern.exec(received())
          return found?.[1] ?? found?.[0]
        })
    }
    const send = (...more: ReadonlyArray<string>) => Program.run(["send", "--port", port, ...more])
    const pipe = (input: string, ...more: ReadonlyArray<string>) =>
      Program.run(["send", "--port", port, ...more], { input })
    return { port, bob, send, pipe }
  })

/** The JSON objects of an output, one per line. */
export const objects = (output: string) =>
  output
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line))
