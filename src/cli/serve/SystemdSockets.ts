import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { InheritedSocket } from "../../transport/Inherited.js"
import * as Status from "../ExitStatus.js"

/**
 * Sockets that this program was started with, as systemd passes them (sd_listen_fds(3)): `LISTEN_FDS` of them, from
 * descriptor 3 on, for the process `LISTEN_PID`, with `LISTEN_FDNAMES` as their names.
 */
export type Sockets = ReadonlyArray<InheritedSocket>

const firstDescriptor = 3

/** More than anybody passes; a wrong number does not become a long list. */
const mostSockets = 1000

type Environment = Readonly<Record<string, string | undefined>>

/** What was passed to a process. `notFor` tells that something was, but to another one. */
export const parse = (
  { LISTEN_FDNAMES: names, LISTEN_FDS: count, LISTEN_PID: pid }: Environment,
  own: number
): Either.Either<{ readonly sockets: Sockets; readonly notFor: boolean }, string> => {
  if (pid === undefined || count === undefined) return Either.right({ sockets: [], notFor: false })
  if (!/^\d{1,10}$/.test(pid)) return Either.left(`LISTEN_PID: ${JSON.stringify(pid)} is no process id`)
  if (Number(pid) !== own) return Either.right({ sockets: [], notFor: true })
  if (!/^\d{1,4}$/.test(count) || Number(count) > mostSockets) {
    return Either.left(`LISTEN_FDS: ${JSON.stringify(count)} is no number of sockets; allowed: 0 to ${mostSockets}`)
  }
  const named = names === undefined ? Array.from({ length: Number(count) }, () => "unknown") : names.split(":")
  if (named.length !== Number(count) && !(names === "" && count === "0")) {
    return Either.left(`LISTEN_FDNAMES has ${named.length} names, and LISTEN_FDS has ${count} sockets`)
  }
  const sockets = named.map((name, i): InheritedSocket => ({ descriptor: firstDescriptor + i, name }))
  return Either.right({ sockets: sockets.slice(0, Number(count)), notFor: false })
}

/** What was passed to this process. It is taken out of the environment, as it is nobody else's. */
export const sockets: Effect.Effect<Sockets, Status.Failure> = Effect.suspend(() => {
  const parsed = parse(process.env, process.pid)
  const { LISTEN_PID: pid } = process.env
  for (const name of ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]) delete process.env[name]
  if (Either.isLeft(parsed)) return Status.misused(parsed.left)
  const { notFor, sockets } = parsed.right
  if (!notFor) return Effect.succeed(sockets)
  const warning = Effect.logWarning(
    "sockets were passed to another process; start this one without npm or a shell around"
  )
  return Effect.as(Effect.annotateLogs(warning, { LISTEN_PID: pid, pid: process.pid }), sockets)
})
