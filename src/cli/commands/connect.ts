import * as Command from "@effect/cli/Command"
import * as Effect from "effect/Effect"
import type { Ending } from "../../client/Ending.js"
import * as Pipe from "../../client/Pipe.js"
import * as Display from "../../terminal/Display.js"
import * as HistoryFile from "../../terminal/HistoryFile.js"
import * as Session from "../../terminal/Session.js"
import { showAddress } from "../../transport/Transport.js"
import * as Endpoint from "../settings/AddressFlags.js"
import * as Flags from "../settings/Flags.js"
import * as Remote from "./ConnectFlags.js"
import * as Status from "../ExitStatus.js"

const onOff = ["on", "off"] as const

const flags = {
  ...Remote.flags,
  login: Flags.text("login", "name", {
    about: "Name to log in with",
    fallback: "asked for at a terminal, else the first line of the input"
  }),
  plain: Flags.toggle("plain", "Sends lines and prints lines at a terminal, too, as in a pipe"),
  bell: Flags.choice("bell", { about: "Whether the terminal rings for a message", fallback: "on" }, onOff),
  history: Flags.choice(
    "history",
    { about: "Whether what is typed at a terminal is kept in a file of one's own", fallback: "on" },
    onOff
  )
}

export const connect = Command.make("connect", flags, (given): Effect.Effect<void, Status.Failure> => {
  const address = Endpoint.address(given)
  if (address === undefined) return Status.misused("--unix takes the place of --host and --port; give one")
  const streams = {
    socket: Endpoint.socket(given),
    login: Flags.value(given.login),
    input: process.stdin,
    output: process.stdout
  }
  const isScreen =
    process.stdin.isTTY && process.stdout.isTTY && !Flags.valueOr(given.plain, false) && !Display.isDumb(process.env)
  const session = isScreen
    ? Session.run({
        ...streams,
        where: showAddress(address),
        display: Display.make(process.env, process.stdout.getColorDepth()),
        bell: Flags.valueOr(given.bell, "on") === "on",
        history: Flags.valueOr(given.history, "on") === "on" ? HistoryFile.path(process.env) : undefined
      })
    : Pipe.run({ ...streams, refusals: process.stderr })
  return session.pipe(
    Effect.mapError(Status.asMisuse),
    Effect.map(end),
    Effect.scoped,
    isScreen ? endAtHangup : (self) => self
  )
})

/**
 * Leaves in order when the terminal is closed, and then dies of SIGHUP as if nobody had caught it: with an exit, Node
 * would reset the mode of a terminal that is no more, and abort over that.
 */
const endAtHangup = <E, R>(session: Effect.Effect<void, E, R>): Effect.Effect<void, E, R> =>
  Effect.suspend(() => {
    let isHungUp = false
    const hangup = Effect.async<void>((resume) => {
      const hungUp = () => {
        isHungUp = true
        resume(Effect.void)
      }
      process.once("SIGHUP", hungUp)
      return Effect.sync(() => process.off("SIGHUP", hungUp))
    })
    const die = Effect.sync(() => {
      const isGone = process.stdin.readableEnded || process.stdin.errored !== null
      if (isHungUp || isGone) process.kill(process.pid, "SIGHUP")
    })
    return Effect.zipRight(Effect.raceFirst(session, hangup), die)
  })

const end = (ending: Ending): void => {
  switch (ending._tag) {
    case "Left":
      process.exitCode = 0
      break
    case "Refused":
      process.exitCode = Status.failed
      break
    case "Closed":
      process.exitCode = Status.gone
      Status.say("the server closed the connection")
      break
    case "Lost":
      process.exitCode = Status.gone
      Status.say(ending.error.message)
  }
}
