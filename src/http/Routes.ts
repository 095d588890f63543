import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { IncomingMessage, ServerResponse } from "node:http"
import * as Encode from "../client/Encode.js"
import * as Outcomes from "../client/Outcomes.js"
import * as PastObject from "../client/PastObject.js"
import * as Query from "../client/Query.js"
import * as Requests from "../client/Requests.js"
import { TransportError } from "../ports/Transport.js"
import type { WebClient } from "../transport/WebSocket.js"
import * as Body from "./Body.js"
import * as ChatSession from "./ChatSession.js"
import type { ChatSessions, SessionUser } from "./ChatSessions.js"
import type { DoorLimits } from "./DoorLimits.js"
import * as HookDelivery from "./HookDelivery.js"
import type { Hooks } from "./Hooks.js"
import * as HttpRefusal from "./HttpRefusal.js"
import type { IdempotencyKeys } from "./IdempotencyKeys.js"
import * as Identity from "./Identity.js"
import type { ListenStreams } from "./ListenRequest.js"
import * as Parameters from "./Parameters.js"
import type { RequestMemory } from "./RequestMemory.js"
import * as SendOutcomes from "./SendOutcomes.js"
import * as SendRequest from "./SendRequest.js"
import * as PastReply from "../protocol/PastReply.js"

/** What the HTTP door does for each path. */

export type Method = "GET" | "POST"

export interface DoorRequest {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly client: WebClient
  readonly target: Parameters.Target
  readonly memory: RequestMemory
}

export interface RouteContext {
  readonly limits: DoorLimits
  readonly hooks: Hooks | undefined
  readonly streams: ListenStreams
  readonly sessions: ChatSessions
  readonly keys: IdempotencyKeys
}

/** The answer to a request. */
export interface RouteAnswer {
  readonly status: number
  /** JSON; undefined for a response without a body. */
  readonly body: object | undefined
  readonly headers?: Readonly<Record<string, string>>
  /** Runs instead if the client has gone. */
  readonly unheard?: Effect.Effect<void>
}

/** What a route does. `undefined`: it has begun the response itself. */
type Route = (
  request: DoorRequest,
  context: RouteContext
) => Effect.Effect<RouteAnswer | undefined, HttpRefusal.HttpRefusal>

export const run: Route = (request, context) => {
  switch (request.target.name) {
    case "send":
      return send(request, context)
    case "listen":
      return listen(request, context)
    case "history":
      return history(request, context)
    case "who":
      return who(request, context)
    case "hook":
      return hook(request, context)
    default:
      return Effect.fail(HttpRefusal.notFound("there is no such path"))
  }
}

/** Memory of a request besides its body: copies of its texts, and what becomes of each line for each recipient. */
const copies = 3
const pairBytes = 320

const send: Route = (asked, { keys, limits, sessions }) =>
  Effect.gen(function* () {
    const { client, memory, request, target } = asked
    const { from, join, wait } = yield* Parameters.only(target.parameters, ["from", "wait", "join"])
    const isWaiting = (yield* Parameters.oneOf("wait", wait, ["outcomes", "none"])) === "outcomes"
    const mayJoin = (yield* Parameters.oneOf("join", join, ["no", "yes"])) === "yes"
    const identity = yield* Identity.of(request.headers, from, client.identity ?? Identity.anonymous)
    const { head, recipients } = yield* recipientsIn(target.rest)
    const body = yield* Body.read(asked, limits.maxBodyBytes)
    const texts = yield* textsIn(body, limits.maxLines)
    // Each line is written with all its recipients, and each of these has an outcome: the products take the memory.
    const isTooMuch =
      texts.length * recipients.length > limits.maxLines || texts.length * head.length > limits.maxBodyBytes
    if (isTooMuch) return yield* tooMany
    const needed = copies * body.length + texts.length * (head.length + pairBytes * recipients.length)
    if (!memory.take(needed)) return yield* HttpRefusal.noMemory
    const key = keyIn(request.headers["idempotency-key"])
    const job = { head, recipients, texts, key, isWaiting, patience: limits.patience }
    const result = yield* sessions.use(userOf(client, request, identity), (session) =>
      Effect.zipRight(
        ChatSession.enterRooms(session, recipients, mayJoin),
        // After the login, without which a client could use up the keys of others, and after the rooms: a request that
        // sends nothing leaves its key unused.
        Effect.suspend(() =>
          key !== undefined && session.isAccount && !keys.take({ key, head, texts, login: identity.login })
            ? Effect.fail(keyUsed)
            : SendRequest.run(session, job)
        )
      )
    )
    return answerOf(result, isWaiting)
  })

const userOf = (client: WebClient, { socket }: IncomingMessage, identity: Identity.RequestIdentity): SessionUser => ({
  http: socket,
  host: client.host,
  isPrivate: client.isPrivate,
  connect: () => client.connect(),
  identity
})

const keyIn = (key: string | ReadonlyArray<string> | undefined) =>
  typeof key === "string" && key !== "" ? key : undefined

const recipientsIn = (list: string | undefined) =>
  Effect.gen(function* () {
    const recipients = Outcomes.distinct((list ?? "").split(","))
    const head = yield* Effect.mapError(Encode.recipients(recipients), HttpRefusal.ofRequest)
    return { recipients, head }
  })

const textsIn = (body: Buffer, maxLines: number): Effect.Effect<ReadonlyArray<string>, HttpRefusal.HttpRefusal> => {
  const texts = SendRequest.textsOf(body)
  if (texts.length === 0) return Effect.fail(HttpRefusal.badRequest("the body has no text", "bad-line"))
  if (texts.length <= maxLines) return Effect.succeed(texts)
  const text = `a body has at most ${maxLines} lines`
  return Effect.fail(new HttpRefusal.HttpRefusal({ status: 413, code: "too-long", text }))
}

const tooMany = new HttpRefusal.HttpRefusal({
  status: 413,
  code: "too-long",
  text: "too many lines for this number of recipients; send them in several requests"
})

const keyUsed = new HttpRefusal.HttpRefusal({
  status: 422,
  code: "label-used",
  text: "this Idempotency-Key was used for other lines or recipients; nothing was sent"
})

/** The answer to a request that has sent lines. */
export const answerOf = ({ end, outcomes }: SendRequest.SendJobResult, isWaiting: boolean): RouteAnswer => {
  const found = SendOutcomes.statusOf(outcomes, isWaiting)
  const status = found === 502 && end === "late" ? 504 : found
  const retryAfter = SendOutcomes.retryAfterOf(status, outcomes)
  return {
    status,
    body: { outcomes },
    headers: retryAfter === undefined ? {} : { "retry-after": String(retryAfter) },
    unheard: logUnheard(outcomes)
  }
}

/** How lines ended whose sender was not notified. */
const logUnheard = (outcomes: ReadonlyArray<SendOutcomes.SendOutcome>) =>
  Effect.suspend(() => {
    const counts: Record<string, number> = {}
    for (const { outcome } of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1
    const warning = Effect.logWarning("an HTTP client left before it got the outcomes of its lines")
    return Effect.annotateLogs(warning, counts)
  })

const listen: Route = ({ client, request, response, target }, { streams }) =>
  Effect.gen(function* () {
    const rooms = target.parameters.getAll("room")
    const { format, from } = yield* Parameters.only(target.parameters, ["from", "room", "format"], ["room"])
    const identity = yield* Identity.of(request.headers, from, client.identity)
    yield* Effect.forEach(rooms, (room) => Effect.mapError(Encode.room(room), HttpRefusal.ofRequest))
    const lastEventId = request.headers["last-event-id"]
    yield* streams.run({
      connect: client.connect,
      identity,
      host: client.host,
      certificate: client.identity,
      isPrivate: client.isPrivate,
      rooms: rooms.map((room) => room.trim()),
      format: yield* Parameters.oneOf("format", format, ["events", "lines"]),
      lastEventId: typeof lastEventId === "string" ? lastEventId : undefined,
      response
    })
    return undefined
  })

const history: Route = ({ client, request, target }, { limits, sessions }) =>
  Effect.gen(function* () {
    const given = yield* Parameters.only(target.parameters, [
      "from",
      "join",
      "limit",
      "after",
      "before",
      "since",
      "until"
    ])
    const mayJoin = (yield* Parameters.oneOf("join", given.join, ["no", "yes"])) === "yes"
    const range = {
      limit: (yield* Parameters.number("limit", given.limit)) ?? defaultPage,
      after: yield* Parameters.number("after", given.after),
      before: yield* Parameters.number("before", given.before),
      since: yield* Parameters.number("since", given.since),
      until: yield* Parameters.number("until", given.until)
    }
    if (range.limit < 1 || range.limit > PastReply.maxPageLines) {
      return yield* HttpRefusal.badRequest(`limit is 1 to ${PastReply.maxPageLines}`)
    }
    const identity = yield* Identity.of(request.headers, given.from, client.identity ?? Identity.anonymous)
    if (target.rest === undefined) return yield* HttpRefusal.badRequest("say whose history: /history/%23ops")
    const name = target.rest
    const page = yield* sessions.use(userOf(client, request, identity), (session) =>
      ChatSession.enterRooms(session, [name], mayJoin).pipe(
        Effect.zipRight(Effect.mapError(Requests.history(session.ask, name, range), HttpRefusal.ofRequest)),
        inTime(limits.patience)
      )
    )
    const damaged = page.damaged.length === 0 ? {} : { damaged: page.damaged }
    return { status: 200, body: { lines: page.lines.map(PastObject.of), ...damaged, more: page.hasMore } }
  })

/** Lines of a page, as of the command. */
const defaultPage = 50

const who: Route = ({ client, target }, { limits }) =>
  Effect.gen(function* () {
    yield* Parameters.only(target.parameters, [])
    const socket = Effect.suspend(() => {
      const socket = client.connect()
      return socket === undefined ? Effect.fail(notAccepting) : Effect.succeed(socket)
    })
    const names = yield* Effect.mapError(Query.who({ socket, timeout: limits.patience }), (error) => {
      switch (error._tag) {
        case "TransportError":
          return error === notAccepting ? HttpRefusal.closing() : HttpRefusal.lost(error.reason)
        case "LoginRefused":
          return HttpRefusal.ofLogin(error)
        case "NoAnswer":
          return HttpRefusal.ofNoAnswer(error)
      }
    })
    return { status: 200, body: { names } }
  })

const notAccepting = new TransportError({ during: "Connect", reason: "the server accepts no connections" })

const hook: Route = (asked, { hooks, limits, sessions }) =>
  Effect.gen(function* () {
    const { client, request, target } = asked
    yield* Parameters.only(target.parameters, [])
    const body = yield* Body.read(asked, limits.maxBodyBytes)
    const delivery = yield* HookDelivery.read(hooks, target.rest ?? "", request.headers, body)
    if (delivery === undefined) return { status: 204, body: undefined }
    const { id, key, name, rooms, text } = delivery
    const { head, recipients } = yield* recipientsIn(rooms.join(","))
    const user: SessionUser = {
      ...userOf(client, request, { login: name, secret: undefined }),
      connect: () => client.connect({ identity: name }),
      hook: id
    }
    const result = yield* sessions.use(user, (session) =>
      Effect.zipRight(
        ChatSession.enterRooms(session, recipients, true),
        SendRequest.run(session, {
          head,
          recipients,
          texts: [text],
          key: session.isAccount ? key : undefined,
          isWaiting: true,
          patience: limits.patience
        })
      )
    )
    return answerOf(result, true)
  })

const inTime =
  (patience: Duration.Duration) =>
  <A>(effect: Effect.Effect<A, HttpRefusal.HttpRefusal>) =>
    Effect.timeoutFail(effect, {
      duration: patience,
      onTimeout: () => HttpRefusal.ofNoAnswer(new Query.NoAnswer({ timeout: patience }))
    })
