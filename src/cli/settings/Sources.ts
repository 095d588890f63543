import * as Either from "effect/Either"
import * as Record from "effect/Record"
import * as Setting from "./Setting.js"
import * as Variables from "./Variables.js"

/**
 * The source of a setting's value. A flag overrides the environment, the environment a settings file, and the file the
 * default. Only `inOrder` decides this.
 */
export type Origin = "flag" | "environment" | "file" | "default"

/** The value of a setting in a source. */
export interface FoundSetting {
  readonly text: Setting.Text
  readonly origin: Exclude<Origin, "default">
  /** `--port`, `ACHAT_PORT`, `chat.toml:3`. */
  readonly place: string
  /** The line in the file, from 1; 0 if the source is not a file. */
  readonly line: number
}

/** Looks a setting up by its name. */
export type SettingSource = (name: string) => FoundSetting | undefined

/** Combines the sources in order of precedence. The default environment is that of this process. */
export const inOrder = (sources: {
  readonly flags?: SettingSource | undefined
  readonly environment?: SettingSource
  readonly file?: SettingSource | undefined
}): SettingSource => {
  const { environment: variables = environment(process.env), file, flags } = sources
  return (name) => flags?.(name) ?? variables(name) ?? file?.(name)
}

/** The variables of an environment. An empty variable counts as unset, and so does the ACHAT_PORT of Kubernetes. */
export const environment =
  (variables: Readonly<Record<string, string | undefined>>): SettingSource =>
  (name) => {
    const place = Setting.variable(name)
    const text = variables[place] ?? ""
    if (text === "" || Variables.isKubernetesPort(place, text)) return undefined
    return { text, origin: "environment", place, line: 0 }
  }

/** The settings of a command, by the command's own keys. */
export type CommandSettings = Readonly<Record<string, Setting.Setting<unknown>>>

export type Values<S extends CommandSettings> = {
  readonly [Key in keyof S]: S[Key] extends Setting.Setting<infer A> ? A : never
}

export interface Resolved<S extends CommandSettings> {
  readonly values: Values<S>
  readonly origins: { readonly [Key in keyof S]: Origin }
}

/** A mistake in a setting. */
export interface Mistake {
  /** The name of the setting. */
  readonly name: string
  /** The line in the file; 0 if the setting is not from a file. */
  readonly line: number
  /** With its place: `chat.toml:3: port: "x" is not a whole number`. */
  readonly text: string
}

/** The values of all settings, and the mistakes. A setting with a mistake has its default value. */
export const resolve = <S extends CommandSettings>(
  settings: S,
  source: SettingSource
): { readonly resolved: Resolved<S>; readonly mistakes: ReadonlyArray<Mistake> } => {
  const all = Record.map(settings, (setting) => read(setting, source))
  return {
    resolved: {
      // `Record.map` forgets which value belongs to which key. Each was parsed by the setting at its key.
      values: Record.map(all, ({ value }) => value) as Values<S>,
      origins: Record.map(all, ({ origin }) => origin) as { readonly [Key in keyof S]: Origin }
    },
    mistakes: Object.values(all).flatMap(({ mistake }) => mistake ?? [])
  }
}

interface Read {
  readonly value: unknown
  readonly origin: Origin
  readonly mistake?: Mistake
}

const read = (setting: Setting.Setting<unknown>, source: SettingSource): Read => {
  const { default: value, name } = setting
  const found = source(name)
  if (found === undefined) return { value, origin: "default" }
  const { line, origin, place, text } = found
  return Either.match(setting.parse(text), {
    onLeft: (complaint): Read => {
      const prefix = origin === "file" ? `${place}: ${name}` : place
      return { value, origin, mistake: { name, line, text: `${prefix}: ${complaint}` } }
    },
    onRight: (value): Read => ({ value, origin })
  })
}
