import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as BanSubject from "../../chat/BanSubject.js"
import { Server } from "../../chat/Server.js"
import * as LineConnection from "../../client/LineConnection.js"
import type { Socket } from "../../ports/Transport.js"
import * as Wire from "../../protocol/Wire.js"
import * as Unix from "../../transport/Unix.js"
import * as ExitStatus from "../ExitStatus.js"
import * as TransportAdvice from "../TransportAdvice.js"
import * as AccountAnswers from "./AccountAnswers.js"
import * as ControlRequest from "./ControlRequest.js"
import * as HookAnswers from "./HookAnswers.js"
import * as RoomAnswers from "./RoomAnswers.js"
import * as Reload from "./Reload.js"
import { RunningCluster } from "./RunningCluster.js"
import { RunningAccounts, RunningRooms, RunningStore } from "./RunningServer.js"

/** `--control`: a Unix socket through which the server's owner disconnects and bans clients, reloads and drains. */

/** Longest request, in bytes. */
const maxRequestBytes = 1024

/** A connection without a request for this long is closed, so that forgotten ones do not use up the limit. */
const idleTime = Duration.minutes(1)

const linger = Duration.seconds(1)

type Services =
  Server | Reload.Reload | RunningAccounts | RunningRooms | RunningStore | RunningCluster | HookAnswers.RunningHooks

/**
 * Listens on the control socket.
 *
 * @param maxConnections the most connections at once; the operating system drops further ones
 */
export const start = (
  path: string,
  maxConnections: number
): Effect.Effect<void, ExitStatus.Failure, Services | Scope.Scope> =>
  Effect.gen(function* () {
    const answer = yield* answering
    const fork = yield* FiberSet.makeRuntime<never>()
    const { address } = yield* Effect.mapError(
      Unix.listen(path)({
        hardLimit: maxConnections,
        events: {
          // Started at once, so that the socket is attached in the turn in which it was handed over.
          accepted: (socket) => void fork(session(socket, answer)),
          dropped: () => {},
          failed: ({ reason }) => void fork(Effect.logWarning(reason))
        }
      }),
      (error) => ExitStatus.asMisuse(TransportAdvice.toListenForControl(error))
    )
    yield* Effect.annotateLogs(Effect.logInfo("control listening"), { address: address.text })
  })

/** An answer in parts that together form one line without its LF. */
type Answer = Stream.Stream<string>

/** Answers the requests of one connection, in order. */
const session = (socket: Socket, answer: (request: string) => Effect.Effect<Answer>) =>
  Effect.gen(function* () {
    const connection = yield* LineConnection.make({
      socket: Effect.succeed(socket),
      maxLineBytes: maxRequestBytes,
      linger
    })
    const send = (text: string) => connection.send(Wire.encode(text))
    yield* send(`${JSON.stringify({ control: ControlRequest.version, version: ACHAT_VERSION })}\n`)
    yield* connection.lines.pipe(
      Stream.timeout(idleTime),
      Stream.runForEach((request) =>
        Effect.flatMap(answer(request), (parts) => Effect.zipRight(Stream.runForEach(parts, send), send("\n")))
      )
    )
  }).pipe(Effect.scoped, Effect.ignore) // the operator has gone, or has sent a line that is too long

const object = (fields: object): Answer => Stream.succeed(JSON.stringify(fields))

/** A function that carries out a request, and logs it unless it only reads. */
const answering = Effect.gen(function* () {
  const server = yield* Server
  const reload = yield* Reload.Reload
  const accounts = yield* RunningAccounts
  const rooms = yield* RunningRooms
  const store = yield* RunningStore
  const hooks = yield* HookAnswers.RunningHooks
  const cluster = yield* RunningCluster
  const run = (request: ControlRequest.ControlRequest): Effect.Effect<Answer, Refused> => {
    switch (request._tag) {
      case "Kick":
        return Effect.flatMap(server.kick(request.name), (isKicked) =>
          isKicked
            ? done({ kicked: request.name })
            : refused(`no client has the name ${request.name}, nor one that looks the same`)
        )
      case "Ban":
        return Effect.flatMap(server.ban(request.subject, request.duration), (disconnected) =>
          done({ banned: BanSubject.show(request.subject), ...remaining(request.duration), disconnected })
        )
      case "Unban": {
        const who = BanSubject.show(request.subject)
        return Effect.flatMap(server.unban(request.subject), (isLifted) =>
          isLifted ? done({ unbanned: who }) : refused(`there is no ban of ${who}`)
        )
      }
      case "ListAccounts":
      case "AddAccount":
      case "SetPassword":
      case "RemoveAccount":
      case "FreeAccount":
        return accounts === undefined
          ? refused("this server has no accounts; it needs --store")
          : Effect.mapBoth(AccountAnswers.run(accounts, request), {
              onFailure: (error): Refused => ({ error }),
              onSuccess: (fields) => object({ ok: true, ...fields })
            })
      case "ListRooms":
      case "CreateRoom":
      case "EndRoom":
      case "ActInRoom":
        return rooms === undefined
          ? refused("this server has no rooms; they are off (--rooms)")
          : Effect.mapBoth(RoomAnswers.run(rooms, request), {
              onFailure: (error): Refused => ({ error }),
              onSuccess: (fields) => object({ ok: true, ...fields })
            })
      case "ListHooks":
      case "AddHook":
      case "RemoveHook":
        return hooks === undefined
          ? refused("this server has no webhooks; it needs --web and --hooks")
          : Effect.mapBoth(HookAnswers.run(hooks, request), {
              onFailure: (error): Refused => ({ error }),
              onSuccess: (fields) => object({ ok: true, ...fields })
            })
      case "List":
        return list
      case "ListNodes":
        return cluster === undefined
          ? refused("this server is not part of a cluster; it needs --cluster")
          : Effect.map(cluster, (state) => object({ ok: true, cluster: state }))
      case "Reload":
        return reload.run === undefined
          ? refused("there is neither a settings file nor a certificate to read again")
          : Effect.flatMap(reload.run, ({ mistakes, ...result }) =>
              mistakes.length === 0 ? done(result) : Effect.fail({ error: mistakes.join("\n"), ...result, mistakes })
            )
      case "Backup":
        return store === undefined
          ? refused("this server keeps nothing; it needs --store")
          : Effect.mapBoth(store.backup(request.file), {
              onFailure: ({ message }): Refused => ({ error: message }),
              onSuccess: () => object({ ok: true, backup: request.file })
            })
      case "Drain":
        // After the answer: otherwise the signal might end this connection before it is sent.
        return Effect.map(done({ draining: true }), (answer) => Stream.concat(answer, Stream.execute(Reload.stop)))
    }
  }
  const list = Effect.gen(function* () {
    // Imported only here, like the admin page: it would slow the start of every server.
    const ConnectionList = yield* Effect.promise(() => import("../../admin/ConnectionList.js"))
    const inspection = yield* server.inspect
    const bans = (yield* server.bans).map(({ leftMillis, subject }) => ({
      kind: subject._tag === "Name" ? "name" : "address",
      banned: BanSubject.show(subject),
      leftMillis: leftMillis === Infinity ? null : Math.ceil(leftMillis)
    }))
    const connections = ConnectionList.make(inspection, { sort: "since", limit: ConnectionList.maxLimit })
    return ConnectionList.json({ ok: true, bans, ...connections })
  })
  return (line: string): Effect.Effect<Answer> => {
    const request = ControlRequest.parse(line)
    const answer = Either.isLeft(request) ? refused(request.left) : run(request.right)
    const isLogged =
      Either.isLeft(request) ||
      !["List", "ListAccounts", "ListRooms", "ListHooks", "ListNodes"].includes(request.right._tag)
    const log = (fields: object) =>
      isLogged
        ? Effect.annotateLogs(Effect.logInfo("control request"), { request: ControlRequest.shown(line), ...fields })
        : Effect.void
    return Effect.matchEffect(answer, {
      onFailure: (why) => Effect.as(log({ error: why.error }), object({ ok: false, ...why })),
      onSuccess: (parts) => Effect.as(log({}), parts)
    })
  }
})

/** Why a request had no effect, or only a partial one. */
interface Refused {
  readonly error: string
}

const refused = (error: string): Effect.Effect<never, Refused> => Effect.fail({ error })

const done = (fields: object) => Effect.succeed(object({ ok: true, ...fields }))

const remaining = (duration: Duration.Duration | undefined) => ({
  leftMillis: duration === undefined ? null : Duration.toMillis(duration)
})

/** The version in package.json. The build replaces this constant. */
declare const ACHAT_VERSION: string
