import * as Effect from "effect/Effect"
import { LiveSource } from "../../chat/Live.js"
import * as Arguments from "../help/Arguments.js"
import * as Log from "../log/Log.js"
import * as ServerSettings from "../serve/ServerSettings.js"
import * as Command from "../settings/Command.js"
import * as Flags from "../settings/Flags.js"
import * as Setting from "../settings/Setting.js"
import { UnknownVariables } from "../settings/Variables.js"

/** `--log-level` is a flag of @effect/cli itself; see `LogLevelFlag`. */
export const { logLevel, ...offered } = ServerSettings.settings

const config = Setting.text("config", "file", {
  about:
    "Settings file: these flags without their dashes, in TOML; a-chat config --check shows its mistakes, and SIGHUP " +
    "reads it again",
  default: undefined
})

export const settings = { ...offered, config }

export const command = Command.make(settings, {}, (line) =>
  Effect.gen(function* () {
    const logLevel = yield* Arguments.LogLevelFlag
    const flags = Flags.source(ServerSettings.settings, { ...line.flags, logLevel })
    const path = (yield* Flags.resolve({ config }, line.flags)).values.config
    const given = yield* ServerSettings.resolve({ flags, file: yield* ServerSettings.readFile(path, flags) })
    const format = given.values.logFormat ?? (process.stderr.isTTY ? "pretty" : "logfmt")
    const log = new LiveSource(ServerSettings.logSettings(given))
    const warnings = Effect.forEach(yield* UnknownVariables, (mistake) =>
      Effect.annotateLogs(Effect.logWarning("a variable has no effect"), { mistake })
    )
    const ServerProgram = yield* Effect.promise(() => import("../serve/ServerProgram.js"))
    yield* Effect.zipRight(warnings, ServerProgram.run({ given, path, flags, log })).pipe(
      Effect.provide(Log.layer(format, process.stderr, log))
    )
  })
)
