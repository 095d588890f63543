import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Socket } from "node:net"
import * as ChatSession from "./ChatSession.js"
import type * as HttpRefusal from "./HttpRefusal.js"
import type { RequestIdentity } from "./Identity.js"

/** A session, for whom it is, and the scope in which it lives. */
interface Kept {
  readonly key: string
  readonly session: ChatSession.ChatSession
  readonly scope: Scope.CloseableScope
  /** Requests that use it now. */
  users: number
  /** Whether it is closed when its last user is done. */
  isObsolete: boolean
  /** Called when the HTTP connection has ended. */
  readonly onClosed: () => void
}

/** For whom a session is. */
export interface SessionUser {
  readonly http: Socket
  /** The address of the client, perhaps as a proxy has reported it. */
  readonly host: string
  /** Whether what it sends is private. A proxy reports that with each request. */
  readonly isPrivate: boolean
  readonly connect: ChatSession.Connect
  readonly identity: RequestIdentity
  /** The webhook that sends. Its connection proves its name, so no other client may have its session. */
  readonly hook?: string | undefined
}

/**
 * The sessions of HTTP connections, one for each: requests with the same identity on a connection that is kept alive
 * log in once. A session ends with its HTTP connection, or when a request comes for someone else.
 */
export class ChatSessions {
  private readonly bySocket = new WeakMap<Socket, Kept>()

  /** @param fork runs an effect in the background */
  constructor(private readonly fork: (effect: Effect.Effect<void>) => void) {}

  /** Runs a request on the session of its HTTP connection, which it opens if there is none. */
  use<A>(
    user: SessionUser,
    run: (session: ChatSession.ChatSession) => Effect.Effect<A, HttpRefusal.HttpRefusal>
  ): Effect.Effect<A, HttpRefusal.HttpRefusal> {
    const found = Effect.suspend((): Effect.Effect<Kept, HttpRefusal.HttpRefusal> => {
      const kept = this.found(user)
      return kept === undefined ? this.open(user) : Effect.succeed(kept)
    })
    return Effect.acquireUseRelease(
      found,
      ({ session }) => run(session),
      (kept) => Effect.sync(() => this.release(kept))
    )
  }

  /** The session that is open for this identity. */
  private found(user: SessionUser): Kept | undefined {
    const { http } = user
    const kept = this.bySocket.get(http)
    if (kept === undefined) return undefined
    const { connection } = kept.session
    if (kept.key === keyOf(user) && !connection.hasEnded() && !connection.outcomes.hasEnded) {
      kept.users += 1
      return kept
    }
    this.dismiss(http, kept)
    return undefined
  }

  private open(user: SessionUser) {
    const { connect, http, identity } = user
    return Effect.gen(this, function* () {
      const scope = yield* Scope.make()
      const opened = yield* Effect.exit(Scope.extend(ChatSession.open(connect, identity), scope))
      if (Exit.isFailure(opened)) {
        this.fork(Scope.close(scope, Exit.void))
        return yield* Effect.failCause(opened.cause)
      }
      const kept: Kept = {
        key: keyOf(user),
        session: opened.value,
        scope,
        users: 1,
        isObsolete: false,
        onClosed: () => this.dismiss(http, kept)
      }
      // Two requests of one connection may log in at once: the later session stays.
      const other = this.bySocket.get(http)
      if (other !== undefined) this.dismiss(http, other)
      this.bySocket.set(http, kept)
      if (http.destroyed) this.dismiss(http, kept)
      else http.once("close", kept.onClosed)
      return kept
    })
  }

  private dismiss(http: Socket, kept: Kept) {
    if (this.bySocket.get(http) === kept) this.bySocket.delete(http)
    if (kept.isObsolete) return
    kept.isObsolete = true
    http.off("close", kept.onClosed)
    if (kept.users === 0) this.close(kept)
  }

  private release(kept: Kept) {
    kept.users -= 1
    if (kept.users === 0 && kept.isObsolete) this.close(kept)
  }

  private close({ scope }: Kept) {
    this.fork(Scope.close(scope, Exit.void))
  }
}

/**
 * All that makes the session of one request another one than that of the next: a proxy sends the requests of several
 * clients over one connection. None of the parts contains an LF.
 */
const keyOf = ({ host, hook = "", identity: { login, secret = "" }, isPrivate }: SessionUser) =>
  `${host}\n${isPrivate}\n${hook}\n${login}\n${secret}`
