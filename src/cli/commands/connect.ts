import * as Effect from "effect/Effect"
import * as Setting from "../settings/Setting.js"
import * as ConnectFlags from "./ConnectFlags.js"
import * as LoginSetting from "./LoginSetting.js"
import * as Secrets from "./Secrets.js"
import * as TerminalFlags from "./TerminalFlags.js"

export const settings = {
  ...ConnectFlags.settings,
  ...Secrets.settings,
  login: LoginSetting.make({
    about: "Name to log in with",
    default: undefined,
    defaultText: "asked for at a terminal, else the first line of the input"
  }),
  device: ConnectFlags.device,
  plain: Setting.toggle("plain", "Send and print lines at a terminal as in a pipe"),
  seq: Setting.toggle("seq", "In a pipe: print the numbers and times of kept lines, as after /hello seq"),
  ...TerminalFlags.settings
}

export const command = ConnectFlags.command(settings, (given) =>
  Effect.flatMap(
    Effect.promise(() => import("./ConnectSession.js")),
    (ConnectSession) => ConnectSession.run(given)
  )
)
