import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Admin from "./Admin.js"
import * as Endpoint from "./Endpoint.js"
import * as Flags from "./Flags.js"
import * as Help from "./Help.js"
import * as Limits from "./Limits.js"
import * as Listeners from "./Listeners.js"
import * as Log from "./Log.js"
import * as Settings from "./Settings.js"
import * as SettingsFile from "./SettingsFile.js"
import * as Status from "./Status.js"

/** What a server may be told: by flags, in the environment, and in a file. */

const listening = {
  host: Endpoint.host("Address to listen on; with 0.0.0.0 or ::, whoever reaches this machine can log in"),
  port: Endpoint.port("TCP port to listen on; 0 takes any that is free", 0),
  unix: Endpoint.unix("Unix socket to listen on, readable by its owner only; alone, there is no TCP"),
  ...Listeners.flags
}

const levels = ["trace", "debug", "info", "warning", "error", "fatal"] as const

/** What may change while the server runs. */
export const changing = {
  ...Limits.flags,
  logLevel: Flags.choice(
    "log-level",
    { about: "The least important events that are logged", fallback: "info" },
    levels
  ),
  logRate: Flags.count(
    "log-rate",
    {
      about: "Events of one kind a second that are logged; how many more there were is told",
      fallback: Flags.showCount(Log.defaults.rate)
    },
    { min: 1, max: 1_000_000, off: true }
  )
}

export const settings = {
  ...listening,
  ...changing,
  admin: Admin.flag,
  logFormat: Flags.choice(
    "log-format",
    { about: "How events are written to standard error, one a line", fallback: "pretty at a terminal, else logfmt" },
    Log.formats
  )
}

export type Given = Settings.Given<typeof settings>

/** What the environment and a file give, or everything that is wrong with them, each mistake with its place. */
export const evaluate = (file: SettingsFile.SettingsFile | undefined): Effect.Effect<Given, ReadonlyArray<string>> => {
  const evaluated = Settings.evaluate(settings, file)
  if (Either.isLeft(evaluated)) return Effect.fail(evaluated.left)
  return Effect.mapBoth(Limits.resolve(evaluated.right), {
    onFailure: ({ error }) => [placed(Help.plain(error), file)],
    onSuccess: () => evaluated.right
  })
}

/** The same for the file of a path, if there is one; the first mistake is told, and how to see the others. */
export const read = (path: string | undefined): Effect.Effect<Given, Status.Failure> =>
  Effect.gen(function* () {
    const file = path === undefined ? undefined : yield* SettingsFile.read(path)
    return yield* Effect.mapError(evaluate(file), ([first = "", ...more]) => {
      const from = path === undefined ? "" : ` --config ${path}`
      const others = more.length === 0 ? "" : ` (and ${more.length} more; a-chat config --check${from} tells)`
      return new Status.Failure({ status: Status.misuse, message: first + others })
    })
  })

/** The one setting that is no flag of ours. */
export const logLevel = (path: string | undefined): Effect.Effect<Given["logLevel"], Status.Failure> =>
  Effect.gen(function* () {
    const file = path === undefined ? undefined : yield* SettingsFile.read(path)
    return yield* Either.mapLeft(
      Settings.one(settings.logLevel, file),
      (message) => new Status.Failure({ status: Status.misuse, message })
    )
  })

/** What is wrong with settings together names them as flags; the first of them that the file has tells the place. */
const placed = (mistake: string, file: SettingsFile.SettingsFile | undefined): string => {
  const names = [...mistake.matchAll(/--([a-z-]+)/gu)].map(([, name]) => name ?? "")
  const line = names.map((name) => file?.values.get(name)?.line).find((found) => found !== undefined)
  return line === undefined ? mistake : `${file?.path}:${line}: ${mistake}`
}
