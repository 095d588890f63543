import * as Command from "@effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Escape from "../../client/Escape.js"
import { print } from "../../client/Output.js"
import * as Query from "../../client/Query.js"
import * as Endpoint from "../settings/AddressFlags.js"
import * as Flags from "../settings/Flags.js"
import * as Remote from "./ConnectFlags.js"

const flags = {
  ...Remote.flags,
  timeout: Remote.answerFlag,
  json: Flags.toggle("json", `Print {"name"} for each name`)
}

export const who = Command.make("who", flags, (given) =>
  Effect.gen(function* () {
    const socket = Endpoint.socket(given)
    const timeout = Flags.value(given.timeout) ?? Remote.answerTimeout
    const names = yield* Query.who({ socket, timeout })
    const lines = names.map((name) => (Flags.valueOr(given.json, false) ? JSON.stringify({ name }) : name))
    const text = lines.map((line) => `${line}\n`).join("")
    yield* print(process.stdout, process.stdout.isTTY ? Escape.show(text) : text)
  }).pipe(Remote.orFailure)
)
