import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import {
  type AccountId,
  type OpenDeviceOptions,
  type OpenedDevice,
  openingMillis,
  type StoreAccounts,
  type StoredAccount
} from "../ports/StoreAccounts.js"
import type { StoreLimits, Undelivered } from "../ports/StoreUpkeep.js"
import type { Time } from "../ports/Time.js"
import type { MemorySharing } from "./MemorySharing.js"
import { isOwed } from "./LineRecipient.js"
import { type MemoryAccount, type MemoryDevice, isRoomConversation, type MemoryState } from "./MemoryState.js"
import * as MemoryRooms from "./MemoryRooms.js"

interface DeviceOf {
  readonly account: AccountId
  readonly device: string
}

/** The accounts of the store in memory. */
export const make = (
  state: MemoryState,
  limits: () => StoreLimits,
  time: Time,
  sharing?: MemorySharing
): StoreAccounts => {
  const create = (account: { readonly name: string; readonly likeness: string; readonly credential: string }) => {
    for (const { likeness, state: is } of state.accounts.values()) {
      if (likeness === account.likeness && is !== "freed") return undefined
    }
    const added = shown(state.addAccount({ ...account, created: time.wall(), state: "active", devices: new Map() }))
    sharing?.add({ _tag: "AccountCreated", account: added })
    return added
  }

  const forget = (account: MemoryAccount, device: string): boolean => {
    const isForgotten = state.forget(account, device)
    if (isForgotten) sharing?.add({ _tag: "DeviceForgotten", account: account.id, device })
    return isForgotten
  }

  const remove = (id: AccountId): ReadonlyArray<Undelivered> | undefined => {
    const account = state.active(id)
    if (account === undefined) return undefined
    const undelivered = [...state.conversations.values()].flatMap((conversation) => {
      const member = isRoomConversation(conversation) ? undefined : conversation.members.get(id)
      if (member === undefined) return []
      const waiting = conversation.lines.filter(
        (line) => line.seq > member.given && isOwed(conversation.key, line.account, id)
      )
      conversation.members.delete(id)
      state.totals.expired += waiting.length
      return waiting.map((line) => state.undelivered(conversation, line, id, "removed"))
    })
    MemoryRooms.removeAccount(state, id)
    for (const device of account.devices.keys()) state.forget(account, device)
    account.credential = undefined
    account.state = "removed"
    state.drop((kept) => kept.account === id)
    sharing?.add({ _tag: "AccountRemoved", account: id })
    return keepReturns(state, undelivered, time.now(), sharing).toGuests
  }

  const openDevice = (
    id: AccountId,
    name: string,
    { isAway = false, isKnown = false, maxDevices, others = [], present, takeFrom }: OpenDeviceOptions
  ): OpenedDevice => {
    const account = state.active(id)
    if (account === undefined) return { _tag: "TooMany" }
    const known = account.devices.get(name)
    const owner = known?.owner
    if (owner !== undefined && !isAway && owner !== takeFrom && others.includes(owner)) {
      return { _tag: "Elsewhere", owner }
    }
    if (known !== undefined) {
      known.seen = time.wall()
      known.ran = time.now()
      const wasTaken = !isAway && take(account, name, known)
      return { _tag: "Opened", isNew: false, forgotten: undefined, ...(wasTaken ? { wasTaken } : {}) }
    }
    if (isKnown) return { _tag: "Unknown" }
    let forgotten: string | undefined
    if (account.devices.size >= maxDevices) {
      const away = [...account.devices].filter(
        ([device, { owner }]) => !present.includes(device) && (owner === undefined || !others.includes(owner))
      )
      forgotten = away.toSorted(([, one], [, other]) => one.ran - other.ran)[0]?.[0]
      if (forgotten === undefined) return { _tag: "TooMany" }
      forget(account, forgotten)
    }
    const cursors = [...state.conversations.values()].flatMap(({ id: conversation, members }) => {
      const given = members.get(id)?.given ?? 0
      return given > 0 ? [[conversation, given] as const] : []
    })
    const newOwner = isAway ? undefined : sharing?.server
    const [seen, ran] = [time.wall(), time.now()]
    account.devices.set(name, { token: undefined, seen, ran, owner: newOwner, cursors: new Map(cursors) })
    return { _tag: "Opened", isNew: true, forgotten }
  }

  /** Assigns a device to this server. Returns whether it belonged to another server, which is then notified. */
  const take = ({ id }: MemoryAccount, name: string, device: MemoryDevice): boolean => {
    const before = device.owner
    device.owner = sharing?.server
    if (before === undefined || before === device.owner) return false
    sharing?.add({ _tag: "DeviceTaken", account: id, device: name })
    return true
  }

  const setToken = (id: AccountId, name: string, hash: Uint8Array): boolean => {
    const device = state.active(id)?.devices.get(name)
    if (device === undefined) return false
    device.token = Buffer.from(hash).toString("hex")
    return true
  }

  const deviceOfToken = (id: AccountId, hash: Uint8Array): string | undefined => {
    const token = Buffer.from(hash).toString("hex")
    return [...(state.active(id)?.devices ?? [])].find(([, device]) => device.token === token)?.[0]
  }

  const mark = (devices: ReadonlyArray<DeviceOf>): ReadonlyArray<MemoryDevice> =>
    devices.flatMap(({ account, device }) => {
      const known = state.active(account)?.devices.get(device)
      if (known === undefined) return []
      known.seen = time.wall()
      known.ran = time.now()
      return [known]
    })

  const left = (devices: ReadonlyArray<DeviceOf>) => {
    for (const device of mark(devices)) if (device.owner === sharing?.server) device.owner = undefined
  }

  const seen = (
    present: ReadonlyArray<DeviceOf>,
    others: ReadonlyArray<string> | undefined
  ): ReadonlyArray<DeviceOf> => {
    mark(present)
    const now = time.now()
    const oldest = now - Duration.toMillis(limits().keep)
    const isElsewhere = ({ owner }: MemoryDevice) =>
      owner !== undefined && owner !== sharing?.server && others?.includes(owner) !== false
    return [...state.accounts.values()].flatMap((account) =>
      [...account.devices].flatMap(([name, device]) => {
        if (device.owner === sharing?.server && device.ran < now - openingMillis) device.owner = undefined
        if (device.ran >= oldest || isElsewhere(device)) return []
        forget(account, name)
        return [{ account: account.id, device: name }]
      })
    )
  }

  return {
    all: Effect.sync(() => [...state.accounts.values()].filter((account) => account.state !== "freed").map(shown)),
    freed: Effect.sync(() =>
      [...state.accounts.values()].filter(({ state }) => state === "freed").map(({ id, name }) => ({ id, name }))
    ),
    create: (account) => Effect.sync(() => create(account)),
    credential: (id) => Effect.sync(() => state.active(id)?.credential),
    setCredential: (id, credential, before) =>
      Effect.sync(() => {
        const account = state.active(id)
        if (account === undefined || (before !== undefined && account.credential !== before)) return false
        account.credential = credential
        if (before === undefined) sharing?.add({ _tag: "PasswordChanged", account: id })
        return true
      }),
    remove: (id) => Effect.sync(() => remove(id)),
    free: (id) =>
      Effect.sync(() => {
        const account = state.accounts.get(id)
        if (account?.state !== "removed") return false
        account.state = "freed"
        sharing?.add({ _tag: "AccountFreed", account: id })
        return true
      }),
    devices: (id) =>
      Effect.sync(() =>
        [...(state.active(id)?.devices ?? [])].map(([name, { seen, token }]) => ({
          name,
          hasToken: token !== undefined,
          seen
        }))
      ),
    openDevice: (id, name, options) => Effect.sync(() => openDevice(id, name, options)),
    setToken: (id, name, hash) => Effect.sync(() => setToken(id, name, hash)),
    deviceOfToken: (id, hash) => Effect.sync(() => deviceOfToken(id, hash)),
    forget: (id, name) =>
      Effect.sync(() => {
        const account = state.active(id)
        return account !== undefined && forget(account, name)
      }),
    seen: (present, others) => Effect.sync(() => seen(present, others)),
    left: (devices) => Effect.sync(() => left(devices))
  }
}

/** Stores the returns to accounts, and reports those to guests in as few ranges as possible. */
export const keepReturns = (
  state: MemoryState,
  undelivered: ReadonlyArray<Undelivered>,
  ran: number,
  sharing: MemorySharing | undefined
) => {
  const pieces = new Map<string, Undelivered>()
  const toGuests: Array<Undelivered> = []
  const senders = new Set<AccountId>()
  for (const line of undelivered) {
    const piece = `${line.conversation} ${line.account ?? 0}`
    const known = pieces.get(piece)
    pieces.set(piece, known === undefined ? line : { ...known, last: line.last, count: known.count + line.count })
  }
  for (const piece of pieces.values()) {
    const { account } = piece
    if (account === undefined) toGuests.push(piece)
    else if (state.active(account) !== undefined) {
      state.addReturn({ ...piece, account }, ran)
      senders.add(account)
    } else state.totals.dead += piece.count
  }
  sharing?.addReturns([...pieces.values()])
  return { toGuests, senders: [...senders] }
}

const shown = ({ created, id, likeness, name, state }: MemoryAccount): StoredAccount => ({
  id,
  name,
  likeness,
  created,
  isRemoved: state === "removed"
})
