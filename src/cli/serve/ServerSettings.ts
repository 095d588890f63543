import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Admin from "./AdminFlag.js"
import * as Endpoint from "../settings/AddressFlags.js"
import * as Flags from "../settings/Flags.js"
import * as Help from "../help/HelpText.js"
import * as Limits from "./LimitFlags.js"
import * as Listeners from "./ListenFlags.js"
import * as Log from "../log/Log.js"
import * as Settings from "../settings/Settings.js"
import * as SettingsFile from "../settings/SettingsFile.js"
import * as Status from "../ExitStatus.js"

/** What a server may be told: by flags, in the environment, and in a file. */

const listening = {
  host: Endpoint.host("Address to listen on; with 0.0.0.0 or ::, whoever reaches this machine can log in"),
  port: Endpoint.port("TCP port to listen on; 0 takes any that is free", 0),
  unix: Endpoint.unix("Unix socket to listen on, readable by its owner only; alone, there is no TCP"),
  ...Listeners.flags
}

/** What may change while the server runs. */
export const changing = {
  ...Limits.flags,
  logLevel: Flags.choice(
    "log-level",
    { about: "The least important events that are logged", fallback: "info" },
    // Its keys are those that it was written with.
    Object.keys(Log.levels) as ReadonlyArray<keyof typeof Log.levels>
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
export const evaluate = (file: SettingsFile.SettingsFile | undefined): Effect.Effect<Given, ReadonlyArray<string>> =>
  Effect.gen(function* () {
    const { given, mistakes } = Settings.evaluate(settings, file)
    const together = yield* Effect.either(Limits.resolve(given))
    const all = Either.isRight(together)
      ? mistakes
      : [...mistakes, ...ofSeveral(Help.plain(together.left.error), mistakes, file)]
    if (all.length === 0) return given
    return yield* Effect.fail(all.toSorted((one, other) => one.line - other.line).map(({ text }) => text))
  })

/** The same for somebody who wants to know whether a server would start with them. */
export const check = (file: SettingsFile.SettingsFile | undefined): Effect.Effect<void, ReadonlyArray<string>> =>
  Effect.flatMap(evaluate(file), (given) =>
    Effect.mapError(Listeners.resolve(given), ({ message }) => ofSeveral(message, [], file).map(({ text }) => text))
  )

/** Reads a file whose settings are good; else the first mistake is told, and how to see the others. */
export const read = (path: string): Effect.Effect<SettingsFile.SettingsFile, Status.Failure> =>
  Effect.tap(SettingsFile.read(path), (file) =>
    Effect.mapError(evaluate(file), ([first = "", ...more]) => {
      const others = more.length === 0 ? "" : ` (and ${more.length} more; a-chat config --check --config ${path} tells)`
      return Status.asMisuse({ message: first + others })
    })
  )

/**
 * What is wrong with settings together names them as flags; the first of them that the file has tells the place. It is
 * nothing to tell while one of them is wrong by itself.
 */
const ofSeveral = (
  mistake: string,
  others: ReadonlyArray<Settings.Mistake>,
  file: SettingsFile.SettingsFile | undefined
): ReadonlyArray<Settings.Mistake> => {
  const names = [...mistake.matchAll(/--([a-z-]+)/gu)].map(([, name]) => name ?? "")
  if (others.some(({ name }) => names.includes(name))) return []
  const line = names.map((name) => file?.values.get(name)?.line).find((found) => found !== undefined)
  const text = line === undefined ? mistake : `${file?.path}:${line}: ${mistake}`
  return [{ name: names[0] ?? "", line: line ?? 0, text }]
}
