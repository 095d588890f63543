import * as Command from "@effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { LiveSource } from "../../chat/Live.js"
import * as Server from "../../chat/Server.js"
import { Descriptors } from "../../ports/Descriptors.js"
import * as Endpoints from "../../ports/Endpoints.js"
import * as KernelReachability from "../../transport/KernelReachability.js"
import * as ProcessDescriptors from "../../transport/ProcessDescriptors.js"
import * as ExitStatus from "../ExitStatus.js"
import * as Arguments from "../help/Arguments.js"
import * as Log from "../log/Log.js"
import * as AdminFlag from "../serve/AdminFlag.js"
import * as Control from "../serve/Control.js"
import * as LimitFlags from "../serve/LimitFlags.js"
import * as ListenFlags from "../serve/ListenFlags.js"
import * as Reload from "../serve/Reload.js"
import * as ServerSettings from "../serve/ServerSettings.js"
import * as Flags from "../settings/Flags.js"
import * as Setting from "../settings/Setting.js"
import { UnknownVariables } from "../settings/Variables.js"
import * as Signals from "../Signals.js"
import * as TransportAdvice from "../TransportAdvice.js"
import * as V8Heap from "../V8Heap.js"

/** `--log-level` is a flag of @effect/cli itself; see `LogLevelFlag`. */
export const { logLevel, ...offered } = ServerSettings.settings

const config = Setting.text("config", "file", {
  about:
    "Settings file: these flags without their dashes, in TOML; a-chat config --check shows its mistakes, and SIGHUP reads " +
    "it again",
  default: undefined
})

export const settings = { ...offered, config }

export const command = Command.make("serve", { flags: Flags.options(settings) }, (raw) =>
  Effect.gen(function* () {
    const logLevel = yield* Arguments.LogLevelFlag
    const flags = Flags.source(ServerSettings.settings, { ...raw.flags, logLevel })
    const path = (yield* Flags.resolve({ config }, raw.flags)).values.config
    const given = yield* ServerSettings.resolve({ flags, file: yield* ServerSettings.readFile(path) })
    const format = given.values.logFormat ?? (process.stderr.isTTY ? "pretty" : "logfmt")
    const log = new LiveSource(ServerSettings.logSettings(given))
    const warnings = Effect.forEach(yield* UnknownVariables, (mistake) =>
      Effect.annotateLogs(Effect.logWarning("a variable has no effect"), { mistake })
    )
    yield* Effect.zipRight(warnings, Layer.launch(server({ given, path, flags, log }))).pipe(
      Effect.provide(Log.layer(format, process.stderr, log))
    )
  })
)

type Parts = Pick<Reload.ReloadOptions, "given" | "path" | "flags" | "log">

/** A server and everything around it, the outermost first. A part that is off is an empty layer. */
const server = (parts: Parts) =>
  Layer.unwrapEffect(
    Effect.gen(function* () {
      yield* V8Heap.keepSmall
      const { given } = parts
      const listeners = yield* ListenFlags.resolve(given, given.values.loginTimeout)
      const descriptors = ProcessDescriptors.read()
      const maxConnections = yield* connections(given, descriptors)
      const chat = Server.layer(LimitFlags.limitsOf(given.values, maxConnections)).pipe(
        Layer.provide(Endpoints.layer(...listeners.listen)),
        Layer.provide(Layer.succeed(Descriptors, descriptors)),
        Layer.provide(KernelReachability.layer),
        Layer.provide(Server.standalone),
        Layer.mapError((error) => ExitStatus.asMisuse(TransportAdvice.toListen(error)))
      )
      return drainAtTheEnd.pipe(
        Layer.provideMerge(Control.layer(given.values.control)),
        Layer.provideMerge(Reload.layer({ ...parts, maxConnections, certificates: listeners.reloadCertificates })),
        Layer.provideMerge(Layer.scopedDiscard(Effect.forkScoped(V8Heap.restoreYoung))),
        Layer.provideMerge(Signals.logUnused),
        Layer.provideMerge(AdminFlag.layer(given.values.admin, descriptors.limit)),
        Layer.provideMerge(ListenFlags.certificateCheck(listeners)),
        Layer.provide(chat)
      )
    })
  )

/**
 * Drains the server before any other layer ends, so that SIGHUP is still handled and the admin page still shows the
 * drain. The exit status reports whether everything accepted was delivered. The server logs the counts.
 */
const drainAtTheEnd = Layer.scopedDiscard(
  Effect.flatMap(Server.Server, ({ drain }) =>
    Effect.addFinalizer(() =>
      Effect.map(drain, ({ cutOff }) => {
        process.exitCode = cutOff === 0 ? 0 : 1
      })
    )
  )
)

/** The requested number of connections, or fewer with a warning if there are not enough descriptors. */
const connections = (
  { values }: ServerSettings.GivenSettings,
  descriptors: ProcessDescriptors.ProcessDescriptors
): Effect.Effect<number> => {
  const allowed = LimitFlags.connections(values.maxConnections, descriptors)
  if (allowed >= (values.maxConnections ?? 0)) return Effect.succeed(allowed)
  const warning = Effect.logWarning(
    "file descriptors allow fewer connections than --max-connections; raise `ulimit -n`"
  )
  const facts = { "max-connections": allowed, descriptors: descriptors.limit }
  return Effect.as(Effect.annotateLogs(warning, facts), allowed)
}
