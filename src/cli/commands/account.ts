import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { existsSync } from "node:fs"
import * as Input from "../../client/Input.js"
import { Store } from "../../ports/Store.js"
import * as DidYouMean from "../../protocol/DidYouMean.js"
import * as ExitStatus from "../ExitStatus.js"
import * as AccountAnswers from "../serve/AccountAnswers.js"
import type * as ControlAnswer from "../serve/ControlAnswer.js"
import * as ControlRequest from "../serve/ControlRequest.js"
import * as StoreFlags from "../serve/StoreFlags.js"
import * as Command from "../settings/Command.js"
import * as Flags from "../settings/Flags.js"
import * as Setting from "../settings/Setting.js"
import * as ConnectFlags from "./ConnectFlags.js"
import * as Control from "./control.js"
import * as HiddenPrompt from "./HiddenPrompt.js"

export const settings = {
  socket: Setting.text("socket", "path", {
    about: "The Unix socket of serve --control, for a server that runs",
    default: undefined
  }),
  store: Setting.text("store", "file", {
    about: "The store of serve --store, for a server that does not run",
    default: undefined
  }),
  timeout: ConnectFlags.replyTimeout,
  json: Setting.toggle("json", "Print the answer, a JSON object")
}

const named = ["add", "password", "remove", "free"]

const usages = [...named.map((verb) => `${verb} NAME`), "list"].join(", ")

const parameters = {
  request: Command.rest("request", `One of: ${usages}`)
}

/** Longest password, in bytes. */
const maxPasswordBytes = 4096

/** Manages accounts. Passwords come from the standard input, or from a question at the terminal: never from a flag. */
export const command = Command.make(settings, parameters, (line) =>
  Effect.gen(function* () {
    const given = yield* Flags.resolve(settings, line.flags)
    const { json, socket, store, timeout } = given.values
    const [verb = "", name, ...more] = line.request
    const takesPassword = verb === "add" || verb === "password"
    if (more.length > 0 || !isForm(verb, name)) {
      const forms = `write a-chat account and one of ${usages}`
      const isKnown = verb === "" || verb === "list" || named.includes(verb)
      return yield* ExitStatus.misused(isKnown ? forms : DidYouMean.unknownRequest(verb, [...named, "list"], forms))
    }
    if ((socket === undefined) === (store === undefined)) {
      return yield* ExitStatus.misused(
        "give either --socket, for a server that runs, or --store, for one that does not"
      )
    }
    const password = takesPassword ? [yield* readPassword] : []
    const request = ["account", verb, ...(name === undefined ? [] : [name]), ...password].join(" ")
    const answered =
      socket === undefined ? yield* withStore(store ?? "", request) : yield* Control.ask(socket, request, timeout)
    return yield* Control.show(answered, json)
  }).pipe(Effect.mapError(Control.asFailure))
)

const isForm = (verb: string, name: string | undefined): boolean =>
  name === undefined ? verb === "list" : named.includes(verb) && !/\s/u.test(name)

const readPassword: Effect.Effect<string, ExitStatus.Failure> = Effect.suspend(() =>
  HiddenPrompt.isPossible() ? HiddenPrompt.newPassword : fromInput
)

/** The first line of the input. */
const fromInput = Effect.gen(function* () {
  let text = ""
  while (!text.includes("\n") && text.length <= maxPasswordBytes) {
    const chunk = yield* Effect.mapError(Input.read(process.stdin), ExitStatus.asMisuse)
    if (chunk === undefined) break
    text += chunk.toString("latin1")
  }
  const [line = ""] = Buffer.from(text, "latin1").toString().split(/\r?\n/u)
  return line.trim() === "" ? yield* ExitStatus.misused("there is no password on the standard input") : line
})

/** Opens a store. Creates one only for its first account. */
const opened = (store: string, request: string) =>
  StoreFlags.isFile(store) && !existsSync(store) && !request.startsWith("account add ")
    ? ExitStatus.misused(`there is no store ${store}`)
    : StoreFlags.openStopped(store)

/** Opens the store of a server that does not run, which fails while one does. */
const withStore = (store: string, request: string) =>
  Effect.gen(function* () {
    const parsed = ControlRequest.parse(request)
    if (Either.isLeft(parsed)) return yield* ExitStatus.misused(parsed.left)
    const { right } = parsed
    if (!ControlRequest.isAboutAccounts(right)) return yield* ExitStatus.misused(`write one of ${usages}`)
    const answer: ControlAnswer.ControlAnswer = yield* Effect.match(AccountAnswers.runOffline(right), {
      onFailure: (error) => ({ ok: false, error }),
      onSuccess: (fields) => ({ ok: true, ...fields })
    })
    return { answer, line: JSON.stringify(answer) }
  }).pipe(Effect.provideServiceEffect(Store, opened(store, request)), Effect.scoped)
