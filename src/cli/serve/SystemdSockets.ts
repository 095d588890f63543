import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Inherited from "../../transport/Inherited.js"
import * as ExitStatus from "../ExitStatus.js"
import * as ListenUrl from "./ListenUrl.js"

/**
 * The sockets that systemd passed to this program (sd_listen_fds(3)): `LISTEN_FDS` sockets, starting at descriptor 3,
 * for the process `LISTEN_PID`, with the names in `LISTEN_FDNAMES`.
 */
export type Sockets = ReadonlyArray<Inherited.InheritedSocket>

const firstDescriptor = 3

/** The most sockets accepted, more than are ever passed. Keeps a wrong number from becoming a huge list. */
const maxSockets = 1000

type Environment = Readonly<Record<string, string | undefined>>

/** The sockets passed to a process. `isForAnother` means that the variables name another process. */
export const parse = (
  { LISTEN_FDNAMES: names, LISTEN_FDS: count, LISTEN_PID: pid }: Environment,
  ownPid: number
): Either.Either<{ readonly sockets: Sockets; readonly isForAnother: boolean }, string> => {
  if (pid === undefined || count === undefined) return Either.right({ sockets: [], isForAnother: false })
  if (!/^\d{1,10}$/.test(pid)) return Either.left(`LISTEN_PID: ${JSON.stringify(pid)} is not a process id`)
  if (Number(pid) !== ownPid) return Either.right({ sockets: [], isForAnother: true })
  if (!/^\d{1,4}$/.test(count) || Number(count) > maxSockets) {
    return Either.left(`LISTEN_FDS: ${JSON.stringify(count)} is not a number of sockets; allowed: 0 to ${maxSockets}`)
  }
  const all = names === undefined ? Array.from({ length: Number(count) }, () => "unknown") : names.split(":")
  if (all.length !== Number(count) && !(names === "" && count === "0")) {
    return Either.left(`LISTEN_FDNAMES has ${all.length} names, but LISTEN_FDS has ${count} sockets`)
  }
  const sockets = all.map((name, i): Inherited.InheritedSocket => ({ descriptor: firstDescriptor + i, name }))
  return Either.right({ sockets: sockets.slice(0, Number(count)), isForAnother: false })
}

/** The sockets passed to this process. Removes the variables, so that no child process mistakes them for its own. */
export const sockets: Effect.Effect<Sockets, ExitStatus.Failure> = Effect.suspend(() => {
  const parsed = parse(process.env, process.pid)
  const { LISTEN_PID: pid } = process.env
  for (const name of ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]) delete process.env[name]
  if (Either.isLeft(parsed)) return ExitStatus.misused(parsed.left)
  const { isForAnother, sockets } = parsed.right
  if (!isForAnother) return Effect.succeed(sockets)
  const warning = Effect.logWarning(
    "sockets were passed to another process; start this one directly, without npm or a shell in between"
  )
  return Effect.as(Effect.annotateLogs(warning, { LISTEN_PID: pid, pid: process.pid }), sockets)
})

/** Replaces names with the sockets passed under them. Fails unless each socket is claimed exactly once. */
export const claim = (
  targets: Arr.NonEmptyReadonlyArray<ListenUrl.ListenTarget | ListenUrl.SystemdTarget>,
  sockets: Sockets
): Effect.Effect<Arr.NonEmptyReadonlyArray<ListenUrl.ListenTarget>, ExitStatus.Failure> =>
  Effect.gen(function* () {
    const claimed = Arr.flatten(yield* Effect.forEach(targets, (target) => find(target, sockets)))
    const taken = new Set<Inherited.InheritedSocket>()
    for (const { socket, text } of claimed) {
      if (socket === undefined) continue
      if (taken.has(socket)) return yield* ExitStatus.misused(`${text} is listed twice`)
      taken.add(socket)
    }
    const unclaimed = sockets.find((socket) => !taken.has(socket))
    return unclaimed === undefined ? claimed : yield* ExitStatus.misused(unclaimedMessage(unclaimed))
  })

const find = (
  target: ListenUrl.ListenTarget | ListenUrl.SystemdTarget,
  sockets: Sockets
): Effect.Effect<Arr.NonEmptyReadonlyArray<ListenUrl.ListenTarget>, ExitStatus.Failure> => {
  if (!("socketName" in target)) return Effect.succeed([target])
  const { socketName } = target
  const named = sockets.filter(({ name }) => socketName === "" || name === socketName)
  return Arr.isNonEmptyReadonlyArray(named)
    ? Effect.succeed(Arr.map(named, (socket) => ListenUrl.inherited(socket, target)))
    : ExitStatus.misused(`fd://${socketName}: ${missingMessage(sockets)}`)
}

const unclaimedMessage = (socket: Inherited.InheritedSocket) => {
  const { text } = Inherited.address(socket)
  return (
    `systemd passed the socket ${text}, but no listener uses it; add --listen ${text}, or leave out --listen, ` +
    `--host, ` +
    "--port and --unix"
  )
}

const missingMessage = (sockets: Sockets) =>
  sockets.length === 0
    ? "no socket was passed; start the server through a .socket unit, or with systemd-socket-activate"
    : `no socket was passed under that name, only ${sockets.map(({ name }) => name).join(", ")}; see ` +
      `FileDescriptorName=`
