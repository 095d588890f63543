import * as Effect from "effect/Effect"
import * as ExitStatus from "../ExitStatus.js"
import * as Command from "./Command.js"
import type * as Setting from "./Setting.js"
import * as Sources from "./Sources.js"

/** The flags on a command line as a source of settings. `Sources` parses their values. */

/** The texts of the flags that are given, by the keys of their settings. */
export type GivenFlags = Readonly<Record<string, Setting.Text | undefined>>

/** The flags on the command line, as a source. */
export const source = (settings: Sources.CommandSettings, given: GivenFlags): Sources.SettingSource => {
  const texts = new Map(Object.entries(settings).map(([key, { name }]) => [name, given[key]] as const))
  return (name) => {
    const text = texts.get(name)
    return text === undefined ? undefined : { text, origin: "flag", place: `--${name}`, line: 0 }
  }
}

/** The values of settings from flags and the environment. Fails with the first mistake. */
export const resolve = <S extends Sources.CommandSettings>(
  settings: S,
  given: GivenFlags
): Effect.Effect<Sources.Resolved<S>, ExitStatus.Failure> =>
  valid(Sources.resolve(settings, Sources.inOrder({ flags: source(settings, given) })))

/** The values if all are valid. Fails with the first mistake. */
export const valid = <S extends Sources.CommandSettings>({
  mistakes: [first],
  resolved
}: ReturnType<typeof Sources.resolve<S>>): Effect.Effect<Sources.Resolved<S>, ExitStatus.Failure> =>
  first === undefined ? Effect.succeed(resolved) : ExitStatus.misused(first.text)

/** A command that has settings, and no other arguments. */
export const command = <S extends Sources.CommandSettings>(
  settings: S,
  run: (given: Sources.Resolved<S>) => Effect.Effect<void, ExitStatus.Failure>
): Command.ProgramCommand => Command.make(settings, {}, ({ flags }) => Effect.flatMap(resolve(settings, flags), run))
