import * as Effect from "effect/Effect"
import type { IncomingHttpHeaders } from "node:http"
import * as Wire from "../protocol/Wire.js"
import * as HookKinds from "./HookKinds.js"
import type { Hooks } from "./Hooks.js"
import * as HttpRefusal from "./HttpRefusal.js"

/** `POST /hook/ID`: the event of a webhook, as one line for its rooms. */

export interface HookDelivery {
  readonly id: string
  /** The name under which the line comes. */
  readonly name: string
  readonly rooms: ReadonlyArray<string>
  /** In wire form. */
  readonly text: string
  /** What the delivery has in common with one that is sent again; undefined if the sender does not say. */
  readonly key: string | undefined
}

/** The delivery in a request; undefined if its event is none that there is a line for. */
export const read = (
  hooks: Hooks | undefined,
  id: string,
  headers: IncomingHttpHeaders,
  body: Buffer
): Effect.Effect<HookDelivery | undefined, HttpRefusal.HttpRefusal> =>
  Effect.gen(function* () {
    if (hooks === undefined) return yield* off
    const hook = hooks.proven(id, headers, body)
    if (hook === undefined) return yield* unproven
    const text = Wire.encode(HookKinds.lineFor(hook, headers, yield* payloadIn(headers, body)))
    if (text === "") return undefined
    return { id, name: hook.name, rooms: hook.rooms, text, key: HookKinds.deliveryOf(hook.kind, headers) }
  })

/** JSON, or a form with JSON in its field `payload`, which GitHub sends if it is configured so. */
const payloadIn = (headers: IncomingHttpHeaders, body: Buffer): Effect.Effect<unknown, HttpRefusal.HttpRefusal> => {
  const text = body.toString()
  const isForm = headers["content-type"]?.startsWith("application/x-www-form-urlencoded") === true
  const json = isForm ? new URLSearchParams(text).get("payload") : undefined
  return Effect.try({
    try: (): unknown => JSON.parse(json ?? text),
    catch: () => HttpRefusal.badRequest("the body is not JSON", "bad-payload")
  })
}

const off = HttpRefusal.notFound("this server has no webhooks; see --hooks")

/** The same for a hook that does not exist and for a secret that is wrong. */
const unproven = new HttpRefusal.HttpRefusal({
  status: 401,
  code: "wrong-secret",
  text: "there is no such hook, or this is not its secret or signature"
})
