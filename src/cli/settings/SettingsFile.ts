import * as Effect from "effect/Effect"
import * as RegularFile from "../../process/RegularFile.js"
import * as ExitStatus from "../ExitStatus.js"
import * as DidYouMean from "../../protocol/DidYouMean.js"
import type * as Setting from "./Setting.js"
import type { Mistake, SettingSource } from "./Sources.js"

/** A settings file (TOML): flags without their dashes, one per line: `max-line = "4KiB"`. */
export interface SettingsFile {
  readonly path: string
  readonly entries: ReadonlyMap<string, FileEntry>
  /** Whether the file contains nothing, not even a comment. */
  readonly isEmpty: boolean
}

export interface FileEntry {
  /** The value in the form that a flag would have. Undefined for a table or a date, which no setting can be. */
  readonly text: Setting.Text | undefined
  /** The entries of a table; undefined for any other value. */
  readonly entries?: ReadonlyMap<string, FileEntry> | undefined
  /** From 1. */
  readonly line: number
}

/** Enough for every setting and many comments. Reading a larger file, certainly a mistake, would block the server. */
const maxBytes = 1024 * 1024

/**
 * Deeper keys are ignored: the deepest settings are those of a server, as in `[servers.work]`. A key with thousands of
 * parts, certainly a mistake, would take quadratic time and memory.
 */
const maxDepth = 4

/** Reads a file. Fails with the line of the first syntax error. The TOML parser is loaded only here. */
export const read = (path: string): Effect.Effect<SettingsFile, ExitStatus.Failure> =>
  Effect.gen(function* () {
    const text = yield* Effect.tryPromise({
      try: async () => (await RegularFile.read(path, maxBytes)).toString(),
      catch: (error) => misuse(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`)
    })
    const Toml = yield* Effect.promise(() => import("smol-toml"))
    const table = yield* Effect.try({
      try: () => Toml.parse(text),
      catch: (error) =>
        misuse(
          error instanceof Toml.TomlError
            ? `${path}:${error.line}: ${error.message.split("\n", 1)[0]?.replace("Invalid TOML document: ", "")}`
            : `${path}: ${String(error)}`
        )
    })
    return { path, entries: entriesOf(table, [], linesOf(text)), isEmpty: text.trim() === "" }
  })

const entriesOf = (
  table: object,
  path: ReadonlyArray<string>,
  lineOf: (path: ReadonlyArray<string>) => number
): ReadonlyMap<string, FileEntry> =>
  new Map(
    Object.entries(table).map(([name, value]: [string, unknown]) => {
      const at = [...path, name]
      const isTable = typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date)
      const entries = isTable && at.length < maxDepth ? entriesOf(value, at, lineOf) : undefined
      return [name, { text: textOf(value), line: lineOf(at), entries }] as const
    })
  )

const misuse = (message: string) => ExitStatus.asMisuse({ message })

const textOf = (value: unknown): Setting.Text | undefined => {
  if (!Array.isArray(value)) return scalar(value)
  const items = value.map(scalar).filter((item) => item !== undefined)
  return items.length === value.length ? items : undefined
}

const scalar = (value: unknown): string | undefined =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean" || typeof value === "bigint"
    ? String(value)
    : undefined

/** The line numbers of the keys, by their paths. The parser does not report them. */
const linesOf = (text: string): ((path: ReadonlyArray<string>) => number) => {
  const found = new Map<string, number>()
  let table: ReadonlyArray<string> = []
  for (const [index, line] of text.split("\n").entries()) {
    const [, bracket, keys = ""] = keysAhead.exec(line) ?? []
    const names = [...keys.matchAll(key)].map(([, double, single, bare]) => double ?? single ?? bare ?? "")
    if (names.length === 0) continue
    if (bracket !== undefined) table = []
    const path = [...table, ...names].slice(0, maxDepth)
    if (bracket !== undefined) table = path
    // A table may have no line of its own: `servers` has the line of `[servers.work]`.
    for (let depth = 1; depth <= path.length; depth++) {
      const prefix = JSON.stringify(path.slice(0, depth))
      if (!found.has(prefix)) found.set(prefix, index + 1)
    }
  }
  return (path) => {
    for (let depth = path.length; depth > 0; depth--) {
      const line = found.get(JSON.stringify(path.slice(0, depth)))
      if (line !== undefined) return line
    }
    return 1
  }
}

const key = /"([^"]*)"|'([^']*)'|([\w-]+)/gu

/** The keys of `max-line = 3`, `"max-line" = 3`, `[max-line]` and `[servers.work]`. */
const keysAhead = /^\uFEFF?\s*(\[+\s*)?((?:"[^"]*"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[\w-]+))*)/u

export const source =
  ({ entries, path }: Pick<SettingsFile, "entries" | "path">): SettingSource =>
  (name) => {
    const entry = entries.get(name)
    if (entry?.text === undefined) return undefined
    return { text: entry.text, origin: "file", place: `${path}:${entry.line}`, line: entry.line }
  }

/** Keys that are not settings, and values that no setting can have. */
export const mistakes = (
  { entries, path }: Pick<SettingsFile, "entries" | "path">,
  names: ReadonlyArray<string>,
  help: string
): ReadonlyArray<Mistake> => {
  let hints = 0
  return [...entries].flatMap(([name, { line, text }]) => {
    const place = `${path}:${line}: ${name}`
    if (text === undefined) return [{ name, line, text: `${place} is a table or a date, which no setting can be` }]
    if (names.includes(name)) return []
    const meant = hints++ < maxHints ? DidYouMean.nearest(name, names) : undefined
    const hint = meant === undefined ? `see ${help}` : `did you mean ${meant}?`
    return [{ name, line, text: `${place} is not a setting; ${hint}` }]
  })
}

/** A file with more unknown keys is not a settings file. Comparing each with every setting would block the server. */
const maxHints = 1_000
