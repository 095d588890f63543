import type * as Effect from "effect/Effect"
import type * as ExitStatus from "../ExitStatus.js"
import type * as Flags from "./Flags.js"
import type * as Sources from "./Sources.js"

/** A command of the program: the form of its command line, and its effect. */
export interface ProgramCommand {
  readonly settings: Sources.CommandSettings
  readonly parameters: Parameters
  readonly run: (line: ParsedLine) => Effect.Effect<void, ExitStatus.Failure>
}

/** The arguments of a command besides its flags, in this order. */
export type Parameters = Readonly<Record<string, Parameter>>

export interface Parameter {
  /** The name in help: `<recipients>`. */
  readonly name: string
  readonly about: string
  /** Whether it takes all remaining words rather than one. */
  readonly isRest: boolean
}

/** A command line without the name of the command. */
export interface ParsedLine {
  readonly flags: Flags.GivenFlags
  /** Everything else, in order. */
  readonly words: ReadonlyArray<string>
}

/** The words of a command line, by the keys of the parameters. */
type Given<P extends Parameters> = {
  readonly [Key in keyof P]: P[Key] extends { readonly isRest: true } ? ReadonlyArray<string> : string
}

/** A parameter that is one word. */
export const word = (name: string, about: string) => ({ name, about, isRest: false }) as const

/** A parameter that is all remaining words. */
export const rest = (name: string, about: string) => ({ name, about, isRest: true }) as const

/** A command that takes flags and words. */
export const make = <const P extends Parameters>(
  settings: Sources.CommandSettings,
  parameters: P,
  run: (given: Given<P> & { readonly flags: Flags.GivenFlags }) => Effect.Effect<void, ExitStatus.Failure>
): ProgramCommand => ({
  settings,
  parameters,
  run: ({ flags, words }) => {
    const given = Object.entries(parameters).map(([key, { isRest }], at) => [
      key,
      isRest ? words.slice(at) : (words[at] ?? "")
    ])
    // `Object.fromEntries` forgets which value belongs to which key.
    return run({ ...(Object.fromEntries(given) as Given<P>), flags })
  }
})
