import * as Effect from "effect/Effect"
import * as Struct from "effect/Struct"
import * as ExitStatus from "../ExitStatus.js"
import * as Log from "../log/Log.js"
import * as LogFormat from "../log/LogFormat.js"
import * as AddressFlags from "../settings/AddressFlags.js"
import * as Places from "../settings/Places.js"
import * as Setting from "../settings/Setting.js"
import * as SettingsFile from "../settings/SettingsFile.js"
import * as Sources from "../settings/Sources.js"
import * as AccountFlags from "./AccountFlags.js"
import * as AdminFlag from "./AdminFlag.js"
import * as ClusterFlags from "./ClusterFlags.js"
import * as LimitFlags from "./LimitFlags.js"
import * as ListenFlags from "./ListenFlags.js"
import * as RoomFlags from "./RoomFlags.js"
import * as StoreFlags from "./StoreFlags.js"

/** All settings of a server, in the order in which help and `a-chat config` list them. */
export const settings = {
  host: AddressFlags.host(
    "Address to listen on; with 0.0.0.0 or ::, anyone who can reach this machine can log in",
    "an address such as 127.0.0.1, ::1 or [::1]:8080; --listen takes tcp://, tls:// and unix:",
    false
  ),
  port: AddressFlags.port("TCP port to listen on; 0 takes any free one", 0),
  unix: AddressFlags.unix("Unix socket to listen on, for its owner only; without --host and --port, there is no TCP"),
  ...ListenFlags.settings,
  ...LimitFlags.settings,
  ...StoreFlags.settings,
  ...AccountFlags.settings,
  ...RoomFlags.settings,
  ...ClusterFlags.settings,
  logLevel: Setting.choice(
    "log-level",
    { about: "The least severe events that are logged", default: "info", live: true },
    Log.levelNames
  ),
  logRate: Setting.count("log-rate", {
    about: "Events of one kind logged per second; further events are counted, and the count is logged",
    default: Log.defaults.rate,
    min: 1,
    max: 1_000_000,
    off: true,
    live: true
  }),
  admin: AdminFlag.setting,
  control: Setting.text("control", "path", {
    about: "Unix socket for a-chat control, for its owner only: disconnect and ban clients, reload, drain",
    default: undefined,
    defaultText: "off"
  }),
  logFormat: Setting.choice(
    "log-format",
    {
      about: "How events are written to standard error, one per line",
      default: undefined,
      defaultText: "pretty at a terminal, else logfmt"
    },
    LogFormat.formats
  )
}

export type GivenSettings = Sources.Resolved<typeof settings>

const names = Object.values(settings).map(({ name }) => name)

/** The conflict between settings that are valid on their own; undefined if there is none. */
const conflictOf = ({ origins, values }: GivenSettings) =>
  LimitFlags.conflict(values) ?? AccountFlags.conflict(values) ?? ClusterFlags.conflict(values, origins)

export interface ServerSources {
  readonly flags?: Sources.SettingSource | undefined
  readonly file: SettingsFile.SettingsFile | undefined
}

/**
 * The settings from the environment and a file, without flags. Fails with all mistakes in them, even those that a flag
 * would hide.
 *
 * @param flags the flags, with which settings that conflict on their own may not conflict
 */
export const withoutFlags = (
  file: SettingsFile.SettingsFile | undefined,
  flags?: Sources.SettingSource
): Effect.Effect<GivenSettings, ReadonlyArray<string>> => {
  const { mistakes, resolved } = Sources.resolve(settings, sources({ file }))
  const all = [...(file === undefined ? [] : SettingsFile.mistakes(file, names, "a-chat serve --help")), ...mistakes]
  const conflict = conflictOf(
    flags === undefined ? resolved : Sources.resolve(settings, sources({ file, flags })).resolved
  )
  if (conflict !== undefined) all.push(...located(conflict, all, file))
  if (all.length === 0) return Effect.succeed(resolved)
  return Effect.fail(all.toSorted((one, other) => one.line - other.line).map(({ text }) => text))
}

/** The sources of a server's settings, combined. */
export const sources = ({ file, flags }: ServerSources): Sources.SettingSource =>
  Sources.inOrder({
    flags: flags && expandHost(flags),
    environment: expandHost(Sources.environment(process.env)),
    file: file && expandHost(SettingsFile.source(file))
  })

/** `--host` may include the port. A scheme belongs in `--listen`. */
const expandHost = (source: Sources.SettingSource) => Places.expand(source, false)

/** Checks whether a server would start with the environment and a file: `withoutFlags`, and also the certificates. */
export const check = (file: SettingsFile.SettingsFile | undefined): Effect.Effect<void, ReadonlyArray<string>> =>
  Effect.flatMap(withoutFlags(file), (given) =>
    Effect.mapError(ListenFlags.resolve(given, given.values.loginTimeout), ({ message }) =>
      located(message, [], file).map(({ text }) => text)
    )
  )

/** The file of `--config`, if there is one. Fails with its first mistake, and a hint on how to see the others. */
export const readFile = (
  path: string | undefined,
  flags: Sources.SettingSource
): Effect.Effect<SettingsFile.SettingsFile | undefined, ExitStatus.Failure> => {
  if (path === undefined) return Effect.succeed(undefined)
  return Effect.tap(SettingsFile.read(path), (file) =>
    Effect.mapError(withoutFlags(file, flags), ([first = "", ...more]) => {
      const others = more.length === 0 ? "" : ` (and ${more.length} more; see a-chat config --check --config ${path})`
      return ExitStatus.asMisuse({ message: first + others })
    })
  )
}

/** The settings from all sources combined. Fails with the first mistake. */
export const resolve = (from: ServerSources): Effect.Effect<GivenSettings, ExitStatus.Failure> => {
  const { mistakes, resolved } = Sources.resolve(settings, sources(from))
  const mistake = mistakes[0]?.text ?? conflictOf(resolved)
  return mistake === undefined ? Effect.succeed(resolved) : ExitStatus.misused(mistake)
}

export const logSettings = ({ values }: GivenSettings): Log.LogSettings => ({
  level: Log.levels[values.logLevel],
  rate: values.logRate
})

/** The settings that differ. */
export const changed = (before: GivenSettings, after: GivenSettings): ReadonlyArray<SettingKey> =>
  Struct.keys(settings).filter((key) => !isSame(before.values[key], after.values[key]))

export const isLive = (key: SettingKey): boolean => settings[key].live

export type SettingKey = keyof typeof settings

/** Compares values by their JSON. That omits functions, but the text of a listen target describes it completely. */
const isSame = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other)

/** The names of settings. */
export const namesOf = (keys: ReadonlyArray<SettingKey>): ReadonlyArray<string> => keys.map((key) => settings[key].name)

/**
 * Locates a mistake about a combination of settings, whose text names them as flags: at the first of them found in the
 * file. Returns nothing if one of them is also invalid on its own.
 */
const located = (
  text: string,
  others: ReadonlyArray<Sources.Mistake>,
  file: SettingsFile.SettingsFile | undefined
): ReadonlyArray<Sources.Mistake> => {
  const named = [...text.matchAll(/--([a-z-]+)/gu)].map(([, name]) => name ?? "")
  if (others.some(({ name }) => named.includes(name))) return []
  const line = named.map((name) => file?.entries.get(name)?.line).find((found) => found !== undefined)
  const placed = line === undefined ? text : `${file?.path}:${line}: ${text}`
  return [{ name: named[0] ?? "", line: line ?? 0, text: placed }]
}
