import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as LogLevel from "effect/LogLevel"
import * as Logger from "effect/Logger"

/**
 * Puts the arguments into the order that @effect/cli needs. See `HelpText` for the other corrections to @effect/cli.
 */

/** The flags of @effect/cli itself, and the values that they take. */
export const builtIns: ReadonlyMap<string, ReadonlyArray<string>> = new Map([
  ["--completions", ["sh", "bash", "fish", "zsh"]],
  ["--log-level", LogLevel.allLevels.map(({ _tag }) => _tag.toLowerCase())],
  ["--help", []],
  ["-h", []],
  ["--version", []],
  ["--wizard", []]
])

/**
 * Moves the flags of @effect/cli right after the command, the only place where it recognises them: it would call the
 * last argument of `serve --port 0 --help` unknown. Arguments after `--` belong to another program and stay where they
 * are. Returns a complaint about a bad value of one of them, since the one of @effect/cli would not fit ours: it takes
 * `--completions csh` for an unknown command.
 */
export const builtInsFirst = (args: ReadonlyArray<string>): Either.Either<ReadonlyArray<string>, string> => {
  const command = args[0] !== undefined && !args[0].startsWith("-") ? [args[0]] : []
  const first: Array<string> = []
  const others: Array<string> = []
  const dashes = args.indexOf("--")
  const program = dashes < 0 ? [] : args.slice(dashes)
  const rest = args.slice(command.length, args.length - program.length).values()
  for (const arg of rest) {
    const equals = arg.startsWith("--") ? arg.indexOf("=") : -1
    const name = equals < 0 ? arg : arg.slice(0, equals)
    const values = builtIns.get(name)
    if (values === undefined) others.push(arg)
    else if (values.length === 0) first.push(arg)
    else {
      const value: string = equals < 0 ? (rest.next().value ?? "") : arg.slice(equals + 1)
      if (!values.includes(value)) return Either.left(`${name}: "${value}" is not one of ${values.join(", ")}`)
      // Given --log-level, @effect/cli also removes it after `--`. A command with such arguments logs nothing anyway.
      if (program.length === 0) first.push(name, value)
    }
  }
  return Either.right([...command, ...first, ...others, ...program])
}

/** A request for the help of a command, or of the whole program if `command` is undefined. */
export interface HelpRequest {
  readonly command: string | undefined
}

/** Whether help is requested, and for which command. */
export const helpRequest = (ordered: ReadonlyArray<string>): HelpRequest | undefined => {
  const own = ownArguments(ordered)
  const isRequested = ordered.length === 0 || own.includes("--help") || own.includes("-h")
  return isRequested ? { command: own[0]?.startsWith("-") === true ? undefined : own[0] } : undefined
}

const ownArguments = (args: ReadonlyArray<string>) => {
  const dashes = args.indexOf("--")
  return dashes < 0 ? args : args.slice(0, dashes)
}

/** The value of `--log-level`; undefined if the flag is not given. */
export class LogLevelFlag extends Context.Reference<LogLevelFlag>()("a-chat/LogLevelFlag", {
  defaultValue: (): string | undefined => undefined
}) {}

/** Sets the minimum level of the log as `--log-level` says, and provides `LogLevelFlag` to the command. */
export const provideLogLevel =
  (ordered: ReadonlyArray<string>) =>
  <A, E, R>(command: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
    const own = ownArguments(ordered)
    const at = own.indexOf("--log-level")
    const given = at < 0 ? undefined : own[at + 1]
    const level = LogLevel.allLevels.find(({ _tag }) => _tag.toLowerCase() === given)
    if (level === undefined) return command
    return Effect.provideService(Logger.withMinimumLogLevel(command, level), LogLevelFlag, given)
  }
