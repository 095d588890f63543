import * as Either from "effect/Either"
import * as LogLevel from "effect/LogLevel"
import * as ExitStatus from "../ExitStatus.js"

/** The flags of @effect/cli itself, and whether they take a value. */
const builtIns = new Map([
  ["--completions", true],
  ["--log-level", true],
  ["--help", false],
  ["-h", false],
  ["--version", false],
  ["--wizard", false]
])

const logLevels = LogLevel.allLevels.map(({ _tag }) => _tag.toLowerCase())

/**
 * The arguments with @effect/cli's own flags right behind the command, the only place where it knows them: it would
 * call the last one of `serve --port 0 --help` an unknown argument. What stands behind `--` is somebody else's.
 */
export const builtInsFirst = (
  args: ReadonlyArray<string>
): Either.Either<ReadonlyArray<string>, ExitStatus.Failure> => {
  const command = args[0] !== undefined && !args[0].startsWith("-") ? [args[0]] : []
  const first: Array<string> = []
  const others: Array<string> = []
  const dashes = args.indexOf("--")
  const behind = dashes < 0 ? [] : args.slice(dashes)
  const rest = args.slice(command.length, args.length - behind.length).values()
  for (const arg of rest) {
    const equals = arg.startsWith("--") ? arg.indexOf("=") : -1
    const name = equals < 0 ? arg : arg.slice(0, equals)
    const takesValue = builtIns.get(name)
    if (takesValue === undefined) others.push(arg)
    else if (!takesValue) first.push(arg)
    else {
      const value: string = equals < 0 ? (rest.next().value ?? "") : arg.slice(equals + 1)
      if (name === "--log-level" && !logLevels.includes(value)) {
        const message = `${name}: "${value}" is not one of ${logLevels.join(", ")}`
        return Either.left(ExitStatus.asMisuse({ message }))
      }
      // @effect/cli would take it out of what stands behind `--`, too. No command that has such arguments logs anything.
      if (behind.length === 0) first.push(name, value)
    }
  }
  return Either.right([...command, ...first, ...others, ...behind])
}

/** Whose help is asked for: that of a command, or of the program as a whole. */
export const helpRequest = (ordered: ReadonlyArray<string>): { readonly of: string | undefined } | undefined => {
  const dashes = ordered.indexOf("--")
  const own = dashes < 0 ? ordered : ordered.slice(0, dashes)
  const isAsked = ordered.length === 0 || own.includes("--help") || own.includes("-h")
  return isAsked ? { of: own[0]?.startsWith("-") === true ? undefined : own[0] } : undefined
}
