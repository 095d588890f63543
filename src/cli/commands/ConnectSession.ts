import * as Effect from "effect/Effect"
import type { ExitReason } from "../../client/ExitReason.js"
import * as Pipe from "../../client/Pipe.js"
import * as DesktopNotification from "../../terminal/DesktopNotification.js"
import * as Display from "../../terminal/Display.js"
import * as HistoryFile from "../../terminal/HistoryFile.js"
import * as Screen from "../../terminal/Screen.js"
import * as TerminalClient from "../../terminal/TerminalClient.js"
import * as ExitStatus from "../ExitStatus.js"
import * as TransportAdvice from "../TransportAdvice.js"
import * as AddressFlags from "../settings/AddressFlags.js"
import type { Resolved } from "../settings/Sources.js"
import type * as Connect from "./connect.js"
import * as ConnectFlags from "./ConnectFlags.js"
import * as GuessedLogin from "./GuessedLogin.js"
import * as MutesFile from "./MutesFile.js"
import * as Secrets from "./Secrets.js"
import * as TerminalFlags from "./TerminalFlags.js"

/** Chats at a terminal, or as a filter in a pipe. Returns once the connection has ended, with the exit status set. */
export const run = (given: Resolved<typeof Connect.settings>): Effect.Effect<void, ExitStatus.Failure> => {
  const { bell, history, logDir, login, notify, notifyFor, notifyOsc, plain, seq } = given.values
  const where = AddressFlags.textOf(given)
  if (where === undefined) return ExitStatus.misused("--unix replaces --host and --port; give one or the other")
  const servers = ConnectFlags.servers(given)
  const { socket } = servers
  const streams = {
    socket,
    login,
    input: process.stdin,
    output: process.stdout
  }
  const isScreen = process.stdin.isTTY && process.stdout.isTTY && !plain && !Display.isDumb(process.env)
  const unused = (["notify", "logDir"] as const).find((name) => given.origins[name] === "flag")
  if (!isScreen && unused !== undefined) {
    const flag = `--${TerminalFlags.settings[unused].name}`
    return ExitStatus.misused(`${flag} needs a terminal with a prompt; a pipe prints everything that arrives`)
  }
  if (isScreen && given.origins.seq === "flag") return ExitStatus.misused("--seq is for a pipe, or for --plain")
  const words = seq ? ["seq"] : []
  const session = isScreen
    ? TerminalClient.run({
        ...streams,
        keyring: (name) => Secrets.keyring(given, socket, name),
        hasAccount: given.values.cert !== undefined,
        elsewhere: servers,
        where,
        display: Display.make(process.env, process.stdout.getColorDepth()),
        defaultLogin: GuessedLogin.ofUser(process.env["USER"]),
        fallbackSize: Screen.fallbackSize(process.env),
        bell,
        history: history === "on" ? HistoryFile.path(process.env) : undefined,
        mutes: (name) => MutesFile.make(process.env, Secrets.serverOf(given), name),
        logFolder: logDir,
        notifications: {
          extent: notifyFor === "all" ? "on" : "mentions",
          desktop: notifyOsc === "off" ? undefined : DesktopNotification.route(notifyOsc, process.env),
          command:
            notify === undefined
              ? undefined
              : { command: notify, environment: ConnectFlags.environment(given, process.env) }
        }
      })
    : login === undefined
      ? Pipe.run({ ...streams, words, refusals: process.stderr })
      : Secrets.use(given, socket, login, (secret) =>
          Pipe.run({ ...streams, ...secret, words, refusals: process.stderr })
        )
  return session.pipe(
    Effect.mapError((error) => (error instanceof ExitStatus.Failure ? error : ExitStatus.asMisuse(error))),
    Effect.map(end),
    Effect.scoped,
    isScreen ? endAtHangup : (self) => self
  )
}

/**
 * Leaves in an orderly way when the terminal is closed, and then dies of SIGHUP as if it had not been caught. On a
 * normal exit, Node would try to reset the mode of a terminal that no longer exists, fail, and abort.
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
      if (!isHungUp && !isGone) return
      process.removeAllListeners("SIGHUP")
      process.kill(process.pid, "SIGHUP")
    })
    return Effect.zipRight(Effect.raceFirst(session, hangup), die)
  })

/** Sets the exit status, and reports on standard error why the connection ended. */
const end = (reason: ExitReason): void => {
  switch (reason._tag) {
    case "Left":
      process.exitCode = 0
      break
    case "Refused":
      process.exitCode = ExitStatus.failed
      break
    case "Closed":
      process.exitCode = ExitStatus.lost
      ExitStatus.say("the server closed the connection")
      break
    case "Unconfirmed":
      process.exitCode = ExitStatus.lost
      ExitStatus.say("the server closed the connection without confirming that it took every line")
      break
    case "Lost":
      process.exitCode = ExitStatus.lost
      ExitStatus.say(TransportAdvice.toConnect(reason.error).message)
  }
}
