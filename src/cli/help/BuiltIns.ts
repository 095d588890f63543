import * as Args from "@effect/cli/Args"
import * as CliConfig from "@effect/cli/CliConfig"
import * as CliCommand from "@effect/cli/Command"
import * as Descriptor from "@effect/cli/CommandDescriptor"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Span from "@effect/cli/HelpDoc/Span"
import * as Options from "@effect/cli/Options"
import * as Usage from "@effect/cli/Usage"
import * as ValidationError from "@effect/cli/ValidationError"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Terminal from "@effect/platform/Terminal"
import * as NodePath from "@effect/platform-node/NodePath"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Record from "effect/Record"
import * as ExitStatus from "../ExitStatus.js"
import type * as Command from "../settings/Command.js"
import * as Setting from "../settings/Setting.js"
import * as Arguments from "./Arguments.js"
import * as HelpPage from "./HelpPage.js"
import * as HelpText from "./HelpText.js"
import * as Manual from "./Manual.js"
import type { CommandName } from "./ManualText.js"

/** The features of @effect/cli: `--help`, `--completions` and `--wizard`. Nothing else loads it. */

/** The commands of the program in the order of the help; undefined for a command that is only listed. */
export type Commands = Arr.NonEmptyReadonlyArray<
  readonly [name: CommandName, command: Command.ProgramCommand | undefined]
>

/** What @effect/cli returns for a flag: its value, all values of a repeated flag, or whether a switch is present. */
type Raw = Option.Option<string> | ReadonlyArray<string> | boolean

const option = (setting: Setting.Setting<unknown>): Options.Options<Raw> => {
  const { about, defaultText, form, name, placeholder, range } = setting
  const facts = [`default ${defaultText}`, range ?? [], Setting.variable(name)].flat().join("; ")
  const described = Options.withDescription(`${about} (${facts})`)
  if (form === "switch") return Options.boolean(name).pipe(described)
  const value = Options.text(name).pipe(Options.withPseudoName(placeholder), described)
  return form === "list" ? Options.repeated(value) : Options.optional(value)
}

const textOf = (raw: Raw): Setting.Text | undefined => {
  if (typeof raw === "boolean") return raw ? "yes" : undefined
  if (Option.isOption(raw)) return Option.getOrUndefined(raw)
  return raw.length === 0 ? undefined : raw
}

const argument = ({ about, isRest, name }: Command.Parameter): Args.Args<ReadonlyArray<string>> => {
  const one = Args.text({ name })
  const words = isRest ? Args.repeated(one) : Args.map(one, (word) => [word])
  return Args.withDescription(words, about)
}

const commandOf = (
  name: CommandName,
  command: Command.ProgramCommand | undefined,
  help: Arguments.HelpRequest | undefined
) => {
  if (command === undefined) return Manual.describe(CliCommand.make(name), name, undefined)
  const parts = { flags: Record.map(command.settings, option), words: Record.map(command.parameters, argument) }
  const made = CliCommand.make(name, parts, ({ flags, words }) =>
    command.run({ flags: Record.map(flags, textOf), words: Object.values(words).flat() })
  )
  return Manual.describe(made, name, help)
}

const programOf = (commands: Commands, help: Arguments.HelpRequest | undefined) =>
  CliCommand.make("a-chat").pipe(
    CliCommand.withDescription("A chat server that nc can speak to, and its clients."),
    CliCommand.withSubcommands(Arr.map(commands, ([name, command]) => commandOf(name, command, help)))
  )

/** A page of the manual, as @effect/cli composes it. */
const page = (commands: Commands, help: Arguments.HelpRequest, version: string) => {
  const config = CliConfig.defaultConfig
  const named = commands.find(([name]) => name === help.command)
  const { descriptor } = named === undefined ? programOf(commands, help) : commandOf(...named, help)
  const own = Descriptor.getUsage<unknown>(descriptor)
  const usage = named === undefined ? own : Usage.concat(Usage.named(["a-chat"], Option.none()), own)
  return HelpDoc.blocks([
    HelpDoc.h1(Span.code("a-chat")),
    HelpDoc.p(`a-chat ${version}`),
    HelpDoc.h1("USAGE"),
    ...Usage.enumerate(usage, config).map((span) => HelpDoc.p(Span.spans([Span.text("$ "), span]))),
    Descriptor.getHelp<unknown>(descriptor, config),
    Manual.footer(help)
  ])
}

/**
 * No flag of ours makes @effect/cli read a file, and NodeFileSystem loads `node:crypto`, 2 ms (benchmark: start-up).
 */
const noFiles = FileSystem.layerNoop({})

/**
 * Only `--wizard` asks questions. Otherwise NodeTerminal would only load `node:readline`, 0.5 ms (benchmark: start-up).
 */
const terminalFor = (ordered: ReadonlyArray<string>) =>
  ordered.includes("--wizard")
    ? Layer.unwrapEffect(Effect.promise(async () => (await import("@effect/platform-node/NodeTerminal")).layer))
    : Layer.mock(Terminal.Terminal, {})

/** The parts of NodeContext that @effect/cli needs. The others would only cost start-up time. */
const platformFor = (ordered: ReadonlyArray<string>) => Layer.mergeAll(noFiles, NodePath.layer, terminalFor(ordered))

export interface BuiltInOptions {
  readonly commands: Commands
  readonly version: string
  /** The settings of all commands that are loaded, for the completions. */
  readonly settings: ReadonlyArray<Setting.Setting<unknown>>
}

/** Prints the output that a command line requests instead of running a command. */
export const run = (
  ordered: ReadonlyArray<string>,
  { commands, settings, version }: BuiltInOptions
): Effect.Effect<void, ExitStatus.Failure> => {
  const help = Arguments.helpRequest(ordered)
  if (help !== undefined) {
    return Effect.sync(() => HelpText.printHelp(HelpPage.text(page(commands, help, version)), settings))
  }
  const program = CliCommand.run(programOf(commands, undefined), { name: "a-chat", version })
  return program([process.execPath, "a-chat", ...ordered]).pipe(
    HelpText.withPlainConsole(settings),
    Effect.mapError((error) =>
      ValidationError.isValidationError(error) ? ExitStatus.asMisuse({ message: HelpText.plain(error.error) }) : error
    ),
    Effect.provide(platformFor(ordered))
  )
}
