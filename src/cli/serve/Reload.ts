import * as Effect from "effect/Effect"
import type * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as ChatOptions from "../../chat/Options.js"
import type { ServerHandle } from "../../chat/Server.js"
import * as Flags from "../settings/Flags.js"
import * as Limits from "./LimitFlags.js"
import * as Log from "../log/Log.js"
import { changing, evaluate, settings, type Given } from "./ServerSettings.js"
import * as SettingsFile from "../settings/SettingsFile.js"

/** What a reload has to do with. */
export interface Running {
  readonly server: ServerHandle
  /** The settings that it started with. */
  readonly given: Given
  readonly path: string
  /** The log's own settings, which are changed. */
  readonly log: Log.Settings
  /** The level of the command line, which no file changes. */
  readonly flagged: LogLevel.LogLevel | undefined
  /** How many connections it had room for at its start. */
  readonly maxConnections: number
}

/**
 * Reads the settings file again, and changes what can change while the server runs. What cannot is named in the log; a
 * file with a mistake changes nothing, and each mistake is logged.
 */
export const make = ({ flagged, given, log, maxConnections, path, server }: Running): Effect.Effect<void> => {
  let current = given
  const take = (next: Given) =>
    Effect.gen(function* () {
      const changed = keys.filter((key) => differs(current[key], next[key]))
      const limits = yield* Effect.orDie(Limits.resolve(next)) // `evaluate` has found nothing wrong with them
      const wanted = limits.maxConnections ?? maxConnections
      yield* server.configure({ ...unset, ...limits, maxConnections: Math.min(wanted, maxConnections) })
      Object.assign(log, logSettings(next, flagged))
      current = next
      const later = changed.filter(
        (key) => !Object.hasOwn(changing, key) || (key === "maxConnections" && wanted > maxConnections)
      )
      const now = changed.filter((key) => !later.includes(key))
      yield* Effect.annotateLogs(Effect.logInfo("settings read again"), { path, changed: names(now) })
      if (later.length === 0) return
      yield* Effect.annotateLogs(Effect.logWarning("settings that need a restart to change"), {
        settings: names(later)
      })
    })
  return SettingsFile.read(path).pipe(
    Effect.mapError(({ message }) => [message]),
    Effect.flatMap(evaluate),
    Effect.matchEffect({
      onFailure: (mistakes) =>
        Effect.forEach(told(mistakes), (mistake) =>
          Effect.annotateLogs(Effect.logError("the settings stay as they were"), { mistake })
        ),
      onSuccess: (next) => take(withFlags(given, next))
    }),
    Effect.asVoid
  )
}

/** So many mistakes are logged; a file that is something else altogether has one in each line. */
const maxTold = 20

const told = (mistakes: ReadonlyArray<string>) =>
  mistakes.length <= maxTold
    ? mistakes
    : [...mistakes.slice(0, maxTold), `and ${mistakes.length - maxTold} more; a-chat config --check tells`]

type Key = keyof Given

// Its keys are those that it was written with.
const keys = Object.keys(settings) as ReadonlyArray<Key>

/** What the log is told. */
export const logSettings = (
  { logLevel, logRate }: Pick<Given, "logLevel" | "logRate">,
  flagged: LogLevel.LogLevel | undefined
): Log.Settings => ({
  level: flagged ?? Log.levels[Flags.valueOr(logLevel, "info")],
  rate: Flags.valueOr(logRate, Log.defaults.rate)
})

/** A flag of the command line counts more than any file. */
const withFlags = (given: Given, next: Given): Given => {
  const all: ReadonlyArray<readonly [string, Option.Option<Flags.Given<unknown>>]> = Object.entries(given)
  const flags = all.filter(([, one]) => Option.exists(one, ({ by }) => by === "flag"))
  return { ...next, ...Object.fromEntries(flags) }
}

const differs = (one: Option.Option<Flags.Given<unknown>>, other: Option.Option<Flags.Given<unknown>>) =>
  JSON.stringify(Option.map(one, ({ value }) => value)) !== JSON.stringify(Option.map(other, ({ value }) => value))

const names = (keys: ReadonlyArray<Key>) => keys.map((key) => Flags.settingOf(settings[key])?.name ?? key).join(",")

/** What a limit is when the file no longer has it. */
const unset = ChatOptions.defaults
