import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Server from "../../src/chat/Server.js"
import type * as Client from "../../src/client/Client.js"
import * as ReconnectingClient from "../../src/client/ReconnectingClient.js"
import * as Memory from "../../src/ports/Memory.js"
import { eventually } from "./Eventually.js"
import { scriptedServer } from "./ScriptedServer.js"

/** A network on which one server after the other can run. */
export const restartable = (options: Server.ServerOptions = {}) =>
  Effect.gen(function* () {
    const network = yield* Memory.make()
    const start = Effect.gen(function* () {
      const scope = yield* Scope.make()
      const server = yield* Server.start({
        listen: [network.listen],
        returnAfter: Duration.millis(20),
        linger: Duration.millis(100),
        ...options
      }).pipe(Scope.extend(scope), Effect.orDie, Logger.withMinimumLogLevel(LogLevel.None))
      const stop = Scope.close(scope, Exit.void)
      yield* Effect.addFinalizer(() => stop)
      return { ...server, stop }
    })
    return { socket: network.connect, network, start }
  })

export const soon = { backoff: Schedule.spaced("20 millis") } as const

/** The texts of messages. */
export const texts = (client: Client.ClientHandle) =>
  Stream.filterMap(client.received, (received) =>
    received._tag === "Message" ? Option.some(received.text) : Option.none()
  )

export const tags = (fates: ReadonlyArray<Client.MessageFate>) =>
  fates.map((fate) => (fate._tag === "Returned" || fate._tag === "Refused" ? fate.reason : fate._tag))

/** A scripted server, and a client that is logged in as alice. */
export const withScript = (options: Partial<ReconnectingClient.ReconnectingClientOptions<never>> = {}) =>
  Effect.gen(function* () {
    const server = yield* scriptedServer
    const alice = yield* ReconnectingClient.connect({
      socket: server.socket,
      login: "alice",
      ack: false,
      heartbeat: Infinity,
      ...soon,
      ...options
    })
    const heard: Array<string> = []
    yield* Effect.forkScoped(Stream.runForEach(alice.lines, (line) => Effect.sync(() => heard.push(line))))
    let markers = 0
    /** Waits until the client has read everything that the server has said, or something else is the case. */
    const catchesUp = (isOver: () => boolean = () => false) =>
      Effect.suspend(() => {
        const marker = `from mallory: ${++markers}`
        const hasRead = eventually(() => heard.includes(marker) || isOver(), "the client does not read on")
        return Effect.zipRight(server.says(marker), hasRead)
      })
    return { server, alice, catchesUp }
  })

/** Waits for a state, from now on. */
export const until = (
  client: ReconnectingClient.ReconnectingClientHandle,
  tag: ReconnectingClient.ConnectionState["_tag"]
) =>
  client.state.changes.pipe(
    Stream.filter((state) => state._tag === tag),
    Stream.runHead,
    Effect.map(Option.getOrThrow)
  )
