import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Hooks } from "../../http/Hooks.js"
import type { ControlAnswer } from "./ControlAnswer.js"
import type { WebhookRequest } from "./ControlRequest.js"

/** The webhooks of this server; undefined if they are off. */
export class RunningHooks extends Context.Tag("a-chat/RunningHooks")<RunningHooks, Hooks | undefined>() {}

/** Carries out a request about webhooks. Fails with a sentence for the operator. */
export const run = (hooks: Hooks, request: WebhookRequest): Effect.Effect<Omit<ControlAnswer, "ok">, string> => {
  switch (request._tag) {
    case "ListHooks":
      return Effect.sync(() => ({ hooks: hooks.list }))
    case "AddHook":
      return Effect.map(hooks.add(request), (secret) => ({ hook: request.id, secret }))
    case "RemoveHook":
      return Effect.flatMap(hooks.remove(request.id), (isRemoved) =>
        isRemoved ? Effect.succeed({ hook: request.id }) : Effect.fail(`there is no hook ${request.id}`)
      )
  }
}
