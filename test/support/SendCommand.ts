import * as Effect from "effect/Effect"
import type * as Tcp from "../../src/transport/Tcp.js"
import * as Program from "./Program.js"

/** `a-chat send` under test: a server, and a client that receives. */

/** The arguments for a server on this address. */
export const at = ({ port }: Tcp.TcpAddress) => ["send", "--port", `${port}`]

/** A server with the client bob, who prints what he receives. `send` and `pipe` run `a-chat send` against it. */
export const withBob = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const server = yield* Program.startServer(args)
    const bob = yield* Program.start(["connect", "--port", server.port, "--login", "bob"])
    bob.input.write("/ping here\n")
    yield* bob.says("output", /pong: here/u)
    const send = (...more: ReadonlyArray<string>) => Program.run(["send", "--port", server.port, ...more])
    const pipe = (input: string, ...more: ReadonlyArray<string>) =>
      Program.run(["send", "--port", server.port, ...more], { input })
    return { server, bob, send, pipe }
  })

/** The JSON objects of an output, one per line. */
export const objects = (output: string) =>
  output
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line))
