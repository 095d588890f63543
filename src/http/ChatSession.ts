import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { slowDownMillis } from "../client/GreetingPause.js"
import * as Labels from "../client/Labels.js"
import * as LineConnection from "../client/LineConnection.js"
import * as Login from "../client/Login.js"
import * as Received from "../client/Received.js"
import * as Request from "../client/Request.js"
import * as Requests from "../client/Requests.js"
import * as RoomReports from "../client/RoomReports.js"
import type { MemorySocket } from "../ports/MemorySocket.js"
import * as Wire from "../protocol/Wire.js"
import * as HttpRefusal from "./HttpRefusal.js"
import type { RequestIdentity } from "./Identity.js"
import { OwnPace } from "./OwnPace.js"

/** A connection to the chat that only sends and asks, logged in for the requests of one HTTP connection. */
export interface ChatSession {
  readonly connection: LineConnection.LineConnection
  readonly ask: Request.Requester
  /** Whether it is a device of an account. */
  readonly isAccount: boolean
  /** The labels of lines that are sent once. The server remembers those of an account, so they are used only once. */
  readonly labels: Labels.Labels
  /** Whether it has sent lines of a request. */
  hasSent: boolean
}

/** Opens a connection to the chat; undefined while the server accepts none. */
export type Connect = () => MemorySocket | undefined

/** The server sends no longer line: `--max-line` is at most 1 MiB. */
const maxLineBytes = Login.defaultMaxLineBytes

/** The server has nothing to say after the end of a session but the outcomes of lines that are still under way. */
const linger = Duration.seconds(5)

/** Connects and logs in. The server is this process, so no proof is needed that it knows commands. */
export const open = (
  connect: Connect,
  identity: RequestIdentity
): Effect.Effect<ChatSession, HttpRefusal.HttpRefusal, Scope.Scope> =>
  Effect.gen(function* () {
    const connection = yield* connecting(connect)
    const isAccount = yield* Effect.mapError(greet(connection, identity), (error) =>
      error._tag === "TransportError" ? HttpRefusal.lost(error.reason) : error
    )
    return {
      connection,
      isAccount,
      ask: Request.on(connection),
      labels: isAccount ? Labels.unique() : new Labels.Labels(),
      hasSent: false
    }
  })

/** Logs in; returns whether it is a device of an account. At a rate below its lines, one line at a time. */
const greet = (connection: LineConnection.LineConnection, { login: who, secret }: RequestIdentity) =>
  Effect.gen(function* () {
    const login = Wire.encode(secret === undefined ? who : `${who}: ${secret}`)
    const pace = new OwnPace()
    let answer = yield* connection.ask(`/hello send-only seq once\n${login}\n/hello\n`, greeted(2))
    while (answer._tag !== "Named") {
      if (answer._tag === "TooFast") {
        // If not even the first line was accepted, the login may have been, without its words.
        if (!answer.isGreeted || !pace.refused(answer.refused.retryMillis)) return yield* tooFast(answer.refused)
      } else {
        yield* Effect.delay(connection.send(`${login}\n`), pace.millis)
      }
      yield* Effect.sleep(pace.millis)
      answer = yield* connection.ask("/hello\n", greeted(1))
    }
    return answer.isAccount
  })

/** A connection without a login, for commands that need none. */
export const connecting = (
  connect: Connect
): Effect.Effect<LineConnection.LineConnection, HttpRefusal.HttpRefusal, Scope.Scope> =>
  Effect.gen(function* () {
    const socket = Effect.suspend(() => {
      const socket = connect()
      return socket === undefined ? Effect.fail(HttpRefusal.closing()) : Effect.succeed(socket)
    })
    const connection = yield* LineConnection.make({ socket, maxLineBytes, linger })
    // Notices, and outcomes that no request waits for any more. A fiber is as interruptible as where it is forked: it
    // would not end with the scope of a session, which is opened where nothing may interrupt.
    yield* Effect.forkScoped(Effect.interruptible(Effect.ignore(Stream.runDrain(connection.lines))))
    return connection
  })

type Greeted =
  | { readonly _tag: "Named"; readonly isAccount: boolean }
  /** The login was not accepted, because it came too fast. */
  | { readonly _tag: "Nameless" }
  | { readonly _tag: "TooFast"; readonly isGreeted: boolean; readonly refused: SlowDown }

interface SlowDown {
  readonly retryMillis: number
  readonly text: string
}

const tooFast = (refused: SlowDown) => HttpRefusal.ofLogin(new Login.LoginRefused({ code: "slow-down", ...refused }))

/** Looks for the last of this many replies to `/hello`, or for one with a name, or for a refusal. */
const greeted = (replies: number): LineConnection.Look<Greeted, HttpRefusal.HttpRefusal> => {
  let missing = replies
  return (line) => {
    const received = Received.parse(line)
    if (received._tag === "Refused") {
      const { code, fatal, retryMillis, text } = received
      if (fatal || code !== "slow-down") {
        return Exit.fail(HttpRefusal.ofLogin(new Login.LoginRefused({ code, retryMillis, text })))
      }
      const refused = { retryMillis: retryMillis ?? slowDownMillis, text }
      return Exit.succeed({ _tag: "TooFast", isGreeted: missing < 2, refused })
    }
    if (received._tag !== "Notice" || received.code !== "hello") return undefined
    missing -= 1
    const { values } = received
    if (values.has("name")) return Exit.succeed({ _tag: "Named", isAccount: values.has("device") })
    return missing > 0 ? "part" : Exit.succeed({ _tag: "Nameless" })
  }
}

/**
 * Enters the rooms among some names, for a guest, who is in a room only while it is connected. A room with only this
 * guest in it does not count: no one would read a line to it.
 */
export const enterRooms = (
  session: ChatSession,
  names: ReadonlyArray<string>,
  mayJoin: boolean
): Effect.Effect<void, HttpRefusal.HttpRefusal> =>
  Effect.forEach(
    // Also those of earlier requests: a room may have lost its other members since, or the account may have left it.
    names.filter(RoomReports.isRoom),
    (room) =>
      session.isAccount && !mayJoin
        ? Effect.void
        : Effect.gen(function* () {
            const { members } = yield* Requests.join(session.ask, room)
            if (members === 0 && !session.isAccount) {
              yield* Requests.leave(session.ask, room)
              return yield* noRoom(room)
            }
          }).pipe(Effect.mapError((error) => (error._tag === "HttpRefusal" ? error : HttpRefusal.ofRequest(error)))),
    { discard: true }
  )

const noRoom = (room: string) =>
  new HttpRefusal.HttpRefusal({ status: 404, code: "no-room", text: `no user is in a room ${room}` })
