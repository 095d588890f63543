import * as Command from "@effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Flags from "../settings/Flags.js"
import * as ServerSettings from "../serve/ServerSettings.js"
import * as Settings from "../settings/Settings.js"
import * as SettingsFile from "../settings/SettingsFile.js"
import * as Status from "../ExitStatus.js"

const flags = {
  config: Flags.text("config", "file", { about: "File with settings", fallback: "none" }),
  check: Flags.toggle("check", "Only tell what is wrong, every mistake with its place")
}

export const config = Command.make("config", flags, ({ check, config }) =>
  Effect.gen(function* () {
    const file = Option.isNone(config) ? undefined : yield* SettingsFile.read(config.value.value)
    const isCheck = Flags.valueOr(check, false)
    yield* Effect.mapError((isCheck ? ServerSettings.check : ServerSettings.evaluate)(file), (mistakes) =>
      Status.asMisuse({ message: mistakes.join("\na-chat: ") })
    )
    if (!isCheck) process.stdout.write(table(Settings.effective(ServerSettings.settings, file)))
  })
)

/** Runs `serve` with the settings of the file that its arguments, or the environment, name, and others as they are. */
export const withFile = <A, E, R>(
  args: ReadonlyArray<string>,
  program: Effect.Effect<A, E, R>
): Effect.Effect<A, E | Status.Failure, R> => {
  const path = args[0] === "serve" ? named(args) : undefined
  if (path === undefined) return program
  return Effect.flatMap(ServerSettings.read(path), (file) => SettingsFile.provide(file)(program))
}

/** Looked for before @effect/cli looks at the arguments, which takes what it does not find there from the file. */
const named = (args: ReadonlyArray<string>): string | undefined => {
  const at = args.indexOf("--config")
  if (at >= 0) return args[at + 1]
  const joined = args.find((arg) => arg.startsWith("--config="))
  return joined?.slice("--config=".length) ?? (process.env[Flags.variable("config")] || undefined)
}

const table = (lines: ReadonlyArray<Settings.Effective>): string => {
  // A default may be a sentence, for which the others need not make room.
  const width = (key: "name" | "text") => Math.max(...lines.map((line) => line[key].length).filter((one) => one <= 40))
  const [name, text] = [width("name"), width("text")]
  return lines.map((line) => `${line.name.padEnd(name)}  ${line.text.padEnd(text)}  ${line.from}\n`).join("")
}
