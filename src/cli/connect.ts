import * as Command from "@effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Ending } from "../client/Ending.js"
import * as Pipe from "../client/Pipe.js"
import * as Terminal from "../client/Terminal.js"
import * as Tcp from "../transport/Tcp.js"
import * as Endpoint from "./Endpoint.js"
import * as Flags from "./Flags.js"
import * as Remote from "./Remote.js"
import * as Status from "./Status.js"

const flags = {
  host: Endpoint.host("Host to connect to"),
  port: Endpoint.port("TCP port to connect to", 1),
  unix: Endpoint.unix("Unix socket to connect to, instead of TCP"),
  login: Flags.text("login", "name", {
    about: "Name to log in with",
    fallback: "asked for at a terminal, else the first line of the input"
  })
}

export const connect = Command.make("connect", flags, (given): Effect.Effect<void, Status.Failure> => {
  const address = Endpoint.address(given)
  if (address === undefined) return Remote.misuse("--unix takes the place of --host and --port; give one")
  const options = {
    socket: Tcp.connect(address),
    login: Option.getOrUndefined(Option.map(given.login, ({ value }) => value)),
    input: process.stdin,
    output: process.stdout
  }
  const atTerminal = process.stdin.isTTY && process.stdout.isTTY
  return (atTerminal ? Terminal.run(options) : Pipe.run({ ...options, refusals: process.stderr })).pipe(
    Effect.mapError((error) => new Status.Failure({ status: Status.misuse, message: error.message })),
    Effect.map(end),
    Effect.scoped
  )
}).pipe(
  Command.withDescription(
    "Chats. In a pipe: the input is sent, what comes is printed, and what the server refused goes to standard error. " +
      "Exit status: 0; 1 if the server refused something; 2 if it could not connect; 3 if the server went away."
  )
)

const refusedStatus = 1

const goneStatus = 3

const end = (ending: Ending): void => {
  switch (ending._tag) {
    case "Left":
      process.exitCode = 0
      break
    case "Refused":
      process.exitCode = refusedStatus
      break
    case "Closed":
      process.exitCode = goneStatus
      Status.say("the server closed the connection")
      break
    case "Lost":
      process.exitCode = goneStatus
      Status.say(ending.error.message)
  }
}
