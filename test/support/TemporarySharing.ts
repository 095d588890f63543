import * as Effect from "effect/Effect"
import type { StoreService } from "../../src/ports/Store.js"
import type { StoreError } from "../../src/ports/StoreError.js"
import type { LoggedChange, StoreChange } from "../../src/ports/StoreSharing.js"

export class Log {
  readonly all: Array<LoggedChange> = []
}

export const sharing = (log: Log, plain: StoreService, server: string): StoreService => {
  const logged = <A>(request: Effect.Effect<A, StoreError>, of: (answer: A) => StoreChange | undefined) =>
    Effect.tap(request, (answer) =>
      Effect.sync(() => {
        const change = of(answer)
        if (change !== undefined) log.all.push({ id: log.all.length + 1, by: server, change })
      })
    )
  const { accounts, rooms } = plain
  return {
    ...plain,
    sharing: {
      server,
      changes: (after) =>
        Effect.sync(() => ({ changes: log.all.slice(after), last: log.all.length, isComplete: true })),
      latest: Effect.sync(() => log.all.length),
      keepsOrder: Effect.succeed(true)
    },
    accounts: {
      ...accounts,
      create: (a) => logged(accounts.create(a), (account) => account && { _tag: "AccountCreated", account }),
      remove: (account) => logged(accounts.remove(account), (r) => r && { _tag: "AccountRemoved", account }),
      free: (account) => logged(accounts.free(account), (r) => (r ? { _tag: "AccountFreed", account } : undefined)),
      setCredential: (account, c, before) =>
        logged(accounts.setCredential(account, c, before), (r) =>
          r && before === undefined ? { _tag: "PasswordChanged", account } : undefined
        ),
      forget: (account, device) =>
        logged(accounts.forget(account, device), (r) => (r ? { _tag: "DeviceForgotten", account, device } : undefined))
    },
    rooms: {
      ...rooms,
      create: (r) => logged(rooms.create(r), (room) => room && { _tag: "RoomCreated", room }),
      end: (room) => logged(rooms.end(room), (r) => (r ? { _tag: "RoomEnded", room } : undefined)),
      change: (room, changes, by) =>
        logged(rooms.change(room, changes, by), (r) => (r ? { _tag: "RoomChanged", room, changes, by } : undefined)),
      join: (room, account) =>
        logged(rooms.join(room, account), (last) =>
          last === undefined ? undefined : { _tag: "RoomJoined", room, account, last }
        ),
      leave: (room, account, by) =>
        logged(
          rooms.leave(room, account, by),
          (r) => r && { _tag: "RoomLeft", room, account, owner: r.owner ?? null, by }
        ),
      invite: (room, account, by) =>
        logged(rooms.invite(room, account, by), (r) => (r ? { _tag: "Invited", room, account, by } : undefined)),
      uninvite: (room, account) =>
        logged(rooms.uninvite(room, account), (r) => (r ? { _tag: "Uninvited", room, account } : undefined))
    }
  }
}
