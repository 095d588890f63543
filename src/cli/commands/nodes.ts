import * as Effect from "effect/Effect"
import * as ExitStatus from "../ExitStatus.js"
import * as Flags from "../settings/Flags.js"
import * as Setting from "../settings/Setting.js"
import * as ConnectFlags from "./ConnectFlags.js"
import * as Control from "./control.js"

export const settings = {
  socket: Setting.text("socket", "path", {
    about: "The Unix socket of serve --control",
    default: undefined,
    defaultText: "none; required"
  }),
  timeout: ConnectFlags.replyTimeout,
  json: Setting.toggle("json", "Print the answer of the server, a JSON object")
}

/** Shows a cluster node's view of itself and the others. */
export const command = Flags.command(settings, ({ values: { json, socket, timeout } }) =>
  Effect.gen(function* () {
    if (socket === undefined) return yield* ExitStatus.misused("a socket is required: --socket, or ACHAT_SOCKET")
    return yield* Control.show(yield* Control.ask(socket, "nodes", timeout), json)
  }).pipe(Effect.mapError(Control.asFailure))
)
