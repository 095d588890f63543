import * as Effect from "effect/Effect"
import { isLoopback } from "../ports/Transport.js"
import type { Answer, Call, Command } from "../chat/Commands.js"
import { subscriber } from "../chat/HostLimits.js"
import * as LoginLine from "../protocol/LoginLine.js"
import * as Name from "../protocol/Name.js"
import * as Reply from "../protocol/Reply.js"
import * as Wire from "../protocol/Wire.js"
import { KnownAccount } from "./AccountIndex.js"
import { type AccountsContext, presentDevices, retryStoreMillis } from "./AccountsContext.js"
import { answerNow, refusing, unlessStoreFails } from "./CommandAnswers.js"
import * as AccountChanges from "./AccountChanges.js"
import * as Credentials from "./Credentials.js"
import { ProvenDevice } from "./ProvenDevice.js"

interface Row extends Omit<Command, "run" | "needsLogin"> {
  readonly run: (call: Call, accounts: AccountsContext) => Answer | Effect.Effect<Answer>
}

const register: Row = {
  name: "register",
  usage: "/register PASSWORD",
  about: "turns your name into an account: from then on nobody else can log in with it",
  run: ({ argument, label, peer }, accounts) => {
    const { registrations, settings, verification } = accounts
    const refuse = refusing("register", label)
    const { limitLoopback, mode } = settings.current
    if (peer.device !== undefined) return refuse("policy", { text: "this name already has an account" })
    if (mode === "off") return refuse("policy", { text: "this server has no accounts" })
    if (mode !== "open") return refuse("policy", { text: "only the server's operator creates accounts" })
    const secret = newPassword(argument, peer.socket.isPrivate, accounts)
    if (secret._tag === "Refused") return refuse("policy", { text: secret.why })
    const { host } = peer.socket
    const isLimited = host !== "" && (limitLoopback || !isLoopback(host))
    const retryMillis = isLimited ? registrations.take(host) : 0
    if (retryMillis > 0) return refuse("limit", { retryMillis, text: "too many new accounts from your address" })
    const giveBack = Effect.sync(() => (isLimited ? registrations.putBack(host) : undefined))
    const { name } = peer
    return Effect.gen(function* () {
      const credential = yield* verification.hash(subscriber(host), secret.password)
      if (credential === undefined) {
        yield* giveBack
        return refuse("limit", { retryMillis: retryStoreMillis, text: "too many logins with passwords at once" })
      }
      const account = yield* AccountChanges.create(accounts, name, credential, peer)
      if (account instanceof KnownAccount) {
        const { likeness } = account
        verification.wasChosen({ account: likeness, address: subscriber(host), password: secret.password })
        return [Reply.registered(name, label)]
      }
      yield* giveBack
      return refuse("looks-like", { like: account.taken })
    }).pipe(
      Effect.tapError(() => giveBack),
      unlessStoreFails("register", label)
    )
  }
}

const password: Row = {
  name: "password",
  usage: "/password NEW",
  about: "changes your password, and logs your other devices out",
  run: ({ argument, label, peer }, accounts) => {
    const { store, verification } = accounts
    const refuse = refusing("password", label)
    const device = ownDevice(peer.device)
    if (device === undefined) return refuse("guest")
    if (device.proof !== "password") return refuse("token")
    const secret = newPassword(argument, peer.socket.isPrivate, accounts)
    if (secret._tag === "Refused") return refuse("policy", { text: secret.why })
    const { account } = device
    return Effect.gen(function* () {
      const credential = yield* verification.hash(subscriber(peer.socket.host), secret.password)
      if (credential === undefined) {
        return refuse("limit", { retryMillis: retryStoreMillis, text: "too many logins with passwords at once" })
      }
      if (!(yield* AccountChanges.setPassword(accounts, account, credential, peer))) return refuse("unavailable")
      const all = yield* store.accounts.devices(account.id)
      return [Reply.passwordChanged(all.filter(({ hasToken }) => hasToken).length, label)]
    }).pipe(unlessStoreFails("password", label))
  }
}

const token: Row = {
  name: "token",
  usage: "/token DEVICE",
  about: "shows a secret with which this device of yours can log in, in place of the one before",
  run: ({ argument, label, peer }, accounts) => {
    const { store } = accounts
    const refuse = refusing("token", label)
    const device = ownDevice(peer.device)
    if (device === undefined) return refuse("guest")
    if (device.proof !== "password") return refuse("token")
    if (!LoginLine.isDevice(argument)) return [badDevice("token", label)]
    const { account } = device
    return Effect.gen(function* () {
      const opened = yield* AccountChanges.openDevice(accounts, account, argument, { isAway: true })
      if (opened._tag === "TooMany") return refuse("limit", { text: "too many devices; /forget one of them" })
      const secret = Credentials.makeToken()
      const isSet = yield* store.accounts.setToken(account.id, argument, Credentials.tokenHash(secret))
      return isSet ? [Reply.token(argument, secret, label)] : refuse("unavailable", { retryMillis: retryStoreMillis })
    }).pipe(unlessStoreFails("token", label))
  }
}

const devices: Row = {
  name: "devices",
  usage: "/devices",
  about: "lists your devices",
  run: ({ label, peer }, { broker, devicesElsewhere, store }) => {
    const device = ownDevice(peer.device)
    if (device === undefined) return refusing("devices", label)("guest")
    const { account } = device
    return Effect.map(store.accounts.devices(account.id), (stored) => {
      const present = new Set([...presentDevices(broker(), account), ...devicesElsewhere.namesOf(account.id)])
      const now = broker().time.wall()
      const all = stored.map(({ hasToken, name, seen }) => {
        const isHere = present.has(name)
        return { name, hasToken, isHere, seen: Math.round(isHere ? now : seen) }
      })
      return Reply.devices(all, label)
    }).pipe(unlessStoreFails("devices", label))
  }
}

const forget: Row = {
  name: "forget",
  usage: "/forget DEVICE",
  about: "forgets a device of yours, with its token, and logs it out; a token is enough for its own device",
  run: ({ argument, label, peer }, accounts) => {
    const refuse = refusing("forget", label)
    const device = ownDevice(peer.device)
    if (device === undefined) return refuse("guest")
    const isOwn = argument === device.name
    if (!isOwn && device.proof !== "password") return refuse("token")
    if (!LoginLine.isDevice(argument)) return [badDevice("forget", label)]
    const reply = [Reply.forgot(argument, label)]
    // Replies before the logout: the end of the connection would return a later reply.
    const before = isOwn ? accounts.broker().inTurn(() => void answerNow(accounts.broker(), peer, reply)) : Effect.void
    return AccountChanges.forget(accounts, device.account, argument, before).pipe(
      Effect.as(isOwn ? [] : reply),
      unlessStoreFails("forget", label)
    )
  }
}

/** The default number of recipients that a line may have. */
const maxNamesAsked = 1_000

const accountsNamed: Row = {
  name: "accounts",
  usage: "/accounts NAME, NAME",
  about: "lists those of these names that belong to accounts",
  run: ({ argument, label, peer }, { index }) => {
    // Guests could probe many names at once. A login reveals only one.
    if (peer.device === undefined) return refusing("accounts", label)("guest")
    const names = new Set(argument.split(",", maxNamesAsked + 1).map((name) => Name.normalise(Wire.trim(name))))
    if (names.size > maxNamesAsked) return refusing("accounts", label)("limit", { text: "too many names" })
    return Reply.accounts(
      [...names].filter((name) => index.named(name)?.isRemoved === false),
      label
    )
  }
}

/** The commands of accounts (protocol, section 9). */
export const rows: ReadonlyArray<Row> = [register, password, token, devices, forget, accountsNamed]

export const make = (accounts: AccountsContext): ReadonlyArray<Command> =>
  rows.map(({ run, ...row }) => ({ ...row, needsLogin: true, run: (call) => run(call, accounts) }))

const ownDevice = (device: unknown): ProvenDevice | undefined => (device instanceof ProvenDevice ? device : undefined)

const badDevice = (command: string, label: string | undefined) =>
  Reply.badLine(`write '/${command} DEVICE'; a device has 1 to 32 letters, digits, '_', '-' or '.'`)(label)

type NewPassword =
  { readonly _tag: "Password"; readonly password: string } | { readonly _tag: "Refused"; readonly why: string }

/** The password in the argument of a command, or the reason why it is refused. */
const newPassword = (argument: string, isPrivate: boolean | undefined, { settings }: AccountsContext): NewPassword => {
  if (isPrivate !== true && !settings.current.takesReadableSecrets) {
    return { _tag: "Refused", why: "others could read this connection; use TLS, and another password" }
  }
  const password = Credentials.parsePassword(Wire.decode(argument))
  return password === undefined ? { _tag: "Refused", why: Credentials.passwordRule } : { _tag: "Password", password }
}
