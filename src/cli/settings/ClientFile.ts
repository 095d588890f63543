import * as Effect from "effect/Effect"
import { existsSync } from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as DidYouMean from "../../protocol/DidYouMean.js"
import * as ExitStatus from "../ExitStatus.js"
import * as Places from "./Places.js"
import * as SettingsFile from "./SettingsFile.js"
import * as Sources from "./Sources.js"

/**
 * The settings file of the clients: the flags of every client without their dashes, and servers by name, each in a
 * table such as `[servers.work]`.
 */

/** `a-chat/client.toml` in the folder for settings: `$XDG_CONFIG_HOME`, or `~/.config`. */
export const path = (environment: Readonly<Record<string, string | undefined>>): string => {
  const given = environment["XDG_CONFIG_HOME"] ?? ""
  // The XDG Base Directory Specification says to ignore a relative path.
  const folder = Path.isAbsolute(given) ? given : Path.join(environment["HOME"] ?? home(), ".config")
  return Path.join(folder, "a-chat", "client.toml")
}

/** `/` for a user without an entry, as in many containers, for whom Node throws. */
const home = (): string => {
  try {
    return Os.homedir()
  } catch {
    return "/"
  }
}

/** Reads the file at `path`, if there is one. */
export const read = (path: string): Effect.Effect<SettingsFile.SettingsFile | undefined, ExitStatus.Failure> =>
  existsSync(path) ? SettingsFile.read(path) : Effect.succeed(undefined)

type Entries = Pick<SettingsFile.SettingsFile, "entries" | "path">

const serversKey = "servers"

/** The servers in the file, by name. */
export const servers = (file: SettingsFile.SettingsFile | undefined): ReadonlyMap<string, Entries> => {
  const tables = [...(file?.entries.get(serversKey)?.entries ?? [])]
  return new Map(tables.map(([name, { entries = new Map() }]) => [name, { path: file?.path ?? "", entries }] as const))
}

/** The settings that are paths. In the file they are relative to its folder. */
const pathNames = ["ca", "cert", "key", "unix", "log-dir"]

const source = (entries: Entries): Sources.SettingSource => {
  const found = SettingsFile.source(entries)
  const absolute: Sources.SettingSource = (name) => {
    const one = found(name)
    if (one === undefined || typeof one.text !== "string" || one.text === "") return one
    const isPlace = name === "host" && Places.parse(one.text)?.unix !== undefined
    if (!isPlace && !pathNames.includes(name)) return one
    const path = isPlace ? one.text.slice("unix:".length) : one.text
    const text = Path.resolve(Path.dirname(entries.path), path.replace(/^~(?=\/)/u, home))
    return { ...one, text: isPlace ? `unix:${text}` : text }
  }
  return absolute
}

const expanded = (source: Sources.SettingSource): Sources.SettingSource => Places.expand(source, true)

/** All mistakes in the file, in the order of its lines. */
export const mistakes = (
  file: SettingsFile.SettingsFile,
  settings: Sources.CommandSettings
): ReadonlyArray<Sources.Mistake> => {
  const names = Object.values(settings).map(({ name }) => name)
  const inTable = (table: Entries, allowed: ReadonlyArray<string>) => [
    ...SettingsFile.mistakes(table, allowed, "a-chat connect --help"),
    ...twoPlaces(table),
    ...Sources.resolve(settings, expanded(source(table))).mistakes
  ]
  const { entries, path } = file
  const top = new Map([...entries].filter(([name]) => name !== serversKey))
  const all = inTable({ path, entries: top }, names)
  const tables = entries.get(serversKey)
  const noTable = (name: string, line: number) => {
    all.push({ name, line, text: `${path}:${line}: ${name} is not a table; write [servers.NAME]` })
  }
  if (tables !== undefined && tables.entries === undefined) noTable(serversKey, tables.line)
  for (const [name, { entries, line }] of tables?.entries ?? []) {
    if (entries === undefined) noTable(`${serversKey}.${name}`, line)
    else
      all.push(
        ...inTable(
          { path, entries },
          names.filter((one) => one !== "server")
        )
      )
  }
  const server = SettingsFile.source(file)("server")
  if (server !== undefined && named(server, file) === undefined) {
    all.push({ name: "server", line: server.line, text: `${server.place}: ${unknownServer(server, file)}` })
  }
  return all.toSorted((one, other) => one.line - other.line)
}

/** Reports a table that names the server's place twice: one of the two would be ignored. */
const twoPlaces = ({ entries, path }: Entries): ReadonlyArray<Sources.Mistake> => {
  const line = entries.get("host")?.line
  if (line === undefined || !entries.has("unix")) return []
  return [{ name: "host", line, text: `${path}:${line}: unix replaces host; give one or the other` }]
}

/** The settings of the server that a setting names: a table of the file, or a place. */
const named = (
  server: Sources.FoundSetting,
  file: SettingsFile.SettingsFile | undefined
): Sources.SettingSource | undefined => {
  const text = String(server.text)
  const table = servers(file).get(text)
  if (table !== undefined) return expanded(source(table))
  const place = Places.parse(text)
  return place && Places.source(server, place)
}

const unknownServer = ({ text }: Sources.FoundSetting, file: SettingsFile.SettingsFile | undefined): string => {
  const complaint = Places.complaintOfWeb(String(text)) ?? Places.mistakeIn(String(text))
  if (complaint !== undefined) return `${JSON.stringify(text)} ${complaint}`
  const names = [...servers(file).keys()]
  const meant = DidYouMean.nearest(String(text), names)
  const hint =
    meant === undefined
      ? `give one of ${[...names, "tcp://HOST:PORT", "tls://HOST:PORT", "unix:PATH"].join(", ")}`
      : `did you mean ${meant}?`
  return `there is no server ${JSON.stringify(text)} in the client settings; ${hint}`
}

export interface ClientSources {
  readonly flags?: Sources.SettingSource | undefined
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly file: SettingsFile.SettingsFile | undefined
}

/**
 * The sources of a client's settings, combined: a flag wins over the environment, and the environment over the file.
 * The settings of a named server count as much as its name. The server's place (`host`, `port` and `unix`) comes from
 * one of them as a whole, except that a flag may change the port. Fails with the first mistake.
 */
export const sources = ({
  environment,
  file,
  flags
}: ClientSources): Effect.Effect<Sources.SettingSource, ExitStatus.Failure> => {
  const written = [flags ?? none, Sources.environment(environment), file === undefined ? none : source(file)]
  const combined = written.map(expanded)
  const rank = (...names: ReadonlyArray<string>) => {
    const at = combined.findIndex((one) => names.some((name) => one(name) !== undefined))
    return at < 0 ? combined.length : at
  }
  const [serverRank, placeRank] = [rank("server"), rank("host", "unix")]
  if (serverRank === 0 && placeRank === 0) {
    return ExitStatus.misused("--server replaces --host and --unix; give one or the other")
  }
  // A place that is not used is ignored completely, including the port of ACHAT_HOST=tcp://HOST:PORT and its lack of
  // TLS.
  const hasPortFlag = combined[0]?.("port") !== undefined
  const isUsed = (at: number) =>
    placeRank < serverRank && at <= placeRank && !(hasPortFlag && at > 0 && combined[at]?.("unix") !== undefined)
  const [inFlags = none, inVariables = none, inFile = none] = combined.map(
    (one, at): Sources.SettingSource =>
      (name) =>
        (name === "tls" || name === "port") && !isUsed(at) ? written[at]?.(name) : one(name)
  )
  const server = combined[serverRank]?.("server")
  if (server === undefined || placeRank < serverRank) {
    const withoutPlace: Sources.SettingSource = (name) => (isPlace(name) && placeRank < 2 ? undefined : inFile(name))
    return Effect.succeed(Sources.inOrder({ flags: inFlags, environment: inVariables, file: withoutPlace }))
  }
  const inServer = named(server, file)
  if (inServer === undefined) return ExitStatus.misused(`${server.place}: ${unknownServer(server, file)}`)
  const above: Sources.SettingSource = (name) => inFlags(name) ?? (serverRank === 0 ? inServer(name) : undefined)
  const below: Sources.SettingSource = (name) => inServer(name) ?? (isPlace(name) ? undefined : inFile(name))
  return Effect.succeed(
    Sources.inOrder({
      flags: above,
      environment: (name) => (isPlace(name) && (name !== "port" || serverRank < 2) ? undefined : inVariables(name)),
      file: below
    })
  )
}

const none: Sources.SettingSource = () => undefined

const isPlace = (name: string) => name === "host" || name === "port" || name === "unix"
