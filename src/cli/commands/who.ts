import * as Effect from "effect/Effect"
import * as Escape from "../../client/Escape.js"
import { print } from "../../client/Output.js"
import * as Query from "../../client/Query.js"
import * as Setting from "../settings/Setting.js"
import * as ConnectFlags from "./ConnectFlags.js"

export const settings = {
  ...ConnectFlags.settings,
  timeout: ConnectFlags.replyTimeout,
  json: Setting.toggle("json", `Print {"name"} for each name`)
}

export const command = ConnectFlags.command(settings, (given) =>
  Effect.gen(function* () {
    const { json, timeout } = given.values
    const names = yield* Query.who({ socket: ConnectFlags.socket(given), timeout })
    const lines = names.map((name) => (json ? JSON.stringify({ name }) : name))
    const text = lines.map((line) => `${line}\n`).join("")
    yield* print(process.stdout, process.stdout.isTTY ? Escape.show(text) : text)
  }).pipe(ConnectFlags.orFailure)
)
