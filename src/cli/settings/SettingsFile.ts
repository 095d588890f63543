import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import { readFile } from "node:fs/promises"
import * as Flags from "./Flags.js"
import * as Status from "../ExitStatus.js"

/** Settings in a file (TOML): the flags of `serve` without their `--`, one a line: `max-line = "4KiB"`. */
export interface SettingsFile {
  readonly path: string
  readonly values: ReadonlyMap<string, Value>
}

export interface Value {
  /** As it would be written for the flag; the items of a list with commas between them. A table or a date is none. */
  readonly text: string | undefined
  /** From 1. */
  readonly line: number
}

/** Reads a file; fails with the line of what is no TOML. The parser is loaded only then. */
export const read = (path: string): Effect.Effect<SettingsFile, Status.Failure> =>
  Effect.gen(function* () {
    const text = yield* Effect.tryPromise({
      try: () => readFile(path, "utf8"),
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
    const lineOf = linesOf(text)
    const values = new Map<string, Value>()
    for (const [name, value] of Object.entries(table)) values.set(name, { text: show(value), line: lineOf(name) })
    return { path, values }
  })

const misuse = (message: string) => Status.asMisuse({ message })

const show = (value: unknown): string | undefined => {
  if (Array.isArray(value)) {
    const items = value.map(show)
    return items.includes(undefined) ? undefined : items.join(",")
  }
  return typeof value === "string" ||
    typeof value === "number" ||
    typeof value === "boolean" ||
    typeof value === "bigint"
    ? String(value)
    : undefined
}

/** Where keys stand, which the parser does not tell. */
const linesOf = (text: string): ((name: string) => number) => {
  const found = new Map<string, number>()
  for (const [index, line] of text.split("\n").entries()) {
    const key = keyAhead.exec(line)
    const name = key?.[1] ?? key?.[2] ?? key?.[3]
    if (name !== undefined && !found.has(name)) found.set(name, index + 1)
  }
  return (name) => found.get(name) ?? 1
}

/** Of `max-line = 3`, `"max-line" = 3`, `[max-line]`. */
const keyAhead = /^\uFEFF?\s*\[*\s*(?:"([^"]*)"|'([^']*)'|([\w-]+))/u

/** Runs with the file's settings below those of the environment. */
export const provide =
  (file: SettingsFile) =>
  <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
    const entries = [...file.values].map(([name, { text = "" }]) => [Flags.variable(name), text] as const)
    const below = ConfigProvider.fromMap(new Map(entries))
    return program.pipe(
      Effect.withConfigProvider(ConfigProvider.orElse(ConfigProvider.fromEnv(), () => below)),
      Effect.locally(Flags.currentOrigin, originIn(file))
    )
  }

/** Where a setting comes from that no flag gave. */
const originIn =
  (file: SettingsFile): Flags.OriginOf =>
  (name) => {
    const value = file.values.get(name)
    return value === undefined || Flags.inEnvironment(name)
      ? Flags.environment(name)
      : { by: "file", source: placeOf(file, name) }
  }

/** How a mistake in a setting is told. */
export const placeOf = (file: SettingsFile, name: string): string =>
  `${file.path}:${file.values.get(name)?.line ?? 0}: ${name}`
