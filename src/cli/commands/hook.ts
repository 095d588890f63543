import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as DidYouMean from "../../protocol/DidYouMean.js"
import * as HookKind from "../../http/HookKind.js"
import * as ExitStatus from "../ExitStatus.js"
import * as ControlRequest from "../serve/ControlRequest.js"
import * as Command from "../settings/Command.js"
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
  kind: Setting.choice(
    "kind",
    { about: "With add: who sends; custom is any program that sends JSON, and needs --template", default: undefined },
    HookKind.hookKindNames
  ),
  room: Setting.list(
    "room",
    "name",
    { about: "With add: a room to post to, such as '#ops'; may be repeated", defaultText: "none; required" },
    (room) => (/[\s,]/u.test(room) ? Either.left("is not a room, such as #ops") : Either.right(room))
  ),
  name: Setting.text("name", "name", {
    about: "With add: the name under which its lines come; that of an account, if nobody else may have it",
    default: undefined,
    defaultText: "the id"
  }),
  proof: Setting.choice(
    "proof",
    {
      about:
        "With add: whether the sender sends the secret, or signs the body with it, as GitHub, GitLab and Grafana can",
      default: undefined,
      defaultText: "signature for github, else secret"
    },
    HookKind.proofs
  ),
  template: Setting.text("template", "text", {
    about: "With add: the line, with fields of the payload such as {commits.0.message:first}",
    default: undefined,
    defaultText: "that of the kind and the event"
  }),
  timeout: ConnectFlags.replyTimeout,
  json: Setting.toggle("json", "Print the answer, a JSON object")
}

const usages = "add ID, remove ID, list"

const parameters = {
  request: Command.rest("request", `One of: ${usages}`)
}

/** Adds, removes and lists the webhooks of a running server. */
export const command = Command.make(settings, parameters, (line) =>
  Effect.gen(function* () {
    const { values } = yield* Flags.resolve(settings, line.flags)
    const { json, kind, name, proof, room, socket, template, timeout } = values
    const [verb = "", id = ""] = line.request
    const forms = `write a-chat hook and one of ${usages}`
    if (!["add", "remove", "list"].includes(verb)) {
      const isMissing = verb === ""
      return yield* ExitStatus.misused(
        isMissing ? forms : DidYouMean.unknownRequest(verb, ["add", "remove", "list"], forms)
      )
    }
    if (line.request.length !== (verb === "list" ? 1 : 2) || /\s/u.test(id)) return yield* ExitStatus.misused(forms)
    if (socket === undefined) return yield* ExitStatus.misused("a socket is required: --socket, or ACHAT_SOCKET")
    if (verb === "add" && kind === undefined) {
      return yield* ExitStatus.misused(`--kind is required: ${HookKind.hookKindNames.join(", ")}`)
    }
    const about = Object.entries({ kind, rooms: room.join(","), name, proof, template })
      .filter(([, value]) => value !== undefined && value !== "")
      .map(([key, value]) => `${key}=${value}`)
    const request = ["hook", ...line.request, ...(verb === "add" ? about : [])].join(" ")
    const checked = ControlRequest.parse(request)
    if (Either.isLeft(checked)) return yield* ExitStatus.misused(checked.left)
    return yield* Control.show(yield* Control.ask(socket, request, timeout), json)
  }).pipe(Effect.mapError(Control.asFailure))
)
