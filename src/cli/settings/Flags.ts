import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Record from "effect/Record"
import * as ExitStatus from "../ExitStatus.js"
import * as Setting from "./Setting.js"
import * as Sources from "./Sources.js"

/**
 * Settings as flags of @effect/cli, which finds them among the arguments and lists them in its help. It neither parses
 * their values nor looks into the environment; `Sources` does both.
 */

/** What @effect/cli returns for a flag: its value, all values of a repeated flag, or whether a switch is present. */
type Raw = Option.Option<string> | ReadonlyArray<string> | boolean

export type RawFlags = Readonly<Record<string, Raw>>

/** The flags of some settings, by the keys of the settings. */
export const options = (settings: Sources.Settings): Readonly<Record<string, Options.Options<Raw>>> =>
  Record.map(settings, option)

const option = (setting: Setting.Setting<unknown>): Options.Options<Raw> => {
  const { about, defaultText, form, name, placeholder, range } = setting
  const facts = [`default ${defaultText}`, range ?? [], Setting.variable(name)].flat().join("; ")
  const described = Options.withDescription(`${about} (${facts})`)
  if (form === "switch") return Options.boolean(name).pipe(described)
  const value = Options.text(name).pipe(Options.withPseudoName(placeholder), described)
  return form === "list" ? Options.repeated(value) : Options.optional(value)
}

/** The flags on the command line, as a source. */
export const source = (settings: Sources.Settings, raw: Readonly<Record<string, Raw>>): Sources.Source => {
  const texts = new Map(Object.entries(settings).map(([key, { name }]) => [name, textOf(raw[key] ?? false)] as const))
  return (name) => {
    const text = texts.get(name)
    return text === undefined ? undefined : { text, origin: "flag", place: `--${name}`, line: 0 }
  }
}

const textOf = (raw: Raw): Setting.Text | undefined => {
  if (typeof raw === "boolean") return raw ? "yes" : undefined
  if (Option.isOption(raw)) return Option.getOrUndefined(raw)
  return raw.length === 0 ? undefined : raw
}

/** The values of settings from flags and the environment. Fails with the first mistake. */
export const resolve = <S extends Sources.Settings>(
  settings: S,
  raw: Readonly<Record<string, Raw>>
): Effect.Effect<Sources.Resolved<S>, ExitStatus.Failure> =>
  valid(Sources.resolve(settings, Sources.inOrder({ flags: source(settings, raw) })))

/** The values if all are valid. Fails with the first mistake. */
export const valid = <S extends Sources.Settings>({
  mistakes: [first],
  resolved
}: ReturnType<typeof Sources.resolve<S>>): Effect.Effect<Sources.Resolved<S>, ExitStatus.Failure> =>
  first === undefined ? Effect.succeed(resolved) : ExitStatus.misused(first.text)

/** A command that has settings, and no other arguments. */
export const command = <Name extends string, S extends Sources.Settings, E, R>(
  name: Name,
  settings: S,
  run: (given: Sources.Resolved<S>) => Effect.Effect<void, E, R>
) => Command.make(name, { flags: options(settings) }, ({ flags }) => Effect.flatMap(resolve(settings, flags), run))
